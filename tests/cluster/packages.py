"""What a node needs of the machine: programs of Debian's packages, and root."""

import os
import shutil
import sys

from cluster.errors import ClusterError

# a program, or a file: the package that has it
NEEDED = {
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "skopeo": "skopeo",
    "umoci": "umoci",
    "/bin/busybox": "busybox-static",
    "docker-registry": "docker-registry",
    "htpasswd": "apache2-utils",
    "iptables-save": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
}
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def names() -> list[str]:
    """Return the packages, sorted."""
    return sorted(set(NEEDED.values()))


def missing() -> str:
    """Return why no node can run here and what to do, empty when one can."""
    if not sys.platform.startswith("linux"):
        return "a node runs on Linux only"
    if os.geteuid() != 0:
        return "a node needs root"
    lacking = sorted({package for what, package in NEEDED.items() if shutil.which(what, path=SEARCHED) is None})
    if lacking:
        return f"a node needs packages: apt-get install --no-install-recommends {' '.join(lacking)}"
    return ""


def require() -> None:
    """Raise when no node can run here."""
    if why := missing():
        raise ClusterError(why, exit_code=2)
