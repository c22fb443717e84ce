"""The words of refusals: each names the object, what is wrong with which field, and the way out. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from environment_operator.api import names
from environment_operator.kinds.paths import get, is_nameless
from environment_operator.kinds.table import Kind
from environment_operator.kube.errors import Reason

# How the warning begins that the API server refuses the pods of an Environment; the plugin knows it by this.
UNUSABLE = f"{Reason.INVALID_FRAGMENT}, so no workload can use this Environment"
# Why an Environment takes no new references, for `unusable`.
DELETED = "it is being deleted. Use another one."
RELEASED = (
    f"it is not protected from deletion. Remove its annotation {names.ALLOW_DELETE_IN_USE}, or use another Environment."
)
UNPROTECTED = "it is not protected from deletion yet. Try again."
_SHOWN, _LISTED, _CUT = 60, 10, 160
_WEBHOOK = "was removed by another webhook. Configure that webhook to keep it."


def several(found: Iterable[str]) -> str:
    """Return refusals in one, each once; of very many the first ones."""
    every = list(dict.fromkeys(found))
    more = [f"And {len(every) - _LISTED} more."] if len(every) > _LISTED else []
    return " ".join((*every[:_LISTED], *more))


def too_late(seconds: float) -> str:
    """Return why a request is refused that could not be decided in time."""
    return f"The API server did not answer environment-operator within {seconds:g} s. Try again."


def too_large(most: str) -> str:
    """Return why a review is not decoded that has more than ``most``, such as ``200000 values``."""
    return (
        f"The object, with its stored state and its managedFields, has more than {most}, too many for an "
        f"Environment. Make it smaller, or remove the label {names.REFERENCE}."
    )


def no_default(project: str, name: str, why: str) -> str:
    """Return why a workload that names no Environment does not get the default one of its project."""
    return f'Namespace "{project}": the default Environment "{name}" is not used. {why}'


def no_row(resource: str) -> str:
    """Return why a request is refused for whose resource there is a webhook rule and no kind."""
    return (
        f'resource "{resource}" is not in the kinds table of environment-operator. Add a row for it, or remove '
        "the rule from the webhook configuration."
    )


def unfit(kind: Kind, where: object) -> str:
    """Return that something of another type stands at a path than Kubernetes has there."""
    return f"{where}: not of the type that a {kind.kind} has there. Correct the field."


def unusable(name: str, problem: str) -> str:
    """Return why an Environment takes no new references; the problem is a sentence, or more, about ``it``."""
    return f'Environment "{name}" cannot be used: {problem}'


def stalled(reason: str, message: str) -> str:
    """Return what is wrong with an Environment that cannot work, for `unusable`."""
    return f"{reason}: {cut(message.rstrip('.'), _CUT)}. Use another Environment, or ask its author to correct it."


def immutable(kind: Kind, name: str, before: str) -> str:
    """Return why the reference of a kind whose template cannot change stays as it is."""
    has = f'uses Environment "{before}"' if before else "uses no Environment"
    wish = "use none" if not name else f'use Environment "{name}"' if name != before else "refresh it"
    return (
        f"label {names.REFERENCE}: a {kind.kind} cannot change its pods after creation, and this one {has}. "
        f"To {wish}, delete the {kind.kind} and create it again."
    )


def fixed_path(kind: Kind) -> str:
    """Return why a tool of a kind whose template cannot change stays where it is."""
    return (
        f"The URL of a tool of a {kind.kind} cannot change after creation, because its container has the path. "
        f"Keep the annotations {names.CUSTOM_TOOL}<tool>, or delete the {kind.kind} and create it again."
    )


def taken(tool: str, address: str, why: str) -> str:
    """Return why a tool cannot have the address that was asked for.

    Args:
        tool: name of the tool.
        address: the address.
        why: who has it, or what is wrong with it.
    """
    return (
        f'tool "{tool}" cannot have {address}: {cut(why, _CUT)}. '
        f"Set annotation {names.CUSTOM_TOOL}{tool} to another address."
    )


# Fields of an Environment that no field of a kind keeps: what else decides is the controller, a runtime or a template.
NODE_NETWORK, FROM_ELSEWHERE = "security without hostNetwork", frozenset({"security", "user"})


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
    if NODE_NETWORK in listed:
        return (
            f'Environment "{name}" sets {NODE_NETWORK}, which the controller gives the pods of a {kind.kind}. '
            "Use one with hostNetwork, or with Security in spec.overridable."
        )
    if FROM_ELSEWHERE.intersection(listed):
        return (
            f'Environment "{name}" sets {", ".join(listed)}, for which a {kind.kind} has no field: '
            "its pods have them from a runtime or a template. Use the Environment there, or another one here."
        )
    what = f'Environment "{name}" sets {", ".join(listed)}, for which a {kind.kind} has no field'
    if not wanted:
        return f"{what}. Use an Environment without it."
    return (
        f"{what} unless its feature {', '.join(wanted)} is on. Use an Environment without it, or ask an administrator "
        f"to turn the feature on and add a row for {kind.name} that has it."
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
        f'Environment "{name}": {place} runs {by}, and the Environment does not allow {listed} to be overridden. '
        f"Use an Environment with {listed} in spec.overridable, or without them."
    )


def no_ids(name: str, user: str, problem: str) -> str:
    """Return why a person without ids cannot use an Environment that takes them from the token.

    Args:
        name: name of the Environment.
        user: who makes the request.
        problem: what is wrong with their claims, empty when there are none.
    """
    return (
        f'Environment "{name}" takes user and groups from the identity token, and {_none(user, problem)}. '
        "Submit the workload as a person whose token has them, or use an Environment with user.source Custom."
    )


def not_the_submitter(name: str, submitter: str, user: str, problem: str) -> str:
    """Return why a person without ids cannot change what runs as another person; as `no_ids`."""
    return (
        f'The pods run with the ids of "{submitter}" (Environment "{name}"), and {_none(user, problem)}. '
        f'Make the change as "{submitter}" or as a person whose token has ids; for a pipeline, use an Environment with '
        "user.source Custom."
    )


def _none(user: str, problem: str) -> str:
    """Return that a token has no ids."""
    return f'the token of "{user}" has a wrong one: {problem}' if problem else f'the token of "{user}" has none'


def no_role(kind: Kind, label: str, roles: Iterable[str]) -> str:
    """Return why a label for a role is refused."""
    listed, role = ", ".join(roles), label.removeprefix(names.ROLE_REFERENCE)
    way_out = f"Use one of its roles: {listed}." if listed else "Remove the label."
    return f'label {label} has no effect: this {kind.kind} has no role "{role}". {way_out}'


def stray(kind: Kind, role: str) -> str:
    """Return why a role that is none of the kind's, or is written otherwise, is refused."""
    known = next((each for each in kind.spellings if each.lower() == role.lower()), "")
    way_out = f"Rename it to {known}." if known else f"Use one of the roles: {', '.join(kind.spellings)}."
    return (
        f'{kind.roles_in}.{role}: a {kind.kind} has no role "{role}", so its pods would have nothing of the '
        f"Environment. {way_out}"
    )


