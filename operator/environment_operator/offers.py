"""The tools of a workload on its way through admission: from its Environment, or as they are stored already. Pure.

A distributed workload has them in its master: the first pod template that it has.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from environment_operator import addresses, names
from environment_operator.addresses import Routing, Tools
from environment_operator.api.tools import BRACES, Tool
from environment_operator.kinds import INDEX, Kind
from environment_operator.merge import Put
from environment_operator.paths import Path, get, put
from environment_operator.places import Place
from environment_operator.record import Entry
from environment_operator.rules import Published, framework

Object = dict[str, Any]


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
        if self.kind.template:
            return closed(environment)
        found = addresses.offered(_listed(environment), environment.name, token, self._pods(token), self.routing)
        found = addresses.filled_in(found, self._values(environment, main))
        return addresses.settled(found, addresses.asked(self.item), None, self.routing)

    def _values(self, environment: Published, main: Path) -> dict[str, str]:
        """Return the variables of the main container whose values are known: the workload's own win."""
        theirs, namespace = environment.fragment["containers"][0], get(self.item, ("metadata", "namespace"))
        own = get(self.place.template(self.item), (*main, "env"))
        listed = [each for each in (*theirs.get("env", ()), *(own or ())) if isinstance(each, dict)]
        found = {str(each.get("name")): _value(each, str(namespace or "")) for each in listed}
        return {name: value for name, value in found.items() if value}

    def kept(self, old: Object, entry: Entry) -> Tools:
        """Return the tools of a stored workload with what the submitter asks for now.

        Args:
            old: the workload as stored.
            entry: the record of the pod template.

        Raises:
            BadAddress: as for `opened`, but only of what he did not ask for before.
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
    """Return the value of a variable, empty where only the node knows it."""
    field = get(variable, ("valueFrom", "fieldRef", "fieldPath"))
    return namespace if field == "metadata.namespace" else str(variable.get("value") or "")


def closed(environment: Published) -> Tools:
    """Return the tools of an Environment where nobody reaches them: in a template, and beside the master."""
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
    """Write onto a workload where its tools are."""
    if tools and tools.tools:
        put(item, ("metadata", "annotations", names.TOOLS), tools.text())


def advice(tools: Tools, routing: Routing) -> Iterator[str]:
    """Yield what the submitter should know of tools that are not reached as the Environment says."""
    for name, address in tools.tools.items():
        if unknown := BRACES.findall(address.url):
            yield f"the URL of the tool {name!r} has ${{{unknown[0]}}}: give that variable a value, and refresh"
        if address.port and address.type == "ExternalURL" and not address.url:
            yield f"the tool {name!r} gets no URL: this cluster has no host for tools; use kubectl port-forward"
        if address.type == "LoadBalancer" and not routing.load_balancers:
            yield f"the tool {name!r} gets no load balancer: this cluster gives none to tools; use kubectl port-forward"


def _listed(environment: Published) -> Iterable[Tool]:
    """Return the tools of an Environment."""
    return (environment.spec.tools if environment.spec else None) or ()
