"""The demo, as somebody runs it who has just cloned the repository."""

import os
import re
import subprocess
import sys

import pytest

from cluster.layout import PYTHON_PATH, REPO_ROOT


@pytest.fixture(scope="module")
def shown() -> str:
    """Return what the demo prints; it must end well."""
    environ = {**os.environ, "PYTHONPATH": PYTHON_PATH}
    command = [sys.executable, "-m", "demo"]
    done = subprocess.run(command, cwd=REPO_ROOT, env=environ, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout
    return done.stdout


def test_first_line(shown: str) -> None:
    """The first line says what will happen, and about how long it takes."""
    assert re.match(r"What comes: 12 steps with real commands .* It takes about \d+ min", shown)


def test_steps(shown: str) -> None:
    """It has twelve steps, none of which prints more than fifteen lines below its command."""
    steps = re.split(r"(?m)^\d+/12\. ", shown)[1:]
    outputs = [re.split(r"(?m)^(?:EOF|\$ [^<\n]*)$", step, maxsplit=1)[1].strip() for step in steps]

    assert 12 == len(outputs)
    assert all(outputs)
    assert 15 >= max(len(output.partition("\n\n")[0].splitlines()) for output in outputs)
