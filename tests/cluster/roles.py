"""Our operator as local processes with their real identity, one process a role."""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from cluster import kubeconfig, kubectl, processes
from cluster.layout import REPO_ROOT, Layout
from cluster.probe import answers
from cluster.processes import Program
from cluster.record import free_port

NAMESPACE = "environments-system"
SERVICE_ACCOUNT = "environment-operator"
# Where another namespace is written down, for the operator that is to run in it.
NAMESPACE_VARIABLE = "ENVIRONMENT_OPERATOR_NAMESPACE"
# The operator as it is, with the times that tests shorten.
MODULE = "cluster.tuned"
HTTP_VARIABLE = "ENVIRONMENT_OPERATOR_HTTP_ADDRESS"
LOOPBACK = "127.0.0.1"
ADMISSION = {"ENVIRONMENT_OPERATOR_DRAIN_SECONDS": "0"}
HTTPS_VARIABLE = "ENVIRONMENT_OPERATOR_HTTPS_ADDRESS"
ADMISSION_PORT = "admission"
TOKEN_LIFETIME = "720h"


@dataclass(frozen=True)
class Role:
    """One process of the operator: its name here, its argument, and the name of the port that the API server calls."""

    program: str
    command: str
    admission: str = ""


ROLES = (Role("operator", "controller"), Role("webhook", "webhook", admission=ADMISSION_PORT))


def start(
    layout: Layout,
    env: Mapping[str, str],
    *,
    host: str = LOOPBACK,
    servers: Mapping[str, str],
    await_ready: bool = True,
) -> None:
    """Start every role that does not run, with `env` added, and await their readiness.

    `host` is the address at which the API server reaches us, where it does; `servers` replaces the API server's URL in
    the kubeconfig of the programs that it names, for a proxy in between.
    """
    for role in ROLES:
        _start(layout, role, env, servers.get(role.program), host or LOOPBACK)
    if await_ready:
        for role in ROLES:
            _await_ready(layout, role)


def start_replica(layout: Layout, program: str, command: str, env: Mapping[str, str], server: str | None) -> None:
    """Start one process of a role, unless it runs, and await its readiness; whoever started it has to stop it."""
    role = Role(program, command, admission=admission_port(program) if command == "webhook" else "")
    _start(layout, role, env, server, LOOPBACK)
    _await_ready(layout, role)


def admission_port(program: str) -> str:
    """Return the name of the port at which a process for admission is called."""
    usual = {role.program: role.admission for role in ROLES}
    return usual.get(program, f"{program}-{ADMISSION_PORT}")


def stop(layout: Layout, signal_number: int = signal.SIGTERM) -> list[str]:
    """Stop every role, last started first; return the names of those that ran."""
    names = [role.program for role in reversed(ROLES)]
    return [name for name in names if processes.stop(layout, name, signal_number)]


def port_of(layout: Layout, program: str) -> int:
    """Return the HTTP port of a role's process, or that of admission, the same for all restarts."""
    path = layout.port(program)
    if not path.exists():
        path.write_text(f"{free_port()}\n")
    return int(path.read_text())


def admission_url(layout: Layout, port: str = ADMISSION_PORT, host: str = LOOPBACK) -> str:
    """Return where the API server calls us."""
    return f"https://{host}:{port_of(layout, port)}"


def _start(layout: Layout, role: Role, env: Mapping[str, str], server: str | None, host: str) -> None:
    """Start a role unless it runs."""
    if not processes.find(layout, role.program):
        _identify(layout, role, server, env.get(NAMESPACE_VARIABLE, NAMESPACE))
        processes.start(layout, _program(layout, role, env, host))


def _identify(layout: Layout, role: Role, server: str | None, namespace: str) -> None:
    """Write a kubeconfig of the operator's service account; its token is asked for once."""
    token = layout.operator_token
    if not token.exists():
        account = [SERVICE_ACCOUNT, f"--namespace={namespace}", f"--duration={TOKEN_LIFETIME}"]
        issued = kubectl.run(layout, "create", "token", *account).stdout.strip()
        token.touch(mode=0o600)
        token.write_text(issued)
    path = layout.role_kubeconfig(role.program)
    kubeconfig.write_with_token(path, admin=layout.kubeconfig, token=token, server=server)


def _program(layout: Layout, role: Role, env: Mapping[str, str], host: str) -> Program:
    loopback = {
        name: ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))
        for name in ("NO_PROXY", "no_proxy")
    }
    ours = {
        "KUBECONFIG": str(layout.role_kubeconfig(role.program)),
        HTTP_VARIABLE: f"{LOOPBACK}:{port_of(layout, role.program)}",
        "POD_NAME": role.program,
        "PYTHONPATH": str(REPO_ROOT / "tests"),
    }
    admission = {**ADMISSION, HTTPS_VARIABLE: f"{host}:{port_of(layout, role.admission)}"} if role.admission else {}
    argv = (sys.executable, "-m", MODULE, role.command)
    return Program(role.program, argv, {**os.environ, **loopback, **admission, **env, **ours})


def _await_ready(layout: Layout, role: Role) -> None:
    url = f"http://127.0.0.1:{port_of(layout, role.program)}/readyz"
    processes.await_ready(layout, role.program, lambda: answers(url))
