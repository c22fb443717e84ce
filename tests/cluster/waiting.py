"""The one place where tests and their cluster wait, and the one deadline that they have."""

import time
from collections.abc import Callable

from cluster.errors import ClusterError

POLL_SECONDS = 0.05
# A busy machine takes long for what usually takes a moment. What holds is seen at once: a long deadline costs nothing.
PATIENCE_SECONDS = 120
TIMEOUT = f"--timeout={PATIENCE_SECONDS}s"
"""The same for commands of kubectl that wait."""


def until(what: str, condition: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Return as soon as `condition` holds; raise a ClusterError naming `what` at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            message = f"gave up after {seconds:g} s waiting for {what}"
            raise ClusterError(message)
        time.sleep(POLL_SECONDS)
