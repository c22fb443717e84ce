"""A kind of somebody's own, by a row in a file as crds/kinds.md shows: filled in and counted, no code needed."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import manifest
from cluster import manifests, roles
from cluster.layout import REPO_ROOT
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Object, Operator
from plugin import Plugin
from third_party import DEFINITIONS

NAME = "experiments.example.org"
POD: Object = {"spec": {"containers": [{"name": "side", "image": "side:1"}, {"name": "main"}]}}


@pytest.fixture
def experiments(kube: Kube, operator: Operator, tmp_path: Path) -> Iterator[None]:
    """Have the kind of the example, the operator with its row, and what was generated from it applied."""
    (block,) = re.findall(r"```yaml\n(- group.*?)```", (REPO_ROOT / "crds/kinds.md").read_text(), re.DOTALL)
    file = tmp_path / "kinds.yaml"
    file.write_text(block)
    command = [
        sys.executable,
        "-m",
        "environment_operator.manifests.generate",
        "--kinds",
        str(file),
        "--out",
        str(tmp_path),
    ]
    subprocess.run(command, check=True)
    assert kube.rest.create(DEFINITIONS, definition()).ok
    apply(kube, tmp_path)
    kube.cluster.stop_operator()
    operator.start(kinds_file=file)
    manifests.await_admission(kube.cluster.layout)
    yield
    kube.kubectl("delete", "crd", NAME)
    apply(kube, REPO_ROOT)
    kube.cluster.stop_operator()
    operator.start()
    manifests.await_admission(kube.cluster.layout)


def apply(kube: Kube, root: Path) -> None:
    """Apply what depends on the kinds table."""
    layout = kube.cluster.layout
    files = [f"--filename={root}/deploy/{name}.yaml" for name in ("kinds", "policies")]
    manager = f"--field-manager={manifests.FIELD_MANAGER}"
    kube.kubectl("apply", "--server-side", "--force-conflicts", manager, *files)
    manifests.apply_webhooks(layout, root, roles.admission_url(layout), force=True)


def definition() -> Object:
    """Return the definition of the kind, as rough as people write it."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"kind": "Experiment", "plural": "experiments"},
        "versions": [version],
    }
    meta = {"name": NAME}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta, "spec": spec}


@pytest.mark.usefixtures("experiments")
def test_kind_of_somebodys_own(kube: Kube, project: str, tmp_path: Path) -> None:
    """A kind with a row in a file is filled in, role by role, counted and guarded like any other."""
    name, other = kube.unique("env"), kube.unique("env")
    distributed = {"architecture": "Distributed", "framework": "Any", "workloadTypes": ["Training"]}
    for made, image in ((name, "all:1"), (other, "scorer:1")):
        assert kube.rest.create(ENVIRONMENTS, manifest(made, **distributed, image=image)).ok
    asked: Object = {
        "apiVersion": "example.org/v1",
        "kind": "Experiment",
        "metadata": {
            "name": "e",
            "labels": {names.REFERENCE: name, f"{names.ROLE_REFERENCE}evaluator": other},
        },
        "spec": {
            "trainers": [{"name": "big", "template": {"spec": {"containers": [{"name": "x"}]}}}],
            "evaluator": {"template": POD},
        },
    }
    path = f"/apis/example.org/v1/namespaces/{project}/experiments"
    kube.until(
        "the webhook to be called", lambda: names.RECORD in str(kube.rest.create(f"{path}?dryRun=All", asked).body)
    )
    stored = kube.rest.create(path, asked).body
    for used in (name, other):
        kube.until_used(used, 1)

    assert "all:1" == stored["spec"]["trainers"][0]["template"]["spec"]["containers"][0]["image"]
    assert ["side:1", "scorer:1"] == [c["image"] for c in stored["spec"]["evaluator"]["template"]["spec"]["containers"]]
    assert "is used by 1 workload" in kube.rest.delete(f"{ENVIRONMENTS}/{name}").message
    known_to_the_plugin(Plugin(kube.cluster), kube, project, name, other, tmp_path)


def known_to_the_plugin(plugin: Plugin, kube: Kube, project: str, name: str, other: str, place: Path) -> None:
    """Require that the plugin finds such users and knows their kind from the cluster, or from a file, else says so."""
    user = f"Experiment {project}/e"
    (place / "none.yaml").write_text("[]")
    without = plugin.run("workloads", name, "-A", "--kinds-file", str(place / "none.yaml"))
    row = plugin("workloads", other, "-A", "-o", "csv", "--kinds-file", str(place / "kinds.yaml")).splitlines()[1]
    author = kube.unique("author")
    kube.kubectl("create", "clusterrolebinding", author, "--clusterrole=environment-admin", f"--user={author}")
    kube.until("the right", lambda: plugin.run("list", "--as", author).code == 0)

    assert ["Experiment", project, "e", "Training"] == row.split(",")[:4]
    assert ("", True) == (without.out, "1 of kind Experiment.example.org are left out" in without.err)
    assert user in plugin.fails("delete", name, code=3)
    assert "yes" in plugin("check", name, "-n", project, "--kind", "experiment")
    assert "experiments.example.org/e refreshed" in plugin("refresh", "experiment/e", "-n", project)
    hidden = plugin.run("workloads", name, "-A", "--as", author).err
    assert "users are left out of kinds that you may not list in all namespaces: " in hidden.splitlines()[0]
    assert 'kind "e" cannot' in plugin.fails(
        "check", name, "--kind", "e", "--kinds-file", str(place / "none.yaml"), code=2
    )
    (place / "bad.yaml").write_text("{}")
    assert "Write a list of rows" in plugin.fails("workloads", name, "--kinds-file", str(place / "bad.yaml"), code=2)
