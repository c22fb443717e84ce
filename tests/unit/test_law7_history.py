"""The check of law 7 finds each violation, and the rounds can be repeated."""

import pytest

from law7 import script
from law7.history import Change, late, violations, waits
from law7.script import Terms


def environment(revision: int, *, exists: bool = True, terminating: bool = False, at: float = 0) -> Change:
    """Return a change of the Environment e."""
    return Change(revision, "Environment e", "uid-e", "e", False, exists, terminating, at)


def user(revision: int, name: str = "e", *, exists: bool = True, at: float = 0) -> Change:
    """Return a change of the Pod p."""
    return Change(revision, "Pod a/p", "uid-p", name, True, exists, False, at)


LEFT = "Environment e was gone at revision 5, with Pod a/p of revision {} left"
EARLY = "Pod a/p came at revision {}, when e did not exist"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        pytest.param([environment(1), user(2), user(3, exists=False), environment(5, exists=False)], [], id="lawful"),
        pytest.param([environment(1), user(2), environment(5, exists=False)], [LEFT.format(2)], id="left-behind"),
        pytest.param([environment(5, exists=False), user(2), environment(1)], [LEFT.format(2)], id="out-of-order"),
        pytest.param([environment(1), environment(5, exists=False), user(6)], [EARLY.format(6)], id="too-late"),
        pytest.param([user(2), environment(3)], [EARLY.format(2)], id="too-early"),
        pytest.param([user(2), user(3), user(4, exists=False)], [EARLY.format(2)], id="reported-once"),
        pytest.param(
            [environment(1), user(2), environment(5, exists=False), user(6, exists=False)],
            [LEFT.format(2)],
            id="gone-a-moment-later",
        ),
        pytest.param(
            [environment(1), user(2, "other")], ["Pod a/p came at revision 2, when other did not exist"], id="another"
        ),
        pytest.param(
            [environment(1), user(2), user(3, "f"), environment(5, exists=False)],
            ["Pod a/p came at revision 3, when f did not exist"],
            id="switched",
        ),
    ],
)
def test_violations(changes: list[Change], found: list[str]) -> None:
    """Every user without an Environment at any revision is found, in any order of the events."""
    assert found == list(violations(changes))


def test_waits() -> None:
    """The end of an Environment counts from its deletion, however often it changed in between."""
    changes = [environment(1, at=1), environment(2, terminating=True, at=2), environment(3, terminating=True, at=3),
               environment(4, exists=False, terminating=True, at=15.5)]  # fmt: skip

    assert [13.5] == list(waits(changes))


def test_late() -> None:
    """A user counts as late when its Environment was being deleted as it came, by the time between."""
    changes = [environment(1), user(2, at=1), environment(3, terminating=True, at=2), user(4, "f"), user(5, at=9.5)]

    assert [7.5] == list(late(changes))


def test_rounds_can_be_repeated() -> None:
    """The same seed gives the same rounds, another one others."""
    assert script.rounds(Terms(seed=7)) == script.rounds(Terms(seed=7))
    assert script.rounds(Terms(seed=7)) != script.rounds(Terms(seed=8))


def test_rounds_have_everything() -> None:
    """Among many rounds there is every kind, way and route, half of them slow, and none slower than was said."""
    rounds = script.rounds(Terms(seed=1))
    users = [user for each in rounds for user in each.users]

    assert set(script.WAYS) == {(user.kind, user.way) for user in users}
    assert set(script.ROUTES) == {user.project for user in users}
    assert 150 == sum(any(user.sleeps for user in each.users) for each in rounds)
    assert max(max(user.sleeps.values(), default=0) for user in users) <= 9
