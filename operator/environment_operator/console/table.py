"""The table of Environments as one address asks for it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from environment_operator.cli.output import columns as known
from environment_operator.cli.output import filtering
from environment_operator.cli.output.columns import COLUMNS, Column, Row
from environment_operator.cli.output.filtering import Filter, Order
from environment_operator.kube.errors import ApiError

Pairs = list[tuple[str, str]]
PAGE = 100
# Digits of a page number.
_LONGEST = 7
NAME, DESCRIPTION, CLUSTER = COLUMNS[0], COLUMNS[1], known.find(known.CLUSTER)
# The columns by default: those of the original, in the order in which people read them, and ours.
_USUAL = (
    "Environment", "State", "Description", "Scope", "Image", "Workload architecture", "Workload types", "Tools",
    "Workloads", "Templates", "Outdated", "Created by", "Creation time", "Cluster",
)  # fmt: skip
USUAL = tuple(known.find(title) for title in _USUAL)


@dataclass(frozen=True, slots=True)
class View:
    """What an address asks for.

    Args:
        shown: the columns.
        filters: which rows, by column.
        search: which rows, by a text in any of the columns.
        order: the columns to sort by, each with whether the greatest comes first.
        project: only what this project may use; empty for all.
        page: which page, from 1 on.
        chosen: whether the address names the columns.
    """

    shown: tuple[Column, ...] = USUAL
    filters: tuple[Filter, ...] = ()
    search: str = ""
    order: tuple[Order, ...] = ()
    project: str = ""
    page: int = 1
    chosen: bool = False

    @property
    def enough(self) -> int:
        """How many Environments of a cluster, in the order of names, show it all; 0 where each of them counts."""
        is_plain = not (self.filters or self.search or self.project) and self.order in ((), ((NAME, False),))
        return self.page * PAGE if is_plain else 0

    @property
    def query(self) -> Pairs:
        """The parameters of its address."""
        return [
            *([("project", self.project)] if self.project else []),
            *([("search", self.search)] if self.search else []),
            *(("filter", f"{column.key}={pattern}") for column, pattern in self.filters),
            *(("sort", f"{column.key}{':desc' if descending else ''}") for column, descending in self.order),
            *([("columns", keys(self.shown))] if self.chosen else []),
            *([("page", str(self.page))] if self.page > 1 else []),
        ]

    def without(self, unwanted: Filter) -> "View":
        """Return it without one of the filters."""
        return replace(self, filters=tuple(each for each in self.filters if each != unwanted), page=1)

    def sorted_by(self, column: Column) -> "View":
        """Return it sorted by a column, the other way round where it is already."""
        descending = self.order[:1] == ((column, False),)
        return replace(self, order=((column, descending),), page=1)

    def at(self, page: int) -> "View":
        """Return it at another page."""
        return replace(self, page=page)


def keys(columns: Iterable[Column]) -> str:
    """Return columns as an address, a cookie and ``--columns`` name them."""
    return ",".join(column.key for column in columns)


def read_view(query: Sequence[tuple[str, str]], remembered: str = "") -> View:
    """Return what an address asks for.

    Args:
        query: its parameters.
        remembered: the columns that were chosen before, empty for none; those that there are no more are left out.

    Raises:
        Problem: it names a column that there is not, or has a filter or an order of another form.
    """
    given: dict[str, list[str]] = {}
    for key, value in query:
        given.setdefault(key, []).append(value)
    named = [name for text in given.get("columns", ()) for name in text.split(",") if name]
    by_key = {column.key: column for column in COLUMNS}
    before = [by_key[key] for key in remembered.split(",") if key in by_key]
    page = "".join(given.get("page", ["1"])[-1:])
    filters = [*given.get("filter", ()), *_added(given)]
    return View(
        shown=_unique([known.find(name) for name in named] or before or USUAL),
        filters=tuple(dict.fromkeys(filtering.read_filter(text) for text in filters if text)),
        search="".join(given.get("search", [])[-1:]).strip(),
        order=tuple(filtering.read_order(text) for text in given.get("sort", ()) if text),
        project="".join(given.get("project", [])[-1:]).strip(),
        page=max(1, int(page)) if page.isdecimal() and len(page) < _LONGEST else 1,
        chosen=bool(named),
    )


def _added(given: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the filter that the form adds: a column and a value that comes in a field of its own."""
    values = zip(given.get("column", ()), given.get("value", ()), strict=False)
    return [f"{column}={value}" for column, value in values if value]


