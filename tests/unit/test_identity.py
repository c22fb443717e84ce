"""Ids from claims, and whose ids a workload's pods have."""

import copy
from typing import Any

import pytest

from builders import KINDS, around, published, workload
from environment_operator.approval import approve
from environment_operator.identity import BadClaim, Ids, Keys, ids
from environment_operator.inject import Outcome, admit

KEYS = Keys()
ALICE, BOB, NOBODY = Ids(1000, 100, (5, 6)), Ids(2000), Ids()
PERSONAL = published(user={"source": "IdPToken"})
Object = dict[str, Any]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, NOBODY),
        ({KEYS.uid: ["1000"], KEYS.gid: ["100"], KEYS.groups: ["5", "6"]}, ALICE),
        ({KEYS.uid: ["1000"], KEYS.gid: ["100"], KEYS.groups: ["5, 6,5"]}, ALICE),
        ({KEYS.uid: ["2000"]}, BOB),
        ({KEYS.uid: [""], KEYS.groups: []}, NOBODY),
        ({"other": ["1"]}, NOBODY),
    ],
)
def test_claims(extra: dict[str, list[str]], expected: Ids) -> None:
    """Claims come as strings or lists; partial claims give partial ids."""
    assert expected == ids(extra, KEYS)


@pytest.mark.parametrize("value", [["alice"], ["-1"], ["1.5"], ["2147483648"], ["1", "2"], ["٣"]])
def test_bad_claims(value: list[str]) -> None:
    """A claim that holds no id is an error that names it."""
    with pytest.raises(BadClaim, match=KEYS.uid):
        ids({KEYS.uid: value}, KEYS)


def submit(kind: str, new: Object, old: Object | None, user: str, own: Ids) -> Outcome:
    """Return what becomes of a request of a person."""
    return admit(KINDS[kind], new, old, around(PERSONAL, user=user, ids=own))


def context(outcome: Outcome) -> Object:
    """Return the security context of the pods."""
    assert outcome.workload is not None, outcome.refusal
    found: Object = outcome.workload["spec"]["template"]["spec"].get("securityContext", {})
    return found


DEPLOYMENT = workload("Deployment", "d", "team", "e")


def test_ids_of_the_submitter() -> None:
    """Pods made later have the submitter's ids, since the template has them."""
    assert ALICE.security_context() == context(submit("deployments.apps", DEPLOYMENT, None, "alice", ALICE))
    assert {"runAsUser": 2000} == context(submit("deployments.apps", DEPLOYMENT, None, "bob", BOB))


def test_no_ids() -> None:
    """A controller or a pipeline has none, and is told what to do instead."""
    refusal = submit("deployments.apps", DEPLOYMENT, None, "system:serviceaccount:argocd:server", NOBODY).refusal
    assert "user.source Custom" in refusal
    assert "argocd" in refusal


def test_template_has_none() -> None:
    """A template never receives ids."""
    outcome = submit("podtemplates", workload("PodTemplate", "t", "team", "e"), None, "alice", ALICE)
    assert outcome.workload is not None
    assert "securityContext" not in outcome.workload["template"]["spec"]


def changed(stored: Object, **container: Any) -> Object:
    """Return a workload that runs something else."""
    out = copy.deepcopy(stored)
    out["spec"]["template"]["spec"]["containers"][0] |= container
    return out


def test_nobody_runs_as_somebody_else() -> None:
    """Whoever changes what runs gives it his own ids; without any, only the recorded submitter may."""
    stored = submit("deployments.apps", DEPLOYMENT, None, "alice", ALICE).workload
    assert stored is not None
    other = changed(stored, args=["evil"])
    by_bob = submit("deployments.apps", other, stored, "bob", BOB)

    assert {"runAsUser": 2000} == context(by_bob)
    assert "'alice'" in submit("deployments.apps", other, stored, "pipeline", NOBODY).refusal
    assert ALICE.security_context() == context(submit("deployments.apps", other, stored, "alice", NOBODY))
    assert by_bob.workload is not None
    assert ALICE.security_context() == context(submit("deployments.apps", stored, by_bob.workload, "alice", ALICE))


def test_what_does_not_run_keeps_them() -> None:
    """A change of scale or metadata keeps the ids, whoever makes it."""
    stored = submit("deployments.apps", DEPLOYMENT, None, "alice", ALICE).workload
    assert stored is not None
    scaled = {**stored, "spec": {**stored["spec"], "replicas": 9}}
    assert scaled == submit("deployments.apps", scaled, stored, "bob", BOB).workload


def test_a_copy_has_the_ids_of_whoever_copies() -> None:
    """Copying annotations, labels and ids of an admitted workload gives nobody its ids."""
    stored = submit("deployments.apps", DEPLOYMENT, None, "alice", ALICE).workload
    assert stored is not None
    assert {"runAsUser": 2000} == context(submit("deployments.apps", stored, None, "bob", BOB))


def test_ids_cannot_be_set() -> None:
    """Other ids than one's own are refused in the end, on the pod and on a container."""
    for place in (
        {"securityContext": {"runAsUser": 0}},
        {"containers": [{"name": "main", "securityContext": {"runAsUser": 0}}]},
    ):
        new = copy.deepcopy(DEPLOYMENT)
        new["spec"]["template"]["spec"] |= place
        given = around(PERSONAL, user="bob", ids=BOB)
        stored = admit(KINDS["deployments.apps"], new, None, given).workload
        assert stored is not None
        assert "guards User" in approve(KINDS["deployments.apps"], stored, None, given).refusal
