"""Derived objects: controllers copy labels to what they make, and that is neither injected nor checked nor counted.

The pod templates here carry the reference label, so that every child really has it. Calls of the webhook are counted,
and what other tests leave behind calls it, too: hence a cluster of its own.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import yaml

from builders import KINDS, manifest, template_path, workload
from environment_operator.api import names
from environment_operator.kinds.paths import get, put
from environment_operator.kinds.table import Kind
from kube import ENVIRONMENTS, Kube, Object, path_of

POD, JOB, REPLICA_SET = (KINDS[name] for name in ("pods", "jobs.batch", "replicasets.apps"))
REVISION = Kind(group="apps", version="v1", kind="ControllerRevision", plural="controllerrevisions")

# What controllers make of a workload, from the first to the Pod.
CHAINS: dict[str, tuple[Kind, ...]] = {
    "Deployment": (REPLICA_SET, POD),
    "StatefulSet": (REVISION, POD),
    "DaemonSet": (REVISION, POD),
    "ReplicaSet": (POD,),
    "ReplicationController": (POD,),
    "CronJob": (JOB, POD),
    "Job": (POD,),
}
WITNESSES = (POD, JOB, REPLICA_SET)
# A workload is asked about once by each webhook.
ONE_CALL = {"mutate changed": 1, "validate allowed": 1}
# A kind that no operator knows by itself.
WIDGET = Kind(group="example.org", version="v1", kind="Widget", plural="widgets")


@pytest.fixture
def environment(kube: Kube) -> str:
    """Return the name of an Environment; nothing calls the webhook any more for those of tests before."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)
    kube.until("all Environments to be at rest", lambda: all(map(_at_rest, kube.rest.get(ENVIRONMENTS).body["items"])))
    return name


def _at_rest(environment: Object) -> bool:
    """Return whether the operator will not change the metadata of an Environment."""
    meta = environment["metadata"]
    return "deletionTimestamp" not in meta and names.FINALIZER in meta.get("finalizers", ())


@pytest.fixture
def node(kube: Kube) -> Iterator[str]:
    """Return the name of a node, on which nothing runs; what belongs there is made all the same."""
    name = kube.unique("node")
    assert kube.rest.create("/api/v1/nodes", {"metadata": {"name": name, "labels": {"only": name}}}).ok
    yield name
    kube.rest.delete(f"/api/v1/nodes/{name}")


def parent(kind: str, project: str, environment: str, node: str) -> Object:
    """Return a workload that refers to an Environment, and so do all templates in it."""
    made = workload(kind, "parent", project, environment)
    row = next(row for row in KINDS.values() if row.kind == kind)
    get(made, template_path(row))["metadata"]["labels"][names.REFERENCE] = environment
    if kind == "CronJob":
        put(made, ("spec", "jobTemplate", "metadata"), {"labels": {names.REFERENCE: environment}})
    if kind == "DaemonSet":
        put(made, ("spec", "template", "spec", "nodeSelector"), {"only": node})
    return made


def children(kube: Kube, kind: Kind, project: str, environment: str) -> list[Object]:
    """Return the objects of a kind that refer to an Environment and that a controller made."""
    found = kube.rest.get(f"{path_of(kind, project)}?labelSelector={names.REFERENCE}%3D{environment}").body["items"]
    return [item for item in found if "ownerReferences" in item["metadata"]]


def has_child(kube: Kube, kind: Kind, project: str, environment: str) -> bool:
    """Return whether a controller has made one object of a kind."""
    return len(children(kube, kind, project, environment)) == 1


def until_made(kube: Kube, kinds: tuple[Kind, ...], project: str, environment: str) -> None:
    """Wait until controllers have made one object of each kind, with the reference label."""
    for kind in kinds:
        kube.until(f"a {kind.kind} with the label", partial(has_child, kube, kind, project, environment))


def until_counted(kube: Kube, project: str, environment: str, *expected: str) -> None:
    """Wait until these users, each as ``Kind/name``, and nobody else are counted, and all that came before was seen.

    A user of every kind that a child may have comes last: when it is counted, the children have been seen, since a
    watch sends the objects of one kind in the order in which they came.
    """
    kube.apply(*(workload(kind.kind, "witness", project, environment) for kind in WITNESSES))
    wanted = {*expected, *(f"{kind.kind}/witness" for kind in WITNESSES)}
    kube.until(f"{wanted} and nobody else", lambda: wanted == users(kube, environment))

    assert len(wanted) == kube.usage(environment)


