"""Tools that answer: requests that go through kube-proxy's rules to a process in a container."""

import json
import subprocess
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

from builders import manifest, workload
from cluster.waiting import TIMEOUT
from environment_operator.api import names
from kube import OPENER, Kube
from plugin import Plugin, browser
from running import PLAIN

Object = dict[str, Any]
PORT = 8888
SERVES = ["/bin/sh", "-c", f"echo $HOSTNAME > /tmp/index.html; exec httpd -f -p {PORT} -h /tmp"]


def serving(kube: Kube, project: str, *workloads: str, way: str) -> None:
    """Create Deployments of one Environment, whose tool says on which Pod it runs, and wait for their Pods."""
    name = kube.unique("serves")
    tool = {"name": "page", "type": "Custom", "containerPort": PORT, "connection": {"type": way}}
    fields = {"image": PLAIN.reference, "imagePullPolicy": "IfNotPresent", "command": SERVES}
    kube.apply(manifest(name, tools=[tool], **fields))
    for each in workloads:
        made = workload("Deployment", each, project, name)
        made["spec"]["selector"]["matchLabels"] = made["spec"]["template"]["metadata"]["labels"] = {"app": each}
        made["spec"]["template"]["spec"] = {"terminationGracePeriodSeconds": 0, "containers": [{"name": "main"}]}
        kube.apply(made)
    for each in workloads:
        kube.kubectl("rollout", "status", f"deployment/{each}", "-n", project, TIMEOUT)


def services(kube: Kube, project: str) -> dict[str, Object]:
    """Return the Services that were made, by their workload."""
    items = json.loads(kube.kubectl("get", "services", "-n", project, "-l", names.TOKEN, "-o", "json"))["items"]
    return {item["metadata"]["ownerReferences"][0]["name"]: item for item in items}


def until_services(kube: Kube, project: str, *workloads: str) -> dict[str, Object]:
    """Wait until each workload has a Service; return them."""
    kube.until("the Services", lambda: set(workloads) <= services(kube, project).keys())
    return services(kube, project)


def reached(kube: Kube, host: str, port: int) -> str:
    """Return what is answered at an address, as soon as something is."""
    answers: list[str] = []

    def answered() -> bool:
        try:
            with OPENER.open(f"http://{host}:{port}/", timeout=5) as answer:
                answers.append(answer.read().decode().strip())
        except (URLError, TimeoutError, ConnectionError):
            return False
        return True

    kube.until(f"an answer at {host}:{port}", answered)
    return answers[0].rsplit("-", 2)[0]


def test_service(kube: Kube, project: str) -> None:
    """Each of two workloads of one Environment is reached at the address of its own Service."""
    serving(kube, project, "one", "two", way="ClusterIP")
    found = until_services(kube, project, "one", "two")
    addresses = {name: found[name]["spec"]["clusterIP"] for name in ("one", "two")}

    assert 2 == len(set(addresses.values()))
    assert {"one": "one", "two": "two"} == {name: reached(kube, ip, PORT) for name, ip in addresses.items()}


def test_connect(kube: Kube, project: str) -> None:
    """``connect --forward`` leads to a tool that has no address outside, prints where, and ends when it is interrupted.

    With ``--open`` the browser is led there, too; where there is none it goes on all the same.
    """
    serving(kube, project, "lab", way="ClusterIP")
    until_services(kube, project, "lab")
    assert ("lab", "127.0.0.1", 0) == forwarded(kube, project)
    with browser() as (variable, opened):
        assert ("lab", "127.0.0.1", 0) == forwarded(kube, project, "--open", BROWSER=variable)
        assert opened.read_text().startswith("http://127.0.0.1:")
    assert ("lab", "127.0.0.1", 0) == forwarded(kube, project, "--open", BROWSER="/no/such/browser")


def forwarded(kube: Kube, project: str, *options: str, **variables: str) -> tuple[str, str | None, int]:
    """Return who answers where a tool is forwarded to, the address, and the exit code at the end."""
    command = ["kubectl", "environment", "connect", "deployment/lab", "page", "-n", project, "--forward", *options]
    env = Plugin(kube.cluster).variables(**variables)
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = urlsplit(process.stdout.readline().strip())
        name = reached(kube, str(url.hostname), url.port or 0)
        process.terminate()
    return name, url.hostname, process.returncode


def test_node_port(kube: Kube, project: str) -> None:
    """A tool with a node port is reached at the port of the node, also after another Pod has taken its place."""
    serving(kube, project, "lab", way="NodePort")
    found = until_services(kube, project, "lab")["lab"]
    (port,) = (port["nodePort"] for port in found["spec"]["ports"])
    first = reached(kube, "127.0.0.1", port)
    kube.kubectl("delete", "pods", "-n", project, "-l", "app=lab", "--grace-period=0", "--force")
    kube.kubectl("rollout", "status", "deployment/lab", "-n", project, TIMEOUT)

    assert ("lab", "lab") == (first, reached(kube, "127.0.0.1", port))
