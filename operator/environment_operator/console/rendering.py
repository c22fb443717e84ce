"""How a page is written: templates, links, and times in words."""

import shlex
from collections.abc import Sequence
from functools import partial
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from environment_operator.console import details, security, table, texts, words

Pairs = Sequence[tuple[str, str]]
# Whether who sent a request has come in: nobody else learns where the pages are.
INSIDE = web.RequestKey("inside", bool)
ENTRANCE = web.AppKey("entrance", security.Entrance)
# What stands in the layout before the content.
_MARK = "<!--main-->"
# Pages of which there is a link in the header, where there is such a page.
_LINKS = ("check", "importer")


def _environment() -> Environment:
    """Return the templates: each value is escaped, and a name that nobody gave is an error."""
    made = Environment(
        loader=PackageLoader("environment_operator.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["t"] = texts.text
    made.filters.update(
        exact=words.exact, ago=words.ago, moment=words.moment, tone=table.tone, icon=details.icon, shell=shlex.join
    )
    return made


_TEMPLATES = _environment()


def url(request: web.Request, page_: str, /, query: Pairs = (), **parts: str) -> str:
    """Return the address of a page, or of a static file."""
    return str(request.app.router[page_].url_for(**parts).with_query(list(query)))


def has(request: web.Request, name: str) -> bool:
    """Say whether there is a page of a name."""
    return name in request.app.router


def render(request: web.Request, template: str, **values: Any) -> str:
    """Return a page.

    Args:
        request: what it answers.
        template: name of its template.
        values: what the template shows.
    """
    inside = request.get(INSIDE, False)
    return _TEMPLATES.get_template(template).render(
        url=partial(url, request),
        has=partial(has, request),
        csrf=request.app[ENTRANCE].form_token(request) if inside else "",
        inside=inside,
        crumb=request.match_info.get("name", "") if inside else "",
        links=[(name, texts.text(f"link.{name}")) for name in _LINKS if inside and has(request, name)],
        **values,
    )


def split(content: str) -> tuple[str, str]:
    """Return a page in two: what comes before its content, and the rest."""
    head, mark, rest = content.partition(_MARK)
    return head, mark + rest


def page(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """Return a page as the answer to a request; arguments as for `render`."""
    return web.Response(text=render(request, template, **values), status=status, content_type="text/html")
