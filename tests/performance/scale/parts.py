"""The parts of the measurement, in the order in which they build upon each other.

Each begins and ends with the operator down, so that each can be run alone on a cluster that is kept.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from statistics import quantiles

import psutil

from builders import KINDS, manifest, workload
from cluster import Cluster
from cluster.rest import Rest
from environment_operator.api import names
from kube import Kube
from scale.api import Api, Object

ENVIRONMENTS = f"/apis/{names.API_VERSION}/{names.PLURAL}"
# Nothing is admitted in this namespace.
NAMESPACE = "kube-system"
TEMPLATES = f"/api/v1/namespaces/{NAMESPACE}/podtemplates"
SIX = tuple(kind for kind in KINDS.values() if kind.kind in
            {"PodTemplate", "Deployment", "StatefulSet", "ReplicaSet", "Job", "CronJob"})  # fmt: skip
LEADER, STANDBY = "operator", "operator-2"
HOUR = 3600
WRITES = "environment_operator_writes_total"


@dataclass
class Seen:
    """What a watch of Environments has shown: when each had its first status, its first user, and how many it has."""

    described: dict[str, float] = field(default_factory=dict)
    counted: dict[str, float] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)
    last: float = 0

    async def follow(self, api: Api) -> None:
        """Watch until cancelled."""
        async for environment in api.watch(ENVIRONMENTS):
            name, status = environment["metadata"]["name"], environment.get("status") or {}
            if status.get("conditions"):
                self.described.setdefault(name, time.monotonic())
            if total := (status.get("usage") or {}).get("total"):
                self.counted.setdefault(name, time.monotonic())
            self.users[name], self.last = total or 0, time.monotonic()


@asynccontextmanager
async def watching(api: Api) -> AsyncIterator[Seen]:
    """Return what a watch shows while it lasts."""
    seen = Seen()
    following = asyncio.create_task(seen.follow(api))
    try:
        yield seen
    finally:
        await ended(following)


async def ended(task: asyncio.Task[None]) -> None:
    """End a task that goes on for ever; what it failed with is raised."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@dataclass
class Users:
    """Users that come at a rate, and when each was there.

    Args:
        api: the API server.
        series: what their names begin with.
        names: of which Environment each is a user.
    """

    api: Api
    series: str
    names: list[str]
    created: list[tuple[str, float]] = field(default_factory=list)
    are_enough: bool = False

    async def come(self, rate: float) -> None:
        """Create so many users a second, whether or not the API server has answered, until they are enough."""
        begin = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number, name in enumerate(self.names):
                await asyncio.sleep(begin + number / rate - time.monotonic())
                if self.are_enough:
                    return
                tasks.create_task(self._create(number, name))

    async def _create(self, number: int, name: str) -> None:
        """Create one user."""
        await self.api.create(TEMPLATES, workload("PodTemplate", f"{self.series}-{number}", NAMESPACE, name))
        self.created.append((name, time.monotonic()))

    def delays(self, seen: Seen) -> list[float]:
        """Return after how many seconds each was counted."""
        return [seen.counted[name] - at for name, at in self.created]


@asynccontextmanager
async def coming(api: Api, series: str, names: list[str], rate: float) -> AsyncIterator[Users]:
    """Have users come while it lasts; at the end the API server has answered about each."""
    comers = Users(api, series, names)
    task = asyncio.create_task(comers.come(rate))
    try:
        yield comers
    finally:
        comers.are_enough = True
        await task


@dataclass(frozen=True)
class Stage:
    """A cluster whose operator is down and called by nobody.

    Args:
        cluster: the cluster.
        rest: the API server, as the administrator.
        api: the same, for many requests at once.
        environments: the names of the Environments.
        users: how many users come to them.
    """

    cluster: Cluster
    rest: Rest
    api: Api
    environments: list[str]
    users: int

    async def start(self, program: str = LEADER) -> psutil.Process:
        """Start a controller and return it when it is ready."""
        await asyncio.to_thread(self.cluster.start_replica, program, "controller")
        return psutil.Process(self.cluster.pid(program))

    def stop(self, program: str = LEADER) -> None:
        """Stop a controller."""
        self.cluster.stop(program)

    def metric(self, name: str, program: str = LEADER) -> dict[str, float]:
        """Return a metric of a controller: each value by those of its labels."""
        found = Kube(self.cluster, self.rest).metric(name, program)
        return {" ".join(each.labels.values()): each.value for each in found}

    async def until_idle(self) -> None:
        """Return when no Environment waits to be reconciled; the first have to be reconciled before."""
        # To write all metrics takes the controller some milliseconds.
        pause = 0.5
        reconciled, depth = "controller_runtime_reconcile_total", "workqueue_depth"
        await until(lambda: bool(self.metric(reconciled).get("environment success")), pause)
        await until(lambda: not any(v for k, v in self.metric(depth).items() if "environment" in k), pause)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def spread(times: Iterable[float]) -> str:
    """Return the middle and the end of some times, in words."""
    cuts = quantiles(times, n=100)
    return f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms"


