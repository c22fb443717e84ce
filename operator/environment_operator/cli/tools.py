"""Where the tools of a workload are, as people want to see it. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from environment_operator.tools.addresses import Address, Tools
from environment_operator.tools.verdicts import refusal, url_refused, url_without_route

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


def why_without_urls(tools: Tools, project: str, routes: Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
    """Return by name why tools are not reached by their URL; those that are reached, or need no route, are left out.

    Args:
        tools: what admission wrote about them.
        project: the namespace of the workload.
        routes: the HTTPRoutes and then the Ingresses of the workload; None when they are not known. Of two with one
            name the first counts: a change of the settings may have left the Ingress.
    """
    if routes is None:
        return {}
    there = {route["metadata"]["name"]: route for route in reversed(routes)}
    routed = {name: a for name, a in tools.tools.items() if a.port and a.web}
    found = {n: _why_unrouted(n, a, project, f"environment-{tools.token}-{n}", there) for n, a in routed.items()}
    return {name: why for name, why in found.items() if why}


def _why_unrouted(tool: str, address: Address, project: str, name: str, there: Mapping[str, Mapping[str, Any]]) -> str:
    """Return why a tool is not reached by its URL, empty when its route, of this name, is there and not refused."""
    if name not in there:
        return url_without_route(tool, address.url)
    why = refusal(there[name].get("status"), there[name]["metadata"].get("generation", 0))
    return url_refused(tool, f"{project}/{name}", why) if why else ""


def without_urls(tools: Tools, which: Mapping[str, str]) -> Tools:
    """Return the tools as they are reached when some have no URL.

    Args:
        tools: what admission wrote about them.
        which: those that have none, with why.
    """
    found = {n: a.model_copy(update={"url": ""}) if n in which else a for n, a in tools.tools.items()}
    return tools.model_copy(update={"tools": found})
