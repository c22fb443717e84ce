"""Ids from claims, and whose ids a workload's pods have."""

import copy
import json
from typing import Any

import pytest

from builders import KINDS, around, published, workload
from environment_operator.api import names
from environment_operator.injection import record
from environment_operator.injection.context import Outcome
from environment_operator.injection.identity import Ids, Keys, ids
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.paths import get, put
from environment_operator.kinds.pod_templates import places
from environment_operator.kinds.table import Kind
from environment_operator.kinds.third_party import ROWS

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


NO_IDS = ["alice", "-1", "+1", "1.5", "2e+06", "1_000", "0x10", "010", "2147483648", "9" * 5000, "٣", "1 2"]


@pytest.mark.parametrize("value", [*([word] for word in NO_IDS), ["1", "2"], ["1,2"]])
def test_claim_that_is_no_id(value: list[str]) -> None:
    """A claim that holds no id gives none, and words that name it and show what it holds, in short."""
    found = ids({KEYS.uid: value, KEYS.gid: ["100"]}, KEYS)

    assert (None, None, False) == (found.uid, found.gid, bool(found))
    assert KEYS.uid in found.problem
    assert len(found.problem) < 150


@pytest.mark.parametrize("number", ["0", "2147483647"])
def test_least_and_greatest(number: str) -> None:
    """The ids that Linux and Kubernetes have are taken, the least and the greatest, and 0 is not none."""
    found = ids({KEYS.uid: [number]}, KEYS)

    assert (int(number), True) == (found.uid, bool(found))


def submit(kind: str, new: Object, old: Object | None, user: str, own: Ids) -> Outcome:
    """Return what becomes of a request of a person."""
    return admit(KINDS[kind], new, old, around(PERSONAL, user=user, ids=own))


def context(outcome: Outcome) -> Object:
    """Return the ids of the pods, to which no groups of the image are added."""
    assert outcome.workload is not None, outcome.refusal
    found: Object = dict(outcome.workload["spec"]["template"]["spec"].get("securityContext", {}))
    assert ("Strict" if found else None) == found.pop("supplementalGroupsPolicy", None)
    return found


DEPLOYMENT = workload("Deployment", "d", "team", "e")


def test_ids_of_the_submitter() -> None:
    """Pods made later have the submitter's ids, since the template has them."""
    assert ALICE.security_context() == context(submit("deployments.apps", DEPLOYMENT, None, "alice", ALICE))
    assert {"runAsUser": 2000} == context(submit("deployments.apps", DEPLOYMENT, None, "bob", BOB))


def test_no_ids() -> None:
    """A controller or a pipeline has none, and the refusal names what to do instead."""
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


def scaled(stored: Object) -> Object:
    """Return a workload with other replicas."""
    return {**stored, "spec": {**stored["spec"], "replicas": 9}}


def test_nobody_runs_as_somebody_else() -> None:
    """Whoever changes what runs gives it his own ids; without any, only the recorded submitter may."""
    stored = submit("deployments.apps", DEPLOYMENT, None, "alice", ALICE).workload
    assert stored is not None
    other = changed(stored, args=["evil"])
    by_bob = submit("deployments.apps", other, stored, "bob", BOB)

    assert {"runAsUser": 2000} == context(by_bob)
    assert 'as "alice"' in submit("deployments.apps", other, stored, "pipeline", NOBODY).refusal
    assert ALICE.security_context() == context(submit("deployments.apps", other, stored, "alice", NOBODY))
    assert by_bob.workload is not None
    assert ALICE.security_context() == context(submit("deployments.apps", stored, by_bob.workload, "alice", ALICE))


def test_what_does_not_run_keeps_them() -> None:
    """A change of scale or metadata keeps the ids, whoever makes it."""
    stored = submit("deployments.apps", DEPLOYMENT, None, "alice", ALICE).workload
    assert stored is not None
    more = scaled(stored)
    assert more == submit("deployments.apps", more, stored, "bob", BOB).workload


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
        assert "does not allow User to be overridden" in approve(KINDS["deployments.apps"], stored, None, given).refusal


# What else a person may try. B changes what A submitted: he never runs anything as A, and A never loses what runs.

