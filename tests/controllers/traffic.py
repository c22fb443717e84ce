"""A client that reaches tools through a proxy, which is configured from the routes that a gateway accepted."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from cluster.manifests import await_admission
from controllers.caddy import Backends, Caddy
from controllers.gateways import ROUTES, is_taken
from environment_operator.api import names
from kube import Kube, Object
from tool_users import tools

BOARD = {"name": "board", "type": "TensorBoard"}
BY_PATH, BY_HOST = "https://tools.example.com", "https://*.tools.example.com"
# How many routes two workloads with two tools and one with a URL of its own have: by path a route has its alias in it,
# by host that is a route of its own.
COUNTS = {BY_PATH: 5, BY_HOST: 9}
both_ways = pytest.mark.parametrize("where", COUNTS, ids=["path", "host"])


def asked_url(kube: Kube, where: str) -> str:
    """Return a URL that nobody has yet, as its submitter asks for it."""
    word = kube.unique("mine")
    return f"/{word}" if where == BY_PATH else f"https://{word}.tools.example.com"


def all_are_reached(kube: Kube, project: str, proxy: Caddy) -> None:
    """Check that both tools of two workloads, and the one with a URL of its own, are reached, also by the alias."""
    for each, tool in (("a", "lab"), ("a", "board"), ("b", "lab"), ("b", "board"), ("c", "lab")):
        leads_to(kube, project, proxy, each, tool)
    follows_alias(kube, project, proxy)


def goes_with_its_routes(kube: Kube, project: str, proxy: Caddy, routes: list[Object], backends: Backends) -> None:
    """Check that a workload that is deleted takes its routes along, and the others stay."""
    gone, kept = url(kube, project, "a", "lab"), url(kube, project, "b", "lab")
    kube.kubectl("delete", "deployment", "a", "-n", project)
    left = len(routes) - len([each for each in routes if of(each, project, "a")])
    kube.until("its routes to go", lambda: left == len(kube.rest.get(ROUTES.format(project)).body["items"]))
    proxy.load(taken(kube, project, left), backends)
    assert [404, 200] == [proxy.get(host, f"{path}/tree")[0] for host, path in (gone, kept)]


@contextmanager
def with_urls(kube: Kube, url: str) -> Iterator[None]:
    """Have both programs of the operator know where URLs are; by path they do."""
    if url == BY_PATH:
        yield
        return
    kube.cluster.stop_operator()
    try:
        kube.cluster.start_operator({"ENVIRONMENT_OPERATOR_TOOLS_URL": url})
        await_admission(kube.cluster.layout)
        yield
    finally:
        kube.cluster.stop_operator()
        kube.cluster.start_operator()
        await_admission(kube.cluster.layout)


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
    """Return whether a program listens behind a URL."""
    return proxy.get(host, path)[0] == 200


def of(route: Object, project: str, name: str) -> bool:
    """Return whether a route is a workload's."""
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
