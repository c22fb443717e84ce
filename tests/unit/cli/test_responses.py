"""Lists that come in pages: where they go on is read before they are."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from environment_operator.cli.client.responses import NO_SUCH_KIND, continuation, read, status_message, warning
from environment_operator.kube.errors import ApiError

META = st.dictionaries(st.sampled_from(["continue", "resourceVersion", "odd"]), st.text(max_size=5))
OBJECTS = st.recursive(
    st.none() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["metadata", "items", "continue", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@example({"continue": '}"{'}, None, ["kind", "apiVersion", "metadata", "items", "zones"])
@given(META, OBJECTS, st.permutations(["kind", "apiVersion", "metadata", "items", "zones"]))
def test_where_a_list_goes_on(metadata: dict[str, Any], items: Any, order: list[str]) -> None:
    """It is what stands in the list's own metadata, wherever they are, with any items."""
    every = {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items, "zones": items}
    body = {key: every[key] for key in order}

    assert metadata.get("continue", "") == continuation(json.dumps(body, separators=(",", ":")).encode())
    assert metadata.get("continue", "") == continuation(json.dumps(body, indent=1).encode() + b"\n")


@pytest.mark.parametrize("inner", [{}, {"continue": "inner"}])
def test_objects_at_the_edges(inner: dict[str, str]) -> None:
    """The metadata of the first or of the last item are not taken for those of the list."""
    item = {"kind": "Pod", "apiVersion": "v1", "metadata": inner}
    last = {"apiVersion": "v1", "items": [item], "metadata": {"continue": "list"}, "zone": {"metadata": inner}}

    for body in (last, {"items": [item], **last}, {"metadata": {"continue": "list"}, "items": [item]}):
        assert "list" == continuation(json.dumps(body, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"kind":"Status","message":"no"}', "no"),
        (b"404 page not found\n", NO_SUCH_KIND),
        (b"<html>", "<html>"),
        (b"[]", "[]"),
        (b"\xff" * 300, "\ufffd" * 200),
    ],
)
def test_what_is_said(body: bytes, words: str) -> None:
    """The message is that of a Status; a whole group that is missing reads as a kind that is; else it is what came."""
    assert words == status_message(body)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ('299 - "a \\"b\\" \\\\c"', 'a "b" \\c'),
        ("299 - plain words", "plain words"),
        ("odd", "odd"),
        ('299 - "Ã¤â\x80¦"', "ä…"),
    ],
)
def test_warnings(header: str, text: str) -> None:
    """Of a warning that comes with an answer, the text is shown."""
    assert text == warning(header)


def test_what_is_no_answer() -> None:
    """A page of somebody else, such as a proxy's, is said to be no answer of an API server."""
    with pytest.raises(ApiError, match=r'not that of an API server: "<html>". Check --context'):
        read(b"<html>")
