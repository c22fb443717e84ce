"""A reverse proxy between the operator and the API server that can misbehave on request.

Plain HTTP on a loopback port towards the client, TLS towards the server. It runs on a thread
of its own; everything public is called from the test's thread. Tokens are passed on, client
certificates cannot be.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from aiohttp import web

from cluster.active import ActiveRule
from cluster.faults import ANYTHING, EndWatch, Match, Rule
from cluster.forwarding import Forwarder
from cluster.traffic import Exchange, Request, Traffic
from cluster.upstream import Upstream
from cluster.waiting import PATIENCE_SECONDS

AT_ONCE = EndWatch()
LARGEST_BODY = 64 * 2**20
Result = TypeVar("Result")


class FaultProxy:
    """`with FaultProxy(Upstream.of(kubeconfig)) as proxy:` serves at `proxy.url`."""

    def __init__(self, upstream: Upstream) -> None:
        """Prepare a proxy; it serves from `__enter__` to `__exit__`."""
        self.traffic = Traffic()
        self.url = ""
        self._rules: list[ActiveRule] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._forwarder = Forwarder(upstream, self.traffic, self._rules)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        try:
            self._await(self._serve())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        """Break all connections and stop to serve."""
        for rule in tuple(self._rules):
            rule.remove()
        self._await(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def add(self, rule: Rule) -> ActiveRule:
        """Put a rule in force for the requests that come from now on."""
        active = ActiveRule(rule)
        self._rules.append(active)
        return active

    @property
    def rules(self) -> tuple[ActiveRule, ...]:
        """The rules since the last `clear`."""
        return tuple(self._rules)

    def clear(self) -> None:
        """Remove all rules and forget the traffic so far."""
        for rule in tuple(self._rules):
            rule.remove()
        self._rules.clear()
        self.traffic.clear()

    def watches(self) -> tuple[Request, ...]:
        """Return the watches that are open now."""
        return self._forwarder.open_watches

    def end_watches(self, match: Match = ANYTHING, end: EndWatch = AT_ONCE) -> int:
        """End the open watches that match, right now; return how many."""
        return self._await(self._forwarder.end_watches(match, end))

    def writes(self) -> tuple[Exchange, ...]:
        """Return the writes that went through or were answered here."""
        return self.traffic.writes()

    async def _serve(self) -> None:
        await self._forwarder.open()
        application = web.Application(client_max_size=LARGEST_BODY)
        application.router.add_route("*", "/{path:.*}", self._forwarder.handle)
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def _close(self) -> None:
        await self._forwarder.end_watches(ANYTHING, EndWatch(abrupt=True))
        if self._runner is not None:
            await self._runner.cleanup()
        await self._forwarder.close()

    def _await(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)
