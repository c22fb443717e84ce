"""The Environments of deploy/catalogue on a real API server: ready, without warnings, and used by six lines."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Cluster
from cluster.layout import REPO_ROOT
from cluster.rest import Rest
from environment_operator.api.tools import base_path_variable
from kube import Kube, Operator
from third_party import install, uninstall

FOLDER = REPO_ROOT / "deploy" / "catalogue"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
RESOURCES = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
MANIFESTS: dict[str, dict[str, Any]] = {
    made["metadata"]["name"]: made
    for made in (yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")) for name in RESOURCES)
}
HEAD = """kind: {kind}
metadata: {{name: six-lines, labels: {{environments.dev/environment: {environment}}}}}
spec:
"""
PODS = """  selector: {{matchLabels: {{app: x}}}}
  template: {{metadata: {{labels: {{app: x}}}}, spec: {{containers: [{{name: main, env: {env}}}]}}}}
"""
# Framework and workload type: API version, kind, and what the spec holds.
WORKLOADS = {
    (None, "Workspace"): ("apps/v1", "StatefulSet", PODS),
    (None, "Inference"): ("apps/v1", "Deployment", PODS),
    (None, "Training"): (
        "batch/v1",
        "Job",
        "  template:\n    spec: {{restartPolicy: Never, containers: [{{name: main, env: {env}}}]}}\n",
    ),
    ("PyTorch", "Training"): (
        "kubeflow.org/v1",
        "PyTorchJob",
        "  pytorchReplicaSpecs:\n    Worker: {{template: {{spec: {{containers: [{{name: pytorch}}]}}}}}}\n",
    ),
    ("TensorFlow", "Training"): (
        "kubeflow.org/v1",
        "TFJob",
        "  tfReplicaSpecs:\n    Worker: {{template: {{spec: {{containers: [{{name: tensorflow}}]}}}}}}\n",
    ),
    ("Ray", "Training"): (
        "ray.io/v1",
        "RayCluster",
        "  headGroupSpec:\n    template: {{spec: {{containers: [{{name: ray-head}}]}}}}\n",
    ),
    ("Ray", "Inference"): (
        "ray.io/v1",
        "RayService",
        "  rayClusterConfig:\n    headGroupSpec: {{template: {{spec: {{containers: [{{name: ray-head}}]}}}}}}\n",
    ),
}
CASES = [(name, kind) for name, made in MANIFESTS.items() for kind in made["spec"]["workloadTypes"]]
LINES = 6


@pytest.fixture(scope="module")
def applied(cluster: Cluster, rest: Rest, operator: Operator) -> Iterator[str]:  # noqa: ARG001 - it runs
    """Apply the whole catalogue, with the kinds of other projects that use it; return what kubectl warned of."""
    found = install(rest, "pytorchjob", "tfjob", "raycluster", "rayservice")
    done = cluster.kubectl("apply", "-k", str(FOLDER))
    yield done.stderr
    cluster.kubectl("delete", "-k", str(FOLDER), "--wait=false")
    uninstall(rest, found)


def workload(name: str, kind: str) -> str:
    """Return a workload that names an Environment, and gives nothing but the variables that it asks for."""
    spec = MANIFESTS[name]["spec"]
    asked = [{"name": v["name"], "value": "team/model"} for v in spec.get("env", ()) if v.get("required")]
    version, workload_kind, body = WORKLOADS[spec.get("framework"), kind]
    text = f"apiVersion: {version}\n{HEAD}{body}"
    return text.format(kind=workload_kind, environment=name, env=json.dumps(asked))


def containers(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the containers of an object of any kind."""
    if isinstance(value, dict):
        yield from value.get("containers") or ()
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from containers(inner)


def test_ready(kube: Kube, applied: str) -> None:
    """All of them become ready; nothing is warned of when they are applied, nor in their conditions."""
    for name in MANIFESTS:
        kube.until_ready(name)

    assert "" == applied
    assert {} == {name: found for name in MANIFESTS if (found := kube.condition(name, "Warnings"))}


@pytest.mark.usefixtures("applied")
@pytest.mark.parametrize(("name", "kind"), CASES, ids=lambda value: value)
def test_six_lines_are_enough(kube: Kube, project: str, name: str, kind: str) -> None:
    """Each workload type is admitted with six lines and no warning, and its tools have their base URL."""
    kube.until_ready(name)
    text, spec = workload(name, kind), MANIFESTS[name]["spec"]
    done = kube.cluster.kubectl("create", "-n", project, "--dry-run=server", "-o", "json", "-f", "-", input=text)
    stored = list(containers(json.loads(done.stdout)["spec"]))

    assert LINES == len(text.splitlines())
    assert "" == done.stderr
    assert {spec["image"]} == {container["image"] for container in stored}
    for tool in spec.get("tools", ()):
        (variable,) = [v for v in stored[0]["env"] if v["name"] == base_path_variable(tool["name"])]
        assert ("connection" not in tool) == variable.get("value", "").startswith("/environments/")


def test_the_example_of_the_readme(kube: Kube, project: str, applied: str) -> None:  # noqa: ARG001 - it is there
    """The workspace that the README shows is admitted as it stands there."""
    (block,) = [text for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "kind: StatefulSet" in text]
    kube.until_ready("jupyter-scipy")
    done = kube.cluster.kubectl("create", "-n", project, "--dry-run=server", "-f", "-", input=block)

    assert (LINES, "") == (len(block.splitlines()), done.stderr)


def built(kube: Kube, folder: Path, text: str) -> dict[str, dict[str, Any]]:
    """Return the Environments that a kustomization makes, by name: it makes nothing else."""
    (folder / "kustomization.yaml").write_text(text.replace("deploy/catalogue", os.path.relpath(FOLDER, folder)))
    found = list(yaml.load_all(kube.kubectl("kustomize", str(folder)), yaml.CSafeLoader))
    assert {"Environment"} == {made["kind"] for made in found}
    return {made["metadata"]["name"]: made["spec"] for made in found}


def test_another_image(kube: Kube, tmp_path: Path) -> None:
    """`images` of a kustomization that builds on the catalogue change the images that they name, and no other."""
    image = "{name: docker.io/pytorch/pytorch, newName: mirror.example/torch, newTag: '9'}"
    found = built(kube, tmp_path, f"resources: [deploy/catalogue]\nimages: [{image}]\n")
    before = {name: made["spec"]["image"] for name, made in MANIFESTS.items()}
    changed = {name: spec["image"] for name, spec in found.items() if spec["image"] != before[name]}

    assert dict.fromkeys(("pytorch", "pytorch-distributed"), "mirror.example/torch:9") == changed


def test_a_mirror(kube: Kube, tmp_path: Path) -> None:
    """The kustomization of the README points all images at one registry, and changes what else it says it does."""
    (text,) = [text for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "replacements:" in text]
    found = built(kube, tmp_path, text)
    paths = {name: made["spec"]["image"].partition("/")[2] for name, made in MANIFESTS.items()}
    paths["jupyter-minimal"] = "jupyter/minimal-notebook:2026-02-23"

    assert {name: f"mirror.example/hub/{path}" for name, path in paths.items()} == {
        name: spec["image"] for name, spec in found.items()
    }
    assert [{"departments": ["research"]}] * len(found) == [spec["scope"] for spec in found.values()]
    assert {"ExternalURL"} == {
        tool.get("connection", {}).get("type", "ExternalURL")
        for spec in found.values()
        for tool in spec.get("tools", ())
    }
