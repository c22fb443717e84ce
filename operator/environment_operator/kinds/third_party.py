"""The rows of kinds that come from CustomResourceDefinitions, each from the definition that its project publishes.

Templates of Argo that start several containers (``containerSet``) or hold further templates (``inline``) are left
alone.
"""

from typing import Any

from environment_operator.kinds import other_projects, ray, volcano
from environment_operator.kinds.table import (
    INDEX,
    JOB,
    POD,
    SCHEDULE,
    Framework,
    Kind,
    OwnStart,
    PodTemplate,
    below,
    custom,
)

Rows = tuple[PodTemplate, ...]


# The labels that the training operator gives its pods, see `_job`: to a launcher no index.
_TYPE = {"training.kubeflow.org/replica-type": "{role}"}
_REPLICA = {**_TYPE, "training.kubeflow.org/replica-index": "0"}
# The MPI operator gives its launcher another one: https://github.com/kubeflow/mpi-operator, v0.8.
_LAUNCHER = {"v2beta1": {"training.kubeflow.org/job-role": "{role}"}}
# https://jobset.sigs.k8s.io/docs/concepts/#jobset-labels, on pods of Jobs, which are indexed unless they say otherwise.
_FIRST = {"jobset.sigs.k8s.io/replicatedjob-name": "{role}", "jobset.sigs.k8s.io/job-index": "0", INDEX: "0"}
# The JobSet of a TrainJob has its name, and the runtime's replicated Job for training is called like this.
_NODE = {**_FIRST, "jobset.sigs.k8s.io/jobset-name": "{name}", "jobset.sigs.k8s.io/replicatedjob-name": "node"}


_ROLES = {
    "pytorchReplicaSpecs": ("Master", "Worker"),
    "tfReplicaSpecs": ("Chief", "Master", "Worker", "PS", "Evaluator"),
    "mpiReplicaSpecs": ("Launcher", "Worker"),
    "xgbReplicaSpecs": ("Master", "Worker"),
    "jaxReplicaSpecs": ("Worker",),
    "paddleReplicaSpecs": ("Master", "Worker"),
}
_REPLICAS = (
    *(f"spec.{replicas}.{role}.replicas" for replicas, roles in _ROLES.items() for role in roles),
    *below(
        "spec.runPolicy", "activeDeadlineSeconds", "backoffLimit", "cleanPodPolicy", "schedulingPolicy", "suspend",
        "ttlSecondsAfterFinished",
    ),
    *below("spec.elasticPolicy", "maxReplicas", "maxRestarts", "metrics", "minReplicas"), "spec.cleanPodPolicy",
)  # fmt: skip


def _job(kind: str, framework: Framework, replicas: str, container: str, **columns: Any) -> Kind:
    """Return a row of Kubeflow's training operator: https://github.com/kubeflow/training-operator, v1.9.

    It knows roles in any spelling, and of a TFJob makes pods of every one; of most others its webhook refuses them.
    """
    starts = columns.pop("starts", {})
    templates = tuple(
        PodTemplate(
            path=f"spec.{replicas}.{role}.template", role=role.lower(), container=container, starts=starts.get(role)
        )
        for role in _ROLES[replicas]
    )
    serves = columns.pop("serves", _REPLICA)
    return custom(
        "kubeflow.org", "v1", kind, templates, types=("Training",), framework=framework, serves=serves,
        roles_in=f"spec.{replicas}", harmless=_REPLICAS, **columns,
    )  # fmt: skip


# The MPI operator, and the training operator before it, start workers without a command so that the launcher reaches
# them; with one they run it: https://github.com/kubeflow/mpi-operator, v0.8, newWorker.
_SSHD = OwnStart(by="sshd, or what else the launcher reaches", itself="sshd", elsewhere=True)


