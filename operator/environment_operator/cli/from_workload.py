"""A workload that has its set-up in it → an Environment with the set-up, and the workload that uses it. Pure.

What is put into the Environment is taken out of the workload, and what an Environment cannot hold stays there, so
that admission makes of both together what the workload was alone.
"""

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from environment_operator.api import names
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.local_admission import admitted, published
from environment_operator.injection.context import Project
from environment_operator.kinds.paths import Unfit, get
from environment_operator.kinds.pod_templates import main_of, places
from environment_operator.kinds.table import Kind

Object = dict[str, Any]

_CONTAINER = ("image", "imagePullPolicy", "command", "args", "workingDir", "stdin", "tty", "readinessProbe")
_SECURITY = ("allowPrivilegeEscalation", "readOnlyRootFilesystem", "runAsNonRoot", "seccompProfile")
_POD = ("hostIPC", "hostNetwork")
_USER = {"runAsUser": "uid", "runAsGroup": "gid", "supplementalGroups": "supplementalGroups"}


@dataclass(frozen=True, slots=True)
class Lifted:
    """The two halves.

    Args:
        spec: the spec of the Environment.
        workload: what stays of the workload, with the label.
    """

    spec: Object
    workload: Object


def lift(kind: Kind, workload: Object, name: str, given: Mapping[str, Any]) -> Lifted:
    """Return the halves of a workload; of one with several pod templates the first.

    Args:
        kind: its row in the kinds table.
        workload: it; it is not changed.
        name: name of the Environment.
        given: fields of the spec that are decided already; they win.

    Raises:
        Problem: the workload has no container, or admission would refuse what is left of it.
    """
    try:
        return _first_admitted(kind, workload, name, given)
    except Unfit as unfit:
        raise Problem(f"{kind.kind}: a value of another type is at {unfit}. Correct it.") from unfit


def _first_admitted(kind: Kind, workload: Object, name: str, given: Mapping[str, Any]) -> Lifted:
    """Return the halves of a workload with the most in the Environment of those that admission takes; as `lift`."""
    refusal = ""
    # Who is guarded by an Environment may not have settings of the same sort besides it: then all of them stay.
    for stays in ((), ("user",), ("security",), ("user", "security")):
        halves = _halves(kind, workload, name, given, stays)
        refusal = _refusal(kind, halves, name)
        if not refusal:
            return halves
    raise Problem(f"{workload['kind']}: no Environment can be made of it: {refusal}")


def _halves(kind: Kind, workload: Object, name: str, given: Mapping[str, Any], stays: Collection[str]) -> Lifted:
    """Return the halves of a workload, where some fields stay in it."""
    left = copy.deepcopy(workload)
    chosen = _held(_held(workload["metadata"], "annotations", dict), names.CONTAINER, str)
    place = next(iter(places(kind, left)), None)
    template = place.template(left) if place else {}
    path = main_of(place, left, chosen) if place else None
    container = get(template, path) if path else None
    if not isinstance(container, dict):
        raise Problem(f"{workload['kind']}: there is no container to make an Environment of. Add one.")
    made: Object = dict(given)
    _lift_container(made, container, stays)
    if "image" not in made:
        raise Problem(f"{workload['kind']}: its container has no image. Give --image.")
    _lift_pod(made, template["spec"], stays)
    left["metadata"]["labels"] = {**(left["metadata"].get("labels") or {}), names.REFERENCE: name}
    return Lifted(made, left)


def _refusal(kind: Kind, halves: Lifted, name: str) -> str:
    """Return why admission would refuse the workload with its Environment, empty when it would not."""
    scope = halves.spec.get("scope") or {}
    project = Project(next(iter(scope.get("projects") or ()), ""), next(iter(scope.get("departments") or ()), None))
    environment = published({"metadata": {"name": name}, "spec": halves.spec})
    return admitted(kind, halves.workload, [environment], project).refusal


def _lift_container(spec: Object, container: Object, stays: Collection[str]) -> None:
    """Move what an Environment can hold out of the main container."""
    for field in _CONTAINER:
        if field in container and _accept(spec, field, container[field]):
            del container[field]
    _lift_variables(spec, container)
    if "security" in stays:
        return
    context = _held(container, "securityContext", dict)
    for field in _SECURITY:
        _move(spec, "security", field, context, field)
    capabilities = _held(context, "capabilities", dict)
    _move(spec, "security", "capabilities", capabilities, "add")
    _tidy(context, "capabilities")
    _tidy(container, "securityContext")


def _lift_variables(spec: Object, container: Object) -> None:
    """Move variables up to the first that an Environment cannot hold: those after it may refer to it."""
    variables = _held(container, "env", list)
    while variables and _accept(spec, "env", [*spec.get("env", ()), variables[0]]):
        variables.pop(0)
    _tidy(container, "env")


def _lift_pod(spec: Object, pod: Object, stays: Collection[str]) -> None:
    """Move what an Environment can hold out of the pod spec."""
    for field in _POD if "security" not in stays else ():
        _move(spec, "security", field, pod, field)
    context = _held(pod, "securityContext", dict)
    ids = {ours: context[theirs] for theirs, ours in _USER.items() if theirs in context}
    if ids and not {"user"} & {*spec, *stays} and _accept(spec, "user", {"source": "Custom", **ids}):
        for theirs in _USER:
            context.pop(theirs, None)
    _tidy(pod, "securityContext")
    listed = _held(pod, "imagePullSecrets", list)
    secrets = [_held({"imagePullSecrets": each}, "imagePullSecrets", dict).get("name") for each in listed]
    if secrets and _accept(spec, "imagePullSecrets", secrets):
        del pod["imagePullSecrets"]


def _held(holder: Object, key: str, form: type[Any]) -> Any:
    """Return what an object has at a key, something empty where it has nothing there.

    Raises:
        Unfit: it has something else there.
    """
    found = holder.get(key) or form()
    if not isinstance(found, form):
        raise Unfit(key)
    return found


def _move(spec: Object, group: str, field: str, source: Object, key: str) -> None:
    """Move one setting into a group of the spec, if the Environment can hold it."""
    if key in source and _accept(spec, group, {**spec.get(group, {}), field: source[key]}):
        del source[key]


def _accept(spec: Object, field: str, value: Any) -> bool:
    """Set a field of the spec, unless it is decided otherwise or an Environment cannot hold the value."""
    decided = field in spec and field not in ("env", "security")
    # A terminal needs standard input.
    stdin = {"stdin": spec["stdin"]} if "stdin" in spec else {}
    if decided or not _is_valid({**_SMALLEST, **stdin, field: value}):
        return bool(decided and spec[field] == value)
    spec[field] = value
    return True


_SMALLEST = {"scope": {"cluster": True}, "architecture": "Standard", "workloadTypes": ["Training"], "image": "x"}


def _is_valid(spec: Object) -> bool:
    """Return whether the models take a spec."""
    try:
        EnvironmentSpec.model_validate(spec)
    except ValidationError:
        return False
    return True


def _tidy(holder: Object, key: str) -> None:
    """Remove an object that has become empty."""
    if key in holder and not holder[key]:
        del holder[key]