def no_template(kind: Kind, item: Mapping[str, Any]) -> str:
    """Return why a reference of an object without a pod template is refused."""
    if kind.borrows and get(item, tuple(kind.borrows.split("."))) is not None:
        return (
            f"{kind.borrows}: this {kind.kind} has the pod templates of another object. Set the label "
            f"{names.REFERENCE} on that object, and remove it here."
        )
    if kind.instead:
        return f"A {kind.kind} cannot use an Environment. Remove the label {names.REFERENCE}, and {kind.instead}."
    where = " or ".join(row.path for row in kind.pod_templates)
    return f"The {kind.kind} has no pod template at {where}. Add one."


def no_container(chosen: str, listed: Iterable[str]) -> str:
    """Return why no container can receive the Environment."""
    found = ", ".join(listed)
    if not chosen:
        return "The pod template has no container for the Environment. Add one."
    way_out = f"Use one of: {found}." if found else "Add the container, or remove the annotation."
    return f'annotation {names.CONTAINER}: there is no container "{chosen}". {way_out}'


def no_names(where: Iterable[str]) -> str:
    """Return why it is not known which of some containers receives the Environment."""
    return (
        f"{', '.join(where)} have no names, so it is not known which one receives the Environment. Name them, and set "
        f"annotation {names.CONTAINER} to one of the names."
    )


def no_image(container: str, where: str, *, alone: bool) -> str:
    """Return why a container without an image is refused.

    Args:
        container: its name, empty or a position for none.
        where: the path of the container.
        alone: whether it is the only one.
    """
    called = "this container" if is_nameless(container) else f'container "{container}"'
    other = "" if alone else f", or set annotation {names.CONTAINER} to the container that receives the Environment"
    return f"{where}.image: missing, and no Environment gives {called} one. Add an image{other}."


