"""An Environment under another name, and which of its users can follow. Pure."""

from collections.abc import Mapping
from typing import Any

from environment_operator.api import names
from environment_operator.kinds.table import Kind

Object = dict[str, Any]
# What people read; it makes no other Environment.
_WORDS = frozenset({"displayName", "description", "deprecated"})


def successor(old: Object, name: str, fields: Mapping[str, Any]) -> Object:
    """Return the Environment that takes the place of another one.

    Args:
        old: the other one, as its author means it.
        name: the new name.
        fields: display name and description, where they change; None removes one.
    """
    kept = {key: value for key, value in old["spec"].items() if not _is_ours(key, value, name)}
    spec = {key: value for key, value in {**kept, **fields}.items() if value is not None}
    return {**old, "metadata": {**old["metadata"], "name": name}, "spec": spec}


def is_successor(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether an Environment that exists is what the successor would be, but for what people read."""
    return _set_up(found) == _set_up(wanted)


def deprecation(name: str) -> Object:
    """Return what an Environment says of the one that takes its place."""
    return {"message": f"it was renamed to {name}", "replacedBy": name}


def obstacle(kind: Kind, user: Mapping[str, Any], *, personal: bool, name: str) -> str:
    """Return why a user stays with the Environment that it has and what to do, empty when it can follow.

    Args:
        kind: row of its kind.
        user: the object.
        personal: whether its pods have the ids of the person who submitted it, which would be those of who moves it.
        name: the Environment to follow.
    """
    meta = user["metadata"]
    if meta.get("deletionTimestamp"):
        return "it is being deleted: wait until it is gone"
    if kind.template_immutable:
        return f"a {kind.kind} cannot change: let it end, or delete it and create it with the label of {name}"
    if owner := next((each for each in meta.get("ownerReferences") or () if each.get("controller")), None):
        return f"{owner['kind']} {owner['name']} made it: give that the label of {name}"
    if personal:
        return f"it runs with the ids of its submitter, who has to give it the label {names.REFERENCE}={name}"
    return ""


def moved(user: Mapping[str, Any], old: str, new: str) -> list[Object]:
    """Return the JSON patch that has a user refer to another Environment, if it still refers to the old one."""
    labels = user["metadata"].get("labels") or {}
    keys = [key for key, value in labels.items() if value == old and names.is_reference(key)]
    paths = [f"/metadata/labels/{key.replace('~', '~0').replace('/', '~1')}" for key in keys]
    tests = [{"op": "test", "path": path, "value": old} for path in paths]
    return [*tests, *({"op": "replace", "path": path, "value": new} for path in paths)]


def _is_ours(field: str, value: Any, name: str) -> bool:
    """Return whether a field of the old spec was put there by an earlier, interrupted renaming."""
    return field == "deprecated" and bool(value.get("replacedBy") == name)


def _set_up(environment: Mapping[str, Any]) -> Object:
    """Return what an Environment does, without what people read."""
    return {key: value for key, value in environment["spec"].items() if key not in _WORDS}
