"""Controllers of other projects, each built once from its Go module into the cache of the cluster's programs.

`modules/NAME/go.mod` and `go.sum` pin each of them; nothing else names a version.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cluster import binaries, toolchain
from cluster.layout import cache_directory
from cluster.modules import Module

Object = dict[str, Any]


@dataclass(frozen=True)
class Controller:
    """A controller, and what it is run with.

    Args:
        module: what it is built from.
        definitions: the folder of that module with its CustomResourceDefinitions.
        arguments: those of its command line.
        environ: further variables of its process.
    """

    module: Module
    definitions: str
    arguments: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its program."""
        (name,) = self.module.packages
        return name

    @property
    def program(self) -> Path:
        """The program, which is built when it is not there."""
        binaries.build(self.module, print)
        return self.module.programs / self.name

    def crds(self) -> Iterator[Object]:
        """Yield its definitions."""
        yield from definitions(self.module, self.definitions)


def definitions(module: Module, folder: str) -> Iterator[Object]:
    """Yield the definitions in a folder of the source of a module, in the version that its go.mod requires."""
    for file in sorted((source(module) / folder).glob("*.yaml")):
        # One of them may have megabytes.
        for made in yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader):
            if made and made["kind"] == "CustomResourceDefinition":
                yield made


def source(module: Module) -> Path:
    """Return where Go has the source of a module, fetched when it is not there."""
    go = toolchain.find(module.go_version, cache_directory(), print)
    command = [str(go), "mod", "download", "-json", module.requires]
    done = subprocess.run(command, cwd=module.folder, capture_output=True, text=True, check=True)
    return Path(json.loads(done.stdout)["Dir"])


def _module(title: str, requires: str, package: str, costs: str) -> Module:
    """Return the module of a controller: its go.mod is in the folder of the program's name."""
    name = package.rpartition("/")[2]
    folder = Path(__file__).parent / "modules" / name.removesuffix(".v1")
    return Module(title, requires, folder, {name: package}, costs, lambda _version: {})


_RAY = "github.com/ray-project/kuberay/ray-operator"
_TRAIN = "github.com/kubeflow/training-operator"
_TRAINER = "github.com/kubeflow/trainer/v2"
_KUEUE = "sigs.k8s.io/kueue"
_CONTOUR = "github.com/projectcontour/contour"
_ARGO = "github.com/argoproj/argo-workflows/v4"
KUBERAY = Controller(
    _module("KubeRay", _RAY, _RAY, "it took 3 minutes"),
    "config/crd/bases",
    ("--metrics-addr=0", "--health-probe-bind-address=0", "--enable-leader-election=false"),
)
TRAINING_OPERATOR = Controller(
    _module("training-operator", _TRAIN, f"{_TRAIN}/cmd/training-operator.v1", "it took 3 to 6 minutes"),
    "manifests/base/crds",
    ("--metrics-bind-address=0", "--health-probe-bind-address=0"),
)
TRAINER = Controller(
    _module("Trainer", _TRAINER, f"{_TRAINER}/cmd/trainer-controller-manager", "it took 3 to 6 minutes"),
    "manifests/base/crds",
)
# What Trainer makes, too.
JOBSET = Controller(
    _module("JobSet", "sigs.k8s.io/jobset", "sigs.k8s.io/jobset", "it took 3 to 6 minutes"),
    "config/components/crd/bases",
)
KUEUE = Controller(
    _module("Kueue", _KUEUE, f"{_KUEUE}/cmd/kueue", "it took 3 to 6 minutes"),
    "config/components/crd/bases",
    ("--feature-gates=VisibilityOnDemand=false",),
)
CONTOUR = Controller(
    _module("Contour", _CONTOUR, f"{_CONTOUR}/cmd/contour", "it took 3 to 6 minutes"),
    "examples/contour",
    (
        "serve",
        "--insecure",
        "--disable-leader-election",
        *(f"--disable-feature={each}" for each in ("tlsroutes", "tcproutes", "backendtlspolicies")),
        *(f"--{each}-address=127.0.0.1" for each in ("xds", "http", "health", "debug-http")),
    ),
)
# Nothing is built of it: it has the definitions.
GATEWAY_API = Module(
    "Gateway API",
    "sigs.k8s.io/gateway-api",
    Path(__file__).parent / "modules" / "gateway-api",
    {},
    "nothing",
    lambda _version: {},
)
ARGO = Controller(
    _module("Argo-Workflows", _ARGO, f"{_ARGO}/cmd/workflow-controller", "it took 3 to 6 minutes"),
    "manifests/base/crds/minimal",
    ("--executor-image=registry.example/argoexec:1",),
    {"LEADER_ELECTION_DISABLE": "true"},
)
