"""The indices: who uses what, readable both ways, for any order of events."""

import json
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import environment
from environment_operator.api import names
from environment_operator.api.references import MIXED, injected, references, used
from environment_operator.controller.index import EnvironmentIndex, UsageIndex, User
from environment_operator.spec.projects import ProjectIndex

A, B = User("jobs.batch", "team", "a"), User("pods", "team", "b")
SOME = [frozenset(names_) for number in range(4) for names_ in combinations("xyz", number)]
Step = tuple[str, str, frozenset[str]]
STEPS = st.lists(st.sampled_from(list(product(("jobs.batch", "pods"), "abc", SOME))), max_size=30)


def test_a_role_without_pods_uses_nothing() -> None:
    """A label for a role counts when its Environment was injected; where there is no record, it counts."""
    labels = {names.REFERENCE: "x", f"{names.ROLE_REFERENCE}worker": "y", f"{names.ROLE_REFERENCE}leader": "z"}
    record = json.dumps({"a": {"env": "x", "hash": "1"}, "b": {"env": "y", "hash": "2"}})

    assert {"x": "1", "y": "2"} == used(labels, record)
    assert {"x": "", "y": "", "z": ""} == used(labels, "")
    assert {"x": ""} == used({names.REFERENCE: "x"}, record.replace('"x"', '"w"'))


def test_references() -> None:
    """The main label and those of single roles refer to Environments; a role's label alone does not."""
    role = f"{names.ROLE_REFERENCE}worker"

    assert frozenset({"x", "y"}) == references({names.REFERENCE: "x", role: "y", "app": "z"})
    assert frozenset() == references({role: "y"})
    assert frozenset() == references({names.REFERENCE: ""})


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ('{"spec/template":{"env":"x","hash":"h1"}}', {"x": "h1"}),
        ('{"a":{"env":"x","hash":"h1"},"b":{"env":"y","hash":"h2"}}', {"x": "h1", "y": "h2"}),
        ('{"a":{"env":"x","hash":"h1"},"b":{"env":"x","hash":"h2"}}', {"x": MIXED}),
        ("", {}),
        ("[1]", {}),
        ('{"a":5}', {}),
        ("[" * 100_000, {}),
    ],
)
def test_injected(record: str, expected: dict[str, str]) -> None:
    """The record has what was injected; anything else in its place counts as none."""
    assert expected == injected(record)


def test_another_hash_is_a_change() -> None:
    """An Environment is enqueued when one of its users received something else."""
    index = UsageIndex()
    index.put(A, {"x": "h1"})

    assert frozenset({"x"}) == index.put(A, {"x": "h2"})
    assert frozenset() == index.put(A, {"x": "h2"})
    assert {A: "h2"} == index.users("x")


def test_put_returns_whom_it_concerns() -> None:
    """A change names the Environments that were left or come to, and no other."""
    index = UsageIndex()

    assert frozenset({"x", "y"}) == index.put(A, dict.fromkeys({"x", "y"}, ""))
    assert frozenset() == index.put(A, dict.fromkeys({"x", "y"}, ""))
    assert frozenset({"x", "z"}) == index.put(A, dict.fromkeys({"y", "z"}, ""))
    assert {A} == set(index.users("z"))
    assert not index.users("x")


def test_sweep_forgets_what_a_list_no_longer_has() -> None:
    """Objects of the kind that are not in a complete list are gone; other kinds are left alone."""
    index = UsageIndex()
    index.put(A, dict.fromkeys({"x"}, ""))
    index.put(B, dict.fromkeys({"x"}, ""))

    assert frozenset({"x"}) == index.resync("jobs.batch", set())
    assert {B} == set(index.users("x"))


@given(STEPS)
def test_index_is_what_was_said_last(steps: list[tuple[str, str, frozenset[str]]]) -> None:
    """For any order of events, the users of an Environment are the objects whose last event names it."""
    index, last = UsageIndex(), {}
    for kind, name, environments in steps:
        index.put(User(kind, "ns", name), dict.fromkeys(environments, ""))
        last[User(kind, "ns", name)] = environments

    for name in "xyz":
        assert {u for u, e in last.items() if name in e} == set(index.users(name))


