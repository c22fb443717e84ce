"""A cluster with the operator, in which controllers of other projects run as processes, as the administrator.

There is no node: Pods are stored and never run. Where a controller waits for one, a test reports what a kubelet would.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cluster import Cluster
from cluster.record import free_port
from cluster.rest import Rest
from controllers.jobsets import jobset
from controllers.processes import define, mount, running
from controllers.programs import KUBERAY, TRAINING_OPERATOR
from kube import Kube, fresh_cluster, kept_cluster

CERTIFICATE = "training-operator-webhook-cert"


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


@pytest.fixture(scope="module")
def controllers(kube: Kube) -> Iterator[None]:
    """Have KubeRay, the training operator and JobSet run, with their own definitions."""
    with ExitStack() as stack:
        for controller in (KUBERAY, TRAINING_OPERATOR):
            define(kube, controller)
        prepare_training_operator(kube)
        stack.enter_context(running(kube, KUBERAY))
        stack.enter_context(running(kube, TRAINING_OPERATOR, f"--webhook-server-port={free_port()}"))
        mount(kube, "kubeflow", CERTIFICATE)
        stack.enter_context(jobset(kube))
        yield


def prepare_training_operator(kube: Kube) -> None:
    """Create what its manifests have for its certificate."""
    kube.rest.create("/api/v1/namespaces", {"metadata": {"name": "kubeflow"}})
    kube.rest.create("/api/v1/namespaces/kubeflow/secrets", {"metadata": {"name": CERTIFICATE}})
