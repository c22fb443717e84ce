"""The programs of the test cluster: those in KUBEBUILDER_ASSETS, and what is missing there built once and cached."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from cluster import modules, toolchain
from cluster.build import Step
from cluster.errors import ClusterError
from cluster.layout import cache_directory
from cluster.modules import MODULES, Module
from cluster.source import ASSETS_VARIABLE

API = ("etcd", "kube-apiserver", "kubectl")
CONTROLLERS = "kube-controller-manager"
NODE = ("kube-scheduler", "kubelet", "kube-proxy", *modules.CONTAINERD.packages)
Report = Callable[[str], None]


def version() -> str:
    """Return the version of Kubernetes, such as v1.2.3."""
    return modules.KUBERNETES.version


def given() -> Path | None:
    """Return the directory in KUBEBUILDER_ASSETS, which must have what an API needs; None where it is not set."""
    built = modules.KUBERNETES.programs
    folder = Path(os.environ.get(ASSETS_VARIABLE) or built)
    if folder == built:
        return None
    if absent := [name for name in API if not (folder / name).is_file()]:
        message = f"{ASSETS_VARIABLE}={folder} lacks {', '.join(absent)}: add them, or unset it"
        raise ClusterError(message, exit_code=2)
    return folder


def path(name: str) -> Path:
    """Return where a program is, or will be when it is built."""
    folder = given()
    return folder / name if folder and (folder / name).is_file() else modules.of(name).programs / name


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
        wanted = missing(names)
        for module in MODULES:
            if part := [name for name in wanted if name in module.packages]:
                _build(module, part, progress)


def build(module: Module, progress: Report) -> None:
    """Build the programs of one module, unless they are there: those of `MODULES` are asked for by name.

    `progress` gets one line of text every few seconds of a build, nothing otherwise.
    """

    def wanted() -> list[str]:
        return [name for name in module.packages if not (module.programs / name).exists()]

    if not wanted():
        return
    cache_directory().mkdir(parents=True, exist_ok=True)
    with _alone(cache_directory() / "build.lock", progress):
        if names := wanted():
            _build(module, names, progress)


def _alone(path: Path, progress: Report) -> FileLock:
    """Return the lock, held; say so when another process builds meanwhile."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress("another process builds the test cluster's programs: waiting for it")
        lock.acquire()
    return lock


def _build(module: Module, names: Sequence[str], progress: Report) -> None:
    home = module.home
    for leftover in home.parent.glob(f".building-{home.name}-*"):
        shutil.rmtree(leftover)
    progress(
        f"building {', '.join(names)} of {module.title} {module.version}: this happens once; "
        f"on two idle cores {module.costs}"
    )
    log = home.parent / f"{home.name}.log"
    log.write_text("")
    go = toolchain.find(module.go_version, home.parent, progress)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".building-{home.name}-") as folder:
        _compile(module, go, names, Path(folder), log, progress)
        _collect(Path(folder, "out"), module.programs, names)


def _compile(module: Module, go: Path, names: Sequence[str], folder: Path, log: Path, progress: Report) -> None:
    environ = _environment(go, folder)
    wanted = tuple(module.packages[name] for name in names)
    listing = Step(
        "downloading modules",
        (str(go), "list", "-deps", f"-tags={module.tags}", *wanted),
        lambda lines, _seconds: f"{lines} so far",
    )
    listing.run(module.folder, environ, log, progress)
    packages = len(listing.output)
    compiling = Step(
        f"building {module.title} {module.version}",
        (str(go), "install", "-v", *module.options, *wanted),
        lambda lines, seconds: f"{min(lines, packages)}/{packages} packages, {left(lines, packages, seconds)}",
    )
    compiling.run(module.folder, environ, log, progress)


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


def _collect(built: Path, target: Path, names: Sequence[str]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        (built / ("server" if name == "etcd" else name)).rename(target / name)
