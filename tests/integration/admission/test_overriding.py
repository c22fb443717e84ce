"""Overriding at the real API server: every known way around an override rule, and that nothing else is refused.

What is created and is to be refused is sent as a dry run where nothing depends on it; it is validated alike.
"""

import copy
import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jsonpatch
import pytest

from builders import KINDS, manifest, template_path, workload
from cluster import Cluster
from cluster.rest import Reply, Rest
from environment_operator.api import names
from environment_operator.kinds.harmless import APPARMOR
from environment_operator.kinds.paths import get, put
from kube import ENVIRONMENTS, Kube, Object, Operator
from neighbour import MARK, Neighbour, mark, neighbour

Change = Callable[[Object], None]
DRY = "?dryRun=All"
LOCALHOST = {"type": "Localhost", "localhostProfile": "own.json"}
STRICT: Object = {
    "command": ["env"],
    "args": ["--env"],
    "workingDir": "/env",
    "env": [{"name": "A", "value": "env"}],
    "user": {"source": "Custom", "uid": 1000, "gid": 100, "supplementalGroups": [5]},
    "security": {"runAsNonRoot": True, "capabilities": ["CHOWN"], "seccompProfile": LOCALHOST},
    "overridable": [],
}
MAIN, FIRST, OWN, RUNTIME = "containers.main", "containers[0]", "securityContext", "profile of the runtime"


def at(kind: str, project: str, name: str = "", rest: str = "") -> str:
    """Return the URL path of a project's objects of a kind, or of one."""
    row = next(row for row in KINDS.values() if row.kind == kind)
    head, _, plural = row.path.rpartition("/")
    return f"{head}/namespaces/{project}/{plural}{f'/{name}' if name else ''}{rest}"


def template(item: Object) -> Object:
    """Return the pod template of a workload."""
    path = template_path(next(row for row in KINDS.values() if row.kind == item["kind"]))
    found: Object = get(item, path) if path else item
    return found


def spec(item: Object) -> Object:
    """Return the pod spec of a workload."""
    found: Object = template(item)["spec"]
    return found


def main(item: Object) -> Object:
    """Return the main container of a workload."""
    return next(c for c in spec(item)["containers"] if c["name"] == "main")


def made(kind: str, project: str, reference: str | None, name: str = "w", **container: Any) -> Object:
    """Return a workload whose container leaves everything to the Environment but these fields."""
    item = workload(kind, name, project, reference)
    spec(item)["containers"] = [{"name": "main", **container}]
    return item


def bare(stored: Object) -> Object:
    """Return a stored object as somebody sends it again."""
    out = copy.deepcopy(stored)
    for key in ("uid", "creationTimestamp", "resourceVersion", "generation", "managedFields"):
        out["metadata"].pop(key, None)
    out.pop("status", None)
    return out


def passed(reply: Reply) -> Object:
    """Return the object of a request that must have passed."""
    assert reply.ok, reply.message
    return reply.body


def setting(path: str, value: Any) -> Change:
    """Return what sets a path in the pod spec of a workload."""

    def change(item: Object) -> None:
        put(spec(item), tuple(path.split(".")), value)

    return change


def sidecar(where: str, **fields: Any) -> Change:
    """Return what adds a container to one of the lists."""
    return lambda item: spec(item).setdefault(where, []).append({"name": "x", "image": "x", **fields})


def context(**fields: Any) -> Object:
    """Return a field that is a security context."""
    return {"securityContext": fields}


def twice(item: Object) -> None:
    """Give a variable of the Environment twice: the second counts."""
    main(item)["env"] = [{"name": "A", "value": "env"}, {"name": "A", "value": "mine"}]


def profile(item: Object) -> None:
    """Give the container a profile by an annotation."""
    put(template(item), ("metadata", "annotations", f"{APPARMOR}main"), "unconfined")


