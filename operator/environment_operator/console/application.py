"""The page as an application of aiohttp: its routes, and what is around each request."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from environment_operator.console import addresses, detail_pages, pages, security
from environment_operator.console.rendering import ENTRANCE, INSIDE, USER
from environment_operator.console.security import Entrance

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# What a form may bring along: a file of Run:ai's API is the largest.
LARGEST = 8 * 2**20
_STATIC = Path(__file__).parent / "static"


def build(entrance: Entrance) -> web.Application:
    """Return the application.

    Args:
        entrance: how people come to it, and with whose rights it acts.
    """
    app = web.Application(middlewares=[_settled, _admitted], client_max_size=LARGEST)
    app[ENTRANCE] = entrance
    app.on_response_prepare.append(_careful)
    app.router.add_static(security.STATIC, _STATIC, name="static")
    for each in (pages, detail_pages):
        each.add_routes(app.router, entrance.prefix)
    return app


@web.middleware
async def _settled(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer each request with a page, also when something fails."""
    return await pages.settled(request, handler(request))


@web.middleware
async def _admitted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Hand on a request that comes from a person who may use the page."""
    entrance = request.app[ENTRANCE]
    request[INSIDE] = entrance.check(request)
    await security.check_form(request, entrance.form_token(request))
    if request[INSIDE]:
        request[USER] = await addresses.user(request)
    return await handler(request)


async def _careful(request: web.Request, answer: web.StreamResponse) -> None:
    """Set how browsers have to treat an answer; nothing but static files may be kept."""
    answer.headers.update(security.HEADERS)
    answer.headers["Cache-Control"] = "no-cache" if request.path.startswith(security.STATIC) else "no-store"
