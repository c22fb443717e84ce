"""Programs that outlive the command which started them, and are never confused with others.

Every child carries two marks in its environment, the cluster's directory and its own name.
A pid file is only a hint: no signal is sent unless the process has both marks.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from cluster.errors import ClusterError
from cluster.layout import Layout
from cluster.waiting import PATIENCE_SECONDS, until

DIRECTORY_MARK = "ENVIRONMENT_CLUSTER_DIR"
PROGRAM_MARK = "ENVIRONMENT_CLUSTER_PROGRAM"
STDERR = 2
TERM_SECONDS = 60
KILL_SECONDS = 10
TAIL_LINES = 20
TAIL_WIDTH = 300


@dataclass(frozen=True)
class Program:
    """One program to run: its name, its whole command line and its environment."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)


def tail(log: Path) -> str:
    """Return the last lines of a log, or a note that there are none."""
    if not log.exists():
        return "(no log)"
    with log.open(errors="replace") as lines:
        last = deque((line.rstrip()[:TAIL_WIDTH] for line in lines), maxlen=TAIL_LINES)
    return "\n".join(last) or "(the log is empty)"


def spawn(program: Program, log: Path, marks: Mapping[str, str]) -> int:
    """Start a program in its own session, stdin closed, output appended to `log`: its pid."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        return os.posix_spawn(
            program.argv[0],
            program.argv,
            {**program.environ, **marks},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                *((os.POSIX_SPAWN_CLOSE, number) for number in _inherited()),
            ],
            setsid=True,
            setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
        )
    except OSError as error:
        message = f"cannot start {program.name}: {error}"
        raise ClusterError(message) from error


def _inherited() -> list[int]:
    """Return the descriptors that a child would get from us, such as the pipes of a caller."""
    numbers = (int(name) for name in os.listdir("/dev/fd"))  # noqa: PTH208  names, not paths
    return [number for number in numbers if number > STDERR and _inheritable(number)]


def _inheritable(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:  # it was the one that listed the others
        return False


def start(layout: Layout, program: Program) -> int:
    """Start a program unless it runs already; return its pid."""
    if running := find(layout, program.name):
        return running.pid
    marks = {DIRECTORY_MARK: str(layout.root), PROGRAM_MARK: program.name}
    pid = spawn(program, layout.log(program.name), marks)
    layout.pid(program.name).write_text(f"{pid}\n")
    # For an instant after its start a program has no environment that others could read.
    until(f"{program.name} to start", lambda: bool(find(layout, program.name)) or _ended(pid), seconds=10)
    return pid


def _ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def find(layout: Layout, name: str) -> psutil.Process | None:
    """Return the live process of this cluster's program, never a foreign or a dead one."""
    try:
        process = psutil.Process(int(layout.pid(name).read_text()))
        if process.status() == psutil.STATUS_ZOMBIE:
            reap(process.pid)
            return None
        environ = process.environ()
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    marks = (environ.get(DIRECTORY_MARK), environ.get(PROGRAM_MARK))
    return process if marks == (str(layout.root), name) else None


def reap(pid: int) -> None:
    """Collect a dead child, so that its pid does not stay behind; other parents' are left."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def state(layout: Layout, name: str) -> str:
    """Return `running (pid N)`, `dead` (it should run) or `stopped`."""
    if process := find(layout, name):
        return f"running (pid {process.pid})"
    return "dead" if layout.pid(name).exists() else "stopped"


def stop(layout: Layout, name: str, signal_number: int = signal.SIGTERM) -> bool:
    """Signal a program, SIGKILL it at the deadline, wait until it is gone; False if none ran."""
    process = find(layout, name)
    if process is not None:
        end(process, signal_number)
    layout.pid(name).unlink(missing_ok=True)
    return process is not None


def end(process: psutil.Process, signal_number: int) -> None:
    """Send the signal, then SIGKILL at the deadline, and return when the process is gone."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal_number)
        try:
            process.wait(TERM_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(KILL_SECONDS)


def await_ready(layout: Layout, name: str, ready: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Return once `ready` holds; raise with the end of the log when the program dies or hangs."""

    def ready_or_dead() -> bool:
        return ready() or find(layout, name) is None

    log = layout.log(name)
    try:
        until(f"{name} to be ready", ready_or_dead, seconds=seconds)
    except ClusterError as error:
        message = f"{error}; the end of {log}:\n{tail(log)}"
        raise ClusterError(message) from error
    if find(layout, name) is None:
        message = f"{name} ended before it was ready; the end of {log}:\n{tail(log)}"
        raise ClusterError(message)
