"""Edits of an Environment in use: nothing that runs changes, the counts say so, and a refresh puts today's in."""

import pytest

from builders import manifest, workload
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube


@pytest.fixture
def edited(kube: Kube, project: str) -> str:
    """Return an Environment that was edited after a Deployment, a Job and a Pod had it."""
    name = kube.unique("env")
    kube.apply(manifest(name, env=[{"name": "VERSION", "value": "1"}]))
    kube.apply(*(workload(kind, "w", project, name) for kind in ("Deployment", "Job", "Pod")))
    kube.until_used(name, 3)
    reply = kube.rest.patch(f"{ENVIRONMENTS}/{name}", {"spec": {"env": [{"name": "VERSION", "value": "2"}]}})
    assert "3 workloads" in " ".join(reply.warnings)
    return name


def usage(kube: Kube, name: str) -> dict[str, int]:
    """Return the counts in the status."""
    found: dict[str, int] = kube.environment(name)["status"]["usage"]
    return found


def deployed(kube: Kube, project: str) -> tuple[str, int]:
    """Return the variable in the Deployment, and its generation."""
    found = kube.rest.get(f"/apis/apps/v1/namespaces/{project}/deployments/w").body
    return found["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"], found["metadata"]["generation"]


def test_an_edit_changes_nothing_that_runs(kube: Kube, project: str, edited: str) -> None:
    """After an edit the Deployment is as before and counts as outdated; what cannot be refreshed does not count."""
    kube.until("the count", lambda: usage(kube, edited)["outdated"] == 1)

    assert ("1", 1) == deployed(kube, project)
    assert 3 == usage(kube, edited)["total"]


def test_refresh(kube: Kube, project: str, edited: str) -> None:
    """A new value of the annotation rolls the Deployment, and nobody is outdated any more."""
    kube.kubectl("annotate", "deployment", "w", "-n", project, f"{names.REFRESH}=now")

    assert ("2", 2) == deployed(kube, project)
    kube.until("the count", lambda: usage(kube, edited)["outdated"] == 0)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_refresh_without_a_change(kube: Kube, project: str, kind: str) -> None:
    """After an edit that changes nothing of the pods a refresh leaves the template alone, so no Pod is replaced."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.apply(workload(kind, "w", project, name))
    before = kube.get(kind, "w", project)
    assert kube.rest.patch(f"{ENVIRONMENTS}/{name}", {"spec": {"description": "the same in other words"}}).ok

    kube.kubectl("annotate", kind, "w", "-n", project, f"{names.REFRESH}=now")
    after = kube.get(kind, "w", project)

    assert before is not None
    assert after is not None
    assert before["spec"]["template"] == after["spec"]["template"]
    assert '"generation":2' in after["metadata"]["annotations"][names.RECORD]


@pytest.mark.parametrize("kind", ["job", "pod"])
def test_refresh_of_what_cannot_change(kube: Kube, project: str, edited: str, kind: str) -> None:
    """Where the pod template cannot change, a refresh is refused with the way out."""
    refusal = kube.refused("annotate", kind, "w", "-n", project, f"{names.REFRESH}=now")

    assert "and create it again" in refusal
    assert edited in refusal


def test_narrowed(kube: Kube, project: str, edited: str) -> None:
    """A scope that no longer includes a project keeps its users, counts them, and refuses their refresh."""
    kube.rest.patch(f"{ENVIRONMENTS}/{edited}", {"spec": {"scope": {"cluster": None, "projects": ["elsewhere"]}}})
    kube.until("the count", lambda: usage(kube, edited)["outOfScope"] == 3)
    kube.kubectl("scale", "deployment", "w", "-n", project, "--replicas=2")
    kube.kubectl("set", "env", "deployment/w", "-n", project, "MINE=1")

    assert "project/elsewhere" in kube.refused("annotate", "deployment", "w", "-n", project, f"{names.REFRESH}=now")


def test_warnings(kube: Kube, project: str) -> None:
    """Author and submitter are warned of what works and surprises; what lasts is in a condition."""
    name, level = kube.unique("env"), "pod-security.kubernetes.io/enforce"
    spec = {"env": [{"name": "API_KEY", "value": "x"}], "security": {"hostNetwork": True}}
    author = kube.rest.create(ENVIRONMENTS, manifest(name, **spec, deprecated={"message": "too old"}))
    kube.kubectl("label", "namespace", project, f"{level}=baseline")
    job = workload("Job", "j", project, name)
    submitter = kube.rest.create(f"/apis/batch/v1/namespaces/{project}/jobs?dryRun=All", job)

    assert "spec.env[0].value: API_KEY looks like a secret" in " ".join(author.warnings)
    assert "deprecated: too old" in " ".join(submitter.warnings)
    assert r"enforces \"baseline\"" in " ".join(submitter.warnings)
    assert "API_KEY" in kube.until_condition(name, "Warnings", "True", "SpecWarnings")["message"]
