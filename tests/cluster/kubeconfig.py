"""Kubeconfig files: written for the administrator, the control plane and the operator."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster.errors import ClusterError


def write_with_certificate(path: Path, *, server: str, pki: Path, client: str) -> None:
    """Write a self-contained kubeconfig for a client certificate of `pki`."""
    cluster = {"server": server, "certificate-authority-data": _encoded(pki / "ca.crt")}
    user = {
        "client-certificate-data": _encoded(pki / f"{client}.crt"),
        "client-key-data": _encoded(pki / f"{client}.key"),
    }
    _write(path, cluster, user)


def write_with_token(path: Path, *, admin: Path, token: Path, server: str | None) -> None:
    """Write a kubeconfig for a token file; `server` overrides the administrator's URL."""
    cluster = cluster_of(admin)
    if server is not None:
        cluster["server"] = server
    if cluster["server"].startswith("http://"):
        cluster = {"server": cluster["server"]}
    _write(path, cluster, {"tokenFile": str(token)})


def cluster_of(path: Path) -> dict[str, Any]:
    """Return the `cluster` block of the current context of a kubeconfig."""
    try:
        content = yaml.load(path.read_text(), yaml.CSafeLoader)
        contexts = {entry["name"]: entry["context"] for entry in content["contexts"]}
        clusters = {entry["name"]: entry["cluster"] for entry in content["clusters"]}
        return dict(clusters[contexts[content["current-context"]]["cluster"]])
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        message = f"{path} is not a kubeconfig with a current context ({error!r})"
        raise ClusterError(message) from error


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _write(path: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> None:
    name = "test-cluster"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": dict(cluster)}],
        "users": [{"name": name, "user": dict(user)}],
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
