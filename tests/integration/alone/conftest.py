"""A cluster for each module of this folder alone, since its tests are about all that there is in one."""

from collections.abc import Iterator

import pytest

from cluster import Cluster
from cluster.rest import Rest
from kube import Operator, behind_proxy, fresh_cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return the module's cluster."""
    with fresh_cluster(tmp_path_factory.mktemp("cluster") / "state") as made:
        yield made


@pytest.fixture(scope="module")
def operator(cluster: Cluster) -> Iterator[Operator]:
    """Return its operator, whose controller speaks to the API server through a proxy."""
    with behind_proxy(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def rest(cluster: Cluster) -> Iterator[Rest]:
    """Return the administrator's connection to it."""
    made = Rest(cluster.kubeconfig)
    yield made
    made.close()
