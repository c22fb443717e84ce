"""The path of one request through the proxy: what the rules want, then the API server."""

import asyncio
import json
import time
from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import ClientConnectorError, ClientError, ClientResponse, ClientSession, web
from yarl import URL

from cluster.active import ActiveRule
from cluster.faults import Act, After, Answer, Before, Delay, Drop, EndWatch, Half, Hold, Match, Repeat
from cluster.traffic import Exchange, Request, Traffic
from cluster.upstream import Upstream, end_to_end
from cluster.watching import OpenWatch

HOLD_POLL_SECONDS = 0.01


class Forwarder:
    """Handles every request of the proxy; lives on the proxy's event loop."""

    def __init__(self, upstream: Upstream, traffic: Traffic, rules: Sequence[ActiveRule]) -> None:
        """Keep where to forward, where to log, and the rules, which may grow and shrink."""
        self._upstream = upstream
        self._traffic = traffic
        self._rules = rules
        self._session: ClientSession | None = None
        self._watches: list[OpenWatch] = []
        self._running: set[asyncio.Task[web.StreamResponse]] = set()

    @property
    def open_watches(self) -> tuple[Request, ...]:
        """The watches that are open now."""
        return tuple(watch.request for watch in tuple(self._watches))

    async def open(self) -> None:
        """Get ready to forward."""
        self._session = self._upstream.session()

    async def close(self) -> None:
        """Give up what is under way."""
        for task in tuple(self._running):
            task.cancel()
        if self._session is not None:
            await self._session.close()

    async def end_watches(self, match: Match, end: EndWatch) -> int:
        """End the open watches that match; return how many."""
        meant = [watch for watch in self._watches if match(watch.request)]
        for watch in meant:
            watch.end(end)
        return len(meant)

    async def handle(self, incoming: web.Request) -> web.StreamResponse:
        """Answer one request.

        A client that goes away ends its watch; any other request runs to its end all the same,
        so that a killed client leaves a definite state behind.
        """
        path, _, query = incoming.raw_path.partition("?")
        request = Request(incoming.method, path, query, await incoming.read(), incoming.headers.get("Accept", ""))
        acts = [act for rule in tuple(self._rules) if (act := rule.act_on(request))]
        work = asyncio.ensure_future(self._exchange(incoming, request, acts))
        if request.watch:
            return await work
        self._running.add(work)
        work.add_done_callback(self._running.discard)
        return await asyncio.shield(work)

    async def _exchange(self, incoming: web.Request, request: Request, acts: Sequence[Act]) -> web.StreamResponse:
        for act in acts:
            outcome = await _perform(act, incoming, request)
            if isinstance(outcome, Answer):
                return self._answer(request, outcome)
            if isinstance(outcome, Drop):
                return self._drop(incoming, request, forwarded=False)
        try:
            return await self._forward(incoming, request, acts)
        except (ClientError, ConnectionError) as error:
            refused = isinstance(error, ClientConnectorError)
            return self._drop(incoming, request, forwarded=not refused)

    async def _forward(self, incoming: web.Request, request: Request, acts: Sequence[Act]) -> web.StreamResponse:
        if self._session is None:
            message = "the proxy is not open"
            raise RuntimeError(message)
        async with self._session.request(
            request.method,
            URL(self._upstream.server + incoming.raw_path, encoded=True),
            headers=end_to_end(incoming.headers.items()),
            data=request.body or None,
            allow_redirects=False,
        ) as answer:
            if request.watch and answer.status == HTTPStatus.OK:
                return await self._watch(incoming, request, answer, acts)
            body = await answer.read()
        for act in acts:
            if isinstance(act, After):
                await asyncio.to_thread(act.call, request)
        self._log(request, answer.status, length=len(body))
        headers = end_to_end(answer.headers.items())
        if any(isinstance(act, Half) for act in acts):
            return await _half(incoming, web.StreamResponse(status=answer.status, headers=headers), body)
        return web.Response(status=answer.status, headers=headers, body=body)

    async def _watch(
        self,
        incoming: web.Request,
        request: Request,
        answer: ClientResponse,
        acts: Sequence[Act],
    ) -> web.StreamResponse:
        sink = web.StreamResponse(headers=end_to_end(answer.headers.items()))
        await sink.prepare(incoming)
        self._log(request, answer.status)
        planned = next((act for act in acts if isinstance(act, EndWatch)), None)
        watch = OpenWatch(request, planned, repeats=any(isinstance(act, Repeat) for act in acts))
        self._watches.append(watch)
        try:
            await watch.copy(answer.content, sink, incoming)
        except (ClientError, ConnectionError):
            _break(incoming)
        finally:
            self._watches.remove(watch)
        return sink

    def _answer(self, request: Request, answer: Answer) -> web.Response:
        body = json.dumps(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": answer.message,
                "reason": answer.reason,
                "code": answer.status,
            }
        ).encode()
        self._log(request, answer.status, length=len(body), forwarded=False)
        headers = {"Content-Type": "application/json", **dict(answer.headers)}
        return web.Response(status=answer.status, headers=headers, body=body)

    def _drop(self, incoming: web.Request, request: Request, *, forwarded: bool) -> web.Response:
        self._log(request, None, forwarded=forwarded)
        _break(incoming)
        return web.Response(status=HTTPStatus.BAD_GATEWAY)

    def _log(self, request: Request, status: int | None, *, length: int = 0, forwarded: bool = True) -> None:
        seconds = time.monotonic() - request.received
        self._traffic.add(Exchange(request, status, length, seconds, forwarded))


async def _perform(act: Act, incoming: web.Request, request: Request) -> Answer | Drop | None:
    """Do what comes before forwarding; return what shall be done instead of it, if anything."""
    match act:
        case Answer() | Drop():
            return act
        case Delay(seconds):
            await asyncio.sleep(seconds)
            return Drop() if incoming.transport is None else None
        case Hold(release):
            while not release.is_set():  # noqa: ASYNC110  an event of another thread
                await asyncio.sleep(HOLD_POLL_SECONDS)
            return Drop() if incoming.transport is None else None
        case Before(call):
            return None if await asyncio.to_thread(call, request) else Drop()
        case After() | EndWatch() | Half() | Repeat():
            return None


async def _half(incoming: web.Request, sink: web.StreamResponse, body: bytes) -> web.StreamResponse:
    """Send the first half of an answer, and break the connection."""
    sink.content_length = len(body)
    await sink.prepare(incoming)
    await sink.write(body[: len(body) // 2])
    _break(incoming)
    return sink


def _break(incoming: web.Request) -> None:
    """Break the connection to the client, if it is still there."""
    if incoming.transport is not None:
        incoming.transport.abort()