# What a submitter sets, the path in the refusal, and what is said to stand there and in the Environment.
ROWS: dict[str, tuple[Change, str, str, str]] = {
    "image": (setting(f"{MAIN}.image", "mine"), f"{FIRST}.image", '"mine"', '"registry.example/team/jupyter:4.2"'),
    "command": (setting(f"{MAIN}.command", ["mine"]), f"{FIRST}.command", '["mine"]', '["env"]'),
    "args": (setting(f"{MAIN}.args", ["mine"]), f"{FIRST}.args", '["mine"]', '["--env"]'),
    "working dir": (setting(f"{MAIN}.workingDir", "/mine"), f"{FIRST}.workingDir", '"/mine"', '"/env"'),
    "variable": (setting(f"{MAIN}.env", [{"name": "A", "value": "mine"}]), f"{FIRST}.env[0] (A)", '"mine"', '"env"'),
    "user of the pod": (setting(f"{OWN}.runAsUser", 0), f"{OWN}.runAsUser", "0", "1000"),
    "group of the pod": (setting(f"{OWN}.runAsGroup", 0), f"{OWN}.runAsGroup", "0", "100"),
    "fsGroup": (setting(f"{OWN}.fsGroup", 0), f"{OWN}.fsGroup", "0", "none"),
    "groups": (setting(f"{OWN}.supplementalGroups", [0]), f"{OWN}.supplementalGroups", "[0]", "[5]"),
    "user of the container": (setting(f"{MAIN}.{OWN}.runAsUser", 0), f"{FIRST}.{OWN}.runAsUser", "0", "1000"),
    "user of another": (sidecar("containers", **context(runAsUser=0)), f"containers[1].{OWN}.runAsUser", "0", "1000"),
    "user of an init container": (
        sidecar("initContainers", **context(runAsUser=0)), f"initContainers[0].{OWN}.runAsUser", "0", "1000"
    ),
    "privileged": (setting(f"{MAIN}.{OWN}.privileged", True), f"{FIRST}.{OWN}.privileged", "true", "none"),
    "another privileged": (
        sidecar("containers", **context(privileged=True)), f"containers[1].{OWN}.privileged", "true", "none"
    ),
    "privileged init container": (
        sidecar("initContainers", **context(privileged=True)), f"initContainers[0].{OWN}.privileged", "true", "none"
    ),
    "capability": (
        setting(f"{MAIN}.{OWN}.capabilities", {"add": ["CHOWN", "SYS_ADMIN"]}), f"{FIRST}.{OWN}.capabilities.add",
        '["CHOWN", "SYS_ADMIN"]', '["CHOWN"]',
    ),
    "root allowed": (setting(f"{MAIN}.{OWN}.runAsNonRoot", False), f"{FIRST}.{OWN}.runAsNonRoot", "false", "true"),
    "root allowed in the pod": (setting(f"{OWN}.runAsNonRoot", False), f"{OWN}.runAsNonRoot", "false", "true"),
    RUNTIME: (
        setting(f"{MAIN}.{OWN}.seccompProfile", {"type": "RuntimeDefault"}), f"{FIRST}.{OWN}.seccompProfile",
        '{"type": "RuntimeDefault"}', '{"type": "Localhost", "localhostProfile": "own.json"}',
    ),
    "profile of the pod": (
        setting(f"{OWN}.appArmorProfile", {"type": "Unconfined"}), f"{OWN}.appArmorProfile",
        '{"type": "Unconfined"}', "none",
    ),
    "network of the node": (setting("hostNetwork", True), "hostNetwork", "true", "none"),
    "processes of the node": (setting("hostPID", True), "hostPID", "true", "none"),
}  # fmt: skip
# How those paths are printed, and by which keys they lead there.
PRINTED = {"initContainers[0]": "initContainers.x", FIRST: MAIN, "containers[1]": "containers.x", "env[0] (A)": "env.A"}


def renamed(item: Object) -> None:
    """Call the main container differently, and give it an image."""
    main(item).update(name="other", image="mine")


def named(item: Object) -> None:
    """Name the other container in the annotation."""
    put(item, ("metadata", "annotations", names.CONTAINER), "sidecar")
    main(item).update(image="mine")


def left_over(item: Object) -> None:
    """Leave the other container alone."""
    spec(item)["containers"] = [c for c in spec(item)["containers"] if c["name"] != "main"]


# Ways to have another container be the main one.
MOVES: dict[str, tuple[Change, str]] = {
    "renamed": (renamed, "containers[0].image"),
    "named": (named, ".image"),
    "left over": (left_over, "containers[0].image"),
}


