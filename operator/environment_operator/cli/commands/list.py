"""``list``: the Environments as a table, as CSV or whole, and as they change."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import click

from environment_operator.api import names
from environment_operator.cli import completion, fetch, options
from environment_operator.cli.client.connection import ENVIRONMENTS, Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.failures import described
from environment_operator.cli.fetch import Listed
from environment_operator.cli.output import columns as known
from environment_operator.cli.output import console, filtering, text
from environment_operator.cli.output.columns import COLUMNS, ORIGINAL, Column, Row

Object = dict[str, Any]
Pair = tuple[Row, Object | None]
_WHOLE_FORMS = ("json", "yaml")
_NAME = COLUMNS[0]


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for.

    Args:
        shown: the columns to print.
        filters: which rows, by column.
        search: which rows, by a text in any of the columns.
        order: the columns to sort by, the weightiest first, each with whether the greatest comes first.
        project: only what this project may use; empty for all.
        form: the form of the output.
        headers: whether to print titles.
        mark: whether CSV begins with a byte order mark.
        cut: whether a row takes one line of a terminal; columns are left out for that.
    """

    shown: Sequence[Column]
    filters: Sequence[filtering.Filter]
    search: str
    order: Sequence[filtering.Order]
    project: str
    form: str
    headers: bool
    mark: bool
    cut: bool

    @property
    def read(self) -> list[Column]:
        """Every column that is read."""
        return filtering.needed(self.shown, self.filters, self.order, self.project)

    @property
    def is_whole(self) -> bool:
        """Whether whole Environments are printed."""
        return self.form in _WHOLE_FORMS


@click.command("list")
@options.connected_to_each
@options.in_project("Only those that this project may use.")
@options.everywhere("Those of every scope; the default, since Environments have no namespace.")
@click.option("--columns", metavar="A,B", default="", shell_complete=completion.columns, help="Columns to show.")
@click.option(
    "--filter",
    "filters",
    metavar="COLUMN=VALUE",
    multiple=True,
    shell_complete=completion.filters,
    help="Only rows that match; * and ? too.",
)
@click.option("--search", metavar="TEXT", default="", help="Only rows with this text in one of the columns.")
@click.option(
    "--sort",
    metavar="COLUMN[:desc]",
    multiple=True,
    shell_complete=completion.sorts,
    help="Column to sort by; repeatable, the weightiest first.",
)
@options.bom
@options.output("table", "wide", "csv", "json", "yaml", "name")
@click.option("--no-headers", is_flag=True, help="Leave the titles out.")
@click.option("-w", "--watch", is_flag=True, help="Go on printing those that change.")
def list_command(
    connections: list[Connection],
    *,
    project: str,
    columns: str,
    filters: tuple[str, ...],
    search: str,
    sort: tuple[str, ...],
    output: str,
    no_headers: bool,
    bom: bool,
    watch: bool,
) -> None:
    """List Environments, or what a project may use.

    Filters on several columns all have to match, several on the same column any of them.

    At a terminal each Environment takes one line. The columns come in this order, and those that do not fit are left
    out or cut: Environment, Ready, Outdated, Workloads, Image, Scope, Workload types, Tools, Templates, Workload
    architecture, Description, Created by, Creation time, Cluster. With -o wide and in pipes nothing is left out.

    \b
    Examples:
      kubectl environment list
      kubectl environment list -n vision -o wide
      kubectl environment list --filter 'image=*/jupyter:*' --sort workloads:desc
      kubectl environment list --search notebook --columns environment,image,ready
      kubectl environment list -o csv > environments.csv
      kubectl environment list --context east --context west
    """
    asked = Query(
        shown=_chosen(columns, output, several=len(connections) > 1),
        filters=[filtering.read_filter(text) for text in filters],
        search=search,
        order=[filtering.read_order(text) for text in sort],
        project=project,
        form=output,
        headers=not no_headers,
        mark=bom,
        cut=output == "table" and not columns,
    )
    if watch and output not in ("table", "wide", "name"):
        raise Problem("--watch cannot print this form. Use -o table, wide or name.", Exit.USAGE)
    if watch and len(connections) > 1:
        raise Problem("--watch follows one cluster. Give one --context.", Exit.USAGE)
    if watch:
        _watch(connections[0], asked)
    else:
        _print(connections, asked)


def _chosen(columns: str, form: str, *, several: bool) -> Sequence[Column]:
    """Return the columns to show: the named ones, else those of the form; at a terminal as many as fit.

    Args:
        columns: the columns that were named.
        form: the form of the output.
        several: whether there is more than one cluster.
    """
    if columns:
        return [known.find(name) for name in columns.split(",")]
    if form == "table" and console.is_terminal():
        return known.by_rank(several=several)
    return COLUMNS if form == "wide" else ORIGINAL


