"""Pods that run already: what may not be overridden stays, the rest of them is as free as ever.

The operator is stopped. One Pod comes of a workload that was admitted before; the others are made with the label and
the annotation that admission writes.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import builders
from cluster import Cluster
from cluster.rest import Reply, Rest
from cluster.waiting import until
from environment_operator.api import names
from kube import Operator
from people import DRY_RUN, ENVIRONMENTS, NAMESPACES, Object, refusal, refuses, sent, unique
from people import project as new_project

pytestmark = pytest.mark.usefixtures("operator_down")

ENVIRONMENT = "jupyter"
LABEL, GUARDED = names.INJECTED_FROM, names.GUARDED
PLAIN: Object = {}
UNREADABLE = [
    "",
    "main",
    ";Image",
    "main;image",
    "main;Tools",
    "main;Image;User",
    "main;Image,",
    "main; Image",
    "x" * 1000,
]


@pytest.fixture(scope="module", autouse=True)
def made(rest: Rest, operator: Operator) -> str:  # noqa: ARG001 - it runs
    """Return the URL path of a Pod that a controller has made, while the operator was there, of a workload."""
    name, project = unique("env"), new_project(rest)
    user, security = {"source": "Custom", "uid": 1000}, {"allowPrivilegeEscalation": False}
    sent(rest.create(ENVIRONMENTS, builders.manifest(name, user=user, security=security)))
    deployment = builders.workload("Deployment", "made", project, name)
    deployment["spec"]["template"]["spec"]["containers"] = [{"name": "main"}, {"name": "sidecar", "image": "b:1"}]
    sent(rest.create(f"/apis/apps/v1/namespaces/{project}/deployments", deployment))
    path = f"{NAMESPACES}/{project}/pods"
    until("the Pod", lambda: bool(sent(rest.get(path))["items"]))
    return f"{path}/{sent(rest.get(path))['items'][0]['metadata']['name']}"


@pytest.fixture(scope="module")
def pods(rest: Rest) -> str:
    """Return the URL path of the Pods of a new project."""
    return f"{NAMESPACES}/{new_project(rest)}/pods"


def run(rest: Rest, pods: str, guarded: str | None, security: Object = PLAIN, pod_security: Object = PLAIN) -> str:
    """Return the URL path of a new Pod with the annotation, and security contexts of main container and Pod."""
    annotations = {} if guarded is None else {"annotations": {GUARDED: guarded}}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": unique("pod"), "labels": {LABEL: ENVIRONMENT}, **annotations},
        "spec": {
            "securityContext": pod_security,
            "initContainers": [{"name": "native", "image": "proxy:1", "restartPolicy": "Always"}],
            "containers": [
                {"name": "sidecar", "image": "sidecar:1"},
                {"name": "main", "image": "main:1", "securityContext": security},
            ],
        },
    }
    name: str = sent(rest.create(pods, body))["metadata"]["name"]
    return f"{pods}/{name}"


def place_of(path: str) -> tuple[str, str]:
    """Return namespace and name of a Pod by its path."""
    _, _, _, _, namespace, _, name = path.split("/")
    return namespace, name


def image_of(rest: Rest, path: str, container: str) -> str:
    """Return the stored image of a container."""
    spec = sent(rest.get(path))["spec"]
    every = [*spec["containers"], *spec["initContainers"]]
    found: str = next(c["image"] for c in every if c["name"] == container)
    return found


def attach(rest: Rest, path: str, **fields: Any) -> Reply:
    """Add an ephemeral container."""
    return rest.patch(f"{path}/ephemeralcontainers", _with_debugger(fields), "strategic")


def _with_debugger(fields: Object) -> Object:
    """Return the patch that adds an ephemeral container."""
    return {"spec": {"ephemeralContainers": [{"name": unique("debug"), "image": "busybox", **fields}]}}


# How an image is changed, each way that there is.
def _merge(rest: Rest, path: str, container: str) -> Reply:
    """Send the whole list of containers."""
    listed = sent(rest.get(path))["spec"]["containers"]
    return rest.patch(path, {"spec": {"containers": [_other(c) if c["name"] == container else c for c in listed]}})


def _json(rest: Rest, path: str, container: str) -> Reply:
    """Change one field by its place."""
    place = [c["name"] for c in sent(rest.get(path))["spec"]["containers"]].index(container)
    return rest.patch(path, [{"op": "replace", "path": f"/spec/containers/{place}/image", "value": "other:1"}], "json")


def _strategic(rest: Rest, path: str, container: str) -> Reply:
    """Change one field by the container's name."""
    return rest.patch(path, {"spec": {"containers": [{"name": container, "image": "other:1"}]}}, "strategic")


