"""The schema of the definition → the fields of a form. Pure.

Nothing here names a field of a spec: one that is added to the model appears in the form by itself, with its description
as help.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from environment_operator.api.schema import Schema, structural
from environment_operator.api.types import EnvironmentName, Model
from environment_operator.api.v1alpha1 import EnvironmentSpec

# A text longer than this may be a script: it gets more than a line.
_LONGEST_LINE = 1024
# Items of lists no longer than this are names: several of them are written in one text, with spaces between them.
_LONGEST_NAME = 253
_ACRONYMS = frozenset({"gid", "grpc", "http", "ipc", "mpi", "tcp", "tty", "uid", "url"})
_WORDS = {"args": "arguments", "env": "variables", "dir": "directory", "ref": "reference"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_NAME = "The name by which workloads refer to it. It cannot be changed; renaming makes a new Environment."


class Widget(StrEnum):
    """How people enter a value."""

    LINE = "line"
    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    CHOICES = "choices"
    WORDS = "words"
    ROWS = "rows"
    PART = "part"
    PARTS = "parts"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form.

    Args:
        name: its key in the object that has it; of an item of a list, that of the list.
        label: the key in words.
        help: what it means, from the description in the schema.
        widget: how it is entered.
        required: whether its object must have it.
        choices: the values that it may have, none where it is free.
        least: the smallest number, length or count; None for no bound.
        most: the greatest, in the same way.
        pattern: the expression that a text matches, empty for none.
        rule: what the pattern means, in words.
        default: what holds when nothing is given, None for nothing.
        fields: of an object, its fields.
        item: of a list that is entered item by item, an item.
    """

    name: str
    label: str
    help: str
    widget: Widget
    required: bool = False
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    pattern: str = ""
    rule: str = ""
    default: Any = None
    fields: tuple["Field", ...] = ()
    item: "Field | None" = None
    is_integer: bool = False

    @property
    def may_be_empty(self) -> bool:
        """Whether no text and an empty one are two different things."""
        return self.widget is Widget.TEXT and self.least == 0 and not self.required


def form(model: type[Model] = EnvironmentSpec) -> Field:
    """Return the form of an Environment.

    Args:
        model: the model of its spec.
    """
    name = {**TypeAdapter(EnvironmentName).json_schema(), "description": _NAME}
    metadata = {"type": "object", "properties": {"name": name}, "required": ["name"]}
    whole = {
        "type": "object",
        "properties": {"metadata": metadata, "spec": structural(model)},
        "required": ["metadata", "spec"],
    }
    return field("", whole, required=True)


def field(name: str, schema: Schema, *, required: bool = False) -> Field:
    """Return the field for a part of a schema.

    Args:
        name: its key.
        schema: its part of the structural schema.
        required: whether its object must have it.
    """
    items = schema.get("items") or {}
    widget = _widget(schema)
    pattern, rule = _grammar(items if widget is Widget.WORDS else schema)
    least, most = _bounds(schema)
    return Field(
        name,
        label(name),
        str(schema.get("description") or ""),
        widget,
        required=required,
        choices=tuple(map(str, (items or schema).get("enum") or ())),
        least=least,
        most=most,
        pattern=pattern,
        rule=rule,
        default=schema.get("default"),
        fields=_fields(schema),
        item=field(name, items, required=True) if widget in (Widget.ROWS, Widget.PARTS) else None,
        is_integer=(items or schema).get("type") == "integer",
    )


def label(name: str) -> str:
    """Return a key in words, such as ``Image pull policy`` for ``imagePullPolicy``."""
    words = [_WORDS.get(word.lower(), word.lower()) for word in _WORD.findall(name)]
    shown = " ".join(word.upper() if word in _ACRONYMS else word for word in words)
    return shown[:1].upper() + shown[1:]


def _widget(schema: Schema) -> Widget:
    """Return how a value is entered."""
    match schema.get("type"):
        case "object":
            return Widget.PART
        case "array":
            return _list_widget(schema["items"])
        case "boolean":
            return Widget.FLAG
        case "integer":
            return Widget.NUMBER
    if "enum" in schema:
        return Widget.CHOICE
    return Widget.LINE if schema.get("maxLength", _LONGEST_LINE + 1) <= _LONGEST_LINE else Widget.TEXT


def _list_widget(item: Schema) -> Widget:
    """Return how a list is entered: by its items."""
    if item.get("type") == "object":
        return Widget.PARTS
    if "enum" in item:
        return Widget.CHOICES
    is_name = item.get("type") == "string" and item.get("maxLength", _LONGEST_NAME + 1) <= _LONGEST_NAME
    return Widget.WORDS if is_name or item.get("type") == "integer" else Widget.ROWS


def _bounds(schema: Schema) -> tuple[int | None, int | None]:
    """Return the bounds of a number, of the length of a text, or of the number of items."""
    names = {"integer": ("minimum", "maximum"), "string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}
    least, most = names.get(str(schema.get("type")), ("", ""))
    return schema.get(least), schema.get(most)


def _grammar(schema: Schema) -> tuple[str, str]:
    """Return the expression that a text matches, with what it means; empty where the text is free."""
    for rule in schema.get("x-kubernetes-validations") or ():
        if found := re.fullmatch(r"self\.matches\(r'\^\(\?:(.*)\)\$'\)", rule["rule"], re.DOTALL):
            return found[1], str(rule["message"])
    return str(schema.get("pattern") or ""), ""


def _fields(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the fields of an object, in the order of the schema."""
    required = schema.get("required") or ()
    return tuple(field(key, part, required=key in required) for key, part in (schema.get("properties") or {}).items())
