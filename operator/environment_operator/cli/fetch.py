"""Environments as rows of a table, of one cluster or of several. Whoever shows such a table reads it here."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from environment_operator.api import names
from environment_operator.cli.client.connection import ENVIRONMENTS, JSON, Connection
from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.output import columns as known
from environment_operator.cli.output.columns import COLUMNS, Column, Row
from environment_operator.kube.errors import ApiError

Object = dict[str, Any]
A = TypeVar("A")
T = TypeVar("T")
_META = "g=meta.k8s.io;v=v1"
_TABLE = f"{JSON};as=Table;{_META},{JSON}"
_NAME = COLUMNS[0]
# So many whole Environments are read one by one, where the table lacks something of them.
MOST_ALONE = 20


@dataclass(slots=True)
class Listed:
    """What was read of a cluster.

    Args:
        rows: a row for each Environment, by title.
        objects: the Environments themselves in the same order, where they were asked for.
        version: resource version of the list, where whole Environments were read.
        remaining: how many Environments come after these, while a list is read.
    """

    rows: list[Row] = field(default_factory=list)
    objects: list[Object] = field(default_factory=list)
    version: str = ""
    remaining: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A cluster that could not be read.

    Args:
        context: name of its context.
        error: why.
    """

    context: str
    error: Problem | ApiError


def gather(connections: Sequence[Connection], read: Callable[[Connection], T]) -> tuple[list[T], list[Failure]]:
    """Read something of each cluster, side by side; one that fails does not end the others.

    Args:
        connections: the clusters.
        read: what is done with each of them.

    Returns:
        What was read, in the order of the clusters, and which clusters could not be read.
    """
    # Kubeconfigs are read one after the other: a program that gives credentials may ask the user.
    unusable = {each: why for each in connections if (why := _unusable(each))}
    ready = [each for each in connections if each not in unusable]
    done = _side_by_side(lambda each: _tried(each, read), ready)
    failures = [*unusable.values(), *(each for each in done if isinstance(each, Failure))]
    return [each for each in done if not isinstance(each, Failure)], failures


def _side_by_side(do: Callable[[A], T], items: Sequence[A]) -> list[T]:
    """Return what `do` gives for each item, in their order. An interruption does not wait for an answer."""
    if not items:
        return []
    from multiprocessing.pool import ThreadPool

    # Its threads are daemons. Those of concurrent.futures are joined at exit: an API server that
    # does not answer would hold an interrupted command for as long as the request may take.
    with ThreadPool(len(items)) as pool:
        return pool.map(do, items, chunksize=1)


def _unusable(connection: Connection) -> Failure | None:
    """Return why a cluster cannot be reached by the kubeconfig, None when it may be."""
    try:
        connection.context  # noqa: B018 - the kubeconfig is read now
    except Problem as error:
        return Failure(connection.asked, error)
    return None


def _tried(connection: Connection, read: Callable[[Connection], T]) -> T | Failure:
    """Return what was read of a cluster, or why nothing was."""
    try:
        return read(connection)
    except (Problem, ApiError) as error:
        return Failure(connection.context, error)


def rows(connection: Connection, columns: Collection[Column], update: Callable[[str], None]) -> Listed:
    """Return a row for each Environment, without reading more than the columns need.

    The API server's own table is a tenth of the objects. It brings the metadata, half of the objects, where a column
    is in them. What the table shortens is in the object, and so are descriptions.

    Args:
        connection: the cluster.
        columns: which values.
        update: takes how far it has come.
    """
    found = None if any(_is_whole(column) for column in columns) else _from_table(connection, columns, update)
    return whole(connection, columns, update, keep=False) if found is None else Listed(found)


def whole(connection: Connection, columns: Collection[Column], update: Callable[[str], None], *, keep: bool) -> Listed:
    """Return a row for each Environment from the whole object; arguments as for `rows`, and whether to keep these."""
    out = Listed()
    for out in growing(connection, columns, keep=keep):
        update(str(len(out.rows)))
    return out


def growing(connection: Connection, columns: Collection[Column], *, keep: bool = False) -> Iterator[Listed]:
    """Yield what was read so far, in the order of names, after each page of whole Environments; it grows."""
    out = Listed()
    for page in connection.pages(ENVIRONMENTS):
        items = page.get("items") or ()
        out.rows += [known.of_object(each, columns, connection.context) for each in items]
        out.objects += [_described(each) for each in items if keep]
        out.version = page["metadata"]["resourceVersion"]
        out.remaining = int(page["metadata"].get("remainingItemCount") or 0)
        yield out


def _is_whole(column: Column) -> bool:
    """Return whether a column is read of whole Environments only."""
    return not (column.cell or column.in_metadata or column.absent or column.title == known.CLUSTER)


def _from_table(connection: Connection, columns: Collection[Column], update: Callable[[str], None]) -> list[Row] | None:
    """Return rows of the API server's own table; None where only whole Environments have all that is asked for."""
    out: list[Row] = []
    alone: list[Row] = []
    definitions: Any = None
    included = "Metadata" if any(column.in_metadata or column.absent for column in columns) else "None"
    for page in connection.pages(ENVIRONMENTS, _TABLE, includeObject=included):
        # Only the first page describes the columns.
        definitions = page.get("columnDefinitions") or definitions
        table = {**page, "columnDefinitions": definitions}
        if known.lacks(table, columns):
            return None
        found = known.of_table(table, columns)
        out += found
        alone += [row for row, each in zip(found, table.get("rows") or (), strict=True) if _lacks(row, each, columns)]
        if len(alone) > MOST_ALONE:
            return None
        update(str(len(out)))
    for row in alone:
        if whole := connection.find(f"{ENVIRONMENTS}/{row[_NAME.title]}"):
            row.update(known.of_object(whole, columns, connection.context))
    return [_in_order(row, columns) for row in _with_cluster(connection, columns, out)]


def _lacks(row: Row, of: Object, columns: Collection[Column]) -> bool:
    """Return whether a row of the table lacks something of its Environment."""
    return known.is_cut(row) or known.lacks_of(of.get("object") or {}, columns)


def _with_cluster(connection: Connection, columns: Collection[Column], found: list[Row]) -> list[Row]:
    """Return rows with the name of the cluster, where it is asked for."""
    if not any(column.title == known.CLUSTER for column in columns):
        return found
    name = _cluster(connection)
    return [row | {known.CLUSTER: name} for row in found]


def _cluster(connection: Connection) -> str:
    """Return what the operator calls the cluster, the same in each status; else the name of the context."""
    first: list[Object] = connection.get(ENVIRONMENTS, limit="1").get("items") or [{}]
    return str((first[0].get("status") or {}).get("cluster") or connection.context)


def _in_order(row: Row, columns: Iterable[Column]) -> Row:
    """Return a row with its values in the order of the columns."""
    return {column.title: row[column.title] for column in columns}


def _described(environment: Object) -> Object:
    """Return an Environment of a list as one that is read alone, without what only the API server needs."""
    meta = {key: value for key, value in environment["metadata"].items() if key != "managedFields"}
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, **environment, "metadata": meta}
