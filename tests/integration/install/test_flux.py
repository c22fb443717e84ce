"""The health of an Environment by kstatus' own code, and by the document's expressions for Flux in Flux' own CEL."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from builders import manifest, workload
from cluster import binaries
from cluster.layout import REPO_ROOT
from kube import Kube, Operator

Object = dict[str, Any]
DOCUMENT = (REPO_ROOT / "deploy/gitops.md").read_text(encoding="utf-8")
STORED = REPO_ROOT / "deploy/argocd/environments.dev/Environment"
# What the health of Argo CD is in kstatus' words; who is let go waits for somebody to use it again.
HEALTH = {"Healthy": "Current", "Degraded": "Failed", "Progressing": "InProgress", "Suspended": "InProgress"}
CASES = yaml.safe_load((STORED / "health_test.yaml").read_text(encoding="utf-8"))["tests"]


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    """Have the program that is asked."""
    binaries.ensure(["flux"], lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201 - it takes a while


def health(item: Object) -> tuple[str, str]:
    """Return what kstatus, and what the health expressions of the document, make of an Environment."""
    blocks = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL))
    (expressions,) = next(block for block in blocks if block["kind"] == "Kustomization")["spec"]["healthCheckExprs"]
    question = json.dumps({"object": item, "expressions": expressions})
    done = subprocess.run([binaries.path("flux")], input=question, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return found["kstatus"], found["flux"]


def until(kube: Kube, name: str, expected: str) -> None:
    """Wait until both find an Environment in a state."""
    kube.until(f"{name} to be {expected}", lambda: (expected, expected) == health(kube.environment(name)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["inputPath"])
def test_as_argo_cd(case: Object) -> None:
    """Each state that an Environment was stored in means the same to Argo CD, to kstatus and to Flux."""
    item = yaml.safe_load((STORED / case["inputPath"]).read_text(encoding="utf-8"))
    expected = HEALTH[case["healthStatus"]["status"]]

    assert (expected, expected) == health(item)


def test_life(kube: Kube, operator: Operator, project: str) -> None:
    """A new or edited Environment is waited for, a used one is current, and one that nobody can pull has failed."""
    name = kube.unique("env")
    with operator.down():
        kube.apply(manifest(name))
        new = health(kube.environment(name))
    until(kube, name, "Current")
    with operator.down():
        kube.apply(manifest(name, image="registry.example/team/jupyter:5"))
        edited = health(kube.environment(name))
    until(kube, name, "Current")
    kube.apply(manifest(name, image="a/" + "b" * 255))
    until(kube, name, "Failed")
    kube.apply(manifest(name), workload("Job", "j", project, name))
    kube.until_used(name, 1)
    until(kube, name, "Current")

    assert [("InProgress", "InProgress")] * 2 == [new, edited]


def test_waiting_deletion(kube: Kube, operator: Operator) -> None:
    """An Environment whose deletion waits has not failed: it is going."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)
    with operator.anew(grace_seconds=3600):
        kube.kubectl("delete", "env", name, "--wait=false")
        kube.until_condition(name, "Reconciling", "True", "Terminating")
        going = health(kube.environment(name))
    kube.until_gone("env", name)

    assert ("Terminating", "InProgress") == going
