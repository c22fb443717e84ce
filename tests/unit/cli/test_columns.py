"""The table of Environments: columns, filters, order, and values as they are written."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import environment
from environment_operator.api import names
from environment_operator.api.v1alpha1 import EnvironmentSpec, Scope
from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.output import columns, filtering, text
from environment_operator.cli.output.columns import COLUMNS, ORIGINAL
from environment_operator.manifests.crd import COLUMNS as PRINTED
from environment_operator.spec.scope import in_words, tools_in_words

FULL = environment(
    "jupyter",
    description="Notebooks",
    scope={"departments": ["ml"], "projects": ["a", "b", "c"]},
    tools=[{"name": "lab", "type": "JupyterNotebook"}],
    workloadTypes=["Workspace", "Training"],
    status={
        "usage": {"workloads": 12, "templates": 1, "outdated": 3},
        "podSecurity": "restricted",
        "conditions": [{"type": "Ready", "status": "True"}],
    },
)
FULL["status"]["lastUsedTime"] = "2026-06-06T00:00:00Z"
FULL["metadata"] |= {
    "creationTimestamp": "2026-01-02T03:04:05Z",
    "annotations": {names.CREATED_BY: "ada"},
    "managedFields": [
        {"manager": "kubectl", "time": "2026-02-02T00:00:00Z"},
        {"manager": "argocd", "time": "2026-03-03T00:00:00Z"},
        {"manager": names.FIELD_MANAGER, "time": "2026-04-04T00:00:00Z"},
        {"manager": "other", "subresource": "status", "time": "2026-05-05T00:00:00Z"},
    ],
}
ROW = {
    "Environment": "jupyter",
    "Description": "Notebooks",
    "Scope": "department/ml,project/a,project/b,project/c",
    "Image": "registry.example/team/jupyter:4.2",
    "Workload architecture": "Standard",
    "Tools": "lab",
    "Workloads": "12",
    "Workload types": "Workspace,Training",
    "Templates": "1",
    "Created by": "ada",
    "Creation time": "2026-01-02 03:04:05",
    "Cluster": "west",
    "Ready": "True",
    "State": "Ready",
    "Outdated": "3",
    "Pod security": "restricted",
    "Last updated": "2026-03-03 00:00:00",
    "Last used": "2026-06-06 00:00:00",
}


def test_row_of_a_whole_environment() -> None:
    """Every column is read of a whole Environment: all of the scope, the last change by somebody else than us, and
    the context's name where no cluster name is set.
    """
    assert ROW == columns.of_object(FULL, COLUMNS, "west")


def test_row_of_the_servers_table() -> None:
    """The same comes of the API server's own table, cells by name in any order, and of the metadata in it; null
    is empty, and so is for now what only the whole Environment has.
    """
    cells = {"Name": "jupyter", "Workloads": 12, "Ready": None, "Scope": "department/ml,project/a,b"}
    row = {"cells": list(cells.values()), "object": {"metadata": FULL["metadata"]}}
    table = {"columnDefinitions": [{"name": name} for name in cells], "rows": [row]}
    wanted = ["Ready", "Workloads", "Environment", "Scope", "Creation time", "Created by", "Description"]
    expected = {"Ready": "", "Workloads": "12", "Environment": "jupyter"}
    expected |= {"Scope": "department/ml,project/a,project/b"}
    expected |= {"Creation time": "2026-01-02 03:04:05", "Created by": "ada", "Description": ""}

    assert [expected] == columns.of_table(table, [columns.find(name) for name in wanted])


@pytest.mark.parametrize(
    ("writers", "may_have_one"),
    [
        ([{"f:spec": {"f:image": {}}}, {"f:status": {}}], False),
        ([{"f:spec": {"f:image": {}}}, {"f:spec": {"f:description": {}}}], True),
        ([{"f:metadata": {"f:annotations": {"f:description": {}}}}], False),
        ([], True),
    ],
)
def test_whether_there_is_a_description(writers: list[dict[str, Any]], may_have_one: bool) -> None:
    """The fields of each writer say that nobody gave a description; metadata without them do not."""
    metadata = {"managedFields": [{"manager": "kubectl", "fieldsV1": fields} for fields in writers]}
    of = {"metadata": metadata}

    assert may_have_one is columns.lacks_of(of, [columns.find("description")])
    assert not columns.lacks_of(of, [columns.find("image")])


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("", True), ("project/a,project/b,project/c,+2", True), ("cluster", False), ("department/a,project/b", False)],
)
def test_a_scope_of_which_the_table_has_the_beginning(scope: str, expected: bool) -> None:
    """A scope that the status shortens, or does not have yet, is read of the Environment; names have no plus sign."""
    assert expected is columns.is_cut({"Scope": scope})
    assert not columns.is_cut({"Environment": "a"})


@pytest.mark.parametrize(("tools", "expected"), [("tensorboard,+1", True), ("lab,board", False), ("", False)])
def test_tools_of_which_the_table_has_the_beginning(tools: str, expected: bool) -> None:
    """So are tools; an Environment need not have any."""
    assert expected is columns.is_cut({"Scope": "cluster", "Tools": tools})


@pytest.mark.parametrize(
    ("names_of", "shown"),
    [
        ([], ""),
        (["lab", "board"], "lab,board"),
        (["tensorboard", "wandb"], "tensorboard,+1"),
        (["a-tools-name-15", "b"], "a-tools-name-15,+1"),
        (["a", "b", "c", "d", "e", "f", "g", "h", "i"], "a,b,c,d,e,f,+3"),
    ],
)
def test_what_the_columns_have_room_for(names_of: list[str], shown: str) -> None:
    """The status has as many names as a column has room for, at least one, and how many more there are."""
    tools = [{"name": name, "type": "JupyterNotebook", "containerPort": n} for n, name in enumerate(names_of, 8001)]
    given = EnvironmentSpec.model_validate(environment("jupyter", tools=tools)["spec"])

    assert shown == tools_in_words(given)


def test_at_a_terminal_what_matters_comes_first() -> None:
    """The columns of a narrow terminal come in the order that the reference documents; with several clusters the
    cluster is the second.
    """
    order = ["Environment", "Ready", "Outdated", "Workloads", "Image", "Scope"]

    assert order == [column.title for column in columns.by_rank(several=False)][:6]
    assert ["Environment", "Cluster", "Ready"] == [column.title for column in columns.by_rank(several=True)][:3]
    assert {column.title for column in (*ORIGINAL, *COLUMNS[12:14])} == {
        column.title for column in columns.by_rank(several=True)
    }


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (80, ["name  true  a long image", "東東  true  short"]),
        (24, ["name  true  a long image", "東東  true  short"]),
        (23, ["name  true", "東東  true"]),
        (9, ["name", "東東"]),
        (3, ["na…", "東…"]),
    ],
)
def test_one_line_a_row(room: int, expected: list[str]) -> None:
    """Columns that do not fit are left out from the end; one is cut where enough of it can be read, by cells."""
    header, rows = text.one_line(("n", "r", "i"), [["name", "true", "a long image"], ["東東", "true", "short"]], room)

    assert expected == ["  ".join(row) for row in rows]
    assert len(header) == len(rows[0])
    assert ["a  a long imag…"] == ["  ".join(r) for r in text.one_line(("", ""), [["a", "a long image, yes"]], 15)[1]]


def test_the_original_has_twelve_columns() -> None:
    """The columns of the original come first and in its order."""
    assert [
        "Environment", "Description", "Scope", "Image", "Workload architecture", "Tools", "Workloads",
        "Workload types", "Templates", "Created by", "Creation time", "Cluster",
    ] == [column.title for column in ORIGINAL]  # fmt: skip


def test_every_cell_is_printed_by_the_definition() -> None:
    """What the plugin takes of the API server's own table is printed by the CustomResourceDefinition."""
    assert {column.cell for column in COLUMNS if column.cell} <= {"Name", *(name for name, *_ in PRINTED)}


