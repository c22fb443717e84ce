"""Environments in admission's memory: after which watch that broke they are listed again."""

from collections.abc import Iterator

import pytest

from builders import manifest
from cluster import Cluster
from cluster.faults import EndWatch, Match
from cluster.proxy import FaultProxy
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


def after_a_break(kube: Kube, proxy: FaultProxy) -> list[str]:
    """Break the watch of Environments; return what is asked for until there is one again."""
    kube.until("a watch", lambda: any(map(READS, proxy.watches())))
    proxy.traffic.clear()
    assert 1 == proxy.end_watches(READS, EndWatch(abrupt=True))
    kube.until("another watch", lambda: any(map(READS, proxy.watches())))
    return ["watch" if each.request.watch else "list" for each in proxy.traffic.exchanges(READS)]


def test_a_watch_that_broke(kube: Kube, proxy: FaultProxy) -> None:
    """After the first watch, Environments are listed; after one that brought nothing, they are watched from there."""
    assert ["list", "watch"] == after_a_break(kube, proxy)
    assert ["watch"] == after_a_break(kube, proxy)
