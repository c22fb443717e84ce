"""The first take-over: Environments that nobody has reconciled yet, in a number that takes a while."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from builders import manifest, workload
from cluster import Cluster, manifests
from cluster.proxy import FaultProxy
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Operator

# Nothing is admitted in this namespace.
TEMPLATES = "/api/v1/namespaces/kube-system/podtemplates"
MANY, RATE = 150, 20


@pytest.fixture
def untouched(cluster: Cluster, operator: Operator, kube: Kube) -> Iterator[list[str]]:
    """Return Environments that were stored without admission, and so have neither finalizer nor status."""
    cluster.stop_operator()
    made = [kube.unique("env") for _ in range(MANY)]
    for name in made:
        assert kube.rest.create(ENVIRONMENTS, manifest(name)).ok
    yield made
    for name in made[-5:]:
        kube.rest.delete(f"{TEMPLATES}/{name}")
    for name in made:
        kube.rest.delete(f"{ENVIRONMENTS}/{name}")
    operator.restart()
    manifests.await_admission(cluster.layout)


def test_changes_come_first(operator: Operator, kube: Kube, untouched: list[str], proxy: FaultProxy) -> None:
    """While Environments are taken over, a change is counted before those that wait; each takes two writes."""
    operator.start(await_ready=False, rate=RATE)
    kube.until("the first", lambda: any(kube.usage(name) >= 0 for name in untouched[:5]))
    took = []
    for name in untouched[-5:]:
        begin = time.monotonic()
        assert kube.rest.create(TEMPLATES, workload("PodTemplate", name, "kube-system", name)).ok
        kube.until_used(name, 1)
        took.append(time.monotonic() - begin)
    waiting = sum(1 for name in untouched if kube.usage(name) < 0)
    kube.until("all to be taken over", lambda: all(kube.usage(name) >= 0 for name in untouched))
    written = Counter(exchange.path for exchange in proxy.writes() if exchange.path.startswith(ENVIRONMENTS))
    twice = [name for name in untouched[:-5] if written[f"{ENVIRONMENTS}/{name}/status"] != 1]
    print(f"counted after {max(took):.2f} s at most, while {waiting} of {MANY} waited")  # noqa: T201

    assert waiting > 0
    assert [names.FINALIZER] == kube.environment(untouched[0])["metadata"]["finalizers"]
    assert [] == twice
    assert {1} == {written[f"{ENVIRONMENTS}/{name}"] for name in untouched}
