"""How much admission costs: ``python -m bench``, or ``make bench-admission``. Numbers of one machine and one run.

The floor is printed beside ours: the same requests without a webhook, and with handlers that answer and do nothing.
Everything is a dry run, so nothing is stored and no controller follows.
"""

import argparse
import asyncio
import base64
import json
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import trustme
from aiohttp import ClientSession, TCPConnector, web
from kubernetes.aio import config
from kubernetes.aio.client import Configuration

from builders import manifest, workload
from cluster import Cluster, interrupts
from cluster.record import free_port
from cluster.rest import Rest
from cluster.waiting import until
from environment_operator.api import names

Object = dict[str, Any]
ENVIRONMENTS = f"/apis/{names.API_VERSION}/{names.PLURAL}"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
PROJECT, NAME, EMPTY = "bench", "bench", "bench.example.org/empty"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{PROJECT}/deployments"
DRY = "dryRun=All&fieldManager=bench"
AT_ONCE = 8


@dataclass(frozen=True)
class Result:
    """What one series took: milliseconds one after the other, and requests a second side by side."""

    p50: float
    p99: float
    rate: float


@dataclass(frozen=True)
class Request:
    """What is sent again and again; the number makes each one different."""

    method: str
    path: str
    body: Callable[[int], Object]
    content: str = "application/json"


