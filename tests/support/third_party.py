"""Where third-party kinds have their pods, written down by hand from their samples, and how to work with them."""

from copy import deepcopy
from functools import partial
from typing import Any

from builders import manifest
from cluster.rest import Rest
from cluster.waiting import until
from environment_operator.api import names
from environment_operator.kinds.table import Kind
from environment_operator.kinds.third_party import ROWS
from samples import FILES, SAMPLES, Object, definitions, sample

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
POD = "spec.containers.0"
JOB = "template.spec.template"
LWS = "spec.leaderWorkerTemplate"

# sample: the pod templates that are filled in, and the main container below each
FILLED: dict[str, tuple[tuple[str, str], ...]] = {
    "pytorchjob": tuple((f"spec.pytorchReplicaSpecs.{role}.template", POD) for role in ("Master", "Worker")),
    "tfjob": tuple((f"spec.tfReplicaSpecs.{role}.template", POD) for role in ("Chief", "PS", "Worker")),
    "xgboostjob": tuple((f"spec.xgbReplicaSpecs.{role}.template", POD) for role in ("Master", "Worker")),
    "jaxjob": (("spec.jaxReplicaSpecs.Worker.template", POD),),
    "paddlejob": tuple((f"spec.paddleReplicaSpecs.{role}.template", POD) for role in ("Master", "Worker")),
    "mpijob-v1": tuple((f"spec.mpiReplicaSpecs.{role}.template", POD) for role in ("Launcher", "Worker")),
    "mpijob-v2beta1": tuple((f"spec.mpiReplicaSpecs.{role}.template", POD) for role in ("Launcher", "Worker")),
    "trainjob": (("spec", "trainer"),),
    "trainingruntime": ((f"spec.template.spec.replicatedJobs.1.{JOB}", POD),),
    "clustertrainingruntime": ((f"spec.template.spec.replicatedJobs.1.{JOB}", POD),),
    "jobset": tuple((f"spec.replicatedJobs.{n}.{JOB}", POD) for n in (0, 1)),
    "leaderworkerset": tuple((f"spec.leaderWorkerTemplate.{role}Template", POD) for role in ("leader", "worker")),
    "volcano-job": tuple((f"spec.tasks.{n}.template", POD) for n in (0, 1)),
    "volcano-cronjob": (("spec.jobTemplate.spec.tasks.0.template", POD),),
    "jobtemplate": (("spec.tasks.0.template", POD),),
    "raycluster": (
        ("spec.headGroupSpec.template", POD),
        ("spec.workerGroupSpecs.0.template", POD),
        ("spec.workerGroupSpecs.1.template", POD),
    ),
    "rayjob": (
        ("spec.rayClusterSpec.headGroupSpec.template", POD),
        ("spec.rayClusterSpec.workerGroupSpecs.0.template", POD),
        ("spec.rayClusterSpec.workerGroupSpecs.1.template", POD),
        ("spec.submitterPodTemplate", POD),
    ),
    "raycronjob": (
        ("spec.jobTemplate.rayClusterSpec.headGroupSpec.template", POD),
        ("spec.jobTemplate.rayClusterSpec.workerGroupSpecs.0.template", POD),
        ("spec.jobTemplate.rayClusterSpec.workerGroupSpecs.1.template", POD),
        ("spec.jobTemplate.submitterPodTemplate", POD),
    ),
    "rayservice": (
        ("spec.rayClusterConfig.headGroupSpec.template", POD),
        ("spec.rayClusterConfig.workerGroupSpecs.0.template", POD),
        ("spec.rayClusterConfig.workerGroupSpecs.1.template", POD),
    ),
    "notebook": (("spec.template", POD),),
    "inferenceservice": (("spec.predictor", "model"), ("spec.transformer", "containers.0")),
    "inferenceservice-custom": tuple(
        (f"spec.{at}predictor", "containers.0") for at in ("", "canary.0.", "canary.1.")
    ),
    "servingruntime": (("spec", "containers.0"),),
    "clusterservingruntime": (("spec", "containers.0"),),
    "llminferenceservice": tuple((f"spec.{at}", "containers.0") for at in ("template", "worker", "prefill.template")),
    "llminferenceserviceconfig": tuple(
        (f"spec.{at}", "containers.0") for at in ("template", "worker", "prefill.template")
    ),
    "knative-service": (("spec.template", POD),),
    "workflow": (("spec.templates.1", "script"), ("spec.templates.2", "container")),
    "cronworkflow": (("spec.workflowSpec.templates.1", "script"), ("spec.workflowSpec.templates.2", "container")),
    "workflowtemplate": (("spec.templates.1", "script"), ("spec.templates.2", "container")),
    "clusterworkflowtemplate": (("spec.templates.1", "script"), ("spec.templates.2", "container")),
    "rollout": (("spec.template", POD),),
    "cloneset": (("spec.template", POD),),
    "scaledjob": (("spec.jobTargetRef.template", POD),),
    "sandbox": (("spec.podTemplate", POD),),
    "sandboxtemplate": (("spec.podTemplate", POD),),
    "daskcluster": (("spec.scheduler", POD), ("spec.worker", POD)),
    "daskjob": (("spec.job", POD), ("spec.cluster.spec.scheduler", POD), ("spec.cluster.spec.worker", POD)),
    "elasticjob": (("spec.replicaSpecs.worker.template", POD),),
    "disaggregatedset": tuple(
        (f"spec.roles.{n}.{LWS}.{role}Template", POD) for n in (0, 1) for role in ("leader", "worker")
    ),
    "dynamographdeployment": tuple((f"spec.components.{n}.podTemplate", POD) for n in (0, 1)),
    "podcliqueset": tuple((f"spec.template.cliques.{n}.spec.podSpec", "containers.0") for n in (0, 1)),
    "pathwaysjob": (("spec.controller.template", "spec.containers.1"),),
    "stormservice": tuple((f"spec.template.spec.roles.{n}.template", POD) for n in (0, 1)),
    "rolebasedgroup": (
        ("spec.roles.0.standalonePattern.template", POD),
        ("spec.roles.1.leaderWorkerPattern.template", POD),
    ),
    "modelserving": tuple((f"spec.template.roles.0.{role}Template", POD) for role in ("entry", "worker")),
}  # fmt: skip
# Where the labels of the pods are, if not in the metadata of the template; nowhere for some.
LABELS = {
    "inferenceservice": "labels",
    "inferenceservice-custom": "labels",
    "servingruntime": "labels",
    "clusterservingruntime": "labels",
    "notebook": None,
    "trainjob": None,
    "llminferenceservice": None,
    "llminferenceserviceconfig": None,
    "elasticjob": None,
    "podcliqueset": None,
    "pathwaysjob": None,
}
# Whose object has to be created again to use another Environment.
FIXED = {"trainjob", "jobset", "pathwaysjob", "volcano-job"}
TEMPLATES = {word for word in FILLED if word.endswith(("template", "runtime", "config"))}
PLURALS = {
    (d["spec"]["group"], d["spec"]["names"]["kind"]): d["spec"]["names"]["plural"]
    for file in FILES
    for d in definitions(file)
}


