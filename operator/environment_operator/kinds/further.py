"""The rows of further kinds, which an administrator gives in a file. Pure."""

from collections.abc import Iterable

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from environment_operator.kinds.table import BUILTIN, Kind
from environment_operator.kinds.third_party import ROWS


def with_own(own: Iterable[Kind]) -> tuple[Kind, ...]:
    """Return the rows for kinds of other projects, and an administrator's, which take their place for the same kind."""
    added = tuple(own)
    names = {row.name for row in added}
    return (*(row for row in ROWS if row.name not in names), *added)


def further(table: Iterable[Kind]) -> list[Kind]:
    """Return the rows of a table that an administrator added."""
    return [row for row in table if row not in BUILTIN and row not in ROWS]


def rows(text: str, source: str) -> tuple[Kind, ...]:
    """Return the rows of further kinds in a YAML list.

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
        if row.name in known:
            raise ValueError(f"{source}, row {number}: {row.name} is built in, or there twice. Remove the row.")
        known.add(row.name)
    return out


def _row(source: str, number: int, raw: object) -> Kind:
    """Return one row."""
    try:
        return Kind.model_validate(raw)
    except ValidationError as error:
        wrong = ". ".join(_in_words(found) for found in error.errors(include_url=False))
        raise ValueError(f"{source}, row {number}: {wrong}. Correct the row.") from None


def _in_words(found: ErrorDetails) -> str:
    """Return what is wrong with a field of a row, and what was given."""
    field = ".".join(map(str, found["loc"]))
    given = "" if found["type"] == "missing" else f", not {found['input']!r}"
    return f"{field}: {found['msg']}{given}" if field else f"{found['msg']}{given}"
