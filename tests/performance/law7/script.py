"""What is going to happen in each round, drawn by chance from a seed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from random import Random

FRESH, STALE = "fresh", "stale"
# A namespace for each way through our two replicas: who fills in, and who has the last word.
ROUTES = {f"{first}-{last}": (first, last) for first, last in product((FRESH, STALE), repeat=2)}
PROJECTS = tuple(ROUTES)
# A Pod and a Job take an Environment only when they are created.
CREATED, LABELLED, SWITCHED = "created", "labelled", "switched"
WAYS = (
    ("Pod", CREATED),
    ("Job", CREATED),
    ("PodTemplate", CREATED),
    ("PodTemplate", LABELLED),
    ("PodTemplate", SWITCHED),
)
MUTATING, VALIDATING = "mutating", "validating"
SLOW_LISTS = "slow-lists"
# One alone is in most danger: nobody else holds the Environment for it.
OTHERS = (0, 0, 1, 2, 3, 6)


@dataclass(frozen=True)
class Terms:
    """How many rounds, and how hard they are.

    Args:
        seed: the same seed gives the same rounds.
        rounds: how many Environments.
        width: how many side by side.
        slowness: for how many seconds each of the slow webhooks keeps a request at most.
        grace: seconds that a deleted Environment waits for users.
        lists: seconds that the list of one kind takes where lists are slow: so many that a look for users takes longer
            than the grace period.
    """

    seed: int
    rounds: int = 300
    width: int = 20
    slowness: float = 9.0
    grace: float = 12.0
    lists: float = 1.5


@dataclass(frozen=True)
class User:
    """Somebody who begins to use the Environment.

    Args:
        kind: the kind of the object.
        way: whether it is created with the reference, gets it later, or had another one.
        project: its namespace, and thereby its way through the replicas.
        start: when the request is sent, in seconds after that for the deletion.
        sleeps: for how many seconds the other webhooks keep the request.
    """

    kind: str
    way: str
    project: str
    start: float
    sleeps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Round:
    """One Environment, its deletion and its users.

    Args:
        name: the name of the Environment.
        known: whether it exists before the stale replica is cut off, which then remembers it as it was.
        stay: for how many seconds beyond the grace period users stay; None when each goes as soon as it is there.
        users: who uses it.
    """

    name: str
    known: bool
    stay: float | None
    users: tuple[User, ...]

    @property
    def lead(self) -> float:
        """How many seconds before the deletion the round begins."""
        return max(0.0, *(-user.start for user in self.users))


def rounds(terms: Terms) -> tuple[Round, ...]:
    """Return what happens in each round."""
    chance = Random(terms.seed)
    return tuple(_round(chance, number, terms) for number in range(terms.rounds))


def _round(chance: Random, number: int, terms: Terms) -> Round:
    """Return one round; every second one meets slow webhooks, and about every third one slow lists."""
    slow = number % 2 == 1
    suffix = f"-{SLOW_LISTS}" if chance.random() < 1 / 3 else ""
    users = [_user(chance, terms.slowness if slow else 0)]
    for _ in range(chance.choice(OTHERS)):
        behind = chance.random() < 1 / 3
        users.append(_straggler(chance, terms.grace) if behind else _user(chance, terms.slowness if slow else 0))
    stay = chance.uniform(2, 5) if chance.random() < 1 / 2 else None
    return Round(f"round-{number:03}{suffix}", chance.random() < 1 / 2, stay, tuple(users))


def _user(chance: Random, slowness: float) -> User:
    """Return a user about whom our last word is due shortly before the deletion, or a moment after it.

    One that were stored much earlier would be counted, and the deletion be refused.
    """
    sleeps = _sleeps(chance, slowness) if slowness else {}
    last_word = chance.uniform(-sleeps.get(VALIDATING, 0.0) - 0.2, 0.2)
    return User(*chance.choice(WAYS), chance.choice(PROJECTS), last_word - sleeps.get(MUTATING, 0.0), sleeps)


def _straggler(chance: Random, grace: float) -> User:
    """Return a user that comes while the Environment is being deleted, or about when it goes, or later."""
    start = chance.choice((chance.uniform(0.2, grace), chance.uniform(grace, grace + 6)))
    return User(*chance.choice(WAYS), chance.choice(PROJECTS), start)


def _sleeps(chance: Random, slowness: float) -> dict[str, float]:
    """Return for how long each of the slow webhooks keeps a request; now and then longer than the API server waits."""
    if chance.random() < 1 / 12:
        return {MUTATING: slowness, VALIDATING: slowness}
    seconds, share = chance.uniform(0.5, slowness), chance.choice((0, 0, chance.random(), 1))
    return {MUTATING: seconds * share, VALIDATING: seconds * (1 - share)}
