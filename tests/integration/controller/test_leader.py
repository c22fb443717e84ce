"""Two controllers: one leads; after its failure the other goes on, alone."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from builders import manifest
from cluster import Cluster
from cluster.faults import ANYTHING, Drop, EndWatch, Rule
from cluster.proxy import FaultProxy
from cluster.rest import Rest
from cluster.upstream import Upstream
from environment_operator.api import names
from environment_operator.kube.client import LEASES
from flow import Flow, until_counted
from kube import ENVIRONMENTS, Kube, Operator

LEASE = f"{LEASES}/{names.CONTROLLER_LEASE}"
# A Lease runs out sooner here than in a cluster: what a test shows is the order of things.
TIMES = {"lease_seconds": 3, "lease_renew_seconds": 2, "lease_retry_seconds": 0.4}


@dataclass(frozen=True)
class Replica:
    """One controller, and what stands between it and the API server."""

    kube: Kube
    program: str
    proxy: FaultProxy

    @property
    def leads(self) -> bool:
        """Whether it says that it leads."""
        (found,) = self.kube.metric("leader_election_master_status", self.program)
        return found.value == 1

    def start(self) -> None:
        """Start it unless it runs, and return when it is ready."""
        env = {f"ENVIRONMENT_OPERATOR_{name.upper()}": str(value) for name, value in TIMES.items()}
        self.kube.cluster.start_replica(self.program, "controller", env, self.proxy.url)

    def kill(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.kube.cluster.pid(self.program) or 0, number)

    def written(self, since: float) -> list[float]:
        """Return when it wrote something, as far as the API server saw it, since a moment; its Lease aside."""
        writes = (e for e in self.proxy.writes() if e.forwarded and names.CONTROLLER_LEASE not in e.path)
        return sorted(e.request.received for e in writes if e.request.received > since and LEASES != e.path)


@pytest.fixture(scope="module")
def replicas(cluster: Cluster, operator: Operator) -> Iterator[tuple[Replica, Replica]]:
    """Return two controllers, each behind a proxy of its own."""
    operator.stop()
    rest = Rest(cluster.kubeconfig)
    with FaultProxy(Upstream.of(cluster.kubeconfig)) as proxy:
        kube = Kube(cluster, rest)
        both = Replica(kube, "operator", operator.proxy), Replica(kube, "operator-2", proxy)
        for each in both:
            each.start()
        yield both
        for each in both:
            cluster.stop(each.program)
    rest.close()
    operator.start()


def roles(replicas: tuple[Replica, Replica], kube: Kube) -> tuple[Replica, Replica]:
    """Return who leads and who stands by, once that is so."""
    for each in replicas:
        each.start()
        each.proxy.clear()
    kube.until("one to lead", lambda: sorted(each.leads for each in replicas) == [False, True])
    first, second = replicas
    return (first, second) if first.leads else (second, first)


@pytest.fixture
def environments(kube: Kube) -> list[str]:
    """Return the names of Environments."""
    made = [kube.unique("env") for _ in range(10)]
    for name in made:
        assert kube.rest.create(ENVIRONMENTS, manifest(name)).ok
    return made


def unreachable(leader: Replica) -> Callable[[], None]:
    """Have no request of the leader reach the API server; return what ends that."""
    rule = leader.proxy.add(Rule(ANYTHING, Drop()))
    leader.proxy.end_watches(ANYTHING, EndWatch(abrupt=True))
    return rule.remove


def stopped(leader: Replica) -> Callable[[], None]:
    """Have the leader stand still, as on a machine that is suspended; return what ends that."""
    leader.kill(signal.SIGSTOP)
    return lambda: leader.kill(signal.SIGCONT)


@pytest.mark.parametrize("away", [unreachable, stopped])
def test_leader_that_comes_back(
    replicas: tuple[Replica, Replica],
    kube: Kube,
    environments: list[str],
    away: Callable[[Replica], Callable[[], None]],
) -> None:
    """A leader that was away for longer than its Lease writes nothing any more after another has begun."""
    leader, other = roles(replicas, kube)
    pid = kube.cluster.pid(leader.program)
    with Flow(kube, environments) as flow:
        kube.until("the leader to write", lambda: bool(leader.written(0)))
        gone = time.monotonic()
        back = away(leader)
        kube.until("the other to lead and write", lambda: bool(other.written(gone)))
        back()
        kube.until("the old leader to stand by", lambda: not leader.leads)
        flow.await_changes(50)
    until_counted(kube, flow)

    assert [] == leader.written(other.written(gone)[0])
    assert other.leads
    assert pid == kube.cluster.pid(leader.program)


def test_api_server_gone(replicas: tuple[Replica, Replica], kube: Kube, environments: list[str]) -> None:
    """When nobody reaches the API server for longer than a Lease lasts, nobody leads; then one does, and all goes on.

    Users come and go meanwhile. The same processes go on, only one of them writes, and a fresh start has nothing to do.
    """
    leader, _ = roles(replicas, kube)
    pids = [kube.cluster.pid(each.program) for each in replicas]
    with Flow(kube, environments) as flow:
        kube.until("the leader to write", lambda: bool(leader.written(0)))
        ends = [unreachable(each) for each in replicas]
        kube.until("nobody to lead", lambda: not any(each.leads for each in replicas))
        flow.await_changes(50)
        back = time.monotonic()
        for end in ends:
            end()
        kube.until("one to lead and write", lambda: any(each.leads and each.written(back) for each in replicas))
        flow.await_changes(50)
    until_counted(kube, flow)
    (writer,) = (each for each in replicas if each.leads)
    wrote = [each.program for each in replicas if each.written(back)]
    before = [kube.environment(name)["metadata"]["resourceVersion"] for name in environments]

    assert pids == [kube.cluster.pid(each.program) for each in replicas]
    assert [writer.program] == wrote
    for each in replicas:
        kube.cluster.stop(each.program)
    leader.start()
    kube.apply(manifest(last := kube.unique("env")))
    kube.until_ready(last)
    assert before == [kube.environment(name)["metadata"]["resourceVersion"] for name in environments]


def test_leader_killed(replicas: tuple[Replica, Replica], kube: Kube, environments: list[str]) -> None:
    """When the leader is killed while users come and go, the other counts them all: a fresh start has nothing to do."""
    leader, other = roles(replicas, kube)
    with Flow(kube, environments) as flow:
        kube.until("the leader to write", lambda: bool(leader.written(0)))
        leader.kill(signal.SIGKILL)
        killed = time.monotonic()
        kube.until("the other to write", lambda: bool(other.written(killed)))
        flow.await_changes(50)
    until_counted(kube, flow)
    took = other.written(killed)[0] - killed
    print(f"written again {took:.1f} s after the leader was killed; {flow.changes} changes")  # noqa: T201
    before = [kube.environment(name)["metadata"]["resourceVersion"] for name in environments]
    kube.cluster.stop(other.program)
    given_back = kube.rest.get(LEASE).body["spec"]
    leader.start()
    kube.apply(manifest(last := kube.unique("env")))
    kube.until_ready(last)

    assert took <= 10
    assert "holderIdentity" not in given_back
    assert before == [kube.environment(name)["metadata"]["resourceVersion"] for name in environments]
