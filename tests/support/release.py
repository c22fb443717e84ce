"""``python -m release``: the files of a release in ``dist/``, from this checkout and the lock file; nothing is sent.

The wheel, the chart, the plain manifests in one file, the plugin as archives with their manifest for krew, the list of
components, the checksums of all of them, and the image where an engine can build it.
"""

import argparse
import gzip
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cluster import binaries
from cluster.helm import CHART, helm
from cluster.layout import REPO_ROOT
from environment_operator import __version__

NAME, PLUGIN = "environment-operator", "kubectl-environment"
# Compiled packages are for one system, and for one version of Python each: an archive has them for all of these.
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS: Mapping[str, str] = {
    "linux-amd64": "x86_64-unknown-linux-gnu",
    "linux-arm64": "aarch64-unknown-linux-gnu",
    "darwin-amd64": "x86_64-apple-darwin",
    "darwin-arm64": "aarch64-apple-darwin",
}
# Every file in an archive is as old as this, so that two runs make the same: 1980, before which zip knows no time.
EPOCH = 315_532_800
# What is noted of an installation: when, and from which folder.
NOTES = ("RECORD", "direct_url.json", "uv_cache.json")


def main() -> None:
    """Write every file."""
    given = _arguments()
    shutil.rmtree(given.out, ignore_errors=True)
    given.out.mkdir(parents=True)
    os.environ["SOURCE_DATE_EPOCH"] = str(EPOCH)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        pins = runtime_pins(work)
        made = wheel(given.out)
        chart(given.out, work)
        manifests(given.out)
        components(given.out, pins)
        for system in given.platform or PLATFORMS:
            plugin(given.out, work / system, system, given.python or PYTHONS, pins, made)
    krew(given.out, given.url.rstrip("/"))
    checksums(given.out)
    _say(image() if given.image else "the image was not asked for")


def _arguments() -> argparse.Namespace:
    """Return what the command was given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="", help="where the files will be; without it krew gets no manifest")
    parser.add_argument("--out", type=Path, default=REPO_ROOT / "dist", help="folder to write to, which is emptied")
    parser.add_argument("--platform", action="append", choices=PLATFORMS, help="only for this system")
    parser.add_argument("--python", action="append", choices=PYTHONS, help="only for this version of Python")
    parser.add_argument("--no-image", dest="image", action="store_false", help="leave the image out")
    return parser.parse_args()


def runtime_pins(work: Path) -> Path:
    """Write what the operator needs of the lock file, with its hashes, and return the path."""
    needed = set(_needed(NAME, frozenset()))
    lock = (REPO_ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.findall(r"^[a-z0-9](?:.*\\\n)*.*$", lock, re.MULTILINE)
    kept = [block for block in blocks if canonicalize_name(re.split(r"[=\[]", block)[0]) in needed]
    path = work / "runtime.txt"
    path.write_text("".join(f"{block}\n" for block in kept), encoding="utf-8")
    return path


def _needed(name: str, extras: frozenset[str], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the packages that one needs, on any system."""
    for line in metadata.requires(name) or ():
        each = Requirement(line)
        key = canonicalize_name(each.name)
        wanted = each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
        if wanted and key not in seen:
            yield key
            yield from _needed(key, frozenset(each.extras), seen | {key})


def wheel(out: Path) -> Path:
    """Build the wheel, and return its path."""
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out))
    (made,) = out.glob("*.whl")
    return made


def chart(out: Path, work: Path) -> None:
    """Pack the chart as Helm does, without the time of day."""
    helm("package", str(CHART), "--destination", str(work))
    name = f"{NAME}-{__version__}.tgz"
    with tarfile.open(work / name) as packed:
        files = {each.name: packed.extractfile(each) for each in packed if each.isfile()}
        pack(out / name, {key: found.read() for key, found in files.items() if found})


def manifests(out: Path) -> None:
    """Write the plain manifests into one file."""
    binaries.ensure(["kubectl"], _say)
    text = run(str(binaries.path("kubectl")), "kustomize", "deploy")
    (out / f"{NAME}-{__version__}.yaml").write_text(text, encoding="utf-8")


