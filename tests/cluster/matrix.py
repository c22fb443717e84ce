"""The tests on other versions of Kubernetes: ``python -m cluster.matrix v1.33.5 v1.34.4``, or ``make test-matrix``.

An API server and a controller manager of each version are built once, from the modules of that version; etcd and
kubectl are those of every test cluster. What go.sum pins for one version is not known for another, so Go asks for it.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from cluster import binaries, modules, toolchain
from cluster.layout import REPO_ROOT, cache_directory
from cluster.source import ASSETS_VARIABLE

PROGRAMS = ("kube-apiserver", binaries.CONTROLLERS)
USUAL = ("tests/integration/admission", "tests/integration/controller", "tests/integration/environments")


def module(version: str) -> str:
    """Return a go.mod for the programs of a version, such as v1.34.4: its staging modules have that version, too."""
    staging = re.sub(r"^v1\.", "v0.", version)
    pinned = (modules.HERE / "go.mod").read_text(encoding="utf-8")
    named = re.findall(r"^\t(k8s\.io/\S+) => ", pinned, re.MULTILINE)
    replaced = "\n".join(f"\t{name} => {name} {staging}" for name in named)
    go = ".".join(map(str, modules.KUBERNETES.go_version))
    return f"""\
module environments.dev/matrix

go {go}.0

require k8s.io/kubernetes {version}

replace (
{replaced}
)
"""


def built(version: str) -> Path:
    """Return the folder with the programs of a version, built unless they are there."""
    folder = cache_directory() / f"matrix-{version}"
    if all((folder / name).exists() for name in PROGRAMS):
        return folder
    go = toolchain.find(modules.KUBERNETES.go_version, cache_directory(), say)
    with tempfile.TemporaryDirectory(dir=cache_directory(), prefix=".building-matrix-") as place:
        Path(place, "go.mod").write_text(module(version), encoding="utf-8")
        environ = {**os.environ, "CGO_ENABLED": "0", "GOBIN": f"{place}/bin", "GOFLAGS": "-mod=mod", "GOWORK": "off"}
        flags = " ".join(f"-X {key}={value}" for key, value in modules.KUBERNETES.variables(version).items())
        packages = (modules.KUBERNETES.packages[name] for name in PROGRAMS)
        command = [str(go), "install", "-trimpath", "-ldflags", f"-s -w {flags}", *packages]
        subprocess.run(command, cwd=place, env=environ, check=True)
        binaries.ensure(binaries.API, say)
        for name in set(binaries.API) - set(PROGRAMS):
            Path(place, "bin", name).symlink_to(binaries.path(name))
        Path(place, "bin").rename(folder)
    return folder


def say(line: str) -> None:
    """Print a line at once."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def _version(text: str) -> str:
    """Return a version as the command line has it."""
    if not re.fullmatch(r"v1\.[0-9]+\.[0-9]+", text):
        raise argparse.ArgumentTypeError(f'"{text}" is no version such as v1.34.4')
    return text


def main() -> int:
    """Run the tests on each version; return how many versions failed."""
    parser = argparse.ArgumentParser(prog="cluster.matrix", description=__doc__.partition(":")[0])
    parser.add_argument("versions", nargs="+", type=_version, help="such as v1.34.4")
    parser.add_argument("--tests", nargs="+", default=USUAL, help="the paths to run; further options go to pytest")
    given, options = parser.parse_known_args()
    failed = []
    for version in given.versions:
        say(f"{version}: building {' and '.join(PROGRAMS)}, unless they are there")
        environ = {**os.environ, ASSETS_VARIABLE: str(built(version))}
        command = [sys.executable, "-m", "pytest", "-q", *given.tests, *options]
        done = subprocess.run(command, cwd=REPO_ROOT, env=environ, check=False)
        say(f"{version}: {'failed' if done.returncode else 'passed'}")
        failed += [version] if done.returncode else []
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