def _apply(rest: Rest, path: str, container: str) -> Reply:
    """Take the field over with server-side apply."""
    head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": place_of(path)[1]}}
    body = {**head, "spec": {"containers": [{"name": container, "image": "other:1"}]}}
    return rest.patch(f"{path}?fieldManager=x&force=true", body, "apply")


def _replace(rest: Rest, path: str, container: str) -> Reply:
    """Send the whole Pod."""
    pod = sent(rest.get(path))
    pod["spec"]["containers"] = [_other(c) if c["name"] == container else c for c in pod["spec"]["containers"]]
    return rest.replace(path, pod)


def _other(container: Object) -> Object:
    """Return a container with another image."""
    return {**container, "image": "other:1"}


WAYS = {"merge": _merge, "json": _json, "strategic": _strategic, "apply": _apply, "replace": _replace}


def test_of_a_workload(rest: Rest, made: str) -> None:
    """What is made of an admitted workload is guarded: its image, its user, its rights and what says so."""
    refused = {
        "spec.containers[0].image": _strategic(rest, made, "main"),
        "securityContext.privileged is true": attach(rest, made, securityContext={"privileged": True}),
        "securityContext.allowPrivilegeEscalation is true, but false": attach(
            rest, made, securityContext={"allowPrivilegeEscalation": True}
        ),
        "securityContext.runAsUser is 0, but 1000": attach(rest, made, securityContext={"runAsUser": 0}),
        f"metadata.labels[{LABEL}]": rest.patch(made, _marks(label=None)),
        f"metadata.annotations[{GUARDED}]": rest.patch(made, _marks(annotation="main;")),
    }

    assert [True] * 6 == [refuses(answer, words) for words, answer in refused.items()], refused
    assert None is refusal(_strategic(rest, made, "sidecar"))
    assert None is refusal(attach(rest, made, securityContext={"runAsUser": 1000}))


