"""Today's Environment into a workload that has an earlier one."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from environment_operator.api import names
from environment_operator.cli import lookup, taking
from environment_operator.cli.client.connection import JSON_PATCH, Connection
from environment_operator.cli.exit_codes import Problem
from environment_operator.kinds.table import Kind

Object = dict[str, Any]


def refresh(
    connection: Connection, workload: str, project: str, fields: Sequence[str] = (), *, dry_run: bool = False
) -> tuple[Kind, Object]:
    """Refresh one workload; return the row of its kind, and it as it was.

    Args:
        connection: the API server.
        workload: it, written as kind and name.
        project: its project.
        fields: what the workload says itself in these fields is removed.
        dry_run: whether nothing is to be stored.

    Raises:
        Problem: it uses no Environment, or cannot change.
    """
    kind, found, path = lookup.workload(connection, workload, project)
    if not (found["metadata"].get("labels") or {}).get(names.REFERENCE):
        raise Problem(f'{workload} in project "{project}" uses no Environment. Add the label {names.REFERENCE}.')
    if kind.template_immutable:
        raise Problem(f"a {kind.kind} cannot be changed after its creation. Delete {workload} and create it again.")
    stamp = datetime.now(UTC).isoformat(timespec="microseconds")
    query = {"dryRun": "All"} if dry_run else {}
    if removed := taking.removed(kind, found, fields):
        refresh = {"op": "add", "path": taking.pointer("metadata", "annotations", names.REFRESH), "value": stamp}
        connection.patch(path, [*removed, refresh], JSON_PATCH, **query)
    else:
        connection.patch(path, {"metadata": {"annotations": {names.REFRESH: stamp}}}, **query)
    return kind, found
