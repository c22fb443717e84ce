"""Which replica leads: a Lease names it, and its writers have stopped before another may begin.

No library has this for asyncio. The elector of the kubernetes library goes on leading when its Lease is lost: an error
of the connection ends the renewal, not the work. Here the time until which we lead is the deadline of the work, which
the event loop keeps also when a renewal fails. Clocks are not compared: a Lease has run out when it did not change
for its duration by our own clock, as in client-go (https://pkg.go.dev/k8s.io/client-go/tools/leaderelection).
"""

import asyncio
import logging
import math
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from environment_operator.kube.client import LEASES, Cluster
from environment_operator.kube.errors import ApiError, Conflict, NotFound
from environment_operator.metrics import LEADS

logger = logging.getLogger(__name__)
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Times:
    """How long, in seconds.

    Args:
        lease: how long a Lease that is not renewed keeps others from leading.
        renew: how long we lead after the beginning of the last renewal that succeeded; less than `lease`, by the time
            that requests of ours may still be under way.
        retry: how long between two looks or renewals.
    """

    lease: float
    renew: float
    retry: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A Lease, and since when it was seen in this state.

    Args:
        lease: the object; None when there is none.
        since: our own clock.
    """

    lease: Object | None
    since: float

    @property
    def holder(self) -> str:
        """Who has it, empty for nobody."""
        spec = (self.lease or {}).get("spec") or {}
        return spec.get("holderIdentity") or ""


def seen(before: Seen | None, lease: Object | None, now: float) -> Seen:
    """Return a Lease as it is seen now: it counts from when it was first seen in this state."""
    same = before is not None and _version(before.lease) == _version(lease)
    return before if before and same else Seen(lease, now)


def wait(what: Seen, me: str, now: float) -> float:
    """Return for how many seconds a Lease is another one's; 0 when we may write ourselves into it."""
    if what.holder in ("", me) or what.lease is None:
        return 0.0
    seconds: float = what.lease["spec"].get("leaseDurationSeconds", 0)
    return max(what.since + seconds - now, 0.0)


def taken(what: Seen, name: str, me: str, seconds: float, now: str) -> Object:
    """Return a Lease with us as its holder.

    Args:
        what: the Lease as it is.
        name: its name.
        me: who we are.
        seconds: for how long.
        now: RFC 3339 time, for people: nobody decides by it.
    """
    lease = what.lease or {"metadata": {"name": name}, "spec": {}}
    spec = lease["spec"]
    ours = {"holderIdentity": me, "leaseDurationSeconds": math.ceil(seconds), "renewTime": now}
    if what.holder != me:
        ours |= {"acquireTime": now, "leaseTransitions": spec.get("leaseTransitions", 0) + bool(what.lease)}
    return {**lease, "spec": {**spec, **ours}}


def released(lease: Object, now: str) -> Object:
    """Return a Lease that whoever sees it may take at once."""
    spec = {key: value for key, value in lease["spec"].items() if key != "holderIdentity"}
    return {**lease, "spec": {**spec, "leaseDurationSeconds": 1, "renewTime": now}}


def _version(lease: Mapping[str, Any] | None) -> str:
    """Return the state of a Lease, empty when there is none."""
    return str(lease["metadata"]["resourceVersion"]) if lease else ""