@pytest.mark.parametrize("name", ["Creation time", "creation-time", "CREATIONTIME", "creation", "time"])
def test_columns_are_found_as_people_type_them(name: str) -> None:
    """A column has its title in any spelling, or the part of it that no other has."""
    assert "Creation time" == columns.find(name).title


@pytest.mark.parametrize("name", ["", "work", "colour"])
def test_a_title_that_names_no_column(name: str) -> None:
    """What names none or several is refused with the list of columns."""
    with pytest.raises(Problem, match="Choose one of Environment, Description"):
        columns.find(name)


@pytest.mark.parametrize(
    ("given", "scope"),
    [
        ({"cluster": True}, "cluster"),
        ({"departments": ["ml"]}, "department/ml"),
        ({"projects": ["a", "b"]}, "project/a,project/b"),
        ({"departments": ["a", "b"], "projects": ["c"]}, "department/a,department/b,project/c"),
        (
            {"departments": ["ml"], "projects": ["a", "b", "c", "d"]},
            "department/ml,project/a,project/b,project/c,project/d",
        ),
    ],
)
def test_the_scope_is_whole(given: dict[str, Any], scope: str) -> None:
    """The scope of a whole Environment is all of it; what the status has says the same, or that it is cut."""
    table = {"columnDefinitions": [{"name": "Scope"}], "rows": [{"cells": [in_words(Scope.model_validate(given))]}]}
    (row,) = columns.of_table(table, [columns.SCOPE])

    assert {"Scope": scope} == columns.of_object({"spec": {"scope": given}}, [columns.SCOPE], "")
    assert row == {"Scope": scope} or columns.is_cut(row)


@pytest.mark.parametrize(
    ("scope", "project", "department", "may"),
    [
        ("cluster", "vision", None, True),
        ("project/vision2,project/vision", "vision", None, True),
        ("project/vision2", "vision", None, False),
        ("department/vision", "vision", "ml", False),
        ("department/ml", "vision", "ml", True),
        ("department/ml", "vision", None, False),
        ("project/a", "", None, True),
    ],
)
def test_what_a_project_may_use(scope: str, project: str, department: str | None, may: bool) -> None:
    """A project may use what is for everybody, for itself or for its department."""
    assert may == filtering.may_use({"Scope": scope}, project, department)


