"""The programs of the test cluster: those in KUBEBUILDER_ASSETS, and what is missing there built once and cached.

They are built from pinned modules; `go.mod` beside this file is the only place that names a version.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from cluster import toolchain
from cluster.build import Step
from cluster.errors import ClusterError
from cluster.layout import cache_directory
from cluster.source import ASSETS_VARIABLE

MODULE = Path(__file__).parent
API = ("etcd", "kube-apiserver", "kubectl")
CONTROLLERS = "kube-controller-manager"
NODE = ("kube-scheduler", "kubelet", "kube-proxy")
# A node's programs share most packages with the others: together they are built in less time than one after the other.
ETCD = "go.etcd.io/etcd/server/v3"
VERSION_PACKAGE = "k8s.io/component-base/version"
Report = Callable[[str], None]


def version() -> str:
    """Return the version of Kubernetes that go.mod requires, such as v1.2.3."""
    return _in_go_mod(r"^\s*k8s\.io/kubernetes (v[\w.-]+)")[1]


def location() -> Path:
    """Return where the programs of this go.mod and go.sum are or will be."""
    pins = (MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()
    digest = hashlib.sha256(pins).hexdigest()[:12]
    return cache_directory() / f"kubernetes-{version()}-{digest}" / "bin"


def given() -> Path | None:
    """Return the directory in KUBEBUILDER_ASSETS, which must have what an API needs; None where it is not set."""
    folder = Path(os.environ.get(ASSETS_VARIABLE) or location())
    if folder == location():
        return None
    if absent := [name for name in API if not (folder / name).is_file()]:
        message = f"{ASSETS_VARIABLE}={folder} lacks {', '.join(absent)}: add them, or unset it"
        raise ClusterError(message, exit_code=2)
    return folder


def path(name: str) -> Path:
    """Return where a program is, or will be when it is built."""
    folder = given()
    return folder / name if folder and (folder / name).is_file() else location() / name


def missing(names: Iterable[str]) -> list[str]:
    """Return the programs that have to be built first."""
    return [name for name in names if not path(name).exists()]


def ensure(names: Sequence[str], progress: Report) -> None:
    """Build those of the programs that are missing.

    `progress` gets one line of text every few seconds of a build, nothing otherwise.
    """
    if not missing(names):
        return
    cache_directory().mkdir(parents=True, exist_ok=True)
    with _alone(cache_directory() / "build.lock", progress):
        if wanted := missing(names):
            _build(wanted, progress)


def _alone(path: Path, progress: Report) -> FileLock:
    """Return the lock, held; say so when another process builds meanwhile."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress("another process builds the test cluster's programs: waiting for it")
        lock.acquire()
    return lock


def _build(names: Sequence[str], progress: Report) -> None:
    home = location().parent
    for leftover in home.parent.glob(f".building-{home.name}-*"):
        shutil.rmtree(leftover)
    progress(
        f"building {', '.join(names)} of Kubernetes {version()}: this happens once; "
        "on two idle cores all of them took 7 to 16 minutes, and it needs 8 GB of disk for a while"
    )
    log = home.parent / f"{home.name}.log"
    log.write_text("")
    go = toolchain.find(_go_version(), home.parent, progress)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".building-{home.name}-") as folder:
        _compile(go, names, Path(folder), log, progress)
        _collect(Path(folder, "out"), names)


def _compile(go: Path, names: Sequence[str], folder: Path, log: Path, progress: Report) -> None:
    environ = _environment(go, folder)
    wanted = tuple(ETCD if name == "etcd" else f"k8s.io/kubernetes/cmd/{name}" for name in names)
    listing = Step(
        "downloading modules",
        (str(go), "list", "-deps", *wanted),
        lambda lines, _seconds: f"{lines} so far",
    )
    listing.run(MODULE, environ, log, progress)
    packages = len(listing.output)
    compiling = Step(
        f"building Kubernetes {version()}",
        (str(go), "install", "-v", "-trimpath", "-ldflags", _linker_flags(), *wanted),
        lambda lines, seconds: f"{min(lines, packages)}/{packages} packages, {left(lines, packages, seconds)}",
    )
    compiling.run(MODULE, environ, log, progress)


def left(done: int, of: int, seconds: float) -> str:
    """Return in words how long the rest of a build takes, if it goes on as it went."""
    if not done:
        return "the time left is not known yet"
    return f"about {max(1, round(seconds / done * max(0, of - done) / 60))} min left"


def _environment(go: Path, folder: Path) -> Mapping[str, str]:
    """Return the user's environment, with nothing in it that could change the outcome."""
    for name in ("cache", "out", "work"):
        (folder / name).mkdir()
    return {
        **{key: value for key, value in os.environ.items() if key not in {"GOROOT", "GOOS"}},
        "PATH": f"{go.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "CGO_ENABLED": "0",
        "GOBIN": str(folder / "out"),
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "-mod=readonly",
        "GOTMPDIR": str(folder / "work"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _linker_flags() -> str:
    major, minor, *_ = version().removeprefix("v").split(".")
    values = {"gitVersion": version(), "gitMajor": major, "gitMinor": minor}
    settings = (f"-X {VERSION_PACKAGE}.{key}={value}" for key, value in values.items())
    return " ".join(("-s -w", *settings))


def _collect(built: Path, names: Sequence[str]) -> None:
    location().mkdir(parents=True, exist_ok=True)
    for name in names:
        (built / ("server" if name == "etcd" else name)).rename(location() / name)


def _go_version() -> tuple[int, int]:
    found = _in_go_mod(r"^go (\d+)\.(\d+)")
    return int(found[1]), int(found[2])


def _in_go_mod(pattern: str) -> re.Match[str]:
    path = MODULE / "go.mod"
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    if found is None:
        message = f"{path} has no line like {pattern}"
        raise ClusterError(message)
    return found
