"""Lists that come in pages: where they go on is read before they are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environment_operator.cli.connection import continuation

META = st.dictionaries(st.sampled_from(["continue", "resourceVersion", "odd"]), st.text(max_size=5))
OBJECTS = st.recursive(
    st.none() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["metadata", "items", "continue", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(META, OBJECTS, st.permutations(["kind", "apiVersion", "metadata", "items", "zones"]))
def test_where_a_list_goes_on(metadata: dict[str, Any], items: Any, order: list[str]) -> None:
    """It is what stands in the list's own metadata, wherever they are, whatever stands in the items."""
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
