"""Webhook handlers that allow everything and do nothing: ``empty.py CERTIFICATE PORT``."""

import asyncio
import ssl
import sys
from pathlib import Path

from aiohttp import web


async def serve(certificate: Path, port: int) -> None:
    """Serve until killed."""
    app = web.Application()
    app.router.add_post("/{any}", _allow)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=120)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    await asyncio.Event().wait()


async def _allow(request: web.Request) -> web.Response:
    """Answer that a request is allowed."""
    review = await request.json()
    response = {"uid": review["request"]["uid"], "allowed": True}
    return web.json_response({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
