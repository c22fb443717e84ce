"""The API server over one kept connection: what kubectl does in 100 ms takes 3 ms here.

For tests that ask the API server a great many things; what users type is tested with kubectl itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kubernetes import config
from urllib3 import HTTPHeaderDict

from cluster.resources import Resources

Object = dict[str, Any]
CONTENT = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


@dataclass(frozen=True)
class Reply:
    """An HTTP status, the object that came with it, and the warnings as the headers quote them."""

    status: int
    body: Object
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the request was accepted."""
        return self.status < 300

    @property
    def message(self) -> str:
        """What the API server said, for a Status; empty for any other object."""
        return str(self.body.get("message", ""))


class Rest:
    """A client with a kubeconfig's credentials, or somebody else's by impersonation."""

    def __init__(
        self, kubeconfig: Path, user: str = "", groups: tuple[str, ...] = (), extra: Mapping[str, str] | None = None
    ) -> None:
        """Connect lazily; with `user` every request is made as that user, with what else is known of them."""
        self.resources = Resources(lambda path, form: list(self.get(path, form).body["items"]))
        self._api = config.new_client_from_config(str(kubeconfig))
        self._headers = self._token()
        self._headers += [("Impersonate-User", user)] if user else []
        self._headers += [("Impersonate-Group", group) for group in groups]
        self._headers += [(f"Impersonate-Extra-{quote(key, '')}", value) for key, value in (extra or {}).items()]

    def _token(self) -> list[tuple[str, str]]:
        """Return the header with the token of the kubeconfig, if that has one; certificates are of the connection."""
        return [(one["key"], one["value"]) for one in self._api.configuration.auth_settings().values()]

    def close(self) -> None:
        """Close the connections."""
        self._api.rest_client.pool_manager.clear()

    def get(self, path: str, accept: str = "") -> Reply:
        """Read an object or a list, in another form than that of JSON if `accept` says so."""
        return self.send("GET", path, accept=accept)

    def create(self, path: str, body: Object) -> Reply:
        """Create an object below the path of its kind."""
        return self.send("POST", path, body)

    def replace(self, path: str, body: Object) -> Reply:
        """Replace an object."""
        return self.send("PUT", path, body)

    def patch(self, path: str, body: object, kind: str = "merge") -> Reply:
        """Patch an object: `merge`, `json`, `strategic` or `apply` (server-side)."""
        return self.send("PATCH", path, body, CONTENT[kind])

    def delete(self, path: str) -> Reply:
        """Delete an object, or a collection."""
        return self.send("DELETE", path)

    def send(
        self, method: str, path: str, body: object = None, content: str = "application/json", accept: str = ""
    ) -> Reply:
        """Make a request; a refusal is a reply like any other. A body in bytes is sent as it is."""
        form = [("Accept", accept or "application/json"), ("Content-Type", content)]
        headers: Mapping[str, str] = _merged([*self._headers, *form])
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        url = f"{self._api.configuration.host}{path}"
        answer = self._api.rest_client.pool_manager.request(method, url, headers=headers, body=data)
        return Reply(answer.status, _decoded(answer.data), tuple(answer.headers.getlist("Warning")))


def _decoded(data: bytes) -> Object:
    """Return the object of an answer; what is none, as for a group that is not served yet, is a message."""
    try:
        found: Object = json.loads(data)
    except ValueError:
        return {"message": data.decode()}
    return found


def _merged(headers: list[tuple[str, str]]) -> Mapping[str, str]:
    """Return headers that may repeat a name, as the client wants them."""
    merged = HTTPHeaderDict()
    for name, value in headers:
        merged.add(name, value)
    return merged
