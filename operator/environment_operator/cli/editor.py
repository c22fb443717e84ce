"""The user's editor, opened again until what was written is accepted, as in ``kubectl edit``."""

import os
import tempfile
from collections.abc import Callable
from typing import Any

import click

from environment_operator.cli import console
from environment_operator.cli.problems import Exit, Problem
from environment_operator.errors import ApiError

Object = dict[str, Any]
_HELP = "# Edit the Environment and save it. Lines that begin with '#' are ignored, an empty file changes nothing.\n"


def edit(original: Object, accept: Callable[[Object], None], *, unchanged: bool = False) -> bool:
    """Let the user edit an object until it is accepted; say whether it was.

    Args:
        original: the object.
        accept: does something with what was written; raises `ApiError` or `Problem` when it is not accepted.
        unchanged: whether the object as it is may be accepted, too.

    Raises:
        Problem: the user gave up on something that was not accepted; it is kept in a file.
    """
    text, complaint = console.as_yaml(original), ""
    refused: str | None = None
    while True:
        try:
            written = _opened(complaint, text)
        except Problem as error:
            raise Problem(f"{error}{_kept(refused)}", error.code) from error
        if not written.strip() or written == refused or (written == text and not unchanged and not complaint):
            return _given_up(written, complaint)
        try:
            accept(_read(written))
        except (ApiError, Problem) as error:
            complaint = error.message if isinstance(error, ApiError) else str(error)
            refused, text = written, written
            continue
        return True


def _opened(complaint: str, text: str) -> str:
    """Open the editor; return what was saved, without the lines that are for reading only."""
    head = "".join(f"# {line}\n" for line in complaint.splitlines())
    marked = f"{_HELP}{'#' + chr(10) if head else ''}{head}{text}"
    editor = os.environ.get("KUBE_EDITOR") or None
    try:
        saved = click.edit(marked, editor=editor, extension=".yaml", require_save=False) or ""
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"what the editor saved cannot be read, nothing was changed: {error}") from error
    except click.ClickException as error:
        raise Problem(f"{error.message}; nothing was changed. KUBE_EDITOR says which editor to use") from error
    return "".join(line for line in saved.splitlines(keepends=True) if not line.startswith("#"))


def _read(text: str) -> Object:
    """Return the object that was written."""
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Problem(f"this is not YAML: {error}") from error
    if not isinstance(found, dict):
        raise Problem("this is not an object: write the Environment with apiVersion, kind, metadata and spec")
    return found


def _given_up(written: str, complaint: str) -> bool:
    """Say that nothing was changed; keep what was written if it was refused."""
    if not complaint:
        console.note("nothing was changed")
        return False
    raise Problem(f"{complaint}{_kept(written)}", Exit.REFUSED)


def _kept(written: str | None) -> str:
    """Keep what somebody wrote in a file; say in which."""
    if written is None:
        return ""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix="environment-", delete=False) as kept:
        kept.write(written)
    return f"; what you wrote is in {kept.name}"
