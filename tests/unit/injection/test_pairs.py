"""Settings that do not go together, one of the Environment, one of the submitter."""

import copy
from typing import Any

import pytest

from builders import KINDS, around, published, workload
from environment_operator.injection.context import Outcome
from environment_operator.injection.mutate import admit
from environment_operator.injection.pairs import PAIRS
from environment_operator.injection.validate import approve
from environment_operator.kinds.paths import get
from environment_operator.kinds.table import Kind
from pairs import EXAMPLES, NEVER_ALONE, OF_CONTAINERS, Example, context, custom
from third_party import containers, row_of, user

Object = dict[str, Any]
POD = KINDS["pods"]
CASES = [(name, example) for name, examples in EXAMPLES.items() for example in examples]


def asked(example: Example) -> Object:
    """Return a Pod with the submitter's half of a pair."""
    made = workload("Pod", "w", "team", "e")
    made["spec"].update(copy.deepcopy(example.pod))
    get(made, ("spec", "containers", "main")).update(copy.deepcopy(example.main))
    made["spec"]["containers"] += copy.deepcopy(example.others)
    return made


def outcome(example: Example, *overridable: str, kind: Kind = POD, new: Object | None = None) -> Outcome:
    """Return what becomes of a workload, with an Environment that lets some fields be overridden."""
    known = published("e", **example.fields, overridable=list(overridable))
    found = admit(kind, new or asked(example), None, around(known))
    if found.workload is not None:
        assert approve(kind, found.workload, None, around(known)).workload is not None
        assert found.workload == admit(kind, found.workload, None, around(known)).workload
    return found


def test_every_pair_has_an_example() -> None:
    """Nothing is in the table that no test shows, and no example is of a pair that is not there."""
    assert {pair.name for pair in PAIRS} == EXAMPLES.keys() | OF_CONTAINERS.keys() | NEVER_ALONE.keys()


@pytest.mark.parametrize(("name", "example"), CASES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(CASES)])
def test_guarded(name: str, example: Example) -> None:
    """Where ours may not be overridden, the refusal names both paths, the Environment and the way out."""
    (pair,) = (pair for pair in PAIRS if pair.name == name)
    found = outcome(example)

    assert found.refusal.startswith("spec.")
    assert 'from Environment "e", which does not allow' in found.refusal.partition(" conflicts with spec.")[2]
    assert f"{pair.field} in spec.overridable" in found.refusal
    assert len(found.refusal) <= 300


@pytest.mark.parametrize(("name", "example"), CASES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(CASES)])
def test_overridable(name: str, example: Example) -> None:
    """Where it may be overridden, ours is not there, and theirs is."""
    (pair,) = (pair for pair in PAIRS if pair.name == name)
    found = outcome(example, pair.field)
    assert found.workload is not None, found.refusal

    assert get(found.workload, pair.path(("spec", "containers", "main"))) is None
    assert asked(example)["spec"].get("hostUsers") == found.workload["spec"].get("hostUsers")
    assert "dnsPolicy" not in found.workload["spec"]


@pytest.mark.parametrize(
    ("fields", "main"),
    [
        ({"security": {"allowPrivilegeEscalation": True}, "overridable": ["Security"]}, context(privileged=True)),
        ({"security": {"runAsNonRoot": True}, "overridable": ["Security"]}, context(runAsUser=1000)),
        (custom(uid=0), context(runAsUser=5, runAsNonRoot=True) and context(runAsNonRoot=False)),
    ],
)
def test_what_goes_together(fields: Object, main: Object) -> None:
    """What is no contradiction is injected as ever."""
    found = outcome(Example(fields, main=main), *fields.pop("overridable", ()))

    assert found.workload is not None, found.refusal


def test_kinds_of_other_projects() -> None:
    """A Notebook, about which the API server says nothing, is refused too, or filled in without what contradicts."""
    example = Example({"security": {"runAsNonRoot": True}})
    new = user("notebook", "w", "team", "e")
    containers("notebook", new)[0].update(context(runAsUser=0))
    guarded = outcome(example, kind=row_of("notebook"), new=new)
    free = outcome(example, "Security", kind=row_of("notebook"), new=new)

    assert "spec.template.spec.containers" in guarded.refusal
    assert free.workload is not None
    assert {"runAsUser": 0} == containers("notebook", free.workload)[0]["securityContext"]


@pytest.mark.parametrize(
    ("fields", "main", "said"),
    [
        ({"security": {"allowPrivilegeEscalation": False}}, context(privileged=True), "privileged: true"),
        (custom(uid=7) | {"security": {"runAsNonRoot": True}}, context(runAsUser=0), "runAsUser: 0"),
    ],
)
def test_an_override_is_refused_as_one(fields: Object, main: Object, said: str) -> None:
    """Where theirs may not be there at all, that is said."""
    new, known = user("notebook", "w", "team", "e"), published("e", **fields, overridable=[])
    containers("notebook", new)[0].update(main)
    stored = admit(row_of("notebook"), new, None, around(known)).workload
    assert stored is not None

    assert said in approve(row_of("notebook"), stored, None, around(known)).refusal


def test_ids_of_the_container() -> None:
    """Where ids are on the container, the pair is there."""
    example = Example({"user": {"source": "Custom", "uid": 0}})
    new = user("workflow", "w", "team", "e")
    new["spec"]["templates"][2]["container"].update(context(runAsNonRoot=True))
    guarded = outcome(example, kind=row_of("workflow"), new=new)
    free = outcome(example, "User", kind=row_of("workflow"), new=new)

    assert "runAsNonRoot" in guarded.refusal
    assert free.workload is not None
    assert {"runAsNonRoot": True} == containers("workflow", free.workload)[1]["securityContext"]


@pytest.mark.parametrize("overridable", [[], ["Security"]])
def test_later(overridable: list[str]) -> None:
    """Where theirs comes with an update, it is the same; what stands together already blocks nothing."""
    kind = row_of("notebook")
    known = published("e", security={"allowPrivilegeEscalation": False}, overridable=overridable)
    stored = admit(kind, user("notebook", "w", "team", "e"), None, around(known)).workload
    assert stored is not None
    changed = copy.deepcopy(stored)
    containers("notebook", changed)[0]["securityContext"]["privileged"] = True
    found = admit(kind, changed, stored, around())
    assert found.workload is not None
    validated = approve(kind, found.workload, stored, around())
    again = copy.deepcopy(changed)
    containers("notebook", again)[0]["env"] = [{"name": "A", "value": "1"}]

    assert bool(overridable) == (validated.workload is not None)
    assert None is not admit(kind, again, changed, around()).workload
    if overridable:
        assert {"privileged": True} == containers("notebook", found.workload)[0]["securityContext"]
