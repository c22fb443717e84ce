"""A queue of keys: each key at most once, one worker a key, later again after failures. No I/O.

It is the work queue of client-go in asyncio: a key that is added while it is worked on comes again
afterwards, so nothing that happens meanwhile is lost and no key is worked on twice at a time.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable

_FIRST_RETRY = 0.5


class WorkQueue:
    """Keys and when each is due.

    Args:
        rate: how many keys a second are handed out.
        longest: the longest pause in seconds before a failed key comes again.
        clock: seconds that only go forward.
    """

    def __init__(self, rate: float, longest: float, clock: Callable[[], float]) -> None:
        self._interval, self._longest, self._clock = 1 / rate, longest, clock
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._active: set[str] = set()
        self._held: dict[str, float] = {}
        self._urgent: set[str] = set()
        self._failures: dict[str, int] = {}
        self._slot = 0.0
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """Return how many keys wait."""
        return len(self._due)

    def add(self, key: str, delay: float = 0.0, *, urgent: bool = False) -> None:
        """Have a key worked on after a delay in seconds; sooner if it was to come sooner anyway.

        Args:
            key: the key.
            delay: the delay in seconds.
            urgent: whether it comes although `done` holds it.
        """
        if urgent:
            self._urgent.add(key)
        due = self._earliest(key, self._clock() + delay)
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            self._push(key)

    async def get(self) -> str:
        """Return the next key that is due, when it is; `done` must follow."""
        while True:
            self._changed.clear()
            key, wait = self._next()
            if key is not None:
                await asyncio.sleep(self._reserve())
                return key
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: str, *, failed: bool = False, hold: float = 0.0) -> None:
        """Say that the work on a key has ended.

        Args:
            key: the key from `get`.
            failed: have it again, later after each failure in a row.
            hold: hand it out again only after this many seconds, unless it is urgent.
        """
        self._active.discard(key)
        self._held.pop(key, None)
        if hold:
            self._held[key] = self._clock() + hold
        if failed:
            self._failures[key] = self._failures.get(key, 0) + 1
            self.add(key, min(_FIRST_RETRY * 2 ** (self._failures[key] - 1), self._longest))
        else:
            self._failures.pop(key, None)
        if key in self._due:
            self._due[key] = self._earliest(key, self._due[key])
            self._push(key)

    def _earliest(self, key: str, due: float) -> float:
        """Return when a key may be handed out that is due at some time: not while it is held, unless it is urgent."""
        return due if key in self._urgent else max(due, self._held.get(key, 0.0))

    def _push(self, key: str) -> None:
        """Put a key's due time into the heap and wake whoever waits."""
        heapq.heappush(self._heap, (self._due[key], next(self._order), key))
        self._changed.set()

    def _next(self) -> tuple[str | None, float | None]:
        """Take the key that is due, else say how long to wait for the next; None is until something is added."""
        while self._heap:
            due, _, key = self._heap[0]
            stale = self._due.get(key) != due or key in self._active
            if not stale and due > self._clock():
                return None, due - self._clock()
            heapq.heappop(self._heap)
            if not stale:
                del self._due[key]
                self._urgent.discard(key)
                self._active.add(key)
                return key, None
        return None, None

    def _reserve(self) -> float:
        """Take the next slot of the rate; return how many seconds it is away."""
        now = self._clock()
        self._slot = max(self._slot + self._interval, now)
        return self._slot - now
