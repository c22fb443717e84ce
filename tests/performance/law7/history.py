"""What the API server stored, revision by revision, and whether the law held all the time. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter


@dataclass(frozen=True, slots=True)
class Change:
    """An Environment or a user as it is from a revision on.

    Revisions are those of etcd, one order for objects of all kinds.

    Args:
        revision: the resource version, for a deletion that of the deletion.
        what: the object in words.
        uid: its uid.
        name: the Environment that it is or refers to.
        user: whether it is a user.
        exists: False when it is gone, or refers to nothing any more.
        terminating: whether it has a deletionTimestamp.
        at: when the event came, in seconds of our clock.
    """

    revision: int
    what: str
    uid: str
    name: str
    user: bool
    exists: bool = True
    terminating: bool = False
    at: float = 0.0


def violations(changes: Iterable[Change]) -> Iterator[str]:
    """Yield in words each user that was without its Environment at any revision."""
    environments: set[str] = set()
    users: dict[str, Change] = {}
    for change in sorted(changes, key=attrgetter("revision")):
        if not change.user and change.exists:
            environments.add(change.name)
        elif not change.user:
            environments.discard(change.name)
            yield from (_lost(user, change) for user in users.values() if user.name == change.name)
        elif not change.exists:
            users.pop(change.uid, None)
        else:
            before = users.get(change.uid)
            users[change.uid] = change
            if change.name not in environments and (before is None or before.name != change.name):
                yield f"{change.what} came at revision {change.revision}, when {change.name} did not exist"


def _lost(user: Change, gone: Change) -> str:
    """Return in words that an Environment left a user behind."""
    return f"{gone.what} was gone at revision {gone.revision}, with {user.what} of revision {user.revision} left"


def late(changes: Iterable[Change]) -> Iterator[float]:
    """Yield for each user that came after the deletion of its Environment how many seconds after it that was."""
    deleted: dict[str, float] = {}
    users: dict[str, str] = {}
    for change in sorted(changes, key=attrgetter("revision")):
        if not change.user:
            if change.terminating:
                deleted.setdefault(change.name, change.at)
        elif change.exists and users.get(change.uid) != change.name:
            users[change.uid] = change.name
            if change.name in deleted:
                yield change.at - deleted[change.name]


def waits(changes: Iterable[Change]) -> Iterator[float]:
    """Yield for each Environment that was deleted how many seconds it took until it was gone."""
    deleted: dict[str, float] = {}
    for change in sorted(changes, key=attrgetter("revision")):
        if not change.user and not change.exists:
            yield change.at - deleted.pop(change.uid, change.at)
        elif not change.user and change.terminating:
            deleted.setdefault(change.uid, change.at)
