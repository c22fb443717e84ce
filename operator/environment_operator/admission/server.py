"""The admission server: everything that `admission` needs, brought to it, and its answers sent back."""

import asyncio
import gc
import logging
import secrets
import signal
import string
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import timedelta

from aiohttp import web

from environment_operator import health, timing
from environment_operator.admission import review
from environment_operator.admission.certificate_rotation import Certificates
from environment_operator.admission.certificates import Terms
from environment_operator.admission.lookups import PullSecrets
from environment_operator.admission.vacancies import Vacancies
from environment_operator.api import names
from environment_operator.injection import messages
from environment_operator.injection.context import Project, Published, RequestContext
from environment_operator.injection.environment_cache import Catalog, publish
from environment_operator.injection.identity import Keys
from environment_operator.kube.client import ENVIRONMENTS, Cluster
from environment_operator.kube.errors import INTERNAL_ERROR, ApiError, NotFound
from environment_operator.kube.informer import Informer
from environment_operator.kube.objects import invalid_fragment
from environment_operator.metrics import ADMISSION_TIME, ADMISSIONS
from environment_operator.metrics import ENVIRONMENTS as ENVIRONMENTS_GAUGE
from environment_operator.settings import Settings
from environment_operator.spec.projects import ProjectIndex, ProjectSink
from environment_operator.spec.server_validator import Validator

logger = logging.getLogger(__name__)

LARGEST = 8 * 2**20
# How many objects are made before the collector looks at them.
_ALLOCATED = 50_000
_TOKEN = string.ascii_lowercase + string.digits
# The API server closes idle connections after 90 s; were we to close them first, a request could meet the closing.
_KEEP_ALIVE = 120
# A new authority is trusted for so many looks of every replica before anything is signed by it.
_LOOKS = 3
# The API server gives up after the timeout of the webhook, and then nobody says why.
_DEADLINE = names.WEBHOOK_SECONDS - 1
# And what the API server has to say of the pods of an Environment, which is only a warning.
_VALIDATION = 2.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LookUp = Callable[[review.Request], Awaitable[RequestContext]]
Decide = Callable[[review.Request, review.Table, RequestContext, Keys], review.Answer]


