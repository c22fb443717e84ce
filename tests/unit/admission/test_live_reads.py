"""Live reads: begun early, shared for a second, and never the reason of a refusal when they are not of now."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from builders import published
from environment_operator.admission.live_reads import SERVES, LiveReads
from environment_operator.injection.context import Published
from environment_operator.kube.errors import ApiError


@dataclass
class Reader:
    """Stands in for the API server: counts who is asked for, and answers when it may."""

    answer: Published | None = field(default_factory=published)
    failures: int = 0
    held: asyncio.Event | None = None
    asked: int = 0

    async def __call__(self, _: str) -> Published | None:
        """Return what there is now."""
        self.asked += 1
        found = self.answer
        await (self.held.wait() if self.held else asyncio.sleep(0))
        if self.failures:
            self.failures -= 1
            raise ApiError(500, "broken")
        return found


@pytest.fixture
async def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what moves the clock of the loop on."""
    loop = asyncio.get_running_loop()
    time, moved = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: time() + sum(moved))
    return moved.append


def reads(reader: Reader) -> LiveReads:
    """Return live reads of which those without a problem stand."""
    return LiveReads(reader, lambda found: not found.problem)


def now() -> float:
    """Return the time of the loop."""
    return asyncio.get_running_loop().time()


async def test_begun_early() -> None:
    """What the mutating call began is what the validating call gets, and everybody else within the second."""
    reader = Reader()
    live = reads(reader)
    live.begin("e")
    live.begin("e")

    assert [reader.answer] * 3 == await asyncio.gather(*(live.get("e", now()) for _ in range(3)))
    assert 1 == reader.asked


@pytest.mark.parametrize(("seconds", "asked"), [(SERVES - 0.1, 1), (SERVES + 0.1, 2)])
async def test_a_second(later: Callable[[float], None], seconds: float, asked: int) -> None:
    """It serves for a second from when it was asked for, however late the answer came, and no longer."""
    held = asyncio.Event()
    reader = Reader(held=held)
    live = reads(reader)
    live.begin("e")
    await asyncio.sleep(0)
    later(seconds)
    held.set()
    await live.get("e", now())

    assert asked == reader.asked


async def test_begun_anew_in_time(later: Callable[[float], None]) -> None:
    """A mutating call does not count on a read that is about to be too old for its validating call."""
    reader = Reader()
    live = reads(reader)
    live.begin("e")
    later(SERVES - 0.1)
    live.begin("e", SERVES / 2)
    later(SERVES - 0.1)
    await live.get("e", now())

    assert 2 == reader.asked


@pytest.mark.parametrize("before", [None, published(problem="it is being deleted")])
async def test_what_does_not_stand_is_read_anew(before: Published | None) -> None:
    """What would be refused is read again: its author may have mended it a moment ago."""
    reader = Reader(answer=before)
    live = reads(reader)
    assert before == await live.get("e", now())
    reader.answer = published()

    assert reader.answer == await live.get("e", now())


async def test_of_now() -> None:
    """What was begun in this review is of now: a refusal needs no second read."""
    reader = Reader(answer=None)
    live, came = reads(reader), now()
    live.begin("e")

    assert await live.get("e", came) is None
    assert 1 == reader.asked


async def test_failures_are_nobody_elses() -> None:
    """A read that failed is tried again by whoever asks, and its failure is theirs."""
    reader = Reader(failures=1)
    live = reads(reader)
    live.begin("e")
    assert reader.answer == await live.get("e", now())
    reader.failures = 2
    live.begin("other")

    with pytest.raises(ApiError):
        await live.get("other", now())


async def test_given_up() -> None:
    """A review that is given up does not take the answer away from others."""
    held = asyncio.Event()
    reader = Reader(held=held)
    live = reads(reader)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await live.get("e", now())
    waiting = asyncio.ensure_future(live.get("e", now()))
    await asyncio.sleep(0)
    held.set()

    assert reader.answer == await waiting
    assert 1 == reader.asked
