"""The shape of the code: short functions, small modules, every test with a sentence."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
CODE = sorted((ROOT / "operator").rglob("*.py"))
HERE = Path(__file__).parent
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> list[FUNCTION]:
    """Return every function of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, FUNCTION)]


def length(function: FUNCTION) -> int:
    """Return the number of lines of a function."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_unit_tests_mirror_the_packages() -> None:
    """Each folder of unit tests is a package of the product."""
    packages = {path.parent.name for path in (ROOT / "operator/environment_operator").glob("*/__init__.py")}

    assert {path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"} <= packages


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


def test_names_of_test_modules_are_unique() -> None:
    """No two test modules have one name: pytest imports them by it."""
    names = [path.name for path in TESTS]
    assert sorted(set(names)) == sorted(names)


def called(node: ast.Call) -> str:
    """Return the name of the function or method that is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def hurry(path: Path) -> Iterator[str]:
    """Yield what in a module of the tests counts on the machine being idle."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch(r"--timeout=\d+s", node.value)
        ):
            yield f"{node.value}: use cluster.waiting.TIMEOUT"
        if isinstance(node, ast.Call) and called(node) == "sleep":
            yield "sleep: wait for what is to come true"
        if isinstance(node, ast.Call) and called(node).startswith("until"):
            yield from (f"{called(node)}: leave seconds out" for word in node.keywords if word.arg == "seconds")


@pytest.mark.parametrize(
    "path", [path for path in TESTS if HERE not in path.parents], ids=lambda p: str(p.relative_to(ROOT))
)
def test_no_test_is_in_a_hurry(path: Path) -> None:
    """No test on a cluster has a deadline of its own, or sleeps: on a busy machine what takes a moment takes long."""
    assert [] == list(hurry(path))
