"""A value of another kind later, and what was put there by default."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import KINDS, around, published, workload
from environment_operator.injection.mutate import admit
from environment_operator.kinds.paths import KEYED, get
from third_party import containers, row_of, user

Object = dict[str, Any]
KIND = KINDS["deployments.apps"]
MAIN = ("spec", "template", "spec", "containers", "main")
SECRET = {"secretKeyRef": {"name": "mine", "key": "token"}}
CONFIG = {"configMapKeyRef": {"name": "theirs", "key": "token"}}
NUMBERS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
LOCALHOST = {"type": "Localhost", "localhostProfile": "a.json"}
HTTP = {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}}


def merged(node: Any, change: Any, field: str = "") -> Any:
    """Return what a strategic merge patch, or a server-side apply, makes of what is stored."""
    if isinstance(node, dict) and isinstance(change, dict):
        return {
            key: merged(node.get(key), change[key], key) if key in change else node[key] for key in {**node, **change}
        }
    if isinstance(node, list) and field in KEYED:
        known = {KEYED[field](item): item for item in change}
        kept = [merged(item, known.pop(KEYED[field](item), item)) for item in node]
        return [*kept, *known.values()]
    return copy.deepcopy(change)


def wanted(**fields: Any) -> Object:
    """Return a Deployment whose main container, and below ``spec`` whose pods, have some fields."""
    made = workload("Deployment", "w", "team", "e")
    made["spec"]["template"]["spec"].update(fields.pop("spec", {}))
    get(made, MAIN).update(copy.deepcopy(fields))
    return made


def later(known: Any, change: Object) -> tuple[Object, Object]:
    """Return what is stored when a change comes later, and when it was there from the beginning."""
    stored = admit(KIND, wanted(), None, around(known)).workload
    assert stored is not None
    changed = admit(KIND, merged(stored, change), stored, around())
    assert changed.workload is not None, changed.refusal
    first = admit(KIND, change, None, around(known)).workload
    assert first is not None
    return changed.workload, first


CASES: dict[str, tuple[Object, Object, tuple[str, ...]]] = {
    "a secret for a value": (
        {"env": [{"name": "T", "value": "nothing"}]}, {"env": [{"name": "T", "valueFrom": SECRET}]}, ("env", "T"),
    ),
    "a value for a secret": (
        {"env": [{"name": "T", "valueFrom": SECRET}]}, {"env": [{"name": "T", "value": "mine"}]}, ("env", "T"),
    ),
    "another source": (
        {"env": [{"name": "T", "valueFrom": CONFIG}]}, {"env": [{"name": "T", "valueFrom": SECRET}]}, ("env", "T"),
    ),
    "a source that no Environment has": (
        {"env": [{"name": "T", "valueFrom": CONFIG}]},
        {"env": [{"name": "T", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]}, ("env", "T"),
    ),
    "another handler": (
        {"readinessProbe": {"httpGet": {"port": 80}}},
        {"readinessProbe": {"tcpSocket": {"port": 90}, **NUMBERS}}, ("readinessProbe",),
    ),
    "a command for a request": (
        {"readinessProbe": {"grpc": {"port": 80}}},
        {"readinessProbe": {"exec": {"command": ["true"]}, **NUMBERS}}, ("readinessProbe",),
    ),
    "another profile": (
        {"security": {"seccompProfile": LOCALHOST}, "overridable": ["Security"]},
        {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}, ("securityContext", "seccompProfile"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_another_member_later(case: tuple[Object, Object, tuple[str, ...]]) -> None:
    """What is given in another way later is the submitter's alone, as it would be from the beginning."""
    fields, change, place = case
    changed, first = later(published("e", **fields), wanted(**change))

    assert get(wanted(**change), (*MAIN, *place)) == get(changed, (*MAIN, *place))
    assert get(first, (*MAIN, *place)) == get(changed, (*MAIN, *place))


