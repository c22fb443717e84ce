"""Where tools are reached: what is assigned, what may be asked for, and what is read back."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environment_operator.api import names
from environment_operator.api.tools import Tool
from environment_operator.tools import addresses
from environment_operator.tools.addresses import (
    Address,
    BadAddress,
    Routing,
    Tools,
    asked,
    forged,
    offered,
    read,
    settled,
    variables,
)

PATH, HOST = Routing("tools.example.com"), Routing("tools.example.com", by_host=True)
LAB = Tool.model_validate({"name": "lab", "type": "JupyterNotebook"})
AWAY = Tool.model_validate(
    {"name": "board", "type": "Comet", "connection": {"type": "ExternalURL", "url": "https://comet.example"}}
)


def custom(kind: str = "ExternalURL", **fields: object) -> Tool:
    """Return a tool whose address the submitter gives."""
    connection = {"type": kind, "assign": "Custom", **fields}
    return Tool.model_validate({"name": "lab", "type": "JupyterNotebook", "connection": connection})


def given_tools(routing: Routing, *tools: Tool, token: str = "tokentok") -> Tools:
    """Return tools as a workload gets them."""
    return offered(tools, "e", token, {}, routing)


def lab(routing: Routing, tool: Tool, wish: str = "") -> Address:
    """Return where a tool is for whose address somebody asks."""
    return settled(given_tools(routing, tool), {"lab": wish} if wish else {}, None, routing).tools["lab"]


@pytest.mark.parametrize(
    ("routing", "url", "base"),
    [
        (PATH, "https://tools.example.com/environments/tokentok.lab", "/environments/tokentok.lab"),
        (HOST, "https://tokentok--lab.tools.example.com", ""),
        (Routing("h", "http", "/t"), "http://h/t/tokentok.lab", "/t/tokentok.lab"),
        (Routing(), "", ""),
    ],
)
def test_assigned(routing: Routing, url: str, base: str) -> None:
    """A URL is assigned by path or by host, from the token; its path is the base path."""
    found = given_tools(routing, LAB).tools["lab"]

    assert (url, base, 8888) == (found.url, found.base_path, found.port)


def test_variables() -> None:
    """Each tool that the container serves has a variable, empty where no path leads to it; those outside have none."""
    dashed = Tool.model_validate({"name": "a-b", "type": "MLflow", "connection": {"type": "ClusterIP"}})
    found = variables(given_tools(PATH, LAB, dashed, AWAY))

    assert [
        {"name": "ENVIRONMENT_TOOL_LAB_BASE_PATH", "value": "/environments/tokentok.lab"},
        {"name": "ENVIRONMENT_TOOL_A_B_BASE_PATH"},
    ] == found


def test_outside() -> None:
    """A tool outside of the cluster has its URL, and no port."""
    found = given_tools(PATH, AWAY).tools["board"]

    assert ("https://comet.example", 0, "") == (found.url, found.port, found.asked)


@pytest.mark.parametrize(
    ("routing", "wish", "url"),
    [
        (PATH, "/mine", "https://tools.example.com/mine"),
        (PATH, "/mine/", "https://tools.example.com/mine"),
        (PATH, "https://tools.example.com/Mine-1.b_c", "https://tools.example.com/Mine-1.b_c"),
        (PATH, "https://TOOLS.example.com/mine", "https://tools.example.com/mine"),
        (HOST, "https://mine.tools.example.com", "https://mine.tools.example.com"),
        (HOST, "https://Mine.tools.example.com/", "https://mine.tools.example.com"),
        (HOST, "/mine", "https://tools.example.com/mine"),
    ],
)
def test_urls(routing: Routing, wish: str, url: str) -> None:
    """All spellings of a URL are one."""
    assert url == lab(routing, custom(), wish).url
    assert "" == forged(settled(given_tools(routing, custom()), {"lab": wish}, None, routing), routing)


@pytest.mark.parametrize(
    "wish",
    [
        "mine", "//mine", "/", "/.", "/..", "/a/b", "/a//", "/a?x", "/a#x", "/a%2fb", "/a b", " /a", "/a\n", "/ä",
        "/-a",        "/environments", "/environments/", "/" + "a" * 64, "http://tools.example.com/a", "https://tools.example.com",
        "https://tools.example.com:443/a", "https://me@tools.example.com/a", "https://elsewhere.example/a",
        "https://a.b.tools.example.com", "https://-a.tools.example.com", "https://a.tools.example.com/x",
        "https://tokentok--lab.tools.example.com", "https://[::1", "30080", "\\a",
    ],
)  # fmt: skip
@pytest.mark.parametrize("routing", [PATH, HOST], ids=["path", "host"])
def test_bad_urls(routing: Routing, wish: str) -> None:
    """What is no URL below the host, has more parts, or could be one that is assigned, is refused with an example."""
    with pytest.raises(BadAddress, match=r"such as https://tools\.example\.com/my-lab"):
        lab(routing, custom(), wish)


def test_hosts_are_for_host_routing() -> None:
    """Where tools have paths, nobody may ask for a host."""
    with pytest.raises(BadAddress):
        lab(PATH, custom(), "https://mine.tools.example.com")


@pytest.mark.parametrize("wish", ["0", "29999", "32768", "65536", "-1", "1.5", "x", "٣٠٠٠٠", ""])
def test_bad_ports(wish: str) -> None:
    """What is no port is refused, and so is nothing where the Environment has none."""
    with pytest.raises(BadAddress, match="lab"):
        lab(PATH, custom("NodePort"), wish)


def test_defaults() -> None:
    """What the Environment says holds where the submitter says nothing."""
    port, url = custom("NodePort", nodePort=30080), custom(url="/mine")

    assert [30080, 30081] == [lab(PATH, port).node_port, lab(PATH, port, "30081").node_port]
    assert ["/mine", "/his"] == [lab(PATH, url).base_path, lab(PATH, url, "/his").base_path]


def test_only_what_may_be_asked_for() -> None:
    """Nobody asks for the address of a tool that has one assigned, or that is not there."""
    for tool in (LAB, AWAY, custom("NodePort", nodePort=30080)):
        name = "lab" if tool is not AWAY else "board"
        wishes = {name: "/x", "other": "/y"}
        with pytest.raises(BadAddress, match="Remove the annotation"):
            settled(given_tools(PATH, tool), wishes, None, PATH)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://bank.example.org/", "is not a URL for tools"),
        ("https://tools.example.com/environments", "is not a URL for tools"),
        ("https://tools.example.com/mine/", "not written by admission"),
        ("https://tools.example.com/mine", ""),
    ],
)
def test_what_admission_cannot_have_written(url: str, said: str) -> None:
    """From any recorded request an object gets what may be asked for, in its one spelling."""
    written = Tools(env="e", token="t", tools={"lab": Address(type="ExternalURL", port=80, url=url, custom=True)})

    assert said in forged(written, PATH)
    assert bool(said) is bool(forged(written, PATH))


def test_one_address_each() -> None:
    """Two tools of one workload do not have the same address."""
    other = custom().model_copy(update={"name": "other"})
    with pytest.raises(BadAddress, match=r'"lab" and "other" both have https://tools\.example\.com/x'):
        settled(given_tools(PATH, custom(), other), {"lab": "/x", "other": "/x"}, None, PATH)


def test_what_is_settled_stays() -> None:
    """What was asked for before is not validated again, with any host of the cluster now; what is new is."""
    before = settled(given_tools(PATH, custom()), {"lab": "/x"}, None, PATH)
    elsewhere = Routing("other.example")

    assert before == settled(before, {"lab": "/x"}, {"lab": "/x"}, elsewhere)
    assert "https://other.example/y" == settled(before, {"lab": "/y"}, {"lab": "/x"}, elsewhere).tools["lab"].url


def test_without_a_host() -> None:
    """In a cluster without a host for tools, nothing has a URL and nothing has to be asked for."""
    assert "" == lab(Routing(), custom()).url


def test_annotations() -> None:
    """What a submitter asks for is in annotations with the tool's name."""
    item = {"metadata": {"annotations": {f"{names.CUSTOM_TOOL}lab": "/x", names.RECORD: "{}"}}}

    assert {"lab": "/x"} == asked(item)


