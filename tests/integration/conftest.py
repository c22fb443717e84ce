"""One real control plane for all tests of this ring, with the operator running under its own account."""

from collections.abc import Generator, Iterator

import pytest
from kube import Kube

from cluster import Cluster
from cluster.processes import tail
from cluster.rest import Rest

# A short grace period: what it protects from is tested where it matters, with the time it needs.
GRACE_SECONDS = 1
OPERATOR = {"ENVIRONMENT_OPERATOR_GRACE_SECONDS": str(GRACE_SECONDS), "ENVIRONMENT_OPERATOR_RETRY_SECONDS": "2"}


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster with the CRD, the policies, the roles and the operator, made for this run alone."""
    with Cluster(directory=tmp_path_factory.mktemp("cluster") / "state", operator_env=OPERATOR) as made:
        yield made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the operator's log with a test that failed."""
    report = yield
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and cluster:
        report.sections.append(("end of the operator's log", tail(cluster.layout.log("operator"))))
    return report


@pytest.fixture(scope="session")
def rest(cluster: Cluster) -> Iterator[Rest]:
    """Return the administrator's connection to the API server."""
    made = Rest(cluster.kubeconfig)
    yield made
    made.close()


@pytest.fixture
def kube(cluster: Cluster, rest: Rest) -> Kube:
    """Return the administrator's hands."""
    return Kube(cluster, rest)


@pytest.fixture
def project(kube: Kube) -> Iterator[str]:
    """Return a namespace of this test's own; it is deleted afterwards."""
    name = kube.unique("project")
    kube.kubectl("create", "namespace", name)
    yield name
    kube.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def without_operator(cluster: Cluster) -> Iterator[None]:
    """Have the operator down during the test."""
    cluster.stop_operator()
    yield
    cluster.start_operator()