TABLE = {**KINDS, **{row.name: row for row in ROWS}}
CAROL = Ids(3000, 300)
BROKEN = Ids(problem="environments.dev/uid holds 'x', which is not an id")
CUSTOM = published("custom", user={"source": "Custom", "uid": 7})
DISTRIBUTED = published("d", architecture="Distributed", framework="Ray", user={"source": "IdPToken"})
SERVING = published(
    "s", workloadTypes=["Inference"], endpoint={"port": 80, "protocol": "HTTP"}, user={"source": "IdPToken"}
)


def asked(kind: str, new: Object, old: Object | None, user: str, own: Ids) -> Outcome:
    """Return what becomes of a request of a person in the end, the last word of admission included."""
    given = around(PERSONAL, DISTRIBUTED, SERVING, CUSTOM, user=user, ids=own)
    made = admit(TABLE[kind], new, old, given)
    if made.workload is None:
        return made
    last = approve(TABLE[kind], made.workload, old, given)
    return made if last.workload is not None else last


def stored(kind: str, item: Object, user: str = "alice", own: Ids = ALICE) -> Object:
    """Return a workload as a person has submitted it."""
    made = asked(kind, item, None, user, own)
    assert made.workload is not None, made.refusal
    return made.workload


def of(kind: str, api: str, reference: str, spec: Object) -> Object:
    """Return a custom workload."""
    meta = {"name": "x", "namespace": "team", "labels": {names.REFERENCE: reference}}
    return {"apiVersion": api, "kind": kind, "metadata": meta, "spec": copy.deepcopy(spec)}


def runs_as(kind: Kind, item: Object) -> dict[str, set[int]]:
    """Return the user ids in each pod template, of the pod and of all its containers."""
    found: dict[str, set[int]] = {}
    for place in places(kind, item, every=True):
        spec = place.template(item)["spec"]
        inner = [*spec.get("containers", ()), *(spec[key] for key in place.row.inline if key in spec)]
        contexts = [(node.get("securityContext") or {}) for node in (spec, *inner)]
        found[place.key] = {context["runAsUser"] for context in contexts if "runAsUser" in context}
    return found


MAIN: Object = {"name": "main"}
RAY = {
    "headGroupSpec": {"template": {"spec": {"containers": [MAIN]}}},
    "workerGroupSpecs": [{"groupName": "a", "template": {"spec": {"containers": [MAIN]}}}],
}
INFERENCE = {"predictor": {"model": {"modelFormat": {"name": "x"}, "storageUri": "s3://alice"}}}


def test_a_broken_claim_matters_to_who_needs_it() -> None:
    """A claim that is no id stops nobody who needs no ids, and says which claim to who does."""
    custom = {**DEPLOYMENT, "metadata": {**DEPLOYMENT["metadata"], "labels": {names.REFERENCE: "custom"}}}

    assert "" == asked("deployments.apps", custom, None, "eve", BROKEN).refusal
    assert "environments.dev/uid holds 'x'" in asked("deployments.apps", DEPLOYMENT, None, "eve", BROKEN).refusal
    mine = stored("deployments.apps", DEPLOYMENT)
    assert "holds 'x'" in asked("deployments.apps", changed(mine, args=["new"]), mine, "alice", BROKEN).refusal
    assert "" == asked("deployments.apps", scaled(mine), mine, "eve", BROKEN).refusal


def test_ids_on_a_container_go_too() -> None:
    """Who leaves the ids of somebody else on a container is refused, though they are stored there."""
    new = changed(DEPLOYMENT, securityContext={"runAsUser": ALICE.uid})
    mine = stored("deployments.apps", new)
    by_bob = asked("deployments.apps", changed(mine, args=["evil"]), mine, "bob", BOB)
    by_alice = asked("deployments.apps", changed(mine, args=["good"]), mine, "alice", ALICE)

    assert "containers[0].securityContext.runAsUser: 1000" in by_bob.refusal
    assert "" == by_alice.refusal
    assert "" == asked("deployments.apps", scaled(mine), mine, "bob", BOB).refusal


