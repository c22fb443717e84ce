"""The shape of the code: short functions, small modules, every test with a sentence."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
CODE = sorted((ROOT / "operator").rglob("*.py"))
HERE = Path(__file__).parent
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parsed(path: Path) -> ast.Module:
    """Return a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def functions(path: Path) -> tuple[FUNCTION, ...]:
    """Return every function of a module."""
    return tuple(node for node in statements(parsed(path)) if isinstance(node, FUNCTION))


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements in another one, at every depth; to walk through expressions, too, takes most of the time."""
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, block, ()):
            yield inner
            yield from statements(inner)


def where(path: Path) -> str:
    """Return the path of a module in the repository."""
    return str(path.relative_to(ROOT))


def length(function: FUNCTION) -> int:
    """Return the number of lines of a function."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_unit_tests_mirror_the_packages() -> None:
    """Each folder of unit tests is a package of the product."""
    packages = {path.parent.name for path in (ROOT / "operator/environment_operator").glob("*/__init__.py")}

    assert {path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"} <= packages


def test_no_long_function() -> None:
    """No function has more than 50 lines."""
    assert [] == [f"{where(path)}: {f.name}" for path in (*CODE, *TESTS) for f in functions(path) if length(f) > 50]


def test_no_long_module() -> None:
    """No module has more than 400 lines."""
    assert [] == [where(path) for path in CODE if len(path.read_text(encoding="utf-8").splitlines()) > 400]


def test_functions_are_short() -> None:
    """Half of all functions have at most 10 lines."""
    assert median(length(f) for path in CODE for f in functions(path)) <= 10


def test_every_test_says_what_it_shows() -> None:
    """Each test has a docstring."""
    tests = [(path, f) for path in TESTS for f in functions(path) if f.name.startswith("test_")]
    assert [] == [f"{where(path)}: {f.name}" for path, f in tests if not ast.get_docstring(f)]


def test_names_of_test_modules_are_unique() -> None:
    """No two test modules have one name: pytest imports them by it."""
    names = [path.name for path in TESTS]
    assert sorted(set(names)) == sorted(names)


def called(node: ast.Call) -> str:
    """Return the name of the function or method that is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def hurry(path: Path) -> Iterator[str]:
    """Yield what in a module of the tests counts on the machine being idle."""
    for node in ast.walk(parsed(path)):
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


def test_no_test_is_in_a_hurry() -> None:
    """No test on a cluster has a deadline of its own, or sleeps: on a busy machine what takes a moment takes long."""
    on_clusters = [path for path in TESTS if HERE not in path.parents]
    assert [] == [f"{where(path)}: {found}" for path in on_clusters for found in hurry(path)]
