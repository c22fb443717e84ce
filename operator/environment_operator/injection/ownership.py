"""Objects that a controller of a kind in the table made: they are not validated, so nobody may pass for one. Pure."""

from collections.abc import Iterable
from typing import Any

from environment_operator.api import names
from environment_operator.injection import messages
from environment_operator.injection.context import Outcome
from environment_operator.kinds.table import Kind, is_derived

Object = dict[str, Any]


def is_made(item: Object | None, table: Iterable[Kind]) -> bool:
    """Return whether a controller of a kind in a table made an object, by what this says of its owners."""
    return is_derived(((item or {}).get("metadata") or {}).get("ownerReferences") or (), table)


def given_away(kind: Kind, new: Object, table: Iterable[Kind]) -> str:
    """Return why a stored workload may not become a controller's; empty when it may, or is none.

    Pods are adopted, and what runs of one does not change.

    Args:
        kind: its row in the kinds table.
        new: the workload as requested.
        table: the kinds table.
    """
    labels = (new.get("metadata") or {}).get("labels") or {}
    is_validated = is_made(new, table) and not kind.template_immutable and labels.get(names.REFERENCE)
    return messages.given_away(kind) if is_validated else ""


def is_left_alone(new: Object, old: Object, table: Iterable[Kind]) -> bool:
    """Return whether an object loses the controller that made it, as by ``kubectl delete --cascade=orphan``."""
    rows = tuple(table)
    return is_made(old, rows) and not is_made(new, rows)


def left_alone(kind: Kind, item: Object, *, is_last: bool) -> Outcome:
    """Return an object without reference, record and tools: what it runs, and says of itself, was never validated.

    It is not refused, for the garbage collector must not be kept from its work, unless they were added again.

    Args:
        kind: its row in the kinds table.
        item: the object; it is not changed.
        is_last: whether nothing may be changed any more.
    """
    meta = dict(item.get("metadata") or {})
    for field, is_ours in (("labels", names.is_reference), ("annotations", names.WRITTEN.__contains__)):
        kept = {key: value for key, value in (meta.get(field) or {}).items() if not is_ours(key)}
        if kept != (meta.get(field) or {}):
            meta[field] = kept
    if meta == item.get("metadata"):
        return Outcome(item)
    if is_last:
        return Outcome(None, messages.left_alone(kind))
    return Outcome({**item, "metadata": meta}, warnings=(messages.left_alone(kind),))
