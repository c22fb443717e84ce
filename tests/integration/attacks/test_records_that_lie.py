"""Records that admission did not write, on objects that were stored without it."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from builders import KINDS, manifest, workload
from cluster import manifests
from cluster.rest import Reply
from environment_operator.api import names
from environment_operator.manifests import webhook_configurations
from kube import ENVIRONMENTS, Kube, Object, path_of

DEPLOYMENT = KINDS["deployments.apps"]
MINE = "registry.example/mine:1"


def container(item: Object) -> Object:
    """Return the container of a Deployment."""
    found: Object = item["spec"]["template"]["spec"]["containers"][0]
    return found


def passed(reply: Reply) -> Object:
    """Return the object of a request that must have passed."""
    assert reply.ok, reply.message
    return reply.body


def record(item: Object) -> Object:
    """Return the record of a Deployment's only pod template."""
    (entry,) = json.loads(item["metadata"]["annotations"][names.RECORD]).values()
    found: Object = entry
    return found


@pytest.fixture
def environment(kube: Kube) -> str:
    """Return the name of an Environment whose image may not be overridden."""
    name = kube.unique("env")
    passed(kube.rest.create(ENVIRONMENTS, manifest(name, overridable=[])))
    kube.until_ready(name)
    return name


@pytest.fixture
def lying(kube: Kube, project: str, environment: str) -> Object:
    """Return a Deployment with an image of its own, whose record says that the Environment guards nothing."""
    plain = workload("Deployment", "lab", project, environment)
    honest = passed(kube.rest.create(f"{path_of(DEPLOYMENT, project)}?dryRun=All", plain))
    made = copy.deepcopy(plain)
    container(made)["image"] = MINE
    records = json.loads(honest["metadata"]["annotations"][names.RECORD])
    lies = json.dumps({key: {**entry, "locked": [], "put": []} for key, entry in records.items()})
    made["metadata"]["annotations"] = {names.RECORD: lies}
    return made


def called(kube: Kube, lying: Object) -> tuple[bool, bool]:
    """Return whether the mutating and the validating webhook are called for Deployments."""
    path = f"{path_of(DEPLOYMENT, lying['metadata']['namespace'])}?dryRun=All"
    false, plain = copy.deepcopy(lying), copy.deepcopy(lying)
    for each in (false, plain):
        each["metadata"]["name"] = "canary"
    del plain["metadata"]["annotations"], container(plain)["image"]
    return kube.rest.create(path, plain).ok, not kube.rest.create(path, false).ok


@contextmanager
def without_webhooks(kube: Kube, lying: Object) -> Iterator[None]:
    """Have no webhook of ours for Deployments: as before they were installed."""
    name = webhook_configurations.called("apps")
    found = {path: each for path, each in manifests.configurations(kube.rest).items() if path.endswith(f"/{name}")}
    try:
        for path in found:
            assert kube.rest.delete(path).ok
        kube.until("no webhook to be called", lambda: called(kube, lying) == (False, False))
        yield
    finally:
        for path, each in found.items():
            head = {key: each["metadata"][key] for key in ("name", "labels")}
            passed(kube.rest.create(path.rpartition("/")[0], {**each, "metadata": head}))
        kube.until("both webhooks to be called", lambda: called(kube, lying) == (True, True))


def test_on_what_has_no_reference(kube: Kube, environment: str, project: str, lying: Object) -> None:
    """Nobody asks admission about a workload without the label: a record that it has counts for nothing later."""
    without = copy.deepcopy(lying)
    without["metadata"].pop("labels")
    passed(kube.rest.create(path_of(DEPLOYMENT, project), without))
    path = path_of(DEPLOYMENT, project, "lab")
    refer: Object = {"metadata": {"labels": {names.REFERENCE: environment}}}
    containers = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": None}]}}}}
    refused = kube.rest.patch(path, refer)
    injected = passed(kube.rest.patch(path, {**refer, **containers}))

    assert f'containers[0].image: "{MINE}"' in refused.message
    assert manifest(environment)["spec"]["image"] == container(injected)["image"]
    assert "Image" in record(injected)["locked"]


def test_on_what_was_there_before_the_webhooks(kube: Kube, environment: str, project: str, lying: Object) -> None:
    """Who could store a workload while there were no webhooks has it run as it is; it counts as a user.

    What it runs is held against its own record, until somebody asks for today's Environment.
    """
    path = path_of(DEPLOYMENT, project, "lab")
    with without_webhooks(kube, lying):
        passed(kube.rest.create(path_of(DEPLOYMENT, project), lying))
    kube.until_used(environment, 1)
    deleted = kube.rest.delete(f"{ENVIRONMENTS}/{environment}")
    changed = passed(kube.rest.patch(path, {"metadata": {"labels": {"a": "b"}}}))
    other = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": f"{MINE}1"}]}}}}
    unguarded = kube.rest.patch(f"{path}?dryRun=All", other, "strategic")
    refreshed = kube.rest.patch(f"{path}?dryRun=All", {"metadata": {"annotations": {names.REFRESH: "1"}}})

    assert "is used by 1 " in deleted.message
    assert MINE == container(changed)["image"]
    assert unguarded.ok, unguarded.message
    assert "containers[0].image: the workload has a value of its own" in refreshed.message
