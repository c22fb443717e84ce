"""The connections of an asset → tools, and the endpoint of inference workloads. Pure."""

from collections.abc import Iterable, Mapping
from itertools import chain, count
from typing import Any

from environment_operator.runai import words

Object = dict[str, Any]
Asset = Mapping[str, Any]
_LONGEST_NAME = 15


def tools(connections: Iterable[Asset], notes: list[str]) -> Object:
    """Return the tools, and the endpoint where a connection is a serving port.

    Args:
        connections: the asset's connections.
        notes: takes what could not be carried over.
    """
    found: list[Object] = []
    out: Object = {}
    for each in connections:
        internal = each.get("internalToolInfo") or {}
        if internal.get("connectionType") == "ServingPort" and internal.get("containerPort"):
            protocol = (internal.get("servingPortInfo") or {}).get("protocol") or "http"
            out["endpoint"] = {"port": internal["containerPort"], "protocol": protocol.upper()}
            continue
        tool = _external(each) if each.get("isExternal") else _internal(each, internal, notes)
        if tool is None:
            notes.append(f"connection {each.get('name')!r} was left out: its tool or its connection type is not known")
            continue
        name = _name(each, {known["name"] for known in found})
        if name != each.get("name"):
            notes.append(f"connection {each.get('name')!r} became the tool {name!r}")
        found.append({"name": name, **tool})
    return {**({"tools": found} if found else {}), **out}


def _internal(each: Asset, internal: Asset, notes: list[str]) -> Object | None:
    """Return a tool in the image."""
    kind = words.TOOLS.get(internal.get("toolType") or "")
    how = words.CONNECTIONS.get(internal.get("connectionType") or "")
    if not kind or not how:
        return None
    connection: Object = {"type": how}
    url, port = internal.get("externalUrlInfo") or {}, internal.get("nodePortInfo") or {}
    if url.get("isCustomUrl") or port.get("isCustomPort"):
        connection["assign"] = "Custom"
    if url.get("externalUrl"):
        if url.get("isCustomUrl"):
            connection["url"] = url["externalUrl"]
        else:
            notes.append(f"connection {each.get('name')!r}: its URL was left out, it is assigned for each workload")
    number = {"containerPort": internal["containerPort"]} if internal.get("containerPort") else {}
    return {"type": kind, **number, "connection": connection}


def _external(each: Asset) -> Object | None:
    """Return a tool outside of the cluster."""
    external = each.get("externalToolInfo") or {}
    kind = words.TOOLS.get(external.get("toolType") or "")
    if not kind or not external.get("externalUrl"):
        return None
    return {"type": kind, "connection": {"type": "ExternalURL", "url": external["externalUrl"]}}


def _name(each: Asset, taken: set[str]) -> str:
    """Return a name for a tool, which names the container port, too."""
    wanted = words.name(str(each.get("name") or ""), _LONGEST_NAME) or "tool"
    shorter = wanted[: _LONGEST_NAME - 4].rstrip("-")
    numbered = (f"{shorter}-{number}" for number in count(2))
    return next(name for name in chain((wanted,), numbered) if name not in taken)
