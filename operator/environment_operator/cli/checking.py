"""Whether an Environment may be used somewhere, and every reason why not. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environment_operator.api import names
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.cli.local_admission import admitted, published, referring
from environment_operator.injection.context import Project, Published
from environment_operator.injection.eligibility import refusal
from environment_operator.injection.identity import Ids
from environment_operator.injection.messages import misfits
from environment_operator.injection.projection import fit
from environment_operator.kinds.table import Kind
from environment_operator.spec import scope

Object = dict[str, Any]
# https://kubernetes.io/docs/concepts/security/pod-security-admission/
_ENFORCED = "pod-security.kubernetes.io/enforce"
_LEVELS = ("restricted", "baseline", "privileged")


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked.

    Args:
        environment: the Environment, whole.
        others: further Environments that the workloads refer to, for some of their roles.
        project: the project.
        namespace: its namespace, None when it does not exist yet or may not be read.
        workloads: workloads with the rows of their kinds.
        whole: whether the workloads are whole, and not only named by their kinds.
    """

    environment: Object
    others: Sequence[Object]
    project: str
    namespace: Mapping[str, Any] | None
    workloads: Sequence[tuple[Kind, Object]]
    whole: bool


def reasons(case: Case) -> Iterator[str]:
    """Yield every reason why the Environment may not be used."""
    every = (case.environment, *case.others)
    known, *others = (published(each, [replaced_by(each)]) for each in every)
    labels = ((case.namespace or {}).get("metadata") or {}).get("labels") or {}
    project = Project(case.project, labels.get(names.DEPARTMENT))
    if known.problem or known.spec is None:
        yield f"it cannot be used: {known.problem}"
        return
    yield from _of_project(known.spec, project, case, labels)
    for kind, workload in case.workloads:
        check = _of_whole if case.whole else _of_kind
        why = check([known, *others], kind, workload, project)
        if why:
            yield f"{kind.kind} {workload['metadata'].get('name', '')}: {why}"


def replaced_by(environment: Object) -> str:
    """Return the Environment that is to be used instead, empty for none."""
    return str((environment["spec"].get("deprecated") or {}).get("replacedBy") or "")


def _of_project(spec: EnvironmentSpec, project: Project, case: Case, labels: Mapping[str, str]) -> Iterator[str]:
    """Yield what the project lacks: a place in the scope where no workload is validated, and a level that allows it."""
    if not case.workloads and not scope.includes(spec.scope, project.name, project.department):
        places = scope.in_full(spec.scope)
        of = f' of department "{project.department}"' if project.department else ""
        yield f'spec.scope: project "{project.name}"{of} is not among {places}. Ask its author to add it.'
    needed = (case.environment.get("status") or {}).get("podSecurity") or _LEVELS[0]
    allowed = labels.get(_ENFORCED, _LEVELS[-1])
    if allowed in _LEVELS and _LEVELS.index(needed) > _LEVELS.index(allowed):
        yield (
            f'its Pods need the Pod Security Standard {needed}, and project "{project.name}" enforces {allowed}. '
            f"Choose another Environment, or have the label {_ENFORCED} changed."
        )


def _of_kind(known: Sequence[Published], kind: Kind, workload: Object, project: Project) -> str:
    """Return why no workload of a kind may use the first of some Environments, empty when one may."""
    environment, *_ = known
    if environment.spec and (why := refusal(environment.name, environment.spec, kind, workload, project)):
        return why
    lacking = [(fit(environment, Ids(), row)[1], row) for row in kind.pod_templates]
    if not all(fields for fields, _ in lacking):
        return ""
    fields, row = lacking[0]
    return misfits(environment.name, kind, fields, row.features)


def _of_whole(known: Sequence[Published], kind: Kind, workload: Object, project: Project) -> str:
    """Return why admission would refuse a workload with the first of some Environments, empty when it would not."""
    return admitted(kind, referring(workload, known[0].name), known, project).refusal
