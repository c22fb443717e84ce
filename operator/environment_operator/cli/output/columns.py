"""The columns of ``list``: those of the original's table and ours, and where each value comes from. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environment_operator.api import names
from environment_operator.cli.exit_codes import Exit, Problem

Object = Mapping[str, Any]
Row = dict[str, str]
# The scope of those that every project may use.
EVERYWHERE = "cluster"
# The rank of columns that are shown when they are asked for.
_LATER = 99


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        title: its heading.
        value: reads it from a whole Environment.
        cell: the column of the API server's own table that says the same; empty for none.
        in_metadata: whether the metadata of the Environment are enough to read it.
        absent: says of the metadata whether the value is certainly empty; None where they do not say it.
        number: whether it sorts as a number.
        rank: which columns come first at a narrow terminal, the lowest first.
    """

    title: str
    value: Callable[[Object], str]
    cell: str = ""
    in_metadata: bool = False
    absent: Callable[[Object], bool] | None = None
    number: bool = False
    rank: int = _LATER

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


def _state(environment: Object) -> str:
    """Return how an Environment is, for those who want to use it, in a word or two: what matters most."""
    conditions = {c["type"]: c for c in (environment.get("status") or {}).get("conditions") or ()}
    ready, deprecated = conditions.get("Ready") or {}, environment["spec"].get("deprecated")
    if "deletionTimestamp" in environment["metadata"]:
        return "Terminating"
    if ready.get("status") == "False":
        return f"Stalled: {ready['reason']}"
    if deprecated:
        return f"Deprecated → {deprecated['replacedBy']}" if deprecated.get("replacedBy") else "Deprecated"
    if ready.get("status") != "True":
        return "Reconciling"
    usage = environment["status"].get("usage") or {}
    return "Ready" if usage.get("workloads") or usage.get("templates") else "Unused"


def _has_no_description(environment: Object) -> bool:
    """Return whether nobody gave a description, by the fields that the API server keeps of each writer."""
    writers = environment["metadata"].get("managedFields") or ()
    return bool(writers) and not any("f:description" in _fields(writer).get("f:spec", {}) for writer in writers)


def _fields(writer: Object) -> Object:
    """Return the fields of one writer in the metadata."""
    fields: Object = writer.get("fieldsV1") or {}
    return fields


def _created(environment: Object) -> str:
    """Return when it was created."""
    return _time(environment["metadata"].get("creationTimestamp"))


def _updated(environment: Object) -> str:
    """Return when it was last changed."""
    from environment_operator.api.lifecycle import last_change

    return _time(last_change(environment))


def _last_used(environment: Object) -> str:
    """Return when it was used last, here or where it was imported from; empty when nobody used it yet."""
    before = (environment["metadata"].get("annotations") or {}).get(names.LAST_USED) or ""
    return _time((environment.get("status") or {}).get("lastUsedTime") or before)


def _time(stamp: str | None) -> str:
    """Return a point in time (UTC) as spreadsheets read it."""
    return (stamp or "").replace("T", " ").removesuffix("Z")


def _key(title: str) -> str:
    """Return a title without anything but letters, in small ones."""
    return "".join(c for c in title.lower() if c.isalnum())


COLUMNS: tuple[Column, ...] = (
    Column("Environment", _at("metadata", "name"), cell="Name", rank=0),
    Column("Description", _at("spec", "description"), absent=_has_no_description, rank=10),
    Column("Scope", _scope, cell="Scope", rank=5),
    Column("Image", _at("spec", "image"), cell="Image", rank=4),
    Column("Workload architecture", _at("spec", "architecture"), cell="Architecture", rank=9),
    Column("Tools", _tools, cell="Tools", rank=7),
    Column("Workloads", _at("status", "usage", "workloads"), cell="Workloads", number=True, rank=3),
    Column("Workload types", _items("workloadTypes"), cell="Types", rank=6),
    Column("Templates", _at("status", "usage", "templates"), cell="Templates", number=True, rank=8),
    Column("Created by", _at("metadata", "annotations", names.CREATED_BY), in_metadata=True, rank=11),
    Column("Creation time", _created, in_metadata=True, rank=12),
    Column("Cluster", _at("status", "cluster"), rank=13),
    Column("Ready", _ready, cell="Ready", rank=1),
    Column("Outdated", _at("status", "usage", "outdated"), number=True, rank=2),
    Column("State", _state),
    Column("Pod security", _at("status", "podSecurity")),
    Column("Last updated", _updated, in_metadata=True),
    Column("Last used", _last_used),
)
# Those of the original, in its order; the rest is ours.
ORIGINAL = COLUMNS[:12]
CLUSTER = "Cluster"
SCOPE = COLUMNS[2]
TOOLS = COLUMNS[5]
# How a scope and the tools end where the table shows the beginning.
_CUT = re.compile(r"\+\d+")


