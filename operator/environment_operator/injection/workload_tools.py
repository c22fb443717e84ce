"""The tools of a workload on its way through admission: from its Environment, or as they are stored already. Pure.

A distributed workload has them in its master: the first pod template that it has.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from environment_operator.api import names
from environment_operator.api.tools import BRACES, Tool
from environment_operator.injection.context import Published
from environment_operator.injection.merge import Put
from environment_operator.injection.record import Entry, trusted
from environment_operator.kinds.paths import Path, get, put
from environment_operator.kinds.pod_templates import Place
from environment_operator.kinds.table import INDEX, Kind
from environment_operator.spec.eligible_kinds import framework
from environment_operator.tools import addresses
from environment_operator.tools.addresses import Address, Routing, Tools

Object = dict[str, Any]
# What programs take as a URL.
_LONGEST = 2048


@dataclass(frozen=True, slots=True)
class Master:
    """The first pod template of a workload, whose pods have the tools.

    Args:
        kind: row of the workload's kind.
        item: the workload.
        place: the pod template.
        routing: where URLs are.
    """

    kind: Kind
    item: Object
    place: Place
    routing: Routing

    def opened(self, environment: Published, token: str, main: Path) -> Tools:
        """Return the tools that a new reference brings; a template brings them to what is made from it, and has none.

        Args:
            environment: the Environment.
            token: the workload's token.
            main: the container that receives the Environment, whose variables URLs may refer to.

        Raises:
            BadAddress: the submitter asks for an address that cannot be given, or has to ask for one.
        """
        if self._has_none(environment):
            return closed(environment)
        found = self._offered(environment, token)
        found = _filled_in(found, self._values(environment, main, found)) if found.tools else found
        return addresses.settled(found, addresses.asked(self.item), None, self.routing)

    def opened_before(self, environment: Published, token: str) -> Tools:
        """Return the tools of a new reference that was injected already: other webhooks may change variables later.

        Args:
            environment: the Environment.
            token: the workload's token.

        Raises:
            BadAddress: as for `opened`.
        """
        if self._has_none(environment):
            return closed(environment)
        found = self._offered(environment, token)
        if found.tools:
            found = _filled_in_as(found, addresses.read(addresses.written(self.item)))
        return addresses.settled(found, addresses.asked(self.item), None, self.routing)

    def _has_none(self, environment: Published) -> bool:
        """Return whether the workload has no tools that anybody reaches, and asks for none."""
        return self.kind.template or not (_listed(environment) or addresses.asked(self.item))

    def _offered(self, environment: Published, token: str) -> Tools:
        """Return the tools of an Environment, what the submitter has to say left open."""
        return addresses.offered(_listed(environment), environment.name, token, self._pods(token), self.routing)

    def _values(self, environment: Published, main: Path, tools: Tools) -> dict[str, str]:
        """Return the variables of the main container whose values are known: the workload's own win."""
        theirs, namespace = environment.fragment["containers"][0], get(self.item, ("metadata", "namespace"))
        own = get(self.place.template(self.item), (*main, "env"))
        every = (*addresses.variables(tools), *theirs.get("env", ()), *(own if isinstance(own, list) else ()))
        listed = [each for each in every if isinstance(each, dict)]
        found = {str(each.get("name")): _value(each, str(namespace or "")) for each in listed}
        return {name: value for name, value in found.items() if value}

    def kept(self, old: Object, entry: Entry) -> Tools:
        """Return the tools of a stored workload with what the submitter asks for now.

        Args:
            old: the workload as stored.
            entry: the record of the pod template.

        Raises:
            BadAddress: as for `opened`, but only of what was not asked for before.
        """
        stored = addresses.read(addresses.written(old)) or Tools(env=entry.env, token=entry.token)
        if self.kind.template:
            return stored
        found = stored.model_copy(update={"pods": self._pods(entry.token)})
        return addresses.settled(found, addresses.asked(self.item), addresses.asked(old), self.routing)

    def _pods(self, token: str) -> dict[str, str]:
        """Return the labels of the pods that have the tools."""
        ours = {} if self.place.metadata is None else {names.TOKEN: token}
        if self.kind.indexed and framework(self.kind, self.item) is None:
            return ours
        version = self.item.get("apiVersion", "").rpartition("/")[2]
        theirs = {**self.kind.serves_in.get(version, self.kind.serves)}
        if INDEX in theirs and self.place.holder(self.item).get("completionMode") == "NonIndexed":
            del theirs[INDEX]
        return {**ours, **{key: value.replace("{role}", self.place.role) for key, value in theirs.items()}}


def _value(variable: Object, namespace: str) -> str:
    """Return the value of a variable, empty where only the node knows it, such as that of one made of others."""
    if get(variable, ("valueFrom", "fieldRef", "fieldPath")) == "metadata.namespace":
        return namespace
    value = str(variable.get("value") or "")
    return "" if "$(" in value else value


