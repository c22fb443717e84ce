"""One Environment as people read it. Pure.

What `describe` of the plugin has as well comes from there.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environment_operator.api import names
from environment_operator.cli import new_workload
from environment_operator.cli.new_workload import Wish
from environment_operator.cli.output import yaml_text
from environment_operator.cli.users import OUTDATED, User
from environment_operator.console.texts import text
from environment_operator.kinds.table import Kind

Object = Mapping[str, Any]
# The resource, as RBAC has it.
ENVIRONMENTS = f"{names.PLURAL}.{names.GROUP}"
# What a tool is for, by which it has its picture.
_ICONS = {
    "JupyterNotebook": "book", "VisualStudioCode": "code", "RStudio": "code", "PyCharm": "code", "Matlab": "code",
    "TensorBoard": "chart", "MLflow": "chart", "WeightsAndBiases": "chart", "Comet": "chart", "ChatbotUI": "chat",
}  # fmt: skip
# Annotations that say what was applied, and not what an Environment is.
_NOISE = ("kubectl.kubernetes.io/last-applied-configuration",)


@dataclass(frozen=True, slots=True)
class Fact:
    """What an Environment gives a workload, in words.

    Args:
        title: what it is about.
        value: it.
        is_code: whether the value is something to be typed.
    """

    title: str
    value: str
    is_code: bool = False


def icon(tool: str) -> str:
    """Return the picture of a type of tools."""
    return _ICONS.get(tool, "plug")


def facts(environment: Object) -> list[Fact]:
    """Return what an Environment gives a workload, in words; what it leaves to the workload is not there."""
    spec, status = environment["spec"], environment.get("status") or {}
    found = {
        "image": spec.get("image"),
        "pull": spec.get("imagePullPolicy"),
        "secrets": _listed(spec.get("imagePullSecrets")),
        "command": _typed(spec.get("command")),
        "args": _typed(spec.get("args")),
        "directory": spec.get("workingDir"),
        "user": _user(spec.get("user") or {}),
        "home": text("fact.home.yes") if spec.get("createHomeDir") else "",
        "endpoint": _endpoint(spec.get("endpoint")),
        "security": ", ".join(_security(spec.get("security") or {})),
        "level": status.get("podSecurity"),
        "overridable": _listed(spec.get("overridable")) or text("fact.overridable.none"),
    }
    code = ("image", "command", "args", "directory")
    return [Fact(text(f"fact.{key}"), str(value), key in code) for key, value in found.items() if value]


def uses(spec: Object) -> str:
    """Return for which workloads an Environment is, in words."""
    framework = f", {spec['framework']}" if spec.get("framework") else ""
    return f"{', '.join(spec['workloadTypes'])} · {spec['architecture']}{framework}"


def _listed(items: Iterable[str] | None) -> str:
    """Return items with commas between them."""
    return ", ".join(items or ())


def _typed(words: Iterable[str] | None) -> str:
    """Return a command as YAML has it on a line."""
    return json.dumps(list(words), ensure_ascii=False) if words else ""


def _user(user: Object) -> str:
    """Return as whom pods run."""
    if user.get("source") != "Custom":
        return text(f"fact.user.{user['source'].lower()}") if user else ""
    named = {
        "uid": user.get("uid"),
        "gid": user.get("gid"),
        "groups": _listed(map(str, user.get("supplementalGroups") or ())),
    }
    return ", ".join(text(f"fact.user.{key}", value=value) for key, value in named.items() if value not in (None, ""))


def _endpoint(endpoint: Object | None) -> str:
    """Return where requests are served."""
    return text("fact.endpoint.at", **endpoint) if endpoint else ""


def _security(security: Object) -> Iterator[str]:
    """Yield what is set about security, each as its field and its value."""
    for key, value in security.items():
        inner = _listed(value) if isinstance(value, list) else value.get("type") if isinstance(value, dict) else value
        yield f"{key}: {str(inner).lower() if isinstance(inner, bool) else inner}"


def without_noise(environment: Object) -> dict[str, Any]:
    """Return an Environment without what only the API server and kubectl need."""
    meta = {key: value for key, value in environment["metadata"].items() if key != "managedFields"}
    if kept := {key: value for key, value in (meta.get("annotations") or {}).items() if key not in _NOISE}:
        meta["annotations"] = kept
    else:
        meta.pop("annotations", None)
    return {**environment, "metadata": meta}


@dataclass(frozen=True, slots=True)
class Use:
    """How to use an Environment with one kind of workload.

    Args:
        kind: the kind.
        manifest: a minimal manifest, as YAML.
        command: the command that creates the same.
    """

    kind: str
    manifest: str
    command: Sequence[str]


def label(name: str) -> str:
    """Return the label by which a workload uses an Environment."""
    return f"{names.REFERENCE}: {name}"


def use(environment: Object, kind: Kind, project: str, options: Sequence[str]) -> Use:
    """Return how to use an Environment with a kind of workload.

    Args:
        environment: it, whole.
        kind: row of the kind, one that `writable` has.
        project: where.
        options: by which the plugin reaches the same cluster as the same user.
    """
    spec, name = environment["spec"], environment["metadata"]["name"]
    env = {key: f"<{meaning or key}>" for key, meaning in new_workload.missing(spec, {}).items()}
    wish = Wish(text("use.name"), project, name, env=env)
    given = [part for key, value in env.items() for part in ("--env", f"{key}={value}")]
    command = ["kubectl", "environment", "run", wish.name, *options, "--environment", name, "-n", project]
    manifest = yaml_text.write(new_workload.manifest(kind, wish, spec))
    return Use(kind.kind, manifest, [*command, "--kind", kind.name, *given])


def right(verb: str, resource: str, project: str = "") -> str:
    """Return that a right is missing."""
    where = text("right.in", project=project) if project else text("right.everywhere")
    return text("right.missing", verb=verb, resource=resource, where=where)


def why_not_refreshed(user: User, *, allowed: bool) -> str:
    """Return why a user of an Environment cannot be refreshed, empty when it can or need not be."""
    if user.state != OUTDATED or (user.refreshable and allowed):
        return ""
    if not user.refreshable:
        return text("users.immutable", kind=user.kind.kind)
    return right("patch", user.kind.name, user.project)
