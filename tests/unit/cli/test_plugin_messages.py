"""Every error of the plugin stands in the golden file, or names the test that brings it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from environment_operator import cli
from messages import plugin

_ROOT = Path(cli.__file__).parent
_TESTS = Path(__file__).parents[2]
# Exceptions that are a message by themselves, and functions that make one.
_ERRORS = frozenset({"Problem", "Overtaken", "UsageError", "_useless"})


def raised(file: Path) -> Iterator[tuple[str, int]]:
    """Yield where a module ends with an error: the function, as the section names it, and the line."""
    module = ".".join(file.relative_to(_ROOT).with_suffix("").parts)
    for function in ast.walk(ast.parse(file.read_text())):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                called = node.exc.func if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) else None
                if (
                    isinstance(node, ast.Raise)
                    and (getattr(called, "id", "") or getattr(called, "attr", "")) in _ERRORS
                ):
                    yield f"{module}.{function.name}", node.lineno


def run_lines() -> set[tuple[str, int]]:
    """Return the lines of the plugin that the rows run, each with its file."""
    lines: set[tuple[str, int]] = set()

    def trace(frame: FrameType, _event: str, _arg: object) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(str(_ROOT)):
            return None
        lines.add((file, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for message in plugin.ROWS.values():
            message()
    finally:
        sys.settrace(before)
    return lines


def test_every_error_has_a_row_or_a_test() -> None:
    """What no row brings needs a cluster, a terminal or an editor, and the section names the test that has it."""
    run = run_lines()
    found = {where for file in _ROOT.rglob("*.py") for where, line in raised(file) if (str(file), line) not in run}

    assert set(plugin.ELSEWHERE) == found


def test_the_tests_exist() -> None:
    """The tests that bring the other errors exist."""
    for place in set(plugin.ELSEWHERE.values()):
        file, _, name = place.partition("::")
        (found,) = _TESTS.rglob(file)
        assert f"def {name}(" in found.read_text()
