"""Where the tools of a workload are, as people want to see it. Pure."""

import shlex
from collections.abc import Mapping, Sequence

from environment_operator.tools.addresses import Tools

HEADER = ("Tool", "Connection", "Address")


def rows(
    tools: Tools, project: str, node_ports: Mapping[int, int], options: Sequence[str] = ()
) -> list[tuple[str, str, str]]:
    """Return a row for each tool.

    Args:
        tools: what admission wrote about them.
        project: the namespace of the workload.
        node_ports: the node port of each port of the container that has one.
        options: by which kubectl reaches the same API server.
    """
    service = shlex.join([*options, "-n", project, f"service/environment-{tools.token}"])
    return [(name, a.type, a.in_words(service, node_ports.get(a.port, 0))) for name, a in tools.tools.items()]


def reachable(tools: Tools, tool: str, *, forward: bool) -> str:
    """Return the tool that is meant and can be opened, or forwarded to, empty when there is none.

    Args:
        tools: what admission wrote about them.
        tool: its name; empty for the first that can.
        forward: whether it needs a port in the cluster; else it needs a URL of the web, as browsers open files, too.
    """
    can = (name for name, a in tools.tools.items() if (a.port if forward else a.web))
    return next((name for name in can if tool in ("", name)), "")


def lacking(tools: Tools, tool: str = "") -> list[str]:
    """Return which tools are not reached as their Environment says, since the cluster has no way for it.

    Args:
        tools: what admission wrote about them.
        tool: the one that is meant; empty for all.
    """
    found = (name for name, a in tools.tools.items() if a.port and a.type == "ExternalURL" and not a.url)
    return [
        f'tool "{name}" has no URL: the cluster had no host for tools when the workload was admitted. Use the command '
        "above, or ask an administrator for the setting TOOLS_URL and refresh the workload."
        for name in found
        if tool in ("", name)
    ]