def _json(rest: Rest, path: str, stored: Object, wanted: Object) -> Reply:
    """Patch with operations."""
    return rest.patch(path, jsonpatch.make_patch(bare(stored), wanted).patch, "json")


def _merge(rest: Rest, path: str, _stored: Object, wanted: Object) -> Reply:
    """Patch with a merge patch, in which lists are replaced."""
    return rest.patch(path, {"metadata": wanted["metadata"], "spec": wanted["spec"]})


def _strategic(rest: Rest, path: str, _stored: Object, wanted: Object) -> Reply:
    """Patch with a strategic merge patch that replaces lists."""
    body = copy.deepcopy({"metadata": wanted["metadata"], "spec": wanted["spec"]})
    for key in ("containers", "initContainers"):
        if listed := spec({**body, "kind": "Deployment"}).get(key):
            listed.insert(0, {"$patch": "replace"})
    return rest.patch(path, body, "strategic")


def _apply(rest: Rest, path: str, _stored: Object, wanted: Object) -> Reply:
    """Apply on the server, by force."""
    return rest.patch(f"{path}?fieldManager=somebody&force=true", wanted, "apply")


def _replace(rest: Rest, path: str, _stored: Object, wanted: Object) -> Reply:
    """Replace."""
    return rest.replace(path, wanted)


WAYS = {"json": _json, "merge": _merge, "strategic": _strategic, "apply": _apply, "replace": _replace}


@dataclass(frozen=True)
class Place:
    """A project with a strict Environment and a Deployment that has it, with a sidecar of its own."""

    kube: Kube
    rest: Rest
    project: str
    environment: str

    @property
    def path(self) -> str:
        """The URL path of the Deployment."""
        return at("Deployment", self.project, "stored")

    @property
    def stored(self) -> Object:
        """The Deployment as it is stored."""
        return passed(self.rest.get(self.path))

    def publish(self, **fields: Any) -> str:
        """Create a further Environment and return its name."""
        name = Kube.unique("env")
        passed(self.rest.create(ENVIRONMENTS, manifest(name, **fields)))
        return name

    def create(self, item: Object, query: str = "") -> Reply:
        """Create a workload."""
        return self.rest.create(at(item["kind"], self.project, rest=query), item)

    def apply(self, item: Object) -> Object:
        """Apply a workload on the server, as the one who comes again with `_apply`; return what is stored."""
        path = at(item["kind"], self.project, item["metadata"]["name"])
        return passed(_apply(self.rest, path, {}, item))


@pytest.fixture(scope="module")
def place(cluster: Cluster, rest: Rest, operator: Operator) -> Iterator[Place]:  # noqa: ARG001 - it runs
    """Return the project, for tests that leave it as it is."""
    kube, project = Kube(cluster, rest), Kube.unique("overriding")
    passed(rest.create("/api/v1/namespaces", {"metadata": {"name": project}}))
    account = f"/api/v1/namespaces/{project}/serviceaccounts/default"
    kube.until("the default account", lambda: rest.get(account).ok)
    found = Place(kube, rest, project, Kube.unique("env"))
    passed(rest.create(ENVIRONMENTS, manifest(found.environment, **STRICT)))
    item = made("Deployment", project, found.environment, "stored")
    spec(item)["containers"].append({"name": "sidecar", "image": "mine"})
    found.apply(item)
    yield found
    rest.delete(f"/api/v1/namespaces/{project}")


def check(reply: Reply, path: str, *words: str) -> None:
    """Require that a request was forbidden, with the path, both values and the way out."""
    assert 403 == reply.status, reply.body
    for each in (path, *words):
        assert each in reply.message


