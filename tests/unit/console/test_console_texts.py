"""The catalogue of texts, and what templates use of it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.console import texts, words
from environment_operator.kube.errors import ApiError

CODE = Path(texts.__file__).parent
SOURCES = {path.name: path.read_text() for pattern in ("*.py", "templates/*.html") for path in CODE.rglob(pattern)}
NOW = datetime(2026, 3, 2, 10, 14, tzinfo=UTC)


def families() -> tuple[str, ...]:
    """Return the beginnings of keys whose rest is made: of a tab, an action, a fact."""
    rest = "".join(text for name, text in SOURCES.items() if name != "texts.py")
    found = re.findall(r'"([a-z.]+\.)" \+|f"([a-z.]+\.)\{', rest)
    return tuple(first or second for first, second in found)


def test_every_text_is_used() -> None:
    """Each text of the catalogue is on a page."""
    rest = "".join(text for name, text in SOURCES.items() if name != "texts.py")

    assert [] == [key for key in texts.TEXTS if f'"{key}"' not in rest and not key.startswith(families())]


@pytest.mark.parametrize("name", [name for name in SOURCES if name.endswith(".html")])
def test_every_text_is_in_the_catalogue(name: str) -> None:
    """A template has no words of its own: each comes from the catalogue, and is there."""
    bare = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|<pre.*?</pre>|<[^>]*>|&\w+;", "", SOURCES[name], flags=re.DOTALL)
    asked = re.findall(r'\bt\("([^"]+)"', SOURCES[name])

    assert [] == re.findall(r"[A-Za-z]{2,}", bare)
    assert set(asked) <= {*texts.TEXTS, *families()}


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-03-02T10:13:59Z", "just now"),
        ("2026-03-02 10:12:00", "2 minutes ago"),
        ("2026-03-01T10:14:00Z", "1 day ago"),
        ("2025-01-01T00:00:00Z", "1 year ago"),
        ("2026-03-02T10:15:00Z", "just now"),
    ],
)
def test_times_in_words(stamp: str, expected: str) -> None:
    """A time reads as how long ago it is; one of a clock that is ahead is now."""
    assert expected == words.ago(stamp, NOW)


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (ApiError(0, "refused"), "The API server cannot be reached"),
        (ApiError(401, "Unauthorized"), "Your credentials are not accepted"),
        (ApiError(403, "no"), "You may not do this"),
        (ApiError(404, "the server could not find the requested resource"), "This cluster has no Environments"),
        (ApiError(500, "boom"), "This did not work"),
        (Problem("no such column", Exit.USAGE), "This address asks for something that is not there"),
        (Problem("no kubeconfig", Exit.UNREACHABLE), "The API server cannot be reached"),
    ],
)
def test_headlines(error: ApiError | Problem, title: str) -> None:
    """Each way to fail has its headline, and a sentence in the words of the plugin."""
    assert title == words.title(error)
    assert words.failure(error).endswith(".")
    assert words.failure(error)[0].isupper()