def _filled_in(tools: Tools, values: Mapping[str, str]) -> Tools:
    """Return the tools with values for ``${NAME}`` in the URLs that their author wrote; what has none stays.

    So does a URL that would be too long with them: how often it has a variable is the author's, how long that is not.

    Args:
        tools: the tools, before they are settled.
        values: values of variables, by name.
    """

    def filled(url: str) -> str:
        found, *rest = BRACES.split(url)
        for name, text in zip(rest[::2], rest[1::2], strict=True):
            if len(found) + len(values.get(name, "")) > _LONGEST:
                return url
            found += (_encoded(values[name], found) if name in values else f"${{{name}}}") + text
        return found

    return _with_urls(tools, lambda _, address: {"url": filled(address.url), "default": filled(address.default)})


def _encoded(value: str, before: str) -> str:
    """Return a value as it stands in a URL: as it is in scheme and host, encoded in what follows.

    Args:
        value: the value of a variable.
        before: what of the URL stands before it.
    """
    _, scheme, rest = before.partition("://")
    host, sign, after = rest.partition("/") if scheme else ("", before[:1], before)
    if "?" in host + after or "#" in host + after:
        return quote(value, safe="/:@?")
    return quote(value, safe="/") if sign else value


def _filled_in_as(tools: Tools, before: Tools | None) -> Tools:
    """Return the tools with the same values for ``${NAME}`` as before, even when the variables have changed.

    Args:
        tools: the tools, before they are settled.
        before: what was written about them.
    """

    def kept(url: str, known: str) -> str:
        parts = BRACES.split(url)
        same = len(parts) > 1 and known.startswith(parts[0]) and known.endswith(parts[-1])
        return known if same else url

    def of(name: str, address: Address) -> dict[str, str]:
        known = before.tools.get(name, address) if before else address
        return {"url": kept(address.url, known.url), "default": kept(address.default, known.default)}

    return _with_urls(tools, of)


def _with_urls(tools: Tools, of: Callable[[str, Address], dict[str, str]]) -> Tools:
    """Return the tools with some fields of each, changed by a function of name and address."""
    found = {name: address.model_copy(update=of(name, address)) for name, address in tools.tools.items()}
    return tools.model_copy(update={"tools": found})


def admitted(kind: Kind, item: Object) -> Tools | None:
    """Return the tools of a stored workload, None where nothing shows that admission wrote them.

    Args:
        kind: row of its kind.
        item: the workload.
    """
    tools, meta = addresses.read(addresses.written(item)), item.get("metadata") or {}
    ours = meta.get("namespace") not in names.EXEMPT_NAMESPACES and trusted(kind, item)
    return tools if tools and ours and any(entry.env == tools.env for entry in ours.values()) else None


def closed(environment: Published) -> Tools:
    """Return the tools of an Environment where nobody reaches them: in a template, and in roles without tools."""
    return addresses.offered(_listed(environment), environment.name, "", {}, Routing())


def renewed(values: list[Put], entry: Entry, tools: Tools | None) -> list[Put]:
    """Return what was put into a pod template with the base paths as they are now."""
    if tools is None or tools.env != entry.env:
        return values
    now = {(*entry.main, "env", variable["name"]): variable for variable in addresses.variables(tools)}
    return [(path, now[path] if path in now and value is not None else value) for path, value in values]


def add_variables(fragment: Object, tools: Tools) -> None:
    """Put the base paths before the variables of a fragment, so that those may refer to them."""
    container = fragment["containers"][0]
    own = container.get("env") or []
    known = {variable["name"] for variable in own}
    if found := [variable for variable in addresses.variables(tools) if variable["name"] not in known]:
        container["env"] = [*found, *own]


def write(item: Object, tools: Tools | None) -> None:
    """Write onto a workload where its tools are: once for programs, once for people."""
    if tools and tools.tools:
        namespace = str(get(item, ("metadata", "namespace")) or "")
        put(item, ("metadata", "annotations", names.TOOLS), tools.text())
        put(item, ("metadata", "annotations", names.TOOL_ADDRESSES), addresses.in_words(tools, namespace))


def advice(tools: Tools) -> Iterator[str]:
    """Yield what the submitter can do about tools that are not reached as the Environment says."""
    for name, address in tools.tools.items():
        if unknown := BRACES.findall(address.url):
            yield (
                f'tool "{name}": its URL has ${{{unknown[0]}}}, whose value is not known. Give that variable a plain '
                "value, and refresh the workload."
            )


def _listed(environment: Published) -> Iterable[Tool]:
    """Return the tools of an Environment."""
    return (environment.spec.tools if environment.spec else None) or ()