def test_main_container_outside_the_list() -> None:
    """What runs is also what stands in a main container of its own place, such as the model of KServe."""
    kind = "inferenceservices.serving.kserve.io"
    mine = stored(kind, of("InferenceService", "serving.kserve.io/v1beta1", "s", INFERENCE))
    other = copy.deepcopy(mine)
    other["spec"]["predictor"]["model"]["storageUri"] = "s3://bob"
    by_bob = asked(kind, other, mine, "bob", BOB).workload
    assert by_bob is not None

    assert {"spec/predictor": {1000}} == runs_as(TABLE[kind], mine)
    assert {"spec/predictor": {2000}} == runs_as(TABLE[kind], by_bob)


def test_template_without_a_place_any_more() -> None:
    """A pod template that is made into one that is left alone does not keep the ids."""
    kind = "inferenceservices.serving.kserve.io"
    both = {**INFERENCE, "transformer": {"containers": [MAIN]}}
    mine = stored(kind, of("InferenceService", "serving.kserve.io/v1beta1", "s", both))
    other = copy.deepcopy(mine)
    other["spec"]["predictor"]["unheardOf"] = {"storageUri": "s3://bob"}
    del other["spec"]["predictor"]["model"]
    by_bob = asked(kind, other, mine, "bob", BOB).workload
    assert by_bob is not None

    assert {"spec/predictor": {1000}, "spec/transformer": {1000}} == runs_as(TABLE[kind], mine)
    assert {"spec/predictor": set(), "spec/transformer": {1000}} == runs_as(TABLE[kind], by_bob)
    assert {"spec/transformer"} == set(record.entries(by_bob))


@pytest.mark.parametrize(("own", "expected"), [(BOB, 2000), (NOBODY, 'as "alice"')])
def test_further_pod_template(own: Ids, expected: int | str) -> None:
    """A pod template that somebody adds to a workload of several has his ids, not those of its siblings."""
    kind = "rayclusters.ray.io"
    mine = stored(kind, of("RayCluster", "ray.io/v1", "d", RAY))
    other = copy.deepcopy(mine)
    other["spec"]["workerGroupSpecs"].append({"groupName": "evil", "template": {"spec": {"containers": [MAIN]}}})
    by_bob = asked(kind, other, mine, "bob", own)

    if isinstance(expected, str):
        assert expected in by_bob.refusal
        return
    assert by_bob.workload is not None, by_bob.refusal
    assert [{1000}, {1000}, {expected}] == list(runs_as(TABLE[kind], by_bob.workload).values())


def test_renamed_pod_template() -> None:
    """Who gives a pod template another name with the ids of somebody else in it is refused, the submitter is not."""
    kind = "rayclusters.ray.io"
    mine = stored(kind, of("RayCluster", "ray.io/v1", "d", RAY))
    other = copy.deepcopy(mine)
    other["spec"]["workerGroupSpecs"][0]["groupName"] = "b"

    assert "does not allow User to be overridden" in asked(kind, other, mine, "bob", BOB).refusal
    assert "" == asked(kind, other, mine, "alice", ALICE).refusal
    assert "" == asked(kind, other, mine, "alice", NOBODY).refusal


def test_kind_that_takes_ids_on_the_container() -> None:
    """Where a kind has no place for the ids of a pod, those of the container become the changer's."""
    kind = "services.serving.knative.dev"
    service = of("Service", "serving.knative.dev/v1", "s", {"template": {"spec": {"containers": [MAIN]}}})
    mine = stored(kind, service, "carol", CAROL)
    by_bob = asked(kind, changed(mine, args=["evil"]), mine, "bob", BOB).workload
    assert by_bob is not None

    assert {"runAsUser": 3000, "runAsGroup": 300} == get(
        mine, ("spec", "template", "spec", "containers", "main", "securityContext")
    )
    assert {"runAsUser": 2000} == get(by_bob, ("spec", "template", "spec", "containers", "main", "securityContext"))
    assert "securityContext" not in by_bob["spec"]["template"]["spec"]
    assert "has no field" in asked(kind, changed(mine, args=["x"]), mine, "alice", ALICE).refusal