def _department(connection: Connection, project: str) -> str | None:
    """Return the department of a project, None for none."""
    if not project:
        return None
    from environment_operator.cli import lookup

    return lookup.department(connection, project)


def _print(connections: Sequence[Connection], asked: Query) -> None:
    """Print what is there, in each cluster that can be read.

    Raises:
        Problem: none can be read.
        ApiError: the same.
    """
    with console.progress("reading Environments") as update:
        found, failures = fetch.gather(connections, lambda each: _read(each, asked, update))
    if not found:
        raise failures[0].error
    for failure in failures:
        console.warn(f'context "{failure.context}" is left out: {described(failure.error)[0]}')
    _write([pair for pairs in found for pair in pairs], asked)


def _read(connection: Connection, asked: Query, update: Callable[[str], None]) -> list[Pair]:
    """Return the rows of a cluster that were asked for, with the Environments themselves where these are printed."""
    department = _department(connection, asked.project)
    if not asked.is_whole:
        return _kept(fetch.rows(connection, asked.read, update), asked, department)
    return _kept(fetch.whole(connection, asked.read, update, keep=True), asked, department)


def _kept(found: Listed, asked: Query, department: str | None) -> list[Pair]:
    """Return the rows that were asked for, each with its Environment where that was kept."""
    pairs = zip_longest(found.rows, found.objects)
    fitting = (pair for pair in pairs if filtering.may_use(pair[0], asked.project, department))
    return [pair for pair in fitting if filtering.matches(pair[0], asked.filters, asked.search)]


def _write(kept: Iterable[Pair], asked: Query) -> None:
    """Print rows, or the Environments themselves, in order."""
    listed = filtering.ordered(kept, asked.order, lambda pair: pair[0])
    titles = [column.title for column in asked.shown]
    values = [[row[title] for title in titles] for row, _ in listed]
    if asked.is_whole:
        console.document({"apiVersion": "v1", "kind": "List", "items": [each for _, each in listed]}, asked.form)
    elif asked.form == "name":
        for row, _ in listed:
            click.echo(_full_name(row))
    elif asked.form == "csv":
        click.echo(text.as_csv(titles if asked.headers else (), values, mark=asked.mark), nl=False)
    elif not values:
        console.note("no Environments found")
    else:
        console.table(titles, values, headers=asked.headers, cut=asked.cut)


def _full_name(row: Row) -> str:
    """Return how kubectl names an Environment."""
    return f"{names.KIND.lower()}.{names.GROUP}/{row[_NAME.title]}"


def _watch(connection: Connection, asked: Query) -> None:
    """Print what is there, then each one that changes, until an interruption or the timeout of a request."""
    from environment_operator.kube.errors import Expired

    department = _department(connection, asked.project)
    while True:
        with console.progress("reading Environments") as update:
            found = fetch.whole(connection, asked.read, update, keep=False)
        kept = _kept(found, asked, department)
        _write(kept, asked)
        try:
            _write_changes(connection, asked, found.version, department, _widths(asked, kept))
        except Expired:
            # What changed in the meantime is not known any more.
            console.note("reading Environments again")
        else:
            return


def _widths(asked: Query, kept: Iterable[Pair]) -> list[int]:
    """Return how wide the columns are of what was printed, so that later rows stand below it."""
    titles = [column.title for column in asked.shown]
    return text.widths_of([titles, *([row[title] for title in titles] for row, _ in kept)])


def _write_changes(
    connection: Connection, asked: Query, version: str, department: str | None, widths: Sequence[int]
) -> None:
    """Print each Environment that changes from a version on, in columns of some widths at least."""
    while True:
        for event in connection.watch(ENVIRONMENTS, version, allowWatchBookmarks="true"):
            each = event["object"]
            version = each["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                row = known.of_object(each, asked.read, connection.context)
                _write_change(_kept(Listed([row]), asked, department), asked, widths)
        if connection.limited:
            return


def _write_change(kept: Sequence[Pair], asked: Query, widths: Sequence[int]) -> None:
    """Print an Environment that changed, if it was asked for."""
    for row, _ in kept:
        if asked.form == "name":
            click.echo(_full_name(row))
        else:
            titles = [column.title for column in asked.shown]
            line = [[row[title] for title in titles]]
            console.table(titles, line, headers=False, least=widths, cut=asked.cut)
