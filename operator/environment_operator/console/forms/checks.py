"""What is wrong with an Environment, by its fields: by our own rules, and as the API server said it. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from environment_operator.kube.errors import ApiError, Cause, Conflict, Invalid
from environment_operator.spec.validation import problems

# What the API server puts before the message of a rule; of a value that is no text it says nothing but the type.
_PREFIX = re.compile(r'^(?:Invalid|Required) value(?:: "(?:object|array|string|integer|boolean)")?: ')
# A path that a message of ours begins with, or names.
_FIRST = re.compile(r"^((?:spec|metadata)(?:\.\w+|\[\d+\])+): (.+)", re.DOTALL)
_NAMED = re.compile(r"\b(spec(?:\.\w+|\[\d+\])+)")


def own(item: Mapping[str, Any]) -> list[Cause]:
    """Return what our own rules do not accept in an Environment."""
    return [at_field(each) for each in problems(item)]


def refusal(error: ApiError) -> list[Cause]:
    """Return what the API server refused, each thing with its field, which is empty where none is known."""
    if isinstance(error, Conflict):
        return [Cause("metadata.name", f"{error.message}. Choose another name.")]
    causes = error.causes if isinstance(error, Invalid) else ()
    named = [Cause(each.field, _PREFIX.sub("", each.message)) for each in causes if each.field.count(".")]
    return list(dict.fromkeys(named)) or [at_field(Cause("", error.message))]


def at_field(cause: Cause) -> Cause:
    """Return a cause with the field that its message begins with or names, where it has none."""
    if cause.field:
        return cause
    if found := _FIRST.match(cause.message):
        return Cause(found[1], found[2])
    named = next(_paths(cause.message), "")
    return Cause(named, cause.message)


def _paths(message: str) -> Iterator[str]:
    """Yield the fields that a message names."""
    yield from (found[1] for found in _NAMED.finditer(message))
