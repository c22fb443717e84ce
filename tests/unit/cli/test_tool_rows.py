"""The rows of `kubectl environment connect`."""

from typing import Any

import pytest

from environment_operator.cli.tools import reachable, rows, why_without_urls, without_urls
from environment_operator.tools.addresses import Address, Tools

TOOLS = {
    "lab": Address(type="ExternalURL", port=8888, url="https://h/environments/t.lab"),
    "away": Address(type="ExternalURL", url="https://comet.example"),
    "node": Address(type="NodePort", port=22),
    "late": Address(type="NodePort", port=23),
    "inside": Address(type="ClusterIP", port=80),
}
FILE = Address(type="ExternalURL", url="file:///etc/hosts")


@pytest.mark.parametrize(
    ("listed", "tool", "forward", "expected"),
    [
        ("inside away lab", "", False, "away"),
        ("away inside lab", "", True, "inside"),
        ("lab inside", "inside", False, ""),
        ("file", "file", False, ""),
        ("file lab", "", False, "lab"),
        ("lab away", "away", True, ""),
        ("lab inside", "inside", True, "inside"),
    ],
)
def test_reachable(listed: str, tool: str, forward: bool, expected: str) -> None:
    """What is opened has a URL of the web, what is forwarded to a port; without a name it is the first that can."""
    found = Tools(env="e", token="tokentok", tools={name: {**TOOLS, "file": FILE}[name] for name in listed.split()})

    assert expected == reachable(found, tool, forward=forward)


def test_rows() -> None:
    """A tool is at its URL or at its node port; one that has neither is reached by a command."""
    assert [
        ("lab", "ExternalURL", "https://h/environments/t.lab"),
        ("away", "ExternalURL", "https://comet.example"),
        ("node", "NodePort", "port 31000 of every node"),
        ("late", "NodePort", "kubectl port-forward -n team service/environment-tokentok 23"),
        ("inside", "ClusterIP", "kubectl port-forward -n team service/environment-tokentok 80"),
    ] == rows(Tools(env="e", token="tokentok", tools=TOOLS), "team", {22: 31000})


def test_the_same_api_server() -> None:
    """The command reaches the API server that was asked, by the options that were given."""
    found = Tools(env="e", token="tokentok", tools={"inside": TOOLS["inside"]})

    assert (
        "kubectl port-forward '--context=two words' -n team service/environment-tokentok 80"
        == (rows(found, "team", {}, ["--context=two words"])[0][2])
    )


def route(name: str, accepted: str, *, generation: int = 1) -> dict[str, Any]:
    """Return a route of the workload, and what its Gateway reports about the first generation of it."""
    said = {"type": "Accepted", "status": accepted, "reason": "Word", "message": "Why.", "observedGeneration": 1}
    metadata = {"name": f"environment-tokentok-{name}", "generation": generation}
    return {"metadata": metadata, "status": {"parents": [{"conditions": [said]}]}}


LEFT = {"metadata": {"name": "environment-tokentok-lab"}, "status": {"loadBalancer": {}}}


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        (None, []),
        ([route("lab", "True")], []),
        ([route("lab", "False")], ["lab"]),
        # An Ingress with its name is left from before.
        ([route("lab", "False"), LEFT], ["lab"]),
        # What is reported about the route as it was before is no verdict.
        ([route("lab", "False", generation=2)], []),
        ([route("lab", "True"), route("lab-alias", "False")], []),
        ([LEFT], []),
        ([route("other", "True")], ["lab"]),
    ],
)
def test_why_without_urls(routes: list[dict[str, Any]] | None, expected: list[str]) -> None:
    """A URL leads to a tool when its own route is there and not refused; what is outside needs none."""
    found = why_without_urls(Tools(env="e", token="tokentok", tools=TOOLS), "team", routes)

    assert expected == list(found)


def test_the_reasons() -> None:
    """A refused route has what the Gateway reports, one that is not there the URL; both have a way out."""
    tools = Tools(env="e", token="tokentok", tools=TOOLS)
    refused = (
        'tool "lab" has no URL: the Gateway refuses HTTPRoute "environment-tokentok-lab": Word: Why. Run kubectl '
        "describe httproute -n team environment-tokentok-lab, or use kubectl environment connect --forward."
    )
    missing = (
        'tool "lab" has no HTTPRoute or Ingress for https://h/environments/t.lab. See the Events of the workload, or '
        "use kubectl environment connect --forward."
    )

    assert {"lab": refused} == why_without_urls(tools, "team", [route("lab", "False")])
    assert {"lab": missing} == why_without_urls(tools, "team", [])


def test_without_urls() -> None:
    """A tool to which nothing leads is reached by the command, and is not opened."""
    found = without_urls(Tools(env="e", token="tokentok", tools={"lab": TOOLS["lab"]}), {"lab": "why"})

    command = "kubectl port-forward -n team service/environment-tokentok 8888"
    assert ([("lab", "ExternalURL", command)], "") == (rows(found, "team", {}), reachable(found, "", forward=False))
