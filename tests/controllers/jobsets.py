"""JobSet as it is installed, with its own webhooks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controllers.installing import configured
from controllers.processes import MOUNTED, mount
from controllers.programs import JOBSET
from kube import Kube, Object
from third_party import path, user

CERTIFICATE = ("jobset-system", "jobset-webhook-server-cert")


@contextmanager
def jobset(kube: Kube) -> Iterator[None]:
    """Have the controller of JobSets run, and its webhooks answer."""
    with configured(kube, JOBSET, _configuration, CERTIFICATE):
        # It waits until there are files, though it reads the others (pkg/util/cert/cert.go).
        if not (MOUNTED / "tls.key").exists():
            mount(kube, *CERTIFICATE)
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