def users(kube: Kube, environment: str) -> set[str]:
    """Return the users that the status names."""
    return {f"{user['kind']}/{user['name']}" for user in kube.status(environment).get("workloads", ())}


@pytest.mark.parametrize("kind", CHAINS)
def test_one_call_and_one_count(kube: Kube, environment: str, project: str, node: str, kind: str) -> None:
    """Of a workload and all that controllers make of it, the workload alone is admitted and counted."""
    before = kube.admissions()
    text = yaml.safe_dump(parent(kind, project, environment, node))
    said = kube.cluster.kubectl("apply", "-f", "-", input=text).stderr
    if kind == "CronJob":
        # As if it had been away for long: what it missed is made up for at once.
        late = {"status": {"lastScheduleTime": "2020-06-01T00:00:00Z"}}
        kube.rest.patch(f"{path_of(KINDS['cronjobs.batch'], project, 'parent')}/status", late)
    until_made(kube, CHAINS[kind], project, environment)

    assert ONE_CALL == kube.admissions() - before
    assert f"metadata.labels[{names.REFERENCE}] is ignored. Set the label in metadata.labels of the {kind}" in said
    until_counted(kube, project, environment, f"{kind}/parent")


def test_job_by_hand(kube: Kube, environment: str, project: str) -> None:
    """A Job that kubectl makes of a CronJob has that for its controller: what it runs was admitted with the CronJob."""
    kube.apply(parent("CronJob", project, environment, ""))
    before = kube.admissions()
    kube.kubectl("create", "job", "--from=cronjob/parent", "by-hand", "-n", project)
    until_made(kube, (JOB, POD), project, environment)
    (pod,) = children(kube, POD, project, environment)

    assert {} == kube.admissions() - before
    assert environment == pod["metadata"]["labels"][names.INJECTED_FROM]
    until_counted(kube, project, environment, "CronJob/parent")


def owned(kube: Kube, project: str, environment: str, owner: Object, *, controller: bool) -> Object:
    """Create a Pod that belongs to another object and has its label, as its controller would; return it."""
    pod = workload("Pod", "child", project, environment)
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": controller}
    pod["metadata"]["ownerReferences"] = [reference | {key: owner["metadata"][key] for key in ("name", "uid")}]
    made = kube.rest.create(path_of(POD, project), pod)
    assert made.ok, made.message
    return made.body


def test_owner_that_is_no_controller(kube: Kube, environment: str, project: str) -> None:
    """A Pod that somebody made, and that is to go with a workload, is a user of its own."""
    kube.apply(workload("Deployment", "parent", project, environment))
    deployment: Any = kube.get("deployment", "parent", project)
    before = kube.admissions()
    owned(kube, project, environment, deployment, controller=False)

    assert ONE_CALL == kube.admissions() - before
    until_counted(kube, project, environment, "Deployment/parent", "Pod/child")


def definition() -> Object:
    """Return the definition of that kind."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": WIDGET.name},
        "spec": {
            "group": WIDGET.group,
            "scope": "Namespaced",
            "names": {"kind": WIDGET.kind, "plural": WIDGET.plural},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


@pytest.fixture
def defined(kube: Kube) -> Iterator[None]:
    """Have a kind that the operator does not know by itself."""
    kube.apply(definition())
    kube.until_established(WIDGET.name)
    yield
    kube.kubectl("delete", "crd", WIDGET.name)


def custom(kube: Kube, environment: str, project: str) -> Object:
    """Create an object of that kind, and return it with the Pod that its controller makes of it."""
    meta = {"name": "w", "namespace": project, "labels": {names.REFERENCE: environment}}
    body = {"apiVersion": "example.org/v1", "kind": WIDGET.kind, "metadata": meta}
    made = kube.rest.create(path_of(WIDGET, project), body)
    assert made.ok, made.message
    return owned(kube, project, environment, made.body, controller=True)


def test_controller_outside_the_table(kube: Kube, environment: str, project: str, defined: None) -> None:  # noqa: ARG001
    """A Pod whose controller is of a kind that is not in the table is itself the user, admitted and counted once."""
    before = kube.admissions()
    pod = custom(kube, environment, project)

    assert ONE_CALL == kube.admissions() - before
    assert environment == pod["metadata"]["labels"][names.INJECTED_FROM]
    until_counted(kube, project, environment, "Pod/child")
