"""The loop of a worker: one key of a work queue after the other; what fails comes again later."""

import logging
from collections.abc import Awaitable, Callable

from environment_operator.kube.errors import INTERNAL_ERROR, ApiError, Conflict
from environment_operator.kube.workqueue import WorkQueue

logger = logging.getLogger(__name__)


async def work(
    queue: WorkQueue,
    act: Callable[[str], Awaitable[float]],
    *,
    about: Callable[[str], str],
    count: Callable[[str], object] = lambda _: None,
    retry: Callable[[str, ApiError], object] | None = None,
) -> None:
    """Act on one key after the other, until cancelled.

    Args:
        queue: the keys.
        act: does what there is to do about a key; returns for how many seconds the key is held afterwards.
        about: names what a key stands for, for the log.
        count: is called with the result of each: ``done``, ``retry`` or ``error``.
        retry: is called with what the API server refused, instead of the log.
    """
    while True:
        key = await queue.get()
        result, hold = "error", 0.0
        try:
            hold = await act(key)
            result = "done"
        except ApiError as error:
            result = "retry"
            (retry or (lambda key, error: _log(about(key), error)))(key, error)
        except Exception:
            logger.exception(INTERNAL_ERROR, f"{about(key)} failed")
        count(result)
        queue.done(key, failed=result != "done", hold=hold)


def _log(what: str, error: ApiError) -> None:
    """Log that something is tried again; that somebody else was faster is nothing to warn of."""
    logger.log(logging.INFO if isinstance(error, Conflict) else logging.WARNING, "%s is tried again: %s", what, error)
