"""`kubectl environment connect`: where the tools of a workload are."""

import json

import pytest

from builders import manifest, workload
from environment_operator.api import names
from kube import Kube
from plugin import Plugin, browser


@pytest.mark.usefixtures("routes")
def test_connect(kube: Kube, plugin: Plugin, project: str) -> None:
    """All tools of a workload are shown, or one of them; what has none, and a tool that is not there, is said."""
    name, plain = kube.unique("env"), kube.unique("plain")
    tools = [
        {"name": "lab", "type": "JupyterNotebook"},
        {"name": "inside", "type": "MLflow", "connection": {"type": "ClusterIP"}},
        {"name": "node", "type": "RStudio", "connection": {"type": "NodePort"}},
    ]
    kube.apply(manifest(name, tools=tools), manifest(plain))
    kube.apply(workload("Deployment", "w", project, name), workload("Deployment", "plain", project, plain))
    found = kube.get("deployment", "w", project)
    assert found is not None
    token = json.loads(found["metadata"]["annotations"][names.TOOLS])["token"]
    service = f"environment-{token}"
    kube.until("the node port", lambda: kube.get("service", f"{service}-node-port", project) is not None)
    there = kube.get("service", f"{service}-node-port", project)
    assert there is not None
    port = there["spec"]["ports"][0]["nodePort"]
    url = f"https://tools.example.com/environments/{token}.lab"
    at = ("connect", "deployment/w", "-n", project)
    kube.until("the route", lambda: kube.get("httproute", f"{service}-lab", project) is not None)

    listed = plugin(*at, "--no-headers").splitlines()
    assert [["lab", "ExternalURL", url], ["inside", "ClusterIP"], ["node", "NodePort"]] == [
        listed[0].split(), *(line.split()[:2] for line in listed[1:])
    ]  # fmt: skip
    assert f"{url}\n" == plugin(*at, "lab")
    apart = ("connect", "deployment", "w", "-n", project)
    assert (listed, f"{url}\n") == (plugin(*apart, "--no-headers").splitlines(), plugin(*apart, "lab"))
    assert "more than one tool is given. Remove node." in plugin.fails(*apart, "lab", "node", code=2)
    assert "Write KIND/NAME, such as deployment/notebook." in plugin.fails("connect", "deployment", code=2)
    here = f"--kubeconfig={plugin.cluster.kubeconfig}"
    assert f"kubectl port-forward {here} -n {project} service/{service} 5000\n" == plugin(*at, "inside", here)
    assert f"port {port} of every node\n" == plugin(*at, "node")
    assert 'has no tool "other". Choose one of lab, inside, node.' in plugin.fails(*at, "other", code=4)
    assert "has no URL" in plugin.fails(*at, "inside", "--open", code=1)
    with browser() as (variable, opened):
        for tool in (["lab"], []):
            assert f"{url}\n" == plugin(*at, *tool, "--open", BROWSER=variable)
            assert f"{url}\n" == opened.read_text()
    assert "Open that address yourself." in plugin.fails(*at, "lab", "--open", code=1, BROWSER="/no/such/browser")
    assert "kubectl port-forward has ended" in plugin.fails(*at, "inside", "--forward", code=1)
    assert "has no tools" in plugin.fails("connect", "deployment/plain", "-n", project, code=1)