def test_another_volume_later() -> None:
    """A claim by the name of the home's volume takes its place."""
    volume = {"name": "environment-home", "persistentVolumeClaim": {"claimName": "mine"}}
    changed, _ = later(published("e", createHomeDir=True), wanted(spec={"volumes": [volume]}))

    assert [volume] == changed["spec"]["template"]["spec"]["volumes"]


@pytest.mark.parametrize("given", [{"value": "x", "valueFrom": SECRET}, {"valueFrom": {**SECRET, **CONFIG}}])
def test_two_members_of_the_submitters(given: Object) -> None:
    """Of two members that the submitter gives both none goes: the API server says what is wrong with them."""
    known = published("e", env=[{"name": "T", "value": "nothing"}])
    stored = admit(KIND, wanted(), None, around(known)).workload
    assert stored is not None
    changed = copy.deepcopy(stored)
    get(changed, (*MAIN, "env"))[0] = {"name": "T", **given}
    outcome = admit(KIND, changed, stored, around())
    assert outcome.workload is not None

    assert {"name": "T", **given} == get(outcome.workload, (*MAIN, "env", "T"))


GIVEN: list[Object] = [{"value": "1"}, {"value": "2"}, {"valueFrom": SECRET}, {"valueFrom": CONFIG}]
VARIABLES = [{"name": name, **way} for name in ("A", "B") for way in GIVEN]
ENV = st.lists(st.sampled_from(VARIABLES), unique_by=lambda variable: variable["name"])
PROBES = st.sampled_from(
    [HTTP, {"tcpSocket": {"port": 80}}, {"exec": {"command": ["true"]}}, {"grpc": {"port": 1, "service": "ready"}}]
)


@settings(max_examples=100, deadline=None)
@given(ENV, ENV, PROBES, PROBES)
def test_order_makes_no_difference(
    theirs: list[Object], mine: list[Object], their_probe: Object, my_probe: Object
) -> None:
    """Whichever way an Environment and a submitter give a value, it is the same later as from the beginning."""
    known = published("e", env=theirs, readinessProbe=their_probe)
    changed, first = later(known, wanted(env=mine, readinessProbe={**my_probe, **NUMBERS}))

    by_name = [{v["name"]: v for v in get(one, (*MAIN, "env")) or ()} for one in (first, changed)]
    assert by_name[0] == by_name[1]
    assert get(first, (*MAIN, "readinessProbe")) == get(changed, (*MAIN, "readinessProbe"))


@pytest.mark.parametrize(
    ("default", "field", "expected"),
    [
        ({"readinessProbe": {"tcpSocket": {"port": 0}, "successThreshold": 1}}, "readinessProbe", {**HTTP, **NUMBERS}),
        ({}, "readinessProbe", {**HTTP, **NUMBERS}),
        ({"readinessProbe": {"tcpSocket": {"port": 9}}}, "readinessProbe", {"tcpSocket": {"port": 9}}),
        ({"securityContext": {"runAsNonRoot": True}}, "securityContext", {"runAsNonRoot": False}),
        (
            {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}, "runAsNonRoot": True}},
            "securityContext",
            {"seccompProfile": {"type": "RuntimeDefault"}, "runAsNonRoot": False},
        ),
    ],
)
def test_default_of_the_webhook_of_a_kind(default: Object, field: str, expected: Object) -> None:
    """What Knative's webhook puts there by itself does not keep the Environment out when the label comes later."""
    kind, new = row_of("knative-service"), user("knative-service", "w", "team", "e")
    containers("knative-service", new)[0].update({"image": "env:1", **default})
    before = copy.deepcopy(new)
    del before["metadata"]["labels"]
    known = published(
        "e", image="env:1", workloadTypes=["Inference"], endpoint={"port": 8080, "protocol": "HTTP"},
        readinessProbe={"httpGet": {"port": 80}}, security={"runAsNonRoot": False}, overridable=["Security"],
    )  # fmt: skip
    outcome = admit(kind, new, before, around(known))
    assert outcome.workload is not None, outcome.refusal

    assert expected == containers("knative-service", outcome.workload)[0][field]
