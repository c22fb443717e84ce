"""A part of an asset, from which values are taken; what does not fit or nobody took is named with its path. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_LIST: TypeAdapter[list[Any]] = TypeAdapter(list[Any])
FLAG: TypeAdapter[bool] = TypeAdapter(bool)
TEXT: TypeAdapter[str] = TypeAdapter(str)
ID: TypeAdapter[str | int] = TypeAdapter(str | int)
_LONGEST_SHOWN = 60
_T = TypeVar("_T")


class Part:
    """An object of an asset; what is absent and what is null are the same.

    Args:
        given: its fields.
        path: where it is in the asset; empty for the asset itself.
        notes: takes what is not carried over, each with its path.
    """

    def __init__(self, given: Mapping[str, Any], path: str, notes: list[str]) -> None:
        self.path, self.notes = path, notes
        self._given = {key: value for key, value in given.items() if value is not None}
        self._left = dict.fromkeys(self._given)
        self._parts: list[Part] = []

    def __contains__(self, key: str) -> bool:
        """Return whether a field is there."""
        return key in self._given

    @property
    def keys(self) -> set[str]:
        """The fields that are there."""
        return set(self._given)

    def at(self, key: str) -> str:
        """Return the path of a field."""
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str, kind: TypeAdapter[_T]) -> _T | None:
        """Return the value of a field, None when there is none that fits.

        Args:
            key: the field.
            kind: what the value has to be.
        """
        self._left.pop(key, None)
        if key not in self._given:
            return None
        try:
            return kind.validate_python(self._given[key], strict=True)
        except ValidationError as error:
            self.leave(key, f"{problem(error)}, not {shown(self._given[key])}")
            return None

    def part(self, key: str) -> "Part":
        """Return the object in a field, empty when there is none."""
        found = self.take(key, _OBJECT)
        return self._inner(found or {}, self.at(key))

    def parts(self, key: str) -> Iterator["Part"]:
        """Yield the objects of a list in a field."""
        found = self.take(key, _LIST)
        for number, item in enumerate(found or ()):
            path = f"{self.at(key)}[{number}]"
            if isinstance(item, dict):
                yield self._inner(item, path)
            else:
                self.notes.append(f"{path} was left out: it is no object, but {shown(item)}")

    def values(self, key: str, kind: TypeAdapter[_T]) -> list[_T]:
        """Return the values of a list in a field, as far as they fit, each once."""
        items = self.take(key, _LIST)
        fitting: dict[_T, None] = {}
        for number, item in enumerate(items or ()):
            try:
                fitting[kind.validate_python(item, strict=True)] = None
            except ValidationError as error:
                self.notes.append(f"{self.at(key)}[{number}] was left out: {problem(error)}, not {shown(item)}")
        return list(fitting)

    def leave(self, key: str, why: str) -> None:
        """Note that a field, if it is there, is not carried over."""
        self._left.pop(key, None)
        if key in self._given:
            self.notes.append(f"{self.at(key)} was left out: {why}")

    def drop(self, why: str) -> None:
        """Note that nothing of this part is carried over."""
        self._left.clear()
        self._parts.clear()
        self.notes.append(f"{self.path} was left out: {why}")

    def untaken(self) -> Iterator[str]:
        """Yield the path of each field that nobody took, at every depth."""
        yield from map(self.at, self._left)
        for part in self._parts:
            yield from part.untaken()

    def _inner(self, given: Mapping[str, Any], path: str) -> "Part":
        """Return a part of this part."""
        part = Part(given, path, self.notes)
        self._parts.append(part)
        return part


def problem(error: ValidationError) -> str:
    """Return the first thing that is wrong with a value, as the end of a sentence that goes on."""
    message = str(error.errors(include_url=False, include_input=False)[0]["msg"])
    return message[:1].lower() + message[1:].removesuffix(".")


def shown(value: Any) -> str:
    """Return a value for a note; a long one is cut."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
