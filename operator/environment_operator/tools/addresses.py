"""Where people reach the tools of a workload: what admission decides and writes down, and what is read of it. Pure.

It is an annotation on the workload's own metadata, so that nobody has to ask the Environment again. What is assigned
automatically follows from the workload's token; what the submitter asks for is an annotation for each tool.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from environment_operator.api import names
from environment_operator.api.tools import BRACES, Connection, Tool, base_path_variable
from environment_operator.api.types import MAX_ITEMS
from environment_operator.kinds.paths import get

ConnectionType = Literal["ExternalURL", "NodePort", "LoadBalancer", "ClusterIP"]

_SEGMENT = re.compile(r"/[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# How the hosts begin that are assigned automatically; names of tools have no two hyphens in a row.
_ASSIGNED = re.compile(r"[a-z0-9]{8}--")
_SHOWN = 80
_NUMBER = re.compile("[0-9]{1,5}")
# What a browser opens and a terminal shows as it is written: no other scheme, nobody's name before the host, no
# spaces, and no sign that controls a terminal.
_WEB = re.compile(r"https?://[^\s\\\x00-\x1f\x7f/?#@]+([/?#][^\s\\\x00-\x1f\x7f]*)?", re.IGNORECASE)


class BadAddress(Exception):
    """An address that a submitter asks for cannot be given; the text says why and what to do."""


class Location(NamedTuple):
    """The parts of the URL of a tool: scheme, host with its port, and path without a slash at the end."""

    scheme: str
    host: str
    path: str


def url_of(location: Location) -> str:
    """Return the URL with these parts; `location_of` takes it apart."""
    return f"{location.scheme}://{location.host}{location.path}"


def location_of(url: str) -> Location | None:
    """Return the parts of the URL of a tool, None of what is none."""
    try:
        found = urlsplit(url)
    except ValueError:
        return None
    return Location(found.scheme, found.netloc, found.path.removesuffix("/")) if found.netloc else None


@dataclass(frozen=True, slots=True)
class Routing:
    """Where the URLs of tools are.

    Args:
        host: the host that they share; empty when the cluster has none for them.
        scheme: ``https`` or ``http``.
        base: the path below which they are assigned automatically, such as ``/environments``.
        by_host: whether a tool is assigned a host of its own below that host, instead of a path.
        load_balancers: whether tools may have one.
        ports: the first and the last node port that there is.
    """

    host: str = ""
    scheme: str = "https"
    base: str = "/environments"
    by_host: bool = False
    load_balancers: bool = False
    ports: tuple[int, int] = (30000, 32767)

    def assigned(self, token: str, tool: str) -> str:
        """Return the URL that a tool is assigned automatically, empty when the cluster has none."""
        if not self.host:
            return ""
        if self.by_host:
            return url_of(Location(self.scheme, f"{token}--{tool}.{self.host}", ""))
        return url_of(Location(self.scheme, self.host, f"{self.base}/{token}.{tool}"))

    def alias(self, namespace: str, kind: str, name: str, tool: str) -> str:
        """Return the path of the readable alias of a tool of a workload.

        No two workloads have the same: kind, namespace and name are in it. And none is that of a token, which has a
        dot where namespaces have none.
        """
        return f"{self.base}/{namespace}/{kind}/{name}/{tool}"


def is_assigned(url: str, token: str, tool: str) -> bool:
    """Return whether a URL is one that a tool is assigned automatically, wherever URLs were when it was."""
    at = location_of(url)
    return at is not None and (at.path.endswith(f"/{token}.{tool}") or at.host.startswith(f"{token}--{tool}."))


class Address(BaseModel):
    """How one tool is reached.

    Args:
        type: what kind of connection it has.
        port: port of the container; 0 for a tool outside of the cluster.
        url: its URL, with ExternalURL; empty for none.
        node_port: its node port, with NodePort; 0 for any.
        custom: whether the submitter says which.
        default: what holds otherwise; empty when the submitter has to say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    type: ConnectionType
    port: int = 0
    url: str = ""
    node_port: int = Field(0, alias="nodePort")
    custom: bool = False
    default: str = ""

    @property
    def base_path(self) -> str:
        """The path of its URL without a slash at the end, empty where it has a host, or a port, of its own."""
        return self.at.path if self.port and self.at else ""

    @property
    def at(self) -> Location | None:
        """The parts of its URL, None where it has none."""
        return location_of(self.url)

    def in_words(self, service: str, node_port: int) -> str:
        """Return where the tool is; a command that leads there where it has no address of its own.

        Args:
            service: the Service with its port, as kubectl takes it.
            node_port: the node port that it has; 0 for none, or while nobody knows which.
        """
        if self.web or not self.port:
            return self.web
        if self.type == "NodePort" and node_port:
            return f"port {node_port} of every node"
        return f"kubectl port-forward {service} {self.port}"

    @property
    def web(self) -> str:
        """Its URL where that is one of the web, empty otherwise: the only one to be shown and opened."""
        return self.url if _WEB.fullmatch(self.url) else ""

    @property
    def asked(self) -> str:
        """The address that a submitter asked for, which nobody else can have then; empty for none."""
        if not self.custom:
            return ""
        return self.url or (f"node port {self.node_port}" if self.node_port else "")


