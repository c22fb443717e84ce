"""What stands between the page and everybody but its user: other programs and other pages of the same machine.

- Only 127.0.0.1 is listened on, and the `Host` of a request has to be it: a name that a foreign DNS points here, as in
  DNS rebinding, is refused.
- The opened address has a token that works once and becomes a cookie: `HttpOnly`, `SameSite=Strict`, and for a path
  that nobody can guess, since browsers send cookies to all ports of a host:
  https://www.rfc-editor.org/rfc/rfc6265#section-8.5
- A request that another page caused is refused by `Sec-Fetch-Site` and `Origin`, and a form by its token, too.
- Nothing is allowed to other origins (no CORS), no script or style stands in a page, and no page can frame it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

from aiohttp import web

from environment_operator.console.cluster import Cluster
from environment_operator.console.errors import Refused

COOKIE = "environment-page"
FIELD = "csrf"
STATIC = "/static/"
TOKEN = "token"  # noqa: S105 - the name of a parameter
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# What changes nothing: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1
_SAFE = ("GET", "HEAD")
_OURS = ("same-origin", "none")


class Entrance(Protocol):
    """How people come to the page, and with whose rights it acts for them."""

    @property
    def prefix(self) -> str:
        """What the path of each page begins with."""

    def check(self, request: web.Request) -> bool:
        """Return whether a request comes from a person who may use the page; raise `Refused` where only they may."""

    def enter(self, request: web.Request) -> str:
        """Return the session that a request to the entry opens, empty when it has one; else raise `Refused`."""

    def clusters(self, request: web.Request) -> Sequence[Cluster]:
        """Return the clusters with the rights of the person who sent a request."""

    def form_token(self, request: web.Request) -> str:
        """Return what each form of this person has to bring along."""


class LocalEntrance:
    """The entrance of a local process: for the one browser that was opened.

    Args:
        clusters: the clusters, with the rights of the user.
        announce: takes a new address when one is needed.
    """

    def __init__(self, clusters: Sequence[Cluster], announce: Callable[[str], None]) -> None:
        self._clusters, self._announce = clusters, announce
        self._unused, self._used, self._session = secrets.token_urlsafe(), "", ""
        self.prefix = f"/{secrets.token_urlsafe(12)}"
        self.port = 0

    @property
    def address(self) -> str:
        """The address to open, once."""
        return f"http://127.0.0.1:{self.port}{self.prefix}/?{TOKEN}={self._unused}"

    def check(self, request: web.Request) -> bool:
        """Return whether the request has the session; raise `Refused` where it needs it, or was sent by others."""
        check_host(request, (f"127.0.0.1:{self.port}", f"localhost:{self.port}"))
        check_origin(request, f"http://{request.host}")
        knows = self._knows(request)
        if not (knows or request.path.startswith(STATIC) or self._is_entry(request)):
            raise Refused(401, "session")
        return knows

    def enter(self, request: web.Request) -> str:
        """Return the session that the token of a request opens.

        A token that comes a second time, from elsewhere, was seen by a person who should not have it: the session that
        it opened ends, whoever has it, and there is a new address.
        """
        if self._knows(request):
            return ""
        given = request.query.get(TOKEN, "")
        if is_same(given, self._unused):
            self._used, self._unused, self._session = self._unused, "", secrets.token_urlsafe()
            return self._session
        if is_same(given, self._used):
            self._used, self._unused, self._session = "", secrets.token_urlsafe(), ""
            self._announce(self.address)
            raise Refused(403, "replayed")
        raise Refused(401, "session")

    def clusters(self, _request: web.Request) -> Sequence[Cluster]:
        """Return the clusters: there is one user."""
        return self._clusters

    def form_token(self, _request: web.Request) -> str:
        """Return what each form has to bring along, made of the session without giving it away."""
        return derived(self._session)

    def _is_entry(self, request: web.Request) -> bool:
        """Return whether a request goes to the entry."""
        return request.path == f"{self.prefix}/" and request.method == "GET"

    def _knows(self, request: web.Request) -> bool:
        """Return whether a request has the cookie of the session."""
        return is_same(request.cookies.get(COOKIE, ""), self._session)


def check_host(request: web.Request, hosts: Sequence[str]) -> None:
    """Raise `Refused` when a request was sent to another host than ours, as after DNS rebinding."""
    if request.headers.getall("Host", []) not in [[host] for host in hosts]:
        raise Refused(421, "host")


def check_origin(request: web.Request, ours: str) -> None:
    """Raise `Refused` when another page caused a request: to change something, or other than by following a link.

    https://www.w3.org/TR/fetch-metadata/

    Args:
        request: it.
        ours: scheme, host and port of the page.
    """
    site, origin = request.headers.get("Sec-Fetch-Site", "none"), request.headers.get("Origin")
    is_link = request.method in _SAFE and request.headers.get("Sec-Fetch-Mode") == "navigate"
    if origin not in (None, ours) or (site not in _OURS and not is_link):
        raise Refused(403, "origin")
    if request.method not in _SAFE and origin is None:
        raise Refused(403, "origin")


async def check_form(request: web.Request, token: str) -> None:
    """Raise `Refused` when a request that may change something has no token of a form of ours."""
    if request.method in _SAFE:
        return
    given = (await request.post()).get(FIELD, "")
    if not isinstance(given, str) or not is_same(given, token):
        raise Refused(403, "form")


def derived(session: str) -> str:
    """Return the token of forms that belongs to a session, empty for none; the session does not follow from it."""
    return hmac.new(session.encode(), FIELD.encode(), hashlib.sha256).hexdigest() if session else ""


def is_same(given: str, secret: str) -> bool:
    """Return whether a secret was given, in a time that does not show how much of it is right; none is never given."""
    return bool(secret) and hmac.compare_digest(given.encode(), secret.encode())
