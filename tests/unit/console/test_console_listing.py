"""What was read is remembered, for one user or for all who may list Environments."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from environment_operator.console.listing import Begun, Listing
from environment_operator.console.table import Snapshot
from environment_operator.kube.errors import ApiError, Forbidden

FIRST = [{"Environment": f"env-{number:04}"} for number in range(500)]
ALL = [*FIRST, {"Environment": "last"}]


def snapshot(age: float = 0) -> Snapshot:
    """Return what was read so many seconds ago."""
    return Snapshot("east", ALL, datetime.now(UTC) - timedelta(seconds=age))


class Source:
    """An API server that answers when it is let, with a snapshot or an error; it counts who reads."""

    def __init__(self, answer: Snapshot | ApiError) -> None:
        self.answer, self.readers, self.go_on = answer, 0, asyncio.Event()

    async def read(self, begun: Begun) -> Snapshot:
        """Give the first page, then the rest."""
        self.readers += 1
        begun(replace(snapshot(), rows=FIRST, remaining=1))
        await self.go_on.wait()
        if isinstance(self.answer, ApiError):
            raise self.answer
        return self.answer


async def test_the_first_page_is_shown_while_the_rest_is_read() -> None:
    """Who wants the first ones gets them before the others are there; who wants all of them waits."""
    listing, source = Listing(), Source(snapshot())
    everything = asyncio.create_task(listing.read(source.read))
    some = await listing.read(source.read, enough=100)

    assert (FIRST, 1) == (some.rows, some.remaining)
    assert not everything.done()
    source.go_on.set()
    assert ALL == (await everything).rows
    assert ALL == (await listing.read(source.read, enough=100)).rows
    assert 1 == source.readers


async def test_more_than_the_first_page() -> None:
    """A page behind the first ones waits for all."""
    listing, source = Listing(), Source(snapshot())
    wanted = asyncio.create_task(listing.read(source.read, enough=501))
    await asyncio.sleep(0)
    source.go_on.set()

    assert ALL == (await wanted).rows


@pytest.mark.parametrize(("took", "fresh"), [(0.1, 4), (3, 30)])
async def test_reading_takes_a_tenth_of_the_time(monkeypatch: pytest.MonkeyPatch, took: float, fresh: float) -> None:
    """What takes long to read stays fresh for longer: a page that refreshes by itself costs a bounded part of it."""
    clock = iter((0.0, took))
    monkeypatch.setattr("environment_operator.console.listing.monotonic", lambda: next(clock))
    source = Source(snapshot())
    source.go_on.set()

    assert fresh == (await Listing().read(source.read)).fresh_seconds


@pytest.mark.parametrize(("age", "readers"), [(1, 1), (5, 2)])
async def test_again(age: float, readers: int) -> None:
    """What is four seconds old is read again; meanwhile, where that takes long, it is shown."""
    listing, source = Listing(), Source(snapshot(age))
    source.go_on.set()
    await listing.read(source.read)
    source.go_on.clear()

    assert ALL == (await listing.read(source.read)).rows
    assert readers == source.readers


async def test_what_was_changed_meanwhile() -> None:
    """After a change nothing is shown that was read, or begun to be read, before it."""
    listing, source = Listing(), Source(snapshot())
    before = asyncio.create_task(listing.read(source.read))
    await asyncio.sleep(0)
    listing.forget()
    source.go_on.set()
    await before
    await listing.read(source.read)

    assert 2 == source.readers


async def test_failing() -> None:
    """An API server that cannot answer leaves what was there, with the reason; one that refuses does not."""
    listing, source = Listing(), Source(snapshot(age=5))
    source.go_on.set()
    await listing.read(source.read)
    source.answer = ApiError(503, "not today")
    assert source.answer == (await listing.read(source.read)).error
    source.answer = Forbidden(403, "not you")

    with pytest.raises(Forbidden):
        await listing.read(source.read)


async def test_the_rights_of_others() -> None:
    """Who waits for a reading that somebody else may not do any more reads it with rights of their own."""
    listing, theirs, ours = Listing(), Source(Forbidden(403, "not you")), Source(snapshot())
    first = asyncio.create_task(listing.read(theirs.read))
    await asyncio.sleep(0)
    second = asyncio.create_task(listing.read(ours.read))
    await asyncio.sleep(0)
    for each in (theirs, ours):
        each.go_on.set()

    with pytest.raises(Forbidden):
        await first
    assert ALL == (await second).rows
