"""One real control plane for all tests of this ring, with the operator running under its own account."""

from collections.abc import Iterator

import pytest

from cluster import Cluster
from cluster.manifests import await_admission
from cluster.proxy import FaultProxy
from cluster.rest import Rest
from kube import Kube, Operator, behind_proxy, fresh_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster with the CRD, the policies and the roles, made for this run alone; the operator runs."""
    with fresh_cluster(tmp_path_factory.mktemp("cluster") / "state") as made:
        yield made


@pytest.fixture(scope="session")
def operator(cluster: Cluster) -> Iterator[Operator]:
    """Return the operator of this run; all that it says to the API server goes through a proxy."""
    with behind_proxy(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def operator_down(operator: Operator) -> Iterator[None]:
    """Stop both roles for a whole module: what the API server does by itself needs neither."""
    operator.cluster.stop_operator()
    yield
    operator.start()
    await_admission(operator.cluster.layout)


@pytest.fixture
def proxy(operator: Operator) -> Iterator[FaultProxy]:
    """Return the proxy between the operator and the API server; its rules end with the test."""
    operator.proxy.clear()
    yield operator.proxy
    operator.proxy.clear()
    operator.start()


@pytest.fixture
def kube(cluster: Cluster, rest: Rest, operator: Operator) -> Kube:  # noqa: ARG001 - it runs
    """Return the administrator's hands."""
    return Kube(cluster, rest)
