"""What Secrets a project has: their names, and which of them are our copies. Values are never asked for."""

import asyncio
from collections.abc import Callable, Collection, Iterable

from environment_operator.credentials import copies
from environment_operator.credentials.copies import Copy
from environment_operator.kube.client import Cluster
from environment_operator.kube.informer import Informer
from environment_operator.kube.objects import Metadata


def path(namespace: str, name: str = "") -> str:
    """Return the URL path of the Secrets of a namespace, or of one."""
    return f"/api/v1/namespaces/{namespace}/secrets{f'/{name}' if name else ''}"


class Holdings:
    """A project that lets us: the names of its Secrets, and which of them are our copies; the sink of their mirror.

    Args:
        cluster: the API server.
        name: the project.
        changed: is called with the project, and the names of Secrets that came or went.
        longest: the longest pause in seconds between two tries.

    Attributes:
        there: its Secrets by name, each with what it is a copy of.
        written: the copies as they were after our last write.
    """

    def __init__(
        self, cluster: Cluster, name: str, changed: Callable[[str, Iterable[str]], None], longest: float
    ) -> None:
        self.name, self._changed = name, changed
        self.there: dict[str, Copy | None] = {}
        self.written: dict[str, Copy] = {}
        self.mirror = Informer(cluster, f"secrets of {name}", self, path(name), longest=longest, one_of="secrets")
        self._task: asyncio.Task[None] | None = None

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to mirror."""
        self._task = tasks.create_task(self.mirror.run())

    async def stop(self) -> None:
        """Mirror no more."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    def wrote(self, item: Metadata) -> None:
        """Take in what we wrote."""
        if found := copies.copy(item):
            self.written[item.name] = found
        self.put(item)

    def put(self, item: Metadata) -> None:
        """Remember a Secret; an event that is older than what we wrote changes nothing."""
        found, written = copies.copy(item), self.written.get(item.name)
        if written and written.uid == item.uid and int(item.resource_version) < int(written.version):
            return
        before = self.there.get(item.name, ...)
        self.there[item.name] = found
        if before != found:
            self._changed(self.name, [item.name])

    def delete(self, item: Metadata) -> None:
        """Forget a Secret, unless another one has its name already."""
        known = self.there.get(item.name)
        if known and known.uid != item.uid:
            return
        self.written.pop(item.name, None)
        if self.there.pop(item.name, ...) is not ...:
            self._changed(self.name, [item.name])

    def resync(self, seen: Collection[tuple[str, str]]) -> None:
        """Forget what a complete list does not have."""
        gone = self.there.keys() - {name for _, name in seen}
        for name in gone:
            del self.there[name]
            self.written.pop(name, None)
        if gone:
            self._changed(self.name, gone)

    def moved(self) -> None:
        """More or less is known of the project."""
        self._changed(self.name, ())
