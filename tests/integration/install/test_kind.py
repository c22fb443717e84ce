"""The same story on kind, where there is a Docker engine."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from builders import manifest
from cluster import Cluster
from cluster.waiting import TIMEOUT


@pytest.fixture
def docker() -> None:
    """Skip the test where no Docker engine answers."""
    if shutil.which("docker") is None:
        pytest.skip("there is no docker command, so no kind cluster")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers, so no kind cluster")


@pytest.mark.usefixtures("docker")
def test_ready_on_kind(tmp_path: Path) -> None:
    """An Environment becomes ready on a kind cluster, with the operator next to it."""
    with Cluster(directory=tmp_path / "state", flavor="kind") as cluster:
        cluster.kubectl("apply", "-f", "-", input=json.dumps(manifest("kind")))
        cluster.kubectl("wait", "--for=condition=Ready", "environment/kind", TIMEOUT)
