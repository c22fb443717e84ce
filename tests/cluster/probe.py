"""Ask a loopback server whether it is well, without proxies and without redirects."""

import http
import http.client
import ssl
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5


def client_context(pki: Path, client: str) -> ssl.SSLContext:
    """Return a TLS context that trusts the cluster's authority and shows a client certificate."""
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / f"{client}.crt", pki / f"{client}.key")
    return context


def answers(url: str, context: ssl.SSLContext | None = None, *, containing: str = "") -> bool:
    """Return whether a GET is answered with 200 and a body that contains the text."""
    parts = urlsplit(url)
    connection = _connection(parts.hostname or "", parts.port or 0, context)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return False
    else:
        return response.status == http.HTTPStatus.OK and containing in body
    finally:
        connection.close()


def _connection(host: str, port: int, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
    if context is None:
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
