"""The tour of the plugin's reference, each command run as it stands there."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from builders import manifest, workload
from kube import Kube
from plugin import Plugin
from tool_users import until_made

REFERENCE = (Path(__file__).parents[3] / "operator/cli.md").read_text(encoding="utf-8")
SECTION = REFERENCE.partition("\n## A tour\n")[2].partition("\n## ")[0]
EXAMPLES = re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL)
PROJECT = "vision"
JUPYTER = manifest(
    "jupyter", workloadTypes=["Workspace", "Training"], tools=[{"name": "lab", "type": "JupyterNotebook"}]
)


@pytest.fixture
def stage(kube: Kube, routes: None) -> Iterator[None]:  # noqa: ARG001 - they are served
    """Make what the examples speak of: a project, an Environment and a workload."""
    kube.until_project(PROJECT)
    kube.apply(JUPYTER)
    kube.until_ready("jupyter")
    kube.apply(workload("Deployment", "notebook", PROJECT, "jupyter"))
    kube.until_used("jupyter", 1)
    until_made(kube, "httproute", PROJECT, "environment-T-lab")
    yield
    # Other tests have an Environment of this name too.
    kube.kubectl("delete", "deployment", "notebook", "-n", PROJECT)
    kube.kubectl("delete", "all", "--all", "-n", PROJECT)
    kube.until_used("jupyter", 0)
    kube.kubectl("delete", "env", "jupyter")
    kube.rest.delete(f"/api/v1/namespaces/{PROJECT}")


@pytest.mark.usefixtures("stage")
def test_every_example_runs(plugin: Plugin, tmp_path: Path) -> None:
    """Each line works, one after the other."""
    job = workload("Job", "lifted", PROJECT)
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    (tmp_path / "notebook.yaml").write_text(yaml.safe_dump(workload("Deployment", "notebook", PROJECT)))
    (tmp_path / "jupyter.yaml").write_text(yaml.safe_dump(JUPYTER))
    asset = {
        "meta": {"name": "lab", "scope": "project", "projectId": 4501},
        "spec": {"image": "registry.example/lab:1"},
    }
    (tmp_path / "assets.json").write_text(json.dumps(asset))
    for line in (line for block in EXAMPLES for line in block.splitlines()):
        done = subprocess.run(
            line, shell=True, cwd=tmp_path, env=plugin.variables(), capture_output=True, text=True, check=False
        )
        assert 0 == done.returncode, f"{line}: {done.stdout}{done.stderr}"
