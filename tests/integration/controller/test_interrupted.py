"""Commands that start a cluster of their own: whoever interrupts one finds nothing left of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cluster import processes
from cluster.layout import PYTHON_PATH
from cluster.waiting import until


def left(folder: Path) -> Iterator[str]:
    """Yield the programs that run for a cluster below a folder."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(processes.DIRECTORY_MARK, "").startswith(str(folder)):
                yield process.name()
        except psutil.Error:
            continue


@pytest.mark.parametrize(
    ("module", "number"), [("bench", signal.SIGINT), ("law7", signal.SIGTERM), ("demo", signal.SIGHUP)]
)
def test_nothing_is_left(tmp_path: Path, module: str, number: signal.Signals) -> None:
    """Interrupted in the middle of its start, and again while it tidies up, a command ends all that it started."""
    variables = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": PYTHON_PATH}
    with subprocess.Popen([sys.executable, "-m", module], env=variables, stdout=subprocess.PIPE, text=True) as running:
        until("a program of the cluster to run", lambda: any(left(tmp_path)))
        running.send_signal(number)
        running.send_signal(number)
        said, _ = running.communicate()

    assert [] == list(left(tmp_path))
    assert "interrupted; nothing is left running" in said
    assert running.returncode in (130, 128 + number)


HOLDS = """
import sys
from cluster import Cluster

with Cluster(flavor="local", with_operator=False):
    print("up", flush=True)
    sys.stdin.read()
"""


def test_nothing_is_left_of_who_was_killed(tmp_path: Path) -> None:
    """Killed while its cluster is up, as processes that share the tests are at an interruption, it leaves nothing."""
    variables = {**os.environ, "CLUSTER_DIR": str(tmp_path / "c"), "PYTHONPATH": PYTHON_PATH}
    command = [sys.executable, "-c", HOLDS]
    with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert "up\n" == running.stdout.readline()
        assert any(left(tmp_path))
        running.kill()

    until("the cluster to be gone", lambda: not any(left(tmp_path)) and not (tmp_path / "c").exists())
