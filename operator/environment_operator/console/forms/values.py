"""An Environment ↔ what a form shows and sends. Pure.

A form is a set of changes to the object that it was made from: what a person leaves as it is shown stays as it is, so
that nothing is lost that a form cannot show, such as unknown fields, annotations and the order of keys. The object may
be half finished: what cannot be read of a field stands there as text until it is corrected.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from environment_operator.console.forms.fields import Field, Widget
from environment_operator.kube.errors import Cause

Form = Mapping[str, Sequence[str]]


class _Absent:
    """There is no value."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Any = _Absent()
# What is added to the name of a field for whether its text is there though it is empty, and the mark that it is.
EMPTY, _MARK = "?", "empty"
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]{1,6})\]")
# What a page cannot show as it is: https://html.spec.whatwg.org/multipage/parsing.html#preprocessing-the-input-stream
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
_LINES = frozenset({Widget.LINE, Widget.NUMBER})
_NESTED = frozenset({Widget.PART, Widget.PARTS, Widget.ROWS})


@dataclass(frozen=True, slots=True)
class Control:
    """A field with its value, as a page shows it.

    Args:
        at: where the value is, as kubectl writes paths; the name of what is sent.
        field: the field.
        widget: how the value is entered: a text with several lines does not fit on one.
        texts: what is shown; of a list that is chosen from, what is chosen.
        parts: the fields of an object, or the items of a list that is entered item by item.
        given: whether there is a value.
        readable: whether the field can show the value; else it is shown in the YAML alone.
        problems: what is wrong with it.
    """

    at: str
    field: Field
    widget: Widget
    texts: tuple[str, ...] = ()
    parts: tuple["Control", ...] = ()
    given: bool = False
    readable: bool = True
    problems: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The only text."""
        return self.texts[0] if self.texts else ""

    @property
    def is_empty(self) -> bool:
        """Whether there is a text without a character."""
        return self.field.may_be_empty and self.given and not self.text

    @property
    def choices(self) -> tuple[str, ...]:
        """What may be chosen, with what is chosen although this version does not know it."""
        return (*self.field.choices, *(text for text in self.texts if text and text not in self.field.choices))

    @property
    def has_problems(self) -> bool:
        """Whether something is wrong with it or below it."""
        return bool(self.problems) or any(part.has_problems for part in self.parts)


def control(field: Field, value: Any, at: str = "") -> Control:
    """Return a field with a value.

    Args:
        field: the field.
        value: the value, ``ABSENT`` for none.
        at: where it is.
    """
    given = value is not ABSENT and value is not None
    if not _fits(field, value):
        return Control(at, field, field.widget, given=given, readable=False)
    if field.widget in _NESTED:
        return Control(at, field, field.widget, parts=tuple(_parts(field, value, at)), given=given)
    texts = _texts(field, value)
    broken = field.widget in _LINES and any(_plain(text) != text or "\n" in text for text in texts)
    return Control(at, field, Widget.TEXT if broken else field.widget, texts, given=given)


def filled(field: Field, value: Any, form: Form, at: str = "") -> Any:
    """Return a value with what a form says about it; the same object where it says nothing new.

    Args:
        field: the field.
        value: what the form was made from, ``ABSENT`` for nothing.
        form: what was sent, by where it belongs; what is missing stays.
        at: where the value is.
    """
    if not _fits(field, value):
        return value
    if field.widget is Widget.PART:
        return _filled_object(field, value, form, at)
    if field.item is not None:
        return _filled_list(field.item, value, form, at)
    return _filled_value(field, value, form, at) if at in form else value


def acted(field: Field, value: Any, verb: str, at: str) -> Any:
    """Return a value after a button was pressed; the same when there is no such place.

    Args:
        field: the field of the whole.
        value: the whole.
        verb: ``add`` an item to a list, ``remove`` an item, or move one ``up`` or ``down``.
        at: the list, or the item.
    """
    steps = [int(number) if number else key for key, number in _STEP.findall(at)]
    try:
        if verb == "add":
            return _changed(field, value, steps, _with_new)
        *steps, last = steps
        if not isinstance(last, int):
            return value
        change = {"remove": _without, "up": _moved_up, "down": _moved_down}[verb]
        return _changed(field, value, steps, lambda of, items: change(of, items, last))
    except (LookupError, TypeError, ValueError):
        return value


def placed(of: Control, causes: Sequence[Cause]) -> tuple[Control, list[str]]:
    """Return a form with what is wrong at its fields, and what belongs to none of them.

    Args:
        of: the form.
        causes: what is wrong, with paths as the API server or our rules write them.
    """
    known = {each.at for each in every(of) if "." in each.at}
    found: dict[str, list[str]] = {}
    rest: list[str] = []
    for cause in causes:
        at = next((at for at in _around(cause.field) if at in known), "")
        if at:
            found.setdefault(at, []).append(cause.message)
        else:
            rest.append(f"{cause.field}: {cause.message}" if cause.field else cause.message)
    return _with_problems(of, found), rest


def without_blanks(of: Control) -> Control:
    """Return a form without what is wrong with fields that nobody has filled in yet."""
    parts = tuple(without_blanks(part) for part in of.parts)
    is_blank = not any(text for each in every(of) for text in each.texts)
    return replace(of, parts=parts, problems=() if is_blank else of.problems)


def sent(of: Control) -> dict[str, list[str]]:
    """Return what a browser sends when nobody changed anything.

    https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#constructing-entry-list
    """
    out: dict[str, list[str]] = {}
    for each in every(of):
        if each.readable and each.widget not in _NESTED:
            marker = [""] if each.widget is Widget.CHOICES else []
            if each.field.may_be_empty:
                out[f"{each.at}{EMPTY}"] = ["", _MARK] if each.is_empty else [""]
            out[each.at] = [*marker, *(_plain(text).replace("\n", "\r\n") for text in each.texts)]
    return out


def join(at: str, key: str) -> str:
    """Return the path of a key below a path."""
    return f"{at}.{key}" if at else key


def every(of: Control) -> Iterator[Control]:
    """Yield a control and all below it."""
    yield of
    for part in of.parts:
        yield from every(part)


def _fits(field: Field, value: Any) -> bool:
    """Return whether a field can show a value."""
    if value is ABSENT or value is None:
        return True
    if field.widget is Widget.PART:
        return isinstance(value, dict)
    if field.widget in (Widget.CHOICES, Widget.WORDS):
        return isinstance(value, list) and all(map(_sendable, value))
    if field.item is not None:
        return isinstance(value, list)
    return _sendable(value)


def _sendable(value: Any) -> bool:
    """Return whether a single value comes back from a browser as it was sent."""
    return not isinstance(value, dict | list) and not _UNSENDABLE.search(_shown(value))


def _parts(field: Field, value: Any, at: str) -> Iterator[Control]:
    """Yield the fields of an object, or the items of a list."""
    if field.item is not None:
        given = value if isinstance(value, list) else ()
        yield from (control(field.item, each, f"{at}[{number}]") for number, each in enumerate(given))
        return
    held = value if isinstance(value, dict) else {}
    yield from (control(each, held.get(each.name, ABSENT), join(at, each.name)) for each in field.fields)


def _texts(field: Field, value: Any) -> tuple[str, ...]:
    """Return what is shown of a value without parts."""
    if value is ABSENT:
        value = field.default
    if field.widget is Widget.CHOICES:
        return tuple(map(_shown, value or ()))
    if field.widget is Widget.WORDS:
        return ("\n".join(map(_shown, value or ())),)
    return (_shown(value),)


def _shown(value: Any) -> str:
    """Return a single value as text: what is not one, as JSON has it."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _plain(text: str) -> str:
    """Return a text with the breaks of lines that a form knows."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read(field: Field, text: str) -> Any:
    """Return what a person wrote into a field; what cannot be read stays a text, which the rules refuse."""
    if field.widget is Widget.WORDS:
        words = [_number(word) if field.is_integer else word for word in re.split(r"[\s,]+", text) if word]
        return words or ([] if field.required else ABSENT)
    if field.widget in (Widget.LINE, Widget.NUMBER):
        text = text.strip()
    if not text:
        return ABSENT
    if field.widget is Widget.FLAG:
        return {"true": True, "false": False}.get(text, text)
    return _number(text) if field.is_integer else text


def _number(text: str) -> Any:
    """Return a number, else the text."""
    return int(text) if _NUMBER.fullmatch(text) else text


def _emptied(value: Any, marks: Sequence[str]) -> Any:
    """Return an empty text or none, as the mark next to a field without a text says."""
    if _MARK in marks:
        return value if value == "" else ""
    return value if value is ABSENT or value is None else ABSENT


def _chosen(field: Field, before: Sequence[str], now: Sequence[str]) -> Any:
    """Return what is chosen: what was, in its order, then what is new; a list with a default may be empty."""
    kept = [text for text in before if text in now]
    new = [text for text in now if text not in before]
    return kept + new or ([] if field.required or field.default is not None else ABSENT)


def _filled_value(field: Field, value: Any, form: Form, at: str) -> Any:
    """Return a value without parts, as a form has it."""
    shown, given = (tuple(map(_plain, texts)) for texts in (_texts(field, value), form[at]))
    if field.widget is Widget.CHOICES:
        shown, given = (tuple(filter(None, texts)) for texts in (shown, given))
        return value if set(given) == set(shown) else _chosen(field, shown, given)
    if field.may_be_empty and given == ("",):
        return _emptied(value, form.get(f"{at}{EMPTY}", (_MARK,) if value == "" else ()))
    return value if given[:1] == shown else _read(field, given[0] if given else "")


def _filled_object(field: Field, value: Any, form: Form, at: str) -> Any:
    """Return an object with what a form says; none when all of it was taken away."""
    held = value if isinstance(value, dict) else {}
    out = held
    for each in field.fields:
        old = held.get(each.name, ABSENT)
        new = filled(each, old, form, join(at, each.name))
        if new is not old:
            out = _put(field, out, each.name, new)
    if out is held:
        return value
    return out if out or field.required else ABSENT


def _filled_list(item: Field, value: Any, form: Form, at: str) -> Any:
    """Return a list with what a form says about its items."""
    held = value if isinstance(value, list) else []
    new = [filled(item, each, form, f"{at}[{number}]") for number, each in enumerate(held)]
    empty: Any = {} if item.widget is Widget.PART else ""
    out = [empty if each is ABSENT else each for each in new]
    return value if all(a is b for a, b in zip(out, held, strict=True)) else out


def _put(field: Field, held: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Return an object with another value of a field; a new key comes where the schema has it."""
    if value is ABSENT:
        return {k: v for k, v in held.items() if k != key}
    if key in held:
        return {k: value if k == key else v for k, v in held.items()}
    names = [each.name for each in field.fields]
    later = names[names.index(key) + 1 :]
    follower = next((k for k in held if k in later), None)
    if follower is None:
        return {**held, key: value}
    pairs = [pair for k, v in held.items() for pair in (((key, value), (k, v)) if k == follower else ((k, v),))]
    return dict(pairs)


