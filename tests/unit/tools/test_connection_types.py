"""Settings of tools: what goes together, and what they are to the modules that use them."""

import re

import pytest
from pydantic import ValidationError

from environment_operator.settings import Settings
from environment_operator.tools.addresses import Routing
from environment_operator.tools.objects import Ways

HOST, GATEWAY = "tools.example.com", "gateways/shared/web"


def test_none() -> None:
    """Without settings there are no URLs."""
    assert (Routing(), Ways()) == (Settings().routing, Settings().ways)


def test_all() -> None:
    """Each setting has its effect."""
    found = Settings(
        tools_host=HOST, tools_gateway=GATEWAY, tools_scheme="http", tools_base="/t", tools_by="Host",
        tools_load_balancers=True, tools_node_ports="31000-31999",
    )  # fmt: skip
    routing = Routing(HOST, "http", "/t", by_host=True, load_balancers=True, ports=(31000, 31999))

    assert Ways(GATEWAY, "", routing) == found.ways


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tools_host": HOST}, "Set both, or none"),
        ({"tools_gateway": GATEWAY}, "Set both, or none"),
        ({"tools_host": HOST, "tools_gateway": GATEWAY, "tools_ingress_class": "nginx"}, "Remove one of them"),
        ({"tools_host": "https://tools.example.com"}, "tools_host"),
        ({"tools_gateway": "shared"}, "tools_gateway"),
        ({"tools_base": "/"}, "tools_base"),
        ({"tools_base": "/a/b"}, "tools_base"),
        ({"tools_node_ports": "30000"}, "tools_node_ports"),
    ],
)
def test_mistakes(given: dict[str, str], words: str) -> None:
    """What does not go together, or is no host, no Gateway or no path, is told at start."""
    with pytest.raises(ValidationError, match=re.escape(words)):
        Settings.model_validate(given)
