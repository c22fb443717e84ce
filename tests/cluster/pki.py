"""The cluster's own certificate authority and what it signs."""

from pathlib import Path

import trustme

SERVER_NAMES = (
    "127.0.0.1",
    "10.0.0.1",
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
)
# file name: (user, group)
CLIENTS = {
    "admin": ("kubernetes-admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", "system:authenticated"),
    "kube-scheduler": ("system:kube-scheduler", "system:authenticated"),
    "kube-proxy": ("system:kube-proxy", "system:authenticated"),
    "kubelet": ("system:node:localhost", "system:nodes"),
}


def create(folder: Path) -> None:
    """Write authority, server and client pairs and the service-account key; once only."""
    if (folder / "ca.crt").exists():
        return
    authority = trustme.CA()
    _write_pair(folder, "server", authority.issue_cert(*SERVER_NAMES))
    for name, (user, group) in CLIENTS.items():
        # Go refuses a critical extension without names, so clients get a name, too.
        pair = authority.issue_cert(name, common_name=user, organization_name=group)
        _write_pair(folder, name, pair)
    accounts = authority.issue_cert("service-accounts")
    _write(folder / "service-accounts.key", accounts.private_key_pem.bytes())
    _write(folder / "ca.crt", authority.cert_pem.bytes())


def _write_pair(folder: Path, name: str, pair: trustme.LeafCert) -> None:
    _write(folder / f"{name}.crt", b"".join(blob.bytes() for blob in pair.cert_chain_pems))
    _write(folder / f"{name}.key", pair.private_key_pem.bytes())


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
