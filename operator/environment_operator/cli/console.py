"""What the user sees: tables, YAML and JSON on standard output; progress and warnings on standard error."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from environment_operator.cli.problems import Exit, Problem
from environment_operator.cli.words import aligned, printable

Object = dict[str, Any]
_PATIENCE_SECONDS = 1
# Beyond this nobody looks at colours, and aligning them takes longer than fetching.
_MOST_COLOURED = 500
_READY_COLOURS = {"True": "green", "False": "red", "Unknown": "yellow"}


def is_terminal() -> bool:
    """Say whether a person reads standard output."""
    return sys.stdout.isatty()


def can_ask() -> bool:
    """Say whether a person is there to answer."""
    return sys.stdin.isatty()


def warn(text: str) -> None:
    """Show a warning as kubectl does."""
    click.secho(f"Warning: {printable(text)}", err=True, fg="yellow")


def complain(text: str) -> None:
    """Show an error of many that do not end the command."""
    click.secho(f"error: {printable(text)}", err=True, fg="red")


def confirm(question: str, *, sure: bool) -> None:
    """Ask whether to go on, unless the user said so already.

    Raises:
        Problem: he does not agree, or nobody is there to ask.
    """
    if sure:
        return
    if not can_ask():
        raise Problem("nobody is there to confirm it: give --yes", Exit.USAGE)
    if not click.confirm(question, err=True):
        raise Problem("nothing was changed", Exit.NO)


def note(text: str) -> None:
    """Say something that is no part of the output."""
    click.echo(printable(text), err=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, headers: bool = True) -> None:
    """Print a table: in colours that fits the terminal, else as kubectl does, so that programs can read it.

    Args:
        header: the titles.
        rows: the values.
        headers: whether to print the titles.
    """
    if is_terminal() and len(rows) <= _MOST_COLOURED:
        _coloured(header, rows, headers=headers)
        return
    for line in aligned(header if headers else (), rows):
        click.echo(line)


def document(content: object, form: str) -> None:
    """Print objects as ``yaml`` or ``json``."""
    click.echo(as_yaml(content) if form == "yaml" else as_json(content), nl=form != "yaml")


def as_yaml(*contents: object) -> str:
    """Return YAML documents, in the order in which the keys were given."""
    import yaml

    return yaml.safe_dump_all(contents, sort_keys=False, allow_unicode=True, width=2**20)


def as_json(content: object) -> str:
    """Return JSON for reading."""
    import json

    return json.dumps(content, indent=4, ensure_ascii=False)


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show how far something has come once it has taken a second, on a terminal only; give what tells it."""
    start, shown = time.monotonic(), False
    terminal = sys.stderr.isatty()

    def tell(state: str) -> None:
        nonlocal shown
        if terminal and time.monotonic() - start > _PATIENCE_SECONDS:
            shown = True
            click.echo(f"\r\x1b[K{what}: {state}", nl=False, err=True)

    try:
        yield tell
    finally:
        if shown:
            click.echo("\r\x1b[K", nl=False, err=True)


def _coloured(header: Sequence[str], rows: Sequence[Sequence[str]], *, headers: bool) -> None:
    """Print a table with the terminal's colours, folded where it is too wide."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(*header, box=None, show_header=headers, header_style="bold", pad_edge=False)
    for column in made.columns:
        column.overflow = "fold"
    for row in rows:
        made.add_row(*(Text(printable(v), _READY_COLOURS.get(v, "")) for v in row))
    Console().print(made)
