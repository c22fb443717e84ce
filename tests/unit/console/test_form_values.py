"""What a form shows and sends, and what comes of it: nothing is lost, in either direction."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import manifest
from environment_operator.cli.output import yaml_text
from environment_operator.console.forms import draft, fields, steps, values
from environment_operator.console.forms.fields import Field, Widget
from environment_operator.console.forms.values import ABSENT, acted, control, filled, sent
from environment_operator.kube.errors import Cause
from fields import whole

FORM = fields.form()
ROOT = Path(__file__).parents[3]
EXAMPLES = [
    item
    for folder in ("catalogue", "examples")
    for file in sorted((ROOT / "deploy" / folder).rglob("*.yaml"))
    for item in yaml_text.read(file.read_text(encoding="utf-8"))
    if isinstance(item, dict) and item.get("kind") == "Environment"
]
JUNK = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.lists(st.integers())
    | st.dictionaries(st.text(), st.text())
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["", " a", "a\nb", "a\r\nb", "\ra", "\x00"])


def shaped(field: Field) -> st.SearchStrategy[Any]:
    """Return values of a field's shape, right or wrong, with unknown keys in any order; now and then something else."""
    plain: st.SearchStrategy[Any]
    match field.widget:
        case Widget.PART:
            known = st.fixed_dictionaries({}, optional={each.name: shaped(each) for each in field.fields})
            parts = st.tuples(known, st.dictionaries(st.text(), JUNK, max_size=2))
            plain = parts.map(lambda two: [*two[0].items(), *two[1].items()]).flatmap(st.permutations).map(dict)
        case Widget.PARTS | Widget.ROWS if field.item:
            plain = st.lists(shaped(field.item), max_size=3)
        case Widget.CHOICES:
            plain = st.lists(st.sampled_from(field.choices) | TEXTS, max_size=4)
        case Widget.WORDS:
            plain = st.lists(st.integers() | TEXTS, max_size=3)
        case Widget.FLAG:
            plain = st.booleans()
        case Widget.CHOICE:
            plain = st.sampled_from(field.choices)
        case Widget.NUMBER:
            plain = st.integers()
        case _:
            plain = TEXTS
    return st.one_of(plain, plain, plain, JUNK) if field.name else plain


def valid(field: Field) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one for each widget
    """Return values that the schema accepts and that people can type."""
    match field.widget:
        case Widget.PART:
            names = {each.name: valid(each) for each in field.fields}
            required = {each.name: names.pop(each.name) for each in field.fields if each.required}
            return st.fixed_dictionaries(required, optional=names).filter(bool)
        case Widget.PARTS | Widget.ROWS if field.item:
            return st.lists(valid(field.item), min_size=1, max_size=2)
        case Widget.CHOICES:
            return st.lists(st.sampled_from(field.choices), min_size=1, unique=True)
        case Widget.WORDS:
            return st.lists(_word(field), min_size=1, max_size=3, unique=True)
        case Widget.FLAG:
            return st.booleans()
        case Widget.CHOICE:
            return st.sampled_from(field.choices)
        case Widget.NUMBER:
            return st.integers(field.least, field.most)
    return _word(field)


def _word(field: Field) -> st.SearchStrategy[Any]:
    """Return a number, or a text without what no form keeps: spaces around it, and other breaks of lines."""
    if field.is_integer:
        return st.integers(0, 2**31 - 1)
    free = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)
    texts = _fitting(re.compile(field.pattern)) if field.pattern else free
    return texts.filter(lambda text: text == text.strip() and text.isprintable())


def _fitting(pattern: re.Pattern[str]) -> st.SearchStrategy[str]:
    """Return texts that fit a pattern: words, after what it lets them begin with, and with what it lets stand between.

    A form takes any text; to draw each character by the pattern is most of the time of a test.
    """
    begins = [begin for begin in ("", "/", "https://", "${A}") if pattern.fullmatch(f"{begin}a")]
    marks = [(begin, mark) for begin in begins for mark in MARKS if pattern.fullmatch(begin + mark.join("aaaa"))]
    words = st.lists(st.text("az09", max_size=5).map("a{}".format), min_size=1, max_size=4)
    return st.builds(lambda at, found: f"{at[0]}{at[1].join(found)}", st.sampled_from(marks), words)


