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
# The name by which the API server knows that person, empty where it is not known.
USER = web.RequestKey("user", str)
ENTRANCE = web.AppKey("entrance", security.Entrance)
# What stands in the layout before the content.
_MARK = "<!--main-->"
# Pages of which there is a link in the header, where there is such a page.
_LINKS = ("check", "importer")
# Pages of a cluster that can be had of another one, too.
_OF_ANY = ("create", *_LINKS)


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
    """Return whether there is a page of a name."""
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
        user=request.get(USER, ""),
        contexts=_contexts(request) if inside else (),
        links=_links(request) if inside else (),
        **values,
    )


def _links(request: web.Request) -> Pairs:
    """Return the addresses of the pages in the header, of the cluster of this one, each with its words."""
    here = [("context", each) for each in request.query.getall("context", [])]
    return [(url(request, name, here), texts.text(f"link.{name}")) for name in _LINKS if has(request, name)]


def _contexts(request: web.Request) -> Sequence[tuple[str, str, bool]]:
    """Return the clusters of which a page may be about one, each with the address of that page and whether it is it.

    There are none where all are on the page, or there is only one.
    """
    every = [each.asked for each in request.app[ENTRANCE].clusters(request)]
    name = next((each for each in _OF_ANY if has(request, each) and request.path == url(request, each)), "")
    if len(every) == 1 or not (name or "name" in request.match_info):
        return ()
    here = request.query.get("context") or every[0]
    if not name:
        return [(here, "", True)]
    return [(each, url(request, name, [("context", each)]), each == here) for each in every]


def split(content: str) -> tuple[str, str]:
    """Return a page in two: what comes before its content, and the rest."""
    head, mark, rest = content.partition(_MARK)
    return head, mark + rest


def page(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """Return a page as the answer to a request; arguments as for `render`."""
    return web.Response(text=render(request, template, **values), status=status, content_type="text/html")
