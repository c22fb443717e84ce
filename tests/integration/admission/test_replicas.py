"""Two replicas of admission behind one address: what callers notice when one of them goes."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from builders import KINDS, manifest, workload
from callers import Callers
from cluster import Cluster, manifests, roles
from cluster.balancer import Backend, Balancer
from cluster.rest import Rest
from cluster.waiting import until
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Operator, path_of

TEMPLATES = KINDS["podtemplates"]
REPLICAS = ("webhook", "webhook-2")
# As long as a Service may take to send new connections elsewhere; in a test nobody waits for endpoints.
DRAIN = {"ENVIRONMENT_OPERATOR_DRAIN_SECONDS": "2"}


@dataclass(frozen=True)
class Replicas:
    """The two programs, and what stands before them."""

    cluster: Cluster
    balancer: Balancer
    backends: dict[str, Backend]

    def start(self, program: str) -> None:
        """Start one and return when it gets connections."""
        self.cluster.start_replica(program, "webhook", DRAIN)
        until(f"{program} to get connections", lambda: self.balancer.is_ready(self.backends[program]))


@pytest.fixture(scope="module")
def replicas(cluster: Cluster, operator: Operator) -> Iterator[Replicas]:  # noqa: ARG001 - it runs
    """Return two replicas that the API server calls by one address."""
    cluster.stop(REPLICAS[0])
    for program in REPLICAS:
        cluster.start_replica(program, "webhook", DRAIN)
    ports = {program: roles.port_of(cluster.layout, roles.admission_port(program)) for program in REPLICAS}
    backends = {program: Backend(port, f"{cluster.operator_url(program)}/readyz") for program, port in ports.items()}
    with Balancer(*backends.values()) as balancer:
        manifests.apply_webhooks(cluster.layout, cluster.repo_root, f"https://127.0.0.1:{balancer.port}", force=True)
        yield Replicas(cluster, balancer, backends)
        manifests.apply_webhooks(cluster.layout, cluster.repo_root, roles.admission_url(cluster.layout), force=True)
    for program in REPLICAS:
        cluster.stop(program)
    cluster.start_operator()
    manifests.await_admission(cluster.layout)


@pytest.fixture
def environment(kube: Kube) -> str:
    """Return the name of an Environment."""
    name = kube.unique("env")
    assert kube.rest.create(ENVIRONMENTS, manifest(name)).ok
    return name


class Load(Callers):
    """Callers who create PodTemplates one after the other, as dry runs."""

    def __init__(self, kube: Kube, project: str, environment: str = "", callers: int = 3) -> None:
        super().__init__(callers)
        self._kubeconfig = kube.cluster.kubeconfig
        self._path = f"{path_of(TEMPLATES, project)}?dryRun=All"
        self._body = workload("PodTemplate", "t", project, *([environment] if environment else []))
        self._labelled = bool(environment)
        self.done, self.refused = 0, list[tuple[float, str]]()

    def _run(self, _: int) -> None:
        """Create until the end."""
        rest = Rest(self._kubeconfig)
        while not self._stop.is_set():
            reply = rest.create(self._path, self._body)
            self.done += 1
            if not reply.ok or (self._labelled and names.RECORD not in reply.body["metadata"].get("annotations", {})):
                self.refused.append((time.monotonic(), reply.message))
        rest.close()


def test_rolling_restart_under_load(replicas: Replicas, kube: Kube, project: str, environment: str) -> None:
    """Replicas that are restarted one after the other under load refuse nothing."""
    with Load(kube, project, environment) as load:
        kube.until("some load", lambda: load.done > 20)
        for program in REPLICAS:
            before = load.done
            replicas.cluster.stop(program)
            replicas.start(program)
            kube.until("load on both", lambda before=before: load.done > before + 20)  # type: ignore[misc]
    print(f"{load.done} requests during two restarts, {len(load.refused)} refused")  # noqa: T201

    assert [] == load.refused


def test_replica_killed_under_load(replicas: Replicas, kube: Kube, project: str, environment: str) -> None:
    """When a replica is killed nobody without the label notices, and nobody with it for longer than a second."""
    with Load(kube, project, environment) as labelled, Load(kube, project, callers=1) as free:
        kube.until("some load", lambda: labelled.done > 20)
        replicas.cluster.stop(REPLICAS[1], signal.SIGKILL)
        killed = time.monotonic()
        kube.until("a while", lambda: time.monotonic() > killed + 3)
    replicas.start(REPLICAS[1])
    last = max((at for at, _ in labelled.refused), default=killed) - killed
    print(f"{len(labelled.refused)} of {labelled.done} refused, the last {last:.2f} s after the end")  # noqa: T201

    assert [] == free.refused
    assert last <= 1
