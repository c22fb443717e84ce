"""The rows of further kinds, which an administrator gives in a file. Pure."""

from collections.abc import Iterable
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from environment_operator.kinds.table import BUILTIN, Kind
from environment_operator.kinds.third_party import ROWS


class Off(BaseModel):
    """That the kinds of a group of another project cannot use Environments.

    Args:
        group: the API group.
        enabled: always False.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    enabled: Literal[False]


Row = Kind | Off


def with_own(own: Iterable[Row]) -> tuple[Kind, ...]:
    """Return the rows for kinds of other projects, and an administrator's, which take their place for the same kind.

    Args:
        own: rows, and groups that are switched off.
    """
    given = tuple(own)
    added = tuple(row for row in given if isinstance(row, Kind))
    names, off = {row.name for row in added}, {row.group for row in given if isinstance(row, Off)}
    return (*(row for row in ROWS if row.name not in names and row.group not in off), *added)


def further(table: Iterable[Kind]) -> list[Kind]:
    """Return the rows of a table that an administrator added."""
    return [row for row in table if row not in BUILTIN and row not in ROWS]


def rows(text: str, source: str) -> tuple[Row, ...]:
    """Return the rows of further kinds in a YAML list, and the groups that it switches off.

    Args:
        text: the list.
        source: what to call it in an error.

    Raises:
        ValueError: these are no such rows; the text says where and what is wrong.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{source} is no YAML: {error}. Correct it.") from None
    if not isinstance(raw, list):
        raise ValueError(f"{source} is no list, but {type(raw).__name__}. Write a list of rows, one for each kind.")  # noqa: TRY004
    out = tuple(_row(source, number, row) for number, row in enumerate(raw, 1))
    known = {row.name for row in BUILTIN}
    for number, row in enumerate(out, 1):
        if isinstance(row, Off):
            continue
        if row.name in known:
            raise ValueError(f"{source}, row {number}: {row.name} is built in, or there twice. Remove the row.")
        known.add(row.name)
    return out


def _row(source: str, number: int, raw: object) -> Row:
    """Return one row."""
    form = Off if isinstance(raw, dict) and "enabled" in raw else Kind
    try:
        return form.model_validate(raw)
    except ValidationError as error:
        wrong = ". ".join(_in_words(found) for found in error.errors(include_url=False))
        raise ValueError(f"{source}, row {number}: {wrong}. Correct the row.") from None


def _in_words(found: ErrorDetails) -> str:
    """Return what is wrong with a field of a row, and what was given."""
    field = ".".join(map(str, found["loc"]))
    given = "" if found["type"] == "missing" else f", not {found['input']!r}"
    return f"{field}: {found['msg']}{given}" if field else f"{found['msg']}{given}"
