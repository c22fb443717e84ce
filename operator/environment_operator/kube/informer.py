"""Mirrors the metadata of one kind's objects into memory, or the objects whole.

No library has this for asyncio: kopf ends its process when one watched kind answers 403 or 404 and keeps
objects that vanished while it was not watching; the kubernetes library's informer holds whole objects.
Here a complete list sweeps what is gone, a watch goes on from where it stopped, and no answer of the API
server is fatal: it becomes a state.
"""

import asyncio
import logging
import random
import time
from collections.abc import Collection
from enum import StrEnum
from typing import Protocol

from environment_operator.kube.backoff import pause
from environment_operator.kube.client import Cluster
from environment_operator.kube.errors import ApiError, Expired, Forbidden, NotFound
from environment_operator.kube.objects import Metadata
from environment_operator.metrics import EVENTS, KIND_STATE, LISTS, WATCH_SEEN

logger = logging.getLogger(__name__)

# A server that nobody reaches is tried more often than one that refuses: that costs it nothing.
_UNREACHABLE_RETRY = 5.0
# A watch that breaks is taken up where it stopped; after so many breaks in a row, 12 to 16 s, the kind is out of step.
_BREAKS = 5
_WATCH_SECONDS = (240, 300)

# How a kind stands of which no list was asked for.
NOT_LISTED = "is not listed yet"


class State(StrEnum):
    """How a kind stands."""

    SYNCING = "Syncing"
    SYNCED = "Synced"
    ABSENT = "Absent"
    FORBIDDEN = "Forbidden"
    DEGRADED = "Degraded"


class Sink(Protocol):
    """What an informer passes on of its objects."""

    def put(self, item: Metadata) -> None:
        """An object is there, new or changed."""

    def delete(self, item: Metadata) -> None:
        """An object is gone."""

    def resync(self, seen: Collection[tuple[str, str]]) -> None:
        """A list is complete: nothing else exists than these namespaces and names."""

    def moved(self) -> None:
        """The informer's state is another one."""


class Backoff:
    """How long to wait after each failure in a row.

    A server that answers again begins with short pauses: it may refuse for a moment what it has not read yet, such as
    our rights. ``failures`` counts on.

    Args:
        longest: the longest pause in seconds.
    """

    def __init__(self, longest: float) -> None:
        self._longest, self._unreachable, self._doublings = longest, False, 0
        self.failures = 0

    def reset(self) -> None:
        """Take in that something succeeded."""
        self.failures, self._doublings, self._unreachable = 0, 0, False

    def after(self, error: ApiError) -> float:
        """Take in a failure; return for how many seconds to wait."""
        unreachable = not error.status
        if self._unreachable and not unreachable:
            self._doublings = 0
        self._unreachable = unreachable
        longest = min(self._longest, _UNREACHABLE_RETRY) if unreachable else self._longest
        self.failures += 1
        self._doublings += 1
        return pause(self._doublings - 1, longest)


