"""Requests in bursts: every way takes its turn, so that what else the machine does meets all of them."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil
from aiohttp import ClientSession, TCPConnector
from kubernetes.aio import config
from kubernetes.aio.client import Configuration

from builders import workload

Object = dict[str, Any]
_MERGE = "application/strategic-merge-patch+json"


@dataclass
class Took:
    """How long the requests of one way took.

    Args:
        each: each request, in seconds.
        all: all of them, those side by side counted once.
        cpu: the processor's time that the webhooks of the way took for them, which other programs do not lengthen much.
        server: that of the API server, with what else it did meanwhile.
    """

    each: list[float] = field(default_factory=list)
    all: float = 0
    cpu: float = 0
    server: float = 0

    @property
    def p50(self) -> float:
        """What half of the requests took at most, in milliseconds."""
        return quantiles(self.each, n=100)[49] * 1000

    @property
    def p99(self) -> float:
        """What all but one in a hundred took at most, in milliseconds."""
        return quantiles(self.each, n=100)[98] * 1000

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.each) / self.all


@dataclass(frozen=True)
class Way:
    """A way in which a workload is admitted.

    Args:
        labels: the labels that have it go that way.
        server: the API server.
        process: the webhooks that it passes, None where there are none.
    """

    labels: Mapping[str, str]
    server: psutil.Process | None
    process: psutil.Process | None = None

    @property
    def stored(self) -> str:
        """The name of the Deployment that is stored with these labels."""
        return "-".join(["stored", *(key.rpartition("/")[2] for key in self.labels)])

    def cpu(self) -> tuple[float, float]:
        """Return the processor's time that its webhooks have taken so far, and the API server."""
        return _cpu(self.process), _cpu(self.server)


Send = Callable[[Way], Awaitable[None]]


class Client:
    """Creates Pods and changes Deployments, none of which is stored, over kept connections.

    Args:
        session: the connections.
        server: the URL of the API server.
        project: the namespace of the workloads.
    """

    def __init__(self, session: ClientSession, server: str, project: str) -> None:
        self._session, self._server, self._numbers = session, server, count()
        self._project = project
        self._deployments = f"/apis/apps/v1/namespaces/{project}/deployments"

    async def send(self, method: str, path: str, body: Object, form: str = "application/json") -> None:
        """Send one request; anything but success ends the measurement."""
        headers = {"Content-Type": form}
        async with self._session.request(method, f"{self._server}{path}", json=body, headers=headers) as reply:
            text = await reply.text()
            if not reply.ok:
                raise SystemExit(f"{path}: {reply.status} {text[:500]}")

    async def create(self, way: Way) -> None:
        """Create a Pod that goes a way."""
        pod = workload("Pod", f"p{next(self._numbers)}", self._project)
        pod["metadata"]["labels"] = dict(way.labels)
        await self.send("POST", f"/api/v1/namespaces/{self._project}/pods?dryRun=All&fieldManager=bench", pod)

    async def store(self, way: Way) -> None:
        """Create the Deployment of a way, and store it; it has no Pods."""
        deployment = workload("Deployment", way.stored, self._project)
        deployment["metadata"]["labels"] = dict(way.labels)
        deployment["spec"]["replicas"] = 0
        await self.send("POST", self._deployments, deployment)

    async def update(self, way: Way) -> None:
        """Change what the Deployment of a way runs."""
        main = {"name": "main", "env": [{"name": "STEP", "value": str(next(self._numbers))}]}
        change = {"spec": {"template": {"spec": {"containers": [main]}}}}
        path = f"{self._deployments}/{way.stored}?dryRun=All&fieldManager=bench"
        await self.send("PATCH", path, change, _MERGE)


@asynccontextmanager
async def connected(kubeconfig: Path, project: str) -> AsyncIterator[Client]:
    """Return a client with the administrator's certificate, and as many connections as it takes."""
    configuration = Configuration()
    await config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    context.load_cert_chain(configuration.cert_file, configuration.key_file)
    async with ClientSession(connector=TCPConnector(ssl=context, limit=0)) as session:
        yield Client(session, configuration.host, project)


async def in_turns(send: Send, ways: Mapping[str, Way], clients: int, rounds: int, each: int) -> dict[str, Took]:
    """Return how long requests took, by way; a first round is for the connections and does not count.

    Args:
        send: sends one.
        ways: in which the workloads are admitted.
        clients: how many requests are under way at a time.
        rounds: how often every way takes its turn.
        each: how many requests every client sends in a turn.
    """
    took = {way: Took() for way in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            taken = took[name] if number else Took()
            before = way.cpu()
            await _burst(partial(send, way), clients, each, taken)
            after = way.cpu()
            taken.cpu += after[0] - before[0]
            taken.server += after[1] - before[1]
    return took


def _cpu(process: psutil.Process | None) -> float:
    """Return the processor's time that a process has taken so far, nothing for none."""
    return sum(process.cpu_times()[:2]) if process else 0.0


async def _burst(send_one: Callable[[], Awaitable[None]], clients: int, each: int, took: Took) -> None:
    """Have clients send requests, each one after the other."""

    async def one() -> None:
        for _ in range(each):
            begin = time.perf_counter()
            await send_one()
            took.each.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(clients)))
    took.all += time.perf_counter() - begin


async def side_by_side(sends: Iterable[Awaitable[None]], width: int) -> None:
    """Await all of some requests, so many at a time."""
    waiting = iter(sends)

    async def some() -> None:
        for each in waiting:
            await each

    await asyncio.gather(*(some() for _ in range(width)))
