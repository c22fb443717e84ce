"""A registry that demands a password, and a node that pulls from it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from builders import manifest
from cluster import images
from cluster.images import Image
from cluster.waiting import TIMEOUT
from environment_operator.api import names
from kube import Kube
from registries import holds, let
from registry import Registry
from running import created, pod, said


@pytest.fixture
def image(kube: Kube, registry: Registry) -> str:
    """Return the name of an image that is in the registry and not on the node."""
    made = Image(f"{registry.name}/{kube.unique('team')}/app:1")
    images.push(made, registry.user, registry.password)
    return made.reference


def test_job_with_credentials(kube: Kube, project: str, registry: Registry, image: str) -> None:
    """A Job whose Environment names a Secret of the project gets the image, and one without the Secret does not."""
    secret = registry.secret("from-the-registry")
    kube.kubectl("apply", "-n", project, "-f", "-", stdin=json.dumps(secret))
    name = kube.unique("private")
    kube.apply(manifest(name, image=image, imagePullSecrets=["from-the-registry"], command=["/bin/echo", "pulled"]))
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "train", "labels": {names.REFERENCE: name}},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main"}]}}},
    }
    kube.kubectl("apply", "-n", project, "-f", "-", stdin=json.dumps(job))
    kube.kubectl("wait", "-n", project, "job/train", "--for=condition=Complete", TIMEOUT)

    assert "pulled\n" == kube.kubectl("logs", "-n", project, "job/train")
    assert 1 <= registry.given()[_repository(image)]


def test_published_credentials(kube: Kube, project: str, registry: Registry, image: str) -> None:
    """Where credentials are published for its registry, a Pod gets the image though nobody names a Secret."""
    name = kube.unique("hub")
    marks = {"labels": {names.CREDENTIALS: "true"}, "annotations": {names.SCOPE: json.dumps({"projects": [project]})}}
    source = registry.secret(name)
    kube.apply({**source, "metadata": {"name": name, "namespace": names.SYSTEM_NAMESPACE, **marks}})
    let(kube.rest, project)
    kube.until("the credentials", lambda: bool(holds(kube.rest, project, name)))
    pod = created(kube, project, {"image": image, "imagePullPolicy": "Always"}, {"command": ["/bin/echo", "pulled"]})
    assert "pulled\n" == said(kube, project, pod)
    kube.kubectl("delete", "secret", name, "-n", names.SYSTEM_NAMESPACE)

    assert 1 <= registry.given()[_repository(image)]


def test_without_credentials(kube: Kube, project: str, registry: Registry, image: str) -> None:
    """Without the Secret that is named a warning and a condition say so, the pull fails, and nothing was given."""
    let(kube.rest, project)
    name = kube.unique("case")
    kube.apply(manifest(name, image=image, imagePullSecrets=["absent"]))
    reply = kube.rest.create(f"/api/v1/namespaces/{project}/pods", pod(name, name, {"command": ["/bin/true"]}))
    assert "absent" in " ".join(reply.warnings)
    condition = kube.until_condition(name, "PullSecretsFound", "False", "MissingPullSecrets")
    assert f'missing "absent" in project "{project}"' in condition["message"]
    path = f"/api/v1/namespaces/{project}/pods/{name}"

    def waiting() -> Mapping[str, Any]:
        statuses = kube.rest.get(path).body["status"].get("containerStatuses") or [{}]
        found: Mapping[str, Any] = statuses[0].get("state", {}).get("waiting", {})
        return found

    kube.until("the pull to fail", lambda: waiting().get("reason") in ("ErrImagePull", "ImagePullBackOff"))
    assert 0 == registry.given()[_repository(image)]


@pytest.mark.parametrize(("policy", "second"), [("Always", 1), ("IfNotPresent", 0), (None, 0)])
def test_pull_policy(kube: Kube, project: str, registry: Registry, image: str, policy: str | None, second: int) -> None:
    """The registry's own log shows whether a second Pod asked again; unset is Kubernetes' rule for a tag like this."""
    kube.kubectl("apply", "-n", project, "-f", "-", stdin=json.dumps(registry.secret("pull")))
    fields = {"image": image, "imagePullPolicy": policy, "imagePullSecrets": ["pull"], "command": ["/bin/true"]}
    said(kube, project, created(kube, project, fields, {}))
    before = registry.given()[_repository(image)]
    said(kube, project, created(kube, project, fields, {}))

    assert 1 <= before
    assert second == min(1, registry.given()[_repository(image)] - before)


def _repository(image: str) -> str:
    """Return the name of an image within its registry."""
    return image.partition("/")[2].partition(":")[0]
