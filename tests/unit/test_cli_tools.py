"""The rows of `kubectl environment connect`."""

from environment_operator.addresses import Address, Tools
from environment_operator.cli.tools import rows


def test_rows() -> None:
    """A tool is at its URL or at its node port; one that has neither is reached by a command."""
    tools = {
        "lab": Address(type="ExternalURL", port=8888, url="https://h/environments/t.lab"),
        "away": Address(type="ExternalURL", url="https://comet.example"),
        "node": Address(type="NodePort", port=22),
        "late": Address(type="NodePort", port=23),
        "inside": Address(type="ClusterIP", port=80),
    }

    assert [
        ("lab", "ExternalURL", "https://h/environments/t.lab"),
        ("away", "ExternalURL", "https://comet.example"),
        ("node", "NodePort", "port 31000 of every node"),
        ("late", "NodePort", "kubectl port-forward -n team service/environment-tokentok 23"),
        ("inside", "ClusterIP", "kubectl port-forward -n team service/environment-tokentok 80"),
    ] == rows(Tools(env="e", token="tokentok", tools=tools), "team", {22: 31000})
