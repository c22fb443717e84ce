"""JobSet as it is installed, with its own webhooks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from cluster.record import free_port
from controllers.installing import HOOKS, installed
from controllers.processes import MOUNTED, mount, running
from controllers.programs import JOBSET, source
from kube import Kube, Object
from third_party import path, user

NAMESPACE = "jobset-system"
CERTIFICATE = "jobset-webhook-server-cert"
NEEDED = ("Namespace", "CustomResourceDefinition", "Secret", *HOOKS)


@contextmanager
def jobset(kube: Kube) -> Iterator[None]:
    """Have the controller of JobSets run, and its webhooks answer."""
    port, folder = free_port(), kube.cluster.layout.root / "jobset"
    folder.mkdir(exist_ok=True)
    file = folder / "configuration.yaml"
    file.write_text(yaml.safe_dump(_configuration(port, folder)))
    rendered = kube.kubectl("kustomize", str(source(JOBSET.module) / "config/default"))
    found = [each for each in yaml.load_all(rendered, yaml.CSafeLoader) if each["kind"] in NEEDED]
    with installed(kube, found, port), running(kube, JOBSET, f"--config={file}"):
        mount(kube, NAMESPACE, CERTIFICATE, folder)
        # It waits until there are files, though it reads the others (pkg/util/cert/cert.go).
        if not (MOUNTED / "tls.key").exists():
            mount(kube, NAMESPACE, CERTIFICATE)
        tried = user("jobset", "tried", "default", None)
        kube.until("the webhooks of JobSets to answer", lambda: kube.rest.create(f"{path(tried)}?dryRun=All", tried).ok)
        yield


def _configuration(port: int, folder: Path) -> Object:
    """Return the configuration, with what belongs to this machine."""
    return {
        "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": "127.0.0.1:0"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": "127.0.0.1", "port": port, "certDir": str(folder)},
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": True},
    }
