"""``connect``: where the tools of a workload are."""

from typing import TYPE_CHECKING

import click

from environment_operator.cli import completion, kubectl_flags, options
from environment_operator.cli.client.connection import Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console

if TYPE_CHECKING:
    from environment_operator.tools.addresses import Tools


_NO_BROWSER = "no browser could be started. Open that address yourself."


@click.command("connect")
@click.argument(
    "words", metavar="KIND/NAME|KIND NAME [TOOL]", nargs=-1, required=True, shell_complete=completion.workload_and_tool
)
@options.connected
@options.in_project("The project of the workload; else that of the context.")
@click.option("--open", "in_browser", is_flag=True, help="Open the tool's URL in a browser.")
@click.option("--forward", is_flag=True, help="Forward a local port to the tool, until interrupted.")
@click.option("--local-port", type=click.IntRange(0, 65535), default=0, help="Which one; else any that is free.")
@click.option("--no-headers", is_flag=True, help="Leave the titles out.")
def connect_command(
    connection: Connection,
    *,
    words: tuple[str, ...],
    project: str,
    in_browser: bool,
    forward: bool,
    local_port: int,
    no_headers: bool,
) -> None:
    """Show where the tools of a workload are, or lead there.

    \b
    Examples:
      kubectl environment connect deployment/notebook -n vision
      kubectl environment connect deployment notebook -n vision
      kubectl environment connect deployment/notebook lab -n vision --open
      kubectl environment connect deployment/notebook lab -n vision --forward --local-port 8888
    """
    from environment_operator.cli.tools import HEADER, lacking, reachable, rows

    workload, tool = _asked(words)
    project = project or connection.namespace
    found = _tools(connection, workload, project)
    ports = node_ports(connection, project, found.token)
    listed = [row for row in rows(found, project, ports, connection.options) if tool in ("", row[0])]
    if not listed:
        raise Problem(f'{workload} has no tool "{tool}". Choose one of {", ".join(found.tools)}.', Exit.NOT_FOUND)
    if forward or in_browser:
        chosen = reachable(found, tool, forward=forward)
        if not chosen:
            raise Problem(_unreachable(listed[0][0], forward=forward), Exit.NO)
        if forward:
            _forward(connection, found, chosen, project, local_port, in_browser=in_browser)
        elif not _opened(found.tools[chosen].web):
            raise Problem(_NO_BROWSER, Exit.NO)
        return
    if tool:
        click.echo(listed[0][2])
    else:
        console.table(HEADER, listed, headers=not no_headers)
    for missing in lacking(found, tool):
        console.note(missing)


def _asked(words: tuple[str, ...]) -> tuple[str, str]:
    """Return the workload as ``KIND/NAME``, and the tool, empty for all.

    Raises:
        Problem: there are more words.
    """
    workload, rest = kubectl_flags.workload_first(words)
    if len(rest) > 1:
        raise Problem(f"more than one tool is given. Remove {' '.join(rest[1:])}.", Exit.USAGE)
    return workload, "".join(rest)


def _tools(connection: Connection, workload: str, project: str) -> "Tools":
    """Return the tools of a workload, written as kind and name."""
    from environment_operator.cli import lookup
    from environment_operator.injection import workload_tools

    kind, found, _ = lookup.workload(connection, workload, project)
    tools = workload_tools.admitted(kind, found)
    if tools is None:
        raise Problem(
            f'{workload} in project "{project}" has no tools. Use an Environment that lists some in spec.tools.',
            Exit.NO,
        )
    return tools


def _forward(
    connection: Connection, found: "Tools", tool: str, project: str, local_port: int, *, in_browser: bool
) -> None:
    """Forward a local port to a tool, and say where it listens."""
    from environment_operator.cli.port_forward import forward

    address = found.tools[tool]
    path = address.base_path or "/"

    def ready(port: int) -> None:
        url = f"http://127.0.0.1:{port}{path}"
        if not in_browser:
            click.echo(url)
        elif not _opened(url):
            console.note(_NO_BROWSER)

    forward(connection.options, project, f"environment-{found.token}", (local_port, address.port), ready)


def node_ports(connection: Connection, project: str, token: str) -> dict[int, int]:
    """Return the node port of each port of the container that has one."""
    from environment_operator.cli.client.connection import NAMESPACES

    found = connection.find(f"{NAMESPACES}/{project}/services/environment-{token}-node-port") or {}
    return {port["port"]: port["nodePort"] for port in (found.get("spec") or {}).get("ports", ())}


def _unreachable(tool: str, *, forward: bool) -> str:
    """Return why no tool can be opened, or forwarded to."""
    if forward:
        return f'tool "{tool}" is outside of the cluster. Remove --forward to have its address shown.'
    return f'tool "{tool}" has no URL for a browser. Remove --open to see how to reach it.'


def _opened(url: str) -> bool:
    """Show a URL and open it in the user's browser; say whether there was one."""
    import webbrowser

    click.echo(url)
    return webbrowser.open(url)
