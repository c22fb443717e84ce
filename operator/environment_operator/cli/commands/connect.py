"""``connect``: where the tools of a workload are."""

from typing import TYPE_CHECKING, Any

import click

from environment_operator.api import names
from environment_operator.cli import completion, kubectl_flags, options
from environment_operator.cli.client.connection import Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console
from environment_operator.kube.errors import Forbidden, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from environment_operator.tools.addresses import Tools


Object = dict[str, Any]
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
    from environment_operator.cli.tools import reachable, why_without_urls, without_urls

    workload, tool = _asked(words)
    project = project or connection.namespace
    found = _tools(connection, workload, project)
    if tool and tool not in found.tools:
        raise Problem(f'{workload} has no tool "{tool}". Choose one of {", ".join(found.tools)}.', Exit.NOT_FOUND)
    if forward:
        _forward(connection, found, tool, project, local_port, in_browser=in_browser)
        return
    reasons = why_without_urls(found, project, routes(connection, project, found))
    missing = {name: why for name, why in reasons.items() if tool in ("", name)}
    reached = without_urls(found, missing)
    if in_browser and (chosen := reachable(reached, tool, forward=False)):
        if not _opened(reached.tools[chosen].web):
            raise Problem(_NO_BROWSER, Exit.NO)
        return
    if not in_browser and tool not in missing:
        show(connection, (found, reasons), project, tool, headers=not no_headers)
    if missing:
        raise Problem("\n".join(missing.values()), Exit.NO)
    if in_browser:
        raise Problem(_unreachable(tool or next(iter(found.tools)), forward=False), Exit.NO)


def show(
    connection: Connection,
    found: "tuple[Tools, Mapping[str, str]]",
    project: str,
    tool: str = "",
    *,
    headers: bool = True,
) -> None:
    """Print where the tools of a workload are, and what the cluster has no way for.

    Args:
        connection: the API server.
        found: the tools, and by name why some are not reached by their URL.
        project: the namespace of the workload.
        tool: the only one that is meant; empty for all.
        headers: whether the table has titles.
    """
    from environment_operator.cli.tools import HEADER, lacking, rows, without_urls

    tools, reasons = found
    ports = node_ports(connection, project, tools.token)
    listed = rows(without_urls(tools, reasons), project, ports, connection.options)
    if tool:
        click.echo({name: where for name, _, where in listed}[tool])
    else:
        console.table(HEADER, listed, headers=headers)
    for missing in lacking(tools, tool):
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
    """Forward a local port to a tool, empty for the first with a port, and print where it listens.

    Raises:
        Problem: it has no port in the cluster.
    """
    from environment_operator.cli.port_forward import forward
    from environment_operator.cli.tools import reachable

    chosen = reachable(found, tool, forward=True)
    if not chosen:
        raise Problem(_unreachable(tool or next(iter(found.tools)), forward=True), Exit.NO)
    address = found.tools[chosen]
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


def routes(connection: Connection, project: str, tools: "Tools") -> list[Object] | None:
    """Return the HTTPRoutes of a workload, and then its Ingresses; None when they may not be listed, which is noted.

    They are asked for only where a tool has a URL.
    """
    from environment_operator.cli.client.discovery import versions
    from environment_operator.tools.objects import INGRESSES, ROUTES

    if not any(address.port and address.web for address in tools.tools.values()):
        return []
    found: list[Object] = []
    for kind in (ROUTES, INGRESSES):
        for version in versions(connection, kind):
            at = f"/apis/{kind.group}/{version}/namespaces/{project}/{kind.plural}"
            try:
                found += connection.items(at, labelSelector=f"{names.TOKEN}={tools.token}")
            except NotFound:
                continue
            except Forbidden:
                console.note(_unlisted(kind.name, project))
                return None
            break
    return found


def _unlisted(kind: str, project: str) -> str:
    """Return that it is not known whether the URLs lead to the tools: the user may not list the routes."""
    return (
        f'whether the URLs lead to the tools is not known: you may not list {kind} in project "{project}". Ask for '
        "ClusterRole environment-tools-viewer there."
    )


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
