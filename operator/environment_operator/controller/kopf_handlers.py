"""The kopf side: credentials, and Environments as they change. Nothing is decided here.

kopf is used for what it is good at, the life cycle of a process and the watch of one kind of our own. It is
never asked to handle creation, update or deletion: those handlers would write kopf's finalizer, its progress
and a copy of the spec into annotations. ``on.event`` writes nothing.

Nor does it list: a list by kopf never shows what is gone, and costs a millisecond an object. It gets an empty one, of
which it needs the version to watch from, and what it would have listed is listed by the audit.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

import aiohttp
import kopf

from environment_operator.api import names
from environment_operator.controller.cache import World
from environment_operator.kube.client import ENVIRONMENTS, Cluster

# Where kopf looks for our kind when it starts.
_GROUPS = "/apis"
_KINDS = f"/apis/{names.API_VERSION}"
# A selector that no object matches.
_NOTHING = f"{names.REFERENCE},!{names.REFERENCE}"
# How long the API server keeps a watch. It ends one before its time when the definition changes: what that one brought
# in its last second or more lacks the fields of the new definition, and no event follows.
_WATCH_SECONDS = 290


class Endless:
    """Pauses between tries that never run out: a server that is away ends no process."""

    def __iter__(self) -> Iterator[float]:
        """Yield 1, 2, 4, 8 and then 10 seconds for ever."""
        return itertools.chain((1.0, 2.0, 4.0, 8.0), itertools.repeat(10.0))


class _Nothing(kopf.DiffBaseStorage):
    """What kopf compares objects by, for handlers of changes: nothing, since there are none. It would copy each."""

    def build(self, *, body: kopf.Body, extra_fields: Iterable[kopf.FieldSpec] | None = None) -> kopf.BodyEssence:  # noqa: ARG002
        """Return what there is to compare."""
        return {}

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:  # noqa: ARG002
        """Return what was there before."""
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Keep nothing."""


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings, each set on purpose."""
    out = kopf.OperatorSettings()
    # Never written, since there are no handlers that need it, but kopf removes what carries this name.
    out.persistence.finalizer = f"{names.GROUP}/kopf"
    out.persistence.diffbase_storage = _Nothing()
    out.posting.enabled = False
    out.peering.standalone = True
    # Few workers at a time and no idle ones bound the memory that many events take;
    # a limit without the short idle time lets only a few objects through a second.
    out.queueing.worker_limit = 200
    out.queueing.idle_timeout = 0.05
    # The kind is looked for once, until it is there.
    out.scanning.disabled = True
    out.watching.connect_timeout = 10
    out.watching.server_timeout = _WATCH_SECONDS
    out.networking.request_timeout = 30
    out.networking.error_backoffs = Endless()
    out.process.ultimate_exiting_timeout = 20
    return out


def patient(watched: Callable[[], object]) -> aiohttp.ClientMiddlewareType:
    """Return what a request of kopf's passes through.

    One that fails because Environments are not served counts as unanswered, which kopf tries again until they are. Else
    it would end when the definition is deleted, and overlook one that is there a moment earlier than the API server's
    list of kinds says so.

    Args:
        watched: is called when all Environments are to be listed: the answer to a list, an empty one, is there, and
            kopf watches from then on; or a watch is there after one that ended before its time.
    """
    ends, early = 0.0, False

    async def send_patiently(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        nonlocal ends, early
        ours, watches = request.url.path == ENVIRONMENTS, "watch" in request.url.query
        if ours and not watches:
            request.url = request.url.update_query(labelSelector=_NOTHING)
        early = early or (ours and watches and time.monotonic() < ends)
        response = await send(request)
        if not await _served(request.url.path, response):
            response.close()
            raise aiohttp.ClientConnectionError(f"{names.CRD_NAME} is not installed")
        if ours and response.ok:
            if early or not watches:
                watched()
            ends, early = time.monotonic() + _WATCH_SECONDS - 1 if watches else 0.0, False
        return response

    return send_patiently


async def _served(path: str, response: aiohttp.ClientResponse) -> bool:
    """Return whether an answer shows Environments; one that has nothing to do with them does."""
    if path in {_KINDS, ENVIRONMENTS} and response.status == HTTPStatus.NOT_FOUND:
        return False
    if path == _GROUPS and response.ok:
        return names.GROUP in {group["name"] for group in (await response.json())["groups"]}
    if path == _KINDS and response.ok:
        return names.PLURAL in {kind["name"] for kind in (await response.json())["resources"]}
    return True


def registry(cluster: Cluster, world: World, watched: Callable[[], object]) -> kopf.OperatorRegistry:
    """Return the handlers: how to log in, and where Environments are passed on to.

    Args:
        cluster: the API server.
        world: what is known.
        watched: as for `patient`.
    """
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=cluster.server, aiohttp_session=cluster.session(patient(watched)))

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=handlers)
    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        if event["type"] == "DELETED":
            world.delete(event["object"]["metadata"]["name"])
        else:
            world.update(event["object"])

    return handlers
