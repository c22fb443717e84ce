"""What a Service does with kube-proxy: new connections go to the ready backends in turn, and those that exist stay.

A backend that died gets no new connections from the next look at its readiness on; until then they are refused, as they
are in a cluster until the kubelet says that a container has ended.
"""

import asyncio
import threading
from dataclasses import dataclass
from itertools import count
from typing import Self

from cluster.probe import answers
from cluster.waiting import PATIENCE_SECONDS, until

_LOOK_SECONDS = 0.25
_CHUNK = 65536


@dataclass(frozen=True)
class Backend:
    """A port of this machine, and the URL that says whether it is ready."""

    port: int
    ready: str


class Balancer:
    """`with Balancer(backends) as balancer:` listens at `balancer.port`, in a thread of its own."""

    def __init__(self, *backends: Backend) -> None:
        """Prepare; nothing is ready before it was seen to be."""
        self._backends, self._ready = backends, list[Backend]()
        self._turn, self.port = count(), 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        """Listen, once every backend is ready."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE_SECONDS)
        until("every backend to be ready", lambda: len(self._ready) == len(self._backends))
        return self

    def __exit__(self, *_exception: object) -> None:
        """Break all connections and listen no more."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(PATIENCE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def is_ready(self, backend: Backend) -> bool:
        """Return whether a backend gets new connections."""
        return backend in self._ready

    async def _listen(self) -> None:
        """Take connections, and look who is ready."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._keep(asyncio.create_task(self._look()))

    async def _close(self) -> None:
        """End everything."""
        if self._server:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _keep(self, task: asyncio.Task[None]) -> None:
        """Keep a task until it ends."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self) -> None:
        """Look again and again who is ready."""
        while True:
            found = await asyncio.gather(*(asyncio.to_thread(answers, each.ready) for each in self._backends))
            self._ready = [each for each, ready in zip(self._backends, found, strict=True) if ready]
            await asyncio.sleep(_LOOK_SECONDS)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead one connection to a backend, until either side ends it."""
        if task := asyncio.current_task():
            self._keep(task)
        try:
            ready = self._ready
            port = ready[next(self._turn) % len(ready)].port
            theirs, ours = await asyncio.open_connection("127.0.0.1", port)
        except (OSError, ZeroDivisionError):
            writer.transport.abort()
            return
        await asyncio.gather(_copy(reader, ours), _copy(theirs, writer))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy until the end, or until either side breaks; then the other direction ends, too."""
    try:
        while chunk := await source.read(_CHUNK):
            sink.write(chunk)
            await sink.drain()
    except OSError:
        sink.transport.abort()
    finally:
        sink.close()
