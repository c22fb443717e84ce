"""Environments in admission's memory: after which watch that broke they are listed again."""

from collections.abc import Iterator

import pytest

from builders import manifest
from cluster import Cluster
from cluster.faults import EndWatch, Match
from cluster.proxy import FaultProxy
from cluster.traffic import Request
from cluster.upstream import Upstream
from kube import ENVIRONMENTS, Kube

READS = Match(methods=frozenset({"GET"}), path=f"{ENVIRONMENTS}$")
PROGRAM = "webhook-behind-a-proxy"


@pytest.fixture
def proxy(cluster: Cluster, kube: Kube) -> Iterator[FaultProxy]:
    """Return what stands between one more process for admission and the API server; nothing changes any more."""
    kube.apply(manifest(name := kube.unique("env")))
    kube.until_ready(name)
    with FaultProxy(Upstream.of(cluster.kubeconfig)) as proxy:
        cluster.start_webhook(PROGRAM, proxy.url)
        yield proxy
        cluster.stop(PROGRAM)


def watched(proxy: FaultProxy) -> list[Request]:
    """Return the watches of Environments that are open."""
    return list(filter(READS, proxy.watches()))


def after_a_break(kube: Kube, proxy: FaultProxy) -> list[str]:
    """Break the watch of Environments; return what is asked for until there is another one."""
    kube.until("a watch", lambda: len(watched(proxy)) == 1)
    before = watched(proxy)
    proxy.traffic.clear()
    assert 1 == proxy.end_watches(READS, EndWatch(abrupt=True))
    kube.until("another watch", lambda: len(now := watched(proxy)) == 1 and now != before and "watch" in asked(proxy))
    return asked(proxy)


def asked(proxy: FaultProxy) -> list[str]:
    """Return what was asked for, in order."""
    return ["watch" if each.request.watch else "list" for each in proxy.traffic.exchanges(READS)]


def test_a_watch_that_broke(kube: Kube, proxy: FaultProxy) -> None:
    """After the first watch, Environments are listed; after one that brought nothing, they are watched from there."""
    assert ["list", "watch"] == after_a_break(kube, proxy)
    assert ["watch"] == after_a_break(kube, proxy)
