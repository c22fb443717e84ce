"""Rows of a table: which of them, and in which order. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output.columns import COLUMNS, EVERYWHERE, SCOPE, Column, Row, find

T = TypeVar("T")
Filter = tuple[Column, str]
Order = tuple[Column, bool]


def read_filter(text: str) -> Filter:
    """Return the column and the pattern of ``COLUMN=VALUE``.

    Raises:
        Problem: it is not of this form, or there is no such column.
    """
    name, equals, pattern = text.partition("=")
    if not equals:
        raise Problem(f'--filter: "{text}" has no value. Write COLUMN=VALUE, such as Scope=project/vision.', Exit.USAGE)
    return find(name), pattern


def read_order(text: str) -> Order:
    """Return the column of ``COLUMN[:desc]``, and whether the greatest comes first.

    Raises:
        Problem: it is not of this form, or there is no such column.
    """
    name, colon, direction = text.partition(":")
    if colon and direction not in ("asc", "desc"):
        raise Problem(f'--sort: "{text}" has no known order. Write asc or desc after the colon.', Exit.USAGE)
    return find(name), direction == "desc"


def matches(row: Row, filters: Iterable[Filter], search: str = "") -> bool:
    """Return whether a row passes: each column with filters has to match one of them, and the text to occur somewhere.

    A pattern is a glob over the whole value, or over one item of a list; case makes no difference.
    """
    wanted: dict[str, list[str]] = defaultdict(list)
    for column, pattern in filters:
        wanted[column.title].append(pattern.lower())
    if not all(any(_matches(row[title], p) for p in patterns) for title, patterns in wanted.items()):
        return False
    return not search or any(search.lower() in value.lower() for value in row.values())


def needed(shown: Iterable[Column], filters: Iterable[Filter], orders: Iterable[Order], project: str) -> list[Column]:
    """Return every column that is needed to choose rows, sort and show them."""
    further = [column for column, _ in (*filters, *orders)]
    return list(dict.fromkeys((*shown, *further, COLUMNS[0], *([SCOPE] if project else []))))


def may_use(row: Row, project: str, department: str | None) -> bool:
    """Return whether a project may use the Environment of a row, by its scope.

    Args:
        row: the row, with the scope.
        project: name of the project; empty: whoever it is for.
        department: department of the project, None when it is in none.
    """
    wanted = {EVERYWHERE, f"project/{project}", *([f"department/{department}"] if department else [])}
    return not project or not wanted.isdisjoint(row[SCOPE.title].split(","))


def ordered(listed: Iterable[T], orders: Sequence[Order], row: Callable[[T], Row]) -> list[T]:
    """Return what has rows in order, by several columns the weightiest first; equal ones stay as they are.

    Args:
        listed: what has rows.
        orders: the columns to sort by, each with whether the greatest comes first.
        row: returns the row of one.
    """
    out = list(listed)
    for column, descending in reversed(orders):
        out.sort(key=lambda each: _rank(row(each)[column.title], column), reverse=descending)
    return out


def _matches(value: str, pattern: str) -> bool:
    """Return whether a value, or one of its items, fits a glob."""
    value = value.lower()
    return fnmatchcase(value, pattern) or any(fnmatchcase(item, pattern) for item in value.split(","))


def _rank(value: str, column: Column) -> tuple[int, str]:
    """Return what to sort by: numbers as numbers, and those that are not known below all others."""
    return (int(value) if value else -1, "") if column.number else (0, value.casefold())
