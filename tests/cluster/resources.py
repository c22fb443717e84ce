"""The names by which kubectl knows the API server's resources, and the URL paths that they stand for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.errors import ClusterError

# One answer has the resources of all groups, in the order in which kubectl prefers them.
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@dataclass(frozen=True)
class Resource:
    """Where the objects of a resource are."""

    group_version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the URL path of its objects, in a namespace or everywhere, or of one."""
        head = f"/apis/{self.group_version}" if "/" in self.group_version else f"/api/{self.group_version}"
        place = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{head}{place}/{self.plural}{f'/{name}' if name else ''}"


@dataclass
class Resources:
    """What is served, read anew when a name is not known yet; `read` returns the items of a path in a form."""

    read: Callable[[str, str], list[dict[str, Any]]]
    _known: dict[str, Resource] = field(default_factory=dict)

    def __call__(self, name: str) -> Resource:
        """Return what is meant by `job`, `jobs`, `jobs.batch`, a short name or a kind."""
        wanted = name.lower()
        if wanted not in self._known:
            self._known = dict(self._all())
        if wanted not in self._known:
            message = f"the API server does not serve {name}"
            raise ClusterError(message)
        return self._known[wanted]

    def forget(self) -> None:
        """Read anew at the next question: what was known may be served in another version."""
        self._known = {}

    def _all(self) -> Iterator[tuple[str, Resource]]:
        """Yield each name with its resource, the one that is preferred last."""
        groups = [group for path in ("/api", "/apis") for group in self.read(path, AGGREGATED)]
        for group in reversed(groups):
            title = group["metadata"].get("name", "")
            for version in reversed(group["versions"]):
                for one in reversed(version.get("resources", ())):
                    yield from _named(one, title, version["version"])


def _named(one: Mapping[str, object], group: str, version: str) -> Iterator[tuple[str, Resource]]:
    """Yield the names of a resource."""
    plural, kind = str(one["resource"]), one["responseKind"]
    found = Resource(f"{group}/{version}".lstrip("/"), plural, one["scope"] == "Namespaced")
    short = one.get("shortNames") or ()
    singular = one.get("singularResource") or (kind["kind"] if isinstance(kind, dict) else "")
    for name in (*(short if isinstance(short, list | tuple) else ()), str(singular).lower(), plural):
        yield name, found
        yield f"{name}.{group}", found
