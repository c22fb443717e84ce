"""The rows of kinds of many small groups, which share one webhook configuration and so one list of what is harmless.

Each is from the definition that its project publishes, in the version named with it.
"""

from typing import Any

from environment_operator.kinds.table import INDEX, JOB, Kind, PodTemplate, below, custom

Rows = tuple[PodTemplate, ...]

# https://kubernetes.dask.org/en/latest/operator_resources.html
_DASK_CLUSTER = ("idleTimeout", "scheduler.service", "worker.replicas")
_CLIQUE = "spec.template.cliques[name]"
_REPLICAS = ("chief", "ps", "worker", "evaluator")
# What is harmless of any of these kinds: a path that one of them has means the same in all that have it.
_HARMLESS = (
    *below(
        "spec", "disruptionTolerance", "operatingMode", "paused", "recoveryPolicy", "replicas", "restart",
        "revisionHistoryLimit", "rolloutStrategy", "schedulerName", "shutdownPolicy", "shutdownTime", "suspend",
        "topologyConstraint", "updateStrategy",
    ),
    # https://keda.sh/docs/latest/reference/scaledjob-spec/
    *below(
        "spec", "failedJobsHistoryLimit", "maxReplicaCount", "minReplicaCount", "pollingInterval", "rollout",
        "scalingStrategy", "successfulJobsHistoryLimit", "triggers",
    ),
    *below("spec.jobTargetRef", *JOB),
    *below("spec.roles[name]", "minReadySeconds", "replicas", "rolloutStrategy", "scalingAdapter"),
    "spec.roles[name].leaderWorkerPattern.size",
    *below("spec.roles[name].spec", "leaderWorkerTemplate.size", "replicas", "rolloutStrategy", "startupPolicy"),
    *below("spec.components[name]", "minAvailable", "replicas", "scalingAdapter", "topologyConstraint"),
    *below(
        "spec.template", "gangPolicy", "networkTopology", "podCliqueScalingGroups", "priorityClassName",
        "restartGracePeriodSeconds", "terminationDelay", "topologyConstraint",
    ),
    *below(_CLIQUE, "labels", "rollingUpdate", "topologyConstraint"),
    *below(f"{_CLIQUE}.spec", "autoScalingConfig", "minAvailable", "replicas"),
    *below("spec.template.roles[name]", "replicas", "workerReplicas"),
    *below("spec.template.spec", "schedulingStrategy", "updateStrategy"),
    *below(
        "spec.template.spec.roles[name]", "disruptionTolerance", "podRecoveryPolicy", "replicas", "schedulingStrategy",
        "updateStrategy", "upgradeOrder",
    ),
    *below("spec", *_DASK_CLUSTER), *below("spec.cluster.spec", *_DASK_CLUSTER),
    *(f"spec.replicaSpecs.{role}.replicas" for role in _REPLICAS),
)  # fmt: skip


# And of those with a pod template like that of a Deployment.
_DEPLOYED = below(
    "spec", "minReadySeconds", "paused", "progressDeadlineAbort", "progressDeadlineSeconds", "replicas", "restartAt",
    "revisionHistoryLimit", "rollbackWindow", "scaleStrategy", "updateStrategy",
)  # fmt: skip


def _row(group: str, version: str, kind: str, templates: Rows, *types: str, **columns: Any) -> Kind:
    """Return a row of this module; one for templates names no types."""
    named = {"types": types} if types else {}
    shared = {"harmless": _HARMLESS, "bundle": "other-projects"}
    return custom(group, version, kind, templates, **{**shared, **named, **columns})


def _dask(at: str, *roles: str) -> Rows:
    """Return pod templates of Dask, whose pods have the metadata of the object, too.

    https://github.com/dask/dask-kubernetes, 2025.7
    """
    return tuple(
        PodTemplate(path=f"{at}.{role}", role=role, annotated=("metadata", "spec.cluster.metadata")) for role in roles
    )


