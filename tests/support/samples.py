"""The smallest valid object of every third-party kind in ``crds/``, none of which refers to an Environment.

An Environment brings the image, so containers have none wherever the definition of their kind allows that.
"""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
FILES = sorted((Path(__file__).parents[1] / "fixtures/crds").glob("*.yaml"))

TRAINING_OPERATOR = """
pytorchjob:
  apiVersion: kubeflow.org/v1
  kind: PyTorchJob
  spec:
    pytorchReplicaSpecs:
      Master: {replicas: 1, template: {spec: {containers: [{name: pytorch}]}}}
      Worker: {replicas: 2, template: {spec: {containers: [{name: pytorch}]}}}
tfjob:
  apiVersion: kubeflow.org/v1
  kind: TFJob
  spec:
    tfReplicaSpecs:
      Chief: {replicas: 1, template: {spec: {containers: [{name: tensorflow}]}}}
      PS: {replicas: 1, template: {spec: {containers: [{name: tensorflow}]}}}
      Worker: {replicas: 2, template: {spec: {containers: [{name: tensorflow}]}}}
xgboostjob:
  apiVersion: kubeflow.org/v1
  kind: XGBoostJob
  spec:
    xgbReplicaSpecs:
      Master: {replicas: 1, template: {spec: {containers: [{name: xgboost}]}}}
      Worker: {replicas: 2, template: {spec: {containers: [{name: xgboost}]}}}
jaxjob:
  apiVersion: kubeflow.org/v1
  kind: JAXJob
  spec:
    jaxReplicaSpecs:
      Worker: {replicas: 2, template: {spec: {containers: [{name: jax}]}}}
paddlejob:
  apiVersion: kubeflow.org/v1
  kind: PaddleJob
  spec:
    paddleReplicaSpecs:
      Master: {replicas: 1, template: {spec: {containers: [{name: paddle}]}}}
      Worker: {replicas: 2, template: {spec: {containers: [{name: paddle}]}}}
mpijob-v1:
  apiVersion: kubeflow.org/v1
  kind: MPIJob
  spec:
    mpiReplicaSpecs:
      Launcher: {replicas: 1, template: {spec: {containers: [{name: mpi}]}}}
      Worker: {replicas: 2, template: {spec: {containers: [{name: mpi}]}}}
mpijob-v2beta1:
  apiVersion: kubeflow.org/v2beta1
  kind: MPIJob
  spec:
    runPolicy: {cleanPodPolicy: Running}
    mpiReplicaSpecs:
      Launcher: {replicas: 1, restartPolicy: OnFailure, template: {spec: {containers: [{name: launcher}]}}}
      Worker: {replicas: 2, restartPolicy: OnFailure, template: {spec: {containers: [{name: worker}]}}}
"""

TRAINER = """
trainjob:
  apiVersion: trainer.kubeflow.org/v1alpha1
  kind: TrainJob
  spec:
    runtimeRef: {name: torch-distributed}
    trainer: {numNodes: 2}
trainingruntime: &runtime
  apiVersion: trainer.kubeflow.org/v1alpha1
  kind: TrainingRuntime
  spec:
    mlPolicy: {numNodes: 1, torch: {}}
    template:
      spec:
        replicatedJobs:
        - name: dataset-initializer
          template:
            metadata: {labels: {trainer.kubeflow.org/trainjob-ancestor-step: dataset-initializer}}
            spec: {template: {spec: {containers: [{name: dataset-initializer, image: registry.example/initializer:1}]}}}
        - name: node
          template:
            metadata: {labels: {trainer.kubeflow.org/trainjob-ancestor-step: trainer}}
            spec: {template: {spec: {containers: [{name: node}]}}}
clustertrainingruntime:
  <<: *runtime
  kind: ClusterTrainingRuntime
"""