class Informer:
    """One kind's mirror.

    Args:
        cluster: the API server.
        name: the kind's name in logs and metrics.
        sink: who gets the events.
        path: URL path of its objects; empty when that is found out later.
        selector: label selector that the API server filters by; empty for all.
        only: the name that the objects have, in any namespace; empty for all.
        whole: whether the sink gets `Whole` objects, not of their metadata alone.
        longest: the longest pause in seconds between two tries.
        one_of: what metrics call it when it is one of many: then its own state is in none of them.
    """

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        sink: Sink,
        path: str = "",
        *,
        selector: str = "",
        only: str = "",
        whole: bool = False,
        longest: float = 30,
        one_of: str = "",
    ) -> None:
        self._cluster, self.name, self.path, self._sink = cluster, name, path, sink
        self._selector, self._only, self._whole, self._backoff = selector, only, whole, Backoff(longest)
        self._one_of = one_of
        self.state, self.why, self.listed = State.SYNCING, "", False
        self.settled = asyncio.Event()
        self._fresh, self._doubted = False, False

    @property
    def in_step(self) -> bool:
        """Whether the mirror says what the API server would: synced, or certain that the kind is not there."""
        return self.state in (State.SYNCED, State.ABSENT)

    @property
    def in_words(self) -> str:
        """How the kind stands, for people."""
        words = {
            State.SYNCING: NOT_LISTED,
            State.SYNCED: "is synced",
            State.ABSENT: "is not installed",
            State.FORBIDDEN: "cannot be listed: access is denied",
            State.DEGRADED: "cannot be listed or watched",
        }
        return f"{self.name} {words[self.state]}{f': {self.why}' if self.why else ''}"

    async def run(self, path: str = "") -> None:
        """Mirror until cancelled.

        Args:
            path: URL path of the objects from now on; empty for the one that is known.
        """
        self.path = path or self.path
        self._backoff.reset()
        while True:
            try:
                version = await self._list()
                self._fresh = True
                await self._follow(version)
            except Expired as error:
                logger.info("%s is listed again: %s", self.name, error.message)
                await self._pause(error)
            except ApiError as error:
                await self.fail(error)

    async def fail(self, error: ApiError) -> None:
        """Take on the state that an error puts the kind into, and wait before the next try."""
        self._move(State.FORBIDDEN if isinstance(error, Forbidden) else State.DEGRADED, str(error))
        await self._pause(error)

    def doubt(self, state: State, why: str) -> None:
        """Take on a state in which nothing is known."""
        self._move(state, why)

    def rest(self) -> None:
        """Take in that the kind is not there: all of its objects are gone."""
        self._sink.resync(())
        self.path, self.listed = "", True
        self._move(State.ABSENT, "")

    async def _list(self) -> str:
        """Read every page, forget what is gone, and return where a watch may begin."""
        seen: set[tuple[str, str]] = set()
        token = ""
        while True:
            page = await self._cluster.page(self.path, self._selector, token, name=self._only, whole=self._whole)
            for item in page.items:
                self._sink.put(item)
                seen.add((item.namespace, item.name))
            token = page.next
            if not token:
                break
        self._sink.resync(seen)
        LISTS.labels(self._one_of or self.name).inc()
        WATCH_SEEN.labels(self._one_of or self.name).set_to_current_time()
        self.listed, self._doubted = True, False
        self._move(State.SYNCED, "")
        return page.version

    async def _follow(self, version: str) -> None:
        """Watch from a version, again and again, until the API server no longer knows where we are."""
        while True:
            version = await self._watch(version)

    async def _watch(self, version: str) -> str:
        """Watch until the stream ends; return the version it came to.

        The API server ends a watch before its time when the definition of its kind changes. What that one brought in
        its last second or more lacks the fields of the new definition, and no event follows: whole objects are listed.
        So they are when it breaks, or when the list before it may be of another API server, which learned of it later.
        """
        seconds = random.randint(*_WATCH_SECONDS)  # noqa: S311 - spreads the reconnections
        ends, brought = 0.0, False
        try:
            if self._doubted:
                version = await self._list()
            ends, brought, self._fresh = time.monotonic() + seconds - 1, self._fresh, False
            async for event in self._cluster.watch(
                self.path, self._selector, version, seconds, name=self._only, whole=self._whole
            ):
                version = event.object.metadata.resource_version
                self._apply(event.type, event.object.metadata)
                self._backoff.reset()
                brought = brought or event.type != "BOOKMARK"
        except (Expired, Forbidden, NotFound):
            raise
        except ApiError as error:
            self._doubted = self._doubted or (self._whole and brought)
            if self._backoff.failures >= _BREAKS:
                raise
            logger.info("%s: the watch ended and is started again: %s", self.name, error)
            await self._pause(error)
        else:
            self._backoff.reset()
            self._doubted = self._whole and brought and time.monotonic() < ends
        return version

    def _apply(self, kind: str, item: Metadata) -> None:
        """Pass one event to the sink."""
        WATCH_SEEN.labels(self._one_of or self.name).set_to_current_time()
        if kind == "BOOKMARK":
            return
        EVENTS.labels(self._one_of or self.name).inc()
        if kind == "DELETED":
            self._sink.delete(item)
        else:
            self._sink.put(item)

    def _move(self, state: State, why: str) -> None:
        """Take on a state; log when it is another one."""
        changed = (state, why) != (self.state, self.why)
        self.state, self.why = state, why
        for one in () if self._one_of else State:
            KIND_STATE.labels(self.name, one).set(one is state)
        if changed:
            log = logger.info if self.in_step else logger.warning
            log(self.in_words)
            self._sink.moved()
        self.settled.set()

    async def _pause(self, error: ApiError) -> None:
        """Wait longer after each failure in a row, spread so that kinds do not come back at once."""
        await asyncio.sleep(self._backoff.after(error) * random.uniform(0.8, 1.2))  # noqa: S311 - spreads the tries