class TestImage:
    """A guarded image of the main container stays."""

    @pytest.mark.parametrize("way", WAYS)
    def test_main(self, rest: Rest, pods: str, way: str) -> None:
        """It is not changed by any request; the refusal names the path, both images and the way out."""
        path = run(rest, pods, "main;Image,User")

        answer = WAYS[way](rest, path, "main")

        assert refuses(answer, 'spec.containers[1].image is "main:1" and cannot become "other:1"'), answer
        assert (
            f'Environment "{ENVIRONMENT}" does not allow Image to be overridden. '
            "Change spec.image or spec.overridable there" in answer.message
        )
        assert "main:1" == image_of(rest, path, "main")

    @pytest.mark.parametrize("way", WAYS)
    def test_sidecar(self, rest: Rest, pods: str, way: str) -> None:
        """That of a sidecar is free, as meshes and mirrors need it."""
        path = run(rest, pods, "main;Image,User")

        assert None is refusal(WAYS[way](rest, path, "sidecar"))
        assert "other:1" == image_of(rest, path, "sidecar")

    def test_native_sidecar(self, rest: Rest, pods: str) -> None:
        """That of a sidecar among the init containers is free, too."""
        path = run(rest, pods, "main;Image")
        change = {"spec": {"initContainers": [{"name": "native", "image": "other:1"}]}}

        assert None is refusal(rest.patch(path, change, "strategic"))
        assert "other:1" == image_of(rest, path, "native")

    @pytest.mark.parametrize("guarded", [None, "main;", "main;User", "main;Command,Args,Env,WorkingDir,User,Security"])
    def test_not_guarded(self, rest: Rest, pods: str, guarded: str) -> None:
        """An image that is not guarded can be changed."""
        assert None is refusal(_strategic(rest, run(rest, pods, guarded), "main"))

    def test_both(self, rest: Rest, pods: str) -> None:
        """A change of both is refused for the main one."""
        change = {"spec": {"containers": [{"name": name, "image": "other:1"} for name in ("sidecar", "main")]}}

        answer = rest.patch(run(rest, pods, "main;Image"), change, "strategic")

        assert refuses(answer, "spec.containers[1].image"), answer

    def test_kubectl(self, cluster: Cluster, rest: Rest, pods: str) -> None:
        """``kubectl set image`` and a forced ``kubectl apply`` are refused for the main one alone."""
        path = run(rest, pods, "main;Image")
        namespace, name = place_of(path)
        image = ("set", "image", f"pod/{name}", f"--namespace={namespace}")
        container = {"name": "main", "image": "other:2"}
        head = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}}
        text = yaml.safe_dump({**head, "spec": {"containers": [container]}})
        apply = ("apply", "--server-side", "--force-conflicts", "-f", "-")

        assert "cannot become" in (refusal(cluster.kubectl(*image, "main=other:2", check=False)) or "")
        assert "cannot become" in (refusal(cluster.kubectl(*apply, input=text, check=False)) or "")
        assert None is refusal(cluster.kubectl(*image, "sidecar=other:2", check=False))

    def test_unlabelled(self, rest: Rest, pods: str) -> None:
        """A Pod without the label is free, with any annotations."""
        pod = {
            "metadata": {"name": unique("pod"), "annotations": {GUARDED: "main;Image"}},
            "spec": {"containers": [{"name": "main", "image": "main:1"}]},
        }
        path = f"{pods}/{sent(rest.create(pods, pod))['metadata']['name']}"

        assert None is refusal(_strategic(rest, path, "main"))


def _marks(**values: str | None) -> Object:
    """Return the patch that sets label and annotation."""
    keys = {"label": ("labels", LABEL), "annotation": ("annotations", GUARDED)}
    return {"metadata": {keys[mark][0]: {keys[mark][1]: value} for mark, value in values.items()}}


MARKS: dict[str, tuple[Object, str]] = {
    "label removed": (_marks(label=None), f'metadata.labels[{LABEL}] is "jupyter" and cannot be removed'),
    "label changed": (_marks(label="x"), f'metadata.labels[{LABEL}] is "jupyter" and cannot become "x"'),
    "annotation removed": (
        _marks(annotation=None),
        f'metadata.annotations[{GUARDED}] is "main;Image" and cannot be removed',
    ),
    "annotation changed": (
        _marks(annotation="main;"),
        f'metadata.annotations[{GUARDED}] is "main;Image" and cannot become "main;"',
    ),
    "both removed": (_marks(label=None, annotation=None), "cannot be removed"),
}


