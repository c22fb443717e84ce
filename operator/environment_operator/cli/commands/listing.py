"""``list``: the Environments as a table, as CSV or whole, and as they change."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from environment_operator import names
from environment_operator.cli import columns as known
from environment_operator.cli import completion, console, options, rows, words
from environment_operator.cli.columns import COLUMNS, ORIGINAL, Column, Row
from environment_operator.cli.connection import ENVIRONMENTS, JSON, Connection
from environment_operator.cli.problems import Exit, Problem

Object = dict[str, Any]
_TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
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
        department: its department, None for none.
        form: the form of the output.
        headers: whether to print titles.
        mark: whether CSV begins with a byte order mark.
    """

    shown: Sequence[Column]
    filters: Sequence[rows.Filter]
    search: str
    order: Sequence[rows.Order]
    project: str
    department: str | None
    form: str
    headers: bool
    mark: bool

    @property
    def read(self) -> list[Column]:
        """Every column that is looked at."""
        further = [column for column, _ in (*self.filters, *self.order)]
        return list(dict.fromkeys((*self.shown, *further, _NAME, *([known.SCOPE] if self.project else []))))

    @property
    def is_whole(self) -> bool:
        """Whether whole Environments are printed."""
        return self.form in _WHOLE_FORMS


@click.command("list")
@options.connected
@options.in_project("Only those that this project may use.")
@options.everywhere("Those of every scope; the default.")
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
    connection: Connection,
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

    \b
    Examples:
      kubectl environment list
      kubectl environment list -n vision -o wide
      kubectl environment list --filter 'image=*/jupyter:*' --sort workloads:desc
      kubectl environment list --search notebook --columns environment,image,ready
      kubectl environment list -o csv > environments.csv
    """
    asked = Query(
        shown=_chosen(columns, output),
        filters=[rows.read_filter(text) for text in filters],
        search=search,
        order=[rows.read_order(text) for text in sort],
        project=project,
        department=_department(connection, project),
        form=output,
        headers=not no_headers,
        mark=bom,
    )
    if watch and output not in ("table", "wide", "name"):
        raise Problem("--watch goes with -o table, wide or name", Exit.USAGE)
    if watch:
        _watch(connection, asked)
    else:
        _print(connection, asked)


def _chosen(columns: str, form: str) -> Sequence[Column]:
    """Return the columns to show: the named ones, else those of the form."""
    if columns:
        return [known.find(name) for name in columns.split(",")]
    return COLUMNS if form == "wide" else ORIGINAL


def _department(connection: Connection, project: str) -> str | None:
    """Return the department of a project, None for none."""
    if not project:
        return None
    from environment_operator.cli import reading

    return reading.department(connection, project)


def _print(connection: Connection, asked: Query) -> None:
    """Print what is there."""
    found = None if asked.is_whole else _from_tables(connection, asked)
    if found is None:
        _write_whole(asked, _whole(connection, asked))
    else:
        _write(_kept(found, asked), asked)


@dataclass(slots=True)
class Whole:
    """What was read of whole Environments.

    Args:
        rows: their rows.
        objects: they themselves by name, where the form of the output is made of them.
        version: resource version of the list.
    """

    rows: list[Row]
    objects: dict[str, Object]
    version: str = ""


def _write_whole(asked: Query, found: Whole) -> None:
    """Print what was read of whole Environments."""
    kept = _kept(found.rows, asked)
    if asked.is_whole:
        items = [found.objects[row[_NAME.title]] for row in kept]
        console.document({"apiVersion": "v1", "kind": "List", "items": items}, asked.form)
    else:
        _write(kept, asked)


def _kept(found: Iterable[Row], asked: Query) -> list[Row]:
    """Return the rows that were asked for, in order."""
    fitting = (row for row in found if rows.may_use(row, asked.project, asked.department))
    return rows.ordered([row for row in fitting if rows.matches(row, asked.filters, asked.search)], asked.order)


def _write(kept: Sequence[Row], asked: Query) -> None:
    """Print rows."""
    titles = [column.title for column in asked.shown]
    values = [[row[title] for title in titles] for row in kept]
    if asked.form == "name":
        for row in kept:
            click.echo(_full_name(row))
    elif asked.form == "csv":
        click.echo(words.as_csv(titles if asked.headers else (), values, mark=asked.mark), nl=False)
    elif not values:
        console.note("no Environments found")
    else:
        console.table(titles, values, headers=asked.headers)


def _full_name(row: Row) -> str:
    """Return how kubectl names an Environment."""
    return f"{names.KIND.lower()}.{names.GROUP}/{row[_NAME.title]}"


def _from_tables(connection: Connection, asked: Query) -> list[Row] | None:
    """Return rows of the API server's own table, without the objects.

    None where the CustomResourceDefinition is an earlier one, whose table lacks a column.
    """
    out: list[Row] = []
    definitions: Any = None
    with console.progress("reading Environments") as tell:
        for page in connection.pages(ENVIRONMENTS, f"{_TABLE},{JSON}", includeObject="None"):
            # Only the first page describes the columns.
            definitions = page.get("columnDefinitions") or definitions
            table = {**page, "columnDefinitions": definitions}
            if known.lacks(table, asked.read):
                return None
            out += known.of_table(table, asked.read, connection.context)
            tell(str(len(out)))
    return out


def _whole(connection: Connection, asked: Query) -> Whole:
    """Read whole Environments."""
    out = Whole([], {})
    with console.progress("reading Environments") as tell:
        for page in connection.pages(ENVIRONMENTS):
            items = page.get("items") or ()
            out.rows += [known.of_object(each, asked.read, connection.context) for each in items]
            if asked.is_whole:
                out.objects |= {each["metadata"]["name"]: _described(each) for each in items}
            out.version = page["metadata"]["resourceVersion"]
            tell(str(len(out.rows)))
    return out


def _described(environment: Object) -> Object:
    """Return an Environment of a list as one that is read alone, without what only the API server needs."""
    meta = {key: value for key, value in environment["metadata"].items() if key != "managedFields"}
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, **environment, "metadata": meta}


def _watch(connection: Connection, asked: Query) -> None:
    """Print what is there, and then each one that changes, until somebody or the timeout of a request stops it."""
    from environment_operator.errors import Expired

    while True:
        found = _whole(connection, asked)
        _write_whole(asked, found)
        try:
            _write_changes(connection, asked, found.version, _widths(asked, found))
        except Expired:
            # What changed in the meantime is not known any more.
            console.note("reading Environments again")
        else:
            return


def _widths(asked: Query, found: Whole) -> list[int]:
    """Return how wide the columns are of what was printed, so that later rows stand below it."""
    titles = [column.title for column in asked.shown]
    return words.widths_of([titles, *([row[title] for title in titles] for row in _kept(found.rows, asked))])


def _write_changes(connection: Connection, asked: Query, version: str, widths: Sequence[int]) -> None:
    """Print each Environment that changes from a version on, in columns of some widths at least."""
    while True:
        for event in connection.watch(ENVIRONMENTS, version, allowWatchBookmarks="true"):
            each = event["object"]
            version = each["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                _write_change(connection, asked, each, widths)
        if connection.limited:
            return


def _write_change(connection: Connection, asked: Query, environment: Object, widths: Sequence[int]) -> None:
    """Print one Environment that changed, if it was asked for."""
    row = known.of_object(environment, asked.read, connection.context)
    if not _kept([row], asked):
        return
    if asked.form == "name":
        click.echo(_full_name(row))
    else:
        titles = [column.title for column in asked.shown]
        console.table(titles, [[row[title] for title in titles]], headers=False, least=widths)
