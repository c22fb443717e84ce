"""Who may use an Environment for what: the rules for new references, each refusal in its own words. Pure.

A reference that is stored is never validated again: a workload goes on when its Environment changes or goes.
"""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from environment_operator.api import names
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.injection import messages
from environment_operator.injection.context import Project, Published, Refusal, Refused, RequestContext
from environment_operator.kinds import third_party
from environment_operator.kinds.paths import get
from environment_operator.kinds.pod_templates import lacks_template, places, strays
from environment_operator.kinds.table import BUILTIN, Kind
from environment_operator.spec import scope
from environment_operator.spec.eligible_kinds import fits, framework, in_words, kinds_for

# How many names are compared with one that there is not, and by how many characters those differ in length at most.
_COMPARED, _TYPED = 100, 3
_SHOWN = 120

Item = Mapping[str, Any]
_TABLE = (*BUILTIN, *third_party.ROWS)


def check_labels(kind: Kind, new: dict[str, Any], old: dict[str, Any] | None) -> None:
    """Validate the labels of a workload that name Environments.

    Args:
        kind: the row of its kind.
        new: the workload as requested.
        old: the workload as stored; None on CREATE.

    Raises:
        Refused: a new one names a role that the workload does not write out, or as for `check_templates`.
    """
    before = get(old or {}, ("metadata", "labels")) or {}
    for label, roles in idle_labels(kind, new):
        if label not in before or before[label] != new["metadata"]["labels"][label]:
            raise Refused(messages.no_role(kind, label, roles))
    check_templates(kind, new, old)


def idle_labels(kind: Kind, workload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the labels of a workload for roles that it does not write out, each with the roles that it does."""
    labels = get(workload, ("metadata", "labels")) or {}
    given = [label for label in labels if label.startswith(names.ROLE_REFERENCE)]
    roles = sorted({place.role for place in places(kind, workload)} - {""}) if given else []
    return [(label, roles) for label in given if label.removeprefix(names.ROLE_REFERENCE) not in roles]


def check_templates(kind: Kind, new: dict[str, Any], old: dict[str, Any] | None) -> None:
    """Validate that a reference has pod templates, and all of them; arguments as above.

    Raises:
        Refused: it has none, or there are some for whose roles the kind has no place.
    """
    if lacks_template(kind, new, old):
        raise Refused(messages.no_template(kind, new))
    for role in strays(kind, new, old):
        raise Refused(messages.stray(kind, role))


def usable(around: RequestContext, name: str, kind: Kind, item: Item) -> Published:
    """Return the Environment of a new reference.

    Args:
        around: what is known around the request.
        name: its name.
        kind: row of the workload's kind.
        item: the workload.

    Raises:
        Refused: it may not be used.
    """
    environment = around.find(name)
    if environment is None:
        raise Refused(unknown(name, around.known), Refusal.NOT_FOUND)
    if environment.problem or environment.spec is None:
        raise Refused(messages.unusable(name, environment.problem), Refusal.UNUSABLE)
    if why := refusal(name, environment.spec, kind, item, around.project):
        raise Refused(why, Refusal.NOT_ELIGIBLE)
    return environment


def unknown(name: str, known: Collection[str]) -> str:
    """Return that there is no Environment of a name, with the nearest one among some that there are."""
    near = list(islice(_alike(name, known), _COMPARED))
    # Without a candidate there is nothing to compare: the label may be longer than any name.
    found = difflib.get_close_matches(name, near, 1) if near else ()
    hint = f' (did you mean "{found[0]}"?)' if found else ""
    return (
        f'Environment "{name[:_SHOWN]}" does not exist{hint}. Create it, or correct label {names.REFERENCE}; if it is '
        "part of the same set of manifests, apply the set again."
    )


def _alike(name: str, known: Collection[str]) -> Iterator[str]:
    """Yield the names that may be meant: about as long, those that begin or end like it first."""
    half = len(name) // 2
    near = [each for each in known if abs(len(each) - len(name)) <= _TYPED]
    likely = {each for each in near if each[:half] == name[:half] or each[-half:] == name[-half:]}
    yield from sorted(likely)
    yield from (each for each in near if each not in likely)


def refusal(name: str, spec: EnvironmentSpec, kind: Kind, item: Item, project: Project) -> str:
    """Return why a workload may not use an Environment, empty when it may.

    Args:
        name: name of the Environment.
        spec: its spec.
        kind: row of the workload's kind.
        item: the workload.
        project: where it is.
    """
    if kind.instead:
        return messages.no_template(kind, item)
    rules: tuple[Callable[[], str], ...] = (
        lambda: _scope(spec, project),
        lambda: _types(spec, kind, item),
        lambda: _architecture(spec, kind, item),
    )
    why = next(filter(None, (rule() for rule in rules)), "")
    return messages.unusable(name, why) if why else ""


def _scope(spec: EnvironmentSpec, project: Project) -> str:
    """Return why it is not in scope."""
    if scope.includes(spec.scope, project.name, project.department):
        return ""
    there = f"it is for {messages.cut(scope.in_full(spec.scope), _SHOWN)}, not for {project}"
    return f"{there}. Choose one from kubectl get {names.CRD_NAME}, or ask its author to widen spec.scope."


def _types(spec: EnvironmentSpec, kind: Kind, item: Item) -> str:
    """Return why the workload type does not fit, and the way out."""
    wanted = (get(item, ("metadata", "labels")) or {}).get(names.WORKLOAD_TYPE)
    if wanted is not None and wanted not in kind.types:
        listed = ", ".join(kind.types)
        return f'label {names.WORKLOAD_TYPE} is "{wanted}", which a {kind.kind} cannot be. Set it to one of: {listed}.'
    possible = (wanted,) if wanted else kind.types
    if set(possible) & set(spec.workload_types):
        return ""
    is_now = " or ".join(possible)
    why = f"it is for workload types {', '.join(spec.workload_types)}; this {kind.kind} is {is_now}"
    if others := [each for each in kind.types if each in spec.workload_types]:
        return f"{why}. Set label {names.WORKLOAD_TYPE}: {others[0]}, or use an Environment for {is_now}."
    return f"{why}. {_instead(spec, f'an Environment for {is_now}')}"


def _architecture(spec: EnvironmentSpec, kind: Kind, item: Item) -> str:
    """Return why architecture or framework do not fit, and the way out."""
    found = framework(kind, item)
    if fits(spec, found):
        return ""
    if found and spec.architecture == "Distributed":
        why = f"it is for the framework {spec.framework}; a {kind.kind} is {found}"
        return f"{why}. {_instead(spec, f'an Environment for the framework {found}')}"
    is_now = "Distributed" if found else "Standard"
    why = f"it is for {spec.architecture} workloads; this {kind.kind} is {is_now}"
    way_out = _instead(spec, f"an Environment with architecture {is_now}")
    if not kind.indexed:
        return f"{why}. {way_out}"
    mode = "remove" if found else "set"
    return f"{why}. For {spec.architecture} {mode} {kind.indexed}: Indexed. {way_out}"


def _instead(spec: EnvironmentSpec, other: str) -> str:
    """Return which kinds can use an Environment, or which other one is needed."""
    found = sorted(kinds_for(spec, _TABLE), key=lambda kind: kind.framework != spec.framework)
    return f"Use a {in_words(found)}, or {other}." if found else f"Use {other}."
