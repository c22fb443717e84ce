"""Times in words, and how errors read on a page. Pure."""

from datetime import UTC, datetime

from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.failures import described
from environment_operator.console import texts
from environment_operator.kube.errors import ApiError

_STEPS = (
    ("year", 31_536_000), ("month", 2_592_000), ("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60),
)  # fmt: skip
_TITLES = {401: "problem.credentials", 403: "problem.forbidden", 404: "problem.absent", 0: "problem.unreachable"}


def moment(stamp: str) -> datetime:
    """Return a point in time as a column or Kubernetes has it, in UTC where it does not say."""
    found = datetime.fromisoformat(stamp)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def exact(stamp: str) -> str:
    """Return a point in time for those who want it to the second."""
    return f"{moment(stamp):%Y-%m-%d %H:%M:%S UTC}"


def ago(stamp: str, now: datetime) -> str:
    """Return how long ago a point in time is, in words."""
    seconds = max(0, int((now - moment(stamp)).total_seconds()))
    for unit, size in _STEPS:
        if count := seconds // size:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def title(error: ApiError | Problem) -> str:
    """Return the headline of the page about an error."""
    if isinstance(error, ApiError):
        return texts.text(_TITLES.get(error.status, "problem.other"))
    return texts.text(
        {Exit.USAGE: "problem.wrong", Exit.UNREACHABLE: "problem.unreachable"}.get(error.code, "problem.other")
    )


def failure(error: ApiError | Problem) -> str:
    """Return what the plugin says of an error, as a sentence."""
    return sentence(described(error)[0])


def sentence(message: str) -> str:
    """Return a message as a sentence: with a capital, unless it begins with the path of a field, and a full stop."""
    first, *_ = message.split(maxsplit=1)
    begun = message if "." in first.strip(":.") else message[:1].upper() + message[1:]
    return begun if begun.endswith((".", "?", "!")) else f"{begun}."
