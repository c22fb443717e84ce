"""The kopf side: credentials, and Environments as they change. Nothing is decided here.

kopf is used for what it is good at, the life cycle of a process and the watch of one kind of our own. It is
never asked to handle creation, update or deletion: those handlers would write kopf's finalizer, its progress
and a copy of the spec into annotations. ``on.event`` writes nothing.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import kopf

from environment_operator import names
from environment_operator.cluster import Cluster
from environment_operator.state import World


class Endless:
    """Pauses between tries that never run out: a server that is away ends no process."""

    def __iter__(self) -> Iterator[float]:
        """Yield 1, 2, 4, 8 and then 10 seconds for ever."""
        return itertools.chain((1.0, 2.0, 4.0, 8.0), itertools.repeat(10.0))


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings, each set on purpose."""
    out = kopf.OperatorSettings()
    # Never written, since there are no handlers that need it, but kopf removes whatever carries this name.
    out.persistence.finalizer = f"{names.GROUP}/kopf"
    out.posting.enabled = False
    out.peering.standalone = True
    # A list in pages, few workers at a time and no idle ones bound the memory of the first list;
    # a limit without the short idle time lets only a few objects through a second.
    out.watching.chunk_size = 500
    out.queueing.worker_limit = 200
    out.queueing.idle_timeout = 0.05
    out.watching.connect_timeout = 10
    out.watching.server_timeout = 290
    out.networking.request_timeout = 30
    out.networking.error_backoffs = Endless()
    out.process.ultimate_exiting_timeout = 20
    return out


def registry(cluster: Cluster, world: World) -> kopf.OperatorRegistry:
    """Return the handlers: how to log in, and where to tell of Environments."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=cluster.server, aiohttp_session=cluster.session())

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=handlers)
    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        if event["type"] == "DELETED":
            world.miss(event["object"]["metadata"]["name"])
        else:
            world.see(event["object"])

    return handlers
