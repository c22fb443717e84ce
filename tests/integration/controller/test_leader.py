"""Two controllers: one leads, and whatever becomes of it, the other goes on, alone."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Self

import pytest

from builders import manifest, workload
from cluster import Cluster
from cluster.faults import ANYTHING, Drop, EndWatch, Rule
from cluster.proxy import FaultProxy
from cluster.rest import Rest
from cluster.upstream import Upstream
from environment_operator.api import names
from environment_operator.kube.client import LEASES
from kube import ENVIRONMENTS, Kube, Operator

LEASE = f"{LEASES}/{names.CONTROLLER_LEASE}"
# A Lease runs out sooner here than in a cluster: what a test shows is the order of things.
TIMES = {"lease_seconds": 3, "lease_renew_seconds": 2, "lease_retry_seconds": 0.4}
# Nothing is admitted in this namespace, so that changes come as fast as the API server stores them.
TEMPLATES = "/api/v1/namespaces/kube-system/podtemplates"


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


class Flow:
    """Users of Environments that come and go, some 200 a second where the machine lets them."""

    def __init__(self, kube: Kube, environments: list[str]) -> None:
        self._kube, self._environments = kube, environments
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(2)]
        self.changes, self.users = 0, Counter[str](dict.fromkeys(environments, 0))

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; the users that are there stay."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def await_changes(self, many: int) -> None:
        """Return after so many more changes."""
        before = self.changes
        self._kube.until("changes", lambda: self.changes >= before + many)

    def _run(self, number: int) -> None:
        """Create and delete users until the end."""
        rest, chance, there = Rest(self._kube.cluster.kubeconfig), Random(number), list[tuple[str, str]]()
        while not self._stop.wait(0.01):
            if there and chance.random() < 0.4:
                name, environment = there.pop(chance.randrange(len(there)))
                assert rest.delete(f"{TEMPLATES}/{name}").ok
                self._count(environment, -1)
            else:
                name, environment = self._kube.unique("flow"), chance.choice(self._environments)
                assert rest.create(TEMPLATES, workload("PodTemplate", name, "kube-system", environment)).ok
                there.append((name, environment))
                self._count(environment, 1)
        rest.close()

    def _count(self, environment: str, users: int) -> None:
        """Take in a change."""
        with self._lock:
            self.users[environment] += users
            self.changes += 1


def until_counted(kube: Kube, flow: Flow) -> None:
    """Return when every Environment counts its users."""
    for name, count in flow.users.items():
        kube.until_used(name, count)


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