def _workflow(at: str) -> Rows:
    """Return the templates of an Argo workflow, each a container with some fields of a pod next to it.

    Secrets and the node's namespaces are set on the workflow, for all of them. A template's security context would
    replace the workflow's as a whole, so ids go to the container; its annotations come to the workflow's. Plugins are
    containers of a pod of their own, in which the Environment is not, and so is what collects artifacts:
    https://github.com/argoproj/argo-workflows, v4.1.
    """
    return (
        PodTemplate(
            path=f"{at}.templates[name]", role="*", spec="", container="main", inline=("container", "script"),
            lists=("sidecars",), inherits=at, annotated=(f"{at}.podMetadata",), pod_ids=False,
            patches=("podSpecPatch", "templateDefaults", "executorPlugins", "artifactGC.podSpecPatch"),
            lacks=("securityContext", "imagePullSecrets", "hostNetwork", "hostIPC"),
            # Argo adds the path of the script to the arguments (operator.go, executeScript).
            starts=OwnStart(by="the script", inline=("script",)),
        ),
    )  # fmt: skip


def _paced(at: str) -> tuple[str, ...]:
    """Return what is harmless of an Argo workflow.

    Its controller names containers itself, and writes fields that are structs in its own types as empty ones
    (workflow_types.go, v4.0).
    """
    template = f"{at}.templates[name]"
    each = below(
        template,
        "activeDeadlineSeconds",
        "container.name",
        "metadata",
        "parallelism",
        "priority",
        "priorityClassName",
        "script.name",
    )
    written = below(
        template,
        "containerSet.containers[name].resources",
        "dag.tasks[name].arguments",
        "dag.tasks[name].hooks{}.arguments",
        "inputs",
        "outputs",
        "steps[[name]].arguments",
        "steps[[name]].hooks{}.arguments",
    )
    claim = f"{at}.volumeClaimTemplates[metadata/name]"
    return (
        *each,
        *(f"{path}?" for path in (*written, f"{at}.arguments", f"{at}.hooks{{}}.arguments", f"{claim}.status")),
        f"{claim}.metadata.creationTimestamp",
        *below(
            at, "activeDeadlineSeconds", "affinity", "nodeSelector", "parallelism", "podDisruptionBudget", "podGC",
            "podMetadata", "podPriorityClassName", "priority", "schedulerName", "shutdown", "suspend", "tolerations",
            "ttlStrategy",
        ),
    )  # fmt: skip


_PACED = (
    *_paced("spec"), *_paced("spec.workflowSpec"), *below("spec", *SCHEDULE, "schedules", "timezone")
)  # fmt: skip


# What KServe takes of a pod spec: https://github.com/kserve/kserve, v0.20. Its own webhook, after ours, makes a model
# of what stands under a framework's key.
_FRAMEWORKS = (
    "sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface", "pmml", "lightgbm", "paddle",
)  # fmt: skip


def _component(path: str, role: str, *inline: str) -> PodTemplate:
    """Return the pod template of a component, which has the annotations of the InferenceService, too."""
    return PodTemplate(
        path=path, role=role, spec="", container="kserve-container", inline=inline, metadata=".",
        annotated=("metadata",), one_port=True,
        # Arguments are added to those of the runtime, which are for its own command (utils.go, MergeRuntimeContainers).
        starts=OwnStart(by="the serving runtime", inline=inline, extended=True) if inline else None,
    )  # fmt: skip


_SERVING = (
    _component("spec.predictor", "predictor", "model", *_FRAMEWORKS),
    _component("spec.canary[predictor/name].predictor", "canary", "model", *_FRAMEWORKS),
    PodTemplate(
        path="spec.predictor.workerSpec", role="worker", spec="", container="worker-container", metadata="",
        annotated=("metadata",), one_port=True, fills_image=True, starts=OwnStart(by="the serving runtime"),
    ),
    _component("spec.transformer", "transformer"),
    _component("spec.explainer", "explainer", "art"),
)  # fmt: skip
_ELASTIC_COMPONENT = (
    "autoScaling", "canaryTrafficPercent", "containerConcurrency", "deploymentStrategy", "maxReplicas", "minReplicas",
    "scaleMetric", "scaleMetricType", "scaleTarget", "timeout",
)  # fmt: skip
_COMPONENTS = ("spec.predictor", "spec.canary[predictor/name].predictor", "spec.transformer", "spec.explainer")


