"""What the rings with a cluster share; each makes the cluster that it needs."""

import signal
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from cluster import Cluster
from cluster.api import chosen
from cluster.processes import tail
from cluster.rest import Rest
from kube import Kube
from plugin import Plugin

# How long a case takes says how busy the machine is, nothing about the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a contributor keep a cluster up between runs."""
    text = "run on the cluster in this directory, made when there is none, and leave it up"
    parser.addoption("--cluster", metavar="DIR", help=text)
    parser.addoption(
        "--require-browser", action="store_true", help="fail where there is no browser, instead of skipping"
    )


def pytest_report_header(config: pytest.Config) -> str:
    """Return which Kubernetes a ring with a cluster takes, and why."""
    kept = config.getoption("--cluster")
    return f"kubernetes: the cluster in {kept}" if kept else f"kubernetes: {chosen().why}"


def pytest_configure(config: pytest.Config) -> None:
    """Let programs that the tests start be interrupted: what runs in the background of a shell passes on that not.

    Refuse several processes on one cluster: they would stop each other's operator.
    """
    if config.getoption("--cluster") and config.getoption("numprocesses", default=0):
        raise pytest.UsageError("--cluster is for one process: leave -n out")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def rest(cluster: Cluster) -> Iterator[Rest]:
    """Return the administrator's connection to the API server."""
    made = Rest(cluster.kubeconfig)
    yield made
    made.close()


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
