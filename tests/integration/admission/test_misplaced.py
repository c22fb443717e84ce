"""What of ours has no effect where it is written: a warning of the API server, without the operator."""

from typing import Any

import pytest

from builders import manifest, workload
from environment_operator.api import names
from environment_operator.manifests.policies import misplaced
from kube import Kube
from samples import sample
from third_party import install, uninstall
from third_party import path as path_of

Object = dict[str, Any]
DRY = "?dryRun=All"
MISSPELT = ["environments.dev/enviroment", "environment.dev/environment", "enviroments.dev/environment"]
HERE = {getattr(names, each) for each in dir(names) if each.isupper() and isinstance(getattr(names, each), str)}
# Keys of objects that nobody writes by hand, and of requests.
ELSEWHERE = {
    names.API_VERSION, names.FINALIZER, names.AGGREGATE, names.CREDENTIALS, names.SCOPE, names.PUBLISHED_TO,
    names.PUBLISHED_FROM, names.EXPOSES, names.CLAIM, names.UID_KEY, names.GID_KEY, names.GROUPS_KEY, names.CUSTOM_TOOL,
    names.ROLE_REFERENCE,
}  # fmt: skip


def made(kind: str, project: str, *, template: Object | None = None, **metadata: Any) -> tuple[str, Object]:
    """Return the path and the object of a workload without a reference."""
    item = workload(kind, "lab", project, "unused")
    item["metadata"] = {"name": "lab", "namespace": project, **metadata}
    if template:
        inner = item["spec"]["jobTemplate"]["spec"] if kind == "CronJob" else item["spec"]
        inner["template"].setdefault("metadata", {}).update(template)
    version = item["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{root}/namespaces/{project}/{kind.lower()}s{DRY}", item


def said(kube: Kube, path: str, item: Object) -> str:
    """Create an object as a dry run, which must pass; return the warnings."""
    for container in item.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ()):
        container.setdefault("image", "example/a:1")
    reply = kube.rest.create(path, item)
    assert reply.ok, reply.message
    return " ".join(reply.warnings)


@pytest.mark.parametrize("key", MISSPELT)
@pytest.mark.parametrize("where", ["labels", "annotations"])
def test_misspelt(kube: Kube, project: str, key: str, where: str) -> None:
    """A key that is nearly one of ours is warned about, with the keys that there are."""
    path, item = made("Deployment", project, **{where: {key: "jupyter"}})
    warning = said(kube, path, item)

    assert f'{where[:-1]} \\"{key}\\" has no effect.' in warning
    assert (names.REFERENCE if where == "labels" else names.CONTAINER) in warning


@pytest.mark.parametrize("kind", ["Deployment", "Job", "Pod", "StatefulSet"])
def test_the_other_sort_of_metadata(kube: Kube, project: str, kind: str) -> None:
    """The reference as an annotation, and an annotation as a label, are warned about."""
    for where, key, way_out in (
        ("annotations", names.REFERENCE, "Set it as a label."),
        ("annotations", f"{names.ROLE_REFERENCE}worker", "Set it as a label."),
        ("labels", names.CONTAINER, "Set it as an annotation."),
    ):
        path, item = made(kind, project, **{where: {key: "x"}})
        if kind == "Pod":
            item["spec"]["containers"][0]["image"] = "example/a:1"
        assert way_out in said(kube, path, item)


@pytest.mark.parametrize("where", ["labels", "annotations"])
@pytest.mark.parametrize("kind", ["Deployment", "CronJob"])
def test_on_the_pod_template(kube: Kube, project: str, kind: str, where: str) -> None:
    """The reference on the pod template only is warned about, with where it belongs."""
    path, item = made(kind, project, template={where: {names.REFERENCE: "jupyter"}})
    if kind == "CronJob":
        item["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"] = "example/a:1"
    if kind == "Deployment":
        item["spec"]["template"]["metadata"].setdefault("labels", {}).update(item["spec"]["selector"]["matchLabels"])

    assert f"Set them on metadata of the {kind} itself." in said(kube, path, item)


def test_a_role_alone(kube: Kube, project: str) -> None:
    """A label for a role without the main one is warned about."""
    path, item = made("Job", project, labels={f"{names.ROLE_REFERENCE}worker": "jupyter"})

    assert f'Add the label \\"{names.REFERENCE}\\"' in said(kube, path, item)


def test_what_is_not_ours_or_right(kube: Kube, project: str) -> None:
    """Other people's keys, and ours where they mean something, are not warned about."""
    theirs = {"app.kubernetes.io/environment": "prod", "environment": "prod", "env.example/x": "y"}
    path, item = made("Deployment", project, labels=theirs, annotations={f"{names.CUSTOM_TOOL}lab": "https://a"})
    assert "" == said(kube, path, item)
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)
    path, item = made("Deployment", project, labels={names.REFERENCE: name, names.WORKLOAD_TYPE: "Workspace"})
    assert "misplaced" not in said(kube, path, item)


def test_namespaces_and_environments(kube: Kube) -> None:
    """A misspelt label of a namespace, or annotation of an Environment, is warned about."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": kube.unique("x")}}
    space["metadata"]["labels"] = {"environments.dev/departement": "ml"}  # type: ignore[index]
    assert names.DEPARTMENT in said(kube, f"/api/v1/namespaces{DRY}", space)
    made = manifest("x")
    made["metadata"]["annotations"] = {"environments.dev/allow-deletion": "true"}
    assert names.ALLOW_DELETE_IN_USE in said(kube, f"/apis/{names.API_VERSION}/{names.PLURAL}{DRY}", made)


def test_a_kind_without_a_row(kube: Kube, project: str) -> None:
    """A reference on a kind without a row is warned about; on what a controller made, and on a ConfigMap, it is not."""
    found = install(kube.rest, "knative-configuration")
    item = user_of_nothing("knative-configuration", project)
    warning = said(kube, f"{path_of(item)}{DRY}", item)
    owner = {"apiVersion": "x.example/v1", "kind": "X", "name": "x", "uid": "1", "controller": True}
    owned = {**item, "metadata": {**item["metadata"], "ownerReferences": [owner]}}
    plain = {"metadata": {"name": "lab", "labels": item["metadata"]["labels"]}}

    assert "there is no row for Configuration of serving.knative.dev" in warning
    assert "" == said(kube, f"{path_of(item)}{DRY}", owned)
    assert "" == said(kube, f"/api/v1/namespaces/{project}/configmaps{DRY}", plain)
    uninstall(kube.rest, found)


def user_of_nothing(word: str, project: str) -> Object:
    """Return a sample of a kind without a row that has a reference."""
    item = sample(word, "lab", project)
    item["metadata"]["labels"] = {names.REFERENCE: "jupyter"}
    return item


def test_every_key_is_known() -> None:
    """Whichever key of ours there is, it is known where it means something: else it would be warned about."""
    known = (misplaced.WORKLOAD, misplaced.NAMESPACE, misplaced.ENVIRONMENT)
    keys = {key for each in known for key in (*each.labels, *each.annotations, *each.others)}

    assert set() == {key for key in HERE if key.startswith(f"{names.GROUP}/")} - keys - ELSEWHERE