def _model(at: str, head: str, worker: str) -> Rows:
    """Return the pod specs of a workload that serves a model, with labels and annotations of the pods next to them.

    A configuration gives the container ``main`` what it lacks: https://github.com/kserve/kserve, v0.17 and after.
    """
    return tuple(
        PodTemplate(
            path=f"{at}.{key}", role=role, spec="", container="main", metadata="", annotated=(at,), fills_image=True
        )
        for key, role in (("template", head), ("worker", worker))
    )


_LLM = (*_model("spec", "main", "worker"), *_model("spec.prefill", "prefill", "prefill-worker"))
_LLM_HARMLESS = tuple(
    path
    for at in ("spec", "spec.prefill")
    for path in below(at, "labels", "replicas", "scaling")
)  # fmt: skip
_LLM_ROW: dict[str, Any] = {"also": ("v1alpha1",), "harmless": _LLM_HARMLESS}
_RUNTIME_LACKS = ("securityContext", "hostNetwork", "hostIPC")
_RUNTIME = (
    PodTemplate(
        path="spec", spec="", container="kserve-container", metadata=".", lacks=_RUNTIME_LACKS, pod_ids=False,
        one_port=True,
    ),
    PodTemplate(
        path="spec.workerSpec", role="worker", spec="", container="worker-container", metadata=".",
        lacks=_RUNTIME_LACKS, pod_ids=False, one_port=True,
    ),
)  # fmt: skip

# What Knative's webhook refuses with the features that are on by default, which its ConfigMap config-features may
# change: https://github.com/knative/serving, v1.23 (pkg/apis/serving/fieldmask.go and k8s_validation.go).
_KNATIVE = PodTemplate(
    container="user-container",
    lacks=(
        "securityContext", "hostNetwork", "hostIPC", "container.stdin", "container.tty",
        "container.securityContext.capabilities", "container.env.valueFrom.fieldRef",
    ),
    features={
        "securityContext": "kubernetes.podspec-securitycontext",
        "hostNetwork": "kubernetes.podspec-hostnetwork",
        "hostIPC": "kubernetes.podspec-hostipc",
        "container.securityContext.capabilities": "kubernetes.containerspec-addcapabilities",
        "container.env.valueFrom.fieldRef": "kubernetes.podspec-fieldref",
    },
    reserved_variables=("PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"),
    reserved_ports=(8008, 8012, 8013, 8022, 9090, 9091),
    one_port=True,
    main_by_port=True,
    pod_ids=False,
    # Its webhook comes after ours at creation, but not where the label comes later (revision_defaults.go); those of
    # the security context are there where secure-pod-defaults is on.
    defaults={
        "readinessProbe": {"tcpSocket": {"port": 0}, "successThreshold": 1},
        "securityContext.allowPrivilegeEscalation": False,
        "securityContext.seccompProfile": {"type": "RuntimeDefault"},
        "securityContext.runAsNonRoot": True,
    },
)  # fmt: skip

# A TrainJob changes what its runtime says by four fields: https://github.com/kubeflow/trainer, v2.3.
_TRAINER = PodTemplate(
    path="spec", spec="", inline=("trainer",), optional=True, metadata="",
    lacks=(
        "securityContext", "imagePullSecrets", "volumes", "hostNetwork", "hostIPC", "container.workingDir",
        "container.readinessProbe", "container.securityContext", "container.stdin", "container.tty",
    ),
    omits=("container.imagePullPolicy", "container.ports"),
)  # fmt: skip
_TRAINING_RUNTIME = (
    PodTemplate(
        path="spec.template.spec.replicatedJobs[name].template.spec.template",
        role="*",
        container="node",
        strict=True,
        starts=_SSHD.model_copy(update={"roles": ("node",), "where": "spec.mlPolicy.mpi"}),
    ),
)


