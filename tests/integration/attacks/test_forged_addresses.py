"""Somebody has others open what is no address of a tool: by an Environment, a variable, or marks on a workload."""

import json

import pytest

from builders import manifest, workload
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Object
from people import refusal, sent, unique
from plugin import Plugin

SCRIPT = "javascript:alert(1)"


def board(url: str) -> Object:
    """Return a tool outside of the cluster."""
    return {"name": "board", "type": "Comet", "connection": {"type": "ExternalURL", "url": url}}


def lab(url: str) -> Object:
    """Return a tool in the image whose address the submitter gives."""
    connection = {"type": "ExternalURL", "assign": "Custom", "url": url}
    return {"name": "lab", "type": "JupyterNotebook", "connection": connection}


@pytest.mark.parametrize("tool", [board, lab])
@pytest.mark.parametrize(
    "url",
    [SCRIPT, "file:///etc/passwd", "ftp://a.example", "a.example", "https://me@a.example", "https://a b", "https://"],
)
def test_schema(kube: Kube, tool: object, url: str) -> None:
    """An Environment names only addresses of the web."""
    made = manifest(unique("env"), tools=[tool(url)])  # type: ignore[operator]

    answer = kube.rest.create(f"{ENVIRONMENTS}?dryRun=All", made)

    assert 422 == answer.status, answer
    assert "https:// or http://" in answer.message


def test_path_of_an_external_tool(kube: Kube) -> None:
    """A path is an address of a tool in the image only."""
    created = f"{ENVIRONMENTS}?dryRun=All"

    assert "https:// or http://" in kube.rest.create(created, manifest(unique("env"), tools=[board("/mine")])).message
    assert kube.rest.create(created, manifest(unique("env"), tools=[lab("/mine")])).ok


def test_variable(kube: Kube, project: str) -> None:
    """A submitter's variable makes no other address of it."""
    name = unique("env")
    sent(kube.rest.create(ENVIRONMENTS, manifest(name, tools=[board("${BOARD}")])))
    kube.until_ready(name)
    used = workload("Deployment", "w", project, name)
    used["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "BOARD", "value": SCRIPT}]

    answer = kube.rest.create(f"/apis/apps/v1/namespaces/{project}/deployments", used)

    assert "is not a web address" in (refusal(answer) or ""), answer


def test_annotation_alone(kube: Kube, plugin: Plugin, project: str) -> None:
    """Of a workload that admission never saw no address is shown."""
    tools = {"board": {"type": "ExternalURL", "url": "https://evil.example"}}
    text = json.dumps({"env": "e", "token": "tokentok", "tools": tools})
    forged = workload("Deployment", "w", project, None)
    forged["metadata"]["annotations"] = {names.TOOLS: text}
    sent(kube.rest.create(f"/apis/apps/v1/namespaces/{project}/deployments", forged))

    assert "evil.example" not in plugin.fails("connect", "deployment/w", "-n", project, code=1)
