"""What went through the proxy: a log that tests read from their own thread."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock


@dataclass(frozen=True)
class Request:
    """One request as the client sent it."""

    method: str
    path: str
    query: str
    body: bytes = field(repr=False, default=b"")
    accept: str = field(repr=False, default="")
    received: float = field(default_factory=time.monotonic)

    @property
    def watch(self) -> bool:
        """Whether it is a watch."""
        pairs = self.query.split("&")
        return self.method == "GET" and ("watch=true" in pairs or "watch=1" in pairs)

    @property
    def write(self) -> bool:
        """Whether it can change something: neither a read nor an access review."""
        reviews = "/apis/authorization.k8s.io/", "/apis/authentication.k8s.io/"
        return self.method not in {"GET", "HEAD", "OPTIONS"} and not self.path.startswith(reviews)


@dataclass(frozen=True)
class Exchange:
    """One request and how it was answered; a watch is logged when it begins."""

    request: Request
    status: int | None
    """The HTTP status, None when the connection was broken instead."""
    length: int
    """The length of the body of the answer, 0 for a watch."""
    seconds: float
    """From the arrival of the request to its answer."""
    forwarded: bool
    """Whether the API server has seen it."""

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.request.method

    @property
    def path(self) -> str:
        """The path, still encoded."""
        return self.request.path

    @property
    def query(self) -> str:
        """The query, still encoded, without the question mark."""
        return self.request.query


class Traffic:
    """A log of exchanges, safe to use from several threads."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = Lock()
        self._log: list[Exchange] = []

    def add(self, exchange: Exchange) -> None:
        """Append one exchange."""
        with self._lock:
            self._log.append(exchange)

    def clear(self) -> None:
        """Forget everything so far."""
        with self._lock:
            self._log.clear()

    def exchanges(self, match: Callable[[Request], bool] = lambda _request: True) -> tuple[Exchange, ...]:
        """Return what matches, in the order of the answers."""
        with self._lock:
            return tuple(entry for entry in self._log if match(entry.request))

    def writes(self) -> tuple[Exchange, ...]:
        """Return the writes, whether they succeeded or not."""
        return self.exchanges(lambda request: request.write)

    def counts(self) -> Counter[tuple[str, int | None]]:
        """Return how often each pair of method and status occurred."""
        return Counter((entry.method, entry.status) for entry in self.exchanges())
