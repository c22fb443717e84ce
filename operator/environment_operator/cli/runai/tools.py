"""The connections of an asset → tools, and the endpoint of inference workloads. Pure."""

from itertools import chain, count
from typing import Any

from pydantic import TypeAdapter

from environment_operator.api import tools as api
from environment_operator.api import types
from environment_operator.cli.runai import words
from environment_operator.cli.runai.part import FLAG, TEXT, Part, shown

Object = dict[str, Any]
_LONGEST_NAME = 15
_PORT: TypeAdapter[int] = TypeAdapter(types.Port)
_URL: TypeAdapter[str] = TypeAdapter(api.Connection.model_fields["url"].rebuild_annotation())
_PROTOCOLS = {"http": "HTTP", "grpc": "GRPC"}


def tools(given: Part) -> Object:
    """Return the tools, and the endpoint where a connection is a serving port.

    Args:
        given: the asset's spec.
    """
    found: list[Object] = []
    out: Object = {}
    for each in given.parts("connections"):
        title = each.take("name", TEXT) or ""
        external, internal = each.take("isExternal", FLAG), None
        if not external:
            internal = each.part("internalToolInfo")
            how = internal.take("connectionType", TEXT) or ""
            if how == "ServingPort":
                out |= _endpoint(each, internal, is_other="endpoint" in out)
                continue
        tool = _external(each.part("externalToolInfo")) if internal is None else _internal(internal, how)
        if tool is None or len(found) == types.MAX_ITEMS:
            each.drop("its tool, its port or its connection type is not known")
            continue
        name = _name(title, {known["name"] for known in found})
        if name != title:
            each.notes.append(f"{each.at('name')} {shown(title)} became the tool {shown(name)}")
        found.append({"name": name, **tool})
    return {**({"tools": found} if found else {}), **out}


def _endpoint(each: Part, internal: Part, *, is_other: bool) -> Object:
    """Return the endpoint that a serving port is."""
    port = internal.take("containerPort", _PORT)
    if port is None or is_other:
        each.drop("there is another serving port" if is_other else "a serving port needs its containerPort")
        return {}
    # An endpoint has no name, and what serves is no tool.
    internal.take("toolType", TEXT)
    info = internal.part("servingPortInfo")
    protocol = (info.take("protocol", TEXT) or "http").lower()
    if protocol not in _PROTOCOLS:
        info.leave("protocol", "it is neither http nor grpc, and became http")
    return {"endpoint": {"port": port, "protocol": _PROTOCOLS.get(protocol, "HTTP")}}


def _internal(given: Part, how: str) -> Object | None:
    """Return a tool in the image, None when it cannot be one.

    Args:
        given: what is said of it.
        how: the type of the connection.
    """
    kind, connection = words.TOOLS.get(given.take("toolType", TEXT) or ""), words.CONNECTIONS.get(how)
    port = given.take("containerPort", _PORT)
    if not kind or kind in api.EXTERNAL_TOOLS or not connection or (kind == "Custom" and port is None):
        return None
    number = {"containerPort": port} if port is not None else {}
    return {"type": kind, **number, "connection": {"type": connection, **_assigned(given, connection)}}


def _assigned(given: Part, connection: str) -> Object:
    """Return whether the submitter gives the address, and the default of it."""
    if connection == "NodePort":
        return {"assign": "Custom"} if given.part("nodePortInfo").take("isCustomPort", FLAG) else {}
    if connection != "ExternalURL":
        return {}
    info = given.part("externalUrlInfo")
    if not info.take("isCustomUrl", FLAG):
        info.leave("externalUrl", "its URL was left out, it is assigned for each workload")
        return {}
    url = info.take("externalUrl", _URL)
    return {"assign": "Custom", **({"url": url} if url else {})}


def _external(given: Part) -> Object | None:
    """Return a tool outside of the cluster, None when it cannot be one."""
    kind = words.TOOLS.get(given.take("toolType", TEXT) or "")
    url = given.take("externalUrl", _URL)
    if kind not in api.EXTERNAL_TOOLS or not url:
        return None
    return {"type": kind, "connection": {"type": "ExternalURL", "url": url}}


def _name(title: str, taken: set[str]) -> str:
    """Return a name for a tool, which names the container port, too."""
    wanted = words.name(title, _LONGEST_NAME) or "tool"
    shorter = wanted[: _LONGEST_NAME - 4].rstrip("-")
    numbered = (f"{shorter}-{number}" for number in count(2))
    return next(name for name in chain((wanted,), numbered) if name not in taken)
