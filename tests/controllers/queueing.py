"""Kueue as it is installed, with its own webhooks and configuration, and a queue for a project."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from controllers.installing import configured
from controllers.programs import KUEUE, source
from kube import Kube, Object

GROUP = "kueue.x-k8s.io"
NAMESPACE = "kueue-system"
LABEL = f"{GROUP}/queue-name"
API = f"/apis/{GROUP}/v1beta2"
POOL = {"pool": "gpu"}


@contextmanager
def kueue(kube: Kube) -> Iterator[None]:
    """Have Kueue run, and its webhooks answer."""
    with configured(kube, KUEUE, _configuration, (NAMESPACE, "kueue-webhook-server-cert")):
        kube.until("Kueue's webhooks to answer", lambda: _answers(kube))
        yield


def _configuration(port: int, folder: Path) -> Object:
    """Return Kueue's own configuration, with what belongs to this machine."""
    file = source(KUEUE.module) / "config/components/manager/controller_manager_config.yaml"
    return {
        **yaml.safe_load(file.read_text(encoding="utf-8")),
        "namespace": NAMESPACE,
        "health": {"healthProbeBindAddress": "127.0.0.1:0"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": "127.0.0.1", "port": port, "certDir": str(folder)},
        "leaderElection": {"leaderElect": False},
    }


def _answers(kube: Kube) -> bool:
    """Say whether the webhooks are called and answer."""
    made = {"apiVersion": f"{GROUP}/v1beta2", "kind": "ResourceFlavor", "metadata": {"name": "tried"}}
    return kube.rest.create(f"{API}/resourceflavors?dryRun=All", made).ok


def queue(kube: Kube, project: str) -> str:
    """Create a queue in a project that lets nobody start yet; return its name, which the queue of the cluster has."""
    name = kube.unique("queue")
    flavor: dict[str, Any] = {"name": name, "resources": [{"name": "pods", "nominalQuota": 50}]}
    spec = {
        "namespaceSelector": {},
        "stopPolicy": "Hold",
        "resourceGroups": [{"coveredResources": ["pods"], "flavors": [flavor]}],
    }
    for where, kind, made in (
        ("resourceflavors", "ResourceFlavor", {"nodeLabels": POOL}),
        ("clusterqueues", "ClusterQueue", spec),
        (f"namespaces/{project}/localqueues", "LocalQueue", {"clusterQueue": name}),
    ):
        whole = {"apiVersion": f"{GROUP}/v1beta2", "kind": kind, "metadata": {"name": name}, "spec": made}
        reply = kube.rest.create(f"{API}/{where}", whole)
        assert reply.ok, reply.message
    return name


def policy(kube: Kube, name: str, stop: str) -> None:
    """Let a queue start its workloads, or stop them."""
    reply = kube.rest.patch(f"{API}/clusterqueues/{name}", {"spec": {"stopPolicy": stop}})
    assert reply.ok, reply.message