@pytest.mark.parametrize("row", [*ROWS, "twice", "by annotation"])
@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
def test_creation(place: Place, kind: str, row: str) -> None:
    """No row of the table can be set at CREATE: the refusal names path, both values and the way out."""
    item = made(kind, place.project, place.environment)
    prefix = "spec.template.spec." if kind == "Deployment" else "spec."
    change, path, given, has = {
        **ROWS,
        "twice": (twice, f"{FIRST}.env[1] (A)", '"mine"', '"env"'),
        # Of a Pod's annotation the API server has made a profile when we see it.
        "by annotation": (profile, "", "unconfined" if kind == "Deployment" else "Unconfined", "none"),
    }[row]
    change(item)
    reply = place.create(item, DRY)

    from_it = f'Environment "{place.environment}"'
    words = f"is not in {from_it}" if has == "none" else f"overrides {has} from {from_it}"
    check(reply, f"{prefix}{path}: {given}" if path else given, words)
    assert "Remove the field, or use an Environment with" in reply.message


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_every_kind(place: Place, kind: Any) -> None:
    """Overriding is refused for every built-in kind, with the path from the object on."""
    item = made(kind.kind, place.project, place.environment, image="mine")
    words = ".".join((*template_path(kind), "spec.containers[0].image"))

    check(place.create(item, DRY), f'{words}: "mine" overrides')


# Applying on the server merges the two profiles into one that is invalid.
UPDATES = [(row, way) for row in (*ROWS, *MOVES, "by annotation") for way in WAYS if (row, way) != (RUNTIME, "apply")]


@pytest.mark.parametrize(("row", "way"), UPDATES)
def test_update(place: Place, row: str, way: str) -> None:
    """No row can be set afterwards, whichever way a request goes about it; what is stored stays."""
    rows = {**{key: row[:2] for key, row in ROWS.items()}, **MOVES, "by annotation": (profile, f"{APPARMOR}main")}
    before, wanted = place.stored, bare(place.stored)
    change, path = rows[row]
    change(wanted)

    check(WAYS[way](place.rest, place.path, before, wanted), path.rpartition("]")[2])
    assert before["spec"] == place.stored["spec"]


@pytest.mark.parametrize("way", [way for way in WAYS if way != "apply"])
def test_variable_twice(place: Place, way: str) -> None:
    """A variable that stands twice is validated by the one that counts."""
    before, wanted = place.stored, bare(place.stored)
    twice(wanted)
    # A strategic merge patch knows one variable of a name; so does applying on the server.
    reply = WAYS[way](place.rest, place.path, before, wanted)

    check(reply, f'.{FIRST}.env[0] (A): "mine"')


@pytest.mark.parametrize("way", WAYS)
def test_taking_away(place: Place, way: str) -> None:
    """What the Environment injected comes back, and so does what the submitter had written like it."""
    name = Kube.unique("d")
    item = made("Deployment", place.project, place.environment, name, command=["env"])
    put(spec(item), ("securityContext", "runAsUser"), 1000)
    before = place.apply(item)
    wanted = bare(before)
    main(wanted)["command"], main(wanted)["workingDir"] = [], ""
    spec(wanted)["securityContext"] = {}
    after = passed(WAYS[way](place.rest, at("Deployment", place.project, name), before, wanted))

    assert before["spec"]["template"]["spec"] == after["spec"]["template"]["spec"]


def test_kubectl(place: Place) -> None:
    """``kubectl set``, ``patch``, ``apply`` and ``rollout undo`` get the same answer."""
    run, project = place.kube.refused, f"--namespace={place.project}"
    text = json.dumps(made("Deployment", place.project, place.environment, "stored", image="mine"))
    patch = json.dumps({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "mine"}]}}}})

    assert 'containers[0].image: "mine"' in run("set", "image", "deployment/stored", "main=mine", project)
    assert 'containers[0].env[0] (A): "mine"' in run(
        "set", "env", "deployment/stored", "--containers=main", "A=mine", project
    )
    for kind in ("strategic", "merge"):
        assert 'image: "mine"' in run("patch", "deployment", "stored", f"--type={kind}", "-p", patch, project)
    for way in ([], ["--server-side", "--force-conflicts"]):
        assert 'containers[0].image: "mine"' in run("apply", *way, "-f", "-", stdin=text)


def test_rollout_undo(place: Place) -> None:
    """A revision from before the reference does not bring its own image back."""
    name = Kube.unique("d")
    place.kube.apply(made("Deployment", place.project, None, name, image="mine"))
    path = at("Deployment", place.project, name)
    place.kube.until("a revision", lambda: "deployment.kubernetes.io/revision" in str(place.rest.get(path).body))
    place.kube.apply(made("Deployment", place.project, place.environment, name))
    place.kube.until("another", lambda: '"2"' in json.dumps(place.rest.get(path).body["metadata"]["annotations"]))

    said = place.kube.refused("rollout", "undo", f"deployment/{name}", f"--namespace={place.project}")
    assert 'containers[0].image: "mine"' in said


