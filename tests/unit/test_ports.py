"""Ports of the programs that tests start."""

import os
import subprocess
import sys

from cluster.layout import REPO_ROOT
from cluster.record import free_port


def test_for_one_process_alone() -> None:
    """No other process gets a port that one has, though nobody listens on it yet."""
    port = free_port()
    code = f"import cluster.record as r; r.PORT_RANGE = range({port}, {port + 1}); r.free_port()"
    environ = {**os.environ, "PYTHONPATH": str(REPO_ROOT / "tests")}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)

    assert f"no free port in {port}-{port}" in done.stderr
