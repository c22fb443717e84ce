"""A cluster with the operator, beside which controllers of other projects run as processes, as the administrator.

There is no node: Pods are stored and never run. Where a controller waits for one, a test says what the kubelet would.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import Cluster
from cluster.rest import Rest
from kube import Kube, fresh_cluster, kept_cluster


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster of this run alone, or one that is kept; the operator runs."""
    kept = request.config.getoption("--cluster")
    with kept_cluster(Path(kept)) if kept else fresh_cluster(tmp_path_factory.mktemp("controllers") / "c") as made:
        yield made


@pytest.fixture(scope="session")
def kube(cluster: Cluster, rest: Rest) -> Kube:
    """Return the administrator's hands."""
    return Kube(cluster, rest)
