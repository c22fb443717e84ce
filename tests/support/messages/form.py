"""The one form of messages: what is wrong with which field, and the way out as the last sentence."""

import re
from collections.abc import Iterator

from pydantic import ValidationError

from builders import spec
from environment_operator.api import names
from environment_operator.api.v1alpha1 import EnvironmentSpec

LONGEST = 300
# With what a way out begins.
VERBS = frozenset(
    {
        "Add", "Apply", "Ask", "Change", "Check", "Choose", "Configure", "Correct", "Create", "Delete", "Find", "Give",
        "Have", "Install", "Keep", "Leave", "List", "Make", "Name", "Order", "Remove", "Rename", "Restore", "Retry",
        "Run", "See", "Set", "Shorten", "Split", "Submit", "Try", "Upgrade", "Use", "Wait", "Write",
    }
)  # fmt: skip
_DIALECT = re.compile(
    r"(?<!/)\b(put in|puts in|putting in|beside|judged?|judges|guards?|guarded|told|tells?|whatever|looked at|likewise|"
    r"affair|goes with|had its turn|nobody has|mistake in the operator)\b"
)
# A quotation in single quotes, unlike the apostrophe within a word.
_SINGLE = re.compile(r"(^|[\s(\[{:=,])'\S")
_OVERRIDABLE = re.compile(r"\b([A-Z][A-Za-z]+)(?:,? (?:and|or) ([A-Z][A-Za-z]+))? in spec\.overridable")
_KEY = re.compile(rf"(?<!tools\.)\b{re.escape(names.GROUP)}/([a-z][-a-z0-9]*)")
_KEYS = frozenset(
    value.partition("/")[2].rstrip(".")
    for value in vars(names).values()
    if isinstance(value, str) and value.startswith(f"{names.GROUP}/")
)


def sentences(message: str) -> list[str]:
    """Return the sentences of a message."""
    return re.split(r"(?<=\.) (?=[A-Z])", message)


def faults(message: str, *, way_out: bool = True) -> Iterator[str]:
    """Yield in what a message has another form.

    Args:
        message: the message, with ordinary names.
        way_out: whether there is anything that a person can do.
    """
    if not re.match(r"-{0,2}[A-Za-z]", message):
        yield "begins with neither a word nor a field path"
    if not message.endswith("."):
        yield "does not end with a period"
    if len(message) > LONGEST:
        yield f"has {len(message)} characters, at most {LONGEST} are allowed"
    if _SINGLE.search(message):
        yield "has a quotation in single quotes"
    if found := _DIALECT.search(message):
        yield f"has the word {found[0]}"
    if way_out and not _is_imperative(sentences(message)[-1]):
        yield "has no way out as its last sentence"
    yield from _refused_ways_out(message)


def _is_imperative(sentence: str) -> bool:
    """Return whether a sentence says what to do."""
    _, to, main = sentence.rpartition(", ") if sentence.startswith(("To ", "If ", "For ")) else ("", "", sentence)
    first = main.split()[0]
    return (first.capitalize() if to else first) in VERBS


def _refused_ways_out(message: str) -> Iterator[str]:
    """Yield what a message names that the schema does not have."""
    for match in _OVERRIDABLE.finditer(message):
        for field in set(filter(None, match.groups())) - {"Custom"}:
            user = {"user": {"source": "Custom"}} if field == "User" else {}
            if not _is_valid({"overridable": [field], **user}):
                yield f"names {field}, which spec.overridable does not accept"
    for key in _KEY.findall(message):
        if not any(key == known or key.startswith(f"{known}.") for known in _KEYS):
            yield f"names {names.GROUP}/{key}, which means nothing"


def _is_valid(fields: dict[str, object]) -> bool:
    """Return whether the schema accepts an Environment with some fields."""
    try:
        EnvironmentSpec.model_validate(spec(**fields))
    except ValidationError:
        return False
    return True
