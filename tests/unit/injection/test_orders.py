"""Kinds with fields outside their pod templates for what the containers do: their change changes what runs."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from builders import around, published
from environment_operator.api import names
from environment_operator.injection.context import Outcome
from environment_operator.injection.identity import Ids
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.paths import get
from environment_operator.kinds.table import Kind
from environment_operator.kinds.third_party import ROWS
from samples import sample

Object = dict[str, Any]
ALICE, BOB, NOBODY = Ids(1000), Ids(2000), Ids()
KINDS = {row.kind: row for row in ROWS}


def submit(kind: Kind, new: Object, old: Object | None, user: str, own: Ids, **more: Any) -> Outcome:
    """Send a request through both webhooks, with more fields of the Environment."""
    distributed = (
        {"architecture": "Distributed", "framework": "Any"} if kind.framework else {"architecture": "Standard"}
    )
    fields: dict[str, Any] = {**distributed, "workloadTypes": ["Training"]}
    if "Inference" in kind.types:
        fields |= {"workloadTypes": ["Inference"], "endpoint": {"port": 8000, "protocol": "HTTP"}}
    known = around(published(user={"source": "IdPToken"}, **{**fields, **more}), user=user, ids=own)
    filled = admit(kind, copy.deepcopy(new), old, known)
    return filled if filled.workload is None else approve(kind, filled.workload, old, known)


def of_alice(word: str, **more: Any) -> tuple[Kind, Object]:
    """Return a workload as Alice has created it, with more fields of the Environment."""
    item = sample(word, "w", "p")
    item["metadata"]["labels"] = {names.REFERENCE: "e"}
    made = submit(KINDS[item["kind"]], item, None, "alice", ALICE, **more)
    assert made.workload is not None, made.refusal
    return KINDS[item["kind"]], made.workload


def uids(item: Any) -> set[int]:
    """Return the user ids that stand anywhere in an object."""
    if isinstance(item, dict):
        return {value for key, value in item.items() if key == "runAsUser"}.union(*map(uids, item.values()))
    return set().union(*map(uids, item)) if isinstance(item, list) else set()


ORDERS: list[tuple[str, Callable[[Object], object]]] = [
    ("rayjob", lambda spec: spec.update(entrypoint="python theirs.py")),
    ("raycluster", lambda spec: spec.update(historyServerOptions={"collectorOptions": {"image": "theirs"}})),
    ("rayservice", lambda spec: spec.update(serveConfigV2="applications: [theirs]")),
    ("workflow", lambda spec: spec.update(arguments={"parameters": [{"name": "code", "value": "theirs"}]})),
    ("workflow", lambda spec: spec["templates"][0]["steps"].pop(0)),
    ("cronworkflow", lambda spec: spec["workflowSpec"].update(entrypoint="train")),
]


@pytest.mark.parametrize(("word", "change"), ORDERS)
def test_orders_of_somebody_else(word: str, change: Callable[[Object], object]) -> None:
    """Who changes the orders has them carried out with his own ids, and without any he is refused."""
    kind, stored = of_alice(word)
    changed = copy.deepcopy(stored)
    change(changed["spec"])
    bobs = submit(kind, changed, stored, "bob", BOB)

    assert {1000} == uids(stored)
    assert bobs.workload is not None, bobs.refusal
    assert {2000} == uids(bobs.workload)
    assert 'The pods run with the ids of "alice"' in submit(kind, changed, stored, "pipeline", NOBODY).refusal


@pytest.mark.parametrize(("word", "_change"), ORDERS)
def test_applied_again(word: str, _change: object) -> None:
    """The same manifest again, without what was injected, orders nothing new: a pipeline may apply it."""
    kind, stored = of_alice(word)
    plain = sample(word, "w", "p")
    plain["metadata"]["labels"] = {names.REFERENCE: "e"}
    again = submit(kind, plain, stored, "pipeline", NOBODY)

    assert again.workload is not None, again.refusal
    assert {1000} == uids(again.workload)


@pytest.mark.parametrize(
    ("word", "at"), [("raycluster", ()), ("rayjob", ("rayClusterSpec",)), ("rayservice", ("rayClusterConfig",))]
)
def test_scaler_of_somebody_else(word: str, at: tuple[str, ...]) -> None:
    """Who changes what the autoscaler runs has his own ids in the head, where it is; how it scales is no order."""
    kind, stored = of_alice(word)
    changed, scaled = copy.deepcopy(stored), copy.deepcopy(stored)
    get(changed, ("spec", *at))["autoscalerOptions"] = {"command": ["theirs"]}
    get(scaled, ("spec", *at))["autoscalerOptions"] = {"idleTimeoutSeconds": 60, "resources": {}}
    bobs = submit(kind, changed, stored, "bob", BOB)

    assert bobs.workload is not None, bobs.refusal
    assert {2000} == uids(get(bobs.workload, ("spec", *at, "headGroupSpec")))
    assert 'The pods run with the ids of "alice"' in submit(kind, changed, stored, "pipeline", NOBODY).refusal
    assert "" == submit(kind, scaled, stored, "pipeline", NOBODY).refusal
