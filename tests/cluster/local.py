"""`CLUSTER=local`, the default: a control plane of local processes, without nodes."""

from collections.abc import Iterable, Mapping

from cluster import binaries, processes
from cluster.control_plane import COMPONENTS, PORTS, ControlPlane
from cluster.flavor import Report, link
from cluster.layout import Layout
from cluster.record import Record, free_port


class Local:
    """etcd, kube-apiserver and kube-controller-manager on loopback ports."""

    components: tuple[str, ...] = COMPONENTS
    owns_cluster = True

    def ports(self) -> Mapping[str, int]:
        """Return a free port for each listener, all of them different."""
        return different(PORTS)

    def start(self, layout: Layout, record: Record, report: Report) -> None:
        """Build the programs when they are missing and start those that do not run.

        Without a controller manager an API server stores objects and nothing comes of them. So it is built, unless
        programs were given that do not have it, and nobody needs it.
        """
        needed = record.controllers or not binaries.given()
        binaries.ensure((*binaries.API, *((binaries.CONTROLLERS,) if needed else ())), report)
        if binaries.missing([binaries.CONTROLLERS]):
            report(
                f"there is no {binaries.CONTROLLERS}: no Pods come of Deployments and Jobs, and nothing is collected"
            )
        link(layout, binaries.path("kubectl"))
        ControlPlane(layout, record).start()

    def start_component(self, layout: Layout, record: Record, name: str) -> None:
        """Start one stopped program again, on the same port with the same data."""
        ControlPlane(layout, record).start_component(name)

    def host(self) -> str:
        """Return the address of this machine for the API server."""
        return "127.0.0.1"

    def stop(self, layout: Layout, report: Report) -> None:
        """Stop the control plane, last started first."""
        for component in reversed(COMPONENTS):
            if processes.stop(layout, component):
                report(f"stopped {component}")


def different(names: Iterable[str]) -> dict[str, int]:
    """Return a free port for each name, all of them different."""
    found: dict[str, int] = {}
    for name in names:
        while (port := free_port()) in found.values():
            pass
        found[name] = port
    return found