def override(place: str, environment: str, field: str, given: Any, expected: Any, *, alone: bool = True) -> str:
    """Return why a field of the Environment may not be overridden.

    Args:
        place: the path in the object.
        environment: name of the Environment.
        field: the field of the Environment that the path belongs to.
        given: what stands there.
        expected: what the Environment has, None for nothing.
        alone: whether there is no other container that could receive the Environment.
    """
    theirs = f'{_short(expected)} from Environment "{environment}"'
    what = f"overrides {theirs}" if expected is not None else f'is not in Environment "{environment}"'
    way_out = "Remove the field, or use an Environment with"
    if not alone:
        way_out = f"Remove the field, set annotation {names.CONTAINER} to another container, or use one with"
    return f"{place}: {_short(given)} {what}, {_fixed(field)}. {way_out} {_overridable(field)}."


def contradiction(environment: str, field: str, theirs: tuple[str, Any], ours: tuple[str, Any]) -> str:
    """Return why something of the submitter's conflicts with something of the Environment's.

    Args:
        environment: name of the Environment.
        field: the field of the Environment that its value is of.
        theirs: path and value of the submitter's.
        ours: path and value of the Environment's.
    """
    (place, given), (other, value) = theirs, ours
    return (
        f'{place}: {_short(given)} conflicts with {other}: {_short(value)} from Environment "{environment}", '
        f"{_fixed(field)}. Remove it, or use an Environment with {_overridable(field)}."
    )


def _fixed(field: str) -> str:
    """Return that an Environment keeps a field as it is."""
    return f"which does not allow {field} to be overridden"


def _overridable(field: str) -> str:
    """Return what an Environment needs so that a field may be overridden: ids have to be its own for that."""
    return f"{'user.source Custom and ' if field == 'User' else ''}{field} in spec.overridable"


def repeated(place: str, environment: str, field: str, expected: Any, item: Mapping[str, Any]) -> str:
    """Return why a refresh is refused whose workload has had a value of its own.

    Args:
        place: the path in the object.
        environment: name of the Environment.
        field: the field of the Environment that the path belongs to.
        expected: what the Environment has, None for nothing.
        item: the workload.
    """
    meta = item.get("metadata") or {}
    where = f" -n {meta['namespace']}" if meta.get("namespace") else ""
    return (
        f'{place}: the workload has a value of its own, and Environment "{environment}", which has '
        f"{'none' if expected is None else _short(expected)}, does not allow {field} to be overridden. "
        f"Run kubectl environment refresh {item.get('kind')}/{meta.get('name')}{where} --take {field}."
    )


def missing(place: str, environment: str, expected: Any) -> str:
    """Return why a field that was injected, and may not be overridden, may not be missing; as for `override`."""
    return f'{place}: {_short(expected)} from Environment "{environment}" {_WEBHOOK}'


def not_filled_in(place: str, environment: str, variable: str) -> str:
    """Return that a variable needs a value."""
    return (
        f'{place}: Environment "{environment}" requires a value for variable {variable}. '
        "Set it in env: what envFrom gives is not read."
    )


def changed(name: str) -> str:
    """Return why a reference is refused that was injected from another state of the Environment."""
    return f'Environment "{name}" was changed during the request. Try again.'


def not_injected(name: str) -> str:
    """Return why a reference that the mutating webhook did not see is refused."""
    return (
        f'Environment "{name}" was not injected: label {names.REFERENCE} was added by a webhook that runs after '
        "environment-operator. Set the label in the manifest, or order that webhook first."
    )


def taken_away(name: str) -> str:
    """Return why a workload is refused that lost its record."""
    return f'annotation {names.RECORD}, the record of what Environment "{name}" injected, {_WEBHOOK}'


def too_long(kind: Kind, most: int) -> str:
    """Return why an object cannot hold the record of its Environment."""
    return (
        f"metadata.annotations: the record of what is injected into this {kind.kind} has more than {most} bytes. "
        "Use fewer pod templates, or an Environment that sets less."
    )


def left_alone(kind: Kind) -> str:
    """Return why an object that loses its controller loses its Environment with it."""
    way_out = f"Delete the {kind.kind} and create it" if kind.template_immutable else "Add the label"
    return (
        f"label {names.REFERENCE} was removed together with the owner reference: an object owned by a controller was "
        f"never validated. {way_out} again to use the Environment."
    )


def given_away(kind: Kind) -> str:
    """Return why a workload may not become a controller's."""
    return (
        f"metadata.ownerReferences: a {kind.kind} with the label {names.REFERENCE} cannot become owned by a "
        "controller. Keep the field as it was, or remove the label first."
    )


def _short(value: Any) -> str:
    """Return a value as JSON, of a variable its value alone; a long one is cut."""
    plain = value.get("value", value) if isinstance(value, dict) and "name" in value else value
    return cut(json.dumps(plain, ensure_ascii=False, default=str), _SHOWN)


def cut(text: str, most: int) -> str:
    """Return a text of at most some characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