# Between words, and within quotes, comments and lists of YAML and forms.
MARKS = ("", "-", ".", "_", "/", ":", ",", " ", "'", '"', "#", "\\", "%", "&", "+", "<", "ß", "東")


def ordered(item: Any) -> str:
    """Return plain data with the order of its keys."""
    return json.dumps(item)


def hollow(of: Any) -> Any:
    """Return lists of the same length in which nothing is written yet."""
    if isinstance(of, dict):
        return {key: hollow(each) for key, each in of.items() if isinstance(each, dict) or _is_rows(each)}
    return [hollow(each) if isinstance(each, dict) else "" for each in of]


def _is_rows(value: Any) -> bool:
    """Return whether a value is a list."""
    return isinstance(value, list)


@settings(max_examples=40)
@given(shaped(FORM))
def test_what_nobody_changes_stays(item: dict[str, Any]) -> None:
    """Any object comes back from a browser as it was: unknown fields, order and values of a wrong type included."""
    assert ordered(item) == ordered(filled(FORM, item, sent(control(FORM, item))))


@settings(max_examples=25)
@given(valid(FORM), st.data())
def test_one_change_changes_one_value(item: dict[str, Any], data: st.DataObject) -> None:
    """What somebody types reaches its field, and nothing else is touched."""
    shown = sent(control(FORM, item))
    at = data.draw(st.sampled_from(sorted(at for at, texts in shown.items() if at.startswith("spec.image"))))
    changed = filled(FORM, item, {**shown, at: ["changed"]})
    key = at.removeprefix("spec.")
    after = {k: v for k, v in changed["spec"].items() if k != key}

    assert ["changed"] == changed["spec"][key] if key == "imagePullSecrets" else "changed" == changed["spec"][key]
    assert ordered({k: v for k, v in item["spec"].items() if k != key}) == ordered(after)


@settings(max_examples=25)
@given(valid(FORM))
def test_typed_by_hand(item: dict[str, Any]) -> None:
    """Whoever types what a form shows into an empty one, with as many items, gets the same Environment."""
    assert item == filled(FORM, hollow(item), sent(control(FORM, item)))


@pytest.mark.parametrize(
    "item", [*EXAMPLES, manifest("whole") | {"spec": whole()}], ids=lambda e: e["metadata"]["name"]
)
def test_examples_typed_by_hand(item: dict[str, Any]) -> None:
    """So do the examples of the documents, and an Environment in which every field is set."""
    known = {key: item[key] for key in ("metadata", "spec")}
    typed = filled(FORM, hollow(known), sent(control(FORM, known)))

    assert known["spec"] == typed["spec"]
    assert ordered(item) == ordered(filled(FORM, item, sent(control(FORM, item))))


