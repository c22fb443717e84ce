"""The rows of Volcano: https://github.com/volcano-sh/volcano, v1.13 and after."""

from typing import Any

from environment_operator.kinds.table import SCHEDULE, Kind, OwnStart, PodTemplate, below, custom

Rows = tuple[PodTemplate, ...]


def _tasks(at: str) -> Rows:
    """Return the pod templates of a Job of Volcano.

    The tasks of its plugin for Ray go by these names unless its arguments say otherwise.
    """
    ray = OwnStart(by="ray start", roles=("head", "worker"), where=f"{at}.plugins.ray")
    return (PodTemplate(path=f"{at}.tasks[name].template", role="*", unnamed="default", starts=ray),)


def _queued(at: str) -> tuple[str, ...]:
    """Return what is harmless of a Job of Volcano."""
    return (
        *below(
            at, "maxRetry", "minAvailable", "minSuccess", "networkTopology", "priorityClassName", "queue",
            "runningEstimate", "schedulerName", "ttlSecondsAfterFinished",
        ),
        *below(f"{at}.tasks[name]", "maxRetry", "minAvailable", "replicas", "topologyPolicy"),
    )  # fmt: skip


_VOLCANO: dict[str, Any] = {
    "framework": "Any",
    "harmless": (
        *_queued("spec"), *_queued("spec.jobTemplate.spec"),
        *below("spec", *SCHEDULE, "jobTemplate.metadata", "timeZone"),
    ),
}  # fmt: skip
_TASK = {"volcano.sh/task-spec": "{role}", "volcano.sh/task-index": "0"}

ROWS: tuple[Kind, ...] = (
    custom(
        "batch.volcano.sh", "v1alpha1", "Job", _tasks("spec"), types=("Training",), template_immutable=True,
        serves=_TASK, **_VOLCANO,
    ),
    custom(
        "batch.volcano.sh", "v1alpha1", "CronJob", _tasks("spec.jobTemplate.spec"), types=("Training",), serves=_TASK,
        **_VOLCANO,
    ),
    custom(
        "flow.volcano.sh", "v1alpha1", "JobTemplate", _tasks("spec"), template=True, bundle="batch.volcano.sh",
        **_VOLCANO,
    ),
)  # fmt: skip
