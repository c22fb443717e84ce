"""One real control plane for all tests of this ring, with the operator running under its own account."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Cluster
from cluster.manifests import await_admission
from cluster.proxy import FaultProxy
from cluster.rest import Rest
from cluster.upstream import Upstream
from environment_operator.api import names
from kube import Kube, Operator, behind_proxy, fresh_cluster, kept_cluster
from people import NAMESPACES
from plugin import Plugin
from registries import let, put, secrets, source
from tool_users import ROUTE, ROUTES


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster with the CRD, the policies and the roles, of this run alone or kept; the operator runs."""
    kept = request.config.getoption("--cluster")
    with kept_cluster(Path(kept)) if kept else fresh_cluster(tmp_path_factory.mktemp("cluster") / "state") as made:
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


@pytest.fixture(scope="module")
def routes(cluster: Cluster, rest: Rest, operator: Operator) -> Iterator[None]:  # noqa: ARG001 - it runs
    """Have HTTPRoutes in the cluster while a module runs."""
    kube = Kube(cluster, rest)
    kube.apply(ROUTE)
    kube.until_established(ROUTES)
    yield
    kube.kubectl("delete", "crd", ROUTES, "--ignore-not-found")


@pytest.fixture
def publish(kube: Kube) -> Iterator[Callable[..., str]]:
    """Return what makes credentials of a new name with a password and a scope; they go with the test."""
    made: list[str] = []

    def make(password: str, scope: object, *hosts: str, name: str = "") -> str:
        made.append(name or kube.unique("hub"))
        put(kube.rest, source(made[-1], password, *hosts, scope=scope))
        return made[-1]

    yield make
    for name in made:
        kube.rest.delete(secrets(names.SYSTEM_NAMESPACE, name))


@pytest.fixture
def projects(kube: Kube) -> Iterator[Callable[..., str]]:
    """Return what makes a project, with labels, that lets the operator; they go with the test."""
    made: list[str] = []

    def make(*, lets: bool = True, **labels: str) -> str:
        name = kube.unique("pull")
        reply = kube.rest.create(NAMESPACES, {"metadata": {"name": name, "labels": labels}})
        assert reply.ok, reply.message
        made.append(name)
        if lets:
            let(kube.rest, name)
        return name

    yield make
    for name in made:
        kube.rest.delete(f"{NAMESPACES}/{name}")


@pytest.fixture
def config(plugin: Plugin, tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes the administrator's kubeconfig with a change, and returns its path."""

    def write(edit: Callable[[dict[str, Any]], object], name: str = "kubeconfig") -> str:
        content = yaml.safe_load(plugin.cluster.kubeconfig.read_text())
        edit(content)
        (tmp_path / name).write_text(yaml.safe_dump(content))
        return str(tmp_path / name)

    return write


@pytest.fixture
def faults(plugin: Plugin) -> Iterator[FaultProxy]:
    """Return a proxy before the API server."""
    with FaultProxy(Upstream.of(plugin.cluster.kubeconfig)) as proxy:
        yield proxy


@pytest.fixture
def through(kube: Kube, config: Any, faults: FaultProxy) -> Iterator[str]:
    """Return the kubeconfig of an administrator who goes through the proxy, by a token: certificates do not pass it."""
    name = kube.unique("admin")
    kube.kubectl("create", "serviceaccount", name, "-n", "default")
    kube.kubectl(
        "create", "clusterrolebinding", name, "--clusterrole=cluster-admin", f"--serviceaccount=default:{name}"
    )
    token = kube.kubectl("create", "token", name, "-n", "default").strip()

    def edit(content: dict[str, Any]) -> None:
        content["clusters"][0]["cluster"] = {"server": faults.url}
        content["users"][0]["user"] = {"token": token}

    yield config(edit)
    kube.kubectl("delete", "clusterrolebinding", name)
