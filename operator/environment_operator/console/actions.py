"""What becomes of an Environment that exists: other words, another name, or its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from environment_operator.cli import lookup, options
from environment_operator.cli.client.connection import ENVIRONMENTS, Connection
from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.renaming import Renaming
from environment_operator.cli.users import Users
from environment_operator.console import texts
from environment_operator.console.addresses import cluster, details, named, texts_of
from environment_operator.console.rendering import page, url
from environment_operator.kube.errors import ApiError

Object = dict[str, Any]
_WORDS = ("displayName", "description")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an Environment that is to change.

    Args:
        item: it.
        users: who uses it.
        missing: what its reader may not do, in words; empty when all that is needed is allowed.
    """

    item: Object
    users: Users
    missing: str


def add_routes(router: web.UrlDispatcher, prefix: str) -> None:
    """Add the pages to the addresses that begin with a prefix."""
    for name, show, do in (("delete", _deletion, _delete), ("rename", _renaming, _rename)):
        router.add_get(f"{prefix}/environments/{{name}}/{name}", show, name=name)
        router.add_post(f"{prefix}/environments/{{name}}/{name}", do)


async def _known(request: web.Request, verb: str) -> Known:
    """Return what is known of the Environment of an address."""
    name = named(request)

    def read(connection: Connection) -> Known:
        found = lookup.environment(connection, name)
        missing = "" if lookup.may(connection, verb, name) else texts.text("form.right", verb=verb)
        return Known(found, lookup.users(connection, found), missing)

    found, _ = await cluster(request).ask(read)
    return found


async def _deletion(request: web.Request, problem: str = "") -> web.StreamResponse:
    """Show what speaks against a deletion, else ask for the name."""
    known = await _known(request, "delete")
    return page(
        request,
        "delete.html",
        name=known.item["metadata"]["name"],
        back=details(request, known.item["metadata"]["name"]),
        uid=known.item["metadata"]["uid"],
        users=known.users,
        # Kinds that the reader may not list do not count: the operator does, and the API server has the last word.
        used=bool(known.users.seen or known.users.counted),
        problem=problem,
        missing=known.missing,
    )


async def _delete(request: web.Request) -> web.StreamResponse:
    """Delete the Environment whose name was typed, exactly that one."""
    sent, name = await texts_of(request), named(request)
    if sent.get("typed") != name:
        return await _deletion(request, texts.text("delete.typed", name=name))
    body = {"preconditions": {"uid": sent.get("uid", "")}}
    try:
        await cluster(request).ask(lambda connection: connection.delete(f"{ENVIRONMENTS}/{name}", body))
    except ApiError as error:
        if not error.status:
            raise
        return await _deletion(request, error.message)
    cluster(request).forget()
    raise web.HTTPSeeOther(url(request, "environments"))


async def _renaming(
    request: web.Request, sent: Mapping[str, str] | None = None, problem: str = "", done: tuple[str, ...] = ()
) -> web.StreamResponse:
    """Show the names of an Environment, and what a new one would come to."""
    known = await _known(request, "patch")
    given = {field: str(known.item["spec"].get(field) or "") for field in _WORDS} | dict(sent or {})
    return page(
        request,
        "rename.html",
        name=known.item["metadata"]["name"],
        back=details(request, known.item["metadata"]["name"]),
        given=given,
        users=known.users,
        problem=problem,
        done=done,
        missing=known.missing,
    )


async def _rename(request: web.Request) -> web.StreamResponse:
    """Give an Environment other words, or another name that its users follow; or show what that would come to."""
    sent, name = await texts_of(request), named(request)
    done: list[str] = []
    try:
        if sent.get("action") == "words":
            fields = {field: sent.get(field, "").strip() or None for field in _WORDS}
            await cluster(request).ask(
                lambda c: c.patch(f"{ENVIRONMENTS}/{name}", {"spec": fields}, fieldValidation="Strict")
            )
        else:
            await cluster(request).ask(
                lambda c: _renamed(c, name, sent.get("to", ""), done, dry_run=sent.get("action") != "rename")
            )
    except (ApiError, Problem) as error:
        if isinstance(error, ApiError) and not error.status:
            raise
        cluster(request).forget()
        return await _renaming(request, sent, error.message if isinstance(error, ApiError) else str(error), tuple(done))
    if sent.get("action") == "try":
        return await _renaming(request, sent, done=tuple(done))
    cluster(request).forget()
    raise web.HTTPSeeOther(details(request, name if sent.get("action") == "words" else sent["to"]))


def _renamed(connection: Connection, name: str, new: str, done: list[str], *, dry_run: bool) -> None:
    """Give an Environment another name; what was done is added to the list.

    Raises:
        Problem: it is no name, or is taken, or the old one still has users.
    """
    if not options.is_name(new):
        raise Problem(f'"{new}" is no name. {options.NAME_RULE}')
    found = lookup.environment(connection, name)
    Renaming(connection, found, new, dry_run=dry_run, progress=done.append).carry_out({}, sure=True)
