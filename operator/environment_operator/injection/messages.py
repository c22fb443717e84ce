"""The words of refusals: each names the object, the reason and the way out. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from environment_operator.api import names
from environment_operator.kinds.paths import get, is_nameless
from environment_operator.kinds.table import Kind

ANOTHER_CONTAINER = f"name the container that is to have the Environment in the annotation {names.CONTAINER}"
_SHOWN, _LISTED = 120, 10


def several(found: Iterable[str]) -> str:
    """Return refusals in one, each once; of very many the first ones."""
    every = list(dict.fromkeys(found))
    more = f"; and {len(every) - _LISTED} more" if len(every) > _LISTED else ""
    return "; ".join(every[:_LISTED]) + more


def too_late(seconds: float) -> str:
    """Return why a request is refused that could not be decided in time."""
    return f"the API server did not answer the operator within {seconds:g} s: try again"


def immutable(kind: Kind, name: str, before: str) -> str:
    """Return why the reference of a kind whose template cannot change stays as it is."""
    change = f"now uses {before!r}" if before else "uses no Environment"
    wish = f"use {name!r}" if name else "use none"
    return f"a {kind.kind} cannot change after its creation: it {change}; to {wish}, delete it and create it again"


def fixed_path(kind: Kind) -> str:
    """Return why a tool of a kind whose template cannot change stays where it is."""
    return (
        f"a {kind.kind} cannot change after its creation, and its container knows the path of the tool's URL: leave "
        f"the annotations {names.CUSTOM_TOOL}<tool> as they are, or delete it and create it again"
    )


def taken(tool: str, address: str, why: str) -> str:
    """Return why a tool cannot have the address that was asked for.

    Args:
        tool: name of the tool.
        address: the address.
        why: who has it, or what is wrong with it.
    """
    return f"the tool {tool!r} cannot have {address}, {why}: ask for another one with {names.CUSTOM_TOOL}{tool}"


def misfits(name: str, kind: Kind, fields: Iterable[str], features: Mapping[str, str]) -> str:
    """Return why an Environment cannot go into a kind.

    Args:
        name: name of the Environment.
        kind: row of the kind.
        fields: what it sets there.
        features: for some fields the feature that would make a place for it.
    """
    listed = list(fields)
    wanted = list(dict.fromkeys(features[field] for field in listed if field in features))
    where = f"the Environment {name!r} sets {', '.join(listed)}, for which a {kind.kind} has no place"
    if not wanted:
        return f"{where}: use another one"
    return (
        f"{where} unless its feature {', '.join(wanted)} is on: use another one; where it is on, have an administrator "
        f"give {kind.name} a row that knows it"
    )


def left_out(name: str, place: str, by: str, keys: Iterable[str]) -> str:
    """Return that command or arguments do not go into a container that the kind's controller starts.

    Args:
        name: name of the Environment.
        place: path of the container.
        by: what runs there.
        keys: which of them do not go there.
    """
    return (
        f'Environment "{name}": {" and ".join(keys)} left out of {place}, which runs {by}. Set them there to run them.'
    )


def starts_itself(name: str, place: str, by: str, fields: Iterable[str]) -> str:
    """Return why an Environment whose command has to run cannot go there; the first arguments are those of `left_out`.

    Args:
        name: name of the Environment.
        place: path of the container.
        by: what runs there.
        fields: which of command and arguments it does not let be overridden.
    """
    listed = " and ".join(fields)
    return (
        f'Environment "{name}": {place} runs {by}, and the Environment does not let {listed} be overridden. '
        f"Use an Environment with {listed} in spec.overridable, or without them."
    )


def no_ids(name: str, user: str, problem: str) -> str:
    """Return why somebody without ids cannot use an Environment that takes them from the token.

    Args:
        name: name of the Environment.
        user: who makes the request.
        problem: what is wrong with their claims, empty when there are none.
    """
    return (
        f"the Environment {name!r} takes user and groups from the identity token, and {_none(user, problem)}: "
        "submit it as a person whose token has them, or use an Environment with user.source Custom"
    )


def not_the_submitter(name: str, submitter: str, user: str, problem: str) -> str:
    """Return why somebody without ids cannot change what runs as somebody else; as `no_ids`."""
    return (
        f"the pods run with the ids of {submitter!r}, because the Environment {name!r} takes them from the identity "
        f"token, and {_none(user, problem)}: let {submitter!r} make this change, or somebody whose token has "
        "them; a pipeline needs an Environment with user.source Custom"
    )


def _none(user: str, problem: str) -> str:
    """Return that a token has no ids."""
    return f"in that of {user!r} {problem}" if problem else f"that of {user!r} has none"


def no_role(kind: Kind, label: str, roles: Iterable[str]) -> str:
    """Return why a label for a role is refused."""
    listed = ", ".join(roles)
    has = f"its roles are: {listed}" if listed else "it has none"
    return f"the label {label} names no role of this {kind.kind} and has no effect: {has}"


def stray(kind: Kind, role: str) -> str:
    """Return why a role that is none of the kind's, or is written otherwise, is refused."""
    known = next((each for each in kind.spellings if each.lower() == role.lower()), "")
    way_out = f"write {known}" if known else f"leave it out; the roles are: {', '.join(kind.spellings)}"
    return (
        f"{kind.roles_in}.{role}: a {kind.kind} with the label {names.REFERENCE} has no such role, and its pods would "
        f"have nothing of the Environment: {way_out}"
    )


