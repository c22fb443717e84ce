"""Where the tools of a workload are, as people want to see it. Pure."""

import shlex
from collections.abc import Mapping, Sequence

from environment_operator.addresses import Address, Tools

HEADER = ("Tool", "Connection", "Address")
_WEB = ("https://", "http://")


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
    return [(name, a.type, _address(a, service, node_ports)) for name, a in tools.tools.items()]


def reachable(tools: Tools, tool: str, *, forward: bool) -> str:
    """Return the tool that is meant and can be opened, or forwarded to, empty when there is none.

    Args:
        tools: what admission wrote about them.
        tool: its name; empty for the first that can.
        forward: whether it needs a port in the cluster; else it needs a URL of the web, as browsers open files, too.
    """
    can = (name for name, a in tools.tools.items() if (a.port if forward else a.url.lower().startswith(_WEB)))
    return next((name for name in can if tool in ("", name)), "")


def _address(address: Address, service: str, node_ports: Mapping[int, int]) -> str:
    """Return where one tool is; a command that leads there where it has no address of its own."""
    if address.url:
        return address.url
    if address.type == "NodePort" and address.port in node_ports:
        return f"port {node_ports[address.port]} of every node"
    return f"kubectl port-forward {service} {address.port}"
