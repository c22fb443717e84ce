"""Where the pod templates of an object are, for every kind of the table and every shape of a row."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import KINDS, template_path, workload
from environment_operator.api import names
from environment_operator.kinds.paths import Unfit, get
from environment_operator.kinds.pod_templates import containers, main, places, reference, within
from environment_operator.kinds.table import Kind, PodTemplate
from unit.injection.test_laws import JSON

Object = dict[str, Any]
TEMPLATE = {"spec": {"containers": [{"name": "first"}, {"name": "second"}]}}


def kind_of(**row: Any) -> Kind:
    """Return a kind with one row of pod templates."""
    return Kind(group="example.org", version="v1", kind="X", plural="xs", pod_templates=(PodTemplate(**row),))


def found(item: Object, **row: Any) -> list[str]:
    """Return the keys of the places in an object."""
    return [place.key for place in places(kind_of(**row), item)]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_kinds_of_every_cluster(kind: Kind) -> None:
    """Each built-in kind has one place; what is read there is what is set there."""
    item = workload(kind.kind, "w", "team", "e")
    (place,) = places(kind, item)
    mine = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}}
    expected = get(item, template_path(kind)) if template_path(kind) else item
    assert expected == place.template(item)
    if place.at:
        place.replace(item, mine)
        assert mine == get(item, template_path(kind))


@pytest.mark.parametrize(
    ("item", "row", "expected"),
    [
        ({"spec": {}}, {}, []),
        ({"spec": {"template": None}}, {}, []),
        ({"spec": []}, {}, []),
        ({"spec": {"parts": [{"name": "a", "t": {}}, {"name": "b", "t": {}}]}}, {"path": "spec.parts[name].t"},
         ["spec/parts/a/t", "spec/parts/b/t"]),
        ({"spec": {"parts": [{"t": {}}, {"name": "a", "t": {}}, {"name": "a", "t": {}}]}},
         {"path": "spec.parts[name].t"}, ["spec/parts/0/t", "spec/parts/a/t", "spec/parts/2/t"]),
        ({"spec": {"parts": [{"name": "2", "t": {}}, {"name": "x", "t": {}}, {"name": "x", "t": {}}]}},
         {"path": "spec.parts[name].t"}, ["spec/parts/2/t", "spec/parts/x/t", "spec/parts/2+/t"]),
        ({"spec": {"parts": [{"name": "a"}, 5, None]}}, {"path": "spec.parts[name].t"}, []),
        ({"spec": {"parts": {"name": "a", "t": {}}}}, {"path": "spec.parts[name].t"}, []),
        ({"spec": {"template": TEMPLATE}}, {"container": "first", "strict": True}, ["spec/template"]),
        ({"spec": {"template": TEMPLATE}}, {"container": "third", "strict": True}, []),
        ({"spec": {"part": {}}}, {"path": "spec.part", "spec": "", "inline": ("model",)}, []),
        ({"spec": {"part": {"model": {}}}}, {"path": "spec.part", "spec": "", "inline": ("model",)}, ["spec/part"]),
        ({"spec": {"part": {"containers": [{}]}}}, {"path": "spec.part", "spec": "", "inline": ("model",)},
         ["spec/part"]),
        ({"spec": {"part": {}}}, {"path": "spec.part", "spec": "", "inline": ("model",), "optional": True},
         ["spec/part"]),
    ],
)  # fmt: skip
def test_places(item: Object, row: Object, expected: list[str]) -> None:
    """Every pod template has a key of its own; what is none, or not meant, has none."""
    assert expected == found(item, **row)


@pytest.mark.parametrize(
    ("row", "item", "expected"),
    [
        ({"path": "spec.a.template"}, {"spec": {"a": {"template": {}}}}, ""),
        ({"path": "spec.a.template", "role": "worker"}, {"spec": {"a": {"template": {}}}}, "worker"),
        ({"path": "spec.p[name].t", "role": "*"}, {"spec": {"p": [{"name": "Ps", "t": {}}]}}, "ps"),
    ],
)
def test_role(row: Object, item: Object, expected: str) -> None:
    """The role of a place is that of the row, or the name of the item in the list."""
    assert [expected] == [place.role for place in places(kind_of(**row), item)]


@pytest.mark.parametrize(
    ("labels", "role", "expected"),
    [
        ({}, "", ""),
        ({names.REFERENCE: "e"}, "", "e"),
        ({names.REFERENCE: "e"}, "worker", "e"),
        ({names.REFERENCE: "e", f"{names.ROLE_REFERENCE}worker": "f"}, "worker", "f"),
        ({names.REFERENCE: "e", f"{names.ROLE_REFERENCE}worker": "f"}, "master", "e"),
        ({names.REFERENCE: "e", f"{names.ROLE_REFERENCE}worker": ""}, "worker", "e"),
        ({f"{names.ROLE_REFERENCE}worker": "f"}, "worker", ""),
        ({names.REFERENCE: ""}, "", ""),
        (None, "", ""),
    ],
)
def test_reference(labels: Any, role: str, expected: str) -> None:
    """The label of a role counts together with the main one, and only then."""
    assert expected == reference({"metadata": {"labels": labels}}, role)


MODEL: dict[str, Any] = {"spec": {"model": {}}}
INLINE = {"spec": "", "path": "spec.part", "inline": ("model", "script")}
NODE = {"container": "second"}


@pytest.mark.parametrize(
    ("row", "template", "chosen", "expected"),
    [
        ({}, TEMPLATE, "", "containers/first"),
        (NODE, TEMPLATE, "", "containers/second"),
        ({"container": "third"}, TEMPLATE, "", "containers/first"),
        (NODE, TEMPLATE, "first", "containers/first"),
        ({}, TEMPLATE, "third", None),
        ({}, {"spec": {}}, "", None),
        (INLINE, MODEL, "", "model"),
        (INLINE, {"spec": {"script": {}}}, "", "script"),
        (INLINE, {"spec": {"model": {}, **TEMPLATE["spec"]}}, "second", "containers/second"),
        (INLINE, {"spec": {"model": {}, **TEMPLATE["spec"]}}, "model", "model"),
        (INLINE, TEMPLATE, "", "containers/first"),
        ({**INLINE, "optional": True}, {"spec": {}}, "", "model"),
    ],
)
def test_main(row: Object, template: Object, chosen: str, expected: str | None) -> None:
    """The main container is the chosen one, else that of the row, else the first; none when the chosen is not there."""
    item = {"spec": {"template": TEMPLATE, "part": template["spec"]}}
    (place,) = places(kind_of(**{**row, "optional": True}), item)
    place = place.__class__(place.key, PodTemplate(**row), place.role, place.at)
    assert (("spec", *expected.split("/")) if expected else None) == main(place, template, chosen)


@pytest.mark.parametrize(
    ("row", "path", "expected"),
    [
        ({"path": ""}, "spec.containers.main.image", "spec.containers[0].image"),
        ({"path": "spec.template"}, "metadata.labels", "spec.template.metadata.labels"),
        ({"path": "spec.part", "spec": ""}, "spec.model.image", "spec.part.model.image"),
        ({"path": "spec.parts[name].t"}, "spec.hostIPC", "spec.parts[0].t.spec.hostIPC"),
    ],
)
def test_words(row: Object, path: str, expected: str) -> None:
    """A path in a pod template is printed as kubectl prints it, from the object on."""
    part = {"containers": [{"name": "main"}]}
    item = {"spec": {"containers": [{"name": "main"}], "template": {}, "part": part, "parts": [{"name": "a", "t": {}}]}}
    (place,) = places(kind_of(**row), item)
    assert expected == place.words(tuple(path.split(".")), item)


@pytest.mark.parametrize("containers_", [5, "x", {"a": 1}, [5], [None]])
def test_containers_that_are_none(containers_: Any) -> None:
    """Where something else stands than a list of containers, the error says where."""
    item = {"spec": {"template": {"spec": {"containers": containers_, "initContainers": containers_}}}}
    (place,) = places(kind_of(), item)
    for key in ("containers", "initContainers"):
        with pytest.raises(Unfit, match=rf"spec\.template\.spec\.{key}$"):
            containers(place, place.template(item), key)


def test_within() -> None:
    """A path through the main container follows its name; any other stays."""
    before, now = ("spec", "containers", "a"), ("spec", "model")
    assert ("spec", "model", "env", "A") == within(before, now, (*before, "env", "A"))
    assert ("spec", "containers", "b", "env") == within(before, now, ("spec", "containers", "b", "env"))


NAMES = st.one_of(st.none(), st.integers(), st.sampled_from(["", "a", "b", "0", "1", "2", "1+", "2+"]))


@settings(max_examples=200)
@given(st.lists(st.builds(lambda name, t: {"name": name, "t": {"n": t}}, NAMES, st.integers()), max_size=6))
def test_keys_are_unique(parts: list[Object]) -> None:
    """However items are named, each pod template has a key of its own, and is set without touching another."""
    item: Object = {"spec": {"parts": parts}}
    listed = places(kind_of(path="spec.parts[name].t"), item)
    assert len(parts) == len({place.key for place in listed})
    for number, place in enumerate(listed):
        before = copy.deepcopy(item)
        place.replace(item, {"set": number})
        before["spec"]["parts"][number]["t"] = {"set": number}
        assert before == item


@settings(max_examples=100)
@given(JSON, st.sampled_from(["spec.template", "spec.x[name].env", "spec.x.env[name].x"]))
def test_any_content(node: Any, path: str) -> None:
    """However malformed an object is, its places are found or there are none."""
    for place in places(kind_of(path=path, role="worker"), {"spec": node}):
        assert place.key.startswith("spec/")
