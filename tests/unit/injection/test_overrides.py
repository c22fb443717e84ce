"""Overriding: every row of the table, what breaks it, and what does not."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import published
from environment_operator.injection import merge
from environment_operator.injection.comparison import Right
from environment_operator.injection.overrides import in_short, locked, violations
from environment_operator.kinds.harmless import APPARMOR
from environment_operator.kinds.paths import Path, get, remove
from unit.injection.test_laws import JSON, PODS

Object = dict[str, Any]
MAIN: Path = ("spec", "containers", "main")
ANNOTATIONS: Path = ("metadata", "annotations")
FIELDS = ("Image", "Command", "Args", "WorkingDir", "User", "Security", "Env.A", "Env.B", "Required.HOME")
IMAGE = "registry.example/team/jupyter:4.2"
CUSTOM = {"user": {"source": "Custom", "uid": 1000, "gid": 100, "supplementalGroups": [5, 6]}}
AS_IMAGE, PERSONAL = ({"user": {"source": source}} for source in ("Image", "IdPToken"))
SECURE: Object = {"security": {}}
STRICT = {"security": {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}}
LOOSE = {"security": {"capabilities": ["CHOWN", "KILL"], "hostNetwork": True, "allowPrivilegeEscalation": True}}
LOCALHOST = {"type": "Localhost", "localhostProfile": "own.json"}
PROFILE = {"security": {"seccompProfile": LOCALHOST}}
DATA = {"env": [{"name": "A", "value": "env"}], "overridable": []}


def right(fields: Object, **others: Any) -> tuple[tuple[str, ...], Right]:
    """Return which of these fields may not be overridden, and the pod template that they make of an empty one."""
    environment = published(**fields)
    assert environment.spec is not None
    empty = {"spec": {"containers": [{"name": "main"}]}}
    puts = merge.puts(environment.fragment, MAIN, {})
    base, _ = merge.apply(empty, puts, MAIN)
    return locked(environment.spec), Right(base, MAIN, annotations=ANNOTATIONS, **others)


def broken(fields: Object, template: Object, **others: Any) -> list[str]:
    """Return where a pod template overrides an Environment that does not allow it."""
    items, held = right(fields, **others)
    return [".".join(violation.path) for violation in violations(items, template, held)]


def container(**fields: Any) -> Object:
    """Return a pod template whose main container has these fields."""
    return {"spec": {"containers": [{"name": "main", **fields}]}}


def pod(**fields: Any) -> Object:
    """Return a pod template whose pod spec has these fields."""
    return {"spec": {"containers": [{"name": "main"}], **fields}}


def sidecar(where: str, **fields: Any) -> Object:
    """Return a pod template with another container that has these fields, in one of the lists."""
    template = container()
    template["spec"].setdefault(where, []).append({"name": "x", "image": "x", **fields})
    return template


def annotated(name: str, value: str) -> Object:
    """Return a pod template with an annotation that gives a container a profile."""
    return {**container(), "metadata": {"annotations": {f"{APPARMOR}{name}": value}}}


def context(**fields: Any) -> Object:
    """Return a field that is a security context."""
    return {"securityContext": fields}


HERE, OWN = "spec.containers.main", "spec.securityContext"
INNER = f"{HERE}.securityContext"

# What an Environment has, what a workload sets, and which path is an override; empty for none.
ROWS: list[tuple[Object, Object, str]] = [
    ({}, container(image="mine"), f"{HERE}.image"),
    ({}, container(image=IMAGE), ""),
    ({}, sidecar("containers", command=["x"]), ""),
    ({"overridable": ["Image"]}, container(image="mine"), ""),
    ({}, container(command=["mine"], args=["mine"], workingDir="/mine"), ""),
    ({"command": ["env"], "overridable": []}, container(command=["mine"]), f"{HERE}.command"),
    ({"command": ["env"], "overridable": []}, container(command=["env"]), ""),
    ({"command": ["env"]}, container(command=["mine"]), ""),
    ({"args": ["env"], "overridable": []}, container(args=["mine"]), f"{HERE}.args"),
    ({"args": ["env"], "overridable": []}, container(command=["mine"]), ""),
    ({"args": ["env"], "overridable": []}, container(command=["mine"], args=["mine"]), f"{HERE}.args"),
    ({"workingDir": "/env"}, container(workingDir="/mine"), f"{HERE}.workingDir"),
    ({"workingDir": "/env", "overridable": ["WorkingDir"]}, container(workingDir="/mine"), ""),
    (DATA, container(env=[{"name": "A", "value": "mine"}]), f"{HERE}.env.A"),
    (DATA, container(env=[{"name": "A", "value": "env"}, {"name": "B", "value": "mine"}]), ""),
    (DATA, container(env=[{"name": "A", "value": "env"}, {"name": "A", "value": "mine"}]), f"{HERE}.env.A"),
    (DATA, container(env=[{"name": "A", "value": "mine"}, {"name": "A", "value": "env"}]), f"{HERE}.env.A"),
    (DATA, container(env=[{"name": "A", "value": "env"}] * 2), ""),
    (DATA, container(env=[{"name": "A", "valueFrom": {"fieldRef": {}}}]), f"{HERE}.env.A"),
    (DATA, sidecar("containers", env=[{"name": "A", "value": "mine"}]), ""),
    ({**DATA, "overridable": ["Env"]}, container(env=[{"name": "A", "value": "mine"}]), ""),
    ({"env": [{"name": "A", "required": True}]}, container(), f"{HERE}.env.A"),
    ({"env": [{"name": "A", "required": True}]}, container(env=[{"name": "A", "value": ""}]), f"{HERE}.env.A"),
    ({"env": [{"name": "A", "required": True}]}, container(env=[{"name": "A", "value": "x"}]), ""),
    ({"env": [{"name": "A", "required": True}]}, container(env=[{"name": "A", "value": "x"}, {"name": "A"}]),
     f"{HERE}.env.A"),
    ({"env": [{"name": "A", "required": True}]}, container(env=[{"name": "A", "valueFrom": {"x": {}}}]), ""),
    # Ids: of the pod and of every container.
    ({}, pod(**context(runAsUser=0, fsGroup=0)), ""),
    (CUSTOM, pod(**context(runAsUser=1000, runAsGroup=100, supplementalGroups=[5, 6])), ""),
    (CUSTOM, pod(**context(runAsUser=0)), f"{OWN}.runAsUser"),
    (CUSTOM, pod(**context(runAsGroup=0)), f"{OWN}.runAsGroup"),
    (CUSTOM, pod(**context(fsGroup=0)), f"{OWN}.fsGroup"),
    (CUSTOM, pod(**context(supplementalGroups=[5, 6, 0])), f"{OWN}.supplementalGroups"),
    (CUSTOM, container(**context(runAsUser=0)), f"{INNER}.runAsUser"),
    (CUSTOM, container(**context(runAsUser=1000, runAsGroup=100)), ""),
    (CUSTOM, sidecar("containers", **context(runAsUser=0)), "spec.containers.x.securityContext.runAsUser"),
    (CUSTOM, sidecar("initContainers", **context(runAsGroup=0)), "spec.initContainers.x.securityContext.runAsGroup"),
    (CUSTOM, sidecar("ephemeralContainers", **context(runAsUser=0)),
     "spec.ephemeralContainers.x.securityContext.runAsUser"),
    (CUSTOM, sidecar("initContainers", **context(runAsUser=1000)), ""),
    (CUSTOM, container(**context(privileged=True)), ""),
    ({**CUSTOM, "overridable": ["User"]}, pod(**context(runAsUser=0, fsGroup=0)), ""),
    ({"user": {"source": "Custom", "uid": 1000}}, pod(**context(runAsGroup=0)), f"{OWN}.runAsGroup"),
    *((fields, pod(**context(**{key: value})), f"{OWN}.{key}") for fields in (AS_IMAGE, PERSONAL) for key, value in (
        ("runAsUser", 1000), ("runAsGroup", 0), ("fsGroup", 5), ("supplementalGroups", [5]))),
    *((fields, container(**context(runAsUser=1000)), f"{INNER}.runAsUser") for fields in (AS_IMAGE, PERSONAL)),
    # Security: what is left out is guarded too.
    ({}, container(**context(privileged=True)), ""),
    *((SECURE, pod(**{key: True}), f"spec.{key}") for key in ("hostNetwork", "hostIPC", "hostPID")),
    *((SECURE, template(**context(privileged=True)), path) for template, path in (
        (container, f"{INNER}.privileged"),
        (lambda **f: sidecar("containers", **f), "spec.containers.x.securityContext.privileged"),
        (lambda **f: sidecar("initContainers", **f), "spec.initContainers.x.securityContext.privileged"),
        (lambda **f: sidecar("ephemeralContainers", **f), "spec.ephemeralContainers.x.securityContext.privileged"))),
    *((SECURE, container(**context(**{key: value})), f"{INNER}.{key}") for key, value in (
        ("allowPrivilegeEscalation", True), ("readOnlyRootFilesystem", False), ("runAsNonRoot", False),
        ("procMount", "Unmasked"), ("seccompProfile", {"type": "Unconfined"}), ("seccompProfile", LOCALHOST),
        ("appArmorProfile", {"type": "Unconfined"}), ("seLinuxOptions", {"level": "s0"}),
        ("windowsOptions", {"hostProcess": True}), ("unheardOf", "of a newer Kubernetes"))),
    *((SECURE, pod(**context(**{key: value})), f"{OWN}.{key}") for key, value in (
        ("runAsNonRoot", False), ("seccompProfile", {"type": "Unconfined"}), ("seLinuxOptions", {"level": "s0"}),
        ("appArmorProfile", {"type": "Unconfined"}), ("windowsOptions", {"hostProcess": True}),
        ("sysctls", [{"name": "net.core.somaxconn", "value": "1"}]))),
    (SECURE, container(**context(capabilities={"add": ["SYS_ADMIN"]})), f"{INNER}.capabilities.add"),
    (SECURE, pod(**context(runAsUser=0)), ""),
    (SECURE, container(**context(runAsUser=0)), ""),
    (SECURE, annotated("main", "unconfined"), f"metadata.annotations.{APPARMOR}main"),
    (SECURE, annotated("main", "runtime/default"), ""),
    ({}, annotated("main", "unconfined"), ""),
    (STRICT, container(**context(runAsNonRoot=False)), f"{INNER}.runAsNonRoot"),
    (STRICT, container(**context(readOnlyRootFilesystem=False)), f"{INNER}.readOnlyRootFilesystem"),
    (STRICT, container(**context(allowPrivilegeEscalation=True)), f"{INNER}.allowPrivilegeEscalation"),
    (STRICT, pod(**context(runAsNonRoot=False)), f"{OWN}.runAsNonRoot"),
    ({**STRICT, "overridable": ["Security"]}, container(**context(privileged=True)), ""),
    # What only takes rights away.
    *((SECURE, container(**context(**{key: value})), "") for key, value in (
        ("privileged", False), ("allowPrivilegeEscalation", False), ("readOnlyRootFilesystem", True),
        ("runAsNonRoot", True), ("procMount", "Default"), ("seccompProfile", {"type": "RuntimeDefault"}),
        ("appArmorProfile", {"type": "RuntimeDefault"}), ("capabilities", {"drop": ["ALL"]}))),
    (SECURE, pod(hostNetwork=False, hostPID=False), ""),
    (LOOSE, pod(hostNetwork=True), ""),
    (LOOSE, pod(hostIPC=True), "spec.hostIPC"),
    (LOOSE, container(**context(allowPrivilegeEscalation=False, capabilities={"add": []})), ""),
    (LOOSE, container(**context(capabilities={"add": ["KILL"]})), ""),
    (LOOSE, container(**context(capabilities={"add": ["CAP_CHOWN", "KILL"]})), ""),
    (LOOSE, sidecar("containers", **context(allowPrivilegeEscalation=True, capabilities={"add": ["KILL"]})), ""),
    (LOOSE, container(**context(capabilities={"add": ["KILL", "SYS_ADMIN"]})), f"{INNER}.capabilities.add"),
    (LOOSE, container(**context(capabilities={"add": ["ALL"]})), f"{INNER}.capabilities.add"),
    (LOOSE, container(**context(capabilities={"add": ["sys_admin"]})), f"{INNER}.capabilities.add"),
    (LOOSE, container(**context(capabilities={"add": "KILL"})), f"{INNER}.capabilities.add"),
    (LOOSE, sidecar("initContainers", **context(capabilities={"add": ["SYS_ADMIN"]})),
     "spec.initContainers.x.securityContext.capabilities.add"),
    # The profile of the runtime is another one than the Environment's own, and weaker than none.
    (PROFILE, container(**context(seccompProfile={"type": "RuntimeDefault"})), f"{INNER}.seccompProfile"),
    (PROFILE, container(**context(seccompProfile=LOCALHOST)), ""),
    (PROFILE, sidecar("containers", **context(seccompProfile={"type": "RuntimeDefault"})), ""),
    # Nobody's.
    (STRICT, pod(nodeSelector={"a": "b"}, tolerations=[{}], volumes=[{"name": "x"}], hostUsers=False), ""),
    (STRICT, container(resources={"limits": {}}, livenessProbe={}, volumeMounts=[{"mountPath": "/x"}]), ""),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "template", "path"), ROWS)
def test_row(fields: Object, template: Object, path: str) -> None:
    """What a workload sets is an override at exactly this path, or is none."""
    assert ([path] if path else []) == broken(fields, template)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("Image",)),
        ({"command": ["x"], "args": ["x"], "workingDir": "/x"}, ("Image", "WorkingDir")),
        ({"command": ["x"], "args": ["x"], "overridable": ["Image"]}, ("Command", "Args")),
        (DATA, ("Image", "Env.A")),
        ({"env": [{"name": "A", "value": "env"}]}, ("Image",)),
        ({"env": [{"name": "A", "required": True}]}, ("Image", "Required.A")),
        ({"env": [{"name": "A", "value": "x", "required": True}], "overridable": []}, ("Image", "Env.A")),
        ({**SECURE, **AS_IMAGE}, ("Image", "User", "Security")),
        ({**SECURE, **CUSTOM, "overridable": ["Image", "User", "Security"]}, ()),
    ],
)
def test_locked(fields: Object, expected: tuple[str, ...]) -> None:
    """What an Environment sets may not be overridden, its image always, but what it lists as overridable."""
    assert expected == right(fields)[0]


def test_in_short() -> None:
    """What a running pod says is the fields, each once; what had to be filled in once is not among them."""
    assert "Image,Env" == in_short(("Image", "Env.A", "Env.B", "Required.C"))


@pytest.mark.parametrize("where", ["containers", "initContainers"])
def test_containers_of_others(where: str) -> None:
    """A container that another webhook added is not validated, with any rights; the main one always is."""
    fields = {**SECURE, **CUSTOM}
    added = sidecar(where, **context(runAsUser=1337, privileged=True, capabilities={"add": ["NET_ADMIN"]}))

    assert 3 == len(broken(fields, added))
    assert [] == broken(fields, added, theirs=["x"])
    assert [] == broken(fields, annotated("x", "unconfined"), theirs=["x"])
    assert [f"{INNER}.runAsUser"] == broken(fields, container(**context(runAsUser=0)), theirs=["main"])


def test_containers_outside_of_lists() -> None:
    """A container that a kind has under its own key is validated too, also when another one has the Environment."""
    template = {"spec": {"model": context(privileged=True), "containers": [{"name": "main"}]}}

    assert ["spec.model.securityContext.privileged"] == broken(SECURE, template, inline=["model"])


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, f"{HERE}.image"),
        ({"command": ["env"], "overridable": []}, f"{HERE}.command"),
        (DATA, f"{HERE}.env.A"),
        (CUSTOM, f"{OWN}.runAsUser"),
        (CUSTOM, f"{OWN}.supplementalGroups"),
        (STRICT, f"{INNER}.runAsNonRoot"),
        (PROFILE, f"{INNER}.seccompProfile"),
    ],
)
def test_what_was_injected_may_not_be_missing(fields: Object, path: str) -> None:
    """What was injected has to be there, or the image would decide instead; what was not may be left out."""
    _, held = right(fields)
    keys = tuple(path.split("."))
    template = copy.deepcopy(held.template)
    remove(template, keys)

    assert [path] == broken(fields, template, put=[keys])
    assert [] == broken(fields, template)
    assert [] == broken(fields, held.template, put=[keys])


@pytest.mark.parametrize(
    ("fields", "path", "template"),
    [
        (LOOSE, "spec.hostNetwork", container()),
        (LOOSE, f"{INNER}.capabilities.add", container()),
        ({"args": ["env"], "overridable": []}, f"{HERE}.args", container(command=["mine"])),
    ],
)
def test_what_may_be_missing(fields: Object, path: str, template: Object) -> None:
    """A right that was given may be left unused; arguments are not missed with another command."""
    assert [] == broken(fields, template, put=[tuple(path.split("."))])


def test_expected() -> None:
    """A violation says what the Environment has: for a container, what the pod has."""
    items, held = right(CUSTOM)
    (found,) = violations(items, sidecar("containers", **context(runAsUser=0)), held)

    assert ("User", 0, 1000) == (found.field, found.given, found.expected)


ITEMS = st.lists(st.sampled_from(FIELDS), unique=True)
PUT = st.lists(
    st.sampled_from(
        [
            (*MAIN, "image"),
            (*MAIN, "command"),
            (*MAIN, "env", "A"),
            (*MAIN, "securityContext", "runAsNonRoot"),
            ("spec", "securityContext", "runAsUser"),
            ("spec", "hostNetwork"),
        ]
    ),
    max_size=3,
)


@settings(max_examples=200)
@given(ITEMS, PODS, PUT, st.booleans())
def test_what_is_stored_is_no_override(
    items: list[str], spec: Object, put: list[tuple[str, ...]], annotated: bool
) -> None:
    """A pod template with any content is valid when it is what is stored; only a variable can still be missing."""
    profiles = {f"{APPARMOR}main": "unconfined"} if annotated else {}
    template: Object = {"metadata": {"annotations": profiles}, "spec": spec}
    held = Right(template, MAIN, put, annotations=ANNOTATIONS)

    assert {"Required"} >= {violation.field for violation in violations(items, template, held)}


@settings(max_examples=200)
@given(ITEMS, PODS, PODS, st.data())
def test_leaving_something_out_is_no_override(
    items: list[str], spec: Object, stored: Object, data: st.DataObject
) -> None:
    """Where nothing was injected, what is removed from a pod template overrides nothing that was not before."""
    held = Right({"spec": stored}, MAIN)
    before = violations(items, {"spec": spec}, held)
    leaves = [(*MAIN, "image"), (*MAIN, "env"), (*MAIN, "securityContext"), ("spec", "securityContext")]
    less = {"spec": copy.deepcopy(spec)}
    remove(less, data.draw(st.sampled_from(leaves)))
    known = {(v.field, v.path) for v in before}

    assert {"Required"} >= {v.field for v in violations(items, less, held) if (v.field, v.path) not in known}


@settings(max_examples=200)
@given(ITEMS, ITEMS, PODS, PODS)
def test_rules_are_independent(some: list[str], others: list[str], spec: Object, stored: Object) -> None:
    """Each field has its own rule: what two lists of fields find is what they find one by one."""
    held = Right({"spec": stored}, MAIN)
    found = [v for item in (*some, *others) for v in violations([item], {"spec": spec}, held)]

    assert found == violations([*some, *others], {"spec": spec}, held)


@settings(max_examples=200)
@given(ITEMS, PODS, st.dictionaries(st.sampled_from(["nodeSelector", "tolerations", "volumes", "affinity"]), JSON))
def test_what_no_rule_names(items: list[str], spec: Object, others: Object) -> None:
    """What is not in the table is never validated: scheduling, volumes, resources."""
    held = Right({"spec": {"containers": [{"name": "main"}]}}, MAIN)
    more = {"spec": {**spec, **others}}
    more["spec"]["containers"] = [{**c, "resources": others, "lifecycle": others} for c in spec["containers"]]

    assert violations(items, {"spec": spec}, held) == violations(items, more, held)


@settings(max_examples=200)
@given(ITEMS, JSON, JSON, JSON)
def test_any_content(items: list[str], containers: object, init: object, context: object) -> None:
    """However malformed a pod template is, there is an answer."""
    template = {"spec": {"containers": containers, "initContainers": init, "securityContext": context}}
    held = Right({"spec": {"containers": [{"name": "main"}]}}, MAIN, annotations=ANNOTATIONS)

    for violation in violations(items, template, held):
        assert violation.given is None or violation.given == get(template, violation.path)
