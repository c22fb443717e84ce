"""The entrance of the page in a cluster: whoever brings a bearer token acts with the rights of that token.

- Without a token there is no page. Tokens are passed on to the API server, which alone says whose they are; they are
  neither logged nor stored, and no answer is kept for another person.
- Whoever logs people in, such as a proxy with OpenID Connect, knows them by a cookie. So a request that another page
  caused is refused as for a local page: by `Sec-Fetch-Site`, by `Origin`, and by the token of each form, which belongs
  to a cookie that is of no use elsewhere.
"""

import re
import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import web

from environment_operator.cli.client.connection import Connection
from environment_operator.console import security
from environment_operator.console.cluster import Cluster
from environment_operator.console.errors import Refused
from environment_operator.console.listing import Listing

# Set by this very host, over TLS or on this machine only: https://www.rfc-editor.org/rfc/rfc6265
COOKIE = "__Host-environment-page"
PREFIX = "/console"
_SESSION = web.RequestKey("session", str)
_CLUSTER = web.RequestKey("cluster", Cluster)
# https://www.rfc-editor.org/rfc/rfc6750#section-2.1
_TOKEN = re.compile(r"(?:Bearer +)?([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


class BearerEntrance:
    """The entrance for those who bring a bearer token.

    Args:
        connection: the API server, without credentials.
    """

    prefix = PREFIX

    def __init__(self, connection: Connection) -> None:
        self._connection, self._listing = connection, Listing()

    def check(self, request: web.Request) -> bool:
        """Raise `Refused` unless the request has a token and comes from a page of ours; static files are for all."""
        if request.path.startswith(security.STATIC):
            return False
        token = _token(request)
        if not token:
            raise Refused(401, "token")
        security.check_origin(request, _ours(request))
        request[_CLUSTER] = Cluster(self._connection.bearing(token), self._listing)
        request[_SESSION] = request.cookies.get(COOKIE) or secrets.token_urlsafe()
        return True

    def enter(self, _request: web.Request) -> str:
        """Return no session: each request says by itself who sent it."""
        return ""

    def clusters(self, request: web.Request) -> Sequence[Cluster]:
        """Return the cluster with the rights of the person who sent a request."""
        return [request[_CLUSTER]]

    def form_token(self, request: web.Request) -> str:
        """Return what each form has to bring along: it belongs to the cookie."""
        return security.derived(request.get(_SESSION, ""))

    async def remember(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Set the cookie to which the forms of an answer belong."""
        session = request.get(_SESSION, "")
        if session and COOKIE not in request.cookies:
            # At this point cookies are in the headers already.
            answer.headers.add("Set-Cookie", f"{COOKIE}={session}; Path=/; Secure; HttpOnly; SameSite=Strict")


def _token(request: web.Request) -> str:
    """Return the token that a request brings, empty for none, or where there are several."""
    given = request.headers.getall("Authorization", [])
    found = _TOKEN.fullmatch(given[0].strip()) if len(given) == 1 else None
    return found[1] if found else ""


def _ours(request: web.Request) -> str:
    """Return the origin of the page as its reader sees it; whether by TLS, a proxy knows."""
    origin = request.headers.get("Origin", "")
    return origin if urlsplit(origin).netloc == request.host else f"https://{request.host}"
