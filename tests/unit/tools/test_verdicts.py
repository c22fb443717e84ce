"""What is read of the status of a route, and what people read about it."""

from typing import Any

import pytest

from environment_operator.api import names
from environment_operator.kube.objects import WholeItem
from environment_operator.tools.addresses import Address, Tools
from environment_operator.tools.index import Ledger
from environment_operator.tools.verdicts import refusal, route_refused, routes_refused

A, B, C = (f"jobs.batch/team/{name}" for name in "abc")
TOOLS = Tools(env="e", token="t", tools={"lab": Address(type="ExternalURL", port=1)}).text()


def condition(kind: str, status: str, generation: int = 2, **fields: str) -> dict[str, Any]:
    """Return a condition of a route."""
    said = {"reason": "NotAllowedByListeners", "message": "No listeners."}
    return {"type": kind, "status": status, "observedGeneration": generation, **said, **fields}


def status(*conditions: dict[str, Any]) -> dict[str, Any]:
    """Return the status of a route with one Gateway."""
    return {"parents": [{"parentRef": {"name": "shared"}, "conditions": list(conditions)}]}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, ""),
        ("Failure", ""),
        ({}, ""),
        ({"parents": None}, ""),
        (status(condition("Accepted", "True"), condition("ResolvedRefs", "True")), ""),
        (status(condition("Accepted", "False")), "NotAllowedByListeners: No listeners."),
        (status(condition("Accepted", "Unknown")), ""),
        (status(condition("Accepted", "False", generation=1)), ""),
        (
            status(condition("Accepted", "True"), condition("ResolvedRefs", "False", message="")),
            "NotAllowedByListeners",
        ),
        (status(condition("PartiallyInvalid", "True", reason="Conflict")), "Conflict: No listeners."),
        (status(condition("PartiallyInvalid", "False")), ""),
        (status(condition("Programmed", "False")), ""),
    ],
)
def test_refusal(found: object, expected: str) -> None:
    """A route is refused where a Gateway reports that of it as it is now; what is not reported yet is no refusal."""
    assert expected == refusal(found, 2)


def test_every_gateway_counts() -> None:
    """One Gateway that does not take a route is enough."""
    parents = [*status(condition("Accepted", "True"))["parents"], *status(condition("Accepted", "False"))["parents"]]

    assert "NotAllowedByListeners: No listeners." == refusal({"parents": parents}, 2)


def route(version: str, *conditions: dict[str, Any]) -> Any:
    """Return what is read of a route of a workload."""
    meta = {"name": "r", "namespace": "team", "uid": "u", "resourceVersion": version, "generation": 2}
    whole = {"metadata": {**meta, "annotations": {names.EXPOSES: A}}, "spec": {}, "status": status(*conditions)}
    return WholeItem.model_validate(whole).metadata


def test_in_the_ledger() -> None:
    """A verdict concerns the workload, and is the Environment's until it is another one, or the route is gone."""
    ledger = Ledger()
    ledger.put(A, "1", TOOLS)

    assert [{A}, [(A, "r", "NotAllowedByListeners: No listeners.")]] == [
        ledger.update("HTTPRoute", route("1", condition("Accepted", "False"))),
        ledger.refused("e"),
    ]
    assert [] == ledger.refused("other")
    assert [{A}, []] == [ledger.update("HTTPRoute", route("2", condition("Accepted", "True"))), ledger.refused("e")]
    ledger.update("HTTPRoute", route("3", condition("Accepted", "False")))
    ledger.delete("HTTPRoute", "team", "r")
    assert [] == ledger.refused("e")


@pytest.mark.parametrize(
    ("keys", "named", "expected"),
    [
        (
            [A],
            True,
            'jobs.batch "a" in project "team" has no URL: the Gateway refuses its HTTPRoute: No: x. Run kubectl',
        ),
        ([A, A], True, "refuses its HTTPRoute: No: x. Run"),
        ([A, B], True, "x (1 more workload has none). Run kubectl describe httproute -n team r."),
        ([A, B, C], True, "x (2 more workloads have none). Run"),
        (
            [A],
            False,
            "Tools have no URL: the Gateway refuses the HTTPRoute of 1 workload. Ask who administers the Gateway.",
        ),
        ([A, B], False, "the Gateway refuses the HTTPRoutes of 2 workloads."),
    ],
)
def test_words_of_an_environment(keys: list[str], named: bool, expected: str) -> None:
    """The first workload is named, where names may be, the others are counted, each once."""
    assert expected in routes_refused([(key, "r", "No: x.") for key in keys], named=named)


def test_words_of_a_workload() -> None:
    """What the Gateway reports is there, and where the rest of it is."""
    expected = 'The Gateway refuses HTTPRoute "r": No: x. Run kubectl describe httproute -n team r.'

    assert expected == route_refused(A, "r", "No: x.")
