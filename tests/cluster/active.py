"""Rules in force: how often each has matched, and what is left of it."""

from threading import Event, Lock

from cluster.faults import Act, Hold, Rule
from cluster.traffic import Request
from cluster.waiting import PATIENCE_SECONDS


class ActiveRule:
    """One rule in force; what `FaultProxy.add` returns."""

    def __init__(self, rule: Rule) -> None:
        """Put a rule in force."""
        self.rule = rule
        self.hit = Event()
        self._lock = Lock()
        self._matched = 0
        self._removed = False

    @property
    def applied(self) -> int:
        """How many requests it has been applied to."""
        with self._lock:
            left = max(0, self._matched - self.rule.skip)
            return left if self.rule.times is None else min(left, self.rule.times)

    def remove(self) -> None:
        """Take it out of force; requests that it holds go on."""
        with self._lock:
            self._removed = True
        if isinstance(self.rule.act, Hold):
            self.rule.act.release.set()

    def await_hit(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """Return as soon as it was applied once; False at the deadline."""
        return self.hit.wait(seconds)

    def act_on(self, request: Request) -> Act | None:
        """Return what shall happen to this request, and count it."""
        if not self.rule.match(request):
            return None
        with self._lock:
            if self._removed:
                return None
            self._matched += 1
            place = self._matched - self.rule.skip
        if place < 1 or (self.rule.times is not None and place > self.rule.times):
            return None
        self.hit.set()
        return self.rule.act
