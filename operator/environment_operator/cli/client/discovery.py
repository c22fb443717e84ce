"""What the API server serves: which kinds, in which versions. It is asked once."""

from collections.abc import Iterator, Mapping
from typing import Any

from environment_operator.cli.client.connection import JSON, Connection, asked_once, same_for_all
from environment_operator.kinds.table import Resource
from environment_operator.kube.errors import ApiError

Object = dict[str, Any]
# https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
_DISCOVERY = f"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,{JSON}"


def versions(connection: Connection, kind: Resource) -> tuple[str, ...]:
    """Return the versions in which to ask for objects of a kind, the best first; none when it is not served.

    That is the first of the row's versions that is served, else any that is, as the operator chooses. Where the API
    server does not say what it serves, it is every version of the row.

    Args:
        connection: the API server.
        kind: the row of the kind.
    """
    known = _served(connection)
    of_group = known.get(kind.group, {}) if known is not None else None
    if of_group is None:
        return (kind.version, *kind.also)
    found = of_group.get(kind.plural, ())
    return next(((version,) for version in (kind.version, *kind.also, *found) if version in found), ())


@asked_once
def _served(connection: Connection) -> Mapping[str, Mapping[str, tuple[str, ...]] | None] | None:
    """Return the versions of each resource of each API group, None for a group, or for all, where nobody says."""
    try:
        return _groups(connection)
    except ApiError as error:
        if not error.status:
            raise
        return None


@same_for_all
def _groups(connection: Connection) -> Mapping[str, Mapping[str, tuple[str, ...]] | None] | None:
    """Return what the API server says that it serves, as `_served`."""
    pages = [page for path in ("/api", "/apis") for page in connection.pages(path, _DISCOVERY)]
    if not all("items" in page for page in pages):
        return None
    groups = [group for page in pages for group in page["items"]]
    return {(group["metadata"].get("name") or ""): _resources(group) for group in groups}


def _resources(group: Object) -> Mapping[str, tuple[str, ...]] | None:
    """Return the versions of each resource of an API group, None where its server does not answer."""
    if any(version.get("freshness") == "Stale" for version in group.get("versions") or ()):
        return None
    out: dict[str, tuple[str, ...]] = {}
    for version, plural in _listed(group):
        out[plural] = (*out.get(plural, ()), version)
    return out


def _listed(group: Object) -> Iterator[tuple[str, str]]:
    """Yield each version and resource of an API group, the preferred version first."""
    for version in group.get("versions") or ():
        for resource in version.get("resources") or ():
            yield version["version"], resource["resource"]
