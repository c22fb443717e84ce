"""What the user sees: tables, YAML and JSON on standard output; progress and warnings on standard error."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock, Timer
from typing import TYPE_CHECKING, Any

import click

from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output.text import aligned, one_line, printable

if TYPE_CHECKING:
    from rich.live import Live

Object = dict[str, Any]
_PATIENCE_SECONDS = 1
# Beyond this aligning takes longer than fetching, and colours help nobody.
_MOST_COLOURED = 500
# Cells between two columns, and those that a column needs to be read.
_GAP, _READABLE = 2, 12
# Who takes warnings instead of the terminal, by thread.
_elsewhere: ContextVar[Callable[[str], None] | None] = ContextVar("elsewhere", default=None)
_READY_COLOURS = {"True": "green", "False": "red", "Unknown": "yellow"}


def is_terminal() -> bool:
    """Return whether a person reads standard output."""
    return sys.stdout.isatty()


def can_ask() -> bool:
    """Return whether a person is there to answer."""
    return sys.stdin.isatty()


def line(text: str) -> None:
    """Print a line of the output of something that goes on."""
    _line.clear()
    click.echo(text)


@contextmanager
def heard(warn: Callable[[str], None]) -> Iterator[None]:
    """Have warnings go elsewhere, and no progress shown, in what this thread does meanwhile."""
    before = _elsewhere.set(warn)
    try:
        yield
    finally:
        _elsewhere.reset(before)


def warn(text: str) -> None:
    """Show a warning as kubectl does."""
    if elsewhere := _elsewhere.get():
        elsewhere(text)
        return
    _line.clear()
    click.secho(f"Warning: {printable(text)}", err=True, fg="yellow")


def complain(text: str) -> None:
    """Show an error of many that do not end the command."""
    _line.clear()
    click.secho(f"error: {printable(text)}", err=True, fg="red")


def confirm(question: str, *, sure: bool) -> None:
    """Ask whether to go on, unless the user said so already.

    Raises:
        Problem: they do not agree, or nobody is there to ask.
    """
    if sure:
        return
    if not can_ask():
        raise Problem("nobody can be asked: standard input is not a terminal. Give --yes.", Exit.USAGE)
    if not click.confirm(question, err=True):
        raise Problem("nothing was changed: the question was answered with no.", Exit.NO)


def note(text: str) -> None:
    """Print a line that is no part of the output."""
    _line.clear()
    click.echo(printable(text), err=True)


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    headers: bool = True,
    least: Sequence[int] = (),
    cut: bool = False,
) -> None:
    """Print a table: in colours that fits the terminal, else as kubectl does, so that programs can read it.

    Args:
        header: the titles.
        rows: the values.
        headers: whether to print the titles.
        least: the smallest width of each column, for rows that go on with a table.
        cut: whether, at a terminal, columns are left out or cut so that each row takes one line.
    """
    if cut and is_terminal():
        header, rows = one_line(header, rows, shutil.get_terminal_size().columns, least)
        least = least[: len(header)]
    if is_terminal() and len(rows) <= _MOST_COLOURED:
        _coloured(header, rows, headers=headers, least=least)
        return
    for line in aligned(header if headers else (), rows, least):
        click.echo(line)


def document(content: object, form: str) -> None:
    """Print objects as ``yaml`` or ``json``."""
    click.echo(as_yaml(content) if form == "yaml" else as_json(content), nl=form != "yaml")


def documents(contents: Sequence[object], form: str) -> None:
    """Print several objects as ``yaml`` documents, or as a ``json`` list."""
    if form == "yaml":
        click.echo(as_yaml(*contents), nl=False)
    else:
        document({"apiVersion": "v1", "kind": "List", "items": contents}, form)


def as_yaml(*contents: object) -> str:
    """Return YAML documents."""
    from environment_operator.cli.output import yaml_text

    return yaml_text.write(*contents)


def as_json(content: object) -> str:
    """Return JSON for reading."""
    import json

    return json.dumps(content, indent=4, ensure_ascii=False)


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal what something is at once it has taken a second; give what takes how far it has come.

    Within another one only that is shown.
    """
    if _line.busy or _elsewhere.get() or not sys.stderr.isatty():
        yield lambda _: None
        return
    timer = _line.begin(what)
    try:
        yield _line.update
    finally:
        timer.cancel()
        _line.end()


class _Line:
    """The last line of a terminal, which says what takes so long and makes way for everything else."""

    def __init__(self) -> None:
        self._lock, self._text, self._due = RLock(), "", False
        self._live: Live | None = None

    @property
    def busy(self) -> bool:
        """Whether something is going on already."""
        return bool(self._text)

    def begin(self, what: str) -> Timer:
        """Have something shown after a while."""
        self._what = self._text = what
        timer = Timer(_PATIENCE_SECONDS, self._show)
        timer.daemon = True
        timer.start()
        return timer

    def update(self, state: str) -> None:
        """Show how far it has come."""
        with self._lock:
            self._text = f"{self._what}: {state}"
            if self._due:
                self._show()

    def end(self) -> None:
        """Leave nothing of it behind."""
        with self._lock:
            self._text, self._due = "", False
            self.clear()

    def clear(self) -> None:
        """Make way for what is to be printed."""
        with self._lock:
            if self._live:
                self._live.stop()
                self._live = None

    def _show(self) -> None:
        """Show it, when it is still going on."""
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        with self._lock:
            self._due = True
            if not self._text:
                return
            if not self._live:
                console = Console(stderr=True)
                # Standard output may be a file; redirected, it would end up on this console.
                self._live = Live(
                    console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
                )
                self._live.start()
            self._live.update(Text(self._text, no_wrap=True, overflow="ellipsis"), refresh=True)


_line = _Line()


def _coloured(header: Sequence[str], rows: Sequence[Sequence[str]], *, headers: bool, least: Sequence[int]) -> None:
    """Print a table with the terminal's colours, folded where it is too wide."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Where columns would be too narrow to read, the terminal breaks the lines: names stay whole, to be copied.
    columns = [[title, *(printable(v) for v in values)] for title, *values in zip(header, *rows, strict=True)]
    least = least or [0] * len(columns)
    widths = [max(width, *map(cell_len, column)) for width, column in zip(least, columns, strict=True)]
    gaps = _GAP * (len(widths) - 1)
    fits = sum(min(width, _READABLE) for width in widths) + gaps <= Console().width
    made = Table(*header, box=None, show_header=headers, header_style="bold", pad_edge=False)
    folds = fits and sum(widths) + gaps > Console().width
    for column, width in zip(made.columns, least, strict=True):
        column.overflow, column.min_width = "fold", None if folds else width
    for row in rows:
        made.add_row(*(Text(printable(v), _READY_COLOURS.get(v, "")) for v in row))
    Console(width=None if fits else sum(widths) + gaps).print(made)
