"""What an address and a form of the page name."""

import contextlib

from aiohttp import web

from environment_operator.cli import options
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.console.cluster import Cluster
from environment_operator.console.rendering import ENTRANCE, has, url


def cluster(request: web.Request) -> Cluster:
    """Return the cluster that an address names, the first one where it names none.

    Raises:
        Problem: it names another one.
    """
    every = request.app[ENTRANCE].clusters(request)
    asked = request.query.get("context", "")
    found = next((each for each in every if asked in ("", each.name)), None)
    if found is None:
        raise Problem(f'there is no context "{asked}" on this page. Choose one of its clusters.', Exit.NOT_FOUND)
    return found


async def user(request: web.Request) -> str:
    """Return the name of the person in the cluster that an address names; empty where it is not known."""
    with contextlib.suppress(Problem):
        return await cluster(request).user()
    return ""


def named(request: web.Request) -> str:
    """Return the Environment that an address names: nothing else may come into the path of a request.

    Raises:
        Problem: it is no name.
    """
    name = request.match_info["name"]
    if not options.is_name(name):
        raise Problem(f'"{name}" is no name. {options.NAME_RULE}', Exit.NOT_FOUND)
    return name


def details(request: web.Request, name: str) -> str:
    """Return the address of the page about an Environment; that of the table where there is none."""
    query = [(key, value) for key, value in request.query.items() if key == "context"]
    return (
        url(request, "environment", query, name=name) if has(request, "environment") else url(request, "environments")
    )


async def texts_of(request: web.Request) -> dict[str, str]:
    """Return the texts of a form, the last of each name."""
    return {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
