"""What users of neighbouring products ran into, at the real API server.

- a value of another kind that comes later, however it is applied;
- defaults of the API server, which are nobody's wish;
- settings that do not go together;
- variables in fields where Kubernetes expands none, the home directory, and DNS in the network of the node.
"""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from builders import manifest, workload
from cluster.rest import Reply
from environment_operator.api import names
from environment_operator.injection import merge
from environment_operator.injection.environment_cache import publish
from environment_operator.injection.pairs import PAIRS
from environment_operator.kinds.paths import get
from environment_operator.spec import images
from kube import ENVIRONMENTS, Kube, Object, minor
from pairs import EXAMPLES, NEVER_ALONE, OF_CONTAINERS, Example
from third_party import containers, install, path, uninstall, user

MAIN = ("spec", "containers", "main")
TEMPLATE_MAIN = ("spec", "template", *MAIN)
HEX = "0123456789abcdef" * 4
CASES = [(name, example) for name, examples in EXAMPLES.items() for example in examples]
LOCALHOST = {"type": "Localhost", "localhostProfile": "a.json"}
SECRET = {"secretKeyRef": {"name": "mine", "key": "token"}}
LATER: dict[str, tuple[Object, Object, Object]] = {
    "secret for value": (
        {"env": [{"name": "T", "value": "nothing"}]},
        {"env": [{"name": "T", "valueFrom": SECRET}]},
        {"env": [{"name": "T", "valueFrom": SECRET}]},
    ),
    "value for secret": (
        {"env": [{"name": "T", "valueFrom": SECRET}]},
        {"env": [{"name": "T", "value": "mine"}]},
        {"env": [{"name": "T", "value": "mine"}]},
    ),
    "secret for field": (
        {"env": [{"name": "T", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
        {"env": [{"name": "T", "valueFrom": SECRET}]},
        {"env": [{"name": "T", "valueFrom": SECRET}]},
    ),
    "port for request": (
        {"readinessProbe": {"httpGet": {"port": 80}}},
        {"readinessProbe": {"tcpSocket": {"port": 90}}},
        {"readinessProbe": {
            "tcpSocket": {"port": 90}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1,
            "failureThreshold": 3,
        }},
    ),
    "another profile": (
        {"security": {"seccompProfile": LOCALHOST}, "overridable": ["Security"]},
        {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
        {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
    ),
}  # fmt: skip


@pytest.fixture
def publish_env(kube: Kube) -> Callable[..., str]:
    """Return what stores an Environment of a new name with some fields."""

    def make(**fields: Any) -> str:
        name = kube.unique("env")
        reply = kube.rest.create(ENVIRONMENTS, manifest(name, **fields))
        assert reply.ok, reply.message
        return name

    return make


def deployment(project: str, reference: str | None, **container: Any) -> Object:
    """Return a Deployment without pods whose main container has some fields."""
    made = workload("Deployment", "lab", project, reference)
    made["spec"]["replicas"] = 0
    get(made, TEMPLATE_MAIN).update(copy.deepcopy(container))
    return made


def stored(kube: Kube, project: str) -> Object:
    """Return the Deployment as it is stored."""
    return kube.rest.get(f"/apis/apps/v1/namespaces/{project}/deployments/lab").body


@pytest.mark.parametrize("flags", [(), ("--server-side",)], ids=["client-side", "server-side"])
@pytest.mark.parametrize("case", LATER.values(), ids=list(LATER))
def test_a_value_of_another_kind_later(
    kube: Kube,
    project: str,
    publish_env: Callable[..., str],
    flags: tuple[str, ...],
    case: tuple[Object, Object, Object],
) -> None:
    """What the submitter applies later is accepted, and stands there alone."""
    fields, later, expected = case
    name = publish_env(**fields)
    for container in ({}, later):
        made = deployment(project, name, **container)
        kube.kubectl("apply", *flags, "-f", "-", stdin=yaml.safe_dump(made))
    found = get(stored(kube, project), TEMPLATE_MAIN)

    assert expected == {key: found.get(key) for key in expected}


@pytest.mark.parametrize(
    "image",
    [
        "a",
        "a:latest",
        "a:1",
        f"a@sha256:{HEX}",
        f"a:latest@sha256:{HEX}",
        f"a:1@sha256:{HEX}",
        "Upper/Case",
        HEX,
        "UPPER/a",
    ],
)
def test_default_pull_policy(kube: Kube, project: str, publish_env: Callable[..., str], image: str) -> None:
    """The API server's own default is no wish: the Environment's policy is there when the label comes later."""
    path = f"/apis/apps/v1/namespaces/{project}/deployments"
    plain = kube.rest.create(path, deployment(project, None, image=image))
    assert plain.ok, plain.message
    assert images.default_pull_policy(image) == get(plain.body, (*TEMPLATE_MAIN, "imagePullPolicy"))
    if images.problem(image):
        return
    name = publish_env(image=image, imagePullPolicy="Never")
    labelled = kube.rest.patch(f"{path}/lab", {"metadata": {"labels": {names.REFERENCE: name}}})

    assert labelled.ok, labelled.message
    assert "Never" == get(labelled.body, (*TEMPLATE_MAIN, "imagePullPolicy"))


def pod(project: str, reference: str | None, example: Example) -> Object:
    """Return a Pod with the submitter's half of a pair."""
    made = workload("Pod", "w", project, reference)
    made["spec"].update(copy.deepcopy(example.pod))
    get(made, MAIN).update(copy.deepcopy(example.main))
    made["spec"]["containers"] += copy.deepcopy(example.others)
    return made


@pytest.mark.parametrize(("name", "example"), CASES, ids=[f"{name} {n}" for n, (name, _) in enumerate(CASES)])
def test_pairs(kube: Kube, project: str, publish_env: Callable[..., str], name: str, example: Example) -> None:
    """Together the API server refuses them; with an Environment the refusal names it, or ours is not there."""
    if minor(kube.rest) < example.since:
        pytest.skip(f"Kubernetes has these fields since 1.{example.since}")
    (pair,) = (pair for pair in PAIRS if pair.name == name)
    path = f"/api/v1/namespaces/{project}/pods?dryRun=All"
    fragment = publish("e", 1, manifest("e", **example.fields)["spec"], lambda _: False).fragment
    both = merge.apply(pod(project, None, example), merge.puts(fragment, MAIN, {}), MAIN)[0]
    guarded = publish_env(**example.fields, overridable=[])
    free = publish_env(**example.fields, overridable=[pair.field])
    together, refused, admitted = (
        kube.rest.create(path, made) for made in (both, pod(project, guarded, example), pod(project, free, example))
    )

    assert (example.by == "API server") == (together.status == 422), together.message
    assert f'Environment "{guarded}", which does not allow' in refused.message
    assert admitted.ok, admitted.message
    assert get(admitted.body, pair.path(MAIN)) is None


@pytest.mark.parametrize("name", NEVER_ALONE)
def test_pairs_that_are_never_alone(kube: Kube, project: str, name: str) -> None:
    """What an Environment brings only with something else is refused by the API server by its own field."""
    example, field = NEVER_ALONE[name]
    refused = kube.rest.create(f"/api/v1/namespaces/{project}/pods?dryRun=All", pod(project, None, example))

    assert 422 == refused.status
    assert field in [cause["field"] for cause in refused.body["details"]["causes"]]


@pytest.mark.parametrize("name", OF_CONTAINERS)
def test_pairs_of_containers(kube: Kube, project: str, publish_env: Callable[..., str], name: str) -> None:
    """In kinds whose containers have the ids it is the same, and no operating system is kept there."""
    (pair,), example = [pair for pair in PAIRS if pair.name == name], OF_CONTAINERS[name]
    guarded = publish_env(**example.fields, overridable=[])
    free = publish_env(**example.fields, overridable=[pair.field, "Image"])

    def posted(reference: str | None) -> Reply:
        made = user("workflow", "w", project, reference)
        for container in containers("workflow", made):
            container.update({"image": "registry.example/team/jupyter:4.2", **copy.deepcopy(example.main)})
        made["spec"]["templates"][2]["os"] = {"name": "windows"}
        return kube.rest.create(f"{path(made)}?dryRun=All", made)

    found = install(kube.rest, "workflow")
    try:
        together, refused, admitted = posted(None), posted(guarded), posted(free)
    finally:
        uninstall(kube.rest, found)

    assert together.ok, together.message
    assert "os" not in together.body["spec"]["templates"][2]
    assert f'Environment "{guarded}", which does not allow' in refused.message
    assert admitted.ok, admitted.message
    assert [example.main["securityContext"]] * 2 == [
        c["securityContext"] for c in containers("workflow", admitted.body)
    ]


def test_expansion(kube: Kube, project: str, publish_env: Callable[..., str]) -> None:
    """The home, the working directory and a probe are where the variables lead, also when the workload changes them."""
    name = publish_env(
        createHomeDir=True, workingDir="/home/$(NB_USER)",
        readinessProbe={"httpGet": {"port": 80, "path": "/$(NB_USER)"}},
        env=[{"name": "NB_USER", "value": "ada"}, {"name": "HOME", "value": "/home/$(NB_USER)"}],
    )  # fmt: skip
    found = []
    for env in ([], [{"name": "NB_USER", "value": "bob"}]):
        kube.apply(deployment(project, name, env=env))
        container = get(stored(kube, project), TEMPLATE_MAIN)
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        found.append((mounts, container["workingDir"], container["readinessProbe"]["httpGet"]["path"]))

    assert [(["/home/ada"], "/home/ada", "/ada"), (["/home/bob"], "/home/bob", "/bob")] == found


def test_claim_at_the_home(kube: Kube, project: str, publish_env: Callable[..., str]) -> None:
    """A volume of the workload's own, with a slash at the end, is not hidden by ours, then or later."""
    name = publish_env(createHomeDir=True)
    claim = {"name": "mine", "persistentVolumeClaim": {"claimName": "mine"}}
    made = deployment(project, name, volumeMounts=[{"name": "mine", "mountPath": "/home/environment/"}])
    made["spec"]["template"]["spec"]["volumes"] = [claim]
    kube.apply(deployment(project, name))
    kube.apply(made)
    later = stored(kube, project)["spec"]["template"]["spec"]
    kube.kubectl("delete", "deployment", "lab", "-n", project)
    kube.apply(made)
    first = stored(kube, project)["spec"]["template"]["spec"]

    for pods in (later, first):
        assert ["/home/environment/"] == [mount["mountPath"] for mount in pods["containers"][0]["volumeMounts"]]
        assert [claim] == pods["volumes"]


def test_dns_in_the_network_of_the_node(kube: Kube, project: str, publish_env: Callable[..., str]) -> None:
    """Such pods find Services; without the reference the DNS policy is the default again."""
    name = publish_env(security={"hostNetwork": True})
    kube.apply(deployment(project, name))
    with_it = stored(kube, project)["spec"]["template"]["spec"]
    kube.apply(deployment(project, None, image="registry.example/mine:1"))
    without = stored(kube, project)["spec"]["template"]["spec"]

    assert (True, "ClusterFirstWithHostNet") == (with_it["hostNetwork"], with_it["dnsPolicy"])
    assert (None, "ClusterFirst") == (without.get("hostNetwork"), without["dnsPolicy"])
