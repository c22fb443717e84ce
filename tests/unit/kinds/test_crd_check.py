"""What an installed definition says about a row: in which version its objects can be read, and what does not fit."""

from typing import Any

import pytest

from environment_operator.kinds.crd_check import misfits, version
from environment_operator.kinds.table import Kind, PodTemplate
from environment_operator.kinds.third_party import ROWS
from samples import FILES, definitions

ROW = Kind(group="example.org", version="v2", also=("v1",), kind="Widget", plural="widgets")


def definition(*conditions: str, **served: bool) -> dict[str, Any]:
    """Return a definition with versions that are served or not, and conditions that are true."""
    versions = [{"name": name, "served": is_served} for name, is_served in served.items()]
    return {
        "spec": {"versions": versions},
        "status": {"conditions": [{"type": name, "status": "True"} for name in conditions]},
    }


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        ({"v1": True, "v2": True}, "v2"),
        ({"v1": True, "v2": False}, "v1"),
        ({"v1": False, "v3": True}, "v3"),
        ({"v1": False, "v2": False}, ""),
    ],
)
def test_version(served: dict[str, bool], expected: str) -> None:
    """The row's own order decides among the versions that are served; another one is better than none."""
    assert expected == version(ROW, definition("NamesAccepted", "Established", **served))


@pytest.mark.parametrize(
    ("conditions", "expected"), [((), ""), (("NamesAccepted",), "v2"), (("Established",), "v2"), (("Terminating",), "")]
)
def test_not_served_yet(conditions: tuple[str, ...], expected: str) -> None:
    """A definition serves nothing before its names are accepted, and goes on serving when others want them."""
    assert expected == version(ROW, definition(*conditions, v2=True))


def test_without_a_status() -> None:
    """A definition that is not established yet serves nothing."""
    assert "" == version(ROW, {"spec": {"versions": [{"name": "v2", "served": True}]}})


def schema(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object with these properties and no others."""
    return {"type": "object", "properties": properties}


STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
POD = schema(containers={"type": "array"})
TEMPLATE = schema(metadata=schema(labels=STRINGS, annotations=STRINGS), spec=POD)
BARE = schema(metadata={"type": "object"}, spec=POD)
ROUGH = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
FLAT = schema(labels=STRINGS, annotations=STRINGS, containers={"type": "array"})


@pytest.mark.parametrize(
    ("row", "spec", "expected"),
    [
        (PodTemplate(), schema(template=TEMPLATE), []),
        (PodTemplate(), schema(template=ROUGH), []),
        (PodTemplate(), ROUGH, []),
        (PodTemplate(), schema(pod=TEMPLATE), ["there is no spec.template"]),
        (PodTemplate(metadata=""), schema(template=BARE), []),
        (
            PodTemplate(),
            schema(template=BARE),
            [f"spec.template.metadata.{key} is dropped by its schema" for key in ("labels", "annotations")],
        ),
        (
            PodTemplate(metadata=""),
            schema(template=schema(spec=schema())),
            ["spec.template.spec has no field cont"],
        ),
        (PodTemplate(path="spec.parts[name].template"), schema(parts=schema()), ["spec.parts is not a list"]),
        (
            PodTemplate(path="spec.parts[name].template"),
            schema(parts={"type": "array", "items": schema(template=TEMPLATE)}),
            [],
        ),
        (
            PodTemplate(path="spec.roles.Worker.template"),
            schema(roles={"type": "object", "additionalProperties": schema(template=TEMPLATE)}),
            [],
        ),
        (PodTemplate(path="spec.one", spec="", metadata="."), schema(one=FLAT), []),
        (
            PodTemplate(path="spec.one", spec="", metadata="."),
            schema(one=POD),
            ["spec.one.labels is dropped by its schema", "spec.one.annotations is dropped by its schema"],
        ),
        (
            PodTemplate(path="spec", spec="", metadata="", inline=("trainer",), optional=True),
            schema(),
            ["spec has no field trainer"],
        ),
    ],
)
def test_misfits(row: PodTemplate, spec: dict[str, Any], expected: list[str]) -> None:
    """What of a row has no place in the schema is reported with its path; a rough schema takes anything."""
    kind = ROW.model_copy(update={"pod_templates": (row,)})
    found = definition("Established", v2=True)
    found["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": schema(spec=spec)}

    for words, said in zip(expected, misfits(kind, found, "v2"), strict=True):
        assert said.startswith(words)


def test_unknown_version() -> None:
    """A version that the row does not have is watched, and it is said that nothing is injected there."""
    (said,) = misfits(ROW, definition("Established", v3=True), "v3")

    assert said.startswith("it is served in version v3 only")


DEFINED = {(d["spec"]["group"], d["spec"]["names"]["kind"]): d for file in FILES for d in definitions(file)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_our_rows_fit(row: Kind) -> None:
    """Our rows go with the published definitions, cut down as they are for the tests, plural included."""
    found = {**DEFINED[row.group, row.kind], "status": {"conditions": [{"type": "Established", "status": "True"}]}}

    assert row.plural == found["spec"]["names"]["plural"]
    assert [] == misfits(row, found, version(row, found))
