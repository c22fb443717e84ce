"""The commands and objects in the documents of deploy/ are taken by a real API server as they stand there.

Those of deploy/README.md are in test_installing.py and alone/test_cli_uninstall.py.
"""

import re
import subprocess
from collections.abc import Iterator

import pytest

from builders import manifest, workload
from cluster.layout import REPO_ROOT
from cluster.waiting import PATIENCE_SECONDS
from kube import Kube
from plugin import Plugin

TEXTS = {path.name: path.read_text("utf-8") for path in (REPO_ROOT / "deploy").glob("*.md") if path.stem != "README"}
BLOCKS = [
    (name, *found) for name, text in TEXTS.items() for found in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
]
COMMANDS = [
    (name, line) for name, form, block in BLOCKS if form == "console" for line in block.replace("\\\n", "").splitlines()
]
# They go on until they are interrupted: the ring node/ forwards to a Pod that runs, console/ opens the page.
UNENDING = ("kubectl port-forward", "kubectl environment ui")
# Objects of Argo CD and Flux, which are not in the cluster: unit/test_argocd.py reads them.
ELSEWHERE = ("argoproj.io/v1alpha1", "kustomize.toolkit.fluxcd.io/v1")
OBJECTS = [
    (name, block)
    for name, form, block in BLOCKS
    if form == "yaml" and not block.startswith(tuple(f"apiVersion: {each}" for each in ELSEWHERE))
]
READS = ("kubectl get", "kubectl describe", "kubectl auth", "kubectl explain", "kubectl environment")


@pytest.fixture(scope="module")
def names(rest: object) -> dict[str, str]:  # noqa: ARG001 - there is a cluster
    """Return what the project and the Environment of the documents are called here."""
    return {"vision": Kube.unique("vision"), "jupyter": Kube.unique("jupyter")}


@pytest.fixture
def stage(kube: Kube, names: dict[str, str]) -> Iterator[None]:
    """Make what the documents speak of: a project, an Environment with a tool, and a notebook that uses it."""
    path = f"/api/v1/namespaces/{names['vision']}"
    kube.rest.create("/api/v1/namespaces", {"metadata": {"name": names["vision"]}})
    custom = {"type": "ExternalURL", "assign": "Custom"}
    kube.apply(manifest(names["jupyter"], tools=[{"name": "lab", "type": "JupyterNotebook", "connection": custom}]))
    notebook = workload("Deployment", "notebook", names["vision"], names["jupyter"])
    notebook["metadata"]["annotations"] = {"tools.environments.dev/lab": f"/{names['vision']}"}
    kube.apply(notebook)
    yield
    kube.kubectl("delete", "deployment", "notebook", "-n", names["vision"])
    kube.rest.delete(path)


@pytest.mark.usefixtures("stage")
def test_every_command_is_taken(plugin: Plugin, names: dict[str, str]) -> None:
    """Each command that reads is run, each that writes is tried on the API server without storing anything."""
    for name, line in COMMANDS:
        if line.startswith(UNENDING):
            continue
        for theirs, ours in names.items():
            line = re.sub(rf"\b{theirs}\b", ours, line)  # noqa: PLW2901 - the same command
        command = line if line.startswith(READS) else f"{line} --dry-run=server"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env=plugin.variables(),
            cwd=REPO_ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert 0 == done.returncode, f"{name}: {command}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize(("name", "block"), OBJECTS)
def test_every_object_is_taken(kube: Kube, name: str, block: str) -> None:
    """Each object is one that the API server would store."""
    assert "(server dry run)" in kube.kubectl("apply", "--dry-run=server", "-f", "-", stdin=block), name
