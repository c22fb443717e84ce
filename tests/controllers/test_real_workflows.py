"""What Argo's own controller makes of a workflow without images."""

from collections.abc import Iterator

import pytest

from controllers.processes import define, running, until_pods
from controllers.programs import ARGO
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube
from third_party import environment, path, user

IMAGE = "registry.example/team/jupyter:4.2"
DATA = {"name": "DATA", "value": "/data"}
CONFIGURATION = {
    "metadata": {"name": "workflow-controller-configmap"},
    "data": {"metricsConfig": "enabled: false\n", "telemetryConfig": "enabled: false\n"},
}


@pytest.fixture(scope="module")
def argo(kube: Kube) -> Iterator[None]:
    """Have Argo's controller run, with its definitions."""
    define(kube, ARGO)
    kube.rest.create("/api/v1/namespaces/default/configmaps", CONFIGURATION)
    with running(kube, ARGO):
        yield


@pytest.mark.usefixtures("argo")
def test_workflow(kube: Kube, project: str) -> None:
    """Script and container have image, ids and variable once, also where Argo begins while the operator is down.

    It writes arguments to steps and hooks that have none.
    """
    name = kube.unique("env")
    reply = kube.rest.create(ENVIRONMENTS, environment(name, "workflow", user={"source": "Custom", "uid": 4242}))
    assert reply.ok, reply.message
    kube.until_ready(name)
    made = user("workflow", "w", project, name)
    steps, *templates = made["spec"]["templates"]
    hooks = {"hooks": {"exit": {"template": "prepare"}}}
    steps["steps"] = [[{**step, **hooks} for group in steps["steps"] for step in group if step["name"] != "report"]]
    kept = [steps, *(each for each in templates if each["name"] != "report")]
    made["spec"] |= {"templates": kept, "suspend": True, **hooks}
    reply = kube.rest.create(path(made), made)
    assert reply.ok, reply.message
    kube.until_used(name, 1)

    kube.cluster.stop_operator()
    try:
        reply = kube.rest.patch(path(made, "w"), {"spec": {"suspend": False}})
        assert reply.ok, reply.message
        found = until_pods(kube, project, 2)
    finally:
        kube.cluster.start_operator()
    spec = kube.rest.get(path(made, "w")).body["spec"]
    step = spec["templates"][0]["steps"][0][0]
    assert [{}] * 3 == [step["arguments"], *(each["hooks"]["exit"]["arguments"] for each in (spec, step))]
    mains = [next(c for c in pod["spec"]["containers"] if c["name"] == "main") for pod in found]
    assert [(IMAGE, 4242, 1)] * 2 == [
        (main["image"], main["securityContext"]["runAsUser"], main["env"].count(DATA)) for main in mains
    ]
    assert [name] * 2 == [pod["metadata"]["labels"][names.INJECTED_FROM] for pod in found]
    kube.until_used(name, 1)
    assert kube.rest.delete(path(made, "w")).ok
    until_pods(kube, project, 0)
    kube.until_used(name, 0)