class TestMarks:
    """What says how a Pod is guarded stays."""

    @pytest.mark.parametrize("subresource", ["", "/status"])
    @pytest.mark.parametrize("kind", ["merge", "strategic"])
    @pytest.mark.parametrize("what", MARKS)
    def test_kept(self, rest: Rest, pods: str, what: str, kind: str, subresource: str) -> None:
        """Neither label nor annotation is changed or removed, through the Pod or its status."""
        path, (change, expected) = run(rest, pods, "main;Image"), MARKS[what]

        answer = rest.patch(f"{path}{subresource}", change, kind)

        assert refuses(answer, expected), answer
        assert (
            "it records what was injected. Delete the Pod, so that its controller creates it again." in answer.message
        )

    def test_json(self, rest: Rest, pods: str) -> None:
        """A JSON patch does not remove them."""
        removal = [{"op": "remove", "path": f"/metadata/labels/{LABEL.replace('/', '~1')}"}]

        assert refuses(rest.patch(run(rest, pods, "main;Image"), removal, "json"), "cannot be removed")

    def test_applied_away(self, rest: Rest, pods: str) -> None:
        """Server-side apply does not give up a label that it has added."""
        head = {"apiVersion": "v1", "kind": "Pod"}
        spec = {"containers": [{"name": "main", "image": "main:1"}]}
        meta: Object = {"name": unique("pod"), "annotations": {GUARDED: "main;Image"}}
        path = f"{pods}/{meta['name']}?fieldManager=x&force=true"
        first = {**head, "metadata": {**meta, "labels": {LABEL: ENVIRONMENT}}, "spec": spec}
        sent(rest.patch(path, first, "apply"))

        answer = rest.patch(path, {**head, "metadata": meta, "spec": spec}, "apply")

        assert refuses(answer, f'metadata.labels[{LABEL}] is "jupyter" and cannot be removed'), answer

    def test_replaced_away(self, rest: Rest, pods: str) -> None:
        """A whole Pod without them does not replace one that has them."""
        path = run(rest, pods, "main;Image")
        pod = sent(rest.get(path))
        del pod["metadata"]["labels"], pod["metadata"]["annotations"]

        assert refuses(rest.replace(path, pod), "cannot be removed")

    @pytest.mark.parametrize("subresource", ["ephemeralcontainers", "resize"])
    def test_other_ways(self, rest: Rest, pods: str, subresource: str) -> None:
        """The other ways to write a Pod leave its metadata alone, as the policies take for granted."""
        path = run(rest, pods, "main;Image")

        rest.patch(f"{path}/{subresource}", _marks(label=None, annotation=None))

        metadata = sent(rest.get(path))["metadata"]
        assert (ENVIRONMENT, "main;Image") == (metadata["labels"][LABEL], metadata["annotations"][GUARDED])

    @pytest.mark.parametrize("way", ["pods/{}/binding", "bindings"])
    @pytest.mark.parametrize("brings", [{"annotations": {GUARDED: "main;"}}, {"labels": {LABEL: "other"}}])
    def test_with_the_binding(self, rest: Rest, pods: str, brings: Object, way: str) -> None:
        """Who may bind a Pod to a node, as schedulers may, does not write them; bound it is without them."""
        path = run(rest, pods, "main;Image")
        name, namespace = path.rpartition("/")[2], pods.removesuffix("/pods")
        target = {"apiVersion": "v1", "kind": "Node", "name": "node"}
        bound = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, **brings}, "target": target}

        answer = rest.create(f"{namespace}/{way.format(name)}", bound)

        assert refuses(answer, 'labels and annotations of "environments.dev" cannot come with a Binding'), answer
        sent(rest.create(f"{path}/binding", {**bound, "metadata": {"name": name, "annotations": {"own": "1"}}}))
        stored = sent(rest.get(path))
        assert ("node", "main;Image", ENVIRONMENT) == (
            stored["spec"]["nodeName"],
            stored["metadata"]["annotations"][GUARDED],
            stored["metadata"]["labels"][LABEL],
        )

    def test_label_first_image_next(self, rest: Rest, pods: str) -> None:
        """The label is not taken away first, to change the image afterwards; nor both at once."""
        path = run(rest, pods, "main;Image")
        image = {"spec": {"containers": [{"name": "main", "image": "other:1"}]}}
        steps = (_marks(label=None), image, {**_marks(label=None, annotation=None), **image})

        answers = [rest.patch(path, step, "strategic") for step in steps]

        assert [False] * 3 == [answer.ok for answer in answers]
        assert "main:1" == image_of(rest, path, "main")

    def test_annotation_is_added(self, rest: Rest, pods: str) -> None:
        """A Pod without the annotation is free; with it, it is as restricted as any."""
        path = run(rest, pods, None)

        assert None is refusal(rest.patch(path, _marks(annotation="main;Image")))
        assert refuses(_strategic(rest, path, "main"), "spec.containers[1].image")

    @pytest.mark.parametrize(
        "marks", [_marks(label="x"), _marks(annotation="x"), _marks(label="x", annotation="main;Image")]
    )
    def test_added_to_a_free_pod(self, rest: Rest, pods: str, marks: Object) -> None:
        """To a Pod without the label anything may be added."""
        pod = {"metadata": {"name": unique("pod")}, "spec": {"containers": [{"name": "main", "image": "main:1"}]}}
        path = f"{pods}/{sent(rest.create(pods, pod))['metadata']['name']}"

        assert None is refusal(rest.patch(path, marks))


