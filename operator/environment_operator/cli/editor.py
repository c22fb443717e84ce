"""The user's editor, opened again until what was written is accepted, as in ``kubectl edit``."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from environment_operator.cli import files
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console
from environment_operator.kube.errors import ApiError

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
    with _draft(_marked(text)) as file:
        while True:
            written = _opened(file, _marked(text, complaint))
            stays = written == text and (bool(complaint) or not unchanged)
            if stays or not written.strip():
                return _given_up(complaint)
            try:
                accept(_read(written))
            except (ApiError, Problem) as error:
                complaint = error.message if isinstance(error, ApiError) else str(error)
                text = written
                continue
            return True


@contextmanager
def _draft(untouched: str) -> Iterator[Path]:
    """Yield the file for the editor; however the command ends, it is kept when the user wrote something into it.

    Args:
        untouched: what is in it before the user wrote anything.
    """
    with tempfile.NamedTemporaryFile(prefix="environment-", suffix=".yaml", delete=False) as made:
        file = Path(made.name)
    file.write_text(untouched, encoding="utf-8")
    try:
        yield file
    except Problem as error:
        kept = _kept(file, untouched)
        raise Problem(f"{error}{' ' if kept else ''}{kept}", error.code) from error
    except BaseException:
        if kept := _kept(file, untouched):
            console.note(kept)
        raise
    file.unlink(missing_ok=True)


def _kept(file: Path, untouched: str) -> str:
    """Print where the file is that was edited; remove it when it was not."""
    content = file.read_bytes() if file.exists() else b""
    if content.strip() and content != untouched.encode():
        return f"See {file} for what you wrote."
    file.unlink(missing_ok=True)
    return ""


def _marked(text: str, complaint: str = "") -> str:
    """Return what the editor shows: the text below what is for reading only."""
    head = "".join(f"# {line}\n" for line in complaint.splitlines())
    return f"{_HELP}{'#' + chr(10) if head else ''}{head}{text}"


def _opened(file: Path, marked: str) -> str:
    """Open the editor; return what was saved, without the lines that are for reading only.

    Raises:
        Problem: the editor failed, or what it saved cannot be read.
    """
    file.write_text(marked, encoding="utf-8")
    # Who interrupts means the editor, which it reaches, too.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        click.edit(filename=str(file), editor=os.environ.get("KUBE_EDITOR") or None)
        saved = files.decoded(file.read_bytes())
    except (OSError, ValueError) as error:
        raise Problem(
            f"what the editor saved cannot be read: {error}. Save it as UTF-8; nothing was changed."
        ) from error
    except click.ClickException as error:
        raise Problem(f"{error.message}: nothing was changed. Set KUBE_EDITOR to the editor to use.") from error
    finally:
        signal.signal(signal.SIGINT, before)
    return "".join(line for line in saved.splitlines(keepends=True) if not line.startswith("#"))


def _read(text: str) -> Object:
    """Return the object that was written."""
    from environment_operator.cli.output import yaml_text

    try:
        found = yaml_text.read(text)
    except ValueError as error:
        raise Problem(f"what was saved is not YAML. Correct it:\n{error}") from error
    if len(found) != 1 or not isinstance(found[0], dict):
        raise Problem("what was saved is not an object. Write an Environment with apiVersion, kind, metadata and spec.")
    return dict(found[0])


def _given_up(complaint: str) -> bool:
    """Print that nothing was changed; what was refused is a problem."""
    if complaint:
        raise Problem(complaint, Exit.REFUSED)
    console.note("nothing was changed")
    return False