def undone_to(revision: Object, current: Object) -> Object:
    """Return a workload with the pod template of an old revision, as ``kubectl rollout undo`` sends it."""
    return {**current, "spec": {**current["spec"], "template": copy.deepcopy(revision["spec"]["template"])}}


@pytest.mark.parametrize("undoer", [("bob", BOB), ("carol", CAROL), ("alice", ALICE)])
def test_undone(undoer: tuple[str, Ids]) -> None:
    """Who brings back an old revision runs it with his own ids, whoever's it was."""
    name, own = undoer
    first = stored("deployments.apps", changed(DEPLOYMENT, args=["first"]))
    second = asked("deployments.apps", changed(first, args=["second"]), first, "bob", Ids(2000, 200, (9,))).workload
    assert second is not None
    third = asked("deployments.apps", changed(second, args=["third"]), second, "dave", Ids(4000, 400, (8,))).workload
    assert third is not None
    back = asked("deployments.apps", undone_to(second, third), third, name, own)

    assert own.security_context() == context(back)
    assert back.workload is not None
    assert ["second"] == back.workload["spec"]["template"]["spec"]["containers"][0]["args"]


def planted(item: Object) -> Object:
    """Return a workload whose pod template has a record that would have others run something else."""
    entry = record.entries(item)["spec/template"].as_json()
    args = ["spec", "containers", "main", "args"]
    entry |= {"put": [args], "was": [[args, ["evil"]]]}
    out = copy.deepcopy(item)
    put(out, ("spec", "template", "metadata", "annotations", names.RECORD), json.dumps(entry))
    return out


def test_planted_record() -> None:
    """A record that somebody writes onto a pod template changes nothing of what the next person runs."""
    mine = stored("deployments.apps", changed(DEPLOYMENT, args=["good"]))
    by_bob = planted(mine)
    by_alice = asked("deployments.apps", changed(by_bob, env=[{"name": "A", "value": "1"}]), by_bob, "alice", ALICE)

    assert by_alice.workload is not None, by_alice.refusal
    assert ["good"] == by_alice.workload["spec"]["template"]["spec"]["containers"][0]["args"]
    restored = asked("deployments.apps", by_bob, mine, "bob", BOB)
    assert restored.workload is not None
    assert BOB.security_context() == context(restored)


def test_submitter_in_the_record_stays() -> None:
    """Who writes himself into the record as the submitter is not."""
    mine = stored("deployments.apps", DEPLOYMENT)
    forged = copy.deepcopy(mine)
    forged["metadata"]["annotations"][names.RECORD] = mine["metadata"]["annotations"][names.RECORD].replace(
        '"by":"alice"', '"by":"pipeline"'
    )

    assert mine == asked("deployments.apps", forged, mine, "pipeline", NOBODY).workload
    assert 'as "alice"' in asked("deployments.apps", changed(forged, args=["x"]), mine, "pipeline", NOBODY).refusal


@pytest.mark.parametrize("kind", ["deployments.apps", "cronjobs.batch", "statefulsets.apps"])
def test_refreshed_or_switched_by_another(kind: str) -> None:
    """Another Environment, or today's, comes with the ids of who asks for it, and with none for who has none."""
    mine = stored(kind, workload(KINDS[kind].kind, "w", "team", "e"))
    fresh, switched = copy.deepcopy(mine), copy.deepcopy(mine)
    fresh["metadata"]["annotations"][names.REFRESH] = "now"
    switched["metadata"]["labels"][names.REFERENCE] = "custom"
    made, other = (asked(kind, item, mine, "bob", BOB).workload for item in (fresh, switched))
    assert made is not None
    assert other is not None

    assert [{2000}] == list(runs_as(TABLE[kind], made).values())
    assert [{7}] == list(runs_as(TABLE[kind], other).values())
    assert "user.source Custom" in asked(kind, fresh, mine, "pipeline", NOBODY).refusal
    freed = {**mine, "metadata": {**mine["metadata"], "labels": {}}}
    without = asked(kind, freed, mine, "pipeline", NOBODY).workload
    assert without is not None
    assert [set()] == list(runs_as(TABLE[kind], without).values())
