"""``kubectl environment run`` through the real kubectl."""

import subprocess

import pytest
import yaml

from builders import manifest
from environment_operator.api import names
from kube import Kube, path_of
from plugin import Plugin
from third_party import install, row_of, uninstall
from tool_users import until_made

REQUIRED = [{"name": "TEAM", "required": True, "description": "Who pays"}]


def published(kube: Kube, **fields: object) -> str:
    """Return the name of a new Environment."""
    name = kube.unique("env")
    kube.apply(manifest(name, **fields))
    kube.until_ready(name)
    return name


def test_run(kube: Kube, plugin: Plugin, project: str) -> None:
    """A workspace becomes a StatefulSet and training a Job, each filled in at admission; -o name names it."""
    name = published(kube, workloadTypes=["Workspace", "Training"], tools=[{"name": "lab", "type": "JupyterNotebook"}])
    asked = ("--environment", name, "-n", project)

    assert "statefulset.apps/w created\n" == plugin("run", "w", *asked)
    assert "job.batch/j\n" == plugin("run", "j", *asked, "--kind", "job", "-o", "name", "--", "--epochs=3")
    stored = [kube.get("statefulset", "w", project), kube.get("job", "j", project)]
    containers = [found["spec"]["template"]["spec"]["containers"][0] for found in stored if found]
    assert ["registry.example/team/jupyter:4.2"] * 2 == [container["image"] for container in containers]
    assert ["--epochs=3"] == containers[1]["args"]


def test_dry_runs(kube: Kube, plugin: Plugin, project: str) -> None:
    """``client`` prints what would be sent, ``server`` what admission makes of it; nothing is created."""
    name = published(kube, workloadTypes=["Training"])
    asked = ("run", "w", "--environment", name, "-n", project, "-o", "yaml")
    sent, admitted = (yaml.safe_load(plugin(*asked, f"--dry-run={where}")) for where in ("client", "server"))

    assert {"name": "w"} == sent["spec"]["template"]["spec"]["containers"][0]
    assert "registry.example/team/jupyter:4.2" == admitted["spec"]["template"]["spec"]["containers"][0]["image"]
    assert "job.batch/w created (server dry run)\n" == plugin(*asked[:-2], "--dry-run=server")
    assert kube.get("job", "w", project) is None


def test_what_is_missing_is_asked_for(kube: Kube, plugin: Plugin, project: str) -> None:
    """At a terminal the Environment is chosen and variables are asked for; elsewhere the message names them."""
    name = published(kube, workloadTypes=["Training"], env=REQUIRED, scope={"projects": [project]})
    said = plugin.at_terminal("run", "w", "-n", project, typed=f"{name}\nvision\n").out
    stored = kube.get("job", "w", project)

    assert "TEAM (Who pays): " in said
    assert stored is not None
    assert {"name": "TEAM", "value": "vision"} in stored["spec"]["template"]["spec"]["containers"][0]["env"]
    assert "--environment is missing" in plugin.fails("run", "x", "-n", project, code=2)
    assert "Give --env TEAM=VALUE." in plugin.fails("run", "x", "-n", project, "--environment", name, code=2)
    assert "CLAIM:PATH" in plugin.fails("run", "x", "--environment", name, "--env", "TEAM=x", "--volume", "a", code=2)


@pytest.mark.usefixtures("routes")
def test_wait(kube: Kube, plugin: Plugin, project: str) -> None:
    """``--wait`` ends when the workload runs, and shows where its tools are."""
    name = published(kube, workloadTypes=["Workspace"], tools=[{"name": "lab", "type": "JupyterNotebook"}])
    asked = ("--environment", name, "-n", project, "--wait")
    command = [str(plugin.cluster.layout.kubectl), "environment", "run", "w", *asked]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=plugin.variables()) as running:
        kube.until("the StatefulSet", lambda: kube.get("statefulset", "w", project) is not None)
        until_made(kube, "httproute", project, "environment-T-lab")
        ready = '{"status": {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}}'
        kube.kubectl("scale", "statefulset", "w", "-n", project, "--replicas=1")
        kube.kubectl("patch", "statefulset", "w", "-n", project, "--subresource=status", "--type=merge", "-p", ready)
        out, _ = running.communicate()
    stored = kube.get("statefulset", "w", project)

    assert stored is not None
    assert stored["metadata"]["annotations"][names.TOOL_ADDRESSES].removeprefix("lab: ") in out


def test_inference_service(kube: Kube, plugin: Plugin, project: str) -> None:
    """Where KServe is installed inference becomes an InferenceService, which its definition stores as it was sent."""
    name = published(kube, workloadTypes=["Inference"], endpoint={"port": 8080, "protocol": "HTTP"})
    found = install(kube.rest, "inferenceservice")
    asked = ("run", "w", "--environment", name, "-n", project, "--replicas", "2", "--gpus", "1")
    row = row_of("inferenceservice")
    at = path_of(row, project, "w")
    try:
        kube.until("the webhook to be called", lambda: names.RECORD in plugin(*asked, "--dry-run=server", "-o", "yaml"))
        said = plugin(*asked, "--", "--model=x")
        predictor = kube.rest.get(at).body["spec"]["predictor"]
        kube.until_used(name, 1)
    finally:
        kube.rest.delete(at)
        uninstall(kube.rest, found)
    (container,) = predictor["containers"]

    assert "inferenceservice.serving.kserve.io/w created\n" == said
    assert 2 == predictor["minReplicas"]
    assert ("kserve-container", ["--model=x"]) == (container["name"], container["args"])
    assert "registry.example/team/jupyter:4.2" == container["image"]
    assert {"nvidia.com/gpu": "1"} == container["resources"]["limits"]
