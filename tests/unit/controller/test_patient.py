"""When all Environments are listed, by what kopf's requests are answered."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientConnectionError, ClientSession, web
from aiohttp.test_utils import BaseTestServer, TestServer

from environment_operator.controller import kopf_handlers
from environment_operator.kube.client import ENVIRONMENTS

LIST = ENVIRONMENTS
WATCH = f"{LIST}?watch=true"


class Requests:
    """Requests as kopf sends them, to a server that may be away, and how often Environments were to be listed.

    Args:
        server: the server.
    """

    def __init__(self, server: BaseTestServer) -> None:
        self.listed, self.away = 0, False
        self.session = ClientSession(str(server.make_url("/")), middlewares=[kopf_handlers.patient(self.count)])

    def count(self) -> None:
        """Take in that Environments are to be listed."""
        self.listed += 1

    async def __call__(self, path: str) -> int:
        """Send one; return how often Environments were to be listed so far."""
        async with self.session.get(path) as reply:
            await reply.read()
        return self.listed


@pytest.fixture
async def requests() -> AsyncIterator[Requests]:
    """Return requests to a server that answers everything with an empty object."""

    async def answer(request: web.Request) -> web.Response:
        if made.away and request.transport:
            request.transport.close()
        return web.json_response({})

    application = web.Application()
    application.router.add_get("/{any:.*}", answer)
    async with TestServer(application) as server:
        made = Requests(server)
        async with made.session:
            yield made


async def test_a_list_comes_first(requests: Requests) -> None:
    """They are listed when kopf begins to watch, and when it begins anew."""
    assert [1, 1, 2] == [await requests(path) for path in (LIST, WATCH, LIST)]


async def test_a_watch_that_ended_before_its_time(requests: Requests) -> None:
    """They are listed once another watch is there."""
    assert [1, 1, 2] == [await requests(path) for path in (LIST, WATCH, WATCH)]


async def test_a_watch_that_ended_in_time(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not listed: nothing was missed."""
    monkeypatch.setattr(kopf_handlers, "_WATCH_SECONDS", 1)

    assert [1, 1, 1] == [await requests(path) for path in (LIST, WATCH, WATCH)]


async def test_a_server_that_is_away_meanwhile(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are listed also where it is away for longer than the watch would have gone on."""
    monkeypatch.setattr(kopf_handlers, "_WATCH_SECONDS", 1.2)
    await requests(LIST)
    await requests(WATCH)
    over = time.monotonic() + 0.2
    requests.away = True
    with pytest.raises(ClientConnectionError):
        await requests(WATCH)
    requests.away = False
    await asyncio.sleep(over - time.monotonic())

    assert 2 == await requests(WATCH)
