"""The parts in which somebody is gone: the controller that leads, or the API server.

After each the status of every Environment is that of a fresh start, which has nothing to write.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from contextlib import AbstractAsyncContextManager
from itertools import cycle, islice

from scale.parts import ENVIRONMENTS, HOUR, LEADER, STANDBY, WRITES, Stage, Users, coming, say, until, watching

RATE = 200
# Much longer than a Lease lasts, and than an informer tries before its kind is out of step.
AWAY_SECONDS = 120
LEADS = "leader_election_master_status"
BOTH = (LEADER, STANDBY)


def leads(stage: Stage, program: str) -> bool:
    """Say whether a controller leads."""
    return any(stage.metric(LEADS, program).values())


def written(stage: Stage, program: str) -> float:
    """Return how much a controller has written."""
    return sum(stage.metric(WRITES, program).values())


def counts(stage: Stage) -> Counter[str]:
    """Return how many users each Environment has by its status."""
    found, more = Counter[str](), ""
    while True:
        page = stage.rest.get(f"{ENVIRONMENTS}?limit=500&continue={more}").body
        for item in page["items"]:
            found[item["metadata"]["name"]] = item.get("status", {}).get("usage", {}).get("total", 0)
        more = page["metadata"].get("continue", "")
        if not more:
            return found


def some_coming(stage: Stage, series: str) -> AbstractAsyncContextManager[Users]:
    """Have users come while it lasts, 200 a second, each to the next Environment."""
    return coming(stage.api, series, list(islice(cycle(stage.environments), HOUR * RATE)), RATE)


async def fail_over(stage: Stage) -> None:
    """Kill the controller that leads while 200 users a second come, and print when the other one counts them."""
    await stage.start()
    await until(lambda: leads(stage, LEADER), 0.5)
    await stage.start(STANDBY)
    async with watching(stage.api) as seen:
        await until(lambda: len(seen.users) >= len(stage.environments))
        expected = Counter(seen.users)
        async with some_coming(stage, "late") as comers:
            await asyncio.sleep(5)
            os.kill(stage.cluster.pid(LEADER) or 0, signal.SIGKILL)
            killed = time.monotonic()
            # What the watch shows may be older: it lags on a busy machine.
            await until(lambda: written(stage, STANDBY) > 0, 0.1)
            took = time.monotonic() - killed
            await asyncio.sleep(5)
        stopped = time.monotonic()
        expected.update(name for name, _ in comers.created)
        await until(lambda: expected == Counter(seen.users))
        say(f"leader killed: the other counts after {took:.1f} s; all {len(comers.created):,} users are counted "
            f"{time.monotonic() - stopped:.1f} s after the last came")  # fmt: skip
    stage.stop(STANDBY)
    await fresh_start(stage)


async def away(stage: Stage) -> None:
    """Kill the API server and start it again two minutes later; print what becomes of two controllers."""
    await stage.start()
    await until(lambda: leads(stage, LEADER), 0.5)
    await stage.start(STANDBY)
    before, pids = counts(stage), [stage.cluster.pid(each) for each in BOTH]
    async with some_coming(stage, "before") as comers:
        await asyncio.sleep(5)
    await asyncio.to_thread(stage.cluster.stop, "kube-apiserver", signal.SIGKILL)
    gone = time.monotonic()
    await until(lambda: not any(leads(stage, each) for each in BOTH), 0.2)
    say(f"API server gone: nobody leads after {time.monotonic() - gone:.1f} s")
    await asyncio.sleep(gone + AWAY_SECONDS - time.monotonic())
    wrote = {each: written(stage, each) for each in BOTH}
    await asyncio.to_thread(stage.cluster.start, "kube-apiserver")
    back = time.monotonic()
    await until(lambda: any(leads(stage, each) for each in BOTH), 0.2)
    say(f"API server there again: one leads after {time.monotonic() - back:.1f} s")
    async with some_coming(stage, "after") as after:
        await asyncio.sleep(5)
    before.update(name for each in (comers, after) for name, _ in each.created)
    stopped = time.monotonic()
    await until(lambda: before == counts(stage), 1)
    took = time.monotonic() - stopped
    leader, other = sorted(BOTH, key=lambda each: leads(stage, each), reverse=True)
    wrote = {each: written(stage, each) - wrote[each] for each in BOTH}
    users = len(comers.created) + len(after.created)
    say(f"all {users:,} users are counted {took:.1f} s after the last came")
    say(f"since the API server is back: {wrote[leader]:.0f} writes of the leader, {wrote[other]:.0f} of the other")
    if wrote[other] or pids != [stage.cluster.pid(each) for each in BOTH]:
        raise SystemExit("a controller that stands by has written, or one has ended")
    for each in BOTH:
        stage.stop(each)
    await fresh_start(stage)


async def fresh_start(stage: Stage) -> None:
    """Start a controller, which must have nothing to write: every status is that of a fresh start already."""
    await stage.start()
    await stage.until_idle()
    written = {what: many for what, many in stage.metric(WRITES).items() if many}
    stage.stop()
    if written:
        raise SystemExit(f"a fresh start wrote {written}")
    say("a fresh start writes nothing")
