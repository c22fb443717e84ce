"""Every field of a spec, and specs that set all of them: derived from the models, so that no field is forgotten."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from environment_operator.api.types import Model
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.spec.fragment import render

Spec = dict[str, Any]
Path = tuple[str, ...]
# Of these each field takes those that its type accepts.
_CANDIDATES = (True, False, 7, 8, "alpha", "omega", "/alpha", "/omega", "https://alpha", "https://omega", "A", "Z")


def dotted(path: Path) -> str:
    """Return a path as documents write it."""
    return ".".join(path)


def _types(annotation: Any) -> Iterator[Any]:
    """Yield an annotation and all that it is made of."""
    yield annotation
    for inner in () if get_origin(annotation) is Literal else get_args(annotation):
        yield from _types(inner)


def _part(field: FieldInfo) -> type[Model] | None:
    """Return the model that a field holds, or a list of; None for one without fields of its own."""
    return next((t for t in _types(field.annotation) if isinstance(t, type) and issubclass(t, Model)), None)


def _is_list(field: FieldInfo) -> bool:
    """Return whether a field is a list."""
    return any(get_origin(t) is list for t in _types(field.annotation))


def _values(field: FieldInfo) -> list[Any]:
    """Return values that a field takes: each of a choice, and two different ones of everything else."""
    choices = [value for t in _types(field.annotation) if get_origin(t) is Literal for value in get_args(t)]
    wrapped = [[each] for each in choices or _CANDIDATES] if _is_list(field) else choices or _CANDIDATES
    adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
    return [value for value in wrapped if _accepts(adapter, value)]


def _accepts(adapter: TypeAdapter[Any], value: Any) -> bool:
    """Return whether a type takes a value as it is."""
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@cache
def leaves(model: type[Model] = EnvironmentSpec, at: Path = ()) -> dict[Path, list[Any]]:
    """Return every field that has no fields of its own, each with values that it takes."""
    found: dict[Path, list[Any]] = {}
    for name, field in model.model_fields.items():
        path, part = (*at, field.alias or name), _part(field)
        found |= leaves(part, path) if part else {path: _values(field)}
    return found


def filled(number: int, model: type[Model] = EnvironmentSpec, at: Path = ()) -> Spec:
    """Return a spec with every field set, to its first value, its second and so on."""
    out: Spec = {}
    for name, field in model.model_fields.items():
        path, part = (*at, field.alias or name), _part(field)
        found = leaves()[path] if not part else ()
        value = filled(number, part, path) if part else found[number % len(found)]
        out[path[-1]] = [value] if part and _is_list(field) else value
    return out


def _holder(spec: Spec, path: Path) -> Spec:
    """Return what holds the field at the end of a path."""
    for key in path[:-1]:
        found = spec[key]
        spec = found[0] if isinstance(found, list) else found
    return spec


def changed(spec: Spec, path: Path, value: Any) -> Spec:
    """Return a spec with another value at a path; None takes the field away."""
    key, *rest = path
    if rest:
        found = spec[key]
        inner = changed(found[0] if isinstance(found, list) else found, tuple(rest), value)
        return {**spec, key: [inner] if isinstance(found, list) else inner}
    return {**{k: v for k, v in spec.items() if k != key}, **({} if value is None else {key: value})}


@cache
def whole() -> Spec:
    """Return a spec with every field; the ids are there only with source Custom."""
    return changed(filled(0), ("user", "source"), "Custom")


def around(path: Path) -> list[Spec]:
    """Return the whole spec, and it without each field that stands where another one does: only one may count."""
    level = {other[: len(path)] for other in leaves() if other[: len(path) - 1] == path[:-1]} - {path}
    return [whole(), *(changed(whole(), other, None) for other in sorted(level) if not _field(other).is_required())]


def _field(path: Path) -> FieldInfo:
    """Return the field at the end of a path."""
    model: type[Model] = EnvironmentSpec
    for key in path:
        found = next(field for name, field in model.model_fields.items() if key == (field.alias or name))
        model = _part(found) or model
    return found


def reaches(path: Path, view: Callable[[Spec], Any]) -> bool:
    """Return whether a field changes what a function makes of a spec.

    Args:
        path: the field.
        view: the function.
    """
    values = leaves()[path][:12]
    return any(
        any(view(changed(each, path, v)) != view(changed(each, path, values[0])) for v in values[1:])
        for each in around(path)
    )


def paths(spec: Any, at: Path = ()) -> set[Path]:
    """Return the fields that a spec sets."""
    if isinstance(spec, dict) and at not in leaves():
        return {path for key, inner in spec.items() for path in paths(inner, (*at, key))}
    if isinstance(spec, list) and at not in leaves():
        return {path for each in spec for path in paths(each, at)}
    return {at}


def built(spec: Spec, model: type[Model] = EnvironmentSpec) -> Any:
    """Return a spec as the models hold it, without their rules of what goes together."""
    out: Spec = {}
    for name, field in model.model_fields.items():
        part, value = _part(field), spec.get(field.alias or name)
        if part and value is not None:
            value = [built(each, part) for each in value] if isinstance(value, list) else built(value, part)
        if value is not None:
            out[name] = value
    return model.model_construct(**out)


def fragment_of(spec: Spec) -> Spec:
    """Return the fragment of a spec."""
    return render(built(spec))
