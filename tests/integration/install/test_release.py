"""The files of a release: made by one command, the same each time, and each of them works."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from cluster.helm import helm
from cluster.layout import PYTHON_PATH, REPO_ROOT
from environment_operator import __version__
from release import here

PYTHON = ".".join(map(str, sys.version_info[:2]))
URL = "https://files.example.com/environment-operator"
PLUGIN = f"kubectl-environment-{__version__}-{here()}.tar.gz"
COMPONENTS = f"environment-operator-{__version__}.cdx.json"
CHART = f"environment-operator-{__version__}.tgz"
PLAIN = f"environment-operator-{__version__}.yaml"


def released(folder: Path) -> Path:
    """Return a folder with the files of a release for this machine and its Python, without the image."""
    options = ["--url", URL, "--out", str(folder), "--platform", here(), "--python", PYTHON, "--no-image"]
    command = [sys.executable, "-m", "release", *options]
    subprocess.run(command, cwd=REPO_ROOT, env={**os.environ, "PYTHONPATH": PYTHON_PATH}, check=True)
    return folder


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the files."""
    return released(tmp_path_factory.mktemp("release") / "dist")


def test_files(out: Path) -> None:
    """There is all that people install from, and the checksum of each file is right."""
    lines = (out / "SHA256SUMS").read_text("utf-8").splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()}
    del found["SHA256SUMS"]

    wheel = f"environment_operator-{__version__}-py3-none-any.whl"
    assert {wheel, CHART, PLAIN, COMPONENTS, PLUGIN, "environment.yaml"} == found.keys()
    assert sums == found


def test_the_same_each_time(out: Path, tmp_path: Path) -> None:
    """A second run makes the same files, byte by byte."""
    assert (out / "SHA256SUMS").read_text() == (released(tmp_path / "dist") / "SHA256SUMS").read_text()


def test_plugin(out: Path, tmp_path: Path) -> None:
    """What krew downloads has the digest of its manifest, and its program runs where there is Python alone."""
    spec = yaml.safe_load((out / "environment.yaml").read_text("utf-8"))["spec"]
    (platform,) = spec["platforms"]
    archive = out / platform["uri"].removeprefix(f"{URL}/")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(Path(sys.executable).resolve())
    alone = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    program = tmp_path / platform["bin"]
    said = [
        subprocess.run([program, option], env=alone, capture_output=True, text=True, check=True).stdout
        for option in ("--version", "--help")
    ]

    assert hashlib.sha256(archive.read_bytes()).hexdigest() == platform["sha256"]
    assert f"kubectl environment {__version__}\n" == said[0]
    assert said[1].startswith("Usage: kubectl environment")


def test_chart_and_manifests(out: Path) -> None:
    """The packed chart renders the objects of the one manifest, which has the namespace besides."""
    rendered = helm("template", "any", str(out / CHART), "--no-hooks").stdout
    plain = (out / PLAIN).read_text("utf-8")
    names = [
        {(e["kind"], e["metadata"]["name"]) for e in yaml.load_all(text, yaml.CSafeLoader) if e}
        for text in (rendered, plain)
    ]

    assert {("Namespace", "environments-system")} == names[1] - names[0]
    assert set() == names[0] - names[1]


def test_components(out: Path) -> None:
    """The list of components has what the operator needs, with version and hash, and nothing of its tests."""
    found = json.loads((out / COMPONENTS).read_text("utf-8"))
    components = {each["name"]: each for each in found["components"]}

    assert ("environment-operator", __version__) == tuple(
        found["metadata"]["component"][k] for k in ("name", "version")
    )
    assert {"kopf", "kubernetes", "pydantic", "aiohttp", "cryptography"} <= components.keys()
    assert "pytest" not in components
    for each in components.values():
        assert each["version"]
        assert [h for reference in each["externalReferences"] for h in reference.get("hashes", ())]
