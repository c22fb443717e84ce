"""The rows of `kubectl environment connect`."""

import pytest

from environment_operator.cli.tools import reachable, rows
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