async def until(condition: Callable[[], bool], pause: float = 0.02) -> None:
    """Wait until something holds, with a pause in seconds between two looks."""
    async with asyncio.timeout(HOUR):
        while not condition():  # noqa: ASYNC110 - what is awaited is a watch, or another process
            await asyncio.sleep(pause)


def size(process: psutil.Process) -> str:
    """Return the memory and the processor's time that a process has taken, in words."""
    used = process.cpu_times()
    return f"{process.memory_info().rss / 2**20:.0f} MB, {used.user + used.system:.1f} s of the processor"


def cost(process: psutil.Process, since: float) -> float:
    """Return how many seconds of the processor a process has used since it had used some."""
    used = process.cpu_times()
    return used.user + used.system - since


async def environments(stage: Stage) -> None:
    """Store Environments that nobody has reconciled."""
    begin = time.monotonic()
    await stage.api.fill((ENVIRONMENTS, manifest(name)) for name in stage.environments)
    say(f"{len(stage.environments):,} Environments stored in {time.monotonic() - begin:.0f} s")


async def take_over(stage: Stage) -> None:
    """Start a controller that finds them all, have users come meanwhile, and print what that took."""
    many = stage.environments
    async with watching(stage.api) as seen:
        process = await stage.start()
        before = cost(process, 0)
        await until(lambda: bool(seen.described))
        async with coming(stage.api, "early", Random(1).sample(many, len(many)), 10) as comers:
            await until(lambda: len(seen.described) >= len(many))
        await until(lambda: all(name in seen.counted for name, _ in comers.created))
        took = max(seen.described.values()) - min(seen.described.values())
        say(f"first status of {len(many):,} Environments: {took:.1f} s, {len(many) / took:.0f} a second")
        say(f"{len(comers.created)} users meanwhile, each counted after {spread(comers.delays(seen))}")
        each = cost(process, before) / stage.metric("controller_runtime_reconcile_total")["environment success"]
        say(f"a reconcile takes {each * 1000:.1f} ms of the processor; {size(process)}")
        writes(stage)
    stage.stop()


async def users(stage: Stage) -> None:
    """Store users of six kinds, as many of each Environment."""
    begin = time.monotonic()
    await stage.api.fill(some_users(stage))
    say(f"{stage.users:,} users stored in {time.monotonic() - begin:.0f} s")


def some_users(stage: Stage) -> Iterator[tuple[str, Object]]:
    """Yield users with their paths."""
    pairs = zip(cycle(SIX), cycle(stage.environments), range(stage.users), strict=False)
    for kind, environment, number in pairs:
        body = workload(kind.kind, f"user-{number}", NAMESPACE, environment)
        yield f"{kind.path.rpartition('/')[0]}/namespaces/{NAMESPACE}/{kind.path.rpartition('/')[2]}", body


async def count(stage: Stage) -> None:
    """Start a controller that finds them all uncounted, and print what that took."""
    await start_with_all(stage, "users found")


async def restart(stage: Stage) -> None:
    """Start a controller that has nothing to do, and print what that took."""
    if not stage.rest.get(f"{ENVIRONMENTS}?limit=1").body["items"]:
        raise SystemExit("this cluster has no Environments: name the part environments, or take-over, before this one")
    await start_with_all(stage, "restart")


async def start_with_all(stage: Stage, what: str) -> None:
    """Start a controller, and print what it took until it was ready, and until nothing was left to do."""
    begin = time.monotonic()
    process = await stage.start()
    say(f"{what}: synced after {time.monotonic() - begin:.1f} s; {size(process)}")
    before = cost(process, 0)
    await stage.until_idle()
    reconciles = stage.metric("controller_runtime_reconcile_total")["environment success"]
    each = cost(process, before) / reconciles
    say(f"idle after {time.monotonic() - begin:.1f} s; {size(process)}")
    say(f"{reconciles:,.0f} reconciles of {each * 1000:.1f} ms of the processor")
    writes(stage)
    stage.stop()


def writes(stage: Stage) -> None:
    """Print what the controller has written."""
    found = stage.metric(WRITES)
    say("writes: " + (", ".join(f"{what} {many:.0f}" for what, many in found.items()) or "none"))
