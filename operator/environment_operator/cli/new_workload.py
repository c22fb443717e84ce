"""A workload that uses an Environment, from a few options: which kind, and its manifest. Pure.

Image, ports, user and all else that the Environment gives are left out: admission puts them in.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from environment_operator.api import names
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.kinds.table import Kind

Object = dict[str, Any]
_NAME_LABEL = "app.kubernetes.io/name"
_GPU = "nvidia.com/gpu"
# What a workload of a type is, the first that the cluster has.
_KINDS: Mapping[str, Sequence[str]] = {
    "Workspace": ("StatefulSet", "Deployment"),
    "Training": ("Job",),
    "Inference": ("InferenceService", "Deployment"),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """The workload to make.

    Args:
        name: name of the workload.
        project: its namespace.
        environment: name of the Environment.
        args: arguments of the container; none for those of the Environment.
        replicas: how many pods; for a distributed kind how many workers.
        gpus: GPUs of each pod; 0 for none.
        cpu: CPU of each pod, as Kubernetes writes quantities; empty for no request.
        memory: memory of each pod, in the same way.
        volumes: claims, each with the path where it is mounted.
        env: variables.
    """

    name: str
    project: str
    environment: str
    args: Sequence[str] = ()
    replicas: int = 1
    gpus: int = 0
    cpu: str = ""
    memory: str = ""
    volumes: Sequence[tuple[str, str]] = ()
    env: Mapping[str, str] = field(default_factory=dict)


def kind_of(spec: Mapping[str, Any], table: Iterable[Kind], is_served: Callable[[Kind], bool]) -> Kind:
    """Return the kind of workload that an Environment is for, the first that the cluster has.

    Args:
        spec: spec of the Environment; the first of its workload types decides.
        table: the kinds table.
        is_served: says whether the cluster has a kind.

    Raises:
        Problem: the cluster has none.
    """
    for kind in _candidates(spec, tuple(table)):
        if not kind.custom or is_served(kind):
            return kind
    what = spec.get("framework") or spec["workloadTypes"][0]
    raise Problem(
        f"no kind for {what} that this command can write is installed. Give --kind, or apply a manifest with "
        f"the label {names.REFERENCE}.",
        Exit.NO,
    )


def _candidates(spec: Mapping[str, Any], table: Sequence[Kind]) -> Iterator[Kind]:
    """Yield the kinds that fit an Environment, the best first."""
    if spec.get("architecture") == "Distributed":
        fitting = (kind for kind in table if not kind.template and can_write(kind))
        wanted = spec.get("framework")
        yield from (kind for kind in fitting if kind.framework and wanted in (kind.framework, "Any"))
        yield from (kind for kind in table if kind.name == "jobs.batch")
    else:
        wanted_kinds = (name for name in _KINDS[spec["workloadTypes"][0]])
        yield from (kind for name in wanted_kinds for kind in table if kind.kind == name and can_write(kind))


def can_write(kind: Kind) -> bool:
    """Return whether there is a manifest for a kind."""
    return kind.name in _WRITERS or _is_replicated(kind)


def _is_replicated(kind: Kind) -> bool:
    """Return whether a kind has a number of replicas next to the template of each role."""
    return bool(kind.roles_in) and not kind.template


def missing(spec: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that an Environment requires and nobody has given yet, each with its description."""
    needed = (each for each in spec.get("env") or () if each.get("required"))
    return {
        each["name"]: each.get("description") or ""
        for each in needed
        if "value" not in each and "valueFrom" not in each and each["name"] not in given
    }


def manifest(kind: Kind, wish: Wish, spec: Mapping[str, Any]) -> Object:
    """Return the manifest of a workload.

    Args:
        kind: row of its kind.
        wish: what is wanted.
        spec: spec of the Environment.

    Raises:
        Problem: there is none for this kind.
    """
    if not can_write(kind):
        raise Problem(
            f'kind "{kind.kind}" is not written by this command. Apply a manifest with the label '
            f"{names.REFERENCE}: {wish.environment}.",
            Exit.USAGE,
        )
    body = _WRITERS[kind.name](wish, spec) if kind.name in _WRITERS else _replicated(kind, wish)
    labels = {_NAME_LABEL: wish.name, names.REFERENCE: wish.environment}
    meta = {"name": wish.name, "namespace": wish.project, "labels": labels}
    version = f"{kind.group}/{kind.version}" if kind.group else kind.version
    return {"apiVersion": version, "kind": kind.kind, "metadata": meta, "spec": body}


