"""Every message that people read, with the situation that brings it, in sections; ``golden/messages.txt`` holds them.

A section is a module with:

- ``TITLE``: its heading in the file.
- ``ROWS``: the situations, each with a function that has the product produce the message from plain data.
- ``MODULES``: the modules of the product whose sentences are all in the section; a test finds one that no row brings.
- ``NO_WAY_OUT``: the situations about which nobody has to do anything.
- ``CONVERTED``: whether the messages have the form that ``form`` checks; only a section under way has False.

``python -m golden`` writes the file anew, to be read in the diff.
"""

import ast
import inspect
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Protocol

FILE = Path(__file__).parents[2] / "fixtures/golden/messages.txt"
# How many words of a text in a function make it a part of a message.
_WORDS = 3


class Section(Protocol):
    """A module of this package."""

    TITLE: str
    ROWS: Mapping[str, Callable[[], str]]
    MODULES: Collection[ModuleType]
    NO_WAY_OUT: Collection[str]
    CONVERTED: bool


def written(sections: Collection[Section]) -> str:
    """Return the golden file of some sections."""
    parts = (f"# {section.TITLE}\n\n{_rows(section.ROWS)}" for section in sections)
    return "\n".join(parts)


def _rows(rows: Mapping[str, Callable[[], str]]) -> str:
    """Return the rows of a section as the file has them: the situation, and the message below it."""
    return "\n".join(f"{situation}:\n  {message()}\n" for situation, message in rows.items())


def unsaid(section: Section) -> list[str]:
    """Return the sentences in the functions of a section's modules that none of its rows brings, each with its line."""
    files = {inspect.getfile(module): set[int]() for module in section.MODULES}
    before = sys.gettrace()
    sys.settrace(lambda frame, _event, _arg: _traced(frame, files))
    try:
        for message in section.ROWS.values():
            message()
    finally:
        sys.settrace(before)
    return [f"{Path(file).name}:{where}" for file, lines in files.items() for where in _not_run(Path(file), lines)]


def _traced(frame: FrameType, files: Mapping[str, set[int]]) -> Callable[..., Any] | None:
    """Note each line that runs in one of some files, by file."""
    lines = files.get(frame.f_code.co_filename)
    if lines is None:
        return None

    def trace(inner: FrameType, _event: str, _arg: Any) -> Callable[..., Any]:
        lines.add(inner.f_lineno)
        return trace

    return trace


def _not_run(file: Path, lines: Collection[int]) -> Iterator[str]:
    """Yield the sentences in the functions of a file of which no line has run."""
    for text, first, last in _sentences(ast.parse(file.read_text())):
        if not any(line in lines for line in range(first, last + 1)):
            yield f"{first}: {text}"


def _sentences(tree: ast.AST) -> Iterator[tuple[str, int, int]]:
    """Yield the texts of some words in functions that are no docstring, with their first and last line."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found: dict[tuple[int, int], tuple[str, int, int]] = {}
    for node in (node for function in functions for each in function.body[1:] for node in ast.walk(each)):
        texts = node.values if isinstance(node, ast.JoinedStr) else [node]
        text = "".join(t.value for t in texts if isinstance(t, ast.Constant) and isinstance(t.value, str))
        if isinstance(node, ast.JoinedStr | ast.Constant) and len(text.split()) >= _WORDS:
            found.setdefault((node.lineno, node.col_offset), (text, node.lineno, node.end_lineno or node.lineno))
    yield from sorted(found.values(), key=lambda each: each[1])
