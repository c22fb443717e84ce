"""The plugin as people run it: through the real kubectl, with a kubeconfig, in a pipe or at a terminal."""

import errno
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cluster import Cluster
from cluster.active import ActiveRule

TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of the output."""
        return self.out.splitlines()


@dataclass(frozen=True)
class Plugin:
    """Runs ``kubectl environment`` on a cluster."""

    cluster: Cluster

    def __call__(self, *arguments: str, stdin: str = "", code: int = 0, **variables: str) -> str:
        """Run a command that must end with an exit code; return what it printed."""
        ran = self.run(*arguments, stdin=stdin, **variables)
        assert code == ran.code, f"kubectl environment {' '.join(arguments)}: {ran.out}{ran.err}"
        return ran.out

    def fails(self, *arguments: str, code: int, stdin: str = "", **variables: str) -> str:
        """Run a command that must fail with an exit code; return what it said."""
        ran = self.run(*arguments, stdin=stdin, **variables)
        assert code == ran.code, f"kubectl environment {' '.join(arguments)}: {ran.out}{ran.err}"
        assert "Traceback" not in ran.err
        return ran.err

    def run(self, *arguments: str, stdin: str = "", **variables: str) -> Ran:
        """Run a command; it may fail."""
        command = [str(self.cluster.layout.kubectl), "environment", *arguments]
        done = subprocess.run(
            command,
            input=stdin.encode(),
            env=self.variables(**variables),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def at_terminal(self, *arguments: str, typed: str = "", **variables: str) -> Ran:
        """Run a command at a terminal, with what somebody types; output and errors come together."""
        ours, theirs = pty.openpty()
        command = [str(self.cluster.layout.kubectl), "environment", *arguments]
        # A session of its own, so that the terminal is the controlling one.
        process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=self.variables(**variables), start_new_session=True
        )
        os.close(theirs)
        os.write(ours, typed.encode())
        out = _all(ours)
        os.close(ours)
        return Ran(process.wait(TIMEOUT_SECONDS), out, "")

    def interrupted(self, at: ActiveRule, *arguments: str, **variables: str) -> Ran:
        """Run a command that somebody interrupts while a request of it is held."""
        command = [str(self.cluster.layout.kubectl), "environment", *arguments]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.variables(**variables), text=True
        ) as running:
            assert at.await_hit()
            running.send_signal(signal.SIGINT)
            try:
                out, err = running.communicate(timeout=TIMEOUT_SECONDS)
            finally:
                running.kill()
        return Ran(running.returncode, out, err)

    def variables(self, **more: str) -> dict[str, str]:
        """Return the variables: kubectl and the plugin are found, and nothing of the person who runs the tests."""
        path = os.pathsep.join((str(Path(sys.executable).parent), str(self.cluster.layout.kubectl.parent), os.defpath))
        ours = {
            "PATH": path,
            "HOME": str(self.cluster.layout.root),
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "KUBECACHEDIR": str(self.cluster.layout.kubectl_cache),
            "KUBERC": "off",
            "LANG": "C.UTF-8",
            "TERM": "xterm",
        }
        return {**ours, **more}


@contextmanager
def browser() -> Iterator[tuple[str, Path]]:
    """Yield the variable BROWSER of a program that writes down what it is to open, and the file with that."""
    with TemporaryDirectory() as folder:
        opened, program = Path(folder, "opened"), Path(folder, "browser")
        program.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
        program.chmod(0o700)
        yield str(program), opened


def _all(terminal: int) -> str:
    """Return all that is written to a terminal until its other side closes."""
    out = b""
    try:
        while chunk := os.read(terminal, 65536):
            out += chunk
    except OSError as error:
        # Linux says so when the last one at the other side is gone.
        if error.errno != errno.EIO:
            raise
    return out.decode()
