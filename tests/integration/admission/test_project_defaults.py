"""The default Environment of a project: for workloads that name none, where a label says that there is one."""

from typing import Any

import pytest

from builders import manifest, workload
from cluster.manifests import await_admission
from cluster.rest import Reply
from environment_operator.api import names
from kube import Kube

Object = dict[str, Any]
NAMESPACES = "/api/v1/namespaces"
IMAGE = "registry.example/team/jupyter:4.2"


def submitted(kube: Kube, project: str, kind: str = "Pod", image: str = "", **metadata: Any) -> Reply:
    """Return the answer to a workload that refers to no Environment."""
    made = workload(kind, kube.unique("w"), project, "unused")
    made["metadata"] = {"name": made["metadata"]["name"], **metadata}
    pods = made["spec"] if kind == "Pod" else made["spec"]["template"]["spec"]
    pods["containers"] = [{"name": "main", **({"image": image} if image else {})}]
    plural = f"{kind.lower()}s"
    root = "/api/v1" if kind == "Pod" else f"/apis/{made['apiVersion']}"
    return kube.rest.create(f"{root}/namespaces/{project}/{plural}", made)


def marked(kube: Kube, project: str, name: str, **labels: str) -> None:
    """Give a project a default Environment."""
    meta = {"annotations": {names.DEFAULT_ENVIRONMENT: name}, "labels": {names.DEFAULTS: names.ENABLED, **labels}}
    reply = kube.rest.patch(f"{NAMESPACES}/{project}", {"metadata": meta})
    assert reply.ok, reply.message


@pytest.fixture
def default(kube: Kube, project: str) -> str:
    """Return the default Environment of the project."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)
    marked(kube, project, name)
    kube.until("the label to count", lambda: submitted(kube, project).body["metadata"].get("labels"))
    return name


def test_default(kube: Kube, project: str, default: str) -> None:
    """A workload that names none has the default one, label and all; one that names another has that."""
    reply = submitted(kube, project)
    assert reply.ok, reply.message
    assert (default, IMAGE) == (
        reply.body["metadata"]["labels"][names.REFERENCE], reply.body["spec"]["containers"][0]["image"]
    )  # fmt: skip
    other = kube.unique("other")
    kube.apply(manifest(other, image="other:1"))
    kube.until_ready(other)
    own = submitted(kube, project, labels={names.REFERENCE: other})

    assert "other:1" == own.body["spec"]["containers"][0]["image"]
    kube.until_used(other, 1)


def test_left_alone(kube: Kube, project: str, default: str) -> None:
    """Where the default one does not fit, the workload is stored as it is, with a warning that says why."""
    reply = submitted(kube, project, image="mine:1", labels={names.WORKLOAD_TYPE: "Inference"})
    assert reply.ok, reply.message
    assert names.REFERENCE not in reply.body["metadata"]["labels"]
    assert "mine:1" == reply.body["spec"]["containers"][0]["image"]
    assert f'the default Environment \\"{default}\\" is not used. ' in " ".join(reply.warnings)

    reply = submitted(kube, project, image="mine:1")
    assert "mine:1" == reply.body["spec"]["containers"][0]["image"]
    assert "which does not allow Image to be overridden" in " ".join(reply.warnings)

    marked(kube, project, "nobody")
    reply = submitted(kube, project, image="mine:1")
    assert reply.ok, reply.message
    assert 'the default Environment \\"nobody\\" is not used. ' in " ".join(reply.warnings)


def test_what_a_controller_makes(kube: Kube, project: str, default: str) -> None:
    """What is created for somebody else is left alone, and so is everything in a project without the label."""
    owner = {"apiVersion": "x.example/v1", "kind": "X", "name": "x", "uid": "1", "controller": True}
    owned = submitted(kube, project, image="mine:1", ownerReferences=[owner])
    assert names.REFERENCE not in owned.body["metadata"].get("labels", {})
    elsewhere = kube.unique("project")
    meta = {"name": elsewhere, "annotations": {names.DEFAULT_ENVIRONMENT: default}}
    assert kube.rest.create(NAMESPACES, {"metadata": meta}).ok
    account = f"{NAMESPACES}/{elsewhere}/serviceaccounts/default"
    kube.until("the default account", lambda: kube.rest.get(account).ok)
    before = kube.admissions()

    assert submitted(kube, elsewhere, image="mine:1").ok
    assert before == kube.admissions()
    kube.rest.delete(f"{NAMESPACES}/{elsewhere}")


def test_required(kube: Kube, project: str, default: str) -> None:
    """Where a reference is demanded, the default one meets the demand."""
    marked(kube, project, default, **{names.ENFORCEMENT: names.REQUIRED})
    kube.until(
        "the demand", lambda: not submitted(kube, project, image="x:1", labels={names.WORKLOAD_TYPE: "Inference"}).ok
    )

    assert submitted(kube, project).ok


def test_operator_down(kube: Kube, project: str, default: str) -> None:
    """With the operator down workloads without a reference are stored as they are."""
    kube.cluster.stop_operator()
    try:
        reply = submitted(kube, project, image="mine:1")
        assert reply.ok, reply.message
        assert names.REFERENCE not in reply.body["metadata"].get("labels", {})
        assert not submitted(kube, project, labels={names.REFERENCE: default}).ok
    finally:
        kube.cluster.start_operator()
        await_admission(kube.cluster.layout)


@pytest.mark.parametrize("key", ["labels", "annotations"])
def test_who_may_set_it(kube: Kube, project: str, key: str) -> None:
    """Whoever may only write the namespace changes neither the label nor the annotation."""
    user = kube.unique("user")
    rule = ["create", "clusterrole", user, "--verb=get,patch,update", "--resource=namespaces"]
    kube.kubectl(*rule)
    kube.kubectl("create", "clusterrolebinding", user, f"--clusterrole={user}", f"--user={user}")
    word, value = ("label", f"{names.DEFAULTS}=enabled") if key == "labels" else (
        "annotate", f"{names.DEFAULT_ENVIRONMENT}=x"
    )  # fmt: skip
    said = kube.refused(word, "namespace", project, value, f"--as={user}")
    kube.kubectl("delete", "clusterrolebinding", user)
    kube.kubectl("delete", "clusterrole", user)

    assert f'needs the verb "{names.ENFORCE}" on projects.environments.dev "{project}", which "{user}" lacks' in said
    assert "has no meaning" in kube.refused("label", "namespace", project, f"{names.DEFAULTS}=yes")
