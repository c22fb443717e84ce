"""One real control plane for all tests of this ring, with the operator running under its own account."""

from collections.abc import Generator, Iterator

import pytest
from kube import Kube, Operator, behind_proxy, fresh_cluster

from cluster import Cluster
from cluster.manifests import await_admission
from cluster.processes import tail
from cluster.proxy import FaultProxy
from cluster.rest import Rest
from plugin import Plugin


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster with the CRD, the policies and the roles, made for this run alone; the operator runs."""
    with fresh_cluster(tmp_path_factory.mktemp("cluster") / "state") as made:
        yield made


@pytest.fixture(scope="session")
def rest(cluster: Cluster) -> Iterator[Rest]:
    """Return the administrator's connection to the API server."""
    made = Rest(cluster.kubeconfig)
    yield made
    made.close()


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


@pytest.fixture
def plugin(kube: Kube) -> Plugin:
    """Return ``kubectl environment`` in the administrator's hands."""
    return Plugin(kube.cluster)


@pytest.fixture
def project(kube: Kube) -> Iterator[str]:
    """Return a namespace of this test's own; it is deleted afterwards."""
    name = kube.unique("project")
    kube.rest.create("/api/v1/namespaces", {"metadata": {"name": name}})
    # The controller manager makes the account that Pods need.
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    kube.until("the default account", lambda: kube.rest.get(account).ok)
    yield name
    kube.rest.delete(f"/api/v1/namespaces/{name}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the operator's logs with a test that failed."""
    report = yield
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and cluster:
        for program in ("operator", "webhook"):
            report.sections.append((f"end of the {program}'s log", tail(cluster.layout.log(program))))
    return report
