"""What every module about tools needs."""

from collections.abc import Iterator

import pytest

from cluster import Cluster
from cluster.rest import Rest
from kube import Kube, Operator
from tool_users import ROUTE, ROUTES


@pytest.fixture(scope="module", autouse=True)
def routes(cluster: Cluster, rest: Rest, operator: Operator) -> Iterator[None]:  # noqa: ARG001 - it runs
    """Have HTTPRoutes in the cluster."""
    kube = Kube(cluster, rest)
    kube.apply(ROUTE)
    kube.until_established(ROUTES)
    yield
    kube.kubectl("delete", "crd", ROUTES, "--ignore-not-found")