class TestRest:
    """What is not guarded is as free as ever, however the annotation reads."""

    @pytest.mark.parametrize("guarded", [None, "main;Image,User,Security", "other;Image", *UNREADABLE])
    def test_passes(self, rest: Rest, pods: str, guarded: str | None) -> None:
        """Labels, annotations, finalizers, status, deadline, tolerations, resources, debugging and deletion go on."""
        path = run(rest, pods, guarded)
        toleration = {"key": "a", "operator": "Exists", "effect": "NoSchedule"}
        limits = {"name": "main", "resources": {"requests": {"cpu": "1"}}}
        answers = [
            rest.patch(path, {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}),
            rest.patch(path, {"metadata": {"finalizers": ["example.org/x"]}}),
            rest.patch(path, {"metadata": {"finalizers": None}}),
            rest.patch(f"{path}/status", {"status": {"phase": "Running"}}),
            rest.patch(path, {"spec": {"activeDeadlineSeconds": 100}}),
            rest.patch(path, [{"op": "add", "path": "/spec/tolerations/-", "value": toleration}], "json"),
            rest.patch(f"{path}/resize{DRY_RUN}", {"spec": {"containers": [limits]}}, "strategic"),
            rest.patch(path, {"spec": {"initContainers": [{"name": "native", "image": "other:1"}]}}, "strategic"),
            attach(rest, path),
            rest.delete(f"{path}{DRY_RUN}"),
        ]

        # The class of service of a Pod cannot change, so the API server itself refuses this one.
        resized = answers.pop(6)
        assert resized.ok or "QOS" in resized.message
        assert [None] * 9 == [refusal(answer) for answer in answers]

    @pytest.mark.parametrize("container", ["main", "sidecar"])
    @pytest.mark.parametrize("guarded", ["other;Image", "Main;Image,User", *UNREADABLE])
    def test_unreadable_image(self, rest: Rest, pods: str, guarded: str, container: str) -> None:
        """Where it cannot be read which container is the main one, no image changes."""
        answer = _strategic(rest, run(rest, pods, guarded), container)

        assert refuses(answer, f'names no container of the Pod that Environment "{ENVIRONMENT}" injected'), answer
        assert "Delete the Pod, so that its controller creates it again." in answer.message

    @pytest.mark.parametrize("context", [{"privileged": True}, {"runAsUser": 0}], ids=str)
    @pytest.mark.parametrize("guarded", UNREADABLE)
    def test_unreadable_rights(self, rest: Rest, pods: str, guarded: str, context: Object) -> None:
        """Where it cannot be read what is guarded, everything is."""
        answer = attach(rest, run(rest, pods, guarded), securityContext=context)

        assert refuses(answer, f"metadata.annotations[{GUARDED}] cannot be read"), answer

    def test_container_that_is_not_there(self, rest: Rest, pods: str) -> None:
        """Where a controller has renamed the main container, the fields are guarded as they are named."""
        path = run(rest, pods, "model;Image,Security", {"privileged": True}, {"runAsUser": 1000})
        privileged = attach(rest, path, securityContext={"privileged": True})

        assert refuses(privileged, "securityContext.privileged is true, but unset in the Pod"), privileged
        assert None is refusal(attach(rest, path, securityContext={"runAsUser": 0}))

    def test_large(self, rest: Rest, pods: str) -> None:
        """A Pod of three hundred containers and an absurd annotation costs no more than the API server grants."""
        containers = [{"name": f"c{n}", "image": f"image:{n}"} for n in range(300)]
        meta = {"name": unique("pod"), "labels": {LABEL: "x"}, "annotations": {GUARDED: ";" * 200_000}}
        sent(rest.create(pods, {"metadata": meta, "spec": {"containers": containers}}))
        path = f"{pods}/{meta['name']}"

        assert None is refusal(rest.patch(path, {"metadata": {"labels": {"a": "b"}}}))
        assert refuses(_strategic(rest, path, "c299"), "names no container of the Pod")
        assert None is refusal(attach(rest, path))
        assert refuses(attach(rest, path, securityContext={"privileged": True}), "privileged is true")