def _unique(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Return columns without those that came before; the name, by which one gets to the details, is always there."""
    return tuple(dict.fromkeys((NAME, *columns)))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The Environments of a cluster as they were read.

    Args:
        cluster: name of the context.
        rows: a row for each.
        at: when.
        error: why they could not be read again since then, None when they could.
        is_late: whether they are being read again, which takes its time.
        remaining: how many come after these, in the order of names, and are being read.
        fresh_seconds: for how long it is not read again.
    """

    cluster: str
    rows: Sequence[Row]
    at: datetime
    error: ApiError | None = None
    is_late: bool = False
    remaining: int = 0
    fresh_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Source:
    """The Environments of a cluster, and what is known of the project there.

    Args:
        snapshot: the Environments.
        department: department of the project, None for none.
    """

    snapshot: Snapshot
    department: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One Environment.

    Args:
        context: the context of its cluster.
        row: its values.
    """

    context: str
    row: Row


@dataclass(frozen=True, slots=True)
class Table:
    """What is shown.

    Args:
        lines: the Environments of this page.
        matching: how many pass the filters.
        total: how many there are.
        page: the page that is shown.
        pages: how many pages there are.
    """

    lines: Sequence[Line]
    matching: int
    total: int
    page: int
    pages: int


def lines(sources: Iterable[Source], view: View) -> list[Line]:
    """Return the Environments that a view asks for, of all clusters, in order."""
    columns = filtering.needed(view.shown, view.filters, view.order, view.project)
    titles = [column.title for column in columns]
    found = [
        Line(source.snapshot.cluster, kept)
        for source in sources
        for row in source.snapshot.rows
        if filtering.may_use(row, view.project, source.department)
        and filtering.matches(kept := {title: row[title] for title in titles}, view.filters, view.search)
    ]
    return filtering.ordered(found, view.order or ((NAME, False),), lambda line: line.row)


def table(sources: Sequence[Source], view: View) -> Table:
    """Return a page of the Environments that a view asks for; the last one where there are fewer."""
    found = lines(sources, view)
    remaining = sum(source.snapshot.remaining for source in sources)
    matching, read = len(found) + remaining, sum(len(source.snapshot.rows) for source in sources)
    pages = max(1, -(-matching // PAGE))
    page = min(view.page, pages)
    shown = found[(page - 1) * PAGE : page * PAGE]
    return Table(shown, matching, read + remaining, page, pages)


def values(found: Iterable[Line], view: View) -> list[list[str]]:
    """Return the values of Environments as they are shown, for CSV."""
    titles = [column.title for column in view.shown]
    return [[line.row[title] for title in titles] for line in found]


def tone(state: str) -> str:
    """Return how a state looks: a class of the style sheet."""
    word = state.partition(":")[0].partition(" ")[0]
    return {"Ready": "ok", "Unused": "idle", "Stalled": "bad"}.get(word, "warn")


def command(view: View, options: Sequence[str]) -> list[str]:
    """Return the command line that lists the same.

    Args:
        view: what is shown.
        options: by which the plugin reaches the same cluster as the same user.
    """
    asked: list[Any] = ["kubectl", "environment", "list", *options]
    asked += ["-n", view.project] if view.project else []
    asked += [part for column, pattern in view.filters for part in ("--filter", f"{column.key}={pattern}")]
    asked += ["--search", view.search] if view.search else []
    asked += [
        part for column, descending in view.order for part in ("--sort", f"{column.key}{':desc' if descending else ''}")
    ]
    return [*asked, "--columns", keys(view.shown)]
