"""What Kueue does to workloads that name an Environment: kept back, started on a pool of nodes, stopped, started."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from builders import manifest, workload
from cluster.manifests import await_admission
from controllers.lives import DATA, IDS, IMAGE, LIVES, injected, published
from controllers.processes import pods, until_pods
from controllers.queueing import LABEL, POOL, kueue, policy, queue
from environment_operator.kinds.table import BUILTIN
from kube import ENVIRONMENTS, Kube, Object, path_of
from third_party import path, user

THEIRS = {"raycluster": LIVES["raycluster"].made, "rayjob": 3, "pytorchjob": LIVES["pytorchjob"].made}
JOB = next(row for row in BUILTIN if row.kind == "Job")
DEPLOYMENT = next(row for row in BUILTIN if row.kind == "Deployment")


@pytest.fixture(scope="module")
def queues(kube: Kube, controllers: None) -> Iterator[None]:  # noqa: ARG001 - Kueue asks which kinds are defined
    """Have Kueue run, and the controllers whose kinds it queues."""
    with kueue(kube):
        yield


@contextmanager
def operator(kube: Kube, state: str) -> Iterator[None]:
    """Have the operator up or down for a while."""
    if state == "down":
        kube.cluster.stop_operator()
    try:
        yield
    finally:
        kube.cluster.start_operator()
        await_admission(kube.cluster.layout)


def started(kube: Kube, project: str, count: int, name: str) -> None:
    """Wait until a project has so many Pods; each has what the Environment gives and the nodes that Kueue chose."""
    found = until_pods(kube, project, count)
    assert [(IMAGE, (4242, 4343, [5000]), 1, name)] * count == [injected(pod) for pod in found]
    assert [POOL] * count == [pod["spec"].get("nodeSelector") for pod in found]


def built_in(kube: Kube, kind: str, project: str, line: str) -> tuple[str, Object]:
    """Return the name of an Environment, and a workload in a queue that leaves everything to it."""
    name = kube.unique("env")
    kube.apply(manifest(name, user=IDS, env=[DATA]))
    kube.until_ready(name)
    made = workload(kind, "w", project, name)
    made["metadata"]["labels"][LABEL] = line
    del made["spec"]["template"]["spec"]["containers"][0]["image"]
    return name, made


def queueable(made: Object) -> Object:
    """Return a workload of Ray as Kueue's webhooks want it.

    Of a group without parameters they make one with null, which KubeRay's definition refuses; and of a RayJob no Pod
    may be left when it is over.
    """
    cluster = made["spec"].get("rayClusterSpec", made["spec"])
    head = [cluster["headGroupSpec"]] if "headGroupSpec" in cluster else []
    for group in (*head, *cluster.get("workerGroupSpecs", ())):
        group.setdefault("rayStartParams", {})
    if made["kind"] == "RayJob":
        made["spec"]["shutdownAfterJobFinishes"] = True
    return made


@pytest.mark.usefixtures("queues")
@pytest.mark.parametrize("state", ["up", "down"])
@pytest.mark.parametrize("word", ["job", *THEIRS])
def test_queued(kube: Kube, project: str, word: str, state: str) -> None:
    """Kueue keeps it back, starts it, stops it and starts it again; one user is counted until it is deleted."""
    line = queue(kube, project)
    if word == "job":
        name, made = built_in(kube, "Job", project, line)
        where, count = path_of(JOB, project), 1
    else:
        name = published(kube, word)
        made = queueable(user(word, "w", project, name))
        made["metadata"]["labels"][LABEL] = line
        where, count = path(made), THEIRS[word]
    reply = kube.rest.create(where, made)
    assert reply.ok, reply.message
    kube.until_used(name, 1)
    assert [] == pods(kube, project)

    with operator(kube, state):
        for stop, wanted in (("None", count), ("HoldAndDrain", 0), ("None", count)):
            policy(kube, line, stop)
            started(kube, project, wanted, name)
    kube.until_used(name, 1)
    assert [1] == [each["count"] for each in kube.status(name)["usage"]["byKind"]]
    assert kube.rest.delete(f"{where}/w").ok
    kube.until_used(name, 0)
    assert kube.rest.delete(f"{ENVIRONMENTS}/{name}").ok
    kube.until_gone("env", name)


@pytest.mark.usefixtures("queues")
@pytest.mark.parametrize("state", ["up", "down"])
def test_gated(kube: Kube, project: str, state: str) -> None:
    """Each Pod of a Deployment waits for Kueue, which changes the stored Pod; nothing of the Environment is lost."""
    line = queue(kube, project)
    name, made = built_in(kube, "Deployment", project, line)
    made["spec"]["replicas"] = 2
    reply = kube.rest.create(path_of(DEPLOYMENT, project), made)
    assert reply.ok, reply.message
    kube.until_used(name, 1)
    assert [True, True] == [bool(pod["spec"]["schedulingGates"]) for pod in until_pods(kube, project, 2)]

    with operator(kube, state):
        policy(kube, line, "None")
        kube.until("Kueue to let both begin", lambda: not any(map(gated, pods(kube, project))))
        started(kube, project, 2, name)
    kube.until_used(name, 1)
    assert kube.rest.delete(path_of(DEPLOYMENT, project, "w")).ok
    kube.until_used(name, 0)


def gated(pod: Object) -> bool:
    """Say whether a Pod may not be scheduled yet."""
    return bool(pod["spec"].get("schedulingGates"))
