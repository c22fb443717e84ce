"""Settings of tools: what goes together, and what they are to the modules that use them."""

import re

import pytest
from pydantic import ValidationError

from environment_operator.settings import Settings, listening
from environment_operator.tools.addresses import Routing
from environment_operator.tools.objects import Ways

HOST, GATEWAY = "tools.example.com", "gateways/shared/web"
URL = f"https://{HOST}"


def test_none() -> None:
    """Without settings there are no URLs."""
    assert (Routing(), Ways()) == (Settings().routing, Settings().ways)


def test_all() -> None:
    """Each setting has its effect."""
    found = Settings(
        tools_url=f"http://*.{HOST}/t", tools_gateway=GATEWAY,
        tools_load_balancers=True, tools_node_ports="31000-31999",
    )  # fmt: skip
    routing = Routing(HOST, "http", "/t", by_host=True, load_balancers=True, ports=(31000, 31999))

    assert Ways(GATEWAY, "", routing) == found.ways


@pytest.mark.parametrize(
    ("url", "routing"),
    [
        (URL, Routing(HOST)),
        (f"{URL}/lab", Routing(HOST, base="/lab")),
        (f"https://*.{HOST}", Routing(HOST, by_host=True)),
        ("http://tools", Routing("tools", "http")),
    ],
)
def test_url(url: str, routing: Routing) -> None:
    """One URL holds scheme, host and path, and whether each tool has a host of its own."""
    assert routing == Settings(tools_url=url, tools_gateway=GATEWAY).routing


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tools_url": URL}, "Set both, or none"),
        ({"tools_gateway": GATEWAY}, "Set both, or none"),
        ({"tools_url": URL, "tools_gateway": GATEWAY, "tools_ingress_class": "nginx"}, "Remove one of them"),
        ({"tools_url": HOST}, "Use https://tools.example.com or"),
        ({"tools_url": f"ftp://{HOST}"}, "tools_url"),
        ({"tools_url": f"https://*{HOST}"}, "tools_url"),
        ({"tools_url": f"{URL}/"}, "tools_url"),
        ({"tools_url": f"{URL}/a/b"}, "tools_url"),
        ({"tools_url": f"{URL}/a?b"}, "tools_url"),
        ({"tools_url": f"https://user@{HOST}"}, "tools_url"),
        ({"identity_keys": "example.org/uid"}, "identity_keys"),
        ({"identity_keys": "a,b,c,d"}, "identity_keys"),
        ({"tools_gateway": "shared"}, "tools_gateway"),
        ({"tools_node_ports": "30000"}, "tools_node_ports"),
        ({"http_address": "8080"}, "Use :8080, 127.0.0.1:8080 or [::1]:8080"),
        ({"https_address": ":99999"}, "https_address"),
        ({"https_address": "::1:8080"}, "https_address"),
        ({"https_address": "a b:1"}, "https_address"),
    ],
)
def test_mistakes(given: dict[str, str], words: str) -> None:
    """What does not go together, or is no host, no Gateway or no path, is refused at start."""
    with pytest.raises(ValidationError, match=re.escape(words)):
        Settings.model_validate(given)


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        (":8080", None, 8080),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("[::1]:9443", "::1", 9443),
        ("localhost:1", "localhost", 1),
    ],
)
def test_addresses_to_listen_on(address: str, host: str | None, port: int) -> None:
    """Without a host all addresses are listened on, of IPv4 and of IPv6."""
    assert (host, port) == listening(Settings(http_address=address).http_address)