BATCH = """
jobset:
  apiVersion: jobset.x-k8s.io/v1alpha2
  kind: JobSet
  spec:
    replicatedJobs:
    - {name: driver, template: {spec: {template: {spec: {containers: [{name: main}], restartPolicy: Never}}}}}
    - name: workers
      replicas: 2
      template: {spec: {template: {spec: {containers: [{name: main}], restartPolicy: Never}}}}
leaderworkerset:
  apiVersion: leaderworkerset.x-k8s.io/v1
  kind: LeaderWorkerSet
  spec:
    leaderWorkerTemplate:
      size: 3
      leaderTemplate: {spec: {containers: [{name: leader}]}}
      workerTemplate: {spec: {containers: [{name: worker}]}}
volcano-job:
  apiVersion: batch.volcano.sh/v1alpha1
  kind: Job
  spec:
    minAvailable: 3
    schedulerName: volcano
    tasks:
    - {name: master, replicas: 1, template: {spec: {containers: [{name: main}], restartPolicy: OnFailure}}}
    - {name: worker, replicas: 2, template: {spec: {containers: [{name: main}], restartPolicy: OnFailure}}}
volcano-cronjob:
  apiVersion: batch.volcano.sh/v1alpha1
  kind: CronJob
  spec:
    schedule: "@daily"
    jobTemplate: &queued
      spec:
        minAvailable: 1
        tasks:
        - {name: master, replicas: 1, template: {spec: {containers: [{name: main}], restartPolicy: OnFailure}}}
jobtemplate:
  apiVersion: flow.volcano.sh/v1alpha1
  kind: JobTemplate
  <<: *queued
sparkapplication: &spark
  apiVersion: sparkoperator.k8s.io/v1beta2
  kind: SparkApplication
  spec: &application
    type: Python
    mode: cluster
    sparkVersion: 4.0.0
    mainApplicationFile: local:///app/main.py
    driver: {cores: 1, memory: 512m, serviceAccount: spark}
    executor: {instances: 2, cores: 1, memory: 512m}
scheduledsparkapplication:
  apiVersion: sparkoperator.k8s.io/v1beta2
  kind: ScheduledSparkApplication
  spec: {schedule: "@daily", template: *application}
"""

RAY = """
raycluster:
  apiVersion: ray.io/v1
  kind: RayCluster
  spec: &cluster
    headGroupSpec: {template: {spec: {containers: [{name: ray-head}]}}}
    workerGroupSpecs:
    - {groupName: small, minReplicas: 1, maxReplicas: 2, template: {spec: {containers: [{name: ray-worker}]}}}
    - {groupName: large, minReplicas: 1, maxReplicas: 2, template: {spec: {containers: [{name: ray-worker}]}}}
rayjob:
  apiVersion: ray.io/v1
  kind: RayJob
  spec: &rayjob
    entrypoint: python main.py
    rayClusterSpec: *cluster
    submitterPodTemplate: {spec: {containers: [{name: submitter}], restartPolicy: Never}}
raycronjob:
  apiVersion: ray.io/v1
  kind: RayCronJob
  spec: {schedule: "@daily", jobTemplate: *rayjob}
rayservice:
  apiVersion: ray.io/v1
  kind: RayService
  spec: {rayClusterConfig: *cluster, serveConfigV2: "applications: []"}
"""