def forged(item: Object) -> Object:
    """Return a workload whose record has no field that may not be overridden and nothing injected."""
    out = bare(item)
    records = json.loads(item["metadata"]["annotations"][names.RECORD])
    lies = {key: {**entry, "locked": [], "put": [], "seen": []} for key, entry in records.items()}
    out["metadata"]["annotations"][names.RECORD] = json.dumps(lies)
    out["spec"]["template"]["metadata"]["annotations"][names.RECORD] = json.dumps(next(iter(lies.values())))
    return out


@pytest.mark.parametrize("way", WAYS)
def test_forged_record(place: Place, way: str) -> None:
    """A record that a request brings is ignored, with an override or without."""
    before = place.stored
    false, evil = forged(before), forged(before)
    main(evil)["image"] = "mine"
    after = passed(WAYS[way](place.rest, place.path, before, false))

    assert before["metadata"]["annotations"][names.RECORD] == after["metadata"]["annotations"][names.RECORD]
    assert before["spec"]["template"] == after["spec"]["template"]
    check(WAYS[way](place.rest, place.path, before, evil), f'.{FIRST}.image: "mine"')


def test_record_of_a_copy(place: Place) -> None:
    """A record that comes with a new object is worth nothing either."""
    copied = forged(place.stored)
    copied["metadata"]["name"] = "copied"
    main(copied)["securityContext"] = {"privileged": True}

    check(place.create(copied, DRY), f".{FIRST}.{OWN}.privileged: true")


RECORD = {"metadata": {"annotations": {names.RECORD: "{}"}}}
OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "x", "controller": True}


@pytest.mark.parametrize(
    "change", [RECORD, {"metadata": {"labels": {names.REFERENCE: None}}}, {"metadata": {"ownerReferences": [OWNER]}}]
)
@pytest.mark.parametrize("kind", ["StatefulSet", "Job", "ReplicaSet"])
def test_through_the_status(place: Place, kind: str, change: Object) -> None:
    """A request to the status changes no record, reference or owner, which calls no webhook."""
    name = Kube.unique("w")
    before = passed(place.create(made(kind, place.project, place.environment, name)))
    reply = place.rest.patch(at(kind, place.project, name, "/status"), change)

    check(reply, f'{kind} "{name}": a request to its status cannot change labels or annotations')
    after = passed(place.rest.get(at(kind, place.project, name)))
    assert before["metadata"]["annotations"] == after["metadata"]["annotations"]
    others = {"metadata": {"annotations": {"example.org/a": "b"}}}
    passed(place.rest.patch(at(kind, place.project, name, "/status"), others))


@pytest.mark.parametrize(
    "marks",
    [
        {"labels": {names.INJECTED_FROM: None, names.TOKEN: None}},
        {"labels": {names.INJECTED_FROM: "other", names.TOKEN: "stolen00"}},
        {"annotations": {names.GUARDED: None}},
        {"annotations": {names.GUARDED: "main;Args"}},
    ],
)
def test_marks_of_the_pods(place: Place, marks: Object) -> None:
    """The marks by which running Pods are guarded come back when somebody changes them, with nothing else changed."""
    before = place.stored
    after = passed(place.rest.patch(place.path, {"spec": {"template": {"metadata": marks}}}))
    for found in (before, after):
        del found["spec"]["template"]["metadata"]["annotations"][names.RECORD]

    assert before["spec"]["template"] == after["spec"]["template"]
    assert "main;" in after["spec"]["template"]["metadata"]["annotations"][names.GUARDED]


@pytest.mark.parametrize("way", WAYS)
def test_owner_of_a_workload(place: Place, way: str) -> None:
    """A workload is not given to a controller, whose changes are not validated, with or without another change."""
    other = passed(place.create(made("ReplicaSet", place.project, None, Kube.unique("rs"), image="x")))["metadata"]
    before, taken = place.stored, bare(place.stored)
    taken["metadata"]["ownerReferences"] = [{**OWNER, "name": other["name"], "uid": other["uid"]}]
    evil = copy.deepcopy(taken)
    main(evil)["image"] = "mine"

    for wanted in (taken, evil):
        check(WAYS[way](place.rest, place.path, before, wanted), "cannot become owned by a controller")


