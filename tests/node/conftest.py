"""A cluster with a real node, images made here, and a registry that demands a password.

Where no node can run the ring is skipped, and says what is missing; with ``--require-node`` that is a failure.
"""

from collections.abc import Iterator

import pytest

from cluster import Cluster, images, packages
from cluster.rest import Rest
from kube import Kube, fresh_cluster
from registry import Registry
from running import MEMBER, NAMED, NUMBERED, PLAIN, SPEAKING


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let CI demand that the ring runs."""
    parser.addoption("--require-node", action="store_true", help="fail where no node can run, instead of skipping")


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster whose pods run, with the images of this ring on its node."""
    if why := packages.missing():
        (pytest.fail if request.config.getoption("--require-node") else pytest.skip)(why)
    with fresh_cluster(tmp_path_factory.mktemp("node") / "c", flavor="node") as made:
        for image in (PLAIN, NUMBERED, NAMED, MEMBER, SPEAKING):
            images.load(made.layout, image)
        yield made


@pytest.fixture
def kube(cluster: Cluster, rest: Rest) -> Kube:
    """Return the administrator's hands."""
    return Kube(cluster, rest)


@pytest.fixture(scope="session")
def registry(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Return a registry that gives nothing without a password, and that the node may ask without TLS."""
    with Registry(tmp_path_factory.mktemp("registry")) as made:
        made.trusted_by(cluster.layout)
        yield made
