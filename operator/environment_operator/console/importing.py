"""Environment assets of Run:ai become Environments: shown first, with what is not carried over."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from environment_operator.cli import apply, files, lookup
from environment_operator.cli.client.connection import Connection
from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.output import yaml_text
from environment_operator.cli.runai import Imported, imported
from environment_operator.cli.runai.asset import Unreadable
from environment_operator.console import texts
from environment_operator.console.addresses import cluster, details
from environment_operator.console.rendering import page
from environment_operator.kube.errors import ApiError

Object = dict[str, Any]


def add_routes(router: web.UrlDispatcher, prefix: str) -> None:
    """Add the page to the addresses that begin with a prefix."""
    router.add_get(f"{prefix}/import", _shown, name="importer")
    router.add_post(f"{prefix}/import", _imported)


async def _shown(
    request: web.Request,
    content: str = "",
    places: str = "",
    *,
    found: Sequence[Imported] = (),
    problem: str = "",
    results: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Show what becomes of assets.

    Args:
        request: what it answers.
        content: the assets, in JSON.
        places: names for ids of Run:ai, one a line.
        found: what becomes of each.
        problem: why they cannot be read.
        results: why each that was chosen was refused, empty where it was created.
    """
    allowed, _ = await cluster(request).ask(lambda connection: lookup.may(connection, "create"))
    return page(
        request,
        "import.html",
        content=content,
        places=places,
        found=[(each, yaml_text.write(each.manifest) if each.manifest else "") for each in found],
        addresses={each.name: details(request, each.name) for each in found},
        problem=problem,
        results=results or {},
        missing="" if allowed else texts.text("form.right", verb="create"),
    )


async def _imported(request: web.Request) -> web.StreamResponse:
    """Show what becomes of the assets that were sent, and create the chosen ones."""
    post = await request.post()
    given, places = post.get("file"), str(post.get("places") or "")
    content = str(post.get("content") or "")
    try:
        if isinstance(given, web.FileField):
            content = files.decoded(given.file.read()) or content
        found = imported(json.loads(content), _names(places))
    except RecursionError:
        return await _shown(request, content, places, problem=texts.text("import.deep"))
    except (ValueError, Unreadable) as error:
        return await _shown(request, content, places, problem=texts.text("import.unreadable", why=error))
    chosen = {str(each) for each in post.getall("chosen", [])}
    wanted = (
        [each for each in found if each.name in chosen and not each.problem] if post.get("action") == "create" else []
    )
    results, _ = await cluster(request).ask(lambda connection: {e.name: _created(connection, e) for e in wanted})
    if wanted:
        cluster(request).forget()
    return await _shown(request, content, places, found=found, results=results)


def _created(connection: Connection, asset: Imported) -> str:
    """Create one Environment; return why it was refused, empty when it was not."""
    try:
        apply.create(connection, asset.manifest)
    except Problem as error:
        return str(error)
    except ApiError as error:
        return error.message
    return ""


def _names(places: str) -> dict[str, str]:
    """Return the names for ids, one a line.

    Raises:
        ValueError: a line has no name.
    """
    pairs = [line.partition("=") for line in places.split() if line]
    if wrong := next((number for number, equals, name in pairs if not (equals and name)), None):
        raise ValueError(texts.text("import.place", line=wrong))
    return {number: name for number, _, name in pairs}
