"""A client reaches tools: through a proxy that is configured from the routes which Contour accepted.

No Pod runs here. The test reports each as running, and starts for each of its ports a program with the environment of
its container; the proxy finds that by the EndpointSlices of the Service, as every proxy does.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from cluster import processes
from cluster.manifests import await_admission
from cluster.processes import Program
from cluster.record import free_port
from controllers.caddy import Caddy, caddy
from controllers.gateways import ROUTES, attach, contour, is_taken
from controllers.processes import pods, runs, until_pods
from environment_operator.api import names
from kube import Kube, Object
from tool_users import CUSTOM, LAB, published, tools, used

BOARD = {"name": "board", "type": "TensorBoard"}
SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices?labelSelector=kubernetes.io/service-name%3D{}"
# Where a Pod is, and its port → where the program that stands for it listens.
Programs = dict[tuple[str, int], str]


@pytest.fixture(scope="module")
def proxy(kube: Kube) -> Iterator[Caddy]:
    """Have a Gateway, and a proxy for it."""
    with contour(kube), caddy(kube.cluster.layout) as made:
        yield made


@contextmanager
def with_urls(kube: Kube, url: str) -> Iterator[None]:
    """Have both programs of the operator know where URLs are."""
    kube.cluster.stop_operator()
    try:
        kube.cluster.start_operator({"ENVIRONMENT_OPERATOR_TOOLS_URL": url})
        await_admission(kube.cluster.layout)
        yield
    finally:
        kube.cluster.stop_operator()
        kube.cluster.start_operator()
        await_admission(kube.cluster.layout)


@contextmanager
def programs(kube: Kube, project: str) -> Iterator[Programs]:
    """Have a program for each port of each Pod of a project, which is reported to run."""
    layout, found, started, node = kube.cluster.layout, Programs(), [], kube.unique("node")
    reply = kube.rest.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    assert reply.ok, reply.message
    try:
        for number, pod in enumerate(pods(kube, project)):
            bind(kube, pod, node)
            address, (container,) = f"192.0.2.{number + 20}", pod["spec"]["containers"]
            for each in container["ports"]:
                port, name = free_port(), f"tool-{number}-{each['name']}"
                command = (sys.executable, "-m", "controllers.tool_server", pod["metadata"]["name"], each["name"])
                own = {variable["name"]: variable.get("value", "") for variable in container["env"]}
                environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **own}
                processes.start(layout, Program(name, (*command, str(port)), environ))
                started.append(name)
                found[address, each["containerPort"]] = f"127.0.0.1:{port}"
            runs(kube, pod, address)
        yield found
    finally:
        for name in started:
            processes.stop(layout, name)
        kube.rest.delete(f"/api/v1/nodes/{node}")


def bind(kube: Kube, pod: Object, node: str) -> None:
    """Do for a Pod what the scheduler would: without a node it is no endpoint of a Service."""
    meta, target = pod["metadata"], {"apiVersion": "v1", "kind": "Node", "name": node}
    made = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"]}, "target": target}
    reply = kube.rest.create(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/binding", made)
    assert reply.ok, reply.message


def behind(kube: Kube, project: str, found: Programs, service: str, port: int) -> list[str]:
    """Return where the programs listen that stand for the Pods of a Service, once there are such."""
    where: list[str] = []

    def ready() -> bool:
        slices = kube.rest.get(SLICES.format(project, service)).body["items"]
        where[:] = [
            found[address, port]
            for each in slices
            for endpoint in each["endpoints"] or ()
            for address in endpoint["addresses"]
            if port in [one["port"] for one in each["ports"]]
        ]
        return bool(where)

    kube.until(f"an endpoint of {service}:{port}", ready)
    return where


def taken(kube: Kube, project: str, count: int) -> list[Object]:
    """Wait until Contour takes so many routes of a project; return them."""

    def routes() -> list[Object]:
        return [each for each in kube.rest.get(ROUTES.format(project)).body["items"] if is_taken(each)]

    kube.until(f"{count} routes that Contour takes", lambda: count == len(routes()))
    return routes()


def url(kube: Kube, project: str, name: str, tool: str) -> tuple[str, str]:
    """Return host and path of the URL of a tool, as admission wrote it."""
    split = urlsplit(tools(kube, "deployment", name, project)["tools"][tool]["url"])
    return split.netloc, split.path.rstrip("/")


async def _talk(port: int, host: str, path: str) -> str:
    """Return what comes back on a WebSocket."""
    where = f"http://127.0.0.1:{port}{path}/ws"
    async with ClientSession() as session, session.ws_connect(where, headers={"Host": host}) as socket:
        await socket.send_str("hello")
        return await socket.receive_str()


def reached(proxy: Caddy, host: str, path: str) -> Object:
    """Return what the program at a URL answers, once it listens."""
    status, _, body = proxy.get(host, path)
    assert status == 200, (host, path, status)
    answer: Object = json.loads(body)
    return answer


def is_up(proxy: Caddy, host: str, path: str) -> bool:
    """Say whether a program listens behind a URL."""
    return proxy.get(host, path)[0] == 200


@pytest.mark.parametrize("where", ["https://tools.example.com", "https://*.tools.example.com"], ids=["path", "host"])
def test_traffic(kube: Kube, project: str, proxy: Caddy, where: str) -> None:
    """Two tools of two workloads, and one with a URL of its own, are reached; what goes takes its route along."""
    attach(kube, project)
    word = kube.unique("mine")
    asked = f"/{word}" if "*" not in where else f"https://{word}.tools.example.com"
    with with_urls(kube, where):
        name = published(kube, LAB, BOARD)
        kube.apply(*(used("Deployment", each, project, name) for each in "ab"))
        kube.apply(used("Deployment", "c", project, published(kube, CUSTOM), lab=asked))
        # By path a route has its alias in it; by host that is a route of its own.
        routes = taken(kube, project, 5 if "*" not in where else 9)
        until_pods(kube, project, 3)
        with programs(kube, project) as found:
            backends = partial(behind, kube, project, found)
            proxy.load(routes, backends)
            for each, tool in (("a", "lab"), ("a", "board"), ("b", "lab"), ("b", "board"), ("c", "lab")):
                leads_to(kube, project, proxy, each, tool)
            assert ("tools.example.com", f"/{word}") == url(kube, project, "c", "lab") or "*" in where
            follows_alias(kube, project, proxy)

            gone, kept = url(kube, project, "a", "lab"), url(kube, project, "b", "lab")
            kube.kubectl("delete", "deployment", "a", "-n", project)
            left = len(routes) - len([each for each in routes if of(each, project, "a")])
            kube.until("its routes to go", lambda: left == len(kube.rest.get(ROUTES.format(project)).body["items"]))
            proxy.load(taken(kube, project, left), backends)
            assert [404, 200] == [proxy.get(host, f"{path}/tree")[0] for host, path in (gone, kept)]


def of(route: Object, project: str, name: str) -> bool:
    """Say whether a route is a workload's."""
    return bool(route["metadata"]["annotations"][names.EXPOSES] == f"deployments.apps/{project}/{name}")


def leads_to(kube: Kube, project: str, proxy: Caddy, name: str, tool: str) -> None:
    """Check that the URL of a tool leads to the Pod of its workload, with its base path, WebSockets too."""
    host, path = url(kube, project, name, tool)
    kube.until(f"{name}'s {tool}", partial(is_up, proxy, host, f"{path}/tree"))
    answer = reached(proxy, host, f"{path}/tree?x=1")

    assert (tool, f"{path}/tree") == (answer["tool"], answer["path"])
    assert answer["pod"].startswith(f"{name}-")
    assert f"{answer['pod']}: hello" == asyncio.run(_talk(proxy.port, host, path))
    if path:
        assert 404 == proxy.get(host, f"{path}x/tree")[0]


def follows_alias(kube: Kube, project: str, proxy: Caddy) -> None:
    """Check that the readable alias of a tool leads to its URL."""
    host, path = url(kube, project, "a", "lab")
    alias = f"/environments/{project}/deployments.apps/a/lab/tree"
    status, headers, _ = proxy.get("tools.example.com", alias)

    assert (302, f"http://{host}{path}/tree") == (status, headers["Location"])
    assert "lab" == reached(proxy, host, f"{path}/tree")["tool"]
