"""The security document: every threat has a test that exists, and every right of the operator stands there."""

import ast
import re
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from environment_operator.api import names

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy/security.md").read_text(encoding="utf-8")
TESTS = ROOT / "tests/integration"
ATTACKS = sorted((TESTS / "attacks").glob("test_*.py"))
NAMED = re.compile(r"`([\w/]+\.py)((?:::\w+)+)`")


def section(title: str) -> str:
    """Return what stands under a heading."""
    return re.split(r"^## ", TEXT.split(f"\n## {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Return the rows of the tables of a text, without their heads."""
    lines = text.splitlines()
    kept = (line for line, after in pairwise([*lines, ""]) if not after.startswith("|---"))
    cells = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in kept if line.startswith("| "))
    return list(cells)


THREATS = rows(section("Threat model"))


def defined(path: Path) -> set[str]:
    """Return the classes and tests of a file, methods after their class."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(f"::{node.name}")
        if isinstance(node, ast.ClassDef):
            found |= {f"::{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row[0])
def test_threat_has_its_test(row: list[str]) -> None:
    """Each threat names the tests that try it, and they exist; only what nothing stands against has none."""
    _, against, tests = row
    named = NAMED.findall(tests)

    assert bool(named) != against.startswith("nothing"), "either a test, or nothing stands against it"
    for file, name in named:
        path = next(folder / file for folder in (TESTS, TESTS.parent) if (folder / file).exists())
        assert name in defined(path), f"{file}{name}"


@pytest.mark.parametrize("path", ATTACKS, ids=lambda path: path.stem)
def test_attacks_are_in_the_table(path: Path) -> None:
    """Each file of attacks is named by a threat."""
    named = {file for row in THREATS for file, _ in NAMED.findall(row[2])}

    assert f"attacks/{path.name}" in named


def rights() -> Iterator[tuple[str, str]]:
    """Yield each resource and verb that our manifests give the operator's account."""
    files = (ROOT / "deploy/rbac.yaml", ROOT / "deploy/ingresses.yaml")
    objects: list[dict[str, Any]] = [
        each for file in files for each in yaml.load_all(file.read_text("utf-8"), yaml.CSafeLoader)
    ]
    bound = {
        each["roleRef"]["name"]
        for each in objects
        if any(subject["name"] == names.SERVICE_ACCOUNT for subject in each.get("subjects", ()))
    }
    for each in objects:
        meta = each["metadata"]
        ours = meta["name"] in bound | {names.CREDENTIALS_ROLE} or names.AGGREGATE in meta.get("labels", {})
        for rule in each.get("rules", ()) if ours else ():
            yield from ((resource, verb) for resource in rule["resources"] for verb in rule["verbs"])


def documented() -> Iterator[tuple[str, str]]:
    """Yield each resource and verb of the table of rights."""
    for resources, verbs, *_ in rows(section("What the operator may do")):
        listed = re.findall(r"`([a-z/]+)`", resources)
        yield from ((resource, verb) for resource in listed for verb in re.findall(r"\b[a-z]+\b", verbs))


def test_every_right_is_explained() -> None:
    """The table of what the operator may do has each right that it is given, and none that it is not."""
    verbs = {"get", "list", "watch", "create", "update", "patch", "delete"}
    table = {(resource, verb) for resource, verb in documented() if verb in verbs}

    assert set(rights()) == table


def test_rights_are_narrow() -> None:
    """No right is for all resources or all verbs."""
    assert "*" not in set(chain.from_iterable(rights()))