class Tools(BaseModel):
    """The tools of a workload.

    Args:
        env: the Environment that they come from.
        token: the token of the workload; empty for a template.
        pods: labels of the pods that have them; ``{name}`` stands for the workload's name.
        tools: how each is reached.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str
    token: str
    pods: dict[str, str] = {}
    tools: dict[str, Address] = Field({}, max_length=MAX_ITEMS)

    def text(self) -> str:
        """Return it as the annotation holds it."""
        return self.model_dump_json(by_alias=True, exclude_defaults=True)


def read(text: str) -> Tools | None:
    """Return what an annotation says, None when it says nothing."""
    try:
        return Tools.model_validate_json(text) if text else None
    except ValidationError:
        return None


def written(item: Mapping[str, Any]) -> str:
    """Return the annotation of a workload, empty when it has none."""
    return str(get(item, ("metadata", "annotations", names.TOOLS)) or "")


def in_words(tools: Tools, namespace: str) -> str:
    """Return where the tools of a workload are, for people: each with its address, or the command that leads there.

    Args:
        tools: the tools.
        namespace: the namespace of the workload; empty for that of the reader.
    """
    service = f"{f'-n {namespace} ' if namespace else ''}service/environment-{tools.token}"
    return ", ".join(f"{name}: {a.in_words(service, a.node_port)}" for name, a in tools.tools.items())


def offered(tools: Iterable[Tool], env: str, token: str, pods: Mapping[str, str], routing: Routing) -> Tools:
    """Return the tools of an Environment as a workload gets them, what its submitter has to say left open.

    Args:
        tools: the tools.
        env: name of the Environment.
        token: the workload's token; empty for a template, whose tools nobody reaches.
        pods: labels of the pods that have them.
        routing: where URLs are.
    """
    found = {tool.name: _offered(tool, token, routing) for tool in tools}
    return Tools(env=env, token=token, pods=dict(pods), tools=found)


def _offered(tool: Tool, token: str, routing: Routing) -> Address:
    """Return how one tool is reached."""
    wish = tool.connection or Connection(type="ExternalURL")
    if not tool.port:
        return Address(type="ExternalURL", url=wish.url or "")
    if wish.assign == "Custom":
        default = wish.url or (str(wish.node_port) if wish.node_port else "")
        return Address(type=wish.type, port=tool.port, custom=True, default=default)
    url = routing.assigned(token, tool.name) if token and wish.type == "ExternalURL" else ""
    return Address(type=wish.type, port=tool.port, url=url)


def asked(item: Mapping[str, Any]) -> dict[str, str]:
    """Return the addresses that the submitter of a workload asks for, by tool."""
    annotations = get(item, ("metadata", "annotations")) or {}
    found = {str(key): str(value) for key, value in annotations.items()}
    return {k.removeprefix(names.CUSTOM_TOOL): v for k, v in found.items() if k.startswith(names.CUSTOM_TOOL)}


def asked_anew(item: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, int]:
    """Return the addresses that a workload has asked for and did not before, each with a node port or 0.

    Args:
        item: the workload, with what admission wrote.
        before: the workload as stored, empty when it is new.
    """
    now, known = ({a.asked: a.node_port for a in _addresses(one) if a.asked} for one in (item, before))
    return {asked: port for asked, port in now.items() if asked not in known}


def _addresses(item: Mapping[str, Any]) -> Iterable[Address]:
    """Return where the tools of a workload are."""
    tools = read(written(item))
    return tools.tools.values() if tools else ()


def settled(
    tools: Tools, wishes: Mapping[str, str], before: Mapping[str, str] | None, routing: Routing
) -> Tools:  # fmt: skip
    """Return the tools with what the submitter asks for.

    Args:
        tools: the tools.
        wishes: the addresses that the submitter asks for, by tool.
        before: those that the tools are settled by, which are not validated again; None when they are not settled yet.
        routing: where URLs are.

    Raises:
        BadAddress: one of them cannot be given.
    """
    if not (wishes or tools.tools):
        return tools
    new = {name for name in {*wishes, *tools.tools} if before is None or wishes.get(name) != before.get(name)}
    for name in wishes:
        if name in new and not (name in tools.tools and tools.tools[name].custom):
            raise BadAddress(_not_asked_for(name, tools))
    found = {n: _settled(n, address, wishes, routing) if n in new else address for n, address in tools.tools.items()}
    for name, address in found.items():
        if name in new and address.url and not (address.web or BRACES.search(address.url)):
            raise BadAddress(_no_web(name, address.url))
    for name, address in found.items():
        if other := next((o for o, a in found.items() if o != name and a.asked and a.asked == address.asked), ""):
            raise BadAddress(_twice(name, other, address.asked))
    return tools.model_copy(update={"tools": found})


def _no_web(name: str, url: str) -> str:
    """Return why a tool outside of the cluster cannot have an address, which its author or a variable gives."""
    return (
        f'tool "{name}": "{url[:_SHOWN]}" is not a web address. Set the variables in its url so that it begins with '
        "https:// or http://, or use an Environment with another url."
    )


def _twice(name: str, other: str, address: str) -> str:
    """Return that two tools cannot have the same address."""
    return f'tools "{name}" and "{other}" both have {address}. Set annotation {names.CUSTOM_TOOL}{name} to another one.'


def _settled(name: str, address: Address, wishes: Mapping[str, str], routing: Routing) -> Address:
    """Return how one tool is reached."""
    if not address.custom or (address.type == "ExternalURL" and not routing.host):
        return address
    text = wishes.get(name, address.default)
    if not text:
        kind = "node port" if address.type == "NodePort" else "URL"
        raise BadAddress(f'tool "{name}" needs a {kind}. Set it with annotation {names.CUSTOM_TOOL}{name}.')
    if address.type == "NodePort":
        return address.model_copy(update={"node_port": _port(name, text, *routing.ports)})
    return address.model_copy(update={"url": _url(name, text, routing)})


_NOT_OURS = f"annotation {names.TOOLS}: not written by admission. Run kubectl environment refresh for the workload."


def forged(tools: Tools, routing: Routing) -> str:
    """Return why admission cannot have written which addresses a workload asked for, empty when it can.

    An object that is older than its row in the kinds table may hold what another person wrote.
    """
    wishes = {name: a.url or str(a.node_port) for name, a in tools.tools.items() if a.asked}
    try:
        return "" if settled(tools, wishes, None, routing) == tools else _NOT_OURS
    except BadAddress as error:
        return str(error)


def _not_asked_for(name: str, tools: Tools) -> str:
    """Return why nobody may ask for an address of a tool."""
    custom = [tool for tool, address in tools.tools.items() if address.custom]
    way_out = f", or name one of: {', '.join(custom)}" if custom else ""
    return (
        f'annotation {names.CUSTOM_TOOL}{name}: Environment "{tools.env}" has no tool "{name}" with '
        f"connection.assign Custom. Remove the annotation{way_out}."
    )


def _port(name: str, text: str, first: int, last: int) -> int:
    """Return a node port that a submitter asks for; a dry run of the API server does not say whether there is one."""
    if not _NUMBER.fullmatch(text) or not first <= int(text) <= last:
        raise BadAddress(
            f'annotation {names.CUSTOM_TOOL}{name}: "{text[:_SHOWN]}" is not a node port of this cluster. '
            f"Set one from {first} to {last}."
        )
    return int(text)


def _url(name: str, text: str, routing: Routing) -> str:
    """Return a URL that a submitter asks for, as all of its spellings are written here.

    A path has one part, and a host of its own has no path: so no URL leads through another one.
    """
    shared = Location(routing.scheme, routing.host, "")
    found = _plain(url_of(shared) + text if text.startswith("/") else text)
    if found and found[:2] == shared[:2]:
        if _SEGMENT.fullmatch(found.path) and found.path != routing.base:
            return url_of(found)
    elif found and found.scheme == routing.scheme and routing.by_host and not found.path:
        label, _, rest = found.host.partition(".")
        if rest == routing.host and _LABEL.fullmatch(label) and not _ASSIGNED.match(label):
            return url_of(found)
    example = url_of(shared._replace(path=f"/my-{name}"))
    own = url_of(shared._replace(host=f"my-{name}.{routing.host}"))
    host = f", or a host, such as {own}" if routing.by_host else ""
    raise BadAddress(
        f'annotation {names.CUSTOM_TOOL}{name}: "{text[:_SHOWN]}" is not a URL for tools of this cluster. '
        f"Set one with a path of one part other than {routing.base}, such as {example}{host}."
    )


def _plain(text: str) -> Location | None:
    """Return the parts of a URL that has no others than scheme, host and path, None when it is none."""
    plain = text.isascii() and not any(sign in text for sign in " ?#@%\\") and text == text.strip()
    found = location_of(text) if plain else None
    return found and found._replace(host=found.host.lower())


def variables(tools: Tools) -> list[dict[str, str]]:
    """Return the variable with the base path of each tool that the container serves, as EnvVars.

    The API server drops an empty value.
    """
    found = {base_path_variable(name): address.base_path for name, address in tools.tools.items() if address.port}
    return [{"name": name, **({"value": path} if path else {})} for name, path in found.items()]