def _container(wish: Wish, name: str = "") -> Object:
    """Return the container, without what the Environment gives."""
    amounts = {"cpu": wish.cpu, "memory": wish.memory}
    asked = {key: value for key, value in amounts.items() if value}
    limits = {**asked, **({_GPU: str(wish.gpus)} if wish.gpus else {})}
    parts: Object = {
        "args": list(wish.args),
        "env": [{"name": key, "value": value} for key, value in wish.env.items()],
        "resources": {"requests": asked, "limits": limits} if asked else {"limits": limits} if limits else {},
        "volumeMounts": [{"name": claim, "mountPath": path} for claim, path in wish.volumes],
    }
    return {"name": name or wish.name, **{key: value for key, value in parts.items() if value}}


def _pod(wish: Wish, name: str = "", **more: Any) -> Object:
    """Return the pod spec."""
    claims = dict.fromkeys(claim for claim, _ in wish.volumes)
    volumes = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
    return {"containers": [_container(wish, name)], **({"volumes": volumes} if volumes else {}), **more}


def _selected(wish: Wish) -> Object:
    """Return replicas, selector and template of a kind whose pods run on."""
    labels = {_NAME_LABEL: wish.name}
    template = {"metadata": {"labels": labels}, "spec": _pod(wish)}
    return {"replicas": wish.replicas, "selector": {"matchLabels": labels}, "template": template}


def _stateful(wish: Wish, _spec: Mapping[str, Any]) -> Object:
    """Return the spec of a StatefulSet."""
    return {**_selected(wish), "serviceName": wish.name}


def _job(wish: Wish, spec: Mapping[str, Any]) -> Object:
    """Return the spec of a Job: indexed where the Environment is for distributed workloads."""
    several = {"parallelism": wish.replicas, "completions": wish.replicas} if wish.replicas > 1 else {}
    indexed = {"completionMode": "Indexed"} if spec.get("architecture") == "Distributed" else {}
    # As `kubectl create job`; it tries again by itself.
    return {**several, **indexed, "template": {"spec": _pod(wish, restartPolicy="Never")}}


def _served(wish: Wish, _spec: Mapping[str, Any]) -> Object:
    """Return the spec of an InferenceService of KServe."""
    return {"predictor": {"minReplicas": wish.replicas, **_pod(wish, "kserve-container")}}


def _replicated(kind: Kind, wish: Wish) -> Object:
    """Return the spec of a kind with roles: one master where the kind has one, and so many workers."""
    masters, workers = _roles(kind)
    out: Object = {}
    for count, template in ((1, masters), (wish.replicas, workers)):
        if template:
            *way, role, _ = template.path.split(".")[1:]
            holder = out
            for key in way:
                holder = holder.setdefault(key, {})
            pod = {"spec": _pod(wish, template.container)}
            holder[role] = {"replicas": count, "restartPolicy": "OnFailure", "template": pod}
    return out


def _roles(kind: Kind) -> tuple[Any, Any]:
    """Return the pod template of the master, None where the kind has only workers, and that of the workers."""
    workers = next((each for each in kind.pod_templates if each.role == "worker"), None)
    first = kind.pod_templates[0]
    return (None if first.role == "worker" else first), workers


_WRITERS: Mapping[str, Callable[[Wish, Mapping[str, Any]], Object]] = {
    "pods": lambda wish, _: _pod(wish),
    "deployments.apps": lambda wish, _: _selected(wish),
    "statefulsets.apps": _stateful,
    "jobs.batch": _job,
    "inferenceservices.serving.kserve.io": _served,
}


def state(found: Mapping[str, Any]) -> tuple[str, bool | None]:
    """Return how far a workload has come, in words, and whether it runs: None while nobody knows yet.

    Args:
        found: the workload.
    """
    spec, status = found.get("spec") or {}, found.get("status") or {}
    holding = {c["type"] for c in status.get("conditions") or () if c.get("status") == "True"}
    if "Failed" in holding or status.get("phase") == "Failed":
        return "failed", False
    if holding & {"Complete", "Succeeded"} or status.get("phase") in ("Running", "Succeeded"):
        return "runs", True
    if "replicas" in spec:
        ready = int(status.get("readyReplicas") or 0)
        return f"{ready} of {spec['replicas']} ready", True if ready >= spec["replicas"] else None
    if "ready" in status or "active" in status:
        return f"{status.get('active', 0)} pods started", True if status.get("ready") else None
    return "waiting", True if holding & {"Running", "Ready"} else None