def by_rank(*, several: bool) -> list[Column]:
    """Return the columns for a terminal, those first that are shown longest where not all of them fit.

    Args:
        several: whether there is more than one cluster: then the cluster comes first, too.
    """
    first = [column for column in COLUMNS if several and column.title == CLUSTER]
    rest = sorted((column for column in COLUMNS if column.rank < _LATER), key=lambda column: column.rank)
    return [rest[0], *first, *(column for column in rest[1:] if column not in first)]


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
    raise Problem(f'there is no column "{name}". Choose one of {known}.', Exit.USAGE)


def of_object(environment: Object, columns: Iterable[Column], context: str) -> Row:
    """Return the row of a whole Environment, by title.

    Args:
        environment: it.
        columns: which values.
        context: the context's name, shown where no cluster name is set.
    """
    return named({column.title: column.value(environment) for column in columns}, context)


def lacks(table: Object, columns: Iterable[Column]) -> bool:
    """Return whether the API server's own table, made by an earlier definition, lacks something of some columns."""
    printed = {definition["name"] for definition in table.get("columnDefinitions") or ()}
    return any(column.cell and column.cell not in printed for column in columns)


def is_cut(row: Row) -> bool:
    """Return whether a row of the API server's table has only the beginning of a value, or no scope yet."""
    shortened = (row.get(column.title, "") for column in (SCOPE, TOOLS))
    return row.get(SCOPE.title) == "" or any(_CUT.fullmatch(text.rpartition(",")[2]) for text in shortened)


def lacks_of(metadata: Object, columns: Iterable[Column]) -> bool:
    """Return whether an Environment, of which only the metadata are known, may have a value in some columns."""
    return any(column.absent and not column.absent(metadata) for column in columns)


def of_table(table: Object, columns: Iterable[Column]) -> list[Row]:
    """Return the rows of the API server's own table, by title, as far as its cells and the metadata have the columns.

    A value that needs the whole Environment is empty.
    """
    places = {definition["name"]: place for place, definition in enumerate(table.get("columnDefinitions") or ())}
    picks = [(column.title, places[column.cell]) for column in columns if column.cell]
    others = {column.title: column.value for column in columns if column.in_metadata}
    empty = {column.title: "" for column in columns if column.absent}
    return [
        _row(row["cells"], picks) | {title: value(row["object"]) for title, value in others.items()} | empty
        for row in table.get("rows") or ()
    ]


def _row(cells: Sequence[Any], picks: Iterable[tuple[str, int]]) -> Row:
    """Return one row of the API server's table; a cell that is null is empty."""
    out = {title: "" if cells[place] is None else str(cells[place]) for title, place in picks}
    if scope := out.get(SCOPE.title):
        out[SCOPE.title] = _spelled_out(scope)
    return out


def _spelled_out(scope: str) -> str:
    """Return the scope of a cell with the kind of each place: the cell has it at the first of a kind."""
    kind, out = "", []
    for word in scope.split(","):
        first, slash, _ = word.partition("/")
        kind = f"{first}/" if slash else kind
        out.append(word if slash or _CUT.fullmatch(word) else f"{kind}{word}")
    return ",".join(out)


def named(row: Row, context: str) -> Row:
    """Return the row with the context's name where the cluster has none."""
    if row.get(CLUSTER) == "":
        row[CLUSTER] = context
    return row
