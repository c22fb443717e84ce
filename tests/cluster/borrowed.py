"""Clusters that somebody else runs: `CLUSTER=kind` in Docker, `CLUSTER=current` anywhere."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import binaries, kubectl
from cluster.errors import ClusterError
from cluster.flavor import Report, link
from cluster.layout import Layout
from cluster.record import Record

if TYPE_CHECKING:
    from pytest_kind import KindCluster  # type: ignore[import-untyped]

KIND_VERSION = "v0.33.0"


class Borrowed:
    """What both have in common: no programs of the control plane run here."""

    components: tuple[str, ...] = ()

    def ports(self) -> Mapping[str, int]:
        """Return no ports: nothing of the control plane listens here."""
        return {}

    def host(self) -> str:
        """Return nothing: an API server elsewhere cannot reach a process of this machine."""
        return ""

    def start_component(self, layout: Layout, record: Record, name: str) -> None:  # noqa: ARG002
        """Refuse: this cluster's programs are out of reach."""
        message = f"{name} is not a process of this machine: only CLUSTER=local can start it"
        raise ClusterError(message)


class Kind(Borrowed):
    """A cluster in Docker, through pytest-kind."""

    owns_cluster = True

    def host(self) -> str:
        """Return the gateway of kind's network, which on Linux is an address of this machine."""
        command = ("docker", "network", "inspect", "kind", "--format={{range .IPAM.Config}}{{.Gateway}} {{end}}")
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
        return next((address for address in found if "." in address), "")

    def start(self, layout: Layout, record: Record, report: Report) -> None:  # noqa: ARG002
        """Create the cluster unless it is there, with its kubeconfig in our directory."""
        _require_docker()
        cluster = _kind_cluster(layout)
        if layout.kubectl.exists():
            return
        report("creating a cluster with kind")
        cluster.ensure_kind()
        cluster.ensure_kubectl()
        link(layout, cluster.kubectl_path.resolve())
        try:
            cluster.delete()
            cluster.create()
        except subprocess.CalledProcessError as error:
            layout.kubectl.unlink()
            message = f"kind failed: {error}"
            raise ClusterError(message) from error

    def stop(self, layout: Layout, report: Report) -> None:
        """Delete the cluster, if it came to one."""
        if not layout.kubectl.is_symlink():
            return
        _require_docker()
        cluster = _kind_cluster(layout)
        cluster.ensure_kind()
        try:
            cluster.delete()
        except subprocess.CalledProcessError as error:
            message = f"kind failed: {error}"
            raise ClusterError(message) from error
        report("deleted the kind cluster")


class Current(Borrowed):
    """The user's own current cluster: manifests are applied, nothing else is changed."""

    owns_cluster = False

    def start(self, layout: Layout, record: Record, report: Report) -> None:  # noqa: ARG002
        """Copy the current context, so that a later switch of it does not redirect us."""
        if not layout.kubeconfig.exists():
            program = shutil.which("kubectl")
            if program is None:
                message = "CLUSTER=current needs kubectl on PATH"
                raise ClusterError(message, exit_code=2)
            link(layout, Path(program))
            _copy_current_context(layout, program)
        context = kubectl.run(layout, "config", "current-context").stdout.strip()
        report(f"using your current context, {context}")
        kubectl.run(layout, "get", "--raw=/readyz")

    def stop(self, layout: Layout, report: Report) -> None:  # noqa: ARG002
        """Leave the cluster as it is, and say so."""
        report("the cluster is yours: the manifests applied to it stay there")


def _copy_current_context(layout: Layout, program: str) -> None:
    command = (program, "config", "view", "--raw", "--minify", "--flatten")
    view = subprocess.run(command, capture_output=True, text=True, check=False)
    if view.returncode:
        message = f"there is no current context: {view.stderr.strip()}"
        raise ClusterError(message, exit_code=2)
    layout.kubeconfig.touch(mode=0o600)
    layout.kubeconfig.write_text(view.stdout)


def docker_answers() -> bool:
    """Return whether a Docker engine answers."""
    docker = shutil.which("docker")
    return docker is not None and not subprocess.run((docker, "info"), capture_output=True, check=False).returncode


def _require_docker() -> None:
    if not docker_answers():
        message = "CLUSTER=kind needs a running Docker; leave CLUSTER unset to do without"
        raise ClusterError(message, exit_code=2)


def _kind_cluster(layout: Layout) -> "KindCluster":
    """Return pytest-kind's handle of the cluster named after our directory."""
    os.environ.setdefault("KIND_VERSION", KIND_VERSION)
    os.environ.setdefault("KUBECTL_VERSION", binaries.version())
    from pytest_kind import KindCluster  # noqa: PLC0415  it reads the variables when imported

    digest = hashlib.sha256(str(layout.root).encode()).hexdigest()[:8]
    installed = shutil.which("kind")
    return KindCluster(
        f"environment-operator-{digest}",
        kubeconfig=layout.kubeconfig,
        kind_path=Path(installed) if installed else None,
    )
