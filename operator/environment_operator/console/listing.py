"""The Environments of a cluster as they were read last: by one user, or by whoever may list them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic

from environment_operator.console.table import Snapshot
from environment_operator.kube.errors import ApiError

Begun = Callable[[Snapshot], None]
# Reads all Environments, and gives the first of them as soon as they are there.
Reader = Callable[[Begun], Awaitable[Snapshot]]
# So old may be what is shown without reading it again; ten times as long as reading it takes, where that is more.
_FRESH_SECONDS, _FRESH_TIMES = 4.0, 10
# So long a page waits before it shows what was there.
_PATIENCE_SECONDS = 0.4
# From here on an HTTP status says that the API server cannot answer now: 429 and 5xx.
_OVERLOADED = 429
_NOT_THIS_USER = (401, 403)


@dataclass(slots=True)
class _Reading:
    """A reading that goes on.

    Args:
        first: the first page, once it is there.
        all: everything.
    """

    first: "asyncio.Future[Snapshot]"
    all: "asyncio.Task[Snapshot]" = field(init=False)

    def begun(self, first: Snapshot) -> None:
        """Take the first page."""
        if not self.first.done():
            self.first.set_result(first)

    async def until(self, enough: int) -> Snapshot:
        """Return everything, or the first page where that is enough."""
        waiting = {self.all, self.first} if enough else {self.all}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not self.all.done() and len(self.first.result().rows) >= enough:
            return self.first.result()
        return await asyncio.shield(self.all)


class Listing:
    """Remembers what was read. Several who ask at the same time wait for one reading."""

    def __init__(self) -> None:
        self._last: Snapshot | None = None
        self._reading: _Reading | None = None

    async def read(self, read: Reader, enough: int = 0) -> Snapshot:
        """Return the Environments; what was there before, where the API server is slow or fails.

        Args:
            read: reads them.
            enough: so many of them, in the order of names, will do while the others are being read; 0 for all.

        Raises:
            ApiError: they cannot be read, and were not before, or may not be any more.
        """
        last = self._last
        age = (datetime.now(UTC) - last.at).total_seconds() if last else 0.0
        if last and last.error is None and age < last.fresh_seconds:
            return last
        before, reading = self._reading, self._reads(read)
        try:
            if last is None:
                return await reading.until(enough)
            await asyncio.wait({reading.all}, timeout=_PATIENCE_SECONDS)
            return reading.all.result() if reading.all.done() else replace(last, is_late=age > 2 * last.fresh_seconds)
        except ApiError as error:
            if reading is before and error.status in _NOT_THIS_USER:
                # That was about another person, who had begun the reading.
                return await self.read(read, enough)
            raise

    def forget(self) -> None:
        """Have the Environments read again before they are shown, also where they are being read now."""
        self._last = self._reading = None

    def _reads(self, read: Reader) -> _Reading:
        """Return the reading that goes on already, else a new one."""
        if self._reading is None or self._reading.all.done():
            made = self._reading = _Reading(asyncio.get_running_loop().create_future())
            made.all = asyncio.create_task(self._read(read, made))
            # Nobody may be there any more to take what it raises.
            made.all.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._reading

    async def _read(self, read: Reader, reading: _Reading) -> Snapshot:
        """Read the Environments, and remember them unless that was forgotten meanwhile."""
        began = monotonic()
        try:
            found = await read(reading.begun)
        except ApiError as error:
            if self._last is None or 0 < error.status < _OVERLOADED:
                raise
            found = replace(self._last, error=error)
        else:
            took = monotonic() - began
            found = replace(found, fresh_seconds=max(_FRESH_SECONDS, _FRESH_TIMES * took))
        if self._reading is reading:
            self._last = found
        return found
