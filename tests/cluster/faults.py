"""Faults as data: which requests a rule matches and what then happens to them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from cluster.traffic import Request


@dataclass(frozen=True)
class Match:
    """Which requests: all given conditions must hold; expressions are searched for."""

    methods: frozenset[str] = frozenset()
    """HTTP methods; empty means every method."""
    path: str = ""
    query: str = ""
    watch: bool | None = None
    """Only watches (True), only other requests (False), or both."""

    def __call__(self, request: Request) -> bool:
        """Return whether the request is meant."""
        return (
            (not self.methods or request.method in self.methods)
            and re.search(self.path, request.path) is not None
            and re.search(self.query, request.query) is not None
            and self.watch in {None, request.watch}
        )


WRITE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
ANYTHING = Match()
WRITES = Match(methods=WRITE_METHODS)
WATCHES = Match(watch=True)


@dataclass(frozen=True)
class Answer:
    """Answer with this status and a Kubernetes Status object; nothing is forwarded."""

    status: int
    reason: str = "InternalError"
    message: str = "a fault that the test asked for"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Drop:
    """Break the connection without an answer; nothing is forwarded."""


@dataclass(frozen=True)
class Delay:
    """Go on after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Hold:
    """Go on after `release` was set; it is per rule, so all held requests go on together."""

    release: Event = field(default_factory=Event)


@dataclass(frozen=True)
class Before:
    """Call a function before forwarding; when it returns False the request is dropped.

    Made for killing the client before its write: return False, and the write never happens.
    """

    call: Callable[[Request], bool]


@dataclass(frozen=True)
class After:
    """Call a function when the API server has answered but the client does not know yet."""

    call: Callable[[Request], None]


@dataclass(frozen=True)
class EndWatch:
    """End a watch after so many events, at once for 0; `expired` sends a 410 event first.

    Events are lines: it works for watches in JSON, not for those in protobuf.
    """

    after: int = 0
    expired: bool = False
    abrupt: bool = False
    """Break the connection instead of ending the stream properly."""


@dataclass(frozen=True)
class Half:
    """Break the connection in the middle of the answer; the API server has done what was asked for."""


@dataclass(frozen=True)
class Repeat:
    """Send each event of a watch twice."""


Act = Answer | Drop | Delay | Hold | Before | After | EndWatch | Half | Repeat


@dataclass(frozen=True)
class Rule:
    """What happens to requests that match, after the first `skip`, for the next `times`."""

    match: Match
    act: Act
    times: int | None = None
    """How often; None means until the rule is removed."""
    skip: int = 0