SECCOMP, LOCALHOST = {"type": "RuntimeDefault"}, {"type": "Localhost", "localhostProfile": "x.json"}
UNCONFINED = {"type": "Unconfined"}
ADDS: Callable[..., Object] = lambda *names: {"capabilities": {"add": list(names)}}  # noqa: E731
# What the main container has, what the Pod has, what the added container sets, and the key that it is refused for.
RIGHTS: list[tuple[Object, Object, Object, str | None]] = [
    ({}, {}, {}, None),
    ({}, {}, {"privileged": True}, "privileged"),
    ({}, {}, {"privileged": False}, None),
    ({"privileged": True}, {}, {"privileged": True}, None),
    ({}, {}, {"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation"),
    ({"allowPrivilegeEscalation": False}, {}, {"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation"),
    ({}, {}, {"allowPrivilegeEscalation": False}, None),
    ({"allowPrivilegeEscalation": True}, {}, {"allowPrivilegeEscalation": True}, None),
    ({}, {}, ADDS("SYS_PTRACE"), "capabilities"),
    (ADDS("NET_ADMIN"), {}, ADDS("SYS_PTRACE"), "capabilities"),
    (ADDS("NET_ADMIN"), {}, ADDS("NET_ADMIN", "SYS_PTRACE"), "capabilities"),
    (ADDS("NET_ADMIN", "SYS_PTRACE"), {}, ADDS("SYS_PTRACE"), None),
    ({}, {}, {"capabilities": {"drop": ["ALL"]}}, None),
    ({}, {}, {"seccompProfile": UNCONFINED}, "seccompProfile"),
    ({}, {}, {"seccompProfile": SECCOMP}, None),
    ({}, {}, {"seccompProfile": LOCALHOST}, "seccompProfile"),
    ({"seccompProfile": LOCALHOST}, {}, {"seccompProfile": LOCALHOST}, None),
    ({"seccompProfile": LOCALHOST}, {}, {"seccompProfile": SECCOMP}, None),
    ({"seccompProfile": LOCALHOST}, {}, {"seccompProfile": {**LOCALHOST, "localhostProfile": "y"}}, "seccompProfile"),
    ({}, {"seccompProfile": UNCONFINED}, {"seccompProfile": UNCONFINED}, None),
    ({"seccompProfile": SECCOMP}, {"seccompProfile": UNCONFINED}, {"seccompProfile": UNCONFINED}, "seccompProfile"),
    ({}, {}, {"appArmorProfile": UNCONFINED}, "appArmorProfile"),
    ({}, {}, {"appArmorProfile": SECCOMP}, None),
    ({}, {"appArmorProfile": LOCALHOST}, {"appArmorProfile": LOCALHOST}, None),
    ({}, {}, {"procMount": "Default"}, None),
    ({}, {}, {"runAsNonRoot": False}, "runAsNonRoot"),
    ({}, {"runAsNonRoot": True}, {"runAsNonRoot": False}, "runAsNonRoot"),
    ({}, {"runAsNonRoot": False}, {"runAsNonRoot": False}, None),
    ({}, {}, {"runAsNonRoot": True}, None),
    ({"readOnlyRootFilesystem": True}, {}, {"readOnlyRootFilesystem": False}, "readOnlyRootFilesystem"),
    ({}, {}, {"readOnlyRootFilesystem": True}, None),
    ({}, {}, {"seLinuxOptions": {"level": "s0"}}, "seLinuxOptions"),
    ({}, {"seLinuxOptions": {"level": "s0"}}, {"seLinuxOptions": {"level": "s0"}}, None),
    ({"seLinuxOptions": {"level": "s0"}}, {}, {"seLinuxOptions": {"level": "s1"}}, "seLinuxOptions"),
    ({}, {}, {"windowsOptions": {"runAsUserName": "x"}}, "windowsOptions"),
    ({}, {}, {"runAsUser": 0, "runAsGroup": 0}, None),
]
USERS: list[tuple[Object, Object, Object, str | None]] = [
    ({}, {}, {}, None),
    ({}, {}, {"runAsUser": 0}, "runAsUser"),
    ({}, {"runAsUser": 1000}, {"runAsUser": 1000}, None),
    ({}, {"runAsUser": 1000}, {"runAsUser": 0}, "runAsUser"),
    ({}, {"runAsUser": 1000}, {}, None),
    ({"runAsUser": 2000}, {"runAsUser": 1000}, {"runAsUser": 2000}, None),
    ({"runAsUser": 2000}, {"runAsUser": 1000}, {"runAsUser": 1000}, "runAsUser"),
    ({}, {"runAsUser": 1000}, {"runAsUser": 1000, "runAsGroup": 0}, "runAsGroup"),
    ({}, {"runAsGroup": 100}, {"runAsGroup": 100}, None),
    ({}, {}, {"privileged": True}, None),
]


Case = tuple[Object, Object, Object, str | None]


def _said(value: object) -> str:
    """Return a value as the API server's expressions print it, but for blanks."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)


class TestDebugging:
    """An ephemeral container has no more rights than the main one, and no other user."""

    @pytest.mark.parametrize(
        ("field", "case"), [*(("Security", case) for case in RIGHTS), *(("User", case) for case in USERS)], ids=str
    )
    def test_guarded(self, rest: Rest, pods: str, field: str, case: Case) -> None:
        """What exceeds the main container is refused with path and both values, for the field that it belongs to."""
        main, pod, added, key = case

        answer = attach(rest, run(rest, pods, f"main;{field}", main, pod), securityContext=added)

        if key is None:
            assert None is refusal(answer)
            return
        expected = (
            f".securityContext.{key} is {_said(added[key])}, but {_said(main.get(key, pod.get(key, 'unset')))} in "
            f'container "main": Environment "{ENVIRONMENT}" does not allow {field} to be overridden. '
        )
        assert (403, "Forbidden") == (answer.status, answer.body["reason"])
        assert expected.replace(", ", ",") in answer.message.replace(", ", ",")

    @pytest.mark.parametrize("case", [case for case in (*RIGHTS, *USERS) if case[-1]], ids=str)
    def test_not_guarded(self, rest: Rest, pods: str, case: Case) -> None:
        """Where both may be overridden, all that the API server accepts passes."""
        main, pod, added, _ = case

        assert None is refusal(attach(rest, run(rest, pods, "main;Image", main, pod), securityContext=added))

    @pytest.mark.parametrize(
        ("profile", "key"),
        [
            ("", "capabilities"),
            ("general", "capabilities"),
            ("baseline", None),
            ("restricted", None),
            ("netadmin", "capabilities"),
            ("sysadmin", "privileged"),
        ],
    )
    def test_kubectl(self, cluster: Cluster, rest: Rest, pods: str, profile: str, key: str | None) -> None:
        """``kubectl debug`` works with the profiles that the refusal of the others names."""
        namespace, name = place_of(run(rest, pods, "main;Image,User,Security"))
        chosen = [f"--profile={profile}"] if profile else []

        done = cluster.kubectl("debug", name, f"--namespace={namespace}", "--image=busybox", *chosen, check=False)

        if key is None:
            assert None is refusal(done)
        else:
            assert refuses(done, f".securityContext.{key} is "), done.stderr
            assert "Use kubectl debug with --profile=baseline or --profile=restricted" in done.stderr

    @pytest.mark.parametrize("profile", ["general", "netadmin", "sysadmin"])
    def test_kubectl_where_it_is_free(self, cluster: Cluster, rest: Rest, pods: str, profile: str) -> None:
        """Where Security is not guarded every profile works."""
        namespace, name = place_of(run(rest, pods, "main;Image,User"))

        cluster.kubectl("debug", name, f"--namespace={namespace}", "--image=busybox", f"--profile={profile}")

    def test_kubectl_with_a_user(self, cluster: Cluster, rest: Rest, pods: str, tmp_path: Path) -> None:
        """A user of one's own is refused, and the refusal says what to do."""
        namespace, name = place_of(run(rest, pods, "main;User", pod_security={"runAsUser": 1000}))
        custom = tmp_path / "custom.json"
        custom.write_text(json.dumps({"securityContext": {"runAsUser": 0}}))
        debug = ("debug", name, f"--namespace={namespace}", "--image=busybox", f"--custom={custom}")

        done = cluster.kubectl(*debug, check=False)

        assert refuses(done, '.securityContext.runAsUser is 0, but 1000 in container "main"'), done.stderr
        assert "does not allow User to be overridden. Remove it" in done.stderr

    def test_several(self, rest: Rest, pods: str) -> None:
        """All that is too much is named, of every container that is added."""
        added = [
            {"name": "one", "image": "a", "securityContext": {"privileged": True}},
            {"name": "two", "image": "a"},
            {"name": "three", "image": "a", "securityContext": ADDS("NET_RAW")},
        ]
        path = f"{run(rest, pods, 'main;Security')}/ephemeralcontainers"

        answer = rest.patch(path, {"spec": {"ephemeralContainers": added}}, "strategic")

        one, three = "spec.ephemeralContainers[0].securityContext.privileged", "spec.ephemeralContainers[2]."
        assert refuses(answer, one), answer
        assert three in answer.message
        assert "Containers[1]" not in answer.message

    def test_what_stands_is_not_validated_again(self, rest: Rest, pods: str) -> None:
        """A container with more rights that was added before the Pod was guarded hinders nothing that comes after."""
        pod = {"metadata": {"name": unique("pod")}, "spec": {"containers": [{"name": "main", "image": "main:1"}]}}
        path = f"{pods}/{sent(rest.create(pods, pod))['metadata']['name']}"
        sent(attach(rest, path, securityContext={"privileged": True, "runAsUser": 0}))
        sent(rest.patch(path, _marks(label=ENVIRONMENT, annotation="main;Image,User,Security")))

        assert None is refusal(attach(rest, path))
        assert refuses(attach(rest, path, securityContext={"privileged": True}), "privileged is true")

    def test_only_there(self, rest: Rest, pods: str) -> None:
        """An ephemeral container is added through its own subresource alone, as the policies take for granted."""
        answer = rest.patch(run(rest, pods, "main;"), _with_debugger({}), "strategic")

        assert 422 == answer.status, answer
