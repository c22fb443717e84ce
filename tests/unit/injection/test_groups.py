"""Who the process is: no groups of the image, no group that it does not have anyway, and ways out that are open."""

import copy
import re
from typing import Any

import pytest

from builders import KINDS, around, published, spec, workload
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.injection.context import Outcome, Published
from environment_operator.injection.identity import Ids
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve

Object = dict[str, Any]
KIND = KINDS["deployments.apps"]
PERSON = Ids(2001, 200, (5, 6))
CUSTOM = {"source": "Custom", "uid": 1000, "gid": 100, "supplementalGroups": [5, 6]}
SOURCES: dict[str, Object] = {"Custom": CUSTOM, "IdPToken": {"source": "IdPToken"}, "Image": {"source": "Image"}}


def environment(source: str, *overridable: str) -> Published:
    """Return an Environment with ids from a source."""
    return published("e", user=SOURCES[source], overridable=list(overridable))


def asked(**context: Any) -> Object:
    """Return a Deployment whose pods have a security context."""
    made = workload("Deployment", "w", "team", "e")
    if context:
        made["spec"]["template"]["spec"]["securityContext"] = context
    return made


def outcome(known: Published, new: Object, *, strict: bool = True) -> tuple[Outcome, Outcome]:
    """Return what both webhooks make of a workload."""
    there = around(known, user="ada", ids=PERSON, strict_groups=strict)
    first = admit(KIND, new, None, there)
    assert first.workload is not None, first.refusal
    return first, approve(KIND, first.workload, None, there)


def context(made: Outcome) -> Object:
    """Return the security context of the pods."""
    assert made.workload is not None
    found: Object = made.workload["spec"]["template"]["spec"].get("securityContext", {})
    return found


@pytest.mark.parametrize(
    ("source", "overridable", "strict", "expected"),
    [
        ("Custom", (), True, "Strict"),
        ("IdPToken", (), True, "Strict"),
        ("Image", (), True, None),
        ("Custom", ("User",), True, None),
        ("Custom", (), False, None),
    ],
)
def test_no_groups_of_the_image(source: str, overridable: tuple[str, ...], strict: bool, expected: str | None) -> None:
    """Where ids are guarded, the runtime adds no groups of the image; a setting turns that off."""
    first, second = outcome(environment(source, *overridable), asked(), strict=strict)

    assert second.workload is not None, second.refusal
    assert expected == context(first).get("supplementalGroupsPolicy")


@pytest.mark.parametrize("source", ["Custom", "IdPToken"])
def test_merge_is_an_override(source: str) -> None:
    """A submitter who wants the groups of the image overrides the ids; who wants none of them does not."""
    _, merged = outcome(environment(source), asked(supplementalGroupsPolicy="Merge"))
    _, strict = outcome(environment(source), asked(supplementalGroupsPolicy="Strict"))

    assert 'securityContext.supplementalGroupsPolicy: "Merge" overrides "Strict" from Environment "e"' in merged.refusal
    assert strict.workload is not None, strict.refusal


def test_what_is_stored_without_it_stays() -> None:
    """A workload from before, without the policy, is changed as ever."""
    stored = outcome(environment("Custom"), asked(), strict=False)[0].workload
    assert stored is not None
    changed = copy.deepcopy(stored)
    changed["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "1"}]
    first = admit(KIND, changed, stored, around())
    assert first.workload is not None, first.refusal

    assert approve(KIND, first.workload, stored, around()).workload is not None
    assert "supplementalGroupsPolicy" not in context(first)


@pytest.mark.parametrize(
    ("source", "group", "passes"),
    [
        ("Custom", 100, True),
        ("Custom", 5, True),
        ("Custom", 6, True),
        ("Custom", 7, False),
        ("Custom", 0, False),
        ("IdPToken", 200, True),
        ("IdPToken", 6, True),
        ("IdPToken", 2001, False),
        ("Image", 100, False),
    ],
)
def test_group_of_the_volumes(source: str, group: int, passes: bool) -> None:
    """A group that the process has anyway may be that of its volumes, for every source that says which it has."""
    _, second = outcome(environment(source), asked(fsGroup=group))

    assert passes == (second.workload is not None), second.refusal


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("given", [{"fsGroup": 7}, {"runAsUser": 7}, {"supplementalGroupsPolicy": "Merge"}])
def test_way_out_is_open(source: str, given: Object) -> None:
    """The way out that a refusal of ids prints is one that the schema takes."""
    _, second = outcome(environment(source), asked(**given))
    found = re.search(r"use an Environment with user.source (\w+) and (\w+) in spec.overridable", second.refusal)
    assert found is not None, second.refusal

    EnvironmentSpec.model_validate(spec(user={"source": found[1]}, overridable=[found[2]]))


@pytest.mark.parametrize("field", ["Image", "Command", "Args", "WorkingDir", "Env", "Security"])
def test_other_ways_out_are_open(field: str) -> None:
    """Each field that a refusal names may be overridable in any Environment."""
    fields: Object = {
        "command": ["a"], "args": ["b"], "workingDir": "/c", "env": [{"name": "A", "value": "1"}],
        "security": {"runAsNonRoot": True}, "overridable": [],
    }  # fmt: skip
    given = {
        "Image": {"image": "mine:1"}, "Command": {"command": ["x"]}, "Args": {"args": ["x"]},
        "WorkingDir": {"workingDir": "/x"}, "Env": {"env": [{"name": "A", "value": "x"}]},
        "Security": {"securityContext": {"privileged": True}},
    }  # fmt: skip
    new = asked()
    new["spec"]["template"]["spec"]["containers"][0].update(given[field])
    known = published("e", **fields)
    _, second = outcome(known, new)
    found = re.search(r"use an Environment with (\w+) in spec.overridable", second.refusal)
    assert found is not None, second.refusal

    EnvironmentSpec.model_validate(spec(overridable=[found[1]]))
