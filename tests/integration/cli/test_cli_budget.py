"""What commands of the plugin cost: people run them all day, and completion and scripts even more often."""

import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import pytest

from builders import manifest
from kube import Kube
from plugin import Plugin

# How many times the CPU of a Python that starts and imports asyncio, the API server's not among it: as a share, since
# a busy machine makes both dearer. kubectl itself takes one.
BUDGET = 10
ROUNDS = 3


def cpu(run: Callable[[], object]) -> float:
    """Return what a program takes, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("command", ["list", "describe", "check"])
def test_cpu(kube: Kube, plugin: Plugin, command: str) -> None:
    """``list``, ``describe`` and ``check`` answer within their budget of CPU."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)
    run = partial(plugin, command, *([name] if command != "list" else []))
    start = partial(subprocess.run, [sys.executable, "-c", "import asyncio"], check=True)
    # The first may compile.
    run()
    # In turns, and of each the least.
    ours, theirs = (min(spent) for spent in zip(*((cpu(run), cpu(start)) for _ in range(ROUNDS)), strict=True))

    assert ours < BUDGET * theirs, f"{ours:.2f} s, {ours / theirs:.1f} times {theirs:.3f} s"
