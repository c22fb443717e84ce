"""The real API server behind the proxy, and the headers that travel to it and back."""

import base64
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from multidict import CIMultiDict

from cluster import kubeconfig
from cluster.errors import ClusterError

HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# The client in the proxy would add these when they are absent; absent they shall stay.
ADDED_BY_CLIENTS = frozenset({"accept", "accept-encoding", "content-type", "user-agent"})


@dataclass(frozen=True)
class Upstream:
    """The API server's URL, and the authority to trust as PEM."""

    server: str
    authority: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the API server of a kubeconfig with an embedded authority."""
        cluster = kubeconfig.cluster_of(path)
        try:
            authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        except KeyError as error:
            message = f"{path} has no certificate-authority-data"
            raise ClusterError(message) from error
        return cls(str(cluster["server"]).rstrip("/"), authority)

    def session(self) -> ClientSession:
        """Return a client session that trusts the authority; call it on the running loop."""
        context = ssl.create_default_context(cadata=self.authority)
        return ClientSession(
            connector=TCPConnector(limit=0, ssl=context),
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=ADDED_BY_CLIENTS,
        )


def end_to_end(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """Return the headers without those that concern one connection only."""
    return CIMultiDict((name, value) for name, value in headers if name.lower() not in HOP_BY_HOP)
