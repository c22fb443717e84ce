"""How far an Environment is from its creation to its deletion, read from its metadata. Pure."""

from collections.abc import Mapping
from typing import Any

from environment_operator.api import names


def is_terminating(environment: Mapping[str, Any]) -> bool:
    """Return whether the Environment was deleted and waits for finalizers."""
    return "deletionTimestamp" in environment["metadata"]


def has_finalizer(environment: Mapping[str, Any]) -> bool:
    """Return whether our finalizer is on the Environment."""
    return names.FINALIZER in environment["metadata"].get("finalizers", ())


def may_go(environment: Mapping[str, Any]) -> bool:
    """Return whether the Environment may be deleted although it is used."""
    return (environment["metadata"].get("annotations") or {}).get(names.ALLOW_DELETE_IN_USE) == "true"


def is_released(environment: Mapping[str, Any]) -> bool:
    """Return whether our finalizer was taken from an Environment that may go, as before the operator is removed."""
    return may_go(environment) and not has_finalizer(environment)


def last_change(environment: Mapping[str, Any]) -> str:
    """Return when the Environment was last changed, as Kubernetes writes it: not the operator, not its status."""
    meta = environment["metadata"]
    theirs = (
        entry.get("time") or ""
        for entry in meta.get("managedFields") or ()
        if not entry.get("subresource") and entry.get("manager") != names.FIELD_MANAGER
    )
    return max(theirs, default="") or str(meta.get("creationTimestamp") or "")
