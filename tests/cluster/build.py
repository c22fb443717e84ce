"""Run one long build command with a line of progress every few seconds."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cluster.errors import ClusterError
from cluster.processes import tail

TICK_SECONDS = 5
Report = Callable[[str], None]


@dataclass
class Step:
    """One command of the build: what to call it, and how far it is after so many lines and seconds."""

    title: str
    argv: tuple[str, ...]
    progress: Callable[[int, float], str]
    output: list[str] = field(default_factory=list)
    lines: int = 0

    def run(self, folder: Path, environ: Mapping[str, str], log: Path, report: Report) -> None:
        """Run to the end, lines of stderr counted and logged; a failure shows the log's end."""
        started = time.monotonic()
        with log.open("a") as sink, self._started(folder, environ) as process:
            readers = self._readers(process, sink)
            try:
                while not _ended(process):
                    seconds = time.monotonic() - started
                    report(f"{self.title}: {self.progress(self.lines, seconds)}")
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
            finally:
                for reader in readers:
                    reader.join()
        if process.returncode:
            message = f"{self.title} failed; the end of {log}:\n{tail(log)}"
            raise ClusterError(message)

    def _started(self, folder: Path, environ: Mapping[str, str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.argv,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _readers(self, process: "subprocess.Popen[str]", log: IO[str]) -> list[threading.Thread]:
        targets = (
            (self._count, process.stderr, log),
            (self._keep, process.stdout, log),
        )
        readers = [
            threading.Thread(target=target, args=(stream, sink), daemon=True) for target, stream, sink in targets
        ]
        for reader in readers:
            reader.start()
        return readers

    def _count(self, stream: Iterable[str], log: IO[str]) -> None:
        for line in stream:
            self.lines += 1
            log.write(line)
            log.flush()

    def _keep(self, stream: Iterable[str], _log: IO[str]) -> None:
        self.output.extend(stream)


def _ended(process: "subprocess.Popen[str]") -> bool:
    """Wait for the next line of progress: True when the command is over by then."""
    try:
        process.wait(TICK_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True
