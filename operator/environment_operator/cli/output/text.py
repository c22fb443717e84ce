"""Values as they are written: into a terminal, and into CSV. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from unicodedata import combining, east_asian_width

# Spreadsheets take what begins so for a formula: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - the wide forms are meant
_MOST_NAMED = 20
# Cells between two columns at a terminal, and those that a column needs to be read.
_GAP, _READABLE = 2, 12
Table = tuple[list[str], list[list[str]]]
BYTE_ORDER_MARK = "\ufeff"
_MOST_IN_A_LINE = 3
_UNITS = (("y", 365 * 86400), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def first(lines: Sequence[str]) -> list[str]:
    """Return the first few lines, and how many more there are."""
    more = len(lines) - _MOST_NAMED
    return [*lines[:_MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]


def few(items: Sequence[str]) -> str:
    """Return the first few items on one line, and how many more there are."""
    more = len(items) - _MOST_IN_A_LINE
    return ", ".join(items[:_MOST_IN_A_LINE]) + (f" and {more} more" if more > 0 else "")


def grouped(messages: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each message about named things, with the first few of those that have the same one.

    Args:
        messages: the message of each name; it may have the name in quotes.
    """
    found: dict[str, list[str]] = {}
    for name, message in messages.items():
        found.setdefault(message.replace(f'"{name}"', "…"), []).append(name)
    for message, named in found.items():
        yield f"{few(named)}: {messages[named[0]] if len(named) == 1 else message}"


def printable(text: str) -> str:
    """Return a text on one line without anything that a terminal would act on."""
    return "".join(c if c.isprintable() else " " if c in "\n\t" else repr(c)[1:-1] for c in text)


def as_csv(header: Sequence[str], rows: Iterable[Sequence[str]], *, mark: bool = False) -> str:
    """Return CSV as RFC 4180 has it, in which no value is a formula to a spreadsheet.

    Args:
        header: the titles; none leaves the line out.
        rows: the values.
        mark: whether to begin with a byte order mark, by which some spreadsheets know UTF-8.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    if header:
        writer.writerow(header)
    writer.writerows([_harmless(value) for value in row] for row in rows)
    return (BYTE_ORDER_MARK if mark else "") + out.getvalue()


def widths_of(lines: Sequence[Sequence[str]]) -> list[int]:
    """Return the width that each column of a table needs."""
    return [max(len(printable(value)) for value in column) for column in zip(*lines, strict=True)]


def aligned(header: Sequence[str], rows: Iterable[Sequence[str]], least: Sequence[int] = ()) -> list[str]:
    """Return the lines of a table as kubectl prints one.

    Args:
        header: the titles; none leaves the line out.
        rows: the values.
        least: the smallest width of each column; none: what its values need.
    """
    lines = [[title.upper() for title in header]] if header else []
    lines += [[printable(value) for value in row] for row in rows]
    widths = [max(pair) for pair in zip(widths_of(lines), least or [0] * len(lines[0]), strict=True)] if lines else []
    return [
        "   ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]


def one_line(header: Sequence[str], rows: Sequence[Sequence[str]], room: int, widths: Sequence[int] = ()) -> Table:
    """Return a table of which each row fits into one line of a terminal.

    Columns are left out from the last one on. The last that stays is cut where at least 12 cells are left for it.

    Args:
        header: the titles, those that matter most first.
        rows: the values.
        room: cells in a line.
        widths: the width of each column, for rows that go on with a table; none: what the values need.
    """
    lines = [list(header), *([printable(value) for value in row] for row in rows)]
    wanted = widths or [max(map(cells, column)) for column in zip(*lines, strict=True)]
    shown: list[int] = []
    for width in wanted:
        left = room - sum(shown) - _GAP * len(shown)
        if width > left and shown and left < _READABLE:
            break
        shown.append(min(width, left))
        if width > left:
            break
    cut_, *more = [[cut(value, width) for value, width in zip(line, shown, strict=False)] for line in lines]
    return cut_, more


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes: some letters take two, marks on letters none."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, room: int) -> str:
    """Return a text that takes so many cells at most, with an ellipsis where something is missing."""
    if cells(text) <= room:
        return text
    while text and cells(text) > room - 1:
        text = text[:-1]
    return f"{text}…"


def age(stamp: str, now: datetime) -> str:
    """Return how long ago a timestamp of Kubernetes is, such as ``3d``; empty for none."""
    if not stamp:
        return ""
    seconds = max(0, int((now - datetime.fromisoformat(stamp)).total_seconds()))
    return next((f"{seconds // size}{unit}" for unit, size in _UNITS if seconds >= size), "0s")


def _harmless(value: str) -> str:
    """Return a value that no spreadsheet takes for a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else value
