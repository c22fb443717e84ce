"""What the real controllers of other projects make of a workload without image and settings, through its whole life."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster.manifests import await_admission
from cluster.record import free_port
from controllers.beside import define, mount, pods, running, runs, selected, until_pods
from controllers.programs import KUBERAY, TRAINING_OPERATOR
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Object
from third_party import environment, path, user

CERTIFICATE = "training-operator-webhook-cert"
IMAGE = "registry.example/team/jupyter:4.2"
DATA = {"name": "DATA", "value": "/data"}
IDS = {"source": "Custom", "uid": 4242, "gid": 4343, "supplementalGroups": [5000]}
BOARD = {"name": "board", "type": "TensorBoard", "connection": {"type": "ClusterIP"}}
SUSPEND = {"spec": {"runPolicy": {"suspend": True}}}
RESUME = {"spec": {"runPolicy": {"suspend": False}}}


@dataclass(frozen=True)
class Life:
    """What is known of a kind's life.

    Args:
        made: how many Pods its sample has.
        master: what the name of the Pod contains whose tools people reach.
        suspend: the patch after which it has none.
        resume: the patch after which it has them again.
        scale: the JSON patch after which it has one more, empty where its controller does not scale.
    """

    made: int
    master: str
    suspend: Object = field(default_factory=lambda: SUSPEND)
    resume: Object = field(default_factory=lambda: RESUME)
    scale: tuple[Object, ...] = ()


GROUP = "/spec/workerGroupSpecs/0/replicas"
LIVES = {
    "raycluster": Life(
        3, "-head", {"spec": {"suspend": True}}, {"spec": {"suspend": False}},
        ({"op": "add", "path": GROUP, "value": 2},),
    ),
    "pytorchjob": Life(3, "-master-0"),
    "tfjob": Life(4, "-chief-0"),
    "xgboostjob": Life(3, "-master-0"),
    "paddlejob": Life(3, "-master-0"),
    "mpijob-v1": Life(3, "-launcher"),
}  # fmt: skip


@pytest.fixture(scope="module")
def controllers(kube: Kube) -> Iterator[None]:
    """Have KubeRay and the training operator run, with their own definitions."""
    with ExitStack() as stack:
        for controller in (KUBERAY, TRAINING_OPERATOR):
            define(kube, controller)
        prepare_training_operator(kube)
        stack.enter_context(running(kube, KUBERAY))
        stack.enter_context(running(kube, TRAINING_OPERATOR, f"--webhook-server-port={free_port()}"))
        mount(kube, "kubeflow", CERTIFICATE)
        yield


def prepare_training_operator(kube: Kube) -> None:
    """Create what its manifests have for its certificate."""
    kube.rest.create("/api/v1/namespaces", {"metadata": {"name": "kubeflow"}})
    kube.rest.create("/api/v1/namespaces/kubeflow/secrets", {"metadata": {"name": CERTIFICATE}})


def published(kube: Kube, word: str) -> str:
    """Return the name of an Environment with image, ids, a variable and a tool, which the sample may use."""
    name = kube.unique("env")
    reply = kube.rest.create(ENVIRONMENTS, environment(name, word, user=IDS, tools=[BOARD]))
    assert reply.ok, reply.message
    kube.until_ready(name)
    return name


def injected(pod: Object) -> tuple[Any, ...]:
    """Return what a Pod has of the Environment: image, ids, how often the variable, and whose it is."""
    main, context = pod["spec"]["containers"][0], pod["spec"].get("securityContext", {})
    ids = tuple(context.get(key) for key in ("runAsUser", "runAsGroup", "supplementalGroups"))
    return main["image"], ids, main["env"].count(DATA), pod["metadata"]["labels"].get(names.INJECTED_FROM)


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
