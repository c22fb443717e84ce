"""The examples in deploy/examples do what they say on a real API server: apply, use, refresh, be guarded, go.

So does the picture with which the README begins.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Cluster
from cluster.layout import REPO_ROOT
from cluster.rest import Rest
from cluster.waiting import PATIENCE_SECONDS
from environment_operator.api import names
from kube import Kube
from plugin import Plugin
from third_party import install, uninstall

FOLDER = REPO_ROOT / "deploy" / "examples"
REGISTRY = "registry.example/"
GIVEN = {"image", "command", "args", "workingDir", "ports", "readinessProbe", "securityContext"}


@dataclass(frozen=True)
class Example:
    """A workload and the Environment that it uses, and the only place where its scope lets it be used.

    Args:
        stem: the name of both files.
        environment: the name of the Environment.
        group: the API group of the workload.
        kind: its kind.
        name: its name.
        templates: where its pod templates are.
        project: the project in which it may be used, empty where any will do.
        department: the department of that project.
    """

    stem: str
    environment: str
    group: str
    kind: str
    name: str
    templates: tuple[tuple[str, ...], ...] = (("spec", "template"),)
    project: str = ""
    department: str = ""

    @property
    def files(self) -> tuple[Path, Path]:
        """The file of the Environment and that of the workload, in the order in which they are applied."""
        return FOLDER / f"{self.stem}.environment.yaml", FOLDER / f"{self.stem}.yaml"

    def workload(self) -> dict[str, Any]:
        """Return the workload as it is applied."""
        found: dict[str, Any] = yaml.safe_load(self.files[1].read_text(encoding="utf-8"))
        return found

    def pods(self, workload: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the pod specs of the workload, as applied or as stored."""
        return [reduce(dict.__getitem__, path, workload)["spec"] for path in self.templates]

    def lines(self) -> tuple[int, dict[str, Any]]:
        """Return how many lines the workload has, and the pod spec that is written under them."""
        head, written = self.files[1].read_text(encoding="utf-8").split("\n# What admission makes of ")
        spec = re.sub(r"(?m)^# {0,3}", "", written.partition("\n")[2])
        return sum(not line.startswith("#") for line in head.strip().splitlines()), yaml.safe_load(spec)


ROLES = tuple(("spec", "pytorchReplicaSpecs", role, "template") for role in ("Master", "Worker"))
EXAMPLES = (
    Example("jupyter-workspace", "jupyter-scipy", "apps", "StatefulSet", "notebook"),
    Example("pytorch-training", "pytorch-ddp", "kubeflow.org", "PyTorchJob", "ddp", ROLES, project="vision"),
    Example("inference-server", "vllm-server", "apps", "Deployment", "text-server", department="language"),
)


@pytest.fixture(scope="module", autouse=True)
def definitions(rest: Rest) -> Iterator[None]:
    """Have the kinds of other projects that the examples use."""
    found = install(rest, "pytorchjob")
    yield
    uninstall(rest, found)


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda example: example.stem)
def example(request: pytest.FixtureRequest) -> Example:
    """Return each example in turn."""
    found: Example = request.param
    return found


@pytest.fixture(scope="module")
def project(cluster: Cluster, rest: Rest, example: Example) -> Iterator[str]:
    """Return a new project inside the scope of the example; it is deleted afterwards."""
    name = example.project or Kube.unique("project")
    Kube(cluster, rest).until_project(name)
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
    """Apply an example to a project, the Environment first, as its comment says."""
    for file in example.files:
        kube.kubectl("apply", "-n", project, "-f", str(file))


def deleted(kube: Kube, example: Example, project: str) -> bool:
    """Delete what is in an example, and say whether that was accepted for all of it."""
    options = (*(f"--filename={file}" for file in reversed(example.files)), "--ignore-not-found", "--wait=false")
    return kube.cluster.kubectl("delete", "-n", project, *options, check=False).returncode == 0


def versions(kube: Kube, example: Example, project: str) -> tuple[str, str]:
    """Return the resourceVersion of the Environment and of the workload."""
    workload = kube.get(example.kind, example.name, project)
    assert workload is not None, f"there is no {example.kind} {example.name}"
    return kube.environment(example.environment)["metadata"]["resourceVersion"], workload["metadata"]["resourceVersion"]


def as_pod(kube: Kube, project: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return what the API server would store of a pod spec, with all defaults, but for the paths of tools."""
    # A StatefulSet's controller adds the volumes of its claims.
    mounted = {mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", ())}
    claims = mounted - {volume["name"] for volume in spec.get("volumes", ())}
    volumes = [*spec.get("volumes", ()), *({"name": name, "emptyDir": {}} for name in sorted(claims))]
    own = {"automountServiceAccountToken": False, "volumes": volumes}
    body = {"metadata": {"name": "p"}, "spec": {**spec, **own}}
    reply = kube.rest.create(f"/api/v1/namespaces/{project}/pods?dryRun=All", body)
    assert reply.ok, reply.message
    variables = [v for c in reply.body["spec"]["containers"] for v in c.get("env", ()) if "_BASE_PATH" in v["name"]]
    for variable in variables:
        variable.pop("value", None)
    found: dict[str, Any] = reply.body["spec"]
    return found


def test_every_example_is_tested() -> None:
    """No file in deploy/examples is left out here."""
    tested = {file.name for example in EXAMPLES for file in example.files}

    assert tested == {path.name for path in FOLDER.iterdir()}


def test_what_is_in_it(example: Example) -> None:
    """An example begins with a workload of twelve lines, which has no image and no project of its own."""
    workload, (lines, _) = example.workload(), example.lines()
    containers = [container for spec in example.pods(workload) for container in spec["containers"]]

    assert 12 >= lines
    assert example.environment == workload["metadata"]["labels"][names.REFERENCE]
    assert "namespace" not in workload["metadata"]
    assert [] == [name for container in containers for name in GIVEN & container.keys()]


def test_what_admission_makes_of_it(kube: Kube, applied: Example, project: str) -> None:
    """What stands under the workload is what is stored."""
    _, written = applied.lines()
    stored = kube.get(applied.kind, applied.name, project)
    assert stored is not None
    *_, last = applied.pods(stored)

    assert as_pod(kube, project, written) == as_pod(kube, project, last)


def test_refresh(kube: Kube, plugin: Plugin, applied: Example, project: str) -> None:
    """When its Environment gets another image the workload is outdated, and a refresh gives it the new one."""
    name, image = applied.environment, f"{REGISTRY}newer:2"
    kube.until_used(name, 1)
    kube.kubectl("patch", "environment", name, "--type=merge", "-p", json.dumps({"spec": {"image": image}}))
    kube.until("the workload to be outdated", lambda: kube.status(name)["usage"]["outdated"] == 1)
    plugin("refresh", f"{applied.kind}/{applied.name}", "-n", project)
    stored = kube.get(applied.kind, applied.name, project)
    kube.until("the workload to be up to date", lambda: kube.status(name)["usage"]["outdated"] == 0)

    assert stored is not None
    assert {image} == {container["image"] for spec in applied.pods(stored) for container in spec["containers"]}


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
