"""The API server, as the administrator: many objects created at once, and a watch that outlasts everything."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector
from kubernetes.aio import config
from kubernetes.aio.client import Configuration

Object = dict[str, Any]
AT_ONCE = 16


@dataclass(frozen=True)
class Api:
    """The API server, as the administrator."""

    session: ClientSession
    server: str

    async def create(self, path: str, body: Object) -> None:
        """Create an object; anything but success ends the measurement."""
        async with self.session.post(f"{self.server}{path}", json=body) as reply:
            await checked(reply, path)

    async def fill(self, objects: Iterable[tuple[str, Object]]) -> None:
        """Create objects, each at its path, some at a time."""
        remaining = iter(objects)

        async def some() -> None:
            for path, body in remaining:
                await self.create(path, body)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    async def watch(self, path: str) -> AsyncIterator[Object]:
        """Yield the objects of a kind that exist, and each change of one."""
        query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        url, endless = f"{self.server}{path}?{query}", ClientTimeout(total=None)
        async with self.session.get(url, timeout=endless, read_bufsize=2**20) as reply:
            await checked(reply, path)
            async for line in reply.content:
                event = json.loads(line)
                if event["type"] != "BOOKMARK":
                    yield event["object"]


async def checked(reply: ClientResponse, path: str) -> None:
    """End the measurement unless an answer is a good one."""
    if not reply.ok:
        raise SystemExit(f"{reply.method} {path}: {reply.status} {(await reply.text())[:500]}")


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Api]:
    """Return a connection with the administrator's certificate."""
    configuration = Configuration()
    await config.load_kube_config(str(path), client_configuration=configuration)
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    context.load_cert_chain(configuration.cert_file, configuration.key_file)
    async with ClientSession(connector=TCPConnector(ssl=context)) as session:
        yield Api(session, configuration.host)
