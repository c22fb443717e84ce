"""Which kinds of the table the cluster has: their mirrors come and go with the CustomResourceDefinitions.

One watch of the metadata of all definitions says which kinds are there; a definition is read whole when its kind is in
the table and it came or changed. So a kind that is not installed costs nothing, and nobody asks for it again and again.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping

from environment_operator.kinds import crd_check
from environment_operator.kinds.table import Resource
from environment_operator.kube.client import DEFINITIONS, Cluster
from environment_operator.kube.errors import ApiError, NotFound
from environment_operator.kube.informer import Informer, State
from environment_operator.kube.objects import Metadata
from environment_operator.metrics import KIND_MISFITS

logger = logging.getLogger(__name__)

NAME = "customresourcedefinitions.apiextensions.k8s.io"
# So many definitions are read at once: one may have a megabyte.
_AT_ONCE = 4


class Discovery:
    """Starts and stops the mirrors of the kinds that come with definitions; the sink of the definitions themselves.

    Args:
        cluster: the API server.
        kinds: the rows of these kinds, by full name.
        mirrors: a informer for each of them, that nobody else runs.
        moved: is called when more or less is known of which kinds there are.
        longest: the longest pause in seconds between two tries.
    """

    def __init__(
        self,
        cluster: Cluster,
        kinds: Mapping[str, Resource],
        mirrors: Mapping[str, Informer],
        moved: Callable[[], None],
        longest: float,
    ) -> None:
        self.mirror = Informer(cluster, NAME, self, DEFINITIONS, longest=longest)
        gate = asyncio.Semaphore(_AT_ONCE)
        self._guests = {name: _Guest(cluster, row, mirrors[name], gate) for name, row in kinds.items()}
        self._moved = moved

    @property
    def parts(self) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
        """What runs side by side."""
        return (self.mirror.run, *(guest.run for guest in self._guests.values()))

    def put(self, item: Metadata) -> None:
        """A definition is there, new or changed."""
        if item.name in self._guests:
            self._guests[item.name].update(item.resource_version)

    def delete(self, item: Metadata) -> None:
        """A definition is gone."""
        if item.name in self._guests:
            self._guests[item.name].update("")

    def resync(self, seen: Collection[tuple[str, str]]) -> None:
        """A list of definitions is complete: the other kinds are not there."""
        for name in self._guests.keys() - {name for _, name in seen}:
            self._guests[name].update("")

    def knows(self, item: Metadata) -> bool:
        """Return whether the mirrors run by this state of a definition."""
        return item.name not in self._guests or self._guests[item.name].acted == item.resource_version

    def moved(self) -> None:
        """Definitions can be read, or not: as long as they never were, nobody knows which kinds there are."""
        if not self.mirror.listed:
            for guest in self._guests.values():
                guest.doubt(self.mirror)
        self._moved()


class _Guest:
    """A kind that comes with its definition.

    Args:
        cluster: the API server.
        kind: its row.
        mirror: its informer.
        gate: lets few in who read a definition.

    Attributes:
        acted: the resource version of the definition that the mirror runs by; empty for none, None before the first.
    """

    def __init__(self, cluster: Cluster, kind: Resource, mirror: Informer, gate: asyncio.Semaphore) -> None:
        self._cluster, self._kind, self._mirror, self._gate = cluster, kind, mirror, gate
        self._version: str | None = None
        self.acted: str | None = None
        self._misfits: list[str] = []
        self._changed = asyncio.Event()

    def update(self, version: str) -> None:
        """Take in that the definition has a resource version; empty for none."""
        if version != self._version:
            self._version = version
            self._changed.set()

    def doubt(self, definitions: Informer) -> None:
        """Take in that nobody knows whether the kind is there."""
        self._mirror.doubt(definitions.state, f"no definition can be read: {definitions.why}")

    async def run(self) -> None:
        """Have the mirror run while the kind is there, in the version that is served, until cancelled."""
        running: asyncio.Task[None] | None = None
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._changed.wait()
                self._changed.clear()
                version = self._version
                if version and self._mirror.state is State.ABSENT:
                    self._mirror.doubt(State.SYNCING, "")
                path = await self._find()
                if not path or path != self._mirror.path or not self._mirror.in_step:
                    await _end(running)
                    running = tasks.create_task(self._mirror.run(path)) if path else None
                if not path:
                    self._mirror.rest()
                self.acted = version

    async def _find(self) -> str:
        """Return the path under which the kind is served, empty for none; ask until there is an answer."""
        while self._version:
            try:
                async with self._gate:
                    definition = await self._cluster.get(f"{DEFINITIONS}/{self._kind.name}")
            except NotFound:
                break
            except ApiError as error:
                await self._mirror.fail(error)
            else:
                version = crd_check.version(self._kind, definition)
                self._report(crd_check.misfits(self._kind, definition, version) if version else [])
                return self._kind.path_in(version) if version else ""
        self._report([])
        return ""

    def _report(self, wrong: list[str]) -> None:
        """Report what of the row does not match the installed definition, when that changed."""
        KIND_MISFITS.labels(self._kind.name).set(len(wrong))
        if wrong and wrong != self._misfits:
            said = "; ".join(wrong)
            logger.warning("kinds table: the row of %s does not match what is installed: %s", self._kind.name, said)
        self._misfits = wrong


async def _end(task: asyncio.Task[None] | None) -> None:
    """Cancel a task, if there is one, and wait for its end."""
    if task:
        task.cancel()
        await asyncio.wait([task])