# The definition of a Notebook is the only one that insists on an image; admission fills it in before it looks.
SERVING = """
notebook:
  apiVersion: kubeflow.org/v1
  kind: Notebook
  spec: {template: {spec: {containers: [{name: notebook, image: registry.example/notebook:1}]}}}
inferenceservice:
  apiVersion: serving.kserve.io/v1beta1
  kind: InferenceService
  spec:
    predictor: {model: {modelFormat: {name: sklearn}, storageUri: "pvc://models/iris"}}
    transformer: {containers: [{name: kserve-container}]}
inferenceservice-custom:
  apiVersion: serving.kserve.io/v1beta1
  kind: InferenceService
  spec:
    predictor: {containers: [{name: kserve-container}]}
    canary:
    - {trafficPercent: 10, predictor: {name: next, containers: [{name: kserve-container}]}}
    - {trafficPercent: 5, predictor: {name: later, containers: [{name: kserve-container}]}}
servingruntime: &runtime
  apiVersion: serving.kserve.io/v1alpha1
  kind: ServingRuntime
  spec:
    supportedModelFormats: [{name: sklearn, version: "1", autoSelect: true, priority: 1}]
    containers: [{name: kserve-container}]
clusterservingruntime:
  <<: *runtime
  kind: ClusterServingRuntime
llminferenceservice: &llm
  apiVersion: serving.kserve.io/v1alpha2
  kind: LLMInferenceService
  spec:
    model: {uri: "hf://team/model"}
    template: {containers: [{name: main}]}
    worker: {containers: [{name: main}]}
    prefill: {template: {containers: [{name: main}]}}
llminferenceserviceconfig:
  <<: *llm
  kind: LLMInferenceServiceConfig
knative-service:
  apiVersion: serving.knative.dev/v1
  kind: Service
  spec: {template: {spec: {containers: [{name: user-container}]}}}
knative-configuration:
  apiVersion: serving.knative.dev/v1
  kind: Configuration
  spec: {template: {spec: {containers: [{name: user-container}]}}}
knative-revision:
  apiVersion: serving.knative.dev/v1
  kind: Revision
  spec: {containers: [{name: user-container}]}
"""

ARGO = """
workflow:
  apiVersion: argoproj.io/v1alpha1
  kind: Workflow
  spec: &workflow
    entrypoint: main
    hooks: {exit: {template: report}}
    volumeClaimTemplates:
    - metadata: {name: work}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
    templates:
    - name: main
      steps:
      - [{name: prepare, template: prepare, hooks: {exit: {template: report}}}]
      - [{name: train, template: train}]
      - [{name: report, template: report}]
    - name: prepare
      script: {command: [python], source: "print('ready')"}
    - name: train
      container: {command: [python, train.py]}
    - name: report
      containerSet: {containers: [{name: main, command: [report]}, {name: upload, command: [upload]}]}
cronworkflow:
  apiVersion: argoproj.io/v1alpha1
  kind: CronWorkflow
  spec: {schedules: ["0 6 * * *"], workflowSpec: *workflow}
workflowtemplate:
  apiVersion: argoproj.io/v1alpha1
  kind: WorkflowTemplate
  spec: *workflow
clusterworkflowtemplate:
  apiVersion: argoproj.io/v1alpha1
  kind: ClusterWorkflowTemplate
  spec: *workflow
"""

