"""The rows of KubeRay: https://github.com/ray-project/kuberay."""

from typing import Any

from environment_operator.kinds.table import SCHEDULE, Kind, OwnStart, PodTemplate, below, custom

Rows = tuple[PodTemplate, ...]

# KubeRay runs a command before `ray start`, which waits for it, unless the pods say otherwise or it is in the command
# (pod.go, BuildPod).
_RAY_START = OwnStart(by="ray start", unless="ray.io/overwrite-container-cmd", itself="ray start")


def _ray(at: str) -> Rows:
    """Return the pod templates of a Ray cluster: https://github.com/ray-project/kuberay, v1.7.

    KubeRay opens the ports of Ray, such as the dashboard's, only where the head declares none at all. It adds a
    container that scales the cluster to the head, and to every pod one that collects its history.
    """
    scaler, collector = f"{at}.autoscalerOptions", f"{at}.historyServerOptions.collectorOptions"
    return (
        PodTemplate(
            path=f"{at}.headGroupSpec.template", role="head", omits=("container.ports",), adds=(scaler, collector),
            starts=_RAY_START,
        ),
        PodTemplate(
            path=f"{at}.workerGroupSpecs[groupName].template", role="*", adds=(collector,), starts=_RAY_START
        ),
    )  # fmt: skip


def _ray_job(at: str) -> Rows:
    """Return the pod templates of a RayJob, whose submitter runs another command than its container says.

    That is the one which submits the job (rayjob_controller.go, configureSubmitterContainer).
    """
    starts = OwnStart(by="the entrypoint of the RayJob")
    submitter = PodTemplate(path=f"{at}.submitterPodTemplate", role="submitter", starts=starts)
    return (*_ray(f"{at}.rayClusterSpec"), submitter)


def _scaled(at: str) -> tuple[str, ...]:
    """Return what is harmless of a Ray cluster.

    Labels and resources of its groups go into the command that starts Ray.
    """
    group = below(
        f"{at}.workerGroupSpecs[groupName]", "idleTimeoutSeconds", "maxReplicas", "minReplicas", "numOfHosts",
        "priority", "replicas", "scaleStrategy", "suspend",
    )  # fmt: skip
    scaler = below(f"{at}.autoscalerOptions", "idleTimeoutSeconds", "resources", "upscalingMode")
    return (f"{at}.suspend", *group, *scaler, f"{at}.historyServerOptions.collectorOptions.resources")


_RAY_JOB = (
    "activeDeadlineSeconds", "backoffLimit", "deletionStrategy", "shutdownAfterJobFinishes", "suspend",
    "ttlSecondsAfterFinished",
)  # fmt: skip
_RAY_HARMLESS = (
    *_scaled("spec"), *_scaled("spec.rayClusterSpec"), *_scaled("spec.rayClusterConfig"),
    *_scaled("spec.jobTemplate.rayClusterSpec"), *below("spec.jobTemplate", *_RAY_JOB),
    *below(
        "spec", *_RAY_JOB, *SCHEDULE, "deploymentUnhealthySecondThreshold", "rayClusterDeletionDelaySeconds",
        "serviceUnhealthySecondThreshold", "timeZone", "upgradeStrategy",
    ),
)  # fmt: skip
_RAY: dict[str, Any] = {
    "also": ("v1alpha1",), "framework": "Ray", "serves": {"ray.io/node-type": "{role}"}, "harmless": _RAY_HARMLESS
}  # fmt: skip

ROWS: tuple[Kind, ...] = (
    custom(
        "ray.io", "v1", "RayCluster", _ray("spec"), types=("Workspace", "Training"), **_RAY
    ),
    custom(
        "ray.io", "v1", "RayJob",
        _ray_job("spec"),
        types=("Training",), **_RAY,
    ),
    # https://github.com/ray-project/kuberay, v1.6 and after.
    custom("ray.io", "v1", "RayCronJob", _ray_job("spec.jobTemplate"), types=("Training",), **{**_RAY, "also": ()}),
    custom(
        "ray.io", "v1", "RayService", _ray("spec.rayClusterConfig"), types=("Inference",),
        **_RAY,
    ),
)  # fmt: skip