@given(
    st.sampled_from([PATH, HOST, Routing()]),
    st.sampled_from([LAB, AWAY, custom(url="/x"), custom("NodePort", nodePort=30003)]),
)
def test_read_back(routing: Routing, tool: Tool) -> None:
    """What is written is read as it was."""
    tools = settled(given_tools(routing, tool), {}, None, routing)

    assert tools == read(tools.text())


@given(st.text() | st.just('{"env": 1}') | st.just("[" * 10_000))
def test_any_text(text: str) -> None:
    """What cannot be read counts as absent."""
    assert read(text) is None


@pytest.mark.parametrize("by_host", [False, True])
@given(st.from_regex(r"[a-z0-9]{8}", fullmatch=True), st.from_regex(r"[a-z][a-z0-9]{0,14}", fullmatch=True))
def test_what_is_assigned_is_known_again(by_host: bool, token: str, tool: str) -> None:
    """The URL that a tool is assigned comes apart into what it was made of, and is no other's."""
    url = Routing("tools.example", by_host=by_host).assigned(token, tool)
    at = addresses.location_of(url)

    assert at is not None
    assert url == addresses.url_of(at)
    assert addresses.is_assigned(url, token, tool)
    assert not addresses.is_assigned(url, token, f"{tool}-b")
    assert not addresses.is_assigned(url, f"b{token}", tool)


@pytest.mark.parametrize("url", ["https://[", "", "/lab", "tools.example"])
def test_what_is_no_url_is_nobodys(url: str) -> None:
    """What cannot be taken apart has no parts, and is assigned to no tool."""
    assert addresses.location_of(url) is None
    assert not addresses.is_assigned(url, "tokentok", "lab")


def test_urls_are_made_and_taken_apart_in_one_place() -> None:
    """Nothing else in what serves tools reads or writes a URL by itself."""
    root = Path(addresses.__file__).parents[1]
    modules = [*root.glob("tools/*.py"), root / "cli/tools.py", root / "cli/commands/connect.py"]
    found = [m.name for m in modules if re.search(r"urlsplit|urlparse|\{[\w.]*scheme\}://", m.read_text())]

    assert ["addresses.py"] == found
