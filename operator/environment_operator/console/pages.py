"""The pages of the table, and what is around every page: each gathers what a pure module makes its content of."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from aiohttp import web

from environment_operator.cli import lookup
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import text
from environment_operator.cli.output.columns import COLUMNS, Column
from environment_operator.console import actions, checking, details, editing, importing, security, table, texts, words
from environment_operator.console.cluster import Cluster
from environment_operator.console.details import ENVIRONMENTS
from environment_operator.console.errors import Refused
from environment_operator.console.rendering import ENTRANCE, page, render, split, url
from environment_operator.console.table import Source, View
from environment_operator.kube.errors import INTERNAL_ERROR, ApiError

Pairs = list[tuple[str, str]]
logger = logging.getLogger(__name__)
_REMEMBERED = "environment-columns"
_YEAR = 365 * 86400
_ATTACHED = 'attachment; filename="environments.csv"'
# So long a page waits for its data before it is begun without them.
_PATIENCE_SECONDS = 0.3
# Of a Problem, by its exit code.
_STATUS = {Exit.USAGE: 400, Exit.NOT_FOUND: 404, Exit.UNREACHABLE: 502}
# https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20
_MISDIRECTED = 421


def add_routes(router: web.UrlDispatcher, prefix: str) -> None:
    """Add the pages to the addresses that begin with a prefix."""
    router.add_get(f"{prefix}/", _enter, name="enter")
    router.add_get(f"{prefix}/environments", _environments, name="environments")
    router.add_get(f"{prefix}/environments.csv", _csv, name="csv")
    for each in (editing, actions, importing, checking):
        each.add_routes(router, prefix)


async def _enter(request: web.Request) -> web.StreamResponse:
    """Let the browser in that was opened, and send it on.

    By a page and not by a redirect: a cookie of `SameSite=Strict` does not come along where the way began elsewhere.
    """
    entrance = request.app[ENTRANCE]
    session = entrance.enter(request)
    answer = page(request, "enter.html", onward=url(request, "environments"))
    if session:
        answer.set_cookie(security.COOKIE, session, path=entrance.prefix, httponly=True, samesite="Strict")
    return answer


@dataclass(frozen=True, slots=True)
class Note:
    """What is said above the table.

    Args:
        kind: a class of the style sheet.
        text: it.
        at: the time that it ends with, None for none.
    """

    kind: str
    text: str
    at: datetime | None = None


async def _environments(request: web.Request) -> web.StreamResponse:
    """Show the table; chosen columns are remembered."""
    view = table.read_view(list(request.query.items()), request.cookies.get(_REMEMBERED, ""))

    def remember(answer: web.StreamResponse) -> None:
        if view.chosen:
            chosen = table.keys(view.shown)
            answer.set_cookie(_REMEMBERED, chosen, path="/", max_age=_YEAR, httponly=True, samesite="Strict")

    return await begun(request, _table(request, view), remember)


async def _csv(request: web.Request) -> web.StreamResponse:
    """Send exactly what the table shows, of all its pages, as CSV."""
    view = table.read_view(list(request.query.items()), request.cookies.get(_REMEMBERED, ""))
    clusters = request.app[ENTRANCE].clusters(request)
    sources, _ = await _sources(clusters, view, enough=0)
    shown = replace(view, shown=_shown(view, several=len(clusters) > 1))
    titles = [column.title for column in shown.shown]
    content = text.as_csv(titles, table.values(table.lines(sources, shown), shown))
    return web.Response(text=content, content_type="text/csv", headers={"Content-Disposition": _ATTACHED})


async def _table(request: web.Request, view: View) -> web.Response:
    """Return the page with the table."""
    clusters = request.app[ENTRANCE].clusters(request)
    several = len(clusters) > 1
    (sources, notes), projects, why = await asyncio.gather(
        _sources(clusters, view, view.enough), _projects(clusters), _why_not_create(clusters[0])
    )
    shown = _shown(view, several=several)
    return page(
        request,
        "table.html",
        view=view,
        shown=[column for column in shown if column != table.DESCRIPTION],
        described=table.DESCRIPTION in shown,
        columns=COLUMNS,
        table=table.table(sources, view),
        projects=projects,
        several=several,
        notes=notes,
        at=min(source.snapshot.at for source in sources),
        now=datetime.now(UTC),
        here=url(request, "environments", view.query),
        usual=url(request, "environments", [*_without(view, "columns"), ("columns", table.keys(table.USUAL))]),
        csv=url(request, "csv", _without(view, "page")),
        why=why,
        command=table.command(view, [option for each in clusters for option in each.connection.options]),
    )


def _shown(view: View, *, several: bool) -> tuple[Column, ...]:
    """Return the columns to show: the cluster only where there are several, or where it is chosen."""
    return tuple(column for column in view.shown if several or view.chosen or column != table.CLUSTER)


def _without(view: View, parameter: str) -> Pairs:
    """Return the parameters of a view but one."""
    return [(key, value) for key, value in view.query if key != parameter]


async def _sources(clusters: Sequence[Cluster], view: View, enough: int) -> tuple[list[Source], list[Note]]:
    """Return the rows of all clusters that can be read, or enough of them, and what is to be said of them.

    Raises:
        ApiError: none can be read.
        Problem: the same.
    """
    found = await asyncio.gather(*(_source(each, view, enough) for each in clusters), return_exceptions=True)
    read, left = [], []
    for cluster, each in zip(clusters, found, strict=True):
        if isinstance(each, Source):
            read.append(each)
        elif isinstance(each, ApiError | Problem):
            left.append((cluster, each))
        else:
            raise each
    if not read:
        raise left[0][1]
    out = [Note("bad", texts.text("table.left", cluster=each.asked, why=words.failure(why))) for each, why in left]
    return read, [*out, *(note for each in read if (note := _note(each)))]


async def _source(cluster: Cluster, view: View, enough: int) -> Source:
    """Return the rows of a cluster, with the department that the project has there."""
    snapshot = await cluster.read(enough)
    department = await cluster.department(view.project) if view.project else None
    return Source(snapshot, department)


def _note(source: Source) -> Note | None:
    """Return what is to be said of the rows of a cluster that were not read now, None where they were."""
    snapshot = source.snapshot
    if snapshot.error:
        why = words.failure(snapshot.error)
        return Note("bad", texts.text("table.failed", cluster=snapshot.cluster, why=why), snapshot.at)
    if snapshot.is_late:
        return Note("warn", texts.text("table.late", cluster=snapshot.cluster), snapshot.at)
    return None


async def _why_not_create(cluster: Cluster) -> str:
    """Return why no Environment can be created, empty when one can, or when nobody says."""
    try:
        allowed, _ = await cluster.ask(lambda connection: lookup.may(connection, "create"))
    except (ApiError, Problem):
        return ""
    return "" if allowed else details.right("create", ENVIRONMENTS)


async def _projects(clusters: Sequence[Cluster]) -> list[str] | None:
    """Return the names of all projects, None where they may not be listed."""
    found = await asyncio.gather(*(each.projects() for each in clusters))
    known = [each for each in found if each is not None]
    return sorted(set().union(*known)) if known else None


async def begun(
    request: web.Request, content: Awaitable[web.StreamResponse], prepare: Callable[[web.StreamResponse], None]
) -> web.StreamResponse:
    """Return a page; where its data take long, its head and a sketch of it are sent before they are there.

    Args:
        request: what it answers.
        content: the page.
        prepare: called with the answer before anything of it is sent.
    """
    making = asyncio.ensure_future(settled(request, content))
    done, _ = await asyncio.wait({making}, timeout=_PATIENCE_SECONDS)
    if done:
        prepare(made := making.result())
        return made
    answer = web.StreamResponse()
    answer.content_type, answer.charset = "text/html", "utf-8"
    prepare(answer)
    try:
        await answer.prepare(request)
        await answer.write(f"{split(render(request, 'layout.html'))[0]}{render(request, 'loading.html')}".encode())
        await answer.write(split(_written(await making))[1].encode())
        await answer.write_eof()
    finally:
        making.cancel()
    return answer


def _written(answer: web.StreamResponse) -> str:
    """Return what a page says."""
    return (answer.text or "") if isinstance(answer, web.Response) else ""


async def settled(request: web.Request, content: Awaitable[web.StreamResponse]) -> web.StreamResponse:
    """Return an answer, or the page that says why there is none."""
    try:
        return await content
    except web.HTTPException as error:
        return error if error.status < 400 else problem(request, error.status, error.reason, "")  # noqa: PLR2004
    except Refused as error:
        title, way_out = texts.REFUSALS[error.why]
        return problem(request, error.status, title, way_out)
    except (Problem, ApiError) as error:
        return problem(request, _status(error), words.title(error), words.failure(error))
    except Exception as error:
        logger.exception("%s %s", request.method, request.path)
        what = " ".join(traceback.format_exception_only(error)).strip()
        return problem(request, 500, texts.text("problem.internal"), INTERNAL_ERROR % what)


def problem(request: web.Request, status: int, title: str, sentence: str) -> web.Response:
    """Return the page that says what went wrong, and how to go on."""
    # Who followed a link of another site gets the cookie of the session sent by a link of ours.
    here = request.path_qs if request.method == "GET" and status != _MISDIRECTED else ""
    return page(request, "problem.html", status, title=title, words=sentence, here=here)


def _status(error: Problem | ApiError) -> int:
    """Return the HTTP status of a page about an error: that of the API server, or that it cannot be reached."""
    return (error.status or 502) if isinstance(error, ApiError) else _STATUS.get(error.code, 409)
