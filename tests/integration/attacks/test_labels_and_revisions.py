"""Attacks with very many labels, and with what a controller keeps of a workload."""

import time
from collections.abc import Iterator

import pytest

from builders import manifest
from cluster import Cluster
from cluster.rest import Reply, Rest
from environment_operator import names
from kube import ENVIRONMENTS, Kube, Object
from people import Person, bind, create, refuses, role, unique

FOREIGN = "example.org/keeps-it"
RECORD = {names.RECORD: "x"}
SETS = "/apis/apps/v1"
CONTROLLERS = ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:masters")


@pytest.fixture
def somebody(kube: Kube, cluster: Cluster, project: str) -> Iterator[Rest]:
    """Return a connection of somebody who may write workloads and revisions in one project."""
    person, can = Person(cluster, unique("eve")), unique("writes")
    create(
        kube.rest,
        role(can, ("apps", "controllerrevisions", ["*"], ()), ("", "pods", ["*"], ())),
        bind(person, can, project),
    )
    person.await_right("delete", "controllerrevisions.apps", namespace=project)
    person.await_right("create", "pods", namespace=project)
    yield person.rest
    person.rest.close()


def many(count: int) -> dict[str, str]:
    """Return labels."""
    return {f"example.org/l{n}": "a" for n in range(count)}


def pod(name: str, labels: dict[str, str], environment: str = "") -> Object:
    """Return a Pod with a foreign finalizer."""
    reference = {names.REFERENCE: environment} if environment else {}
    meta = {"name": name, "labels": {**labels, **reference}, "finalizers": [FOREIGN]}
    return {"metadata": meta, "spec": {"containers": [{"name": "main", **({} if environment else {"image": "a:1"})}]}}


def seconds(rest: Rest, path: str, patch: Object) -> float:
    """Return how long the API server took for a change that it accepts."""
    before = time.perf_counter()
    answer = rest.patch(path, patch)
    assert answer.ok, answer.message
    return time.perf_counter() - before


def test_many_labels(kube: Kube, project: str, somebody: Rest) -> None:
    """A reference on an object with more than 500 labels and annotations is refused, whichever comes first."""
    environment, path = kube.unique("env"), f"/api/v1/namespaces/{project}/pods"
    assert kube.rest.create(ENVIRONMENTS, manifest(environment)).ok
    kube.until_ready(environment)
    assert refuses(somebody.create(path, pod("new", many(501), environment)), "at most 500")
    assert somebody.create(path, pod("grows", many(400), environment)).ok
    assert somebody.create(path, pod("free", many(5000))).ok
    grown = {"metadata": {"labels": {f"example.org/m{n}": "a" for n in range(200)}}}
    annotated = {"metadata": {"annotations": {f"example.org/m{n}": "a" for n in range(200)}}}

    for what in (grown, annotated):
        assert refuses(somebody.patch(f"{path}/grows", what), "at most 500")
        assert refuses(kube.rest.patch(f"{path}/grows/status", what), "at most 500")
    late = somebody.patch(f"{path}/free", {"metadata": {"labels": {names.REFERENCE: environment}}})
    assert not late.ok
    assert somebody.patch(f"{path}/free", grown).ok
    for name in ("grows", "free"):
        assert somebody.patch(f"{path}/{name}", {"metadata": {"finalizers": None}}).ok
        assert somebody.delete(f"{path}/{name}?gracePeriodSeconds=0").ok


def test_cost_of_many_labels(kube: Kube, project: str) -> None:
    """A change of an object with as many labels as may be costs about what it costs without a reference."""
    environment, path = kube.unique("env"), f"/api/v1/namespaces/{project}/pods"
    assert kube.rest.create(ENVIRONMENTS, manifest(environment)).ok
    kube.until_ready(environment)
    took: dict[str, list[float]] = {"": [], environment: []}
    for name, refers in (("free", ""), ("bound", environment)):
        assert kube.rest.create(path, pod(name, many(480), refers)).ok
        for number in range(10):
            change = {"metadata": {"labels": {"example.org/l1": f"v{number}"}}}
            took[refers].append(seconds(kube.rest, f"{path}/{name}", change))
        assert kube.rest.patch(f"{path}/{name}", {"metadata": {"finalizers": None}}).ok
    without, with_reference = (sorted(took[key])[5] for key in ("", environment))
    print(f"480 labels: {without * 1000:.0f} ms without, {with_reference * 1000:.0f} ms with a reference")  # noqa: T201

    assert with_reference < without + 1


def revision(name: str, where: str) -> Object:
    """Return a ControllerRevision with one of our marks."""
    template = {
        "label": {"metadata": {"labels": {names.INJECTED_FROM: "e"}}},
        "record": {"metadata": {"annotations": RECORD}},
    }.get(where, {"metadata": {}})
    meta: Object = {"name": name, "labels": {names.INJECTED_FROM: "e"} if where == "own label" else {}}
    return {"metadata": meta, "revision": 1, "data": {"spec": {"template": template}}}


@pytest.mark.parametrize("where", ["label", "record", "own label"])
def test_revisions(kube: Kube, project: str, somebody: Rest, cluster: Cluster, where: str) -> None:
    """A revision with our marks is written by controllers alone; any other is free."""
    path = f"{SETS}/namespaces/{project}/controllerrevisions"
    controller = Person(cluster, "system:serviceaccount:kube-system:statefulset-controller", CONTROLLERS)

    def refused(answer: Reply) -> bool:
        return refuses(answer, "only its controller creates, changes and deletes it")

    assert refused(somebody.create(path, revision("forged", where)))
    assert somebody.create(path, revision("free", "")).ok
    assert controller.rest.create(path, revision("kept", where)).ok
    assert refused(somebody.delete(f"{path}/kept"))
    # An update has to bring the data as it is, which is immutable.
    assert refused(somebody.replace(f"{path}/kept", {**revision("kept", where), "revision": 2}))
    assert somebody.replace(f"{path}/free", {**revision("free", ""), "revision": 2}).ok
    marked = revision("free", "")
    marked["metadata"]["labels"] = {names.INJECTED_FROM: "e"}
    assert refused(somebody.replace(f"{path}/free", marked))
    assert somebody.delete(f"{path}/free").ok
    assert controller.rest.delete(f"{path}/kept").ok
    controller.rest.close()
    assert kube.rest.get(path).body["items"] == []
