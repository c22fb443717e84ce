"""Callers that send requests side by side until a test has seen enough."""

import threading
from typing import Self


class Callers:
    """Threads that do the same until the end.

    Args:
        many: how many there are.
    """

    def __init__(self, many: int) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(many)]

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; what was created stays."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        """Send requests until the end, as the caller of a number."""
        raise NotImplementedError
