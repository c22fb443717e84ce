"""The table as an address asks for it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.output.columns import COLUMNS, find
from environment_operator.console import table
from environment_operator.console.table import Snapshot, Source, View, read_view

NOW = datetime(2026, 3, 2, 10, 14, tzinfo=UTC)


def row(name: str, **values: str) -> dict[str, str]:
    """Return a row with some values."""
    usual = {"Environment": name, "Scope": "cluster", "Workloads": "0", "State": "Ready"}
    return {column.title: "" for column in COLUMNS} | usual | values


def source(*rows: dict[str, str], cluster: str = "east", department: str | None = None) -> Source:
    """Return what was read of a cluster."""
    return Source(Snapshot(cluster, rows, NOW), department)


def shown(view: View, *sources: Source) -> list[str]:
    """Return the names of the Environments of a page."""
    return [line.row["Environment"] for line in table.table(sources, view).lines]


@pytest.mark.parametrize(
    "query",
    [
        [],
        [("project", "vision"), ("search", "x y"), ("page", "3")],
        [("filter", "image=*pytorch*"), ("filter", "workloadtypes=Training"), ("sort", "workloads:desc")],
        [("columns", "environment,image,state")],
    ],
)
def test_an_address_is_a_view(query: list[tuple[str, str]]) -> None:
    """What an address asks for leads to the same address: a view can be bookmarked."""
    assert query == read_view(query).query


def test_forms_without_a_script() -> None:
    """Boxes come one by one, a filter to add in two fields; what is empty asks for nothing."""
    view = read_view([("columns", "image"), ("columns", "state"), ("column", "scope"), ("value", "cluster")])

    assert ["Environment", "Image", "State"] == [column.title for column in view.shown]
    assert ((find("scope"), "cluster"),) == view.filters
    assert View() == read_view([("column", "scope"), ("value", ""), ("search", " "), ("project", ""), ("page", "x")])


@pytest.mark.parametrize(
    ("query", "enough"),
    [
        ([], 100),
        ([("page", "3"), ("sort", "environment"), ("columns", "state")], 300),
        ([("sort", "environment:desc")], 0),
        ([("search", "x")], 0),
        ([("filter", "image=x")], 0),
        ([("project", "vision")], 0),
    ],
)
def test_how_many_show_it(query: list[tuple[str, str]], enough: int) -> None:
    """The first ones in the order of names show a page of it, unless each of them has to be read."""
    assert enough == read_view(query).enough


def test_while_more_are_read() -> None:
    """What is shown before all are read counts those that come."""
    begun = source(*(row(f"env-{number:03}") for number in range(500)))
    some = Source(replace(begun.snapshot, remaining=9_500))
    found = table.table([some], View(page=2))

    assert (10_000, 10_000, 100, 2) == (found.total, found.matching, found.pages, found.page)
    assert "env-100" == found.lines[0].row["Environment"]


def test_columns_are_remembered() -> None:
    """Columns that were chosen before are shown unless the address names others; those that are gone are left out."""
    assert ["Environment", "Image"] == [column.title for column in read_view([], "image,gone").shown]
    assert table.USUAL == read_view([], "gone").shown
    assert ["Environment", "Scope"] == [column.title for column in read_view([("columns", "scope")], "image").shown]


@pytest.mark.parametrize("query", [("filter", "nothing=x"), ("sort", "image:up"), ("columns", "nothing")])
def test_what_there_is_not(query: tuple[str, str]) -> None:
    """A column or an order that there is not is refused in the words of the plugin."""
    with pytest.raises(Problem):
        read_view([query])


def test_filter_search_project_and_order() -> None:
    """All of what an address asks for has to hold; the department of the project counts in its own cluster only."""
    ours = source(row("a", Scope="department/ml"), row("b", Scope="project/vision"), department="ml")
    others = source(row("c", Scope="department/ml"), row("d"), cluster="west")

    assert ["a", "b", "c", "d"] == shown(View(), ours, others)
    assert ["a", "b", "d"] == shown(View(project="vision"), ours, others)
    assert ["b"] == shown(View(filters=((find("scope"), "project/*"),)), ours, others)
    assert ["d"] == shown(View(search="CLUSTER"), ours, others)
    assert ["d", "c", "b", "a"] == shown(View(order=((find("environment"), True),)), ours, others)


def test_pages() -> None:
    """A page has so many rows; one that there is not is the last one."""
    many = source(*(row(f"e{number:04}") for number in range(table.PAGE * 2 + 1)))
    last = table.table([many], View(page=9))

    assert (1, 3, 3, table.PAGE * 2 + 1) == (len(last.lines), last.page, last.pages, last.total)
    assert (1, 1, 0) == tuple(getattr(table.table([source()], View()), key) for key in ("page", "pages", "total"))


def test_csv_has_what_is_shown() -> None:
    """The values are those of all rows that match, in the columns that are shown."""
    view = read_view([("columns", "environment,scope"), ("filter", "scope=project/*")])
    found = table.lines([source(row("a"), row("b", Scope="project/vision"))], view)

    assert [["b", "project/vision"]] == table.values(found, view)


def test_the_command_that_lists_the_same() -> None:
    """The command has each part of the view, and the options by which the cluster is reached."""
    view = read_view([("project", "vision"), ("filter", "image=a b"), ("sort", "workloads:desc"), ("columns", "image")])
    expected = "-n vision --filter|image=a b|--sort workloads:desc --columns environment,image".replace(" ", "|")

    assert f"kubectl|environment|list|--as=ann|{expected.replace('a|b', 'a b')}" == "|".join(
        table.command(view, ["--as=ann"])
    )


@pytest.mark.parametrize(
    ("state", "tone"),
    [("Ready", "ok"), ("Unused", "idle"), ("Stalled: InvalidImage", "bad"), ("Deprecated → x", "warn"), ("", "warn")],
)
def test_states_look_different(state: str, tone: str) -> None:
    """States differ by colour as well as by words."""
    assert tone == table.tone(state)