class Client:
    """Sends requests over kept connections."""

    def __init__(self, session: ClientSession, server: str) -> None:
        self._session, self._server, self._numbers = session, server, count()

    async def send(self, request: Request) -> None:
        """Send one request; anything but success ends the measurement."""
        body = json.dumps(request.body(next(self._numbers)))
        headers = {"Content-Type": request.content}
        url = f"{self._server}{request.path}"
        async with self._session.request(request.method, url, data=body, headers=headers) as reply:
            text = await reply.text()
            if not reply.ok:
                raise SystemExit(f"{request.method} {request.path}: {reply.status} {text[:500]}")

    async def measure(self, request: Request, rounds: int) -> Result:
        """Send requests one after the other, then several at once."""
        for _ in range(rounds // 5):
            await self.send(request)
        took = [await _timed(self.send, request) for _ in range(rounds)]
        begin = time.perf_counter()
        await asyncio.gather(*(self._some(request, rounds // AT_ONCE) for _ in range(AT_ONCE)))
        rate = rounds // AT_ONCE * AT_ONCE / (time.perf_counter() - begin)
        cuts = quantiles(took, n=100)
        return Result(cuts[49] * 1000, cuts[98] * 1000, rate)

    async def _some(self, request: Request, rounds: int) -> None:
        """Send some requests one after the other."""
        for _ in range(rounds):
            await self.send(request)


async def _timed(send: Callable[[Request], Awaitable[None]], request: Request) -> float:
    """Return how many seconds a request takes."""
    begin = time.perf_counter()
    await send(request)
    return time.perf_counter() - begin


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def pods(labels: Object) -> Request:
    """Return the creation of Pods with some labels."""

    def body(number: int) -> Object:
        pod = workload("Pod", f"p{number}", PROJECT)
        pod["metadata"]["labels"] = labels
        return pod

    return Request("POST", f"/api/v1/namespaces/{PROJECT}/pods?{DRY}", body)


def updates(name: str) -> Request:
    """Return changes of the template of a Deployment."""

    def body(number: int) -> Object:
        container = {"name": "main", "env": [{"name": "NUMBER", "value": str(number)}]}
        return {"spec": {"template": {"spec": {"containers": [container]}}}}

    return Request("PATCH", f"{DEPLOYMENTS}/{name}?{DRY}", body, "application/strategic-merge-patch+json")


async def empty(certificate: Path, port: int) -> None:
    """Serve handlers that allow everything, until killed."""

    async def allow(request: web.Request) -> web.Response:
        review = await request.json()
        response = {"uid": review["request"]["uid"], "allowed": True}
        return web.json_response({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})

    app = web.Application()
    app.router.add_post("/{any}", allow)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=120)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    await asyncio.Event().wait()


@asynccontextmanager
async def empty_handlers(rest: Rest) -> AsyncIterator[None]:
    """Have the API server call handlers that do nothing, in a process of their own as ours are."""
    authority, port = trustme.CA(), free_port()
    with TemporaryDirectory() as folder:
        certificate = Path(folder, "pair.pem")
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        arguments = [sys.executable, "-m", "bench", "--empty", str(certificate), "--port", str(port)]
        process = await asyncio.create_subprocess_exec(*arguments)
        try:
            with _called(rest, f"https://127.0.0.1:{port}", authority):
                yield
        finally:
            process.terminate()
            await process.wait()


@contextmanager
def _called(rest: Rest, url: str, authority: trustme.CA) -> Iterator[None]:
    """Configure the two webhooks for Pods and Deployments with the label."""
    bundle = base64.b64encode(authority.cert_pem.bytes()).decode()
    for kind in ("Mutating", "Validating"):
        entry = {
            "name": "empty.bench.example.org",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": f"{url}/{kind.lower()}", "caBundle": bundle},
            "objectSelector": {"matchExpressions": [{"key": EMPTY, "operator": "Exists"}]},
            "sideEffects": "None",
            "rules": [
                {"apiGroups": ["", "apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                 "resources": ["pods", "deployments"]},
            ],
        }  # fmt: skip
        head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": f"{kind}WebhookConfiguration"}
        body = {**head, "metadata": {"name": "bench"}, "webhooks": [entry]}
        assert rest.create(f"{ADMISSION}/{kind.lower()}webhookconfigurations", body).ok
    yield
    for kind in ("mutating", "validating"):
        rest.delete(f"{ADMISSION}/{kind}webhookconfigurations/bench")


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Client]:
    """Return a client with the administrator's certificate."""
    configuration = Configuration()
    await config.load_kube_config(str(path), client_configuration=configuration)
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    context.load_cert_chain(configuration.cert_file, configuration.key_file)
    async with ClientSession(connector=TCPConnector(ssl=context)) as session:
        yield Client(session, configuration.host)


async def measure(client: Client, rounds: int, title: str, label: Object, deployment: str) -> None:
    """Measure the creation of Pods and the change of a template, and print a line for each."""
    for what, request in (("CREATE", pods(label)), ("UPDATE", updates(deployment))):
        result = await client.measure(request, rounds)
        say(f"{title:28} {what:7} {result.p50:7.2f} {result.p99:7.2f} {result.rate:7.0f}")


def _numbered(number: int, _: int) -> Object:
    """Return an Environment that nobody uses."""
    return manifest(f"bench-{number:05}")


async def fill(client: Client, first: int, last: int) -> None:
    """Create Environments that nobody uses."""
    numbers = iter(range(first, last))

    async def some() -> None:
        for each in numbers:
            await client.send(Request("POST", ENVIRONMENTS, partial(_numbered, each)))

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def prepare(rest: Rest) -> None:
    """Create the project, an Environment, and a Deployment for each way."""
    rest.create("/api/v1/namespaces", {"metadata": {"name": PROJECT}})
    account = f"/api/v1/namespaces/{PROJECT}/serviceaccounts/default"
    until("the default account", lambda: rest.get(account).ok)
    overridable = ["Command", "Args", "Env"]
    assert rest.create(ENVIRONMENTS, manifest(NAME, env=[{"name": "A", "value": "1"}], overridable=overridable)).ok
    for name, labels in (("free", {}), ("empty", {EMPTY: "yes"}), ("ours", {names.REFERENCE: NAME})):
        deployment = workload("Deployment", name, PROJECT)
        deployment["metadata"]["labels"] = labels
        deployment["spec"]["replicas"] = 0
        reply = rest.create(DEPLOYMENTS, deployment)
        assert reply.ok, reply.message


def run(rounds: int, environments: int) -> None:
    """Measure every way on a cluster of its own, of which nothing is left."""
    with (
        TemporaryDirectory() as folder,
        interrupts.started(Cluster(directory=Path(folder, "cluster"), report=say)) as cluster,
    ):
        asyncio.run(series(cluster, rounds, environments))


async def series(cluster: Cluster, rounds: int, environments: int) -> None:
    """Measure every way on a cluster."""
    rest = Rest(cluster.kubeconfig)
    prepare(rest)
    say(f"{'milliseconds':28} {'':7} {'p50':>7} {'p99':>7} {'a second':>7}")
    async with connected(cluster.kubeconfig) as client:
        await measure(client, rounds, "no webhook", {}, "free")
        async with empty_handlers(rest):
            until("the handlers to be called", lambda: rest.create(pods({}).path, _probe()).ok)
            await measure(client, rounds, "handlers that do nothing", {EMPTY: "yes"}, "empty")
        await fill(client, 0, 9)
        await measure(client, rounds, "ours, 10 Environments", {names.REFERENCE: NAME}, "ours")
        await fill(client, 9, environments - 1)
        await measure(client, rounds, f"ours, {environments:,} Environments", {names.REFERENCE: NAME}, "ours")
    rest.close()


def _probe() -> Object:
    """Return a Pod that the empty handlers are asked about."""
    return pods({EMPTY: "yes"}).body(0)


def main() -> int:
    """Measure, or serve the empty handlers; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000, help="requests in a series")
    parser.add_argument("--environments", type=int, default=10_000, help="how many there are in the last series")
    parser.add_argument("--empty", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.empty:
        asyncio.run(empty(given.empty, given.port))
        return 0
    interrupts.heed()
    try:
        run(given.rounds, given.environments)
    except KeyboardInterrupt as interruption:
        say("interrupted; nothing is left running")
        return interrupts.SIGNAL_EXIT + int(interruption.args[0] if interruption.args else 2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
