"""What admission policies say: their texts are CEL, of which each way through is written out; what varies is ``x``.

The integration tests have the API server say them. Here each of them stands once, to be read and held to the form.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import yaml

from environment_operator.api import names

TITLE = "Policies"
CONVERTED = True
MODULES: Collection[ModuleType] = ()
# An edit goes through: it is the only policy about which nobody has to do anything.
NO_WAY_OUT: Collection[str] = [f"policy edit-in-use, {number}" for number in (1, 2, 3)]
_POLICIES = Path(__file__).parents[3] / "deploy/policies.yaml"
_OPENING, _CLOSING = "([{", ")]}"
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'")
_VARIABLE = re.compile(r"variables\.(\w+)(?:\[\??\d+\])?(?:\.orValue\(''\))?")
_MAP = re.compile(r"[\w.]+\.map\(\w+, (.*)\)", re.DOTALL)
_PLACEHOLDER = "x"


class _Way(NamedTuple):
    """One way through an expression: which conditions hold, and the text that it gives."""

    holds: Mapping[str, bool]
    text: str


def _depths(cel: str) -> Iterator[tuple[int, int]]:
    """Yield each place of an expression outside of texts, with how many brackets are open after it."""
    depth, text_end = 0, 0
    for at, character in enumerate(cel):
        if at < text_end:
            continue
        if found := _TEXT.match(cel, at):
            text_end = found.end()
            continue
        depth += (character in _OPENING) - (character in _CLOSING)
        yield at, depth


def _parts(cel: str, *separators: str) -> list[str]:
    """Split an expression at some separators, as often as they stand outside of brackets and texts."""
    found = [(at, s) for at, depth in _depths(cel) for s in separators if not depth and cel.startswith(s, at)]
    ends = [0, *(at + len(separator) for at, separator in found)]
    return [cel[start:end] for start, end in zip(ends, [*(at for at, _ in found), len(cel)], strict=True)]


def _ways(cel: str, variables: Mapping[str, str]) -> Iterator[_Way]:
    """Yield the ways through an expression that gives a text."""
    cel = _bare(cel)
    if len(parts := _parts(cel, " ? ", " : ")) > 1:
        yield from _choices(parts, variables)
    elif len(parts := _parts(cel, " + ")) > 1:
        yield from _joined([list(_ways(part, variables)) for part in parts])
    elif found := _TEXT.fullmatch(cel):
        yield _Way({}, found[1].replace("\\'", "'"))
    elif len(parts := _parts(cel, ".format")) > 1:
        yield from (_Way(way.holds, re.sub("%[sd]", _PLACEHOLDER, way.text)) for way in _ways(parts[0], variables))
    elif found := _VARIABLE.fullmatch(cel) or _MAP.fullmatch(cel):
        inner = variables[found[1]] if found.re is _VARIABLE else found[1]
        yield from _ways(inner, variables)
    else:
        yield _Way({}, _PLACEHOLDER)


def _bare(cel: str) -> str:
    """Return an expression on one line, without brackets around all of it."""
    cel = " ".join(cel.split()).replace(" .format(", ".format(")
    while cel.startswith("(") and [len(cel) - 1] == [at for at, depth in _depths(cel) if not depth]:
        cel = cel[1:-1].strip()
    return cel


def _choices(parts: Sequence[str], variables: Mapping[str, str]) -> Iterator[_Way]:
    """Yield the ways through conditions, each followed by what holds with it, and at the end what holds with none."""
    without: dict[str, bool] = {}
    for condition, inner in zip(parts[:-1:2], parts[1:-1:2], strict=True):
        yield from (_Way({**without, condition: True, **way.holds}, way.text) for way in _ways(inner, variables))
        without[condition] = False
    yield from (_Way({**without, **way.holds}, way.text) for way in _ways(parts[-1], variables))


def _joined(parts: Sequence[Sequence[_Way]]) -> Iterator[_Way]:
    """Yield the ways through parts that follow each other; a condition has the same answer in all of them."""
    for ways in product(*parts):
        holds: dict[str, bool] = {}
        if all(holds.setdefault(c, answer) is answer for way in ways for c, answer in way.holds.items()):
            yield _Way(holds, "".join(way.text for way in ways))


def _rows() -> Iterator[tuple[str, str]]:
    """Yield each text once, by the first policy that has it."""
    seen = set[str]()
    for policy in yaml.load_all(_POLICIES.read_text(), yaml.CSafeLoader):
        if policy["kind"] != "ValidatingAdmissionPolicy":
            continue
        title = policy["metadata"]["name"].removeprefix(f"{names.GROUP}-")
        variables = {each["name"]: each["expression"] for each in policy["spec"].get("variables", ())}
        found = [way.text for v in policy["spec"]["validations"] for way in _ways(v["messageExpression"], variables)]
        # Where the expression fails, the API server says the plain message.
        found += [v["message"] for v in policy["spec"]["validations"]]
        new = [text for text in dict.fromkeys(found) if text not in seen]
        seen.update(new)
        yield from ((f"policy {title}, {number}", text) for number, text in enumerate(new, 1))


ROWS: Mapping[str, Callable[[], str]] = {situation: partial(str, message) for situation, message in _rows()}
