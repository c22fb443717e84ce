"""The shape of the code: short functions, small modules, every test with a sentence."""

import ast
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
CODE = sorted((ROOT / "operator").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> list[FUNCTION]:
    """Return every function of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, FUNCTION)]


def length(function: FUNCTION) -> int:
    """Return the number of lines of a function."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


@pytest.mark.parametrize("path", [*CODE, *TESTS], ids=lambda p: str(p.relative_to(ROOT)))
def test_no_long_function(path: Path) -> None:
    """No function has more than 50 lines."""
    assert [] == [f.name for f in functions(path) if length(f) > 50]


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_long_module(path: Path) -> None:
    """No module has more than 400 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_functions_are_short() -> None:
    """Half of all functions have at most 10 lines."""
    assert median(length(f) for path in CODE for f in functions(path)) <= 10


@pytest.mark.parametrize("path", TESTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_test_says_what_it_shows(path: Path) -> None:
    """Each test has a docstring."""
    tests = [f for f in functions(path) if f.name.startswith("test_")]
    assert [] == [f.name for f in tests if not ast.get_docstring(f)]
