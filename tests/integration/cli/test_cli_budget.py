"""What commands of the plugin cost: people run them all day, and completion and scripts even more often."""

import resource

import pytest

from builders import manifest
from kube import Kube
from plugin import Plugin

# CPU seconds of the whole command, the API server's not among them; kubectl itself takes a tenth of it.
BUDGET = 0.6
ROUNDS = 3


def cpu(plugin: Plugin, *arguments: str) -> float:
    """Return what a command takes, of some runs the least, since others use the machine; the first may compile."""
    plugin(*arguments)
    spent = []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        plugin(*arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


@pytest.mark.parametrize("command", ["list", "describe", "check"])
def test_cpu(kube: Kube, plugin: Plugin, command: str) -> None:
    """``list``, ``describe`` and ``check`` answer within their budget of CPU."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)

    assert cpu(plugin, command, *([name] if command != "list" else [])) < BUDGET
