"""The admission server: everything that `admission` needs, brought to it, and its answers sent back."""

import asyncio
import gc
import logging
import re
import signal
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta

from aiohttp import web
from aiohttp.typedefs import Middleware
from pydantic_core import to_json

from environment_operator import health, timing
from environment_operator.admission import lookups, project_defaults, review
from environment_operator.admission.certificate_rotation import Certificates
from environment_operator.admission.certificates import Terms
from environment_operator.admission.given_certificate import GivenCertificate
from environment_operator.admission.review import Stage
from environment_operator.api import names
from environment_operator.injection import messages
from environment_operator.injection.context import Object, Refusal
from environment_operator.kube.client import Cluster
from environment_operator.kube.errors import INTERNAL_ERROR, ApiError
from environment_operator.metrics import ADMISSION_TIME, ADMISSIONS
from environment_operator.settings import Settings, listening

logger = logging.getLogger(__name__)

LARGEST = 8 * 2**20
# How many objects are made before the collector runs.
_ALLOCATED = 50_000
# The API server closes idle connections after 90 s; were we to close them first, a request could meet the closing.
_KEEP_ALIVE = 120
_QUOTED = re.compile('".*"', re.DOTALL)
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
        self._settings = settings
        self._table = {kind.name: kind for kind in settings.kinds()}
        self._kinds = {*self._table, names.CRD_NAME}
        self.lookups = lookups.Lookups(cluster, settings, self._table)
        self._certificates = _certificates(cluster, settings)
        self._listening, self._stopping = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Serve until a signal comes; go on for a while after it, until nobody sends new requests here."""
        # What a large review is decoded to has no cycles; looking for some while it is made takes twice the time.
        gc.set_threshold(_ALLOCATED)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)
        async with asyncio.TaskGroup() as tasks, health.serve(self._settings, self._why_not_ready):
            parts = [tasks.create_task(run()) for run in self._parts]
            await self._stopping.wait()
            if self._listening.is_set():
                await asyncio.sleep(timing.DRAIN_SECONDS)
            for part in parts:
                part.cancel()

    @property
    def _parts(self) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
        """What runs side by side."""
        return *self.lookups.parts, self._certificates.run, self._serve

    def _why_not_ready(self) -> str:
        """Return why requests had better go elsewhere, empty when they may come."""
        if self._stopping.is_set():
            return "stopping"
        if not self._listening.is_set():
            return "no certificate yet"
        return self.lookups.missing

    async def _serve(self) -> None:
        """Answer requests as soon as there is a certificate, until cancelled; those under way are finished."""
        await self._certificates.settled.wait()
        application = self.application(self._available)
        runner = web.AppRunner(application, access_log=None, keepalive_timeout=_KEEP_ALIVE, shutdown_timeout=5)
        await runner.setup()
        at = listening(self._settings.https_address)
        try:
            await web.TCPSite(runner, *at, ssl_context=self._certificates.context).start()
            self._listening.set()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    def application(self, *outer: Middleware) -> web.Application:
        """Return the application, to be served with TLS; every request passes through some middlewares first."""
        app = web.Application(client_max_size=LARGEST, middlewares=[*outer, _guarded])
        app.router.add_post(names.MUTATE, self._mutate)
        app.router.add_post(names.VALIDATE, self._validate)
        app.router.add_post(names.DEFAULT, self._default)
        return app

    @web.middleware
    async def _available(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer while everything is known, and after a signal, too; then have the caller look for another replica.

        The API server sends a call again that is answered with ``Retry-After``, ten times at most:
        https://pkg.go.dev/k8s.io/client-go/rest#Request.MaxRetries
        """
        why = self._why_not_ready()
        if why and not self._stopping.is_set():
            ADMISSIONS.labels(_which(request), "", "unavailable", "").inc()
            response: web.StreamResponse = web.Response(status=503, text=f"{why}\n", headers={"Retry-After": "1"})
        else:
            response = await handler(request)
        if why:
            response.force_close()
        return response

    async def _mutate(self, request: web.Request) -> web.Response:
        """Answer one AdmissionReview with what the object is to become."""
        return await self._answered(request, review.MUTATE)

    async def _validate(self, request: web.Request) -> web.Response:
        """Answer one AdmissionReview with whether the object may be stored, by what the API server has now."""
        return await self._answered(request, review.VALIDATE)

    async def _default(self, request: web.Request) -> web.Response:
        """Answer one AdmissionReview with whether the workload is to refer to its project's default Environment.

        An HTTP error leaves the workload as it is: nothing is refused here.
        """
        with ADMISSION_TIME.labels(project_defaults.CALL).time():
            deadline = asyncio.get_running_loop().time() + lookups.SECONDS
            try:
                sent = review.read(await _body(request))
                name = await self.lookups.default_environment(sent.namespace, deadline)
                around = await self.lookups.around(project_defaults.referring(sent, name), review.MUTATE, deadline)
            except review.TooLarge as large:
                raise web.HTTPUnprocessableEntity(text=f"{large}\n") from large
            except TimeoutError as late:
                raise web.HTTPServiceUnavailable(text=f"{messages.too_late(lookups.SECONDS)}\n") from late
            kind = sent.name if sent.name in self._kinds else "other"
            return _response(project_defaults.CALL, kind, project_defaults.defaulted(sent, name, self._table, around))

    async def _answered(self, request: web.Request, stage: Stage) -> web.Response:
        """Answer one AdmissionReview; everything that is asked for it has one deadline, before the API server gives up.

        Args:
            request: the call.
            stage: which of the two webhooks is called.
        """
        with ADMISSION_TIME.labels(stage).time():
            deadline = asyncio.get_running_loop().time() + lookups.SECONDS
            try:
                sent = review.read(await _body(request))
            except review.TooLarge as large:
                answer = review.refused(large.uid, str(large), Refusal.TOO_LARGE)
                _log_refusal(answer, {})
                return _response(stage, "", answer)
            try:
                around = await self.lookups.around(sent, stage, deadline)
            except TimeoutError:
                answer = review.refused(sent.uid, messages.too_late(lookups.SECONDS), Refusal.TIMEOUT)
            else:
                answer = review.decided(sent, self._table, around, stage)
            if answer.result == "refused":
                _log_refusal(answer, _about(sent))
            return _response(stage, sent.name if sent.name in self._kinds else "other", answer)


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what goes wrong with an HTTP error, after which the failure policy decides; details go to the log."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except review.Malformed as error:
        ADMISSIONS.labels(_which(request), "", "malformed", "").inc()
        return web.Response(status=400, text=f"{error}\n")
    except ApiError as error:
        ADMISSIONS.labels(_which(request), "", "error", "").inc()
        logger.warning("admission failed, an Environment could not be read: %s", error)
        return web.Response(status=503, text="the Environment could not be read from the API server. Try again.\n")
    except Exception:
        ADMISSIONS.labels(_which(request), "", "error", "").inc()
        logger.exception(INTERNAL_ERROR, "an admission request failed")
        return web.Response(status=500, text=INTERNAL_ERROR % "its log has the details\n")


