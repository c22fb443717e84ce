"""The outcomes of all rounds, in words."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cluster.rest import Reply

# What the API server answers when the time of a request is over, at any point.
TIMES_UP = re.compile(
    "context deadline exceeded|request did not complete within|timed out|context canceled|connection broke"
)
HEAD = re.compile(r"^.*denied the request: ")
NAME = re.compile(r"'[^']*'|\"[^\"]*\"|round-\d+\S*")


@dataclass
class Tally:
    """Everything that is counted.

    Args:
        asked: requests for users.
        admitted: those that were stored.
        timed_out: those whose time was over.
        refused: the words of refusals, names left out.
        deletions: of Environments, with users about: those accepted.
        too_late: those refused, because somebody was counted already.
        held: Environments with users when the grace period was over.
        waits: for each Environment, how many seconds after its deletion it was gone.
        stored_late: for each user that was stored after the deletion, how many seconds after it.
        replicas: what the replicas were asked.
        violations: users without their Environment.
    """

    asked: int = 0
    admitted: int = 0
    timed_out: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    deletions: int = 0
    too_late: int = 0
    held: int = 0
    waits: list[float] = field(default_factory=list)
    stored_late: list[float] = field(default_factory=list)
    replicas: Mapping[str, Counter[str]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def take(self, reply: Reply) -> None:
        """Count the outcome of a user's request."""
        self.asked += 1
        if reply.ok:
            self.admitted += 1
        elif TIMES_UP.search(reply.message):
            self.timed_out += 1
        else:
            self.refused[NAME.sub("…", HEAD.sub("", reply.message))] += 1

    def lines(self) -> Iterator[str]:
        """Yield it for people to read."""
        ends = f"{self.admitted} admitted, {self.refused.total()} refused, {self.timed_out} timed out"
        yield f"users         {self.asked}: {ends}"
        yield from (f"  refused     {count} x {words}" for words, count in self.refused.most_common())
        latest = f", up to {max(self.stored_late):.1f} s later" if self.stored_late else ""
        yield f"  late        {len(self.stored_late)} stored after the deletion of their Environment{latest}"
        yield f"deletions     {self.deletions} accepted, {self.too_late} refused, since a user was counted already"
        yield f"  held        {self.held} by users beyond the grace period"
        yield f"  carried out {min(self.waits):.1f} to {max(self.waits):.1f} s after they were accepted"
        yield from (f"{name:14}{_counts(counts)}" for name, counts in self.replicas.items())
        yield f"violations    {len(self.violations)}"
        yield from (f"  {words}" for words in self.violations)


def _counts(counts: Counter[str]) -> str:
    """Return counts in one line."""
    return ", ".join(f"{what} {count}" for what, count in sorted(counts.items()))
