"""Attacks with very many labels, and with what a controller keeps of a workload."""

import time
from collections.abc import Iterator

import pytest

from builders import manifest
from cluster import Cluster
from cluster.rest import Reply, Rest
from environment_operator.api import names
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
        # Two policies refuse it, and the API server names one of them.
        assert refuses(kube.rest.patch(f"{path}/grows/status", what), "ValidatingAdmissionPolicy")
    late = somebody.patch(f"{path}/free", {"metadata": {"labels": {names.REFERENCE: environment}}})
    assert not late.ok
    assert somebody.patch(f"{path}/free", grown).ok
    for name in ("grows", "free"):
        assert somebody.patch(f"{path}/{name}", {"metadata": {"finalizers": None}}).ok
        assert somebody.delete(f"{path}/{name}?gracePeriodSeconds=0").ok


SIZE = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/{names.GROUP}-size"


def test_stored_with_too_many(kube: Kube, somebody: Rest, project: str) -> None:
    """What has had a reference and more labels since before the policy is changed, shrunk and deleted as ever."""
    environment, path = kube.unique("env"), f"/api/v1/namespaces/{project}/pods"
    assert kube.rest.create(ENVIRONMENTS, manifest(environment)).ok
    kube.until_ready(environment)
    binding = kube.rest.get(SIZE).body
    assert kube.rest.delete(SIZE).ok
    try:
        large = pod("large", many(700), environment)
        kube.until("the policy to be gone", lambda: somebody.create(f"{path}?dryRun=All", large).ok)
        assert somebody.create(path, large).ok
    finally:
        meta = {"name": binding["metadata"]["name"], "labels": binding["metadata"].get("labels", {})}
        assert kube.rest.create(SIZE.rpartition("/")[0], {**binding, "metadata": meta}).ok
    grown = {"metadata": {"labels": {"example.org/more": "a"}}}
    kube.until(
        "the policy to be back", lambda: refuses(somebody.patch(f"{path}/large?dryRun=All", grown), "at most 500")
    )

    changes: list[Object] = [
        {"metadata": {"labels": {"example.org/l1": "b"}}},
        {"metadata": {"labels": {"example.org/l2": None, "example.org/more": "a"}}},
        {"metadata": {"labels": dict.fromkeys((f"example.org/l{n}" for n in range(3, 103)), None)}},
        {"spec": {"activeDeadlineSeconds": 9}},
        {"metadata": {"finalizers": None}},
    ]
    for change in changes:
        answer = somebody.patch(f"{path}/large", change)
        assert answer.ok, (change, answer.message)
    assert kube.rest.delete(f"/api/v1/namespaces/{project}").ok
    kube.until("the namespace to be gone", lambda: kube.rest.get(f"/api/v1/namespaces/{project}").status == 404)


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


OWNERS = {"StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "LeaderWorkerSet": "leaderworkerset.x-k8s.io/v1"}


def of(owner: str) -> Object:
    """Return a ControllerRevision with one of our marks that belongs to a workload."""
    made = revision("forged", "label")
    head = {"apiVersion": OWNERS[owner], "kind": owner, "name": "w", "uid": "x"}
    made["metadata"]["ownerReferences"] = [{**head, "controller": True}]
    return made


def with_roles(kube: Kube, cluster: Cluster, project: str, *extra: Object, of_kubernetes: str) -> Person:
    """Return somebody who has a role of Kubernetes in a project, and may write revisions there."""
    person, can = Person(cluster, unique("mallory")), unique("writes")
    made = role(can, ("apps", "controllerrevisions", ["*"], ()))
    made["rules"] += extra
    create(kube.rest, made, bind(person, can, project), bind(person, of_kubernetes, project))
    person.await_right("create", "controllerrevisions.apps", namespace=project)
    person.await_right("create", "deployments.apps", namespace=project)
    return person


@pytest.mark.parametrize("of_kubernetes", ["edit", "admin"])
def test_revisions_by_role(kube: Kube, project: str, cluster: Cluster, of_kubernetes: str) -> None:
    """Neither edit nor admin gives what a controller has, whose workload it is; the right to write a status does."""
    path = f"{SETS}/namespaces/{project}/controllerrevisions?dryRun=All"
    person = with_roles(kube, cluster, project, of_kubernetes=of_kubernetes)
    for owner in OWNERS:
        assert refuses(person.rest.create(path, of(owner)), "only its controller creates, changes and deletes it")
    status: Object = {"apiGroups": ["apps"], "resources": ["daemonsets/status"], "verbs": ["update"]}
    controller = with_roles(kube, cluster, project, status, of_kubernetes=of_kubernetes)

    kube.until("the right", lambda: controller.rest.create(path, of("DaemonSet")).ok)
    assert refuses(controller.rest.create(path, of("StatefulSet")), "only its controller")
