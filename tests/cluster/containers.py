"""containerd of one cluster: its configuration, and the end of everything that it runs."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from cluster import binaries
from cluster.errors import ClusterError
from cluster.layout import Layout
from cluster.processes import DIRECTORY_MARK, end

PLUGINS = "/usr/lib/cni"
PAUSE = "docker.io/library/pause:test"
NAMESPACE = "k8s.io"
# The kubelet links to the logs of all containers from there.
LOGS = Path("/var/log/containers")
# The path of a socket has at most 107 characters.
SOCKET_LENGTH = 107


def socket(layout: Layout) -> Path:
    """Return the socket on which containerd listens."""
    return layout.node / "containerd.sock"


def argv(layout: Layout) -> tuple[str, ...]:
    """Return the command line."""
    return str(binaries.path("containerd")), f"--config={layout.node / 'containerd.toml'}"


def configure(layout: Layout, bridge: str, subnet: str) -> None:
    """Write the configuration, and that of the network of pods."""
    if len(str(socket(layout)) + ".ttrpc") > SOCKET_LENGTH:
        message = f"{layout.root} is too long for a socket below it: give CLUSTER_DIR a shorter path"
        raise ClusterError(message)
    network, registries = layout.node / "network", layout.node / "registries"
    for folder in (network, registries):
        folder.mkdir(parents=True, exist_ok=True)
    (layout.node / "containerd.toml").write_text(_configuration(layout, network, registries))
    (network / "10-bridge.conflist").write_text(json.dumps(_network(layout, bridge, subnet)))


def trust_plain_http(layout: Layout, registry: str) -> None:
    """Have images of a registry, as host and port, pulled without TLS."""
    folder = layout.node / "registries" / registry
    folder.mkdir(exist_ok=True)
    (folder / "hosts.toml").write_text(f'server = "http://{registry}"\n')


def ready(layout: Layout) -> bool:
    """Return whether containerd answers."""
    return ctr(layout, "version", check=False).returncode == 0


def ctr(layout: Layout, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run containerd's own client on what Kubernetes runs there."""
    command = (str(binaries.path("ctr")), f"--address={socket(layout)}", f"--namespace={NAMESPACE}", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if check and done.returncode:
        message = f"ctr {' '.join(arguments)} failed: {done.stderr.strip()}"
        raise ClusterError(message)
    return done


def clear(layout: Layout) -> None:
    """End all containers, and what they leave: processes, mounts and links to logs."""
    if socket(layout).exists() and ready(layout):
        for task in ctr(layout, "tasks", "list", "--quiet").stdout.split():
            ctr(layout, "tasks", "delete", "--force", task, check=False)
    for process in _shims(layout):
        end(process, signal.SIGKILL)
    for place in _mounts(layout):
        subprocess.run(("umount", "--lazy", place), capture_output=True, check=False)
    for link in LOGS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(layout.node):
            link.unlink()


def _shims(layout: Layout) -> Iterator[psutil.Process]:
    """Yield the processes that containerd left behind; they have the mark of the cluster from it."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name().startswith("containerd-shim") and (
                process.environ().get(DIRECTORY_MARK) == str(layout.root)
            ):
                yield process


def _mounts(layout: Layout) -> list[str]:
    """Return where something is mounted below the directory of the node, the innermost first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    places = (line.split()[4].encode().decode("unicode_escape") for line in lines)
    return sorted((place for place in places if place.startswith(f"{layout.node}{os.sep}")), reverse=True)


def _configuration(layout: Layout, network: Path, registries: Path) -> str:
    """Return the configuration of containerd 2.x."""
    node = layout.node
    return f"""version = 3
root = "{node / "containers"}"
state = "{node / "state"}"
[grpc]
  address = "{socket(layout)}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{node / "opt"}"
# It listens on a socket outside of the directory of the cluster.
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.cri.v1.images"]
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{PAUSE}"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "{registries}"
[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE nobody lowers the score that the kernel kills by, and runc would fail.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{PLUGINS}"]
    conf_dir = "{network}"
[plugins."io.containerd.grpc.v1.cri"]
  stream_server_address = "127.0.0.1"
"""


def _network(layout: Layout, bridge: str, subnet: str) -> dict[str, object]:
    """Return the network of the pods: a bridge, addresses of a subnet."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": subnet}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(layout.node / "addresses"),
    }
    plugin = {"type": "bridge", "bridge": bridge, "isGateway": True, "ipMasq": True, "hairpinMode": True}
    return {"cniVersion": "0.4.0", "name": bridge, "plugins": [{**plugin, "ipam": addresses}]}