class Elector:
    """Holds a Lease as far as possible, and has work done while it does.

    Args:
        cluster: the API server; what else is written through it is held back by `leads`.
        name: the name of the Lease, in our namespace.
        me: who we are: no two that run at the same time may say the same.
        times: how long.
    """

    def __init__(self, cluster: Cluster, name: str, me: str, times: Times) -> None:
        self._cluster, self._name, self._me, self._times = cluster, name, me, times
        self._path = f"{LEASES}/{name}"
        self._seen: Seen | None = None
        self._until = 0.0
        self._leading, self._idle = asyncio.Event(), asyncio.Event()
        self._work: set[asyncio.Timeout] = set()
        self._idle.set()
        LEADS.labels(name).set(0)

    def leads(self) -> bool:
        """Return whether we lead at this moment: nobody else does."""
        return _clock() < self._until

    async def run(self) -> None:
        """Hold the Lease until cancelled; then have the work stop, and give the Lease back."""
        try:
            while True:
                pause = await self._turn()
                await asyncio.sleep(pause)
        finally:
            led = self.leads()
            self._stop("this replica stops")
            await self._idle.wait()
            if led:
                await self._release()

    async def while_leading(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something whenever we lead, until cancelled; it is cancelled when we lead no more."""
        while True:
            await self._leading.wait()
            deadline = asyncio.timeout_at(self._until)
            try:
                async with deadline:
                    self._begin(deadline)
                    await work()
            except TimeoutError:
                if not deadline.expired():
                    raise
            finally:
                self._end(deadline)
            if not self.leads():
                self._stop("its Lease was not renewed in time")

    def _begin(self, deadline: asyncio.Timeout) -> None:
        """Take in that work begins."""
        self._work.add(deadline)
        self._idle.clear()

    def _end(self, deadline: asyncio.Timeout) -> None:
        """Take in that work has ended."""
        self._work.discard(deadline)
        if not self._work:
            self._idle.set()

    async def _turn(self) -> float:
        """Read the Lease, take or renew it if we may; return after how many seconds to do so again."""
        started = _clock()
        try:
            async with asyncio.timeout(self._times.renew):
                return await self._hold(started)
        except (ApiError, TimeoutError) as error:
            self._forget()
            level = logging.INFO if isinstance(error, Conflict) else logging.WARNING
            logger.log(level, 'Lease "%s" could not be held, and is tried again: %s', self._name, error or "no answer")
        return self._times.retry

    async def _hold(self, started: float) -> float:
        """Take or renew the Lease if we may; return after how many seconds to look again.

        Raises:
            ApiError: the API server refused, or another one was faster.
        """
        if not self.leads() or self._seen is None or self._seen.lease is None:
            self._seen = seen(self._seen, await self._read(), _clock())
        if pause := wait(self._seen, self._me, _clock()):
            self._stop(f'"{self._seen.holder}" leads')
            return min(pause, self._times.retry)
        lease = taken(self._seen, self._name, self._me, self._times.lease, _now())
        write = self._cluster.replace(self._path, lease) if self._seen.lease else self._cluster.create(LEASES, lease)
        self._seen = Seen(await write, started)
        self._lead(started + self._times.renew)
        return self._times.retry

    async def _read(self) -> Object | None:
        """Return the Lease, None when there is none."""
        try:
            return await self._cluster.get(self._path)
        except NotFound:
            return None

    def _forget(self) -> None:
        """Take in that a renewal may have been stored or not: the Lease is read before the next one."""
        if self.leads():
            self._seen = None

    def _lead(self, until: float) -> None:
        """Lead until some time, by our own clock."""
        if not self._leading.is_set():
            logger.info('"%s" leads', self._me)
        self._until = until
        self._leading.set()
        LEADS.labels(self._name).set(1)
        self._move(until)

    def _stop(self, why: str) -> None:
        """Lead no more: what is being done is cancelled."""
        if self._leading.is_set():
            logger.warning('"%s" leads no more: %s', self._me, why)
        self._until = 0.0
        self._leading.clear()
        LEADS.labels(self._name).set(0)
        self._move(_clock())

    def _move(self, until: float) -> None:
        """Have what is being done end at some time; what is being cancelled is left to end."""
        for deadline in self._work:
            if not deadline.expired():
                deadline.reschedule(until)

    async def _release(self) -> None:
        """Give the Lease back, so that the next replica leads at once; without an answer it runs out."""
        if self._seen is None or self._seen.lease is None:
            return
        try:
            async with asyncio.timeout(self._times.renew / 2):
                await self._cluster.replace(self._path, released(self._seen.lease, _now()))
        except (ApiError, TimeoutError) as error:
            logger.warning('Lease "%s" was not given back, and runs out: %s', self._name, error)


def identity() -> str:
    """Return who we are: the name of the pod, whose next container goes on at once, or else what nobody else is."""
    return os.environ.get("POD_NAME") or f"{socket.gethostname()}_{uuid4()}"


def _clock() -> float:
    """Return seconds that only go forward, as deadlines of the event loop count them."""
    return asyncio.get_running_loop().time()


def _now() -> str:
    """Return the time as Leases have it, with microseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
