"""A tool as the programs in the images are: it serves below its base path, and speaks WebSocket there.

It stands for a container: its environment is that of the container in the Pod, and it listens on a port of this machine
instead of the Pod's.
"""

import os
import sys

from aiohttp import WSMsgType, web

from environment_operator.api.tools import base_path_variable


def application(pod: str, tool: str, base: str) -> web.Application:
    """Return what answers with the names of Pod and tool below a base path, and nowhere else."""

    async def answer(request: web.Request) -> web.Response:
        """Return who answers, and for which path it was asked."""
        return web.json_response({"pod": pod, "tool": tool, "path": request.path})

    async def echo(request: web.Request) -> web.WebSocketResponse:
        """Send each message of a WebSocket back, after the name of the Pod."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await socket.send_str(f"{pod}: {message.data}")
        return socket

    made = web.Application()
    made.router.add_get(f"{base}/ws", echo)
    made.router.add_get(f"{base}/{{rest:.*}}", answer)
    return made


if __name__ == "__main__":
    name, word, port = sys.argv[1:]
    where = os.environ[base_path_variable(word)]
    web.run_app(application(name, word, where), host="127.0.0.1", port=int(port), print=None)
