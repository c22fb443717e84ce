"""Whether an Environment may be used somewhere, and every reason why not. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environment_operator import names, scope
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.cli.offline import admitted, published
from environment_operator.kinds import Kind
from environment_operator.rules import Project, Published, refusal

Object = dict[str, Any]
# https://kubernetes.io/docs/concepts/security/pod-security-admission/
_ENFORCED = "pod-security.kubernetes.io/enforce"
_LEVELS = ("restricted", "baseline", "privileged")


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked.

    Args:
        environment: the Environment, whole.
        project: the project.
        namespace: its namespace, None when it does not exist yet or may not be read.
        workloads: workloads with the rows of their kinds.
        whole: whether the workloads are whole, and not only named by their kinds.
    """

    environment: Object
    project: str
    namespace: Mapping[str, Any] | None
    workloads: Sequence[tuple[Kind, Object]]
    whole: bool


def reasons(case: Case) -> Iterator[str]:
    """Yield every reason why the Environment may not be used."""
    known = published(case.environment, [replaced_by(case.environment)])
    labels = ((case.namespace or {}).get("metadata") or {}).get("labels") or {}
    project = Project(case.project, labels.get(names.DEPARTMENT))
    if known.problem or known.spec is None:
        yield f"it cannot be used: {known.problem}"
        return
    yield from _of_project(known.spec, project, case, labels)
    for kind, workload in case.workloads:
        yield from _of_workload(known, kind, workload, project, whole=case.whole)


def replaced_by(environment: Object) -> str:
    """Return the Environment that is to be used instead, empty for none."""
    return str((environment["spec"].get("deprecated") or {}).get("replacedBy") or "")


def _of_project(spec: EnvironmentSpec, project: Project, case: Case, labels: Mapping[str, str]) -> Iterator[str]:
    """Yield what the project lacks: a place in the scope where no workload is judged, and a level that allows it."""
    if not case.workloads and not scope.includes(spec.scope, project.name, project.department):
        yield f"it is for {scope.in_full(spec.scope)}, not for {project}: ask its author to widen spec.scope"
    needed = (case.environment.get("status") or {}).get("podSecurity") or _LEVELS[0]
    allowed = labels.get(_ENFORCED, _LEVELS[-1])
    if allowed in _LEVELS and _LEVELS.index(needed) > _LEVELS.index(allowed):
        yield (
            f"its pods need the pod security level {needed}, and {project} enforces {allowed}: "
            f"choose another Environment, or have the label {_ENFORCED} changed"
        )


def _of_workload(known: Published, kind: Kind, workload: Object, project: Project, *, whole: bool) -> Iterator[str]:
    """Yield why one workload may not use it."""
    if not whole:
        why = refusal(known.name, known.spec, kind, workload, project) if known.spec else ""
    else:
        labels = {**(workload["metadata"].get("labels") or {}), names.REFERENCE: known.name}
        asking = {**workload, "metadata": {**workload["metadata"], "labels": labels}}
        why = admitted(kind, asking, [known], project).refusal
    if why:
        yield f"{kind.kind} {workload['metadata'].get('name', '')}: {why}"
