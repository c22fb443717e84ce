"""What commands of the plugin take, in processes of their own: as long as people wait, and of the processor."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PROGRAM = Path(sys.executable).with_name("kubectl-environment")
HELP = "--help"
_NEW = ("create", "bench-new", "--image=a:1", "--type=training", "--cluster-wide")
TIMES = 5


@dataclass(frozen=True, slots=True)
class Ran:
    """How long a command ran, the median of several runs, in milliseconds.

    Args:
        wall: by the clock.
        cpu: by the processor, that of the API server aside.
    """

    wall: float
    cpu: float


def commands(name: str) -> dict[str, tuple[str, ...]]:
    """Return the commands that are measured, with an Environment for those that take one."""
    return {
        HELP: (HELP,),
        "create --dry-run=client": (*_NEW, "--dry-run=client"),
        "create --dry-run=server": (*_NEW, "--dry-run=server"),
        "describe": ("describe", name),
        "list": ("list",),
    }


def measured(kubeconfig: Path, name: str) -> dict[str, Ran]:
    """Return how long each command ran."""
    variables = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    return {words: _ran(arguments, variables) for words, arguments in commands(name).items()}


def _ran(arguments: tuple[str, ...], variables: Mapping[str, str]) -> Ran:
    """Return how long one command ran; a first run, which fills caches, does not count."""
    wall, cpu = [], []
    for _ in range(TIMES + 1):
        begin, before = time.perf_counter(), _cpu()
        subprocess.run([PROGRAM, *arguments], env=variables, check=True, stdout=subprocess.DEVNULL)
        wall.append((time.perf_counter() - begin) * 1000)
        cpu.append((_cpu() - before) * 1000)
    return Ran(median(wall[1:]), median(cpu[1:]))


def _cpu() -> float:
    """Return the processor's time that the processes have taken which this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def lines(ran: Mapping[str, Ran]) -> Iterator[str]:
    """Yield a table of what was measured, with how many times what the help takes of the processor."""
    yield f"{'milliseconds':24} {'p50':>7} {'CPU':>7} {'to help':>7}"
    for words, each in ran.items():
        yield f"{words:24} {each.wall:7.0f} {each.cpu:7.0f} {each.cpu / ran[HELP].cpu:7.1f}"


def excesses(ran: Mapping[str, Ran], limits: Mapping[str, float]) -> list[str]:
    """Return the commands that take more of the processor, as a multiple of what the help takes, than they may."""
    ratios = {words: ran[words].cpu / ran[HELP].cpu for words in limits}
    return [f"{w}: {ratios[w]:.1f} times what {HELP} takes, over {m:g}" for w, m in limits.items() if ratios[w] > m]
