"""The columns of ``list``: those of the original's table and ours, and where each value comes from. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from environment_operator import names
from environment_operator.cli.problems import Exit, Problem

Object = Mapping[str, Any]
Row = dict[str, str]


class Source(IntEnum):
    """How much of each Environment has to be fetched, cheapest first; one holds all that those before it hold."""

    CELLS = 0
    METADATA = 1
    OBJECT = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        title: its heading.
        value: reads it from a whole Environment.
        source: the least that has to be fetched for it.
        cell: its name in the API server's own table, where it is there.
        number: whether it sorts as a number.
        shortened: whether the API server's own table names only the first few items.
    """

    title: str
    value: Callable[[Object], str]
    source: Source = Source.CELLS
    cell: str = ""
    number: bool = False
    shortened: bool = False

    @property
    def key(self) -> str:
        """The title as it is typed: without spaces, in small letters."""
        return _key(self.title)


def _at(*path: str) -> Callable[[Object], str]:
    """Return the function that reads a text or a number at a path of an Environment, empty when it is not there."""

    def value(environment: Object) -> str:
        node: Any = environment
        for key in path:
            node = node.get(key) if isinstance(node, Mapping) else None
        return "" if node is None else str(node)

    return value


def _items(*path: str) -> Callable[[Object], str]:
    """Return the function that reads a list of texts in the spec, with commas between them."""
    return lambda environment: ",".join(environment["spec"].get(path[0]) or ())


def _scope(environment: Object) -> str:
    """Return the whole scope; the status names only the first of it."""
    scope = environment["spec"].get("scope") or {}
    if scope.get("cluster"):
        return "cluster"
    departments = (f"department/{name}" for name in scope.get("departments") or ())
    return ",".join([*departments, *(f"project/{name}" for name in scope.get("projects") or ())])


def _tools(environment: Object) -> str:
    """Return the names of all tools."""
    return ",".join(tool["name"] for tool in environment["spec"].get("tools") or ())


def _ready(environment: Object) -> str:
    """Return the status of the condition Ready."""
    conditions = (environment.get("status") or {}).get("conditions") or ()
    return next((str(c["status"]) for c in conditions if c["type"] == "Ready"), "")


def _created(environment: Object) -> str:
    """Return when it was created."""
    return _time(environment["metadata"].get("creationTimestamp"))


def _updated(environment: Object) -> str:
    """Return when somebody changed it last: not the operator, and not its status."""
    meta = environment["metadata"]
    theirs = (
        field.get("time") or ""
        for field in meta.get("managedFields") or ()
        if not field.get("subresource") and field.get("manager") != names.FIELD_MANAGER
    )
    return _time(max(theirs, default="") or meta.get("creationTimestamp"))


def _time(stamp: str | None) -> str:
    """Return a point in time (UTC) as spreadsheets read it."""
    return (stamp or "").replace("T", " ").removesuffix("Z")


def _key(title: str) -> str:
    """Return a title without anything but letters, in small ones."""
    return "".join(c for c in title.lower() if c.isalnum())


_CREATED = "Created"

COLUMNS: tuple[Column, ...] = (
    Column("Environment", _at("metadata", "name"), cell="Name"),
    Column("Description", _at("spec", "description"), cell="Description"),
    Column("Scope", _scope, cell="Scope", shortened=True),
    Column("Image", _at("spec", "image"), cell="Image"),
    Column("Workload architecture", _at("spec", "architecture"), cell="Architecture"),
    Column("Tools", _tools, cell="Tools", shortened=True),
    Column("Workloads", _at("status", "usage", "workloads"), cell="Workloads", number=True),
    Column("Workload types", _items("workloadTypes"), cell="Types"),
    Column("Templates", _at("status", "usage", "templates"), cell="Templates", number=True),
    Column("Created by", _at("metadata", "annotations", names.CREATED_BY), cell="Created By"),
    Column("Creation time", _created, cell=_CREATED),
    Column("Cluster", _at("status", "cluster"), cell="Cluster"),
    Column("Ready", _ready, cell="Ready"),
    Column("Outdated", _at("status", "usage", "outdated"), cell="Outdated", number=True),
    Column("Pod security", _at("status", "podSecurity"), cell="Pod Security"),
    Column("Last updated", _updated, Source.METADATA),
)
# Those of the original, in its order; the rest is ours.
ORIGINAL = COLUMNS[:12]
CLUSTER = "Cluster"


def find(name: str) -> Column:
    """Return a column by its title, or the beginning or end of one, with or without spaces, hyphens and capitals.

    Raises:
        Problem: there is none, or more than one.
    """
    typed = _key(name)
    near = [column for column in COLUMNS if typed and (column.key.startswith(typed) or column.key.endswith(typed))]
    chosen = [column for column in near if column.key == typed] or near
    if len(chosen) == 1:
        return chosen[0]
    known = ", ".join(column.title for column in COLUMNS)
    raise Problem(f"{name!r} is not the title of one column; the columns are: {known}", Exit.USAGE)


def source(columns: Iterable[Column]) -> Source:
    """Return the least that has to be fetched for some columns."""
    return max((column.source for column in columns), default=Source.CELLS)


def of_object(environment: Object, columns: Iterable[Column], context: str) -> Row:
    """Return the row of a whole Environment, by title.

    Args:
        environment: it.
        columns: which values.
        context: the context's name, shown where no cluster name is set.
    """
    return _named({column.title: column.value(environment) for column in columns}, context)


def of_table(table: Object, columns: Sequence[Column], context: str) -> list[Row]:
    """Return the rows of the API server's own table.

    Args:
        table: the ``Table``, with the metadata of each object where a column needs it.
        columns: which values; none of them needs the whole object.
        context: the context's name, shown where no cluster name is set.
    """
    places = {definition["name"]: place for place, definition in enumerate(table.get("columnDefinitions") or ())}
    picks = [(column, places.get(column.cell)) for column in columns]
    return [_named(_row(row, picks), context) for row in table.get("rows") or ()]


def is_shortened(rows: Iterable[Row], columns: Iterable[Column]) -> bool:
    """Say whether a row of the API server's own table leaves items out in one of some columns."""
    titles = [column.title for column in columns if column.shortened]
    return any(",+" in row.get(title, "") for row in rows for title in titles)


def _row(row: Object, picks: Iterable[tuple[Column, int | None]]) -> Row:
    """Return one row of the API server's table."""
    cells = row["cells"]
    return {c.title: c.value(row["object"]) if at is None else _cell(cells[at], c) for c, at in picks}


def _cell(value: Any, column: Column) -> str:
    """Return a cell of the API server's table as text: null is empty."""
    text = "" if value is None else str(value)
    return _time(text) if column.cell == _CREATED else text


def _named(row: Row, context: str) -> Row:
    """Return the row with the context's name where the cluster has none."""
    if row.get(CLUSTER) == "":
        row[CLUSTER] = context
    return row
