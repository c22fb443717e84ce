"""Whether an Environment that the API server accepted can work, and if not why not. Pure."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from environment_operator.api import names
from environment_operator.api.sizes import LARGEST
from environment_operator.api.types import EnvironmentName
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.kinds.table import Kind
from environment_operator.kube.errors import Cause, Reason
from environment_operator.spec import images
from environment_operator.spec.eligible_kinds import kinds_for
from environment_operator.spec.fragment import Fragment, canonical, port_conflict, render


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the Environment can work: the rendered fragment, or the reason why there is none."""

    spec: EnvironmentSpec | None = None
    fragment: Fragment | None = None
    stalled: tuple[Reason, str] | None = None


def validate(
    raw: Mapping[str, Any],
    *,
    replacement_exists: bool,
    table: Collection[Kind] = (),
    mirrors: Mapping[str, str] = MappingProxyType({}),
) -> Verdict:
    """Return whether a spec can work; the first reason why not, in the order in which an author would mend it.

    Args:
        raw: the spec.
        replacement_exists: whether the Environment exists that ``deprecated.replacedBy`` names.
        table: the kinds table; empty when nobody asks whether there is a kind for it.
        mirrors: what stands for registries, as for `images.mirrored`: the fragment has the image from there.
    """
    try:
        spec = EnvironmentSpec.model_validate(raw)
    except ValidationError as error:
        return Verdict(stalled=(Reason.INVALID_SPEC, _spec_problem(error)))
    if stalled := _stalled(spec, replacement_exists=replacement_exists, table=table):
        return Verdict(spec, stalled=stalled)
    fragment = render(spec.model_copy(update={"image": images.mirrored(spec.image, mirrors)}))
    if (size := len(canonical(fragment))) > LARGEST:
        message = f"spec: what is injected into a pod has {size} bytes, over {LARGEST}. Shorten env, command or args."
        return Verdict(spec, stalled=(Reason.TOO_LARGE, message))
    return Verdict(spec, fragment)


_NAME: TypeAdapter[str] = TypeAdapter(EnvironmentName)


def problems(item: Mapping[str, Any]) -> list[Cause]:
    """Return everything that is wrong with an Environment; the field stands in the message where that has it.

    Args:
        item: the Environment, of any shape.
    """
    name, raw = (item.get("metadata") or {}).get("name"), item.get("spec")
    found = _problems(lambda: _NAME.validate_python(name), "metadata.name")
    found += _problems(lambda: EnvironmentSpec.model_validate(raw), "spec")
    stalled = None if found else validate(item["spec"], replacement_exists=True).stalled
    return [Cause("", stalled[1])] if stalled else found


def _problems(read: Callable[[], object], at: str) -> list[Cause]:
    """Return everything that a model does not accept."""
    try:
        read()
    except ValidationError as error:
        return [_cause(each, at) for each in error.errors(include_url=False)]
    return []


def _stalled(spec: EnvironmentSpec, *, replacement_exists: bool, table: Collection[Kind]) -> tuple[Reason, str] | None:
    """Return the first reason in the spec alone why it cannot work, None when there is none; arguments as above."""
    if why := images.problem(spec.image):
        return Reason.INVALID_IMAGE, f"spec.image: {_shown(spec.image)} cannot be pulled: {why}"
    if why := port_conflict(spec):
        return Reason.PORT_CONFLICT, f"spec.tools: {why}"
    if spec.deprecated and spec.deprecated.replaced_by and not replacement_exists:
        name = spec.deprecated.replaced_by
        message = f'spec.deprecated.replacedBy: Environment "{name}" does not exist. Create it, or name another one.'
        return Reason.UNKNOWN_REPLACEMENT, message
    return (Reason.NO_KIND, _no_kind(spec)) if table and not any(kinds_for(spec, table)) else None


def _no_kind(spec: EnvironmentSpec) -> str:
    """Return that no kind of workload can use an Environment."""
    of = f"{spec.architecture} {spec.framework}" if spec.framework else spec.architecture
    types = ", ".join(spec.workload_types)
    return f"spec.workloadTypes: no kind of workload is {of} and {types}. Change architecture, framework or types."


# By the type of an error, with what it has: https://docs.pydantic.dev/latest/errors/validation_errors/
# An unknown field or value is of a newer version; all else was stored before the definition became as strict as it is.
_UPGRADE = "upgrade the operator to the version of the CustomResourceDefinition"
_WORDS = {
    "extra_forbidden": f"unknown field. Remove it, or {_UPGRADE}.",
    "literal_error": f"{{given}} is an unknown value. Write {{expected}}, or {_UPGRADE}.",
    "missing": "required. Add the field.",
    "grammar": "{given} is not allowed. {message}",
    "rule": "{message}",
    "string_too_long": "{length} characters are too many. Write at most {max_length}.",
    "string_too_short": "{length} characters are too few. Write at least {min_length}, or remove the field.",
    "too_long": "{length} items are too many. Write at most {max_length}.",
    "too_short": "{length} items are too few. Write at least {min_length}.",
    "greater_than_equal": "{given} is too small. Write at least {ge}.",
    "less_than_equal": "{given} is too large. Write at most {le}.",
}
_OTHER = "{given} is of the wrong type. Write what kubectl explain {field} says."
_SHOWN, _LISTED = 60, 120


def _spec_problem(error: ValidationError) -> str:
    """Return the first thing that the models do not accept: the field, what was given, and what to write."""
    first = _cause(error.errors(include_url=False)[0], "spec")
    return f"{first.field}: {first.message}"


def _cause(error: ErrorDetails, at: str) -> Cause:
    """Return one thing that the models do not accept: the field, what was given, and what to write.

    Args:
        error: it.
        at: path of the model.
    """
    given, context = error["input"], error.get("ctx", {})
    field = ".".join((names.PLURAL, at, *(part for part in error["loc"] if isinstance(part, str))))
    expected = str(context.get("expected", "")).replace("'", '"')
    if len(expected) > _LISTED:
        expected = f"one of the values that kubectl explain {field} lists"
    known = {
        "given": _shown(given),
        "length": len(given) if isinstance(given, str | list) else 0,
        "field": field,
        "expected": expected,
    }
    words = _WORDS.get(error["type"], _OTHER).format_map({**context, **known})
    return Cause(f"{_path(at, error['loc'])}{context.get('below', '')}", words)


def _path(at: str, loc: tuple[int | str, ...]) -> str:
    """Return the path of a field as kubectl prints it."""
    return at + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)


def _shown(value: object) -> str:
    """Return a value as JSON, on one line; a long one is cut."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    end = '"' if text.startswith('"') else ""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…{end}"
