"""Workloads that run while their Environment changes, and while the operator is away."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from builders import manifest
from cluster import Cluster
from cluster.layout import REPO_ROOT
from cluster.manifests import await_admission
from cluster.waiting import TIMEOUT
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube
from running import PLAIN, said

Object = dict[str, Any]
SAYS = ["/bin/sh", "-c", "echo version $VERSION; sleep infinity"]


@pytest.fixture
def deployed(kube: Kube, project: str) -> str:
    """Return an Environment that a running Deployment ``w`` uses."""
    name = kube.unique("runs")
    env = [{"name": "VERSION", "value": "1"}]
    kube.apply(manifest(name, image=PLAIN.reference, imagePullPolicy="IfNotPresent", command=SAYS, env=env))
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "w", "namespace": project, "labels": {names.REFERENCE: name}},
        "spec": {
            "selector": {"matchLabels": {"app": "w"}},
            "template": {
                "metadata": {"labels": {"app": "w"}},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "main"}]},
            },
        },
    }
    kube.apply(deployment)
    kube.kubectl("rollout", "status", "deployment/w", "-n", project, TIMEOUT)
    return name


def pods(kube: Kube, project: str) -> dict[str, Object]:
    """Return the Pods of the Deployment that are not on their way out, by uid."""
    items = kube.rest.get(f"/api/v1/namespaces/{project}/pods?labelSelector=app%3Dw").body["items"]
    return {item["metadata"]["uid"]: item for item in items if "deletionTimestamp" not in item["metadata"]}


def until_said(kube: Kube, project: str, line: str) -> None:
    """Wait until all running Pods of the Deployment have said one line, and no other."""

    def said_by_all() -> bool:
        found = [item["metadata"]["name"] for item in pods(kube, project).values()]
        return {f"{line}\n"} == {kube.kubectl("logs", name, "-n", project) for name in found}

    # A container is running a moment before what it says is in its log.
    kube.until(f"all Pods to say {line}", said_by_all)


def edit(kube: Kube, name: str) -> None:
    """Give the variable of an Environment another value."""
    reply = kube.rest.patch(f"{ENVIRONMENTS}/{name}", {"spec": {"env": [{"name": "VERSION", "value": "2"}]}})
    assert reply.ok, reply.message


def outdated(kube: Kube, name: str) -> int:
    """Return how many users have an older set-up."""
    found: int = kube.status(name)["usage"].get("outdated", 0)
    return found


def test_edit_and_refresh(kube: Kube, project: str, deployed: str) -> None:
    """After an edit the same container runs on and counts as outdated; a refresh rolls it out, and nobody is."""
    before = pods(kube, project)
    edit(kube, deployed)
    kube.until("the count", lambda: outdated(kube, deployed) == 1)
    assert _starts(before) == _starts(pods(kube, project))
    until_said(kube, project, "version 1")

    kube.kubectl("annotate", "deployment", "w", "-n", project, f"{names.REFRESH}=now")
    kube.kubectl("rollout", "status", "deployment/w", "-n", project, TIMEOUT)
    until_said(kube, project, "version 2")
    kube.until("the count", lambda: outdated(kube, deployed) == 0)


def _starts(found: dict[str, Object]) -> set[tuple[str, str]]:
    """Return the containers of some Pods, each with the instant of its start."""
    statuses = [status for item in found.values() for status in item["status"]["containerStatuses"]]
    return {(status["containerID"], status["state"]["running"]["startedAt"]) for status in statuses}


@pytest.fixture
def operator_away(cluster: Cluster) -> Iterator[Callable[[], object]]:
    """Return what stops the operator; it is there again afterwards."""
    yield cluster.stop_operator
    cluster.start_operator()
    await_admission(cluster.layout)


def test_pod_lost_while_the_operator_is_away(
    kube: Kube, project: str, deployed: str, operator_away: Callable[[], object]
) -> None:
    """A Pod that is killed comes back with everything in it, though the Environment has changed and nobody admits."""
    edit(kube, deployed)
    operator_away()
    before = pods(kube, project)
    kube.kubectl("delete", "pods", "-n", project, "-l", "app=w", "--grace-period=0", "--force")

    kube.until("another Pod", lambda: not pods(kube, project).keys() <= before.keys())
    kube.kubectl("rollout", "status", "deployment/w", "-n", project, TIMEOUT)
    until_said(kube, project, "version 1")


def test_indexed_job(kube: Kube, project: str) -> None:
    """Each worker of an Indexed Job sees the variables of the Environment and the number that Kubernetes gave it."""
    name = kube.unique("workers")
    says = ["/bin/sh", "-c", "echo $GREETING $JOB_COMPLETION_INDEX"]
    env = [{"name": "GREETING", "value": "worker"}]
    fields = {"architecture": "Distributed", "framework": "Any", "workloadTypes": ["Training"]}
    kube.apply(manifest(name, image=PLAIN.reference, imagePullPolicy="IfNotPresent", command=says, env=env, **fields))
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main"}]}}
    spec = {"completionMode": "Indexed", "completions": 2, "parallelism": 2, "template": template}
    meta = {"name": "train", "namespace": project, "labels": {names.REFERENCE: name}}
    kube.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec})
    kube.kubectl("wait", "-n", project, "job/train", "--for=condition=Complete", TIMEOUT)

    logs = kube.kubectl("logs", "-n", project, "-l", "job-name=train", "--tail=-1")
    assert ["worker 0", "worker 1"] == sorted(logs.split("\n"))[-2:]


def test_two_roles(kube: Kube, project: str) -> None:
    """Of a workload with two roles, each runs with its own Environment; this test makes the Pods as its controller."""
    kube.apply(
        *yaml.load_all(
            (REPO_ROOT / "tests/fixtures/crds/kubeflow-training-operator.yaml").read_text(), yaml.CSafeLoader
        )
    )
    kube.until_established("pytorchjobs.kubeflow.org")
    environments = {role: _speaking(kube, role) for role in ("master", "worker")}
    labels = {names.REFERENCE: environments["master"], f"{names.ROLE_REFERENCE}worker": environments["worker"]}
    template = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "pytorch"}]}}}
    meta = {"name": "train", "namespace": project, "labels": labels}
    spec = {"pytorchReplicaSpecs": {"Master": template, "Worker": {"replicas": 2, **template}}}
    kube.apply({"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": meta, "spec": spec})

    made = _pods_as_made(kube.get("pytorchjobs", "train", project) or {}, {"Master": 1, "Worker": 2})
    kube.apply(*made)
    names_of = [each["metadata"]["name"] for each in made]
    assert ["master runs\n", "worker runs\n", "worker runs\n"] == [said(kube, project, name) for name in names_of]


def _speaking(kube: Kube, role: str) -> str:
    """Return an Environment for a role, which says which one it is for."""
    name = kube.unique(role)
    fields = {"architecture": "Distributed", "framework": "PyTorch", "workloadTypes": ["Training"]}
    says = {"command": ["/bin/sh", "-c", "echo $ROLE runs"], "env": [{"name": "ROLE", "value": role}]}
    kube.apply(manifest(name, image=PLAIN.reference, imagePullPolicy="IfNotPresent", **says, **fields))
    return name


def _pods_as_made(job: Object, replicas: dict[str, int]) -> list[Object]:
    """Return the Pods that the controller of a PyTorchJob makes of its templates."""
    meta = job["metadata"]
    owner = {key: job[key] for key in ("apiVersion", "kind")} | {"name": meta["name"], "uid": meta["uid"]}
    out = []
    for role, count in replicas.items():
        template = job["spec"]["pytorchReplicaSpecs"][role]["template"]
        for number in range(count):
            own = {"name": f"{meta['name']}-{role.lower()}-{number}", "namespace": meta["namespace"]}
            owned = {**template.get("metadata", {}), **own, "ownerReferences": [{**owner, "controller": True}]}
            out.append({"apiVersion": "v1", "kind": "Pod", "metadata": owned, "spec": template["spec"]})
    return out
