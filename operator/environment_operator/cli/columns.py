"""The columns of ``list``: those of the original's table and ours, and where each value comes from. Pure."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environment_operator import names
from environment_operator.cli.problems import Exit, Problem

Object = Mapping[str, Any]
Row = dict[str, str]
# The scope of those that every project may use.
EVERYWHERE = "cluster"


def _text(cell: Any) -> str:
    """Return a cell of the API server's table as text: null is empty."""
    return "" if cell is None else str(cell)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        title: its heading.
        value: reads it from a whole Environment.
        cells: what it is made of in the API server's own table.
        made: makes it of them.
        number: whether it sorts as a number.
    """

    title: str
    value: Callable[[Object], str]
    cells: tuple[str, ...]
    made: Callable[..., str] = _text
    number: bool = False

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
    return _places(scope.get("departments"), scope.get("projects"))


def _scope_of_cells(departments: str | None, projects: str | None) -> str:
    """Return the whole scope, of JSON."""
    return _places(*(json.loads(cell) if cell else () for cell in (departments, projects)))


def _places(departments: Iterable[str] | None, projects: Iterable[str] | None) -> str:
    """Return departments and projects, each with what it is; none is the whole cluster."""
    places = [*(f"department/{name}" for name in departments or ()), *(f"project/{name}" for name in projects or ())]
    return ",".join(places) or EVERYWHERE


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
    """Return when somebody changed it last."""
    from environment_operator.snapshot import last_change

    return _time(last_change(environment))


def _updated_in_cells(updated: str | None, created: str | None) -> str:
    """Return the same; before the first look of the operator it is when it was created."""
    return _time(updated or created)


def _time(stamp: str | None) -> str:
    """Return a point in time (UTC) as spreadsheets read it."""
    return (stamp or "").replace("T", " ").removesuffix("Z")


def _key(title: str) -> str:
    """Return a title without anything but letters, in small ones."""
    return "".join(c for c in title.lower() if c.isalnum())


COLUMNS: tuple[Column, ...] = (
    Column("Environment", _at("metadata", "name"), cells=("Name",)),
    Column("Description", _at("spec", "description"), cells=("Description",)),
    Column("Scope", _scope, cells=("Departments", "Projects"), made=_scope_of_cells),
    Column("Image", _at("spec", "image"), cells=("Image",)),
    Column("Workload architecture", _at("spec", "architecture"), cells=("Architecture",)),
    Column("Tools", _tools, cells=("Tools",)),
    Column("Workloads", _at("status", "usage", "workloads"), cells=("Workloads",), number=True),
    Column("Workload types", _items("workloadTypes"), cells=("Types",)),
    Column("Templates", _at("status", "usage", "templates"), cells=("Templates",), number=True),
    Column("Created by", _at("metadata", "annotations", names.CREATED_BY), cells=("Created By",)),
    Column("Creation time", _created, cells=("Created",), made=_time),
    Column("Cluster", _at("status", "cluster"), cells=("Cluster",)),
    Column("Ready", _ready, cells=("Ready",)),
    Column("Outdated", _at("status", "usage", "outdated"), cells=("Outdated",), number=True),
    Column("Pod security", _at("status", "podSecurity"), cells=("Pod Security",)),
    Column("Last updated", _updated, cells=("Updated", "Created"), made=_updated_in_cells),
)
# Those of the original, in its order; the rest is ours.
ORIGINAL = COLUMNS[:12]
CLUSTER = "Cluster"
SCOPE = COLUMNS[2]


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


def of_object(environment: Object, columns: Iterable[Column], context: str) -> Row:
    """Return the row of a whole Environment, by title.

    Args:
        environment: it.
        columns: which values.
        context: the context's name, shown where no cluster name is set.
    """
    return _named({column.title: column.value(environment) for column in columns}, context)


def lacks(table: Object, columns: Iterable[Column]) -> bool:
    """Say whether the API server's own table, made by an earlier definition, lacks something of some columns."""
    printed = {definition["name"] for definition in table.get("columnDefinitions") or ()}
    return any(not printed.issuperset(column.cells) for column in columns)


def of_table(table: Object, columns: Sequence[Column], context: str) -> list[Row]:
    """Return the rows of the API server's own table.

    Args:
        table: the ``Table``.
        columns: which values.
        context: the context's name, shown where no cluster name is set.
    """
    places = {definition["name"]: place for place, definition in enumerate(table.get("columnDefinitions") or ())}
    picks = [(column, [places[name] for name in column.cells]) for column in columns]
    return [_named(_row(row, picks), context) for row in table.get("rows") or ()]


def _row(row: Object, picks: Iterable[tuple[Column, Sequence[int]]]) -> Row:
    """Return one row of the API server's table."""
    cells = row["cells"]
    return {column.title: column.made(*(cells[place] for place in at)) for column, at in picks}


def _named(row: Row, context: str) -> Row:
    """Return the row with the context's name where the cluster has none."""
    if row.get(CLUSTER) == "":
        row[CLUSTER] = context
    return row