def row_of(word: str) -> Kind:
    """Return the row of a sample's kind."""
    group, _, _ = SAMPLES[word]["apiVersion"].partition("/")
    return next(row for row in ROWS if (row.group, row.kind) == (group, SAMPLES[word]["kind"]))


def environment(name: str, word: str, **fields: Any) -> Object:
    """Return an Environment that a sample may use: its image, and a variable."""
    row = row_of(word)
    distributed = {"architecture": "Distributed", "framework": row.framework}
    serves = {"workloadTypes": ["Inference"], "endpoint": {"port": 8080, "protocol": "HTTP"}}
    needed = {**(distributed if row.framework else {}), **(serves if row.types == ("Inference",) else {})}
    return manifest(name, **{**needed, "env": [{"name": "DATA", "value": "/data"}], **fields})


def user(word: str, name: str, namespace: str, reference: str | None) -> Object:
    """Return a sample without an image that refers to an Environment, where one is named."""
    made = sample(word, name, namespace)
    for template, container in FILLED[word]:
        found = at(made, template) if word == "trainjob" else at(made, f"{template}.{container}")
        found.pop("image", None)
    if reference:
        made["metadata"]["labels"] = {names.REFERENCE: reference}
    return made


def path(made: Object, name: str = "") -> str:
    """Return the URL path of the objects of a sample's kind, or of one of them."""
    group, _, _ = made["apiVersion"].partition("/")
    namespace = made["metadata"].get("namespace")
    place = f"namespaces/{namespace}/" if namespace else ""
    return f"/apis/{made['apiVersion']}/{place}{PLURALS[group, made['kind']]}{f'/{name}' if name else ''}"


def at(made: Any, keys: str) -> Any:
    """Return what is at a path of keys and positions, None when nothing is."""
    for key in keys.split("."):
        made = made[int(key)] if key.isdigit() else made.get(key)
        if made is None:
            return None
    return made


def containers(word: str, made: Object) -> list[Object]:
    """Return the main containers of an object, empty where there is none."""
    return [at(made, f"{template}.{container}") or {} for template, container in FILLED[word]]


def labels(word: str, made: Object) -> list[Object]:
    """Return the labels of the pods, template by template, of a kind that has a place for them."""
    where = LABELS.get(word, "metadata.labels")
    return [at(made, f"{template}.{where}") or {} for template, _ in FILLED[word]] if where else []


def freed(word: str) -> list[Object]:
    """Return the JSON patch that takes the reference away and gives every container an image."""
    label = names.REFERENCE.replace("/", "~1")
    places = (f"{template}.{container}.image".replace(".", "/") for template, container in FILLED[word])
    images = [{"op": "replace", "path": f"/{place}", "value": "mine:1"} for place in places]
    return [{"op": "remove", "path": f"/metadata/labels/{label}"}, *images]


def install(rest: Rest, *words: str) -> list[str]:
    """Create the definitions of the samples' kinds, and return their names when their objects can be listed."""
    wanted = {(SAMPLES[word]["apiVersion"], SAMPLES[word]["kind"]) for word in words}
    made = [d for file in FILES for d in definitions(file) if _stored(d) in wanted]
    for definition in made:
        reply = rest.create(DEFINITIONS, deepcopy(definition))
        assert reply.ok, reply.message
    for definition in made:
        served = f"/apis/{_stored(definition)[0]}/{definition['spec']['names']['plural']}"
        until(f"{served} to be served", partial(_has_status, rest, served, 200))
    return [definition["metadata"]["name"] for definition in made]


def uninstall(rest: Rest, found: list[str]) -> None:
    """Delete definitions, and wait until they are gone."""
    for name in found:
        rest.delete(f"{DEFINITIONS}/{name}")
    for name in found:
        until(f"{name} to be gone", partial(_has_status, rest, f"{DEFINITIONS}/{name}", 404))


def _has_status(rest: Rest, path: str, status: int) -> bool:
    """Return whether a path is answered with a status."""
    return rest.get(path).status == status


def _stored(definition: Object) -> tuple[str, str]:
    """Return the API version in which a definition stores its objects, and their kind."""
    spec = definition["spec"]
    version = next(version["name"] for version in spec["versions"] if version["storage"])
    return f"{spec['group']}/{version}", spec["names"]["kind"]
