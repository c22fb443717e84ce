"""Objects that hold nonsense where the operator looks, stored while nobody was asked about them.

The operator that finds them is neither ended nor held up by them; and they live on while it is down, since no
expression of the webhook configuration fails on them.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product

import pytest

from builders import KINDS, manifest, template_path, workload
from cluster import Cluster, manifests
from cluster.rest import Reply, Rest
from environment_operator.api import names
from environment_operator.kinds.paths import get, put
from environment_operator.kinds.table import Kind
from kube import ENVIRONMENTS, Kube, Object, Operator, path_of

PROGRAMS = ("operator", "webhook")
NOBODY = "nobody-has-this-name"
NOWHERE = ["spec", "containers", NOBODY, "image"]
ENTRY = {"v": 1, "env": "e", "generation": 1, "hash": "h", "token": "tokentok", "put": [NOWHERE]}

# What stands in the metadata with a reference to FOUND. FOUND, LATE and HERE are filled in.
FOUND, LATE, HERE = "an-environment", "one-that-comes-later", "path/to/the/template"
ODD: dict[str, Object] = {
    "large annotation": {"annotations": {"example.org/large": "ä" * 50_000}},
    "empty annotations": {"annotations": dict.fromkeys((names.RECORD, names.REFRESH, names.CONTAINER), "")},
    "empty reference": {"labels": {names.REFERENCE: ""}},
    "reference to nobody": {"labels": {names.REFERENCE: NOBODY}},
    "reference to one that comes later": {"labels": {names.REFERENCE: LATE}},
    "roles of nobody": {"labels": {f"{names.ROLE_REFERENCE}a": "", f"{names.ROLE_REFERENCE}b": LATE}},
    "role alone": {"labels": {names.REFERENCE: None, f"{names.ROLE_REFERENCE}a": FOUND}},
    "very many roles": {"labels": {f"{names.ROLE_REFERENCE}{n}": FOUND for n in range(400)}},
    "record that is no JSON": {"annotations": {names.RECORD: "{", names.CONTAINER: NOBODY}},
    "record without an end": {"annotations": {names.RECORD: "[" * 10_000}},
    "record without a container": {"annotations": {names.RECORD: json.dumps({HERE: ENTRY})}},
}

REPLICAS: Object = {"spec": {"replicas": 1}}
# How an object of each kind is scaled or stopped, and what its controller may say about it.
LIFE: dict[str, tuple[Object, Object]] = {
    "Pod": ({"spec": {"activeDeadlineSeconds": 1000}}, {"status": {"message": "x"}}),
    "PodTemplate": ({}, {}),
    "ReplicationController": (REPLICAS, {"status": {"replicas": 1}}),
    "DaemonSet": ({"spec": {"minReadySeconds": 1}}, {"status": {"numberReady": 1}}),
    "Deployment": (REPLICAS, {"status": {"replicas": 1}}),
    "ReplicaSet": (REPLICAS, {"status": {"replicas": 1}}),
    "StatefulSet": (REPLICAS, {"status": {"replicas": 1}}),
    "CronJob": ({"spec": {"suspend": True}}, {"status": {"lastScheduleTime": "2020-01-01T00:00:00Z"}}),
    "Job": ({"spec": {"parallelism": 2}}, {"status": {"ready": 0}}),
}
SCALED = [kind for kind, (change, _) in LIFE.items() if change is REPLICAS]
MARKED: Object = {"metadata": {"labels": {"example.org/a": "b"}, "annotations": {"example.org/c": "d"}}}


def name(case: str) -> str:
    """Return the name of an object."""
    return case.lower().replace(" ", "-")


def check(reply: Reply, *what: str) -> None:
    """Require that a request was accepted."""
    assert reply.ok, f"{', '.join(what)}: {reply.status} {reply.message}"


@dataclass(frozen=True)
class Nonsense:
    """Where the objects are, one of every kind and case, and the Environments that they refer to."""

    kube: Kube
    project: str
    found: str
    late: str

    def path(self, kind: Kind, case: str) -> str:
        """Return the URL path of one of them."""
        return path_of(kind, self.project, name(case))

    def create(self, kind: Kind, case: str) -> None:
        """Create one of them; controllers make nothing of it by themselves."""
        made = workload(kind.kind, name(case), self.project, self.found)
        text = json.dumps(ODD[case]).replace(FOUND, self.found).replace(LATE, self.late)
        odd = json.loads(text.replace(HERE, "/".join(template_path(kind)) or "."))
        labels = made["metadata"]["labels"] | odd.get("labels", {})
        made["metadata"] |= odd | {"labels": {key: value for key, value in labels.items() if value is not None}}
        if kind.keeps_revisions and (record := odd.get("annotations", {}).get(names.RECORD)):
            put(made, (*template_path(kind), "metadata", "annotations"), {names.RECORD: record})
        if kind.kind in SCALED:
            made["spec"]["replicas"] = 0
        if kind.kind == "Job":
            made["spec"]["suspend"] = True
        check(self.kube.rest.create(path_of(kind, self.project), made), case)

    def answered(self) -> str:
        """Return what is answered about an object that refers to nobody, empty where no webhook is called."""
        stray = workload("PodTemplate", "stray", self.project, NOBODY)
        reply = self.kube.rest.create(f"{path_of(KINDS['podtemplates'], self.project)}?dryRun=All", stray)
        return " ".join(reply.warnings) if reply.ok else reply.message

    def processes(self) -> list[int | None]:
        """Return the processes of the operator."""
        return [self.kube.cluster.pid(program) for program in PROGRAMS]


@pytest.fixture(scope="module")
def stored(cluster: Cluster, rest: Rest, operator: Operator) -> Iterator[Nonsense]:
    """Return the objects, stored while the webhook was not configured and the operator down; then it starts."""
    made = Nonsense(Kube(cluster, rest), *(Kube.unique(word) for word in ("nonsense", "found", "late")))
    check(rest.create("/api/v1/namespaces", {"metadata": {"name": made.project}}))
    check(rest.create(ENVIRONMENTS, manifest(made.found)))
    account = f"/api/v1/namespaces/{made.project}/serviceaccounts/default"
    made.kube.until("the default account", lambda: rest.get(account).ok)
    operator.cluster.stop_operator()
    try:
        with unconfigured(made):
            for kind, case in product(KINDS.values(), ODD):
                made.create(kind, case)
    finally:
        operator.start()
    made.kube.until("the webhook to be asked", lambda: "does not exist" in made.answered())
    yield made
    rest.delete(f"/api/v1/namespaces/{made.project}")


@contextmanager
def unconfigured(stored: Nonsense) -> Iterator[None]:
    """Have nobody asked about workloads for a while."""
    rest = stored.kube.rest
    before = manifests.configurations(rest)
    for path in before:
        rest.delete(path)
    stored.kube.until("nobody to be asked", lambda: not stored.answered())
    try:
        yield
    finally:
        for path, found in before.items():
            metadata = {key: found["metadata"][key] for key in ("name", "labels")}
            check(rest.create(path.rpartition("/")[0], {"metadata": metadata, "webhooks": found["webhooks"]}))


@pytest.fixture(scope="module")
def started(stored: Nonsense) -> tuple[list[int | None], int]:
    """Return the processes of the operator, and how often it failed, before anything is asked of it."""
    return stored.processes(), failures(stored)


def failures(stored: Nonsense) -> int:
    """Return how often the webhook failed to answer a request."""
    admissions = stored.kube.admissions()
    return sum(count for what, count in admissions.items() if what.endswith((" error", " malformed")))


def test_count(stored: Nonsense) -> None:
    """Every object that refers to an Environment is counted, also when the Environment came later."""
    check(stored.kube.rest.create(ENVIRONMENTS, manifest(stored.late)))
    references = [odd.get("labels", {}).get(names.REFERENCE, FOUND) for odd in ODD.values()]

    stored.kube.until_used(stored.found, references.count(FOUND) * len(KINDS))
    # A label for one role means nothing where there are no roles.
    stored.kube.until_used(stored.late, len(KINDS))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_changed(stored: Nonsense, started: tuple[list[int | None], int], kind: Kind) -> None:
    """What runs can be changed, the reference removed or added again; the operator fails over none of it."""
    for case in ODD:
        path = f"{stored.path(kind, case)}?dryRun=All"
        if kind.kind != "Job":
            check(stored.kube.rest.patch(path, another_image(kind), "json"), case, "image")
        freed(stored, kind, path, case)
        if not kind.template_immutable:
            bound(stored, kind, path, case)

    assert started == (stored.processes(), failures(stored))


def another_image(kind: Kind) -> list[Object]:
    """Return the patch that has the container run another image."""
    place = "/".join(("", *template_path(kind), "spec/containers/0/image"))
    return [{"op": "replace", "path": place, "value": "registry.example/another:1"}]


def freed(stored: Nonsense, kind: Kind, path: str, case: str) -> None:
    """Take the reference away: nothing was injected."""
    check(stored.kube.rest.patch(path, {"metadata": {"labels": {names.REFERENCE: None}}}), kind.kind, case)


def bound(stored: Nonsense, kind: Kind, path: str, case: str) -> None:
    """Refer to an Environment, and to a container that exists: it is injected."""
    mended = {"labels": {names.REFERENCE: stored.late}, "annotations": {names.CONTAINER: None, names.REFRESH: "now"}}
    reply = stored.kube.rest.patch(path, {"metadata": mended})
    check(reply, case, "reference")

    assert stored.late == get(reply.body, template_path(kind))["metadata"]["labels"][names.INJECTED_FROM]


@pytest.fixture(scope="module")
def down(stored: Nonsense, operator: Operator) -> Iterator[None]:
    """Have both roles down."""
    operator.cluster.stop_operator()
    assert f".environment-operator.{names.GROUP}" in stored.answered()
    yield
    operator.start()
    manifests.await_admission(operator.cluster.layout)


@pytest.mark.usefixtures("down")
@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_life_without_the_operator(stored: Nonsense, kind: Kind) -> None:
    """With the operator down, an object with any nonsense is annotated, scaled, stopped, reported on and deleted."""
    for case in ODD:
        live(stored, kind, case)
    for case in ODD:
        # In the foreground, for which the garbage collector has to change them.
        check(stored.kube.rest.delete(f"{stored.path(kind, case)}?propagationPolicy=Foreground"), case, "delete")
    for case in ODD:
        path = stored.path(kind, case)
        stored.kube.until(f"{path} to be gone", partial(gone, stored, path))


def gone(stored: Nonsense, path: str) -> bool:
    """Return whether there is nothing at a path."""
    return stored.kube.rest.get(path).status == 404


def live(stored: Nonsense, kind: Kind, case: str) -> None:
    """Annotate, scale and stop an object, and write its status as its controller would."""
    rest, path = stored.kube.rest, stored.path(kind, case)
    change, status = LIFE[kind.kind]
    check(rest.patch(path, MARKED), case, "label and annotate")
    check(rest.patch(path, change), case, "scale or stop")
    if kind.kind in SCALED:
        check(rest.patch(f"{path}/scale", {"spec": {"replicas": 0}}), case, "scale by subresource")
    if status:
        check(rest.patch(f"{path}/status", status), case, "status")
