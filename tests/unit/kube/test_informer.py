"""How long an informer waits after failures."""

from environment_operator.kube.errors import ApiError, Forbidden
from environment_operator.kube.informer import Backoff

UNREACHABLE, REFUSED = ApiError(0, "connection refused"), Forbidden(403, "forbidden")


def test_longer_after_each() -> None:
    """Each failure in a row doubles the pause, up to the longest; a success begins anew."""
    backoff = Backoff(30)

    assert [0.5, 1, 2, 4, 8, 16, 30, 30] == [backoff.after(REFUSED) for _ in range(8)]
    backoff.reset()
    assert 0.5 == backoff.after(REFUSED)


def test_a_server_that_nobody_reaches() -> None:
    """One that is away is tried every five seconds; what it refuses when it is back, is tried again soon."""
    backoff = Backoff(30)

    assert [0.5, 1, 2, 4, 5, 5, 5] == [backoff.after(UNREACHABLE) for _ in range(7)]
    assert [0.5, 1, 2] == [backoff.after(REFUSED) for _ in range(3)]


def test_failures_of_both_kinds() -> None:
    """A server that is away and refuses by turns has failed as often as it was tried."""
    backoff = Backoff(30)
    for _ in range(3):
        backoff.after(UNREACHABLE)
        backoff.after(REFUSED)

    assert 6 == backoff.failures


def test_never_longer_than_wanted() -> None:
    """The longest pause bounds both."""
    backoff = Backoff(1)

    assert [0.5, 1, 1] == [backoff.after(UNREACHABLE) for _ in range(3)]


def test_failures_for_days() -> None:
    """However many failures come in a row, the pause is the longest."""
    backoff = Backoff(30)
    pauses = [backoff.after(error) for error in (UNREACHABLE, REFUSED) for _ in range(2000)]

    assert (5, 30) == (pauses[1999], pauses[-1])
