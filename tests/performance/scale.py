"""How the controller takes over many Environments: ``python -m scale``, or ``make bench-scale``.

They are stored without admission, so that each lacks finalizer and status. While they are taken over users are created,
one after the other, in no order. Then a second controller stands by, and the first one is killed while
users come. Numbers of one machine and one run.
"""

import argparse
import asyncio
import json
import os
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from kubernetes.aio import config
from kubernetes.aio.client import Configuration

from builders import manifest, workload
from cluster import Cluster, interrupts
from cluster.manifests import configurations
from cluster.rest import Rest
from environment_operator.api import names
from kube import Kube

Object = dict[str, Any]
ENVIRONMENTS = f"/apis/{names.API_VERSION}/{names.PLURAL}"
# Nothing is admitted in this namespace.
TEMPLATES = "/api/v1/namespaces/kube-system/podtemplates"
LEADER, STANDBY = "operator", "operator-2"
AT_ONCE = 8
HOUR = 3600


@dataclass(frozen=True)
class Api:
    """The API server, as the administrator."""

    session: ClientSession
    server: str

    async def create(self, path: str, body: Object) -> None:
        """Create an object; anything but success ends the measurement."""
        async with self.session.post(f"{self.server}{path}", json=body) as reply:
            if not reply.ok:
                raise SystemExit(f"POST {path}: {reply.status} {(await reply.text())[:500]}")

    async def watch(self, path: str) -> AsyncIterator[Object]:
        """Yield the objects of a kind that exist, and each change of one."""
        query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        url, endless = f"{self.server}{path}?{query}", ClientTimeout(total=None)
        async with self.session.get(url, timeout=endless, read_bufsize=2**20) as reply:
            async for line in reply.content:
                event = json.loads(line)
                if event["type"] != "BOOKMARK":
                    yield event["object"]


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Api]:
    """Return a connection with the administrator's certificate."""
    configuration = Configuration()
    await config.load_kube_config(str(path), client_configuration=configuration)
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    context.load_cert_chain(configuration.cert_file, configuration.key_file)
    async with ClientSession(connector=TCPConnector(ssl=context)) as session:
        yield Api(session, configuration.host)


@dataclass
class Seen:
    """What a watch of Environments has shown: when each had its first status, and its first user."""

    described: dict[str, float] = field(default_factory=dict)
    counted: dict[str, float] = field(default_factory=dict)

    async def follow(self, api: Api) -> None:
        """Watch until cancelled."""
        async for environment in api.watch(ENVIRONMENTS):
            name, status = environment["metadata"]["name"], environment.get("status") or {}
            if status.get("conditions"):
                self.described.setdefault(name, time.monotonic())
            if (status.get("usage") or {}).get("total"):
                self.counted.setdefault(name, time.monotonic())


@dataclass
class Users:
    """Users that come one after the other, and when each was there."""

    api: Api
    names: list[str]
    created: dict[str, float] = field(default_factory=dict)

    async def come(self, pause: float) -> None:
        """Create a user of one Environment after the other, until cancelled or each has one."""
        for name in self.names:
            await self.api.create(TEMPLATES, workload("PodTemplate", f"user-{name}", "kube-system", name))
            self.created[name] = time.monotonic()
            await asyncio.sleep(pause)

    def delays(self, seen: Seen) -> list[float]:
        """Return after how many seconds each was counted."""
        return [seen.counted[name] - at for name, at in self.created.items()]


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def spread(times: Iterable[float]) -> str:
    """Return the middle and the end of some times, in words."""
    cuts = quantiles(times, n=100)
    return f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms"


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(HOUR):
        while not condition():  # noqa: ASYNC110 - what is awaited is a watch, or another process
            await asyncio.sleep(0.02)


async def fill(api: Api, environments: list[str]) -> None:
    """Create Environments that nobody uses."""
    remaining = iter(environments)

    async def some() -> None:
        for name in remaining:
            await api.create(ENVIRONMENTS, manifest(name))

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


async def take_over(cluster: Cluster, api: Api, seen: Seen, environments: list[str]) -> None:
    """Start a controller that finds them all, have users come meanwhile, and print what that took."""
    users = Users(api, Random(1).sample(environments, len(environments)))
    await asyncio.to_thread(cluster.start_replica, LEADER, "controller")
    await until(lambda: bool(seen.described))
    coming = asyncio.create_task(users.come(0.1))
    await until(lambda: len(seen.described) >= len(environments))
    coming.cancel()
    await until(lambda: users.created.keys() <= seen.counted.keys())
    first, last = min(seen.described.values()), max(seen.described.values())
    rate = len(environments) / (last - first)
    say(f"first status of {len(environments):,} Environments: {last - first:.1f} s, {rate:.0f} a second")
    say(f"{len(users.created)} users meanwhile, each counted after {spread(users.delays(seen))}")


async def fail_over(cluster: Cluster, api: Api, seen: Seen, environments: list[str]) -> None:
    """Kill the controller that leads while users come, and print when the other one counts them."""
    await asyncio.to_thread(cluster.start_replica, STANDBY, "controller")
    users = Users(api, [name for name in environments if name not in seen.counted])
    coming = asyncio.create_task(users.come(0.005))
    await until(lambda: users.created.keys() & seen.counted.keys() != set())
    os.kill(cluster.pid(LEADER) or 0, signal.SIGKILL)
    killed = time.monotonic()
    await until(lambda: any(at > killed + 0.5 for at in seen.counted.values()))
    took = min(at for at in seen.counted.values() if at > killed + 0.5) - killed
    coming.cancel()
    with suppress(asyncio.CancelledError):
        await coming
    await until(lambda: users.created.keys() <= seen.counted.keys())
    every = max(seen.counted.values()) - killed
    say(f"leader killed: the other counts after {took:.1f} s, and all {len(users.created)} users after {every:.1f} s")


def writes(cluster: Cluster, rest: Rest) -> None:
    """Print what the controller has written."""
    found = Kube(cluster, rest).metric("environment_operator_writes_total", LEADER)
    say("writes: " + ", ".join(f"{each.labels['what']} {each.value:.0f}" for each in found))


async def series(cluster: Cluster, rest: Rest, environments: list[str]) -> None:
    """Measure on a cluster whose operator is down and called by nobody."""
    async with connected(cluster.kubeconfig) as api:
        begin = time.monotonic()
        await fill(api, environments)
        say(f"{len(environments):,} Environments stored in {time.monotonic() - begin:.0f} s")
        seen = Seen()
        following = asyncio.create_task(seen.follow(api))
        await take_over(cluster, api, seen, environments)
        writes(cluster, rest)
        await fail_over(cluster, api, seen, environments)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


def run(environments: int) -> None:
    """Measure on a cluster of its own, of which nothing is left."""
    with (
        TemporaryDirectory() as folder,
        interrupts.started(Cluster(directory=Path(folder, "cluster"), report=say)) as cluster,
    ):
        rest = Rest(cluster.kubeconfig)
        cluster.stop_operator()
        for path in configurations(rest):
            assert rest.delete(path).ok
        try:
            asyncio.run(series(cluster, rest, [f"scale-{number:05}" for number in range(environments)]))
        finally:
            cluster.stop(STANDBY)
            rest.close()


def main() -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=int, default=10_000, help="how many are taken over")
    given = parser.parse_args()
    interrupts.heed()
    try:
        run(given.environments)
    except KeyboardInterrupt as interruption:
        say("interrupted; nothing is left running")
        return interrupts.SIGNAL_EXIT + int(interruption.args[0] if interruption.args else 2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