def _sets(at: str) -> tuple[str, ...]:
    """Return what is harmless of the spec of a JobSet."""
    each = f"{at}.replicatedJobs[name]"
    return (
        *below(at, "suspend", "ttlSecondsAfterFinished"), *below(each, "replicas", "template.metadata"),
        *below(f"{each}.template.spec", *JOB),
    )  # fmt: skip


# What a queue changes of the pods of a TrainJob, and who it is.
_PATCH = "spec.runtimePatches[manager].trainingRuntimeSpec.template"
_PATCHED = (f"{_PATCH}.spec.replicatedJobs[name].template.spec.template", "spec.podTemplateOverrides[targetJobs]")
_PATCHES = (
    "spec.runtimePatches[manager].time", f"{_PATCH}.metadata", *_sets(f"{_PATCH}.spec"),
    *(path for pod in _PATCHED for path in (f"{pod}.metadata", *below(f"{pod}.spec", *POD))),
)  # fmt: skip
_TRAIN_HARMLESS = (
    *below("spec", "activeDeadlineSeconds", "annotations", "labels", "suspend"),
    *below("spec.trainer", "numNodes", "resourcesPerNode"), *_PATCHES,
    *below("spec", "mlPolicy.numNodes", "podGroupPolicy", "template.metadata"), *_sets("spec.template.spec"),
)  # fmt: skip

# Spark takes images from its own settings, not from a pod template, and containers are described by fields of the
# kind: https://github.com/kubeflow/spark-operator, v2.3, and
# https://spark.apache.org/docs/latest/running-on-kubernetes.html#pod-template
_SPARK: dict[str, Any] = {
    "types": ("Training",), "instead": "set image, env and securityContext of driver and executor",
}  # fmt: skip

# What Kubeflow's dashboard starts notebooks with, and after it what else is a page of its own.
_DASHBOARD = ("JupyterNotebook", "VisualStudioCode", "RStudio", "Matlab")

_ARGO, _TRAIN = "argoproj.io", "trainer.kubeflow.org"
_ANY: dict[str, Any] = {"types": ("Training",), "framework": "Any"}
_STORED: dict[str, Any] = {"template": True}

