"""A queue of keys: each key at most once, one worker a key, later again after failures.

It is the work queue of client-go in asyncio: a key that is added while it is worked on comes again
afterwards, so nothing that happens meanwhile is lost and no key is worked on twice at a time.
As in controller-runtime's priority queue, what an event brought comes before what a list brought.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable

from environment_operator.kube.backoff import pause
from environment_operator.metrics import QUEUE_ADDS, QUEUE_DEPTH, QUEUE_RETRIES, QUEUE_WAIT

_Entry = tuple[float, int, str]


class WorkQueue:
    """Keys, when each is due, and which of them nobody waits for.

    Args:
        name: what metrics call it.
        rate: how many keys a second are handed out.
        longest: the longest pause in seconds before a failed key comes again.
        clock: seconds that only go forward.
    """

    def __init__(self, name: str, rate: float, longest: float, clock: Callable[[], float]) -> None:
        self.name = name
        self._depths = tuple(QUEUE_DEPTH.labels(name, priority) for priority in ("0", "-100"))
        self._interval, self._longest, self._clock = 1 / rate, longest, clock
        self._due: dict[str, float] = {}
        self._background: set[str] = set()
        self._waiting: list[_Entry] = []
        self._ready: tuple[list[_Entry], list[_Entry]] = ([], [])
        self._order = itertools.count()
        self._active: dict[str, bool] = {}
        self._held: dict[str, float] = {}
        self._urgent: set[str] = set()
        self._failures: dict[str, int] = {}
        self._slot = 0.0
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """Return how many keys wait."""
        return len(self._due)

    def add(self, key: str, delay: float = 0.0, *, urgent: bool = False, background: bool = False) -> None:
        """Have a key worked on after a delay in seconds; sooner if it was to come sooner anyway.

        Args:
            key: the key.
            delay: the delay in seconds.
            urgent: whether it comes although `done` holds it.
            background: whether all other keys that are due come before it, as long as it is added in no other way.
        """
        if urgent:
            self._urgent.add(key)
        before, due = self._due.get(key), self._earliest(key, self._clock() + delay)
        rises = before is not None and not background and key in self._background
        if background and before is None:
            self._background.add(key)
        elif not background:
            self._background.discard(key)
        if before is None or due < before or rises:
            self._due[key] = due if before is None else min(due, before)
            self._push(key)
        if before is None:
            QUEUE_ADDS.labels(self.name).inc()
        self._measure()

    async def get(self) -> str:
        """Return the next key that is due, when it is; `done` must follow."""
        while True:
            self._changed.clear()
            key, wait = self._next()
            if key is not None:
                await self._await_slot(key)
                return key
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: str, *, failed: bool = False, hold: float = 0.0) -> None:
        """Mark the work on a key as ended.

        Args:
            key: the key from `get`.
            failed: have it again, later after each failure in a row.
            hold: hand it out again only after this many seconds, unless it is urgent.
        """
        background = self._active.pop(key)
        self._held.pop(key, None)
        if hold:
            self._held[key] = self._clock() + hold
        if failed:
            QUEUE_RETRIES.labels(self.name).inc()
            before = self._failures.get(key, 0)
            self._failures[key] = before + 1
            self.add(key, pause(before, self._longest), background=background)
        else:
            self._failures.pop(key, None)
        if key in self._due:
            self._due[key] = self._earliest(key, self._due[key])
            self._push(key)

    def undone(self, key: str) -> None:
        """Give up a key from `get`: it comes again at once, as if nobody had taken it."""
        self.add(key, background=self._active.pop(key))
        self._push(key)

    def _earliest(self, key: str, due: float) -> float:
        """Return when a key may be handed out that is due at some time: not while it is held, unless it is urgent."""
        return due if key in self._urgent else max(due, self._held.get(key, 0.0))

    def _push(self, key: str) -> None:
        """Put a key's due time into the heap and wake whoever waits."""
        heapq.heappush(self._waiting, (self._due[key], next(self._order), key))
        self._changed.set()

    def _next(self) -> tuple[str | None, float | None]:
        """Take the key that is due, else say how long to wait for the next; None is until something is added."""
        while self._waiting and self._waiting[0][0] <= self._clock():
            entry = heapq.heappop(self._waiting)
            heapq.heappush(self._ready[entry[2] in self._background], entry)
        for background, entries in zip((False, True), self._ready, strict=True):
            while entries:
                due, _, key = heapq.heappop(entries)
                stale = self._due.get(key) != due or key in self._active or (key in self._background) != background
                if not stale:
                    return self._take(key), None
        return None, self._waiting[0][0] - self._clock() if self._waiting else None

    def _take(self, key: str) -> str:
        """Hand out a key that waits."""
        QUEUE_WAIT.labels(self.name).observe(self._clock() - self._due.pop(key))
        self._urgent.discard(key)
        self._active[key] = key in self._background
        self._background.discard(key)
        self._measure()
        return key

    def _measure(self) -> None:
        """Count how many keys wait, by priority."""
        for gauge, waiting in zip(
            self._depths, (len(self._due) - len(self._background), len(self._background)), strict=True
        ):
            gauge.set(waiting)

    async def _await_slot(self, key: str) -> None:
        """Wait for the next slot of the rate; who is cancelled meanwhile leaves the key to others."""
        now = self._clock()
        self._slot = max(self._slot + self._interval, now)
        try:
            await asyncio.sleep(self._slot - now)
        except asyncio.CancelledError:
            self.undone(key)
            raise
