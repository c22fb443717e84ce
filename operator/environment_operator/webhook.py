"""The admission server: everything that `admission` needs, brought to it, and its answers sent back."""

import asyncio
import logging
import secrets
import signal
import string
from collections.abc import Awaitable, Callable
from datetime import timedelta

from aiohttp import web

from environment_operator import admission, names, probes, webhooks
from environment_operator.catalog import Catalog, publish
from environment_operator.certificates import Terms
from environment_operator.cluster import ENVIRONMENTS, Cluster
from environment_operator.errors import ApiError, NotFound
from environment_operator.inject import Published
from environment_operator.metrics import ADMISSION_TIME, ADMISSIONS
from environment_operator.metrics import ENVIRONMENTS as ENVIRONMENTS_GAUGE
from environment_operator.reflector import Reflector
from environment_operator.rotation import Certificates
from environment_operator.settings import Settings

logger = logging.getLogger(__name__)

LARGEST = 8 * 2**20
_TOKEN = string.ascii_lowercase + string.digits
# The API server closes idle connections after 90 s; were we to close them first, a request could meet the closing.
_KEEP_ALIVE = 120
# A new authority is trusted for so many looks of every replica before anything is signed by it.
_LOOKS = 3
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Webhook:
    """The role that fills workloads in.

    Args:
        cluster: the API server.
        settings: the settings.
    """

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._cluster, self._settings, self._table = cluster, settings, settings.kinds()
        self.catalog = Catalog()
        self._mirror = Reflector(
            cluster, names.CRD_NAME, ENVIRONMENTS, self.catalog, whole=True, longest=settings.retry_seconds
        )
        terms = Terms(
            hosts=settings.hosts,
            certificate=timedelta(seconds=settings.certificate_seconds),
            authority=timedelta(seconds=settings.authority_seconds),
            settle=timedelta(seconds=settings.certificate_check_seconds * _LOOKS),
        )
        self._certificates = Certificates(cluster, terms, settings.certificate_check_seconds)
        self._listening, self._stopping = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Serve until a signal comes; go on for a while after it, until nobody sends new requests here."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)
        async with asyncio.TaskGroup() as tasks, probes.serve(self._settings, self._why_not_ready):
            parts = [tasks.create_task(p) for p in (self._mirror.run(), self._certificates.run(), self._serve())]
            await self._stopping.wait()
            if self._listening.is_set():
                await asyncio.sleep(self._settings.drain_seconds)
            for part in parts:
                part.cancel()

    def _why_not_ready(self) -> str:
        """Return why requests had better go elsewhere, empty when they may come."""
        if self._stopping.is_set():
            return "stopping"
        if not self._listening.is_set():
            return "no certificate yet"
        return "" if self._mirror.listed else f"{self._mirror.name} are {self._mirror.state}, {self._mirror.why}"

    async def _serve(self) -> None:
        """Answer requests as soon as there is a certificate, until cancelled; those under way are finished."""
        await self._certificates.settled.wait()
        runner = web.AppRunner(self.application(), access_log=None, keepalive_timeout=_KEEP_ALIVE, shutdown_timeout=5)
        await runner.setup()
        host, port = self._settings.https_host, self._settings.https_port
        try:
            await web.TCPSite(runner, host, port, ssl_context=self._certificates.context).start()
            self._listening.set()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    def application(self) -> web.Application:
        """Return the application, to be served with TLS."""
        app = web.Application(client_max_size=LARGEST, middlewares=[_guarded])
        app.router.add_post(webhooks.PATH, self._mutate)
        return app

    async def _mutate(self, request: web.Request) -> web.Response:
        """Answer one AdmissionReview."""
        with ADMISSION_TIME.time():
            review = admission.read(await request.read())
            found = await self._found(review)
            answer = admission.answer(review, self._table, found.get, _token())
        ADMISSIONS.labels(answer.result).inc()
        ENVIRONMENTS_GAUGE.set(len(self.catalog))
        return web.json_response(answer.review)

    async def _found(self, review: admission.Request) -> dict[str, Published]:
        """Return the Environments that the request refers to and that exist."""
        found = {name: self.catalog.find(name) or await self._ask(name) for name in admission.wanted(review)}
        return {name: published for name, published in found.items() if published}

    async def _ask(self, name: str) -> Published | None:
        """Return an Environment that is not known here: it may have been created a moment ago."""
        try:
            live = await self._cluster.get(f"{ENVIRONMENTS}/{name}")
        except NotFound:
            return None
        meta, exists = live["metadata"], self.catalog.__contains__
        terminating = "deletionTimestamp" in meta
        return publish(name, meta["generation"], live["spec"], exists, terminating=terminating)


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what goes wrong with an HTTP error, after which the failure policy decides; details go to the log."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except admission.Malformed as error:
        ADMISSIONS.labels("malformed").inc()
        return web.Response(status=400, text=f"{error}\n")
    except ApiError as error:
        ADMISSIONS.labels("error").inc()
        logger.warning("an Environment could not be read for admission: %s", error)
        return web.Response(status=503, text="the Environment could not be read from the API server: try again\n")
    except Exception:
        ADMISSIONS.labels("error").inc()
        logger.exception("this is a mistake in the operator, please report it")
        return web.Response(status=500, text="the operator failed to judge this request: its log says why\n")


def _token() -> str:
    """Return 8 characters that name a workload."""
    return "".join(secrets.choice(_TOKEN) for _ in range(8))