ROWS: tuple[Kind, ...] = (
    _job("PyTorchJob", "PyTorch", "pytorchReplicaSpecs", "pytorch"),
    _job("TFJob", "TensorFlow", "tfReplicaSpecs", "tensorflow"),
    _job(
        "MPIJob", "MPI", "mpiReplicaSpecs", "mpi", also=("v2beta1",), serves=_TYPE, serves_in=_LAUNCHER,
        starts={"Worker": _SSHD},
    ),
    custom(
        _TRAIN, "v1alpha1", "TrainJob", (_TRAINER,), template_immutable=True, serves=_NODE, **_ANY,
        harmless=_TRAIN_HARMLESS,
    ),
    custom(
        _TRAIN, "v1alpha1", "TrainingRuntime", _TRAINING_RUNTIME, framework="Any", harmless=_TRAIN_HARMLESS,
        **_STORED,
    ),
    custom(
        _TRAIN, "v1alpha1", "ClusterTrainingRuntime", _TRAINING_RUNTIME, framework="Any", harmless=_TRAIN_HARMLESS,
        **_STORED,
    ),
    custom(
        "kubeflow.org", "v1", "Notebook",
        # Its Service, to which the dashboard leads, is for the first port (notebook_controller.go, generateService).
        (PodTemplate(metadata="", annotated=("metadata",), first_tools=_DASHBOARD),), also=("v1beta1",),
        types=("Workspace",), serves={"notebook-name": "{name}"}, harmless=(),
    ),
    custom(
        "serving.kserve.io", "v1beta1", "InferenceService", _SERVING, types=("Inference",),
        serves={"component": "{role}"}, harmless=sum((below(at, *_ELASTIC_COMPONENT) for at in _COMPONENTS), ()),
    ),
    custom(
        "serving.kserve.io", "v1alpha2", "LLMInferenceService", _LLM, types=("Inference",), **_LLM_ROW,
        serves={"app.kubernetes.io/name": "{name}", "kserve.io/component": "workload"},
    ),
    custom("serving.kserve.io", "v1alpha2", "LLMInferenceServiceConfig", _LLM, **_LLM_ROW, **_STORED),
    custom("serving.kserve.io", "v1alpha1", "ServingRuntime", _RUNTIME, harmless=("spec.replicas",), **_STORED),
    custom("serving.kserve.io", "v1alpha1", "ClusterServingRuntime", _RUNTIME, harmless=("spec.replicas",), **_STORED),
    custom(
        "serving.knative.dev", "v1", "Service", (_KNATIVE,), types=("Inference",), makes=("Configuration", "Revision"),
        made_by=("serving.kserve.io",),
        # A revision never changes, so traffic goes to pods as they were admitted.
        harmless=(
            "spec.traffic",
            *below(
                "spec.template.spec", "containerConcurrency", "idleTimeoutSeconds", "responseStartTimeoutSeconds",
                "timeoutSeconds",
            ),
        ),
    ),
    custom(
        "jobset.x-k8s.io", "v1alpha2", "JobSet",
        (PodTemplate(path="spec.replicatedJobs[name].template.spec.template", role="*"),),
        template_immutable=True, serves=_FIRST, harmless=_sets("spec"),
        made_by=("pathways-job.pathways.domain", _TRAIN), **_ANY,
    ),
    custom(
        _ARGO, "v1alpha1", "Workflow", _workflow("spec"), types=("Training",), borrows="spec.workflowTemplateRef",
        harmless=_PACED,
    ),
    custom(
        _ARGO, "v1alpha1", "CronWorkflow", _workflow("spec.workflowSpec"), types=("Training",),
        borrows="spec.workflowSpec.workflowTemplateRef",
        harmless=_PACED,
    ),
    custom(_ARGO, "v1alpha1", "WorkflowTemplate", _workflow("spec"), harmless=_PACED, **_STORED),
    custom(_ARGO, "v1alpha1", "ClusterWorkflowTemplate", _workflow("spec"), harmless=_PACED, **_STORED),
    _job("XGBoostJob", "XGBoost", "xgbReplicaSpecs", "xgboost"),
    _job("JAXJob", "JAX", "jaxReplicaSpecs", "jax"),
    _job("PaddleJob", "Any", "paddleReplicaSpecs", "paddle"),
    custom(
        "leaderworkerset.x-k8s.io", "v1", "LeaderWorkerSet",
        (
            PodTemplate(path="spec.leaderWorkerTemplate.leaderTemplate", role="leader"),
            PodTemplate(path="spec.leaderWorkerTemplate.workerTemplate", role="worker"),
        ),
        types=("Training", "Inference"), framework="Any", serves={"leaderworkerset.sigs.k8s.io/worker-index": "0"},
        harmless=below("spec", "leaderWorkerTemplate.size", "replicas", "rolloutStrategy", "startupPolicy"),
        made_by=("disaggregatedset.x-k8s.io", "nvidia.com", "serving.kserve.io", "workloads.x-k8s.io"),
    ),
    custom("sparkoperator.k8s.io", "v1beta2", "SparkApplication", (), derives=False, **_SPARK),
    custom("sparkoperator.k8s.io", "v1beta2", "ScheduledSparkApplication", (), **_SPARK),
    *ray.ROWS,
    *volcano.ROWS,
    *other_projects.ROWS,
)  # fmt: skip
