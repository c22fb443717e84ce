"""Which values of a workload go, so that those of its Environment come. Pure."""

from collections.abc import Collection, Iterator
from typing import Any

from environment_operator.injection import record
from environment_operator.injection.overrides import LEAVES
from environment_operator.kinds.paths import get
from environment_operator.kinds.pod_templates import places
from environment_operator.kinds.table import Kind

Object = dict[str, Any]


def removed(kind: Kind, workload: Object, fields: Collection[str]) -> list[Object]:
    """Return the steps of a JSON patch that remove a workload's own values, as they are now, from its main containers.

    Args:
        kind: row of the workload's kind.
        workload: the workload.
        fields: fields of the Environment, as in ``spec.overridable``.
    """
    keys = [LEAVES[field] for field in fields]
    found = [(pointer(*at, key), own[key]) for at, own in _containers(kind, workload) for key in keys if key in own]
    return [
        step
        for path, value in found
        for step in ({"op": "test", "path": path, "value": value}, {"op": "remove", "path": path})
    ]


def pointer(*steps: str | int) -> str:
    """Return a JSON pointer."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def _containers(kind: Kind, workload: Object) -> Iterator[tuple[tuple[str | int, ...], Object]]:
    """Yield the container of each pod template that has the Environment, with where it is in the object."""
    entries = record.aligned(kind, workload)
    for place in places(kind, workload):
        entry = entries.get(place.key)
        own = get(place.template(workload), entry.main) if entry else None
        if entry is None or not isinstance(own, dict):
            continue
        _, listed, *name = entry.main
        spec = ("spec",) if place.row.spec else ()
        position = (place.template(workload)["spec"][listed].index(own),) if name else ()
        yield (*place.at, *spec, listed, *position), own
