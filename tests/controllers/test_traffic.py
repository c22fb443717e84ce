"""A client reaches tools: through a proxy that is configured from the routes which Contour accepted.

No Pod runs here. The test reports each as running, and starts for each of its ports a program with the environment of
its container; the proxy finds that by the EndpointSlices of the Service, as every proxy does.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from cluster import processes
from cluster.processes import Program
from cluster.record import free_port
from controllers.caddy import Caddy, caddy
from controllers.gateways import attach, contour
from controllers.processes import pods, runs, until_pods
from controllers.traffic import (
    BOARD,
    BY_HOST,
    COUNTS,
    all_are_reached,
    asked_url,
    both_ways,
    goes_with_its_routes,
    taken,
    url,
    with_urls,
)
from kube import Kube, Object
from tool_users import CUSTOM, LAB, published, used

SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices?labelSelector=kubernetes.io/service-name%3D{}"
# Where a Pod is, and its port → where the program that stands for it listens.
Programs = dict[tuple[str, int], str]


@pytest.fixture(scope="module")
def proxy(kube: Kube) -> Iterator[Caddy]:
    """Have a Gateway, and a proxy for it."""
    with contour(kube), caddy(kube.cluster.layout) as made:
        yield made


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


@both_ways
def test_traffic(kube: Kube, project: str, proxy: Caddy, where: str) -> None:
    """Two tools of two workloads, and one with a URL of its own, are reached; what goes takes its route along."""
    attach(kube, project)
    asked = asked_url(kube, where)
    with with_urls(kube, where):
        name = published(kube, LAB, BOARD)
        kube.apply(*(used("Deployment", each, project, name) for each in "ab"))
        kube.apply(used("Deployment", "c", project, published(kube, CUSTOM), lab=asked))
        routes = taken(kube, project, COUNTS[where])
        until_pods(kube, project, 3)
        with programs(kube, project) as found:
            backends = partial(behind, kube, project, found)
            proxy.load(routes, backends)
            all_are_reached(kube, project, proxy)
            assert ("tools.example.com", asked) == url(kube, project, "c", "lab") or where == BY_HOST
            goes_with_its_routes(kube, project, proxy, routes, backends)