@pytest.mark.parametrize(
    ("before", "form", "after"),
    [
        ({}, {"spec.image": ["a:1"]}, {"image": "a:1"}),
        ({"image": "a"}, {"spec.image": [" b "]}, {"image": "b"}),
        ({"displayName": "a"}, {"spec.displayName": [""]}, {}),
        ({}, {"spec.endpoint.port": ["80"]}, {"endpoint": {"port": 80}}),
        ({}, {"spec.endpoint.port": ["http"]}, {"endpoint": {"port": "http"}}),
        ({"endpoint": {"port": 1}}, {"spec.endpoint.port": [""]}, {}),
        ({"security": {}}, {"spec.security.hostIPC": [""]}, {"security": {}}),
        ({}, {"spec.stdin": ["false"]}, {"stdin": False}),
        ({}, {"spec.scope.projects": ["b, a\r\nc"]}, {"scope": {"projects": ["b", "a", "c"]}}),
        ({}, {"spec.user.supplementalGroups": ["5 x"]}, {"user": {"supplementalGroups": [5, "x"]}}),
        ({"env": [{"value": "a"}]}, {"spec.env[0].value": [""]}, {"env": [{}]}),
        ({"env": [{"value": ""}]}, {"spec.env[0].value": [""]}, {"env": [{"value": ""}]}),
        ({"env": [{}]}, {"spec.env[0].value": [""], "spec.env[0].value?": ["", "empty"]}, {"env": [{"value": ""}]}),
        ({"env": [{"value": ""}]}, {"spec.env[0].value": [""], "spec.env[0].value?": [""]}, {"env": [{}]}),
        ({"env": [{}]}, {"spec.env[0].value": ["a"], "spec.env[0].value?": ["", "empty"]}, {"env": [{"value": "a"}]}),
        ({}, {"spec.overridable": ["", "Command", "Args", "Env"]}, {}),
        ({}, {"spec.overridable": [""]}, {"overridable": []}),
        ({"workloadTypes": ["Training"]}, {"spec.workloadTypes": [""]}, {"workloadTypes": []}),
        (
            {"workloadTypes": ["Training"]},
            {"spec.workloadTypes": ["", "Inference", "Training"]},
            {"workloadTypes": ["Training", "Inference"]},
        ),
        ({"args": ["a", "b"]}, {"spec.args[1]": ["c\r\nd"]}, {"args": ["a", "c\nd"]}),
        ({"args": ["a", "b"]}, {"spec.args[0]": [""]}, {"args": ["", "b"]}),
        (
            {"image": "a", "args": ["a"]},
            {"spec.imagePullPolicy": ["Never"]},
            {"image": "a", "imagePullPolicy": "Never", "args": ["a"]},
        ),
    ],
)
def test_what_somebody_enters(before: dict[str, Any], form: dict[str, list[str]], after: dict[str, Any]) -> None:
    """Each kind of field is read as people mean it; a new key comes where the schema has it."""
    assert ordered(after) == ordered(filled(FORM, {"spec": before}, form)["spec"])


@pytest.mark.parametrize(
    ("before", "action", "after"),
    [
        ({}, "add:spec.tools", {"tools": [{}]}),
        ({"args": ["a"]}, "add:spec.args", {"args": ["a", ""]}),
        ({}, "add:spec.readinessProbe.exec.command", {"readinessProbe": {"exec": {"command": [""]}}}),
        ({"args": ["a", "b"]}, "remove:spec.args[0]", {"args": ["b"]}),
        ({"tools": [{}]}, "remove:spec.tools[0]", {}),
        ({"args": ["a", "b"]}, "up:spec.args[1]", {"args": ["b", "a"]}),
        ({"args": ["a", "b"]}, "up:spec.args[0]", {"args": ["a", "b"]}),
        ({"args": ["a", "b", "c"]}, "down:spec.args[0]", {"args": ["b", "a", "c"]}),
        ({"args": ["a", "b"]}, "down:spec.args[1]", {"args": ["a", "b"]}),
        ({"args": ["a"]}, "remove:spec.args[7]", {"args": ["a"]}),
        ({"args": ["a"]}, "remove:spec.args", {"args": ["a"]}),
        ({"args": ["a"]}, "add:spec.nothing", {"args": ["a"]}),
        ({"args": ["a"]}, "steal:spec.args[0]", {"args": ["a"]}),
        ({"tools": 7}, "add:spec.tools", {"tools": 7}),
    ],
)
def test_buttons(before: dict[str, Any], action: str, after: dict[str, Any]) -> None:
    """Items are added, removed and moved without a script; what no page sends changes nothing."""
    verb, _, at = action.partition(":")

    assert after == acted(FORM, {"spec": before}, verb, at)["spec"]


@pytest.mark.parametrize(
    ("path", "at"),
    [
        ("spec.image", "spec.image"),
        ("spec.tools[0].name", "spec.tools[0].name"),
        ("spec.tools[1].name", "spec.tools"),
        ("spec.scope.projects[3]", "spec.scope.projects"),
        ("spec.args[0]", "spec.args[0]"),
        ("metadata.name", "metadata.name"),
    ],
)
def test_what_is_wrong_stands_at_its_field(path: str, at: str) -> None:
    """A refusal is shown at the field that it names, or at the one around it."""
    form, rest = values.placed(control(FORM, {"spec": {"tools": [{}], "args": ["a"]}}), [Cause(path, "wrong")])
    where = [each.at for each in values.every(form) if each.problems]

    assert ([at], []) == (where, rest)
    assert 1 == sum(step.has_problems for step in steps.steps(form))