async def _body(request: web.Request) -> bytes:
    """Return the body of a request.

    The API server shows nobody the text of an HTTP error, so what is too long to be read is refused by its uid.

    Raises:
        TooLarge: it is longer than `LARGEST`.
        HTTPRequestEntityTooLarge: it is, and its beginning is that of no AdmissionReview.
    """
    length = request.content_length or 0
    if length <= LARGEST:
        return await request.read()
    if uid := review.uid(await request.content.readexactly(review.HEAD)):
        raise review.TooLarge(uid, f"{LARGEST} bytes of JSON")
    raise web.HTTPRequestEntityTooLarge(LARGEST, length)


def _which(request: web.Request) -> str:
    """Return which of the two webhooks a request is for."""
    return request.path.strip("/")


def _log_refusal(answer: review.Answer, about: Object) -> None:
    """Log that a request was refused, and what is known of it; what it had in quotes may be anybody's secret."""
    message = answer.review["response"]["status"]["message"]
    logger.info("admission refused a request", extra={**about, "reason": _QUOTED.sub('"…"', message)})


def _about(sent: review.Request) -> Object:
    """Return the fields of the log that say what a request is about, and whose it is."""
    meta = (sent.new or {}).get("metadata") or {}
    return {
        "environment": (meta.get("labels") or {}).get(names.REFERENCE, ""),
        "namespace": sent.namespace,
        "kind": sent.name,
        "object_name": meta.get("name") or meta.get("generateName", ""),
        "uid": meta.get("uid", ""),
        "user": sent.user.username,
    }


def _response(which: str, kind: str, answer: review.Answer) -> web.Response:
    """Return an answer as HTTP has it, counted."""
    ADMISSIONS.labels(which, kind, answer.result, answer.reason).inc()
    return web.Response(body=to_json(answer.review), content_type="application/json")


def _certificates(cluster: Cluster, settings: Settings) -> Certificates | GivenCertificate:
    """Return what keeps the TLS context: with the certificate that was given, else with one of our own."""
    pause, clients = timing.CERTIFICATE_CHECK_SECONDS, settings.https_client_ca
    if settings.https_certificate:
        return GivenCertificate(settings.https_certificate, pause, clients)
    terms = Terms(
        hosts=(),
        certificate=timedelta(seconds=timing.CERTIFICATE_SECONDS),
        authority=timedelta(seconds=timing.AUTHORITY_SECONDS),
        settle=timedelta(seconds=pause * _LOOKS),
    )
    return Certificates(cluster, terms, pause, clients)
