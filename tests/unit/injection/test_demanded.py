"""Where a reference is demanded: no object, of any kind and shape, is refused both without the label and with it."""

import re
from collections.abc import Iterator
from functools import cache
from types import CodeType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import third_party
from builders import around, manifest, published, workload
from environment_operator.api import names
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.pod_templates import places
from environment_operator.kinds.table import BUILTIN, Kind
from environment_operator.kinds.third_party import ROWS
from environment_operator.manifests.policies import enforcement

Object = dict[str, Any]
TABLE = (*BUILTIN, *ROWS)
Way = tuple[str | int, ...]
BUILT_IN = {kind.kind: kind for kind in BUILTIN if not kind.template}
CUSTOM = {word: third_party.row_of(word) for word in third_party.FILLED}
WORDS = [*BUILT_IN, *(word for word, kind in CUSTOM.items() if not kind.template)]


class Maybe:
    """An optional of CEL: selecting a field of what has none gives nothing."""

    def __init__(self, *value: Any) -> None:
        self.value = value

    def select(self, key: str) -> "Maybe":
        """Return a field, nothing where there is none; a list has no fields, and selecting one fails."""
        if self.value and isinstance(self.value[0], list):
            raise TypeError(key)
        there = self.value and isinstance(self.value[0], dict) and key in self.value[0]
        return Maybe(self.value[0][key]) if there else Maybe()

    def or_value(self, other: Any) -> Any:
        """Return the value, or another one."""
        return self.value[0] if self.value else other


class Some(list[Any]):
    """A list of CEL."""

    def exists(self, check: Any) -> bool:
        """Return whether something holds of an item."""
        return any(check(Some(item) if isinstance(item, list) else item) for item in self)


def type_of(value: object) -> str:
    """Return what CEL calls the type of a value."""
    return "list" if isinstance(value, list) else "map" if isinstance(value, dict) else ""


WORDS_OF_PYTHON = (
    (r"optional\.ofNonZeroValue\(dyn\(object\)\)", "Maybe(item)"),
    (r"request\.kind\.kind", "kind"),
    (r"\bi(?=\.\?|\[\?)", "Maybe(i)"),
    (r"\.\?(\w+)", r".select('\1')"),
    (r"\[\?(\w+)\]", r".select(\1)"),
    (r"\[", "Some(["),
    (r"\]", "])"),
    (r"\.exists\((\w+), ", r".exists(lambda \1: "),
    (r"\.orValue\(", ".or_value("),
    (r"\btype\(", "type_of("),
    (r"\bnull\b", "None"),
    (r" \|\| ", " or "),
    (r" && ", " and "),
)


@cache
def condition() -> CodeType:
    """Return when an object has a container for an Environment, as the policy asks the API server, in Python."""
    (policy,) = (each for each in enforcement.policies(TABLE) if each.name == "enforce")
    text = policy.validations[0].expression.partition(" || !(")[2].removesuffix(")")
    for cel, python in WORDS_OF_PYTHON:
        text = re.sub(cel, python, text)
    return compile(text, "the policy", "eval")


def is_demanded(item: Object) -> bool:
    """Return whether an object is demanded to have a reference, in an enforced namespace."""
    known = {"Maybe": Maybe, "Some": Some, "type_of": type_of, "map": "map", "list": "list"}
    return bool(eval(condition(), known | {"item": item, "kind": item["kind"]}))


def refusal(kind: Kind, item: Object, environment: Object) -> str:
    """Return why an object is refused with a reference, empty when it is not."""
    spec = {key: value for key, value in environment["spec"].items() if key != "image"}
    known = around(published("e", **spec))
    asked = {**item, "metadata": {**item["metadata"], "labels": {names.REFERENCE: "e"}}}
    mutated = admit(kind, asked, None, known)
    return mutated.refusal or approve(kind, mutated.workload or {}, None, known).refusal


def row(word: str) -> Kind:
    """Return the row of a kind."""
    return CUSTOM[word] if word in CUSTOM else BUILT_IN[word]


def environment_for(word: str) -> Object:
    """Return an Environment that may be used by objects of a kind."""
    if word in CUSTOM:
        return third_party.environment("e", word)
    return manifest("e", workloadTypes=["Workspace", "Training"])


def parts(kind: Kind, item: Object) -> Iterator[Way]:
    """Yield the ways to what leads to pod templates, to those themselves and to main containers that stand alone."""
    for place in kind.pod_templates:
        ways: list[Way] = [()]
        for key, field in place.steps:
            ways = [(*way, key) for way in ways if isinstance(at(item, way), dict) and key in at(item, way)]
            yield from ways
            ways = [(*way, n) for way in ways for n in range(len(at(item, way)))] if field else ways
        for key in () if place.spec else ("containers", *place.inline):
            yield from ((*way, key) for way in ways if key in (at(item, way) or {}))


def at(item: Any, way: Way) -> Any:
    """Return what is at the end of a way."""
    for step in way:
        item = item[step]
    return item


@st.composite
def shapes(draw: st.DrawFn) -> tuple[str, Object]:
    """Draw an object of a kind, of which parts are absent, empty or null."""
    word = draw(st.sampled_from(WORDS))
    item = third_party.user(word, "w", "p", None) if word in CUSTOM else workload(word, "w", "p")
    # Every definition requires a spec.
    ways = sorted({way for way in parts(row(word), item) if way != ("spec",)}, key=str)
    for way in draw(st.lists(st.sampled_from(ways), max_size=3, unique=True)) if ways else ():
        change(item, way, draw(st.sampled_from(("gone", "empty", "null"))))
    return word, item


def change(item: Object, way: Way, how: str) -> None:
    """Take something out of an object, where it still is."""
    try:
        holder, (*_, key) = at(item, way[:-1]), way
        if how == "gone" or (how == "empty" and "spec" in holder[key]):
            # No controller takes an empty pod template.
            del holder[key]
        else:
            holder[key] = None if how == "null" else type(holder[key])()
    except (KeyError, IndexError, TypeError):
        return


@settings(max_examples=300)
@given(shapes())
def test_a_way_is_open(shape: tuple[str, Object]) -> None:
    """An object with any pod templates is created without the label or with it."""
    word, item = shape

    assert not is_demanded(item) or "" == refusal(row(word), item, environment_for(word))


@pytest.mark.parametrize("word", WORDS)
def test_demanded(word: str) -> None:
    """What has a container for an Environment is demanded to refer to one."""
    item = third_party.user(word, "w", "p", None) if word in CUSTOM else workload(word, "w", "p")

    assert is_demanded(item)


@pytest.mark.parametrize("word", WORDS)
def test_without_containers(word: str) -> None:
    """What has pod templates without a single container is not asked, but where the kind makes the container itself."""
    item = third_party.user(word, "w", "p", None) if word in CUSTOM else workload(word, "w", "p")
    for place in places(row(word), item):
        template = place.template(item)
        for key in ("containers", *place.row.inline):
            template["spec"].pop(key, None)
        place.replace(item, template)

    assert (word in ("Pod", "trainjob")) == is_demanded(item)
