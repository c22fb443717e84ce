"""An identity provider for tests: what an API server asks of OpenID Connect, and tokens with any claims.

The documents are those of https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig.
"""

import json
import ssl
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import trustme
from joserfc import jwt
from joserfc.jwk import ECKey

AUDIENCE = "kubernetes"
ALGORITHM = "ES256"
DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"
LIFETIME_SECONDS = 3600


class Issuer:
    """`with Issuer() as issuer:` serves at `issuer.url`, with a certificate of `issuer.authority`."""

    def __init__(self) -> None:
        """Prepare an issuer; it serves from `__enter__` to `__exit__`."""
        self._key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        authority = trustme.CA()
        self.authority: str = authority.cert_pem.bytes().decode()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._documents))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop to serve."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def token(self, subject: str, **claims: Any) -> str:
        """Return a signed token about somebody; claims may replace those that every token has."""
        now = int(time.time())
        usual = {"iss": self.url, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + LIFETIME_SECONDS}
        return jwt.encode({"alg": ALGORITHM, "kid": self._key.kid}, {**usual, **claims}, self._key)

    def _documents(self) -> Mapping[str, Any]:
        """Return what is served, by path."""
        discovery = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}{KEYS}",
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }
        return {DISCOVERY: discovery, KEYS: {"keys": [self._key.as_dict(private=False)]}}


def _handler(documents: Any) -> type[BaseHTTPRequestHandler]:
    """Return the class that answers with documents."""

    class Handler(BaseHTTPRequestHandler):
        """Answers one request."""

        def do_GET(self) -> None:
            """Send the document at a path."""
            found = documents().get(self.path)
            body = json.dumps(found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Log nothing."""

    return Handler
