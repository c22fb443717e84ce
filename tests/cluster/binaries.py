"""The programs of the test cluster: built once from pinned modules, then cached per user.

`go.mod` beside this file is the only place that names a version.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from cluster import toolchain
from cluster.build import Step
from cluster.errors import ClusterError
from cluster.layout import cache_directory

MODULE = Path(__file__).parent
# what `go install` calls a program: what we call it
PROGRAMS = {
    "server": "etcd",
    "kube-apiserver": "kube-apiserver",
    "kube-controller-manager": "kube-controller-manager",
    "kubectl": "kubectl",
    "kube-scheduler": "kube-scheduler",
    "kubelet": "kubelet",
    "kube-proxy": "kube-proxy",
}
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


def ensure(progress: Report) -> Path:
    """Return the directory of the programs; build them first when nobody has yet.

    `progress` gets one line of text every few seconds of a build, nothing otherwise.
    """
    binaries = location()
    if binaries.exists():
        return binaries
    cache_directory().mkdir(parents=True, exist_ok=True)
    with _alone(cache_directory() / "build.lock", progress):
        if not binaries.exists():
            _build(binaries, progress)
    return binaries


def _alone(path: Path, progress: Report) -> FileLock:
    """Return the lock, held; say so when another process builds meanwhile."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress("another process builds the test cluster's programs: waiting for it")
        lock.acquire()
    return lock


def _build(binaries: Path, progress: Report) -> None:
    home = binaries.parent
    for leftover in home.parent.glob(f".building-{home.name}-*"):
        shutil.rmtree(leftover)
    progress(
        f"building Kubernetes {version()} and etcd: this happens once; "
        "on two cores it took 8 to 16 minutes, and it needs 8 GB of disk for a while"
    )
    log = home.parent / f"{home.name}.log"
    log.write_text("")
    go = toolchain.find(_go_version(), home.parent, progress)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".building-{home.name}-") as folder:
        _compile(go, Path(folder), log, progress)
        _collect(Path(folder, "out"), Path(folder, "home", "bin"))
        Path(folder, "home").rename(home)


def _compile(go: Path, folder: Path, log: Path, progress: Report) -> None:
    environ = _environment(go, folder)
    listing = Step(
        "downloading modules",
        (str(go), "list", "-deps", "tool"),
        lambda lines: f"{lines} so far",
    )
    listing.run(MODULE, environ, log, progress)
    packages = len(listing.output)
    compiling = Step(
        f"building Kubernetes {version()}",
        (str(go), "install", "-v", "-trimpath", "-ldflags", _linker_flags(), "tool"),
        lambda lines: f"{min(lines, packages)}/{packages} packages",
    )
    compiling.run(MODULE, environ, log, progress)


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


def _collect(built: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for name, our_name in PROGRAMS.items():
        (built / name).rename(target / our_name)


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
