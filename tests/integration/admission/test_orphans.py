"""What a controller made and has lost it was never validated: it has no Environment until it is labelled again."""

import json

import pytest

from builders import manifest, workload
from cluster.waiting import TIMEOUT
from environment_operator.api import names
from kube import Kube, Object

FORGED = {
    "env": "x",
    "token": "aaaaaaaa",
    "pods": {names.TOKEN: "aaaaaaaa"},
    "tools": {"lab": {"port": 80, "type": "ExternalURL", "url": "https://tools.example.com/environments"}},
}


def left_alone(kube: Kube, kind: str, name: str, project: str) -> Object:
    """Return the metadata of an object as soon as it has no owner any more."""

    def metadata() -> Object:
        found: Object = (kube.get(kind, name, project) or {})["metadata"]
        return found

    kube.until("the owner to be gone", lambda: "ownerReferences" not in metadata())
    return metadata()


def dropped(kube: Kube, kind: str, project: str, environment: str) -> str:
    """Create an object with marks of somebody's own and an owner that exists, drop that; return what is said."""
    kube.apply(manifest(environment), workload("Deployment", "owner", project))
    kube.until_ready(environment)
    uid = (kube.get("deployment", "owner", project) or {})["metadata"]["uid"]
    made = workload(kind, "w", project, environment)
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "owner", "uid": uid, "controller": True}
    marks = {names.TOOLS: json.dumps(FORGED), names.RECORD: "{}", "mine": "stays"}
    made["metadata"] |= {"annotations": marks, "ownerReferences": [owner]}
    kube.apply(made)
    assert names.TOOLS in (kube.get(kind, "w", project) or {})["metadata"]["annotations"]
    drop = [{"op": "remove", "path": "/metadata/ownerReferences"}]
    return kube.cluster.kubectl("patch", kind, "w", "-n", project, "--type=json", "-p", json.dumps(drop)).stderr


@pytest.mark.parametrize(("kind", "way_out"), [("StatefulSet", "Add the label again"), ("Pod", "and create it again")])
def test_an_owner_that_is_named_and_dropped(kube: Kube, project: str, kind: str, way_out: str) -> None:
    """Who names an owner, so that nothing is validated, and drops it then, has neither Environment nor tools."""
    name = kube.unique("env")
    said = dropped(kube, kind, project, name)
    found = (kube.get(kind, "w", project) or {})["metadata"]

    assert "never validated" in said
    assert way_out in said
    assert names.REFERENCE not in found.get("labels", {})
    assert "stays" == found["annotations"]["mine"]
    assert not {names.TOOLS, names.RECORD} & found["annotations"].keys()
    kube.until_used(name, 0)


def test_asked_for_again(kube: Kube, project: str) -> None:
    """With the label again it is validated and injected like anything else."""
    name = kube.unique("env")
    dropped(kube, "StatefulSet", project, name)
    kube.kubectl("label", "statefulset/w", "-n", project, f"{names.REFERENCE}={name}")
    kube.until_used(name, 1)
    annotations = (kube.get("statefulset", "w", project) or {})["metadata"]["annotations"]

    assert name == json.loads(annotations[names.RECORD])["spec/template"]["env"]


@pytest.mark.parametrize("enforced", [False, True])
def test_orphans_of_the_garbage_collector(kube: Kube, project: str, enforced: bool) -> None:
    """Deleting a workload alone leaves what it made, without the label, also where Environments are demanded."""
    name = kube.unique("env")
    made = workload("Deployment", "w", project, name)
    made["spec"]["template"]["metadata"]["labels"][names.REFERENCE] = name
    kube.apply(manifest(name), made)
    kube.until("its ReplicaSet", lambda: bool(kube.objects("replicasets", project)))
    if enforced:
        kube.kubectl("label", "namespace", project, f"{names.ENFORCEMENT}=required")
    (replicas,) = kube.kubectl("get", "replicasets", "-n", project, "-o", "name").split()
    kind, _, child = replicas.partition("/")
    kube.kubectl("delete", "deployment", "w", "-n", project, "--cascade=orphan", TIMEOUT)

    assert names.REFERENCE not in left_alone(kube, kind, child, project)["labels"]
    kube.until_used(name, 0)
