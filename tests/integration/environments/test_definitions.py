"""Definitions of third-party kinds do to their objects what their originals do, as far as injection is concerned."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from cluster import Cluster
from cluster.rest import Reply, Rest
from cluster.waiting import until
from samples import FILES, SAMPLES, Object, definitions, sample, stored

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
KINDS = {stored(definition): definition for file in FILES for definition in definitions(file)}
MARKS = {"labels": {"a": "b"}, "annotations": {"c": "d"}}
TRAINER_PATCH = "spec.runtimePatches.0.trainingRuntimeSpec.template.spec.replicatedJobs.0.template.spec.template"

# sample: the pod template, pod spec or component that holds the main container, and the container below it
PODS = {
    "pytorchjob": ("spec.pytorchReplicaSpecs.Master.template", "spec.containers.0"),
    "tfjob": ("spec.tfReplicaSpecs.Chief.template", "spec.containers.0"),
    "xgboostjob": ("spec.xgbReplicaSpecs.Master.template", "spec.containers.0"),
    "jaxjob": ("spec.jaxReplicaSpecs.Worker.template", "spec.containers.0"),
    "paddlejob": ("spec.paddleReplicaSpecs.Master.template", "spec.containers.0"),
    "mpijob-v1": ("spec.mpiReplicaSpecs.Launcher.template", "spec.containers.0"),
    "mpijob-v2beta1": ("spec.mpiReplicaSpecs.Launcher.template", "spec.containers.0"),
    "trainingruntime": ("spec.template.spec.replicatedJobs.1.template.spec.template", "spec.containers.0"),
    "clustertrainingruntime": ("spec.template.spec.replicatedJobs.1.template.spec.template", "spec.containers.0"),
    "jobset": ("spec.replicatedJobs.1.template.spec.template", "spec.containers.0"),
    "leaderworkerset": ("spec.leaderWorkerTemplate.leaderTemplate", "spec.containers.0"),
    "volcano-job": ("spec.tasks.1.template", "spec.containers.0"),
    "raycluster": ("spec.workerGroupSpecs.1.template", "spec.containers.0"),
    "rayjob": ("spec.submitterPodTemplate", "spec.containers.0"),
    "rayservice": ("spec.rayClusterConfig.headGroupSpec.template", "spec.containers.0"),
    "knative-service": ("spec.template", "spec.containers.0"),
    "knative-configuration": ("spec.template", "spec.containers.0"),
    "notebook": ("spec.template", "spec.containers.0"),
    "inferenceservice": ("spec.predictor", "model"),
    "inferenceservice-custom": ("spec.predictor", "containers.0"),
    "servingruntime": ("spec", "containers.0"),
    "clusterservingruntime": ("spec", "containers.0"),
    "knative-revision": ("spec", "containers.0"),
    "workflow": ("spec.templates.2", "container"),
    "cronworkflow": ("spec.workflowSpec.templates.2", "container"),
    "workflowtemplate": ("spec.templates.1", "script"),
    "clusterworkflowtemplate": ("spec.templates.3", "containerSet.containers.0"),
    "volcano-cronjob": ("spec.jobTemplate.spec.tasks.0.template", "spec.containers.0"),
    "jobtemplate": ("spec.tasks.0.template", "spec.containers.0"),
    "raycronjob": ("spec.jobTemplate.submitterPodTemplate", "spec.containers.0"),
    "llminferenceservice": ("spec.prefill.template", "containers.0"),
    "llminferenceserviceconfig": ("spec.template", "containers.0"),
    "rollout": ("spec.template", "spec.containers.0"),
    "cloneset": ("spec.template", "spec.containers.0"),
    "scaledjob": ("spec.jobTargetRef.template", "spec.containers.0"),
    "sandbox": ("spec.podTemplate", "spec.containers.0"),
    "sandboxtemplate": ("spec.podTemplate", "spec.containers.0"),
    "daskcluster": ("spec.worker", "spec.containers.0"),
    "daskjob": ("spec.job", "spec.containers.0"),
    "elasticjob": ("spec.replicaSpecs.worker.template", "spec.containers.0"),
    "disaggregatedset": ("spec.roles.1.spec.leaderWorkerTemplate.leaderTemplate", "spec.containers.0"),
    "dynamographdeployment": ("spec.components.1.podTemplate", "spec.containers.0"),
    "podcliqueset": ("spec.template.cliques.1.spec.podSpec", "containers.0"),
    "pathwaysjob": ("spec.controller.template", "spec.containers.0"),
    "stormservice": ("spec.template.spec.roles.1.template", "spec.containers.0"),
    "rolebasedgroup": ("spec.roles.1.leaderWorkerPattern.template", "spec.containers.0"),
    "modelserving": ("spec.template.roles.0.workerTemplate", "spec.containers.0"),
}
# Whose definitions take anything for a pod, and whose templates keep no metadata.
ANYTHING = {"cloneset", "daskcluster", "daskjob"}
MARKLESS = {"notebook", "elasticjob"}
TEMPLATES = [word for word, (_, container) in PODS.items() if container == "spec.containers.0"]
FLAT = ["inferenceservice", "inferenceservice-custom", "servingruntime", "clusterservingruntime"]
# The fields of a pod and of a container that an Environment may bring and that some kinds have no place for.
POD = {"hostIPC": True, "hostNetwork": True, "securityContext": {"fsGroup": 1}}
CONTAINER = {"workingDir": "/w", "imagePullPolicy": "Always", "stdin": True, "tty": True}
LACKING = {
    **{word: {"hostNetwork", "securityContext"} for word in ("servingruntime", "clusterservingruntime")},
    **{word: {"hostIPC", "hostNetwork"} for word in PODS if "workflow" in word},
    **{word: {"stdin", "tty"} for word in PODS if word.startswith("knative")},
}


@pytest.fixture(scope="module")
def defined(rest: Rest) -> Iterator[None]:
    """Define all kinds, and take the definitions away at the end."""
    for definition in {made["metadata"]["name"]: made for made in KINDS.values()}.values():
        assert rest.create(DEFINITIONS, definition).ok
    yield
    for definition in KINDS.values():
        rest.delete(f"{DEFINITIONS}/{definition['metadata']['name']}")


@pytest.fixture(scope="module")
def word(request: pytest.FixtureRequest, cluster: Cluster, rest: Rest, defined: None) -> str:  # noqa: ARG001 - they are there
    """Return the word for a sample whose kind is served; of two definitions with one name the other is replaced."""
    made = SAMPLES[request.param]
    definition = KINDS[made["apiVersion"], made["kind"]]
    where = f"{DEFINITIONS}/{definition['metadata']['name']}"
    if stored(rest.get(where).body) != stored(definition):
        rest.delete(where)
        until(f"{where} to be gone", lambda: rest.get(where).status == 404)
        assert rest.create(DEFINITIONS, definition).ok
    listed = ["get", "--raw", f"/apis/{made['apiVersion']}/{definition['spec']['names']['plural']}"]
    until(f"{request.param} to be served", lambda: not cluster.kubectl(*listed, check=False).returncode)
    return str(request.param)


def path(made: Object) -> str:
    """Return where an object is created."""
    plural = KINDS[made["apiVersion"], made["kind"]]["spec"]["names"]["plural"]
    namespace = made["metadata"].get("namespace")
    return f"/apis/{made['apiVersion']}/{f'namespaces/{namespace}/' if namespace else ''}{plural}"


def at(made: Any, keys: str) -> Any:
    """Return what is at a path of keys and positions."""
    for key in keys.split("."):
        made = made[int(key) if key.isdigit() else key]
    return made


def tried(rest: Rest, word: str, where: str, **fields: Any) -> Reply:
    """Return what the API server makes of a sample that has more fields somewhere, without keeping it."""
    made = sample(word, "tried", "default")
    at(made, where).update(fields)
    return rest.create(f"{path(made)}?dryRun=All", made)


@pytest.mark.parametrize("word", SAMPLES, indirect=True)
def test_accepted(rest: Rest, word: str) -> None:
    """A sample is accepted as it stands, no field of it unknown."""
    made = sample(word, "tried", "default")
    assert "" == rest.create(f"{path(made)}?dryRun=All&fieldValidation=Strict", made).message


@pytest.mark.parametrize("word", TEMPLATES, indirect=True)
def test_metadata_of_a_template(rest: Rest, word: str) -> None:
    """A pod template keeps labels and annotations, but in a Notebook and an ElasticJob they vanish."""
    template = at(tried(rest, word, PODS[word][0], metadata=MARKS).body, PODS[word][0])
    assert ({} if word in MARKLESS else MARKS) == template.get("metadata", {})


@pytest.mark.parametrize("word", FLAT, indirect=True)
def test_labels_without_a_template(rest: Rest, word: str) -> None:
    """A component of an InferenceService and a serving runtime have labels and annotations of their own."""
    component = at(tried(rest, word, PODS[word][0], **MARKS, metadata=MARKS).body, PODS[word][0])
    assert MARKS == {key: component[key] for key in component if key in {*MARKS, "metadata"}}


@pytest.mark.parametrize("word", PODS, indirect=True)
def test_image(rest: Rest, word: str) -> None:
    """Nobody insists on an image but a Notebook."""
    made = sample(word, "tried", "default")
    at(made, ".".join(PODS[word])).pop("image", None)
    reply = rest.create(f"{path(made)}?dryRun=All", made)
    assert (word != "notebook", word == "notebook") == (reply.ok, "image: Required value" in reply.message)


@pytest.mark.parametrize("word", PODS, indirect=True)
def test_protocol(rest: Rest, word: str) -> None:
    """A definition sets the protocol of a port, as the API server does for its own kinds, where it knows ports."""
    container = ".".join(PODS[word])
    reply = tried(rest, word, container, ports=[{"containerPort": 1}])
    protocol = {} if word in ANYTHING else {"protocol": "TCP"}
    assert [{"containerPort": 1, **protocol}] == at(reply.body, container)["ports"]


@pytest.mark.parametrize("word", PODS, indirect=True)
def test_variables(rest: Rest, word: str) -> None:
    """Two variables of one name are refused where the lists of a definition have keys."""
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    message = tried(rest, word, ".".join(PODS[word]), env=twice).message
    assert (word not in {"notebook", *ANYTHING}) is ("env[1]: Duplicate value" in message)


@pytest.mark.parametrize("word", PODS, indirect=True)
def test_fields_without_a_place(rest: Rest, word: str) -> None:
    """Some kinds lack fields of a pod or of a container: these vanish, and nobody says so."""
    container = ".".join(PODS[word])
    pod = container.partition(".containers")[0] if word in TEMPLATES else PODS[word][0]
    of_pod = at(tried(rest, word, pod, **POD).body, pod)
    of_container = at(tried(rest, word, container, **CONTAINER).body, container)
    assert LACKING.get(word, set()) == {*POD, *CONTAINER} - {*of_pod, *of_container}


@pytest.mark.parametrize("word", ["sparkapplication"], indirect=True)
def test_spark_driver(rest: Rest, word: str) -> None:
    """A driver's pod template keeps all fields; the driver itself keeps those that it knows."""
    known = {"template": {"x": 1}, "image": "i", "securityContext": {"runAsUser": 1}}
    driver = tried(rest, word, "spec.driver", **known, hostIPC=True).body["spec"]["driver"]
    assert at(sample(word, "tried", "default"), "spec.driver") | known == driver


