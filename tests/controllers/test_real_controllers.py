"""What the real controllers of other projects make of a workload without image and settings, through its whole life."""

from typing import Any

import pytest

from cluster.manifests import await_admission
from controllers.lives import IMAGE, LIVES, Life, injected, published
from controllers.processes import pods, runs, selected, until_pods
from kube import ENVIRONMENTS, Kube
from third_party import path, user


@pytest.mark.usefixtures("controllers")
@pytest.mark.parametrize("word", LIVES)
def test_life(kube: Kube, project: str, word: str) -> None:
    """Every Pod has the Environment once; suspended, scaled, restarted and deleted it stays so, the operator down."""
    life, name = LIVES[word], published(kube, word)
    made = user(word, "w", project, name)
    reply = kube.rest.create(path(made), made)
    assert reply.ok, reply.message
    where, wanted = path(made, "w"), (IMAGE, (4242, 4343, [5000]), 1, name)

    found = until_pods(kube, project, life.made)
    assert [wanted] * life.made == [injected(pod) for pod in found]
    kube.until_used(name, 1)
    assert [1] == [each["count"] for each in kube.status(name)["usage"]["byKind"]]
    assert [True] == [life.master in each for each in selected(kube, project, found)]

    kube.cluster.stop_operator()
    try:
        live_on(kube, project, where, life, wanted)
    finally:
        kube.cluster.start_operator()
        await_admission(kube.cluster.layout)
    kube.until_used(name, 0)
    assert kube.rest.delete(f"{ENVIRONMENTS}/{name}").ok
    kube.until_gone("env", name)


def live_on(kube: Kube, project: str, where: str, life: Life, wanted: tuple[Any, ...]) -> None:
    """Restart, suspend, resume, scale and delete a workload while nobody answers for the operator."""
    gone = pods(kube, project)[-1]["metadata"]
    kube.rest.delete(f"/api/v1/namespaces/{project}/pods/{gone['name']}")
    kube.until("a Pod in its place", lambda: replaced(kube, project, gone["uid"], life.made))
    for patch, count in ((life.suspend, 0), (life.resume, life.made)):
        reply = kube.rest.patch(where, patch)
        assert reply.ok, reply.message
        until_pods(kube, project, count)
    if life.scale:
        reply = kube.rest.patch(where, list(life.scale), "json")
        assert reply.ok, reply.message
        until_pods(kube, project, life.made + 1)
    assert {repr(wanted)} == {repr(injected(pod)) for pod in pods(kube, project)}
    assert kube.rest.delete(where).ok
    until_pods(kube, project, 0)


def replaced(kube: Kube, project: str, uid: str, count: int) -> bool:
    """Return whether there are as many Pods as before, and one of them is new."""
    uids = [pod["metadata"]["uid"] for pod in pods(kube, project)]
    return len(uids) == count and uid not in uids


@pytest.mark.usefixtures("controllers")
def test_a_ray_job(kube: Kube, project: str) -> None:
    """The cluster of a RayJob has the labels of its maker, and is not counted; Pods and submitter have what was set."""
    name = published(kube, "rayjob")
    made = user("rayjob", "w", project, name)
    reply = kube.rest.create(path(made), made)
    assert reply.ok, reply.message
    for pod in until_pods(kube, project, 3):
        runs(kube, pod)
    found = until_pods(kube, project, 4)

    assert [(IMAGE, (4242, 4343, [5000]), 1, name)] * 4 == [injected(pod) for pod in found]
    kube.until_used(name, 1)
    assert ["RayJob"] == [each["kind"].split(".")[0] for each in kube.status(name)["usage"]["byKind"]]
    assert kube.rest.delete(path(made, "w")).ok
    kube.until_used(name, 0)
