"""The kinds whose controllers run here: an Environment for the sample of each, and what is known of its life."""

from dataclasses import dataclass, field
from typing import Any

from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Object
from third_party import environment

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
    "jobset": Life(3, "-driver-0", {"spec": {"suspend": True}}, {"spec": {"suspend": False}}),
    "mpijob-v1": Life(3, "-launcher"),
}  # fmt: skip


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
