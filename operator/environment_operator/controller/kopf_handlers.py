"""The kopf side: credentials, and Environments as they change. Nothing is decided here.

kopf is used for what it is good at, the life cycle of a process and the watch of one kind of our own. It is
never asked to handle creation, update or deletion: those handlers would write kopf's finalizer, its progress
and a copy of the spec into annotations. ``on.event`` writes nothing.
"""

import itertools
from collections.abc import Iterator
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


class Endless:
    """Pauses between tries that never run out: a server that is away ends no process."""

    def __iter__(self) -> Iterator[float]:
        """Yield 1, 2, 4, 8 and then 10 seconds for ever."""
        return itertools.chain((1.0, 2.0, 4.0, 8.0), itertools.repeat(10.0))


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings, each set on purpose."""
    out = kopf.OperatorSettings()
    # Never written, since there are no handlers that need it, but kopf removes what carries this name.
    out.persistence.finalizer = f"{names.GROUP}/kopf"
    out.posting.enabled = False
    out.peering.standalone = True
    # A list in pages, few workers at a time and no idle ones bound the memory of the first list;
    # a limit without the short idle time lets only a few objects through a second.
    out.watching.chunk_size = 500
    out.queueing.worker_limit = 200
    out.queueing.idle_timeout = 0.05
    # The kind is looked for once, until it is there.
    out.scanning.disabled = True
    out.watching.connect_timeout = 10
    out.watching.server_timeout = 290
    out.networking.request_timeout = 30
    out.networking.error_backoffs = Endless()
    out.process.ultimate_exiting_timeout = 20
    return out


async def patient(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request of kopf's; one that fails because Environments are not served counts as unanswered.

    kopf tries that again until they are. Else it would end when the definition is deleted, and overlook one that is
    there a moment earlier than the API server's list of kinds says so.
    """
    response = await send(request)
    if not await _served(request.url.path, response):
        response.close()
        raise aiohttp.ClientConnectionError(f"{names.CRD_NAME} is not installed")
    return response


async def _served(path: str, response: aiohttp.ClientResponse) -> bool:
    """Say whether an answer shows Environments; one that has nothing to do with them does."""
    if path in {_KINDS, ENVIRONMENTS} and response.status == HTTPStatus.NOT_FOUND:
        return False
    if path == _GROUPS and response.ok:
        return names.GROUP in {group["name"] for group in (await response.json())["groups"]}
    if path == _KINDS and response.ok:
        return names.PLURAL in {kind["name"] for kind in (await response.json())["resources"]}
    return True


def registry(cluster: Cluster, world: World) -> kopf.OperatorRegistry:
    """Return the handlers: how to log in, and where Environments are passed on to."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=cluster.server, aiohttp_session=cluster.session(patient))

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=handlers)
    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        if event["type"] == "DELETED":
            world.delete(event["object"]["metadata"]["name"])
        else:
            # An object of a list has no type: it is there, and need not have changed.
            world.update(event["object"], background=event["type"] is None)

    return handlers
