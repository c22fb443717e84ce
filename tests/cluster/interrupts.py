"""Commands that start a cluster and leave nothing behind, however they end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import psutil

from cluster import processes
from cluster.api import Cluster

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNAL_EXIT = 128


def heed() -> None:
    """Have the first signal raise KeyboardInterrupt with its number; further ones do not stop the tidying up."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def ignore() -> None:
    """Let signals pass from here on."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def exit_code(work: Callable[[], int | None], say: Callable[[str], object]) -> int:
    """Return what a command returns, or the exit code of the signal that interrupted it, which is said."""
    heed()
    try:
        return work() or 0
    except KeyboardInterrupt as interruption:
        say("interrupted; nothing is left running")
        return SIGNAL_EXIT + int(interruption.args[0] if interruption.args else signal.SIGINT)


@contextmanager
def started(cluster: Cluster) -> Iterator[Cluster]:
    """Bring a cluster up and take it down, also after a failure, and what an interrupted start has left."""
    # Two blocks: a signal on the way out of the inner one cannot keep the outer one from its work.
    try:
        try:
            cluster.up()
            yield cluster
        finally:
            ignore()
    finally:
        take_down(cluster)


def take_down(cluster: Cluster) -> None:
    """Take a cluster down; end what an interrupted start has left behind."""
    cluster.down()
    for process in filter(lambda found: _belongs(found, cluster), psutil.process_iter()):
        processes.end(process, signal.SIGTERM)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    ignore()
    raise KeyboardInterrupt(number)


def _belongs(process: psutil.Process, cluster: Cluster) -> bool:
    """Return whether a process is a program of the cluster."""
    try:
        return process.environ().get(processes.DIRECTORY_MARK) == str(cluster.layout.root)
    except psutil.Error:
        return False
