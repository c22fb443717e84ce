"""Environments and their users in one set of files, validated as they will be once all of it is applied."""

from collections.abc import Callable, Sequence
from typing import Any

from environment_operator.api import names
from environment_operator.api.references import references
from environment_operator.cli import apply, checking, lookup
from environment_operator.cli.client.connection import ENVIRONMENTS, Connection
from environment_operator.cli.exit_codes import Exit, Problem

Object = dict[str, Any]
Find = Callable[[str], Object | None]


def finder(connection: Connection, given: Sequence[Object]) -> Find:
    """Return what finds an Environment by name: as it will be where the files have it, else that of the cluster."""
    known: dict[str, Object] = {}

    def find(name: str) -> Object | None:
        if name not in known:
            stored = connection.find(f"{ENVIRONMENTS}/{name}")
            wanted = next((each for each in given if each["metadata"].get("name") == name), None)
            if wanted is not None:
                with apply.validated(connection):
                    stored = apply.as_applied(connection, stored, wanted)
            if stored is None:
                return None
            known[name] = stored
        return known[name]

    return find


def referred(workload: Object) -> str:
    """Return the Environment that a workload refers to, empty for none."""
    return str((workload["metadata"].get("labels") or {}).get(names.REFERENCE) or "")


def require_admitted(connection: Connection, workload: Object, given: Sequence[Object]) -> None:
    """Raise when a workload would be refused once the Environments of the files are applied.

    Raises:
        Problem: it would be.
    """
    if not (name := referred(workload)):
        return
    find, kind = finder(connection, given), lookup.kind_of(workload, lookup.kinds(connection))
    others = references(workload["metadata"]["labels"], roles=bool(kind.roles)) - {name}
    found = find(name)
    if found is None:
        raise Problem(f'there is no Environment "{name}" in the files or in the cluster. Create it.', Exit.NOT_FOUND)
    project = workload["metadata"].get("namespace") or connection.namespace
    case = checking.Case(
        environment=found,
        others=list(filter(None, map(find, sorted(others)))),
        project=project,
        namespace=lookup.namespace(connection, project),
        workloads=[(kind, workload)],
        whole=True,
    )
    if reasons := list(checking.reasons(case)):
        raise Problem(" ".join(reasons), Exit.REFUSED)