class Webhook:
    """The role that fills workloads in.

    Args:
        cluster: the API server.
        settings: the settings.
    """

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        self._cluster, self._settings = cluster, settings
        self._table = {kind.name: kind for kind in settings.kinds()}
        self._keys = Keys(settings.uid_key, settings.gid_key, settings.groups_key)
        self.catalog, self._projects = Catalog(), ProjectIndex()
        self._mirror = Informer(
            cluster, names.CRD_NAME, self.catalog, ENVIRONMENTS, whole=True, longest=timing.RETRY_SECONDS
        )
        self._namespaces = Informer(
            cluster, "namespaces", ProjectSink(self._projects), "/api/v1/namespaces", longest=timing.RETRY_SECONDS
        )
        self._pull_secrets = PullSecrets(
            cluster, self._table, timing.RETRY_SECONDS, published=settings.registry_credentials
        )
        terms = Terms(
            hosts=settings.hosts,
            certificate=timedelta(seconds=timing.CERTIFICATE_SECONDS),
            authority=timedelta(seconds=timing.AUTHORITY_SECONDS),
            settle=timedelta(seconds=timing.CERTIFICATE_CHECK_SECONDS * _LOOKS),
        )
        self._certificates = Certificates(cluster, terms, timing.CERTIFICATE_CHECK_SECONDS, settings.https_client_ca)
        self._vacancies, self._validator = Vacancies(cluster), Validator(cluster, settings.node_ports)
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
        mirrors = self._mirror.run, self._namespaces.run, *self._pull_secrets.parts
        return *mirrors, self._certificates.run, self._serve

    def _why_not_ready(self) -> str:
        """Return why requests had better go elsewhere, empty when they may come."""
        if self._stopping.is_set():
            return "stopping"
        if not self._listening.is_set():
            return "no certificate yet"
        if not self._pull_secrets.settled:
            return "registry credentials are not listed yet"
        missing = next((r for r in (self._mirror, self._namespaces) if not r.listed), None)
        return missing.in_words if missing else ""

    async def _serve(self) -> None:
        """Answer requests as soon as there is a certificate, until cancelled; those under way are finished."""
        await self._certificates.settled.wait()
        runner = web.AppRunner(self.application(), access_log=None, keepalive_timeout=_KEEP_ALIVE, shutdown_timeout=5)
        await runner.setup()
        host, port = self._settings.host, self._settings.https_port
        try:
            await web.TCPSite(runner, host, port, ssl_context=self._certificates.context).start()
            self._listening.set()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    def application(self) -> web.Application:
        """Return the application, to be served with TLS."""
        app = web.Application(client_max_size=LARGEST, middlewares=[_guarded])
        app.router.add_post(names.MUTATE, self._mutate)
        app.router.add_post(names.VALIDATE, self._validate)
        return app

    async def _mutate(self, request: web.Request) -> web.Response:
        """Answer one AdmissionReview with what the object is to become."""
        return await self._answered(request, self._around_mutation, review.mutated)

    async def _validate(self, request: web.Request) -> web.Response:
        """Answer one AdmissionReview with whether the object may be stored, by what the API server has now."""
        return await self._answered(request, self._around_validation, review.validated)

    async def _answered(self, request: web.Request, look: LookUp, decide: Decide) -> web.Response:
        """Answer one AdmissionReview; whatever is asked for it has one deadline, before the API server gives up.

        Args:
            request: the call.
            look: finds out what is known around the review.
            decide: decides about the review.
        """
        which = _which(request)
        with ADMISSION_TIME.labels(which).time():
            deadline = asyncio.get_running_loop().time() + _DEADLINE
            try:
                sent = review.read(await _body(request))
            except review.TooLarge as large:
                return _response(which, review.refused(large.uid, str(large)))
            try:
                async with asyncio.timeout_at(deadline):
                    around = await look(sent)
            except TimeoutError:
                return _response(which, review.refused(sent.uid, messages.too_late(_DEADLINE)))
            return _response(which, decide(sent, self._table, around, self._keys))

    async def _around_mutation(self, sent: review.Request) -> RequestContext:
        """Return what is known around a request that is to be filled in, from memory as far as possible."""
        wanted = review.wanted(sent, self._table)
        cached = {name: self.catalog.find(name) for name in wanted}
        live = await self._live(*(name for name, environment in cached.items() if environment is None))
        found = {**cached, **live}
        around = replace(await self._around(sent, found), invalid=await self._invalid(sent))
        return await self._pull_secrets.known(around, sent, found)

    async def _invalid(self, sent: review.Request) -> str:
        """Return why the API server refuses the pods of an Environment that is written, in time."""
        if not (spec := review.written_spec(sent)):
            return ""
        try:
            async with asyncio.timeout(_VALIDATION):
                return (await self._validator.validate(spec)).problem
        except TimeoutError:
            return ""

    async def _around_validation(self, sent: review.Request) -> RequestContext:
        """Return what is known around a request that was filled in, from the API server."""
        found, taken = await asyncio.gather(self._live(*review.wanted(sent, self._table)), self._vacancies.taken(sent))
        return replace(await self._around(sent, found), taken=taken)

    async def _around(self, sent: review.Request, found: Mapping[str, Published | None]) -> RequestContext:
        """Return what is known around a request."""

        def as_of(name: str, generation: int) -> Published | None:
            live = found.get(name)
            return live if live and live.generation == generation else self.catalog.as_of(name, generation)

        ENVIRONMENTS_GAUGE.set(len(self.catalog))
        project = await self._project(sent.namespace) if found else Project(sent.namespace)
        known, routing = self.catalog.names(), self._settings.routing
        strict = self._settings.strict_groups
        return RequestContext(found.get, as_of, _token(), project, known=known, routing=routing, strict_groups=strict)

    async def _project(self, name: str) -> Project:
        """Return a namespace with its department; one that is not known here may have been created a moment ago."""
        if not name:
            return Project("")
        if name not in self._projects.departments:
            labels = (await self._cluster.get(f"/api/v1/namespaces/{name}"))["metadata"].get("labels") or {}
            return Project(name, labels.get(names.DEPARTMENT), labels.get(names.POD_SECURITY, ""))
        return Project(name, self._projects.departments[name], self._projects.levels[name])

    async def _live(self, *wanted: str) -> dict[str, Published | None]:
        """Return Environments as the API server has them now, asked for side by side."""
        return dict(zip(wanted, await asyncio.gather(*map(self._live_one, wanted)), strict=True))

    async def _live_one(self, name: str) -> Published | None:
        """Return an Environment as the API server has it now."""
        try:
            live = await self._cluster.get(f"{ENVIRONMENTS}/{name}")
        except NotFound:
            return None
        meta = live["metadata"]
        known = self.catalog.as_of(name, meta["generation"])
        invalid = invalid_fragment(live.get("status") or {}, meta["generation"])
        exists = self.catalog.__contains__
        made = known or publish(name, meta["generation"], live["spec"], exists, invalid=invalid)
        return replace(made, problem=review.lifecycle_problem(meta) or made.problem)


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what goes wrong with an HTTP error, after which the failure policy decides; details go to the log."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except review.Malformed as error:
        ADMISSIONS.labels(_which(request), "malformed").inc()
        return web.Response(status=400, text=f"{error}\n")
    except ApiError as error:
        ADMISSIONS.labels(_which(request), "error").inc()
        logger.warning("admission failed, an Environment could not be read: %s", error)
        return web.Response(status=503, text="the Environment could not be read from the API server. Try again.\n")
    except Exception:
        ADMISSIONS.labels(_which(request), "error").inc()
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


def _response(which: str, answer: review.Answer) -> web.Response:
    """Return an answer as HTTP has it, counted."""
    ADMISSIONS.labels(which, answer.result).inc()
    return web.json_response(answer.review)


def _token() -> str:
    """Return 8 characters that name a workload."""
    return "".join(secrets.choice(_TOKEN) for _ in range(8))
