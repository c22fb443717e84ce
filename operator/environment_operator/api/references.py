"""Which Environments an object refers to by its labels, and which were injected into it by its record. Pure."""

import json
from collections.abc import Mapping
from sys import intern

from environment_operator.api import names

# What stands for the hash when pod templates of one object have different ones.
MIXED = "mixed"


def references(labels: Mapping[str, str], *, roles: bool = True) -> frozenset[str]:
    """Return the Environments that an object refers to by the labels of its own metadata.

    Labels for single roles count only together with the main one, so that one selector finds every user.

    Args:
        labels: the labels.
        roles: whether its kind has roles.
    """
    if not labels.get(names.REFERENCE):
        return frozenset()
    keys = (k for k in labels if names.is_reference(k) and (roles or k == names.REFERENCE))
    return frozenset(labels[k] for k in keys if labels[k])


def used(labels: Mapping[str, str], record: str, *, roles: bool = True) -> dict[str, str]:
    """Return the Environments that an object uses, each with the hash of what was injected, empty for nothing.

    A label for a role that the object does not write out uses none: the record would have it.

    Args:
        labels: the labels.
        record: the annotation on the object, not validated.
        roles: whether its kind has roles.
    """
    hashes, main = injected(record), labels.get(names.REFERENCE)
    found = references(labels, roles=roles)
    return {name: hashes.get(name, "") for name in found if not hashes or name in hashes or name == main}


def injected(record: str) -> dict[str, str]:
    """Return the hash of each Environment that was put into an object, empty where its templates have several.

    Args:
        record: the annotation on the object, not validated.
    """
    found: dict[str, str] = {}
    try:
        # A template that has what another one has names that one.
        entries = [entry for entry in json.loads(record).values() if not isinstance(entry, str)]
        pairs = [(str(entry["env"]), str(entry["hash"])) for entry in entries]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
    for name, value in pairs:
        found[name] = intern(value if found.get(name, value) == value else MIXED)
    return found
