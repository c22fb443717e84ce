"""Environments as the API server has them, each read once for all reviews of a moment.

The mutating call of an admission begins the read that its validating call asks for, so that it is there by then. What
was read serves for a second, counted from when it was asked for; that second is part of the grace period of a deletion.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from environment_operator.injection.context import Published
from environment_operator.kube.errors import ApiError

SERVES = 1.0
Read = Callable[[str], Awaitable[Published | None]]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A read that was begun.

    Args:
        since: when, by the clock of the loop.
        answer: what comes of it.
    """

    since: float
    answer: "asyncio.Future[Published | None]"


class LiveReads:
    """Reads Environments, and hands out what was read a moment ago.

    Args:
        read: reads one from the API server, in bounded time.
        stands: says whether one that was read may serve another review.
    """

    def __init__(self, read: Read, stands: Callable[[Published], bool]) -> None:
        self._read, self._stands = read, stands
        self._begun: dict[str, _Reading] = {}

    def begin(self, name: str, seconds: float = SERVES) -> None:
        """Begin to read an Environment, unless that was begun within some seconds."""
        known = self._begun.get(name)
        if known is None or asyncio.get_running_loop().time() - known.since > seconds:
            self._anew(name)

    async def get(self, name: str, now: float) -> Published | None:
        """Return an Environment as the API server has had it within the last second.

        What does not stand is read anew, unless it is of now: it may be what the submitter has just mended.

        Args:
            name: its name.
            now: when it was first asked for in this review, by the clock of the loop.

        Raises:
            ApiError: it cannot be read.
        """
        begun = self._begun.get(name)
        if begun and begun.since < now:
            known = await self._known(begun) if now - begun.since <= SERVES else None
            if known and self._stands(known):
                return known
            begun = None
        return await asyncio.shield((begun or self._anew(name)).answer)

    async def _known(self, begun: _Reading) -> Published | None:
        """Return what was read for another review, None when it could not be read."""
        with suppress(ApiError):
            # Others may wait for it, so it goes on when this review is given up.
            return await asyncio.shield(begun.answer)
        return None

    def _anew(self, name: str) -> _Reading:
        """Begin to read an Environment."""
        loop = asyncio.get_running_loop()
        begun = self._begun[name] = _Reading(loop.time(), asyncio.ensure_future(self._read(name)))
        begun.answer.add_done_callback(_noticed)
        loop.call_later(SERVES, self._forget, name, begun)
        return begun

    def _forget(self, name: str, begun: _Reading) -> None:
        """Forget what no longer serves."""
        if self._begun.get(name) is begun:
            del self._begun[name]


def _noticed(answer: "asyncio.Future[Published | None]") -> None:
    """Take note of a failure for which nobody may wait: whoever asks reads anew."""
    if not answer.cancelled():
        answer.exception()