OTHER_PROJECTS = """
rollout:
  apiVersion: argoproj.io/v1alpha1
  kind: Rollout
  spec: &replicas
    replicas: 1
    selector: {matchLabels: {app: web}}
    template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web}]}}
cloneset:
  apiVersion: apps.kruise.io/v1beta1
  kind: CloneSet
  spec: *replicas
scaledjob:
  apiVersion: keda.sh/v1alpha1
  kind: ScaledJob
  spec:
    triggers: [{type: cron, metadata: {timezone: UTC}}]
    jobTargetRef: {template: {spec: {containers: [{name: main}], restartPolicy: Never}}}
sandbox:
  apiVersion: agents.x-k8s.io/v1beta1
  kind: Sandbox
  spec: {podTemplate: {spec: {containers: [{name: agent}]}}}
sandboxtemplate:
  apiVersion: extensions.agents.x-k8s.io/v1beta1
  kind: SandboxTemplate
  spec: {podTemplate: {spec: {containers: [{name: agent}]}}}
daskcluster:
  apiVersion: kubernetes.dask.org/v1
  kind: DaskCluster
  spec: &dask
    scheduler: {spec: {containers: [{name: scheduler}]}, service: {type: ClusterIP}}
    worker: {replicas: 2, spec: {containers: [{name: worker}]}}
daskjob:
  apiVersion: kubernetes.dask.org/v1
  kind: DaskJob
  spec: {job: {spec: {containers: [{name: job}]}}, cluster: {spec: *dask}}
elasticjob:
  apiVersion: elastic.iml.github.io/v1alpha1
  kind: ElasticJob
  spec:
    distributionStrategy: AllreduceStrategy
    replicaSpecs:
      worker: {replicas: 2, template: {spec: {containers: [{name: main}], restartPolicy: Never}}}
disaggregatedset:
  apiVersion: disaggregatedset.x-k8s.io/v1
  kind: DisaggregatedSet
  spec:
    roles:
    - name: prefill
      spec: &group
        replicas: 1
        leaderWorkerTemplate:
          size: 2
          leaderTemplate: {spec: {containers: [{name: leader}]}}
          workerTemplate: {spec: {containers: [{name: worker}]}}
    - {name: decode, spec: *group}
dynamographdeployment:
  apiVersion: nvidia.com/v1beta1
  kind: DynamoGraphDeployment
  spec:
    components:
    - {name: frontend, type: frontend, podTemplate: {spec: {containers: [{name: main}]}}}
    - {name: worker, type: worker, replicas: 2, podTemplate: {spec: {containers: [{name: main}]}}}
podcliqueset:
  apiVersion: grove.io/v1alpha1
  kind: PodCliqueSet
  spec:
    replicas: 1
    template:
      cliques:
      - {name: prefill, spec: {roleName: prefill, replicas: 1, podSpec: {containers: [{name: main}]}}}
      - {name: decode, spec: {roleName: decode, replicas: 1, podSpec: {containers: [{name: main}]}}}
pathwaysjob:
  apiVersion: pathways-job.pathways.domain/v1
  kind: PathwaysJob
  spec:
    workers: [{type: ct5p-hightpu-4t, topology: 2x2x1, numSlices: 1}]
    controller:
      deploymentMode: default
      template: {spec: {containers: [{name: helper, image: "registry.example/helper:1"}, {name: main}]}}
stormservice:
  apiVersion: orchestration.aibrix.ai/v1alpha1
  kind: StormService
  spec:
    replicas: 1
    template:
      spec:
        roles:
        - {name: prefill, replicas: 1, template: {spec: {containers: [{name: main}]}}}
        - {name: decode, replicas: 1, template: {spec: {containers: [{name: main}]}}}
rolebasedgroup:
  apiVersion: workloads.x-k8s.io/v1alpha2
  kind: RoleBasedGroup
  spec:
    roles:
    - {name: router, replicas: 1, standalonePattern: {template: {spec: {containers: [{name: main}]}}}}
    - {name: decode, replicas: 1, leaderWorkerPattern: {size: 2, template: {spec: {containers: [{name: main}]}}}}
modelserving:
  apiVersion: workload.serving.volcano.sh/v1alpha1
  kind: ModelServing
  spec:
    template:
      roles:
      - name: prefill
        workerReplicas: 1
        entryTemplate: {spec: {containers: [{name: main}]}}
        workerTemplate: {spec: {containers: [{name: main}]}}
"""

SAMPLES: dict[str, Object] = {
    word: made
    for text in (TRAINING_OPERATOR, TRAINER, BATCH, RAY, SERVING, ARGO, OTHER_PROJECTS)
    for word, made in yaml.load(text, yaml.CSafeLoader).items()
}


@cache
def definitions(file: Path) -> list[Object]:
    """Return the CustomResourceDefinitions of a file."""
    items: list[Object] = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)["items"]
    return items


def stored(definition: Object) -> tuple[str, str]:
    """Return the API version in which a definition stores its objects, and their kind."""
    spec = definition["spec"]
    version = next(version["name"] for version in spec["versions"] if version["storage"])
    return f"{spec['group']}/{version}", spec["names"]["kind"]


def sample(word: str, name: str, namespace: str) -> Object:
    """Return an object of its own for each call.

    Args:
        word: a key of ``SAMPLES``.
        name: its name.
        namespace: its project; cluster-scoped kinds, whose names begin with Cluster, ignore it.
    """
    made = deepcopy(SAMPLES[word])
    place = {} if made["kind"].startswith("Cluster") else {"namespace": namespace}
    return {**made, "metadata": {"name": name, **place}}
