"""The plain HTTP port of every role: /livez, /readyz and /metrics."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from environment_operator.settings import Settings, listening


@asynccontextmanager
async def serve(settings: Settings, why_not_ready: Callable[[], str]) -> AsyncIterator[None]:
    """Serve while entered.

    Args:
        settings: the settings, for address and port.
        why_not_ready: says in a few words why the role is not ready; empty when it is.
    """

    async def ready(_: web.Request) -> web.Response:
        why = why_not_ready()
        return web.Response(status=503, text=f"not ready: {why}\n") if why else web.Response(text="ok\n")

    app = web.Application()
    app.add_routes([web.get("/livez", _live), web.get("/readyz", ready), web.get("/metrics", _metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, *listening(settings.http_address)).start()
        yield
    finally:
        await runner.cleanup()


async def _live(_: web.Request) -> web.Response:
    """Answer that the loop turns."""
    return web.Response(text="ok\n")


async def _metrics(_: web.Request) -> web.Response:
    """Answer with the metrics."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
