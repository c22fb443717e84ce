"""Which replica leads, as a decision over a Lease and our own clock."""

import asyncio
import time
from typing import Any

import uvloop

from environment_operator.kube.elector import Elector, Seen, Times, released, seen, taken, wait
from environment_operator.kube.errors import NotFound

NOW = "2026-01-01T00:00:00.000000Z"


def lease(holder: str | None = "other", version: int = 1, seconds: int = 8) -> dict[str, Any]:
    """Return a Lease as the API server has it."""
    spec = {"leaseDurationSeconds": seconds, "leaseTransitions": 3, "acquireTime": "then", "renewTime": "then"}
    ours = {"holderIdentity": holder} if holder is not None else {}
    return {"metadata": {"name": "lead", "resourceVersion": str(version)}, "spec": {**spec, **ours}}


def test_no_lease_is_nobodys() -> None:
    """Where there is no Lease, whoever looks may create one."""
    assert 0 == wait(Seen(None, 100), "me", 100)


def test_of_somebody_else() -> None:
    """The Lease of somebody else runs out when it did not change for its duration, by our own clock."""
    there = seen(None, lease(), 100)

    assert [8, 1, 0, 0] == [wait(there, "me", now) for now in (100, 107, 108, 109)]


def test_a_renewal_counts_from_when_it_is_seen() -> None:
    """As long as a Lease stays as it is, it counts from when it was first seen; a renewal begins anew."""
    first = seen(None, lease(version=1), 100)
    same = seen(first, lease(version=1), 105)
    renewed = seen(same, lease(version=2), 105)

    assert 3 == wait(same, "me", 105)
    assert 8 == wait(renewed, "me", 105)


def test_what_times_it_names_counts_for_nothing() -> None:
    """Clocks of others are not compared: a Lease that says that it was renewed long ago is somebody's all the same."""
    old = lease()
    old["spec"]["renewTime"] = "1999-01-01T00:00:00.000000Z"

    assert 8 == wait(seen(None, old, 100), "me", 100)


def test_ours() -> None:
    """Our own Lease is ours at once, as after a restart; so is one that was given back."""
    assert 0 == wait(seen(None, lease("me"), 100), "me", 100)
    assert 0 == wait(seen(None, released(lease("other"), NOW), 100), "me", 100)


def test_taken() -> None:
    """Whoever takes a Lease counts as another holder since now; what else is in it stays."""
    there = lease()
    there["metadata"]["labels"] = {"a": "b"}
    spec = taken(Seen(there, 100), "lead", "me", 7.5, NOW)["spec"]

    assert {"a": "b"} == taken(Seen(there, 100), "lead", "me", 7.5, NOW)["metadata"]["labels"]
    assert ("me", 8, 4) == (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"])
    assert NOW == spec["acquireTime"] == spec["renewTime"]


def test_renewed() -> None:
    """A renewal changes when it was renewed, and nothing about who has it."""
    spec = taken(Seen(lease("me"), 100), "lead", "me", 8, NOW)["spec"]

    assert ("then", NOW, 3) == (spec["acquireTime"], spec["renewTime"], spec["leaseTransitions"])


def test_first() -> None:
    """The first Lease has a name and no transitions."""
    made = taken(Seen(None, 100), "lead", "me", 8, NOW)

    assert {"name": "lead"} == made["metadata"]
    assert 0 == made["spec"]["leaseTransitions"]


class Leases:
    """A Lease that nobody has yet."""

    async def get(self, path: str) -> dict[str, Any]:
        """Return no Lease."""
        raise NotFound(404, path)

    async def create(self, _: str, made: dict[str, Any]) -> dict[str, Any]:
        """Return a Lease as it is stored."""
        return {**made, "metadata": {**made["metadata"], "resourceVersion": "1"}}

    async def replace(self, path: str, changed: dict[str, Any]) -> dict[str, Any]:
        """Return the Lease as it is stored."""
        return await self.create(path, changed)


def test_a_process_that_stood_still_does_not_lead() -> None:
    """When a process stood still for longer than it may lead, it knows at once, before the event loop turns again."""
    led: list[bool] = []

    async def work() -> None:
        led.append(elector.leads())
        time.sleep(0.6)  # noqa: ASYNC251 - nothing else runs meanwhile
        led.append(elector.leads())

    async def run() -> None:
        parts = asyncio.gather(elector.run(), elector.while_leading(work))
        while len(led) < 2:  # noqa: ASYNC110 - what is awaited is another task
            await asyncio.sleep(0)
        parts.cancel()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        elector = Elector(Leases(), "lead", "me", Times(lease=1, renew=0.5, retry=0.1))  # type: ignore[arg-type]
        runner.run(run())

    assert [True, False] == led[:2]