def test_owner_that_does_not_exist(place: Place) -> None:
    """A new Pod with an owner has nothing of the Environment and is not its user; without the owner it goes."""
    name, environment = Kube.unique("pod"), place.publish()
    pod = made("Pod", place.project, environment, name, image="mine")
    pod["metadata"]["ownerReferences"] = [{**OWNER, "uid": "b5a0a5a0-0000-4000-8000-000000000000"}]
    created = passed(place.create(pod))
    passed(place.create(made("Pod", place.project, environment, Kube.unique("pod"))))

    assert names.RECORD not in created["metadata"].get("annotations", {})
    assert names.INJECTED_FROM not in created["metadata"]["labels"]
    place.kube.until_used(environment, 1)
    place.kube.until_gone("pod", name, place.project)


def test_what_may_be_overridden(place: Place) -> None:
    """Where the field is overridable, the workload's own wins; only an author decides what is."""
    everything = ["Image", "Command", "Args", "Env", "WorkingDir", "User", "Security"]
    name = place.publish(**{**STRICT, "overridable": everything})
    for change, path, *_ in ROWS.values():
        item = made("Deployment", place.project, name, Kube.unique("d"))
        change(item)
        stored = passed(place.create(item, DRY))
        dotted = functools.reduce(lambda found, printed: found.replace(*printed), PRINTED.items(), path)
        keys = ("spec", *dotted.split("."))
        assert get(template(item), keys) == get(template(stored), keys)


def test_required_variable(place: Place) -> None:
    """A variable that has to be filled in is asked for, and cannot be emptied afterwards."""
    environment = place.publish(env=[{"name": "A", "required": True}])
    said = f'Environment "{environment}" requires a value for variable A. Set it in env'
    check(place.create(made("Deployment", place.project, environment), DRY), f".{FIRST}.env: ", said)
    name = Kube.unique("d")
    filled = made("Deployment", place.project, environment, name, env=[{"name": "A", "value": "x"}])
    before = place.apply(filled)
    for way in WAYS.values():
        wanted = bare(before)
        main(wanted)["env"] = [{"name": "A"}]
        check(way(place.rest, at("Deployment", place.project, name), before, wanted), said)


@pytest.fixture
def other(rest: Rest, place: Place) -> Iterator[Neighbour]:
    """Return another webhook that is called after ours in the project."""
    with neighbour(rest, place.project) as found:
        yield found


def mesh(item: Object) -> None:
    """Add what a service mesh adds to Pods: a proxy in front with its own user, and an init container with rights."""
    if item["kind"] != "Pod":
        return
    rights = context(runAsUser=0, runAsGroup=0, runAsNonRoot=False, capabilities={"add": ["NET_ADMIN", "NET_RAW"]})
    init = {"name": "mesh-init", "image": "mesh", **rights}
    proxy = {"name": "mesh-proxy", "image": "mesh", **context(runAsUser=1337, runAsGroup=1337)}
    names_ = [c["name"] for c in spec(item)["containers"]]
    if proxy["name"] not in names_:
        spec(item)["containers"].insert(0, proxy)
        spec(item)["initContainers"] = [*spec(item).get("initContainers", ()), init]


def mirror(item: Object) -> None:
    """Have the images of all containers but the main one come from a mirror."""
    for container in (*spec(item)["containers"], *spec(item).get("initContainers", ())):
        if container["name"] != "main":
            container["image"] = f"mirror.example/{container['image'].removeprefix('mirror.example/')}"


@pytest.mark.parametrize("kind", ["Pod", "Deployment"])
def test_sidecars_of_others(place: Place, other: Neighbour, kind: str) -> None:
    """A service mesh puts its containers into a Pod, first in the list and with rights; the Pod goes on like that."""
    other.changes = mesh
    name = Kube.unique("w")
    stored = passed(place.create(made(kind, place.project, place.environment, name)))
    path = at(kind, place.project, name)
    again = passed(place.rest.patch(path, {"metadata": {"labels": {"a": "b"}}}))

    assert ["env"] == main(stored)["command"]
    if kind == "Pod":
        assert ["mesh-proxy", "main"] == [c["name"] for c in spec(again)["containers"]]
        assert "command" not in spec(again)["containers"][0]
        assert ["NET_ADMIN", "NET_RAW"] == spec(again)["initContainers"][0]["securityContext"]["capabilities"]["add"]


