"""Each defence of the local page, attacked: over bare HTTP, against the real process."""

from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from cluster import Cluster
from cluster.waiting import until
from kube import Operator
from plugin import Plugin
from web import Site, serving


@pytest.fixture
def opened(running: Site) -> Site:
    """Return one client of the page, with the session of its user."""
    return replace(running, cookies=dict(running.cookies))


@pytest.fixture
def site(cluster: Cluster, operator: Operator) -> Iterator[Site]:  # noqa: ARG001 - it runs
    """Return a page of its own, whose address nobody has opened yet."""
    with serving(Plugin(cluster)) as made:
        yield made


@pytest.mark.parametrize("path", ["/environments", "/environments.csv", "/nothing", "/"])
def test_no_cookie(opened: Site, path: str) -> None:
    """Who has no session gets nothing, not even whether there is such a page, and no way in."""
    opened.cookies.clear()
    answer = opened.get(path)

    assert 401 == answer.status
    assert "set-cookie" not in answer.headers


def test_who_knows_only_the_port(opened: Site) -> None:
    """Another program of this machine does not learn where the pages are, nor whether it guessed a session."""
    opened.cookies.clear()
    for path, status in (("/", 401), ("/environments", 401), ("/static/../", 404), ("/static/none", 404)):
        answer = opened.ask(path)
        assert status == answer.status
        assert opened.prefix not in answer.body
    opened.cookies["environment-page"] = "guessed"
    assert 401 == opened.get("/environments").status


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}"])
def test_wrong_host(opened: Site, host: str) -> None:
    """A name that is not ours is refused, though it leads here and the cookie came along: DNS rebinding."""
    answer = opened.get("/environments", Host=host.format(port=opened.host.partition(":")[2]))

    assert 421 == answer.status
    assert opened.prefix not in answer.body


def test_two_hosts(opened: Site) -> None:
    """A request without one host is not answered."""
    assert opened.get("/environments", Host="").status in (400, 421)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
    ],
)
@pytest.mark.parametrize("path", ["/environments", "/environments.csv"])
def test_another_origin(opened: Site, headers: dict[str, str], path: str) -> None:
    """A request that another page sent is refused, also one of another port of this machine."""
    answer = opened.ask(f"{opened.prefix}{path}", headers=headers)

    assert 403 == answer.status
    assert [] == [name for name in answer.headers if name.startswith("access-control-")]


def test_no_cors(opened: Site) -> None:
    """A preflight is refused, and nothing is allowed to any origin."""
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = opened.ask(f"{opened.prefix}/environments", "OPTIONS", asked)

    assert 403 == answer.status
    assert [] == [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("body", ["", "csrf=", "csrf=guessed", "name=x"])
def test_no_form_token(opened: Site, body: str) -> None:
    """What changes something needs the token of a form of ours, even from our own origin and with the cookie."""
    sent = {"Origin": f"http://{opened.host}", "Content-Type": "application/x-www-form-urlencoded"}
    answer = opened.ask(f"{opened.prefix}/environments", "POST", sent, body)

    assert 403 == answer.status
    assert "This form is too old" in answer.body


def test_no_origin(opened: Site) -> None:
    """What changes something says where it comes from, as every browser does."""
    assert 403 == opened.ask(f"{opened.prefix}/environments", "POST", {}, "csrf=x").status


def test_replayed_token(site: Site) -> None:
    """A token that comes a second time ends the session that it opened, whoever has it; there is a new address."""
    site.enter()
    mine = dict(site.cookies)
    site.cookies.clear()
    answer = site.ask(site.opening)
    site.cookies = mine
    ended = site.get("/environments")
    site.address = site.printed().split()[-1]
    site.cookies.clear()
    site.enter()

    assert (403, 401) == (answer.status, ended.status)
    assert "set-cookie" not in answer.headers
    assert 200 == site.get("/environments").status


def test_opened_again_in_the_same_browser(opened: Site) -> None:
    """Who loads the opened address again in the browser that has the session goes on with it."""
    assert 200 == opened.get("/environments").status
    assert 200 == opened.ask(opened.opening).status
    assert 200 == opened.get("/environments").status


def test_guessed_token(site: Site) -> None:
    """A token that was guessed opens nothing, and leaves the address as it is."""
    assert 401 == site.ask(f"{site.prefix}/?token=guessed").status
    site.enter()


def test_cookie(site: Site) -> None:
    """No script reads the cookie, no other site sends it, and no other port gets it: its path is a secret."""
    words = site.ask(site.opening).headers["set-cookie"].split("; ")

    assert {"HttpOnly", "SameSite=Strict", f"Path={site.prefix}"} <= set(words)


def test_headers(opened: Site) -> None:
    """Each answer forbids inline scripts, frames, foreign sources and copies; static files are no exception."""
    for path in (f"{opened.prefix}/environments", f"{opened.prefix}/nothing", "/static/page.js", "/static/nothing"):
        headers = opened.ask(path).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert ("nosniff", "same-origin") == tuple(
            headers[name] for name in ("x-content-type-options", "cross-origin-resource-policy")
        )
        assert headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")


def test_only_this_machine(site: Site) -> None:
    """Nobody else's machine reaches the page: it listens on 127.0.0.1 alone."""
    sockets = psutil.Process(site.process.pid).net_connections()

    assert {"127.0.0.1"} == {each.laddr.ip for each in sockets if each.status == psutil.CONN_LISTEN}


def test_end(plugin: Plugin) -> None:
    """Ctrl-C ends the command at once, without an error."""
    with serving(plugin) as site:
        site.process.send_signal(2)
        until("the command to end", lambda: site.process.poll() is not None)
        assert 0 == site.process.returncode