@pytest.mark.parametrize("path", ["", "spec", "spec.unknown", "status"])
def test_what_is_wrong_elsewhere(path: str) -> None:
    """What belongs to no field is said above the form, with its path."""
    assert [f"{path}: wrong" if path else "wrong"] == values.placed(control(FORM, {}), [Cause(path, "wrong")])[1]


def test_a_value_that_no_field_can_show() -> None:
    """A list in the place of a text is left to the YAML, and stays."""
    item = {"spec": {"image": ["a"], "tools": "b", "scope": 7, "description": "\x00"}}
    form = control(FORM, item)
    unreadable = {each.at for each in values.every(form) if not each.readable}

    assert {"spec.image", "spec.tools", "spec.scope", "spec.description"} == unreadable
    assert item == filled(FORM, item, {"spec.image": ["a"], "spec.tools": ["b"], "spec.scope.cluster": ["true"]})


def page(item: dict[str, Any], **more: str) -> dict[str, list[str]]:
    """Return what a browser sends of a page that nobody touched, and what somebody changed."""
    carried = {draft.BASE: json.dumps(item), draft.YAML: yaml_text.write(item).replace("\n", "\r\n")}
    return {**sent(control(FORM, item)), **{key: [text] for key, text in {**carried, **more}.items()}}


ITEM = manifest("a", args=["b"])


STORED = "registry.example/team/jupyter:4.2"
IN_FORM, IN_YAML = {"spec.image": "form:1"}, {"yaml": yaml_text.write(manifest("a", image="yaml:1"))}


@pytest.mark.parametrize(
    ("changes", "image", "problem"),
    [
        ({}, STORED, ""),
        (IN_FORM, "form:1", ""),
        (IN_YAML, "yaml:1", ""),
        (IN_FORM | IN_YAML, "form:1", "both changed"),
        (IN_FORM | IN_YAML | {"action": "from-yaml"}, "yaml:1", ""),
        (IN_FORM | IN_YAML | {"action": "from-form"}, "form:1", ""),
        (IN_FORM | {"yaml": "{", "action": "from-form"}, "form:1", ""),
        ({"yaml": "{"}, STORED, "cannot be read"),
        ({"yaml": "kind: Pod"}, STORED, "write one Environment"),
        ({"yaml": "a: 1\n---\nb: 1"}, STORED, "write one Environment"),
        (IN_FORM | {"yaml": "# a comment\n" + yaml_text.write(ITEM)}, "form:1", ""),
        (IN_YAML | {"action": "add:spec.args"}, STORED, "both changed"),
    ],
)
def test_form_and_yaml(changes: dict[str, str], image: str, problem: str) -> None:
    """Whichever of the two was changed becomes the other; where both were, the reader decides."""
    found = draft.received(FORM, page(ITEM, **changes))

    assert image == found.item["spec"]["image"]
    assert problem in found.problem.replace("were both", "both")
    assert bool(problem) == bool(found.problem)


def test_yaml_that_cannot_be_read_is_kept() -> None:
    """Nobody has to write it again."""
    assert "spec: {" == draft.received(FORM, page(ITEM, yaml="spec: {")).yaml


@pytest.mark.parametrize("base", ["", "{", "7", '{"kind":"Environment"}', '{"kind":"Pod","metadata":{},"spec":{}}'])
def test_what_no_page_sends(base: str) -> None:
    """A form without the object that it was made from is refused."""
    with pytest.raises(ValueError, match=r"Environment|Expecting"):
        draft.received(FORM, page(ITEM, base=base))


def test_a_new_one() -> None:
    """A form that nobody has filled in shows what is needed."""
    form = control(FORM, draft.blank())

    assert "Standard" == next(each.text for each in values.every(form) if each.at == "spec.architecture")
    assert yaml.load(draft.of(draft.blank()).yaml, yaml.CSafeLoader) == draft.blank()
    assert repr(ABSENT) == "ABSENT"