def test_own_sidecar_with_rights(place: Place, other: Neighbour) -> None:
    """The same containers from the submitter are validated, also next to those of a service mesh."""
    other.changes = mesh
    pod = made("Pod", place.project, place.environment)
    spec(pod)["initContainers"] = [{"name": "mine", "image": "x", **context(capabilities={"add": ["NET_ADMIN"]})}]

    check(place.create(pod, DRY), f'spec.initContainers[0].{OWN}.capabilities.add: ["NET_ADMIN"]')


def test_image_mirror(place: Place, other: Neighbour) -> None:
    """A mirror for the images of other containers is nobody's business, at CREATE and afterwards."""
    other.changes = mirror
    name = Kube.unique("d")
    item = made("Deployment", place.project, place.environment, name)
    sidecar("containers")(item)
    sidecar("initContainers")(item)
    spec(item)["initContainers"][0]["name"] = "y"
    stored = passed(place.create(item))
    scaled = passed(place.rest.patch(at("Deployment", place.project, name), {"spec": {"replicas": 2}}))

    for found in (stored, scaled):
        assert "mirror.example/x" == spec(found)["containers"][1]["image"] == spec(found)["initContainers"][0]["image"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda item: main(item).update(image="mirror.example/x"), f'.{FIRST}.image: "mirror.example/x"'),
        (lambda item: main(item).update(context(privileged=True)), f".{FIRST}.{OWN}.privileged: true"),
        (lambda item: main(item).pop("workingDir"), f'.{FIRST}.workingDir: "/env" from'),
        (lambda item: spec(item).update(securityContext={}), f"{OWN}.runAsUser: 1000 from"),
        (lambda item: item["metadata"]["annotations"].pop(names.RECORD), "was not injected"),
    ],
    ids=["image", "privileged", "working dir taken away", "user taken away", "record taken away"],
)
@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
def test_overriding_by_another_webhook(place: Place, other: Neighbour, kind: str, change: Change, words: str) -> None:
    """What another webhook does to the main container afterwards is refused like anybody's override."""
    other.changes = change

    check(place.create(made(kind, place.project, place.environment), DRY), words)


def test_update_by_another_webhook(place: Place, other: Neighbour) -> None:
    """What another webhook does to the main container in an update is refused too, in an update for any purpose."""
    other.changes = setting(f"{MAIN}.{OWN}.privileged", True)

    check(place.rest.patch(place.path, {"spec": {"replicas": 3}}), f".{FIRST}.{OWN}.privileged: true")


@pytest.mark.parametrize("record", [False, True])
def test_reference_by_another_webhook(place: Place, other: Neighbour, record: bool) -> None:
    """A reference that comes after we had our turn is refused, and the words say why; a false record does not help."""

    def refer(changed: Object) -> None:
        put(changed, ("metadata", "labels", names.REFERENCE), place.environment)

    other.changes = refer
    item = made("Deployment", place.project, None, image="mine")
    if record:
        item["metadata"]["annotations"] = forged(place.stored)["metadata"]["annotations"]

    said = f'Environment "{place.environment}" was not injected: label'
    check(place.create(item, DRY), said, "order that webhook first")


def test_webhook_that_leaves_us_alone(place: Place, other: Neighbour) -> None:
    """A webhook that changes resources, scheduling and labels is not in the way."""

    def change(item: Object) -> None:
        mark(item)
        main(item)["resources"] = {"requests": {"cpu": "100m"}}
        spec(item).update(nodeSelector={"pool": "gpu"}, tolerations=[{"operator": "Exists"}], priority=None)

    other.changes = change
    stored = passed(place.create(made("Pod", place.project, place.environment), DRY))
    assert ("yes", {"pool": "gpu"}) == (stored["metadata"]["annotations"][MARK], spec(stored)["nodeSelector"])


