"""Requests from which admission makes messages: short workloads, through both webhooks."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from builders import KINDS, around, published, template_path, workload
from environment_operator.api import names
from environment_operator.injection.context import Outcome, Published, RequestContext
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.paths import get
from environment_operator.kinds.table import Kind
from environment_operator.kinds.third_party import ROWS

Object = dict[str, Any]
Change = Callable[[Object], None]
TABLE: Mapping[str, Kind] = {kind.kind: kind for kind in (*ROWS, *KINDS.values())}
IMAGE = "registry.example/team/jupyter:4.2"


def jupyter(**fields: Any) -> Published:
    """Return the Environment ``jupyter``."""
    return published("jupyter", **fields)


def made(kind: str = "Deployment", reference: str | None = "jupyter", **container: Any) -> Object:
    """Return a workload of a built-in kind whose only container has some fields; None for no reference."""
    item = workload(kind, "w", "team", reference)
    pod(item)["containers"] = [{"name": "main", **container}]
    return item


def pod(item: Object) -> Object:
    """Return the pod spec of a workload of a built-in kind."""
    found: Object = get(item, (*template_path(TABLE[item["kind"]]), "spec"))
    return found


def main(item: Object) -> Object:
    """Return the first container."""
    found: Object = pod(item)["containers"][0]
    return found


def changed(item: Object, *changes: Change) -> Object:
    """Return a changed copy."""
    out = copy.deepcopy(item)
    for change in changes:
        change(out)
    return out


def annotated(key: str, value: str) -> Change:
    """Return the change that sets an annotation."""
    return lambda item: item["metadata"].setdefault("annotations", {}).update({key: value})


def labelled(key: str, value: str) -> Change:
    """Return the change that sets a label."""
    return lambda item: item["metadata"].setdefault("labels", {}).update({key: value})


def refresh(item: Object) -> None:
    """Ask for today's Environment."""
    annotated(names.REFRESH, "again")(item)


def outcome(new: Object, old: Object | None, known: RequestContext, later: Change | None = None) -> Outcome:
    """Return what becomes of a request, with another webhook after the one that injects."""
    kind = TABLE[new["kind"]]
    injected = admit(kind, new, old, known)
    if injected.workload is None:
        return injected
    if later:
        later(injected.workload)
    last = approve(kind, injected.workload, old, known)
    return Outcome(last.workload, last.refusal, injected.warnings)


def stored(new: Object, *environments: Published, **known: Any) -> Object:
    """Return what is stored of a request that passes."""
    found = outcome(new, None, around(*environments, **known))
    assert found.workload is not None, found.refusal
    return copy.deepcopy(found.workload)


def refusal(
    new: Object, *environments: Published, old: Object | None = None, later: Change | None = None, **known: Any
) -> str:
    """Return with what a request is refused.

    Args:
        new: the object as requested.
        environments: the Environments that there are.
        old: the object as stored, None to create it.
        later: what another webhook does after ours.
        known: what else is known around the request.
    """
    found = outcome(new, old, around(*environments, **known), later)
    assert found.workload is None, "it passes"
    return found.refusal


def warnings(new: Object, *environments: Published, old: Object | None = None, **known: Any) -> tuple[str, ...]:
    """Return of what a request that passes warns; arguments as for `refusal`."""
    found = outcome(new, old, around(*environments, **known))
    assert found.workload is not None, found.refusal
    return found.warnings