def _changed(field: Field, value: Any, steps: Sequence[int | str], change: Callable[[Field, Any], Any]) -> Any:
    """Return a value with a change somewhere below it.

    Raises:
        LookupError: there is no such place.
    """
    if not steps:
        return change(field, value)
    step, *rest = steps
    if isinstance(step, int):
        if field.item is None or not isinstance(value, list):
            raise LookupError(step)
        inner = _changed(field.item, value[step], rest, change)
        return [*value[:step], inner, *value[step + 1 :]]
    part = next((each for each in field.fields if each.name == step), None)
    if part is None or not _fits(field, value):
        raise LookupError(step)
    held = value if isinstance(value, dict) else {}
    return _put(field, held, part.name, _changed(part, held.get(part.name, ABSENT), rest, change))


def _with_new(field: Field, value: Any) -> Any:
    """Return a list with one more, empty item."""
    if field.item is None or not _fits(field, value):
        raise LookupError(field.name)
    return [*(value if isinstance(value, list) else ()), {} if field.item.widget is Widget.PART else ""]


def _without(field: Field, items: Any, place: int) -> Any:
    """Return a list without one of its items; none where it was the last."""
    left = [*items[:place], *items[place + 1 :]]
    return left or ([] if field.required or field.default is not None else ABSENT)


def _moved_up(_: Field, items: Any, place: int) -> Any:
    """Return a list with an item before the one before it."""
    if not 0 < place < len(items):
        return items
    return [*items[: place - 1], items[place], items[place - 1], *items[place + 1 :]]


def _moved_down(field: Field, items: Any, place: int) -> Any:
    """Return a list with an item behind the one behind it."""
    return _moved_up(field, items, place + 1)


def _around(path: str) -> Iterator[str]:
    """Yield a path and those of what is around it."""
    while path:
        yield path
        path = path[: max(path.rfind("."), path.rfind("["), 0)]


def _with_problems(of: Control, found: Mapping[str, Sequence[str]]) -> Control:
    """Return a control with what is wrong with it, and with its parts."""
    parts = tuple(_with_problems(part, found) for part in of.parts)
    return replace(of, parts=parts, problems=tuple(dict.fromkeys(found.get(of.at, ()))))
