"""The one place where the test cluster waits."""

import time
from collections.abc import Callable

from cluster.errors import ClusterError

POLL_SECONDS = 0.05


def until(what: str, condition: Callable[[], bool], *, seconds: float) -> None:
    """Return as soon as `condition` holds; raise a ClusterError naming `what` at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            message = f"gave up after {seconds:g} s waiting for {what}"
            raise ClusterError(message)
        time.sleep(POLL_SECONDS)