def test_restricted_namespace(kube: Kube, project: str) -> None:
    """What the strictest Pod Security Standard demands of every container overrides nothing."""
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    passed(kube.rest.patch(f"/api/v1/namespaces/{project}", label))
    name = kube.unique("env")
    passed(kube.rest.create(ENVIRONMENTS, manifest(name, security={}, user={"source": "Custom", "uid": 1000})))
    demanded = context(
        allowPrivilegeEscalation=False,
        runAsNonRoot=True,
        capabilities={"drop": ["ALL"]},
        seccompProfile={"type": "RuntimeDefault"},
    )
    pod = made("Pod", project, name, **demanded)
    sidecar("containers", **demanded)(pod)

    passed(kube.rest.create(at("Pod", project), pod))
    plain = made("Pod", project, name, "plain")
    assert "violates PodSecurity" in kube.rest.create(at("Pod", project), plain).message


def test_autoscaler(kube: Kube, project: str) -> None:
    """A HorizontalPodAutoscaler scales a workload that is guarded."""
    name = kube.unique("env")
    kube.apply(manifest(name, **STRICT), made("Deployment", project, name, "scaled"))
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "scaler", "namespace": project},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"},
            "minReplicas": 3,
            "maxReplicas": 5,
        },
    }
    kube.apply(scaler)

    path = at("Deployment", project, "scaled")
    kube.until("the autoscaler", lambda: kube.rest.get(path).body["spec"]["replicas"] == 3)


def test_queue(kube: Kube, project: str) -> None:
    """A queue like Kueue suspends a Job, chooses nodes for it and starts it, under an account without any claims."""
    name = kube.unique("env")
    passed(kube.rest.create(ENVIRONMENTS, manifest(name, **STRICT)))
    job = made("Job", project, name)
    job["spec"]["suspend"] = True
    passed(kube.rest.create(at("Job", project), job))
    queue = Rest(kube.cluster.kubeconfig, user="system:serviceaccount:queue:queue", groups=("system:masters",))
    chosen = {"nodeSelector": {"pool": "gpu"}, "tolerations": [{"key": "gpu", "operator": "Exists"}]}
    labels = {"metadata": {"labels": {"queue": "a"}}, "spec": chosen}
    path = at("Job", project, "w")
    passed(queue.patch(path, {"spec": {"template": labels}}))
    started = passed(queue.patch(path, {"spec": {"suspend": False}}))
    passed(queue.patch(path, {"spec": {"suspend": True}}))
    queue.close()

    assert chosen == {key: spec(started)[key] for key in chosen}
    assert ["env"] == main(started)["command"]


def test_nothing_else(place: Place) -> None:
    """Scaling, restarting, pausing, further containers, resources, volumes and probes are nobody's business."""
    name = Kube.unique("d")
    passed(place.create(made("Deployment", place.project, place.environment, name)))
    path, project = at("Deployment", place.project, name), f"--namespace={place.project}"
    for arguments in (["scale", "--replicas=2"], ["rollout", "restart"], ["rollout", "pause"], ["rollout", "resume"]):
        verb, *options = arguments
        sub = [options.pop(0)] if verb == "rollout" else []
        place.kube.kubectl(verb, *sub, f"deployment/{name}", *options, project)
    wanted = bare(passed(place.rest.get(path)))
    main(wanted).update(
        resources={"limits": {"cpu": "1"}},
        livenessProbe={"exec": {"command": ["true"]}},
        volumeMounts=[{"name": "v", "mountPath": "/v"}],
        env=[*main(wanted)["env"], {"name": "MORE", "value": "x"}],
    )
    spec(wanted).update(volumes=[{"name": "v", "emptyDir": {}}], nodeSelector={"a": "b"}, hostUsers=False)
    sidecar("containers", command=["sleep"], **context(runAsUser=1000, readOnlyRootFilesystem=True))(wanted)
    sidecar("initContainers", **context(capabilities={"drop": ["ALL"], "add": ["CHOWN"]}))(wanted)
    spec(wanted)["initContainers"][0]["name"] = "y"
    for way in WAYS.values():
        passed(way(place.rest, f"{path}", passed(place.rest.get(path)), wanted))
