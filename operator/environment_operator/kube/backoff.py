"""How long to wait after failures in a row."""

_FIRST = 0.5
# Half a second doubled so often is six days; what fails for longer than that must not end in an overflow.
_DOUBLINGS = 20


def pause(failures: int, longest: float) -> float:
    """Return how many seconds to wait after a failure: twice as long as after the one before it.

    Args:
        failures: how many came before it in a row.
        longest: the longest pause in seconds.
    """
    return min(_FIRST * 2.0 ** min(failures, _DOUBLINGS), longest)
