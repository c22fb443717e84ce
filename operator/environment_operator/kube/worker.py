"""The loop of a worker: one key of a work queue after the other; what fails comes again later."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from environment_operator.kube.errors import INTERNAL_ERROR, ApiError, Conflict
from environment_operator.kube.workqueue import WorkQueue
from environment_operator.metrics import QUEUE_WORK, RECONCILE_TIME, RECONCILES

logger = logging.getLogger(__name__)


async def work(
    queue: WorkQueue,
    act: Callable[[str], Awaitable[float]],
    *,
    about: Callable[[str], str],
    retry: Callable[[str, ApiError], object] | None = None,
) -> None:
    """Act on one key after the other, until cancelled.

    Args:
        queue: the keys.
        act: does what there is to do about a key; returns for how many seconds the key is held afterwards.
        about: names what a key stands for, for the log.
        retry: is called with what the API server refused, instead of the log.
    """
    while True:
        key = await queue.get()
        result, hold, begun = "error", 0.0, time.monotonic()
        try:
            hold = await act(key)
            result = "success"
        except asyncio.CancelledError:
            queue.undone(key)
            raise
        except ApiError as error:
            result = "requeue" if isinstance(error, Conflict) else "error"
            (retry or (lambda key, error: _log(about(key), error)))(key, error)
        except Exception:
            logger.exception(INTERNAL_ERROR, f"{about(key)} failed")
        _measure(queue.name, result, time.monotonic() - begun)
        queue.done(key, failed=result != "success", hold=hold)


def _measure(name: str, result: str, seconds: float) -> None:
    """Count a reconcile, as controller-runtime does: with the name of the controller, which is that of its queue."""
    RECONCILES.labels(name, result).inc()
    RECONCILE_TIME.labels(name).observe(seconds)
    QUEUE_WORK.labels(name).observe(seconds)


def _log(what: str, error: ApiError) -> None:
    """Log that something is tried again; that another client was faster is nothing to warn of."""
    logger.log(logging.INFO if isinstance(error, Conflict) else logging.WARNING, "%s is tried again: %s", what, error)
