"""What the controller of a Gateway reports about a route, and how people read it. Pure.

https://gateway-api.sigs.k8s.io/reference/api-types/httproute/#routestatus
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from environment_operator.api.wording import cut, named_by_key

# A condition that is a refusal, by its type: Contour reports a route of which another one has a part with the last one.
_NO = {("Accepted", "False"), ("ResolvedRefs", "False"), ("PartiallyInvalid", "True")}
# The workload, the name of its route, and why that is refused.
Refused = tuple[str, str, str]


def refusal(status: Any, generation: int) -> str:
    """Return why the Gateway does not take a route as it is now; empty while it does, or has not reported yet.

    Args:
        status: the status of the route.
        generation: that of the route: what is reported about another one does not count.
    """
    for condition in _conditions(status):
        about = condition.get("type"), condition.get("status")
        if about in _NO and condition.get("observedGeneration", generation) == generation:
            return ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
    return ""


def _conditions(status: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the conditions of all Gateways that a route names."""
    for parent in (status.get("parents") if isinstance(status, Mapping) else None) or ():
        yield from parent.get("conditions") or ()


def route_refused(key: str, route: str, why: str) -> str:
    """Return that the Gateway does not take a route of a workload.

    Args:
        key: the workload.
        route: the name of the route.
        why: as it is reported.
    """
    return f'The Gateway refuses HTTPRoute "{route}": {cut(why)}. {_look_at(_namespace(key), route)}'


def routes_refused(refused: Sequence[Refused], *, named: bool) -> str:
    """Return which workloads have no URL since the Gateway does not take their routes.

    Args:
        refused: what it does not take; not empty.
        named: whether workloads may be named.
    """
    key, route, why = refused[0]
    others = {other for other, _, _ in refused} - {key}
    if not named:
        whose = f"HTTPRoutes of {len(others) + 1} workloads" if others else "HTTPRoute of 1 workload"
        return f"Tools have no URL: the Gateway refuses the {whose}. Ask who administers the Gateway."
    more = f" ({len(others)} more workload{' has' if len(others) == 1 else 's have'} none)" if others else ""
    what = f"{named_by_key(key)} has no URL: the Gateway refuses its HTTPRoute: {cut(why)}{more}."
    return f"{what} {_look_at(_namespace(key), route)}"


def url_refused(tool: str, route: str, why: str) -> str:
    """Return that the Gateway does not take the route of a tool.

    Args:
        tool: its name.
        route: namespace and name of the route, with a slash between them.
        why: as it is reported.
    """
    namespace, _, name = route.partition("/")
    return (
        f'tool "{tool}" has no URL: the Gateway refuses HTTPRoute "{name}": {cut(why)}. '
        f"{_look_at(namespace, name).removesuffix('.')}, or use kubectl environment connect --forward."
    )


def url_without_route(tool: str, url: str) -> str:
    """Return that nothing leads from the URL of a tool to it.

    Args:
        tool: its name.
        url: its URL.
    """
    return (
        f'tool "{tool}" has no HTTPRoute or Ingress for {cut(url)}. See the Events of the workload, or use kubectl '
        "environment connect --forward."
    )


def _namespace(key: str) -> str:
    """Return the namespace of a workload."""
    return key.split("/")[1]


def _look_at(namespace: str, route: str) -> str:
    """Return where everything is that the Gateway reports."""
    return f"Run kubectl describe httproute -n {namespace} {route}."
