"""The examples in deploy/examples do what they say on a real API server: apply, use, be guarded, go.

So does the picture with which the README begins.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Cluster
from cluster.layout import REPO_ROOT
from cluster.waiting import PATIENCE_SECONDS
from environment_operator import names
from kube import Kube
from plugin import Plugin

FOLDER = REPO_ROOT / "deploy" / "examples"
REGISTRY = "registry.example/"


@dataclass(frozen=True)
class Example:
    """One file: its Environment, the workload that uses it, and the only place where its scope lets it be used."""

    file: str
    environment: str
    group: str
    kind: str
    name: str
    project: str = ""
    department: str = ""

    @property
    def path(self) -> Path:
        """Where the file is."""
        return FOLDER / self.file

    def objects(self) -> list[dict[str, Any]]:
        """Return the objects in the file."""
        return list(yaml.safe_load_all(self.path.read_text(encoding="utf-8")))


EXAMPLES = (
    Example("jupyter-workspace.yaml", "jupyter-scipy", "apps", "StatefulSet", "notebook"),
    Example("pytorch-training.yaml", "pytorch-ddp", "batch", "Job", "ddp", project="vision"),
    Example("inference-server.yaml", "vllm-server", "apps", "Deployment", "text-server", department="language"),
)


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda example: Path(example.file).stem)
def example(request: pytest.FixtureRequest) -> Example:
    """Return each example in turn."""
    found: Example = request.param
    return found


@pytest.fixture(scope="module")
def project(cluster: Cluster, example: Example) -> Iterator[str]:
    """Return a new project inside the scope of the example; it is deleted afterwards."""
    name = example.project or Kube.unique("project")
    cluster.kubectl("create", "namespace", name)
    if example.department:
        cluster.kubectl("label", "namespace", name, f"{names.DEPARTMENT}={example.department}")
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def applied(kube: Kube, example: Example, project: str) -> Iterator[Example]:
    """Return the example, applied to the project; afterwards nothing of it is left."""
    apply(kube, example, project)
    yield example
    kube.until("the deletion to be allowed", lambda: deleted(kube, example, project))
    kube.until_gone("environment", example.environment)


def apply(kube: Kube, example: Example, project: str) -> None:
    """Apply an example to a project as its comment says."""
    kube.kubectl("apply", "-n", project, "-f", str(example.path))


def deleted(kube: Kube, example: Example, project: str) -> bool:
    """Delete what is in an example, and say whether that was accepted for all of it."""
    options = ("--ignore-not-found", "--wait=false")
    return kube.cluster.kubectl("delete", "-n", project, "-f", str(example.path), *options, check=False).returncode == 0


def versions(kube: Kube, example: Example, project: str) -> tuple[str, str]:
    """Return the resourceVersion of the Environment and of the workload."""
    workload = kube.get(example.kind, example.name, project)
    assert workload is not None, f"there is no {example.kind} {example.name}"
    return kube.environment(example.environment)["metadata"]["resourceVersion"], workload["metadata"]["resourceVersion"]


def images(objects: list[dict[str, Any]]) -> set[str]:
    """Return the images in pod templates and Environments."""
    specs = [o["spec"] for o in objects]
    templates = [s["template"]["spec"]["containers"] for s in specs if "template" in s]
    return {s["image"] for s in specs if "image" in s} | {c["image"] for found in templates for c in found}


def test_every_example_is_tested() -> None:
    """No file in deploy/examples is left out here."""
    assert sorted(example.file for example in EXAMPLES) == sorted(path.name for path in FOLDER.iterdir())


def test_what_is_in_it(example: Example) -> None:
    """An example holds one Environment and one user of it, without a fixed project and with one and the same image."""
    objects = example.objects()
    users = [o for o in objects if names.REFERENCE in o["metadata"].get("labels", {})]
    found = images(objects)

    assert [example.environment] == [o["metadata"]["name"] for o in objects if o["kind"] == names.KIND]
    assert [example.environment] == [user["metadata"]["labels"][names.REFERENCE] for user in users]
    assert not [o["metadata"]["namespace"] for o in objects if "namespace" in o["metadata"]]
    assert 1 == len(found)
    assert all(image.startswith(REGISTRY) for image in found)


def test_use(kube: Kube, applied: Example, project: str) -> None:
    """The Environment becomes ready and counts the workload once, inside its scope and by its name."""
    kube.until_ready(applied.environment)
    kube.until_used(applied.environment, 1)
    status = kube.status(applied.environment)
    user = {"group": applied.group, "kind": applied.kind, "namespace": project, "name": applied.name}
    counts = {"total": 1, "workloads": 1, "templates": 0, "outOfScope": 0}

    assert [user] == status["workloads"]
    assert counts == {key: status["usage"][key] for key in counts}


def test_deletion(kube: Kube, applied: Example, project: str) -> None:
    """The Environment cannot be deleted while the workload is there, and goes after it."""
    kube.until_used(applied.environment, 1)

    assert "used by 1 workload" in kube.refused("delete", "environment", applied.environment)
    kube.kubectl("delete", applied.kind, applied.name, "-n", project)
    kube.until_used(applied.environment, 0)
    kube.kubectl("delete", "environment", applied.environment, "--wait=false")
    kube.until_gone("environment", applied.environment)


def test_applied_twice(kube: Kube, applied: Example, project: str) -> None:
    """Once operator and controllers have settled, applying the file again writes nothing and counts nobody twice."""
    kube.until_ready(applied.environment)
    kube.until_used(applied.environment, 1)

    def writes_nothing() -> bool:
        before = versions(kube, applied, project)
        apply(kube, applied, project)
        return before == versions(kube, applied, project)

    kube.until("applying it again to write nothing", writes_nothing)
    kube.until_used(applied.environment, 1)


def test_before_and_after(kube: Kube, plugin: Plugin, tmp_path: Path) -> None:
    """What is stored for the README's six lines is what is stored for its twenty, with the Environment shown there."""
    section = (REPO_ROOT / "README.md").read_text(encoding="utf-8").partition("## Before and after\n")[2]
    environment, project = kube.unique("pytorch"), kube.unique("vision")
    names_here = {
        "{name: pytorch}": f"{{name: {environment}}}",
        "ment: pytorch": f"ment: {environment}",
        "vision": project,
    }
    for theirs, ours in names_here.items():
        section = section.replace(theirs, ours)
    before, after, manifest = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)[:3]
    (commands,) = re.findall(r"```console\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    for file, text in {"before.yaml": before, "train.yaml": after, "environment.yaml": manifest}.items():
        (tmp_path / file).write_text(text)
    kube.rest.create("/api/v1/namespaces", {"metadata": {"name": project}})
    command = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=plugin.variables(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (0, "", True) == (done.returncode, done.stderr, environment in done.stdout)
    kube.until_used(environment, 1)
    short = pod_spec(kube, project)
    kube.kubectl("delete", "job", "train", "-n", project)
    kube.kubectl("apply", "-n", project, "-f", str(tmp_path / "before.yaml"))
    long = pod_spec(kube, project)
    kube.rest.delete(f"/api/v1/namespaces/{project}")

    assert long == short


def pod_spec(kube: Kube, project: str) -> dict[str, Any]:
    """Return the pod spec of the README's Job as it is stored."""
    job = kube.get("job", "train", project)
    assert job is not None
    found: dict[str, Any] = job["spec"]["template"]["spec"]
    return found