def components(out: Path, pins: Path) -> None:
    """Write the list of components, in the form of CycloneDX."""
    target = out / f"{NAME}-{__version__}.cdx.json"
    options = ("--pyproject", "pyproject.toml", "--output-reproducible", "--output-file", str(target))
    run(sys.executable, "-m", "cyclonedx_py", "requirements", *options, str(pins))


def plugin(out: Path, work: Path, system: str, pythons: Iterable[str], pins: Path, made: Path) -> None:
    """Write the archive of the plugin for a system: one program, which needs only Python, and the licence."""
    site, program = work / "site", work / PLUGIN
    for python in pythons:
        part = work / python
        fit = ("--python-version", python, "--python-platform", PLATFORMS[system], "--only-binary", ":all:")
        install = (_uv(), "pip", "install", "--quiet", "--no-deps", "--target", str(part), *fit)
        run(*install, "--require-hashes", "--requirement", str(pins))
        run(*install, str(made))
        shutil.copytree(part, site, dirs_exist_ok=True)
    shutil.rmtree(site / "bin", ignore_errors=True)
    for note in NOTES:
        for path in site.glob(f"*.dist-info/{note}"):
            path.unlink()
    options = ("--console-script", PLUGIN, "--python", "/usr/bin/env python3", "--reproducible")
    run(sys.executable, "-m", "shiv", *options, "--site-packages", str(site), "--output-file", str(program))
    pack(out / archive(system), {PLUGIN: program.read_bytes(), "LICENSE": (REPO_ROOT / "LICENSE").read_bytes()})


def archive(system: str) -> str:
    """Return the name of the plugin's archive for a system."""
    return f"{PLUGIN}-{__version__}-{system}.tar.gz"


def here() -> str:
    """Return the name of this machine's system."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{platform.system().lower()}-{machine}"


def pack(target: Path, files: Mapping[str, bytes]) -> None:
    """Write files into an archive that is the same for the same files."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, content in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), EPOCH
            info.mode = 0o755 if name == PLUGIN else 0o644
            tar.addfile(info, io.BytesIO(content))


def krew(out: Path, url: str) -> None:
    """Write the manifest for krew: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/."""
    if not url:
        _say("krew gets no manifest: give URL=https://… where the archives will be")
        return
    project = tomllib.loads((REPO_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    manifest = {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "environment"},
        "spec": {
            "version": f"v{__version__}",
            "shortDescription": "Work with Environments for AI workloads",
            "description": project["description"],
            "caveats": f"Needs Python {PYTHONS[0]} to {PYTHONS[-1]} as python3. It unpacks itself into ~/.shiv once.",
            "platforms": list(_platforms(out, url)),
        },
    }
    (out / "environment.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")


def _platforms(out: Path, url: str) -> Iterator[dict[str, Any]]:
    """Yield what the manifest for krew has of each archive."""
    for system in PLATFORMS:
        if (path := out / archive(system)).exists():
            os_name, _, arch = system.partition("-")
            yield {
                "selector": {"matchLabels": {"os": os_name, "arch": arch}},
                "uri": f"{url}/{path.name}",
                "sha256": digest(path),
                "bin": PLUGIN,
            }


def checksums(out: Path) -> None:
    """Write the SHA-256 of every file, in the form that ``sha256sum --check`` reads."""
    lines = [f"{digest(path)}  {path.name}\n" for path in sorted(out.iterdir())]
    (out / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def image() -> str:
    """Build the image where an engine can, and return what became of it, in a sentence."""
    tag = f"{NAME}:{__version__}"
    for engine in _engines():
        run(engine, "build", "--file", "deploy/Dockerfile", "--tag", tag, ".")
        return f"the image is {tag} in {Path(engine).name}"
    return "the image is not built: there is neither buildah nor a Docker engine that answers"


def _engines() -> Iterable[str]:
    """Yield the programs that can build an image here."""
    if buildah := shutil.which("buildah"):
        yield buildah
    docker = shutil.which("docker")
    if docker and not subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        yield docker


def run(*command: str) -> str:
    """Run a program in the checkout, and return what it printed; end with what it said when it failed."""
    done = subprocess.run(command, cwd=REPO_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def _uv() -> str:
    """Return the path of uv, which `make venv` has put there."""
    return shutil.which("uv") or str(REPO_ROOT / ".uv/bin/uv")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