def no_template(kind: Kind, item: Mapping[str, Any]) -> str:
    """Return why a reference of an object without a pod template is refused."""
    if kind.borrows and get(item, tuple(kind.borrows.split("."))) is not None:
        return (
            f"this {kind.kind} has the pod templates of another object, see {kind.borrows}: refer to the Environment "
            f"there, and leave out the label {names.REFERENCE} here"
        )
    if kind.instead:
        return f"no Environment can be put into a {kind.kind}: {kind.instead}, without the label {names.REFERENCE}"
    where = " or ".join(row.path for row in kind.pod_templates)
    return f"the {kind.kind} has no pod template at {where}: give it one"


def no_container(chosen: str, listed: Iterable[str]) -> str:
    """Return why no container can receive the Environment."""
    wish = f"the annotation {names.CONTAINER} names {chosen!r}" if chosen else "a container is missing"
    return f"{wish}; the containers are: {', '.join(listed) or 'none'}"


def no_names(where: Iterable[str]) -> str:
    """Return why nobody knows which of some containers receives the Environment."""
    return (
        f"nothing says which of {', '.join(where)} receives the Environment: give them names, and {ANOTHER_CONTAINER}"
    )


def no_image(container: str, where: str, *, alone: bool) -> str:
    """Return why a container without an image is refused.

    Args:
        container: its name, empty or a position for none.
        where: the path of the container.
        alone: whether it is the only one.
    """
    called = where if is_nameless(container) else f"the container {container!r}"
    return f"{called} has no image of its own: give it one{'' if alone else f', or {ANOTHER_CONTAINER}'}"


def override(place: str, environment: str, field: str, given: Any, expected: Any) -> str:
    """Return why a guarded path may not be what it is.

    Args:
        place: the path in the object.
        environment: name of the Environment.
        field: the field of the Environment that guards it.
        given: what stands there.
        expected: what the Environment has, None for nothing.
    """
    return (
        f"{place} is {_short(given)}, the Environment {environment!r} {_has(expected)} and guards {field}: "
        f"leave it out, or use an Environment with {_overridable(field)}"
    )


def contradiction(environment: str, field: str, theirs: tuple[str, Any], ours: tuple[str, Any]) -> str:
    """Return why something of the submitter's cannot stand beside something of the Environment's.

    Args:
        environment: name of the Environment.
        field: the field of the Environment that its value is of.
        theirs: path and value of the submitter's.
        ours: path and value of the Environment's.
    """
    given, value = (f"{place}: {_short(found)}" for place, found in (theirs, ours))
    return (
        f'Environment "{environment}": {given} does not go with {value}, which the Environment does not let be '
        f"overridden. Remove it, or use an Environment with {_overridable(field)}."
    )


def _overridable(field: str) -> str:
    """Return what an Environment needs so that a field may be overridden: ids have to be its own for that."""
    return f"{'user.source Custom and ' if field == 'User' else ''}{field} in spec.overridable"


def repeated(place: str, environment: str, field: str, given: Any, expected: Any) -> str:
    """Return why a refresh is refused whose workload has had a value of its own; arguments as for `override`."""
    return (
        f'{place}: {_short(given)} is a value of the workload, Environment "{environment}" {_has(expected)} and guards '
        f"{field}. Remove it, for instance with kubectl environment refresh --take {field}."
    )


def missing(place: str, environment: str, field: str, expected: Any) -> str:
    """Return why a guarded path may not be missing; arguments as for `override`."""
    return (
        f"{place} is missing, the Environment {environment!r} {_has(expected)} and guards {field}: "
        "another webhook took it away after it was put in, have that one leave it there"
    )


def not_filled_in(place: str, environment: str, variable: str) -> str:
    """Return that a variable needs a value."""
    return (
        f"{place}: the Environment {environment!r} needs a value for the variable {variable}: give it one in env; what "
        "envFrom gives is not looked into"
    )


def changed(name: str) -> str:
    """Return why a reference is refused that was filled in from another state of the Environment."""
    return f"the Environment {name!r} was changed a moment ago: try again"


def not_put_in(name: str) -> str:
    """Return why a reference that admission did not see is refused."""
    return (
        f"the Environment {name!r} was not put in: the label {names.REFERENCE} came after the operator had its turn; "
        "have the webhook that sets it run before, or set the label yourself"
    )


def taken_away(name: str) -> str:
    """Return why a workload is refused that lost its record."""
    return (
        f"the annotation {names.RECORD} says what the Environment {name!r} put in, and another webhook took it away: "
        "have that one leave it there"
    )


def too_long(kind: Kind, most: int) -> str:
    """Return why an object cannot hold what is remembered of its Environment."""
    return (
        f"the record of what is put into the pod templates makes the annotations of this {kind.kind} longer than may "
        f"be, in bytes {most} is the most: use fewer templates, or an Environment that sets less"
    )


def left_alone(kind: Kind) -> str:
    """Return why an object that loses its controller loses its Environment with it."""
    way_out = "delete it and create it again" if kind.template_immutable else "give it the label again"
    return (
        f"the label {names.REFERENCE} goes with the controller that the {kind.kind} had, for nobody has judged what it "
        f"runs: {way_out} to use the Environment"
    )


def given_away(kind: Kind) -> str:
    """Return why a workload may not become a controller's."""
    return (
        f"a {kind.kind} with the label {names.REFERENCE} stays as it was made, without a controller: leave "
        "metadata.ownerReferences as they were, or take the label away first"
    )


def _has(expected: Any) -> str:
    """Return what an Environment has."""
    return "has none" if expected is None else f"has {_short(expected)}"


def _short(value: Any) -> str:
    """Return a value for a message; a long one is cut."""
    return shortened(value.get("value", value) if isinstance(value, dict) and "name" in value else value)


def shortened(value: Any) -> str:
    """Return a value as Python writes it; a long one is cut."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
