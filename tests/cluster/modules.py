"""The Go modules that the programs of a cluster are built from; each go.mod alone names its version."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ClusterError
from cluster.layout import cache_directory

HERE = Path(__file__).parent
VERSION_PACKAGE = "k8s.io/component-base/version"
CONTAINERD_PACKAGE = "github.com/containerd/containerd/v2"


def _kubernetes_version(version: str) -> Mapping[str, str]:
    """Return the variables without which Kubernetes calls itself v0.0.0-master."""
    major, minor, *_ = version.removeprefix("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return {f"{VERSION_PACKAGE}.{key}": value for key, value in values.items()}


def _containerd_version(version: str) -> Mapping[str, str]:
    """Return the variable without which containerd calls its version unknown."""
    return {f"{CONTAINERD_PACKAGE}/version.Version": version}


@dataclass(frozen=True)
class Module:
    """A pinned module, and what is built from it.

    Args:
        title: what people call it.
        requires: the requirement of its go.mod whose version counts.
        folder: where go.mod and go.sum are.
        packages: of each program, the package to build.
        costs: how long a build takes on two idle cores, in words, and what it needs.
        variables: what the linker sets, from the version.
        tags: build tags, separated by commas.
    """

    title: str
    requires: str
    folder: Path
    packages: Mapping[str, str]
    costs: str
    variables: Callable[[str], Mapping[str, str]] = lambda _version: {}
    tags: str = ""

    @property
    def version(self) -> str:
        """The version that go.mod requires, such as v1.2.3."""
        return self._in_go_mod(rf"^(?:require)?\s*{re.escape(self.requires)} (v[\w.-]+)")[1]

    @property
    def go_version(self) -> tuple[int, int]:
        """The version of Go that go.mod requires."""
        found = self._in_go_mod(r"^go (\d+)\.(\d+)")
        return int(found[1]), int(found[2])

    @property
    def home(self) -> Path:
        """The directory in the cache for what this go.mod and go.sum, and the source next to them, give."""
        files = (self.folder / "go.mod", self.folder / "go.sum", *sorted(self.folder.glob("*.go")))
        digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
        return cache_directory() / f"{self.title.lower()}-{self.version}-{digest}"

    @property
    def programs(self) -> Path:
        """Where its programs are or will be."""
        return self.home / "bin"

    @property
    def options(self) -> tuple[str, ...]:
        """The options of `go install`."""
        settings = (f"-X {name}={value}" for name, value in self.variables(self.version).items())
        return (f"-tags={self.tags}", "-trimpath", "-ldflags", " ".join(("-s -w", *settings)))

    def _in_go_mod(self, pattern: str) -> re.Match[str]:
        path = self.folder / "go.mod"
        found = re.search(pattern, path.read_text(), re.MULTILINE)
        if found is None:
            message = f"{path} has no line like {pattern}"
            raise ClusterError(message)
        return found


_COMMANDS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
KUBERNETES = Module(
    title="Kubernetes",
    requires="k8s.io/kubernetes",
    folder=HERE,
    # A node's programs share most packages with the others: together they are built in less time than one by one.
    packages={
        "etcd": "go.etcd.io/etcd/server/v3",
        **{name: f"k8s.io/kubernetes/cmd/{name}" for name in _COMMANDS},
    },
    costs="all of them took 7 to 16 minutes, and it needs 8 GB of disk for a while",
    variables=_kubernetes_version,
)
# In a go.mod of its own, so that neither decides on the versions of what both require.
CONTAINERD = Module(
    title="containerd",
    requires=CONTAINERD_PACKAGE,
    folder=HERE / "containerd",
    packages={name: f"{CONTAINERD_PACKAGE}/cmd/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")},
    costs="it took 2 minutes",
    variables=_containerd_version,
    tags="no_btrfs,no_devmapper,no_zfs,no_tracing,no_systemd",
)
# What renders and checks the chart. Helm has its own version in its code.
HELM = Module(
    title="Helm",
    requires="helm.sh/helm/v4",
    folder=HERE / "helm",
    packages={"helm": "helm.sh/helm/v4/cmd/helm", "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"},
    costs="it took 2 minutes",
)
# What admission is compared with, with its source here.
PODDEFAULTS = Module(
    title="PodDefaults",
    requires="k8s.io/client-go",
    folder=HERE / "poddefaults",
    packages={"poddefaults": "environments.dev/poddefaults"},
    costs="it took a minute",
)
# How Flux sees the health of an object, with its source here.
FLUX = Module(
    title="Flux",
    requires="github.com/fluxcd/cli-utils",
    folder=HERE / "flux",
    packages={"flux": "environments.dev/flux"},
    costs="it took a minute",
)
# What scores the manifests of the chart.
SCORE = Module(
    title="kube-score",
    requires="github.com/zegl/kube-score",
    folder=HERE / "score",
    packages={"kube-score": "github.com/zegl/kube-score/cmd/kube-score"},
    costs="it took half a minute",
)
MODULES = (KUBERNETES, CONTAINERD, HELM, PODDEFAULTS, FLUX, SCORE)


def of(program: str) -> Module:
    """Return the module that a program is built from."""
    return next(module for module in MODULES if program in module.packages)