@pytest.mark.parametrize(
    ("filters", "search", "fits"),
    [
        (["image=*/jupyter:*"], "", True),
        (["IMAGE=*/Jupyter:4.2"], "", True),
        (["image=jupyter"], "", False),
        (["types=Training"], "", True),
        (["types=Workspace,Training"], "", True),
        (["types=Inference"], "", False),
        (["types=Inference", "types=training"], "", True),
        (["types=Training", "ready=False"], "", False),
        (["scope=project/?"], "", True),
        (["pod-security=*"], "NOTEBOOK", True),
        ([], "nowhere", False),
        (["image=*["], "", False),
    ],
)
def test_filters(filters: list[str], search: str, fits: bool) -> None:
    """Globs over a value or one item of it; columns and, the same column or; a text anywhere; case is nothing."""
    assert fits is filtering.matches(ROW, [filtering.read_filter(each) for each in filters], search)


@pytest.mark.parametrize("given_filter", ["image", "colour=red"])
def test_a_filter_that_cannot_be_read(given_filter: str) -> None:
    """A filter without a value or of no column is refused."""
    with pytest.raises(Problem):
        filtering.read_filter(given_filter)


@pytest.mark.parametrize(
    ("sorts", "names_in_order"),
    [
        ((), ["b", "a", "C"]),
        (("environment",), ["a", "b", "C"]),
        (("workloads",), ["C", "b", "a"]),
        (("workloads:desc",), ["a", "b", "C"]),
        (("workloads:asc",), ["C", "b", "a"]),
        (("ready", "environment:desc"), ["b", "C", "a"]),
        (("ready:desc", "workloads:desc"), ["a", "C", "b"]),
    ],
)
def test_order(sorts: tuple[str, ...], names_in_order: list[str]) -> None:
    """Numbers sort as numbers with unknown ones below, texts without regard to case; the first column weighs most."""
    cells = (("b", "9", "False"), ("a", "10", "True"), ("C", "", "True"))
    found = [dict(zip(("Environment", "Workloads", "Ready"), each, strict=True)) for each in cells]

    assert names_in_order == [
        r["Environment"] for r in filtering.ordered(found, [*map(filtering.read_order, sorts)], lambda row: row)
    ]


def test_an_order_that_cannot_be_read() -> None:
    """After the colon only two words make sense."""
    with pytest.raises(Problem, match="asc or desc"):
        filtering.read_order("image:up")


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1))
def test_csv_comes_back(values: list[list[str]]) -> None:
    """A reader of CSV gets any value back, apart from the mark before what looks like a formula."""
    written = text.as_csv(["one", "two"], values)
    header, *read = csv.reader(io.StringIO(written, newline=""))

    assert ["one", "two"] == header
    assert [[v.removeprefix("'") for v in line] for line in values] == [
        [v.removeprefix("'") for v in line] for line in read
    ]


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])  # noqa: RUF001 - meant
def test_csv_has_no_formulas(value: str) -> None:
    """A value that a spreadsheet would compute is marked as text."""
    assert f"'{value}" == next(iter(csv.reader(io.StringIO(text.as_csv((), [[value]]), newline=""))))[0]


def test_csv_begins_with_a_mark_when_asked() -> None:
    """The byte order mark is for spreadsheets: to every program it would be a part of the first title."""
    assert ("a\r\n", "\ufeffa\r\n") == (text.as_csv(["a"], ()), text.as_csv(["a"], (), mark=True))


def test_messages_in_one_line() -> None:
    """What is the same of many names is printed once, with the first of them."""
    given = {name: f'environment "{name}" is forbidden' for name in "abcde"} | {"f": 'conflict of "f"'}

    assert ["a, b, c and 2 more: environment … is forbidden", 'f: conflict of "f"'] == list(text.grouped(given))


@pytest.mark.parametrize(
    ("value", "shown"),
    [("plain", "plain"), ("two\nlines", "two lines"), ("\x1b[31mred", "\\x1b[31mred"), ("größer 東", "größer 東")],
)
def test_nothing_acts_on_the_terminal(value: str, shown: str) -> None:
    """Control characters are shown, not sent."""
    assert shown == text.printable(value)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (59, "59s"), (60, "1m"), (7300, "2h"), (90000, "1d"), (4e7, "1y"), (-5, "0s")]
)
def test_age(seconds: float, shown: str) -> None:
    """An age is printed in its greatest unit; with a clock that is behind no age is negative."""
    then = datetime(2026, 1, 1, tzinfo=UTC)

    assert shown == text.age("2026-01-01T00:00:00Z", then + timedelta(seconds=seconds))


def test_rows_that_go_on_with_a_table() -> None:
    """A row that is printed later stands in the columns of the table, though it has an empty value."""
    table = (["name", "what", "image"], [["a", "something", "i:1"]])
    later = text.aligned((), [["b", "", "i:2"]], text.widths_of([table[0], *table[1]]))

    assert ["NAME   WHAT        IMAGE", "a      something   i:1", "b                  i:2"] == text.aligned(
        *table
    ) + later
    assert [] == text.aligned((), [])