def _in_roles(at: str, *paths: str, **columns: Any) -> Rows:
    """Return pod templates that each item of a list has, which names their role."""
    return tuple(PodTemplate(path=f"{at}.{path}", role="*", **columns) for path in paths)


# Patches of a role, and the containers that an engine's profile replaces, change its pods after admission.
_GROUP = "spec.roles[name]"
_GROUP_PATCHES = (
    "engineRuntimes",
    "leaderWorkerPattern.leaderTemplatePatch",
    "leaderWorkerPattern.workerTemplatePatch",
)
# https://argo-rollouts.readthedocs.io/en/stable/features/ephemeral-metadata/
_EPHEMERAL = (
    *below("spec.strategy.canary", "canaryMetadata", "stableMetadata"),
    *below("spec.strategy.blueGreen", "activeMetadata", "previewMetadata"),
)
_LWS = "leaderWorkerTemplate"
_SERVE: tuple[str, ...] = ("Training", "Inference")
_ANY: dict[str, Any] = {"framework": "Any"}
_LIKE_A_DEPLOYMENT: dict[str, Any] = {"harmless": _DEPLOYED, "bundle": "deployments", "keeps_revisions": True}

ROWS: tuple[Kind, ...] = (
    # https://github.com/argoproj/argo-rollouts, v1.8. Its strategy may start experiments, so it counts as what runs.
    _row(
        "argoproj.io", "v1alpha1", "Rollout", (PodTemplate(annotated=_EPHEMERAL),), "Workspace", "Inference",
        borrows="spec.workloadRef", **_LIKE_A_DEPLOYMENT,
    ),
    # https://github.com/kedacore/keda, v2.18. Its Jobs have the labels of the ScaledJob.
    _row(
        "keda.sh", "v1alpha1", "ScaledJob", (PodTemplate(path="spec.jobTargetRef.template"),), "Training",
        indexed="spec.jobTargetRef.completionMode", serves={INDEX: "0"},
    ),
    # https://github.com/openkruise/kruise, v1.8 and v1.9.
    _row(
        "apps.kruise.io", "v1beta1", "CloneSet", (PodTemplate(),), "Workspace", "Inference", also=("v1alpha1",),
        **_LIKE_A_DEPLOYMENT,
    ),
    # https://github.com/kubernetes-sigs/agent-sandbox, v0.4 and after.
    _row(
        "agents.x-k8s.io", "v1beta1", "Sandbox", (PodTemplate(path="spec.podTemplate"),), "Workspace",
        also=("v1alpha1",), plural="sandboxes",
    ),
    _row(
        "extensions.agents.x-k8s.io", "v1beta1", "SandboxTemplate", (PodTemplate(path="spec.podTemplate"),),
        also=("v1alpha1",), template=True,
    ),
    _row(
        "kubernetes.dask.org", "v1", "DaskCluster", _dask("spec", "scheduler", "worker"), "Workspace", "Training",
        makes=("DaskWorkerGroup",), serves={"dask.org/component": "scheduler"}, **_ANY,
    ),
    _row(
        "kubernetes.dask.org", "v1", "DaskJob",
        (*_dask("spec", "job"), *_dask("spec.cluster.spec", "scheduler", "worker")), "Training",
        serves={"dask.org/component": "job-runner", "dask.org/cluster-name": "{name}"}, **_ANY,
    ),
    # https://github.com/intelligent-machine-learning/dlrover, v0.5. Its master has an image of its own, and makes the
    # pods with labels of its own.
    _row(
        "elastic.iml.github.io", "v1alpha1", "ElasticJob",
        tuple(
            PodTemplate(path=f"spec.replicaSpecs.{role}.template", role=role, container="main", metadata="")
            for role in _REPLICAS
        ),
        "Training",
        serves={
            "elasticjob.dlrover/name": "{name}", "elasticjob.dlrover/replica-type": "{role}",
            "elasticjob.dlrover/rank-index": "0",
        },
        **_ANY,
    ),
    # https://github.com/kubernetes-sigs/lws, v0.9: a LeaderWorkerSet for each role.
    _row(
        "disaggregatedset.x-k8s.io", "v1", "DisaggregatedSet",
        _in_roles("spec.roles[name]", f"spec.{_LWS}.leaderTemplate", f"spec.{_LWS}.workerTemplate"), *_SERVE,
        serves={"disaggregatedset.x-k8s.io/role": "{role}", "leaderworkerset.sigs.k8s.io/worker-index": "0"}, **_ANY,
    ),
    # https://github.com/google/pathways-job, v0.1.4: the pods of its JobSet have the annotations of the PathwaysJob,
    # and those of the head what the template says, the node's network and further containers.
    _row(
        "pathways-job.pathways.domain", "v1", "PathwaysJob",
        (
            PodTemplate(
                path="spec.controller.template", container="main", main_at="spec.controller.mainContainerName",
                metadata="", annotated=("metadata",), node_network=True,
                reserved_variables=("JAX_BACKEND_TARGET", "JAX_PLATFORMS", "PATHWAYS_HEAD", "XCLOUD_ENVIRONMENT"),
            ),
        ),
        "Training",
        framework="JAX", template_immutable=True,
        serves={
            "jobset.sigs.k8s.io/jobset-name": "{name}", "jobset.sigs.k8s.io/replicatedjob-name": "pathways-head",
            "jobset.sigs.k8s.io/job-index": "0",
        },
    ),
    # https://github.com/ai-dynamo/dynamo, v1.2: the version before described containers by fields of its own.
    _row(
        "nvidia.com", "v1beta1", "DynamoGraphDeployment",
        _in_roles(
            "spec.components[name]", "podTemplate", "roles[name].podTemplate", container="main", annotated=("spec",)
        ),
        "Inference",
        makes=("DynamoComponentDeployment",), serves={"nvidia.com/dynamo-component": "{role}"}, **_ANY,
    ),
    # https://github.com/ai-dynamo/grove, v0.1: labels and annotations stand next to the pod spec.
    _row(
        "grove.io", "v1alpha1", "PodCliqueSet",
        _in_roles(f"{_CLIQUE}", "spec.podSpec", spec="", metadata="", annotated=(_CLIQUE,)), *_SERVE,
        makes=("PodClique", "PodCliqueScalingGroup"), made_by=("nvidia.com",),
        serves={"app.kubernetes.io/part-of": "{name}", "grove.io/podclique": "{name}-0-{role}"}, **_ANY,
    ),
    # https://github.com/vllm-project/aibrix, v0.5.
    _row(
        "orchestration.aibrix.ai", "v1alpha1", "StormService", _in_roles("spec.template.spec.roles[name]", "template"),
        "Inference", keeps_revisions=True, makes=("RoleSet", "PodSet"), serves={"role-name": "{role}"}, **_ANY,
    ),
    # https://github.com/sgl-project/rbg, v0.7. A role with a templateRef is left alone.
    _row(
        "workloads.x-k8s.io", "v1alpha2", "RoleBasedGroup",
        _in_roles(
            _GROUP, "standalonePattern.template", "leaderWorkerPattern.template", "components[name].template",
            inherits=_GROUP, patches=_GROUP_PATCHES,
        ),
        *_SERVE, makes=("RoleInstanceSet", "RoleInstance", "InstanceSet", "Instance"),
        serves={"rbg.workloads.x-k8s.io/role-name": "{role}"}, **_ANY,
    ),
    # https://github.com/volcano-sh/kthena, v0.3.
    _row(
        "workload.serving.volcano.sh", "v1alpha1", "ModelServing",
        _in_roles("spec.template.roles[name]", "entryTemplate", "workerTemplate"), "Inference",
        serves={"modelserving.volcano.sh/role": "{role}", "modelserving.volcano.sh/entry": "true"}, **_ANY,
    ),
)  # fmt: skip
