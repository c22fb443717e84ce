"""What a way to have a cluster must be able to do."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from cluster.layout import Layout
from cluster.record import Record

Report = Callable[[str], None]


class Flavor(Protocol):
    """A way to have a cluster; what it writes are `kubeconfig` and `bin/kubectl`."""

    components: tuple[str, ...]
    """The programs it runs on this machine, in the order of their start."""
    owns_cluster: bool
    """Whether the cluster is ours alone, so that manifests may be forced onto it."""

    def ports(self) -> Mapping[str, int]:
        """Return the ports that a new cluster shall have."""

    def host(self) -> str:
        """Return the address of this machine for the API server, empty when it cannot reach us."""

    def start(self, layout: Layout, record: Record, report: Report) -> None:
        """Start what is missing; return when the API server answers."""

    def start_component(self, layout: Layout, record: Record, name: str) -> None:
        """Start one stopped program again."""

    def stop(self, layout: Layout, report: Report) -> None:
        """Stop everything that `start` started."""


def link(layout: Layout, kubectl: Path) -> None:
    """Let the cluster's `bin/kubectl` point at a kubectl."""
    layout.kubectl.unlink(missing_ok=True)
    layout.kubectl.symlink_to(kubectl)
