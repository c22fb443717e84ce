"""Images for the node, made here of a static busybox."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cluster import containers
from cluster.errors import ClusterError
from cluster.layout import Layout

BUSYBOX = "/bin/busybox"
USERS = "root:x:0:0:root:/:/bin/sh\nrunner:x:1234:1235:runner:/home/runner:/bin/sh\n"
GROUPS = "root:x:0:\nrunner:x:1235:\n"


@dataclass(frozen=True)
class Image:
    """An image: its whole reference, its configuration, and files in addition to busybox by path.

    Args:
        reference: name and tag, with the registry.
        user: as whom it runs, a number or a name of ``/etc/passwd``; empty is root.
        entrypoint: its command.
        files: what is in further files.
    """

    reference: str
    user: str = ""
    entrypoint: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)


PAUSE = Image(containers.PAUSE, entrypoint=("/bin/sleep", "infinity"))


def load(layout: Layout, image: Image) -> None:
    """Put an image into the node, as if it had been pulled."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "image.tar")
        _run("skopeo", "copy", "--quiet", _made(Path(folder), image), f"docker-archive:{archive}:{image.reference}")
        containers.ctr(layout, "images", "import", str(archive))


def push(image: Image, user: str, password: str) -> None:
    """Push an image to its registry, which demands a password and speaks plain HTTP."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--quiet", "--dest-tls-verify=false", f"--dest-creds={user}:{password}")
        _run("skopeo", "copy", *options, _made(Path(folder), image), f"docker://{image.reference}")


def _made(folder: Path, image: Image) -> str:
    """Return where a fresh image is, as skopeo calls it."""
    layout, bundle = folder / "layout", folder / "bundle"
    _run("umoci", "init", f"--layout={layout}")
    _run("umoci", "new", f"--image={layout}:made")
    _run("umoci", "unpack", f"--image={layout}:made", str(bundle))
    _fill(bundle / "rootfs", image)
    _run("umoci", "repack", f"--image={layout}:made", str(bundle))
    entrypoint = [f"--config.entrypoint={each}" for each in image.entrypoint]
    user = [f"--config.user={image.user}"] if image.user else []
    _run("umoci", "config", f"--image={layout}:made", *user, *entrypoint, "--config.env=PATH=/bin")
    return f"oci:{layout}:made"


def _fill(root: Path, image: Image) -> None:
    """Write the files of an image; busybox is every command that it knows."""
    for folder in ("bin", "etc", "tmp"):
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy(BUSYBOX, root / "bin" / "busybox")
    for name in _run(BUSYBOX, "--list").split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")
    for path, content in {"/etc/passwd": USERS, "/etc/group": GROUPS, **image.files}.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        place.chmod(0o755)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{' '.join(command)} failed: {done.stderr.strip()}"
        raise ClusterError(message)
    return done.stdout