@given(STEPS, STEPS)
def test_a_list_makes_up_for_every_event_missed(missed: list[Step], listed: list[Step]) -> None:
    """After a complete list, an index that missed events knows what a fresh one knows."""
    stale, fresh = UsageIndex(), UsageIndex()
    for kind, name, environments in missed:
        stale.put(User(kind, "ns", name), dict.fromkeys(environments, ""))
    final = {User(kind, "ns", name): environments for kind, name, environments in listed}
    for index in (stale, fresh):
        for user, environments in final.items():
            index.put(user, dict.fromkeys(environments, ""))
        for kind in ("jobs.batch", "pods"):
            index.resync(kind, {(u.namespace, u.name) for u in final if u.kind == kind})

    for name in "xyz":
        assert set(fresh.users(name)) == set(stale.users(name))


def test_projects() -> None:
    """A project that comes, goes or changes its department concerns whoever mentions it or either department."""
    index = ProjectIndex()

    assert {("project", "p"), ("department", "ml")} == index.put("p", "ml")
    assert frozenset() == index.put("p", "ml")
    assert {("project", "p"), ("department", "ml"), ("department", "cv")} == index.put("p", "cv")
    assert {("project", "p"), ("department", "cv")} == index.resync(set())
    assert {} == index.departments


def test_environments() -> None:
    """An Environment concerns itself, and when it comes or goes those that name it as their replacement."""
    index = EnvironmentIndex()
    old = environment("old", deprecated={"message": "m", "replacedBy": "new"})

    assert frozenset({"old"}) == index.put(old)
    assert frozenset({"new", "old"}) == index.put(environment("new"))
    assert frozenset() == index.put(environment("new"))
    assert frozenset({"old"}) == index.delete("new")
    assert "new" not in index
    assert old["spec"] == (index.get("old") or {})["spec"]


def test_a_list_of_environments() -> None:
    """A list forgets what it does not have, but for what came after it; who names what is gone is concerned."""
    index = EnvironmentIndex()
    names_it, gone, newer = (
        environment("old", deprecated={"message": "m", "replacedBy": "gone"}),
        *map(environment, "gn"),
    )
    gone["metadata"] |= {"name": "gone", "resourceVersion": "9"}
    newer["metadata"] |= {"resourceVersion": "11"}
    for each in (names_it, gone, newer):
        index.put(each)

    assert frozenset({"old"}) == index.resync({"old"}, 10)
    assert {"old", "n"} == set(index.names())


def test_an_older_event_changes_nothing() -> None:
    """An event that was under way while we wrote does not bring the old state back."""
    index, newer, older = EnvironmentIndex(), environment(status={"scope": "new"}), environment(status={"scope": "old"})
    newer["metadata"]["resourceVersion"] = "8"
    index.put(newer)

    assert frozenset() == index.put(older)
    assert {"scope": "new"} == (index.get("jupyter") or {})["status"]


def test_a_list_counts_at_an_equal_version() -> None:
    """A field that a watch under an earlier definition left out comes with a list of the same version, and stays."""
    index, pruned, listed = EnvironmentIndex(), environment(), environment(projectLabels={"a": "b"})
    index.put(pruned)

    assert frozenset({"jupyter"}) == index.put(listed, listed=True)
    assert frozenset() == index.put(listed, listed=True)
    assert frozenset() == index.put(pruned)
    assert listed["spec"] == (index.get("jupyter") or {})["spec"]


def test_an_older_list_changes_nothing() -> None:
    """A list that was under way while we wrote does not bring the old state back."""
    index, newer = EnvironmentIndex(), environment(status={"scope": "new"})
    newer["metadata"]["resourceVersion"] = "8"
    index.put(newer)

    assert frozenset() == index.put(environment(), listed=True)
    assert {"scope": "new"} == (index.get("jupyter") or {})["status"]


def test_scope_mentions() -> None:
    """An Environment is concerned by the projects and departments of its scope."""
    index = EnvironmentIndex()
    index.put(environment("e", scope={"projects": ["p"], "departments": ["d"]}))

    assert frozenset({"e"}) == index.concerned([("project", "p")])
    assert frozenset({"e"}) == index.concerned([("department", "d")])
    assert frozenset() == index.concerned([("project", "d")])
