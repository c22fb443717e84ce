"""A workload is called as somebody's object, so that the labels of its tools' Services select that one's Pods."""

from collections.abc import Iterator

import pytest

import third_party
from cluster.rest import Rest
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Object
from people import sent, unique
from third_party import install, uninstall, user

LAB = {"name": "lab", "type": "Custom", "containerPort": 8888, "connection": {"type": "NodePort", "assign": "Auto"}}
JOBS, JOBSETS = "/apis/batch/v1/namespaces/{}/jobs", "/apis/jobset.x-k8s.io/v1alpha2/namespaces/{}/jobsets"
STATEFUL_SETS, PODS = "/apis/apps/v1/namespaces/{}/statefulsets", "/api/v1/namespaces/{}/pods"
# The labels of the Pods of a workload called x, as its controller gives them.
KINDS: dict[str, Object] = {
    "trainjob": {
        "jobset.sigs.k8s.io/jobset-name": "x",
        "jobset.sigs.k8s.io/replicatedjob-name": "node",
        "jobset.sigs.k8s.io/job-index": "0",
        "batch.kubernetes.io/job-completion-index": "0",
    },
    "notebook": {"notebook-name": "x"},
}
PLURALS = {"trainjob": "trainjobs.trainer.kubeflow.org", "notebook": "notebooks.kubeflow.org"}
POD_SPEC: Object = {"containers": [{"name": "main", "image": "registry.example/a:1"}], "restartPolicy": "Always"}


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest, rest: Rest, operator: object) -> Iterator[str]:  # noqa: ARG001 - it runs
    """Return a kind whose pods do not carry our token, installed with what stands between it and its pods."""
    found = [name for word in {request.param, "jobset"} for name in install(rest, word)]
    yield request.param
    uninstall(rest, found)


@pytest.fixture
def environment(kube: Kube, kind: str) -> str:
    """Return an Environment with a tool that such a workload may use."""
    name = unique("env")
    sent(kube.rest.create(ENVIRONMENTS, third_party.environment(name, kind, tools=[LAB])))
    kube.until_ready(name)
    return name


def owner(of: Object) -> Object:
    """Return the reference to the controller of an object."""
    head = {key: of[key] for key in ("apiVersion", "kind")}
    return {**head, "name": of["metadata"]["name"], "uid": of["metadata"]["uid"], "controller": True}


def with_pods(rest: Rest, kind: str, project: str, top: Object | None) -> None:
    """Create what the controller of a workload called x makes, somebody else's without a workload; it gets a Pod."""
    owners = {"ownerReferences": [owner(top)]} if top else {}
    template: Object = {"metadata": {"labels": {"app": "x", **KINDS[kind]}}, "spec": POD_SPEC}
    if kind == "notebook":
        spec: Object = {"replicas": 1, "selector": {"matchLabels": {"app": "x"}}, "template": template}
        sent(rest.create(STATEFUL_SETS.format(project), {"metadata": {"name": "x", **owners}, "spec": spec}))
        return
    template = {**template, "spec": {**POD_SPEC, "restartPolicy": "Never"}}
    job: Object = {"completions": 1, "completionMode": "Indexed", "template": template}
    head = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {"name": "x", **owners}}
    replicated = {"replicatedJobs": [{"name": "node", "template": {"spec": job}}]}
    jobset = sent(rest.create(JOBSETS.format(project), {**head, "spec": replicated}))
    sent(
        rest.create(JOBS.format(project), {"metadata": {"name": "x", "ownerReferences": [owner(jobset)]}, "spec": job})
    )


def without_owner(rest: Rest, kind: str, project: str) -> None:
    """Create a Pod of somebody with the labels, which nobody controls."""
    sent(rest.create(PODS.format(project), {"metadata": {"name": "free", "labels": KINDS[kind]}, "spec": POD_SPEC}))


def services(kube: Kube, project: str) -> list[Object]:
    """Return what exposes tools in a project."""
    path = f"/api/v1/namespaces/{project}/services?labelSelector={names.TOKEN}"
    return list(sent(kube.rest.get(path))["items"])


def said(kube: Kube, project: str) -> str:
    """Return what Events say of tools in a project."""
    found = sent(kube.rest.get(f"/api/v1/namespaces/{project}/events"))["items"]
    return "; ".join(each["message"] for each in found if each["reason"] == "NotExposed")


def forget_one(kube: Kube, project: str) -> None:
    """Delete one of the Services, so that the operator looks again."""
    name = services(kube, project)[0]["metadata"]["name"]
    sent(kube.rest.delete(f"/api/v1/namespaces/{project}/services/{name}"))


@pytest.mark.parametrize("whose", ["controlled", "free"])
def test_pods_of_others(kube: Kube, kind: str, environment: str, project: str, whose: str) -> None:
    """Nothing leads to the Pods of somebody else, and an Event says why."""
    if whose == "free":
        without_owner(kube.rest, kind, project)
    else:
        with_pods(kube.rest, kind, project, None)
    kube.until("the Pod", lambda: bool(sent(kube.rest.get(PODS.format(project)))["items"]))

    kube.apply(user(kind, "x", project, environment))

    kube.until("the Event", lambda: "has the labels of its Pods and is not one of them" in said(kube, project))
    assert [] == services(kube, project)


def test_own_pods(kube: Kube, kind: str, environment: str, project: str) -> None:
    """A workload is exposed once it has Pods of its own; when Pods of others join them, that ends."""
    kube.apply(user(kind, "x", project, environment))
    top = kube.get(PLURALS[kind], "x", project)
    assert top
    assert [] == services(kube, project)
    with_pods(kube.rest, kind, project, top)
    kube.until("both Services", lambda: len(services(kube, project)) == 2)
    forget_one(kube, project)
    kube.until("both again", lambda: len(services(kube, project)) == 2)

    without_owner(kube.rest, kind, project)
    forget_one(kube, project)

    kube.until("none to be left", lambda: [] == services(kube, project))
    assert 'Pod "free"' in said(kube, project)
