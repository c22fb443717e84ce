"""Objects for tests, short enough that a case stays on one screen."""

from dataclasses import replace
from typing import Any

from environment_operator.api import names
from environment_operator.controller.index import User
from environment_operator.controller.usage import Known
from environment_operator.injection.context import Published, RequestContext
from environment_operator.injection.environment_cache import publish
from environment_operator.kinds.paths import Path
from environment_operator.kinds.table import BUILTIN, Kind

KINDS = {kind.name: kind for kind in BUILTIN}


def template_path(kind: Kind) -> Path:
    """Return where a kind of one pod template has it."""
    (row,) = kind.pod_templates
    return tuple(key for key, _ in row.steps)


def published(name: str = "e", *, generation: int = 1, problem: str = "", **fields: Any) -> Published:
    """Return an Environment as admission knows it."""
    made = publish(name, generation, spec(**fields), lambda _: False)
    return replace(made, problem=problem or made.problem)


def around(*known: Published, token: str = "tokentok", **fields: Any) -> RequestContext:
    """Return what is known around a request when there are these Environments."""
    found = {e.name: e for e in known}
    as_of = {(e.name, e.generation): e for e in known}
    return RequestContext(found.get, lambda *key: as_of.get(key), token, known=found.keys(), **fields)


def spec(**fields: Any) -> dict[str, Any]:
    """Return a small valid spec with some fields set; a field set to None is left out."""
    base = {
        "scope": {"cluster": True},
        "architecture": "Standard",
        "workloadTypes": ["Workspace", "Training"],
        "image": "registry.example/team/jupyter:4.2",
    }
    return {key: value for key, value in {**base, **fields}.items() if value is not None}


def environment(name: str = "jupyter", *, status: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Return an Environment as the API server has it, with our finalizer."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": "7",
            "generation": 1,
            "finalizers": [names.FINALIZER],
        },
        "spec": spec(**fields),
        **({} if status is None else {"status": status}),
    }


def manifest(name: str, **fields: Any) -> dict[str, Any]:
    """Return an Environment as its author applies it."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name},
        "spec": spec(**fields),
    }


def pod_template(**labels: str) -> dict[str, Any]:
    """Return a pod template that any built-in workload accepts."""
    container = {"name": "main", "image": "registry.example/team/jupyter:4.2"}
    return {"metadata": {"labels": {"app": "x", **labels}}, "spec": {"containers": [container]}}


def workload(kind: str, name: str, namespace: str, environment: str | None = None) -> dict[str, Any]:
    """Return a workload of a built-in kind, referring to an Environment where one is named."""
    labels = {} if environment is None else {names.REFERENCE: environment}
    row = next(row for row in BUILTIN if row.kind == kind)
    version = f"{row.group}/{row.version}" if row.group else row.version
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **_body(kind)}


def _body(kind: str) -> dict[str, Any]:
    """Return what a kind has besides its metadata."""
    template = pod_template()
    once = {"template": {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}}
    selector = {"matchLabels": {"app": "x"}}
    bodies: dict[str, dict[str, Any]] = {
        "Pod": {"spec": template["spec"]},
        "PodTemplate": {"template": template},
        "ReplicationController": {"spec": {"replicas": 1, "selector": {"app": "x"}, "template": template}},
        "ReplicaSet": {"spec": {"replicas": 1, "selector": selector, "template": template}},
        "Deployment": {"spec": {"replicas": 1, "selector": selector, "template": template}},
        "DaemonSet": {"spec": {"selector": selector, "template": template}},
        "StatefulSet": {"spec": {"serviceName": "x", "selector": selector, "template": template}},
        "Job": {"spec": once},
        "CronJob": {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": once}}},
    }
    return bodies[kind]


def known(*users: User, **fields: Any) -> Known:
    """Return what the informers know: these users, everything in step."""
    return Known(users=dict.fromkeys(users, ""), kinds=KINDS, **fields)


def unset_deployment(name: str, namespace: str, environment: str) -> dict[str, Any]:
    """Return a Deployment of no pods that leaves everything to its Environment."""
    made = workload("Deployment", name, namespace, environment)
    made["spec"] |= {"replicas": 0}
    made["spec"]["template"]["spec"]["containers"] = [{"name": "main"}]
    return made
