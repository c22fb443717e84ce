"""One open watch in the proxy: copied line by line until it ends or shall end."""

import asyncio
import json
from contextlib import suppress
from typing import Any

from aiohttp import ClientError, StreamReader, web

from cluster.faults import EndWatch
from cluster.traffic import Request

EXPIRED = {
    "type": "ERROR",
    "object": {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "too old resource version: a fault that the test asked for",
        "reason": "Expired",
        "code": 410,
    },
}


class OpenWatch:
    """A watch that is being copied from the API server to the client."""

    def __init__(self, request: Request, planned: EndWatch | None, *, repeats: bool = False) -> None:
        """Keep the request, the end that a rule has planned for it, and whether each event comes twice."""
        self.request, self._copies = request, 2 if repeats else 1
        self._planned = planned
        self._ordered: asyncio.Future[EndWatch] = asyncio.get_running_loop().create_future()
        self._events = 0

    def end(self, end: EndWatch) -> None:
        """End it now."""
        if not self._ordered.done():
            self._ordered.set_result(end)

    async def copy(self, source: StreamReader, sink: web.StreamResponse, incoming: web.Request) -> None:
        """Copy whole lines until either side or a fault ends it."""
        rest = b""
        while (end := self._due()) is None:
            chunk = await self._next(source)
            if chunk is None:
                continue
            if not chunk:
                await sink.write(rest)
                return
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            await sink.write(self._allowed(whole + newline))
        await _finish(end, sink, incoming)

    def _due(self) -> EndWatch | None:
        if self._ordered.done():
            return self._ordered.result()
        planned = self._planned
        return planned if planned is not None and self._events >= planned.after else None

    async def _next(self, source: StreamReader) -> bytes | None:
        """Return the next chunk, empty at the end; None when the watch was ended."""
        reading = asyncio.ensure_future(source.readany())
        try:
            both: set[asyncio.Future[Any]] = {reading, self._ordered}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else None
        finally:
            if not reading.done():
                reading.cancel()
                with suppress(asyncio.CancelledError, ClientError):
                    await reading

    def _allowed(self, lines: bytes) -> bytes:
        """Count events, and cut what comes after the planned last one."""
        events = lines.splitlines(keepends=True)
        if self._planned is not None:
            events = events[: self._planned.after - self._events]
        self._events += len(events)
        return b"".join(event * self._copies for event in events)


async def _finish(end: EndWatch, sink: web.StreamResponse, incoming: web.Request) -> None:
    if end.expired:
        await sink.write(json.dumps(EXPIRED).encode() + b"\n")
    if end.abrupt and incoming.transport is not None:
        incoming.transport.abort()
