"""The work queue: each key once, one worker a key, later again after failures."""

import asyncio

import pytest

from environment_operator.kube.workqueue import WorkQueue


class Clock:
    """A clock that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def queue(clock: Clock | None = None) -> WorkQueue:
    """Return a queue without a noticeable rate limit."""
    return WorkQueue("test", rate=1e6, longest=30, clock=clock or Clock())


async def due(waiting: WorkQueue) -> str | None:
    """Take the key that is due now, or None."""
    task = asyncio.ensure_future(waiting.get())
    for _ in range(5):
        await asyncio.sleep(0)
    if task.done():
        return task.result()
    task.cancel()
    return None


async def test_a_key_waits_once() -> None:
    """A key that is added twice is handed out once."""
    waiting = queue()
    waiting.add("a")
    waiting.add("a")

    assert 1 == len(waiting)
    assert "a" == await waiting.get()
    assert None is await due(waiting)


async def test_a_key_added_while_worked_on_comes_again() -> None:
    """What happens while a key is worked on is not lost, and no two workers have the key."""
    waiting = queue()
    waiting.add("a")
    await waiting.get()
    waiting.add("a")

    assert None is await due(waiting)
    waiting.done("a")
    assert "a" == await waiting.get()


async def test_failures_come_later_each_time() -> None:
    """A failed key comes again after pauses that double up to the longest."""
    clock = Clock()
    waiting = queue(clock)
    waiting.add("a")
    pauses = []
    for _ in range(9):
        before = clock.now
        while (key := await due(waiting)) is None:
            clock.now += 0.25
        waiting.done(key, failed=True)
        pauses.append(clock.now - before)

    assert [0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] == pauses


async def test_failures_for_days() -> None:
    """A key that fails two thousand times in a row comes again after the longest pause."""
    clock = Clock()
    waiting = queue(clock)
    waiting.add("a")
    for _ in range(2000):
        waiting.done(await waiting.get(), failed=True)
        clock.now += 30

    assert "a" == await due(waiting)


async def test_a_success_ends_the_pauses() -> None:
    """After a success the next failure waits as short as the first."""
    clock = Clock()
    waiting = queue(clock)
    waiting.add("a")
    waiting.done(await waiting.get(), failed=True)
    clock.now += 0.5
    waiting.done(await waiting.get())
    waiting.add("a")
    waiting.done(await waiting.get(), failed=True)
    clock.now += 0.5

    assert "a" == await waiting.get()


async def test_hold_gathers_what_follows() -> None:
    """After a hold, however often a key is added meanwhile, it comes once and only when the hold is over."""
    clock = Clock()
    waiting = queue(clock)
    waiting.add("a")
    waiting.done(await waiting.get(), hold=1.0)
    for _ in range(10):
        waiting.add("a")

    assert None is await due(waiting)
    clock.now += 1.0
    assert "a" == await waiting.get()


async def test_the_sooner_time_counts() -> None:
    """A key that is to come later comes at once when it is added again without a delay."""
    waiting = queue()
    waiting.add("a", delay=60)

    assert None is await due(waiting)
    waiting.add("a")
    assert "a" == await waiting.get()


async def test_rate() -> None:
    """Keys are handed out no faster than the rate."""
    waiting = WorkQueue("test", rate=100, longest=30, clock=asyncio.get_running_loop().time)
    for key in range(20):
        waiting.add(str(key))
    start = asyncio.get_running_loop().time()
    for _ in range(20):
        await waiting.get()

    assert asyncio.get_running_loop().time() - start >= 0.18


async def test_an_urgent_key_is_not_held() -> None:
    """What is urgent comes although it was held, whether it was added after the work or during it; only once."""
    clock = Clock()
    waiting = queue(clock)
    waiting.add("a")
    await waiting.get()
    waiting.done("a", hold=60)
    waiting.add("a", urgent=True)
    assert "a" == await due(waiting)
    waiting.add("a", urgent=True)
    waiting.done("a", hold=60)
    assert "a" == await due(waiting)
    waiting.done("a", hold=60)
    waiting.add("a")

    assert None is await due(waiting)
    clock.now += 61
    assert "a" == await due(waiting)


async def test_what_an_event_brought_comes_first() -> None:
    """A key that somebody waits for comes before those that a list brought, however long these wait."""
    clock = Clock()
    waiting = queue(clock)
    for key in "abc":
        waiting.add(key, background=True)
    clock.now += 1
    waiting.add("event")

    assert ["event", "a", "b", "c"] == [await due(waiting) for _ in range(4)]


async def test_an_event_raises_a_key() -> None:
    """A key that waits in the background is raised by an event, and comes once."""
    waiting = queue()
    for key in "abc":
        waiting.add(key, background=True)
    waiting.add("c")
    waiting.add("c", background=True)

    assert ["c", "a", "b", None] == [await due(waiting) for _ in range(4)]


async def test_a_raised_key_comes_no_later() -> None:
    """Raising a key by something that is due later leaves it due when it was."""
    waiting = queue()
    waiting.add("a", background=True)
    waiting.add("a", delay=60)

    assert "a" == await due(waiting)


async def test_a_failure_keeps_the_priority() -> None:
    """What failed comes again with the priority that it had, unless an event came meanwhile."""
    clock = Clock()
    waiting = queue(clock)
    for key, background in (("event", False), ("list", True), ("both", True)):
        waiting.add(key, background=background)
    for key in ("event", "list", "both"):
        assert key == await due(waiting)
    waiting.add("both")
    for key in ("list", "event", "both"):
        waiting.done(key, failed=True)
    clock.now += 1
    waiting.add("new")

    assert ["both", "event", "new", "list"] == [await due(waiting) for _ in range(4)]


async def test_a_key_given_up_comes_again() -> None:
    """A key that a worker gave up, or never got because it was cancelled, comes again with its priority."""
    waiting = WorkQueue("test", rate=10, longest=30, clock=asyncio.get_running_loop().time)
    waiting.add("a", background=True)
    waiting.undone(await waiting.get())
    worker = asyncio.ensure_future(waiting.get())
    await asyncio.sleep(0.01)
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker

    assert 1 == len(waiting)
    waiting.add("b")
    assert ["b", "a"] == [await waiting.get() for _ in range(2)]
