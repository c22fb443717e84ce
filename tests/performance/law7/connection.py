"""The API server, with a great many requests under way at a time."""

import json
import ssl
from collections.abc import AsyncIterator
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from cluster.rest import CONTENT, Reply

Object = dict[str, Any]
SECONDS = 60
WATCH_SECONDS = 3600


class Blind(Exception):
    """A watch ended, so that what came afterwards is not known."""


class Connection:
    """The administrator's connection.

    Args:
        server: URL of the API server.
        context: TLS with the administrator's certificate.
    """

    def __init__(self, server: str, context: ssl.SSLContext) -> None:
        self._server, self._context = server, context

    async def __aenter__(self) -> Self:
        """Open it."""
        connector = TCPConnector(limit=0, ssl=self._context)
        self._session = ClientSession(connector=connector, timeout=ClientTimeout(total=SECONDS))
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Close it."""
        await self._session.close()

    async def get(self, path: str) -> Reply:
        """Read an object or a list."""
        return await self._send("GET", path)

    async def create(self, path: str, body: Object) -> Reply:
        """Create an object below the path of its kind."""
        return await self._send("POST", path, body)

    async def merge(self, path: str, patch: Object) -> Reply:
        """Change an object by a merge patch."""
        return await self._send("PATCH", path, patch, CONTENT["merge"])

    async def delete(self, path: str) -> Reply:
        """Delete an object; what it owns goes with it, in its own time."""
        return await self._send("DELETE", f"{path}?propagationPolicy=Background")

    async def watch(self, path: str, selector: str, version: str) -> AsyncIterator[Object]:
        """Yield the events since a version.

        Raises:
            Blind: the stream ended.
        """
        query = urlencode({"watch": "1", "labelSelector": selector, "resourceVersion": version,
                           "timeoutSeconds": WATCH_SECONDS})  # fmt: skip
        async with self._session.get(f"{self._server}{path}?{query}", timeout=ClientTimeout(total=None)) as answer:
            async for line in answer.content:
                event: Object = json.loads(line)
                if event["type"] == "ERROR":
                    raise Blind(f"the watch of {path} failed: {event['object'].get('message')}")
                yield event
        raise Blind(f"the watch of {path} ended")

    async def _send(self, method: str, path: str, body: object = None, content: str = "application/json") -> Reply:
        """Make a request; a refusal is a reply like any other, and so is a broken connection: status 504."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content}
        try:
            async with self._session.request(method, f"{self._server}{path}", data=data, headers=headers) as answer:
                return Reply(answer.status, json.loads(await answer.read()))
        except ClientError as error:
            return Reply(504, {"message": f"the connection broke: {error}"})
