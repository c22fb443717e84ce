"""YAML as kubectl reads it; that it is the same is tested with kubectl itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environment_operator.cli.output import console, yaml_text

# What one of the libraries may take for something else, and breaks of lines of every kind.
AMBIGUOUS = st.sampled_from(["y", "n", "1e3", "09", "=", "2024-01-01", "1:30", "<<", "0o17", ".5e3", "1__0", "~", ""])
TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from(" \n\t\r\x85\u2028#|>-:'\"")) | AMBIGUOUS
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(VALUES)
def test_what_is_written_is_read(value: object) -> None:
    """All that the API server has in JSON comes back from its YAML."""
    assert [{"a": value}] == yaml_text.read(yaml_text.write({"a": value}))


def test_texts_of_several_lines() -> None:
    """Scripts stand there as they would be typed."""
    assert "a:\n- |\n  #!/bin/sh\n  true\n" == console.as_yaml({"a": ["#!/bin/sh\ntrue\n"]})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", "the key 'a' stands there twice\n  in .*, line 3"),
        ('1: a\n"1": b', "stands there twice"),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', "the key 'b' stands there twice"),
        ("a: !!binary aGk=", "could not determine a constructor for the tag '.*binary'"),
        ("a: !!timestamp 2024-01-01", "could not determine a constructor"),
        ("a: !!bool 7", "'7' is neither true nor false"),
        ("a: !!int x", "invalid literal"),
        ("a: .nan", "not JSON compliant"),
        ("a: &a [*a]", "Circular reference"),
        ("? [a]\n: b", "this key is no text"),
        ("~: b", "this key is no text"),
        ("a: [", "expected the node content"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_what_cannot_be_had_in_json(text: str, words: str) -> None:
    """What the API server could not be sent, or not all of it, is refused where it stands."""
    with pytest.raises(ValueError, match=words):
        yaml_text.read(text)


def bomb(form: str, last: str) -> str:
    """Return a document of less than 1 KB in which each line stands for eight times the one before."""
    lines = [f"a{n}: &a{n} {form % ', '.join([f'*a{n - 1}'] * 8)}" for n in range(1, 12)]
    return "\n".join([f"a0: &a0 {last}", *lines])


@pytest.mark.parametrize("text", [bomb("[%s]", "[x]"), bomb("{<<: [%s]}", "{x: 1}"), bomb("{b: [%s]}", "{x: 1}")])
def test_aliases_that_stand_for_very_much(text: str) -> None:
    """A small document that would fill the memory is refused at once, as kubectl does."""
    assert len(text) < 1024
    with pytest.raises(ValueError, match="its aliases stand for more than 400000 values"):
        yaml_text.read(text)


def test_large_documents() -> None:
    """What is large without aliases, or has some, is read."""
    used = "a: &a {x: 1}\nb: [" + ", ".join(["*a"] * 1000) + "]"

    assert [list(range(10_000))] == yaml_text.read("\n".join(f"- {n}" for n in range(10_000)))
    assert [{"a": {"x": 1}, "b": [{"x": 1}] * 1000}] == yaml_text.read(used)


def test_a_key_of_very_many() -> None:
    """A key that stands twice among very many is found at once."""
    keys = ", ".join(f'"k{n}": 0' for n in range(50_000))
    with pytest.raises(ValueError, match="the key 'k49999' stands there twice"):
        yaml_text.read(f'{{{keys}, "k49999": 1}}')


def test_merged_keys() -> None:
    """What is merged in may be there under the same key again, however often it is merged."""
    text = "a: &a {x: 1, y y: 1}\nb: &b {<<: *a, x: 2}\nc: {<<: *b, x: 3}"

    assert [{"a": {"x": 1, "y y": 1}, "b": {"x": 2, "y y": 1}, "c": {"x": 3, "y y": 1}}] == yaml_text.read(text)


def test_json() -> None:
    """JSON is read with tabs before its keys, and with characters written as two halves."""
    assert [{"a": "\U0001f600", "b": [1, 0.5]}] == yaml_text.read('{\n\t"a": "\\ud83d\\ude00",\n\t"b": [1.0, 0.5]\n}\n')
    assert [] == yaml_text.read("null")