@pytest.mark.parametrize("word", ["trainjob"], indirect=True)
def test_train_job(rest: Rest, word: str) -> None:
    """What a TrainJob says of its container can be added and taken away, not changed; a terminal has no place."""
    made = sample(word, f"job-{uuid4().hex[:8]}", "default")
    del made["spec"]["trainer"]
    created, where = rest.create(path(made), made), f"{path(made)}/{made['metadata']['name']}"
    values = ({"image": "a", "tty": True}, {"image": "b"}, None)
    added, changed, removed = (rest.patch(where, {"spec": {"trainer": value}}) for value in values)

    assert (True, True, True) == (created.ok, added.ok, removed.ok)
    assert {"image": "a"} == added.body["spec"]["trainer"]
    assert ["spec.trainer"] == [cause["field"] for cause in changed.body["details"]["causes"]]
    assert "field is immutable" in changed.message


@pytest.mark.parametrize("word", ["trainjob"], indirect=True)
def test_patches_of_a_train_job(rest: Rest, word: str) -> None:
    """A TrainJob's patches carry labels, security contexts and pull secrets, but no image."""
    node: dict[str, Any] = {"name": "node", "securityContext": {"runAsUser": 1}, "image": "i"}
    pod: dict[str, Any] = {
        "metadata": MARKS,
        "spec": {"containers": [node], "imagePullSecrets": [{"name": "s"}], "hostIPC": True},
    }
    jobs = [{"name": "node", "template": {"spec": {"template": pod}}}]
    patch = {"manager": "x.example/y", "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": jobs}}}}
    reply = tried(rest, word, "spec", runtimePatches=[patch])

    del node["image"], pod["spec"]["hostIPC"]
    assert pod == at(reply.body, TRAINER_PATCH)


def test_every_sample_is_covered() -> None:
    """The table of pods has every sample but those of kinds with a shape of their own."""
    assert {"trainjob", "sparkapplication", "scheduledsparkapplication"} == set(SAMPLES) - set(PODS)
