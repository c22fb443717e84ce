"""A port-forward to a Service by the user's own kubectl, with their rights, for as long as they want it."""

import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence

from environment_operator.cli.exit_codes import Exit, Problem

# What kubectl says when it listens; it says it for IPv6, too.
_LISTENS = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ")


def forward(
    options: Sequence[str], project: str, service: str, ports: tuple[int, int], ready: Callable[[int], None]
) -> None:
    """Forward a local port until the user or the connection ends it.

    Args:
        options: what kubectl needs to reach the same API server as the same user.
        project: the namespace.
        service: name of the Service.
        ports: the local port, 0 for any, and that of the Service.
        ready: gets the local port once it listens.

    Raises:
        Problem: there is no kubectl, or it ended by itself; it has said why.
    """
    program = shutil.which("kubectl")
    if program is None:
        raise Problem("kubectl is not on the PATH. Install it: it does the forwarding.", Exit.NO)
    local, remote = ports
    command = [program, *options, "port-forward", "-n", project, f"service/{service}", f"{local or ''}:{remote}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - no shell
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        for line in process.stdout or ():
            if found := _LISTENS.match(line):
                ready(int(found[1]))
    if process.returncode > 0:
        raise Problem("kubectl port-forward has ended. See its message above.", Exit.NO)
