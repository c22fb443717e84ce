"""Every third-party kind on the real API server: filled in, counted, guarded, freed, applied again.

The controllers of these kinds do not run here; their definitions do to objects what the published ones do.
"""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from builders import manifest, workload
from cluster import Cluster
from cluster.manifests import await_admission
from cluster.rest import Rest
from environment_operator.api import names
from environment_operator.kinds.harmless import APPARMOR
from environment_operator.kinds.paths import copied
from kube import ENVIRONMENTS, Kube, Object, Operator
from samples import sample
from third_party import (
    DEFINITIONS,
    FILLED,
    FIXED,
    LABELS,
    TEMPLATES,
    at,
    containers,
    environment,
    freed,
    install,
    labels,
    path,
    uninstall,
    user,
)
from unit.injection.test_laws import CONTAINERS, SPECS

MPI, MPIJOBS = "mpijob-v2beta1", "mpijobs.kubeflow.org"
WORDS = sorted(FILLED)
IMAGE = "registry.example/team/jupyter:4.2"
DATA = {"name": "DATA", "value": "/data"}


@pytest.fixture(scope="module")
def hands(cluster: Cluster, rest: Rest, operator: Operator) -> Kube:  # noqa: ARG001 - it runs
    """Return the administrator's hands for the whole module."""
    return Kube(cluster, rest)


@pytest.fixture(scope="module")
def defined(hands: Kube) -> Iterator[None]:
    """Have every kind defined; MPIJob, which two projects define, as the training operator does."""
    found = install(hands.rest, *(set(FILLED) - {MPI}))
    yield
    uninstall(hands.rest, found)


@pytest.fixture(scope="module")
def spark(hands: Kube) -> Iterator[None]:
    """Have the kinds of Spark defined."""
    found = install(hands.rest, *SPARK)
    yield
    uninstall(hands.rest, found)


@pytest.fixture
def word(request: pytest.FixtureRequest, hands: Kube, defined: None) -> str:  # noqa: ARG001 - all are
    """Return a sample whose kind is defined now."""
    wanted: str = request.param
    if wanted.startswith("mpijob") and wanted != mpi_defined(hands):
        uninstall(hands.rest, [MPIJOBS])
        install(hands.rest, wanted)
    return wanted


def mpi_defined(kube: Kube) -> str:
    """Return the sample of MPIJob whose definition is there."""
    (version,) = kube.rest.get(f"{DEFINITIONS}/{MPIJOBS}").body["spec"]["versions"]
    return f"mpijob-{version['name']}"


@pytest.fixture(scope="module")
def place(hands: Kube) -> str:
    """Return a namespace for all that is made here."""
    name = Kube.unique("third")
    hands.rest.create("/api/v1/namespaces", {"metadata": {"name": name}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    hands.until("the default account", lambda: hands.rest.get(account).ok)
    return name


def published(kube: Kube, word: str, **fields: object) -> str:
    """Return the name of a new Environment that a sample may use."""
    name = Kube.unique("env")
    reply = kube.rest.create(ENVIRONMENTS, environment(name, word, **fields))
    assert reply.ok, reply.message
    return name


def created(kube: Kube, made: Object) -> Object:
    """Create an object; return it as it is stored."""
    reply = kube.rest.create(path(made), made)
    assert reply.ok, reply.message
    return reply.body


@pytest.fixture(scope="module")
def lives(hands: Kube, place: str, defined: None) -> Iterator[dict[str, Future[None]]]:  # noqa: ARG001 - all are
    """Take one object of each kind through its life, several at once: most of a life is waiting."""
    with ThreadPoolExecutor(8) as pool:
        yield {word: pool.submit(from_reference_to_release, hands, place, word) for word in WORDS if word != MPI}


@pytest.mark.parametrize("word", WORDS, indirect=True)
def test_from_reference_to_release(hands: Kube, place: str, lives: dict[str, Future[None]], word: str) -> None:
    """Each kind is filled in at every role, counted once and guarded; freed, it is as if it had never referred."""
    if word in lives:
        lives[word].result()
    else:
        from_reference_to_release(hands, place, word)


def from_reference_to_release(kube: Kube, place: str, word: str) -> None:
    """Create an object that refers to an Environment, free it, and delete the Environment."""
    name = published(kube, word)
    stored = created(kube, user(word, name, place, name))
    assert [(IMAGE, True)] * len(FILLED[word]) == [
        (c.get("image"), DATA in c.get("env", ())) for c in containers(word, stored)
    ]
    assert all(name == found.get(names.INJECTED_FROM) for found in labels(word, stored))
    kube.until_used(name, 1)
    assert "is used by 1" in kube.rest.delete(f"{ENVIRONMENTS}/{name}").message

    let_go(kube, word, stored)
    kube.until_used(name, 0)
    assert kube.rest.delete(f"{ENVIRONMENTS}/{name}").ok
    kube.until_gone("env", name)


def one_of_the_kind(kube: Kube, environment: str) -> bool:
    """Return whether an Environment is used by one object of one kind."""
    return [1] == [each["count"] for each in kube.status(environment)["usage"]["byKind"]]


def let_go(kube: Kube, word: str, stored: Object) -> None:
    """Take the reference away, and see that nothing of the Environment is left; or delete what cannot change."""
    where = path(stored, stored["metadata"]["name"])
    reply = kube.rest.patch(where, freed(word), "json")
    if word in FIXED:
        assert "and create it again" in reply.message
        assert kube.rest.delete(where).ok
        return
    assert reply.ok, reply.message
    plain = user(word, "plain", stored["metadata"].get("namespace", ""), None)
    for container in containers(word, plain):
        container["image"] = "mine:1"
    want = kube.rest.create(f"{path(plain)}?dryRun=All", plain)
    assert want.ok, want.message
    assert want.body["spec"] == reply.body["spec"]
    assert names.RECORD not in reply.body["metadata"].get("annotations", {})


LAWS = ["raycluster", "pytorchjob", "inferenceservice", "knative-service", "mpijob-v1", "mpijob-v2beta1"]
# Not the matter here: which fields may be overridden, and for which a serving kind has no place.
FREE = {"overridable": ["Image", "Command", "Args", "Env", "WorkingDir", "Security"]}
NO_PLACE = ("stdin", "tools", "readinessProbe")
HAS_PLACE = ("runAsNonRoot", "seccompProfile")


def fields_for(word: str, fields: Object) -> Object:
    """Return those of generated fields of an Environment that a kind has a place for."""
    if "service" not in word:
        return {**fields, **FREE}
    kept = {key: value for key, value in fields.items() if key not in NO_PLACE}
    security = {key: value for key, value in kept.pop("security", {}).items() if key in HAS_PLACE}
    ids = {"user": {"source": "Custom", "uid": 1000}} if "user" in kept else {}
    return {**kept, **ids, **({"security": security} if security else {}), **FREE}


def bare(made: Object) -> Object:
    """Return an object without what the API server says about it, but the version that is to be replaced."""
    keys = ("name", "namespace", "labels", "annotations", "resourceVersion")
    meta = {key: made["metadata"].get(key) for key in keys}
    return {**made, "metadata": {key: copied(value) for key, value in meta.items() if value is not None}}


@pytest.mark.parametrize("word", LAWS, indirect=True)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=SPECS, container=CONTAINERS)
def test_laws(hands: Kube, place: str, word: str, fields: Object, container: Object) -> None:
    """Laws 1 and 2: admitted twice is admitted once, and without the reference it is as if there had never been one."""
    kube, name = hands, published(hands, word, **fields_for(word, fields))
    asked = user(word, name, place, name)
    for found in containers(word, asked):
        found |= {"image": "mine:1", **{k: v for k, v in container.items() if k not in ("name", "unknownField")}}
    stored = created(kube, asked)
    plain = {**asked, "metadata": {"name": f"{name}-plain", "namespace": place}}
    without = kube.rest.create(f"{path(plain)}?dryRun=All", plain).body
    where = path(stored, name)

    again = kube.rest.replace(f"{where}?dryRun=All", bare(stored)).body
    assert (stored["spec"], stored["metadata"]["annotations"]) == (again["spec"], again["metadata"]["annotations"])
    freed_ = bare(stored)
    del freed_["metadata"]["labels"][names.REFERENCE]
    undone = kube.rest.replace(f"{where}?dryRun=All", freed_)
    assert undone.ok, undone.message
    assert without["spec"] == undone.body["spec"]
    kube.rest.delete(where)


@pytest.mark.parametrize("way", [[], ["--server-side", "--force-conflicts"]], ids=["client", "server"])
@pytest.mark.parametrize("word", WORDS, indirect=True)
def test_applied_again(hands: Kube, place: str, word: str, way: list[str]) -> None:
    """Applying the same manifest again changes nothing that runs, and writes nothing."""
    kube, name = hands, published(hands, word)
    made = user(word, name, place, name)
    where, text = path(made, name), yaml.safe_dump(made)
    kube.kubectl("apply", *way, "-f", "-", stdin=text)
    first = kube.rest.get(where).body
    kube.kubectl("apply", *way, "-f", "-", stdin=text)
    last = kube.rest.get(where).body

    assert first["spec"] == last["spec"]
    assert first["metadata"] == last["metadata"]


@pytest.mark.parametrize(
    "word", sorted({"raycluster", "pytorchjob", "jobset", "volcano-job", "leaderworkerset", "rayjob"}), indirect=True
)
def test_roles_with_different_environments(hands: Kube, place: str, word: str) -> None:
    """A role has an Environment of its own where a label says so; the object counts once for each."""
    kube, name, other = hands, published(hands, word), published(hands, word, image="other:1")
    role = {"raycluster": "large", "rayjob": "large", "jobset": "workers"}.get(word, "worker")
    made = user(word, name, place, name)
    made["metadata"]["labels"][f"{names.ROLE_REFERENCE}{role}"] = other
    stored = created(kube, made)
    wanted = ["other:1" if any(mark in template for mark in MARKS[word]) else IMAGE for template, _ in FILLED[word]]
    assert wanted == [c["image"] for c in containers(word, stored)]
    for used in (name, other):
        kube.until_used(used, 1)
        kube.until("one of the kind", partial(one_of_the_kind, kube, used))
    made["metadata"] |= {"name": "wrong", "labels": {names.REFERENCE: name, f"{names.ROLE_REFERENCE}drummer": other}}

    assert f"{names.ROLE_REFERENCE}drummer has no effect" in kube.rest.create(path(made), made).message


# What the path of the pod template of that role contains.
MARKS = {
    "raycluster": ("workerGroupSpecs.1",),
    "rayjob": ("workerGroupSpecs.1",),
    "jobset": ("replicatedJobs.1",),
    "volcano-job": ("tasks.1",),
    "pytorchjob": ("Worker",),
    "leaderworkerset": ("worker",),
}


@pytest.mark.parametrize("word", ["raycluster"], indirect=True)
def test_new_worker_group(hands: Kube, place: str, word: str) -> None:
    """A worker group that comes later takes what its siblings have, though the Environment was edited since."""
    kube, name = hands, published(hands, word)
    stored = created(kube, user(word, name, place, name))
    kube.rest.patch(f"{ENVIRONMENTS}/{name}", {"spec": {"env": [{"name": "DATA", "value": "/new"}]}})
    kube.until("the edit to count", lambda: 1 == kube.status(name)["usage"].get("outdated"))
    group = {
        "groupName": "late",
        "minReplicas": 0,
        "maxReplicas": 1,
        "template": {"spec": {"containers": [{"name": "ray-worker"}]}},
    }
    grown = kube.rest.patch(
        path(stored, name), [{"op": "add", "path": "/spec/workerGroupSpecs/-", "value": group}], "json"
    )
    assert grown.ok, grown.message

    late = grown.body["spec"]["workerGroupSpecs"][2]["template"]
    assert (IMAGE, [DATA]) == tuple(late["spec"]["containers"][0][key] for key in ("image", "env"))
    assert stored["spec"]["headGroupSpec"] == grown.body["spec"]["headGroupSpec"]
    assert name == late["metadata"]["labels"][names.INJECTED_FROM]


@pytest.mark.parametrize("word", sorted(word for word, where in LABELS.items() if where is None), indirect=True)
def test_metadata_that_is_pruned(hands: Kube, place: str, word: str) -> None:
    """A kind that keeps no labels of its pods gets none, and the record holds what undoing takes."""
    stored = created(hands, user(word, Kube.unique("pruned"), place, published(hands, word)))

    assert all("metadata" not in at(stored, template) for template, _ in FILLED[word] if template != "spec")
    record = json.loads(stored["metadata"]["annotations"][names.RECORD])
    assert len(FILLED[word]) == len(record)
    assert FILLED[word][0][0].rpartition(".")[2] in {path.rpartition("/")[2] for path in record}


@pytest.mark.parametrize("word", ["clustertrainingruntime", "clusterworkflowtemplate"], indirect=True)
def test_cluster_scoped_template(hands: Kube, place: str, word: str) -> None:
    """A template of the whole cluster may only refer to an Environment for the whole cluster."""
    name = published(hands, word, scope={"projects": [place]})
    made = user(word, name, "", name)

    assert "not for the whole cluster" in hands.rest.create(path(made), made).message


MADE_FROM = {"workflowtemplate": "workflow", "trainingruntime": "trainjob"}


@pytest.mark.parametrize("word", MADE_FROM, indirect=True)
def test_what_is_made_from_a_template(hands: Kube, place: str, word: str) -> None:
    """A template is counted as one; what is made from it and refers to nothing itself is not counted."""
    kube, name = hands, published(hands, word)
    created(kube, user(word, name, place, name))
    made = user(MADE_FROM[word], f"{name}-made", place, None)
    created(kube, made)
    kube.until_used(name, 1)

    assert (0, 1) == tuple(kube.status(name)["usage"][key] for key in ("workloads", "templates"))


def test_pod_template(hands: Kube, place: str) -> None:
    """A PodTemplate is filled in and counted as a template."""
    kube, name = hands, Kube.unique("env")
    kube.apply(manifest(name), workload("PodTemplate", name, place, name))
    kube.until_used(name, 1)

    assert (0, 1) == tuple(kube.status(name)["usage"][key] for key in ("workloads", "templates"))
    assert "used by 1 template" in kube.rest.delete(f"{ENVIRONMENTS}/{name}").message


def test_what_a_workload_makes(hands: Kube, place: str, defined: None) -> None:  # noqa: ARG001 - all are
    """What the controller of a kind makes is not injected, validated or counted, with any labels that it copies."""
    kube, name = hands, published(hands, "trainjob")
    owner = created(kube, user("trainjob", name, place, name))
    made = workload("Job", f"{name}-job", place, name)
    made["metadata"]["ownerReferences"] = [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": name,
            "uid": owner["metadata"]["uid"],
            "controller": True,
        }
    ]
    kube.apply(made)
    kube.until_used(name, 1)

    assert names.RECORD not in kube.rest.get(f"/apis/batch/v1/namespaces/{place}/jobs/{name}-job").body["metadata"].get(
        "annotations", {}
    )


SPARK = ["sparkapplication", "scheduledsparkapplication"]


@pytest.mark.parametrize("word", SPARK)
def test_nowhere_to_put_it(hands: Kube, place: str, spark: None, word: str) -> None:  # noqa: ARG001 - both are defined
    """A kind into which no Environment can be put is free without a reference, and refused with one in our words."""
    kube, name = hands, published(hands, "workflow")
    made = sample(word, name, place)
    stored = created(kube, made)
    labelled = {"metadata": {"labels": {names.REFERENCE: name}}}
    later = kube.rest.patch(path(stored, name), labelled)
    made["metadata"] |= {"name": f"{name}-new", **labelled["metadata"]}

    for reply in (later, kube.rest.create(path(made), made)):
        assert f"A {made['kind']} cannot use an Environment. Remove the label" in reply.message
    assert kube.rest.patch(path(stored, name), {"metadata": {"labels": {"a": "b"}}}).ok


@pytest.mark.parametrize("word", ["trainjob"], indirect=True)
def test_overrides_that_belong_elsewhere(hands: Kube, place: str, word: str) -> None:
    """A TrainJob whose runtime sets the security contexts refuses an Environment that sets them; the runtime may."""
    kube, guarded = hands, published(hands, word, user={"source": "Custom", "uid": 7}, overridable=["Env"])
    refused, runtime = (user(each, guarded, place, guarded) for each in (word, "trainingruntime"))

    assert (
        "sets securityContext, user, for which a TrainJob has no field: its pods have them from a runtime"
        in kube.rest.create(path(refused), refused).message
    )
    assert created(kube, runtime)


@pytest.mark.parametrize("word", ["raycluster", "rayjob", "rayservice"], indirect=True)
def test_ports_of_a_ray_head(hands: Kube, place: str, word: str) -> None:
    """The head of a Ray cluster gets no port, with which KubeRay opens none of Ray's; its tools have theirs."""
    board = {"name": "board", "type": "TensorBoard", "connection": {"type": "ClusterIP"}}
    kube, name = hands, published(hands, word, tools=[board])
    stored = created(kube, user(word, name, place, name))
    head, *others = containers(word, stored)

    assert "ports" not in head
    assert all(6006 in [port["containerPort"] for port in each["ports"]] for each in others)
    assert 6006 == json.loads(stored["metadata"]["annotations"][names.TOOLS])["tools"]["board"]["port"]


@pytest.mark.parametrize("word", ["workflow"], indirect=True)
def test_more_than_annotations_hold(hands: Kube, place: str, word: str) -> None:
    """A workflow whose record would be longer than annotations may be is refused in our words; a smaller one is not."""
    variables = [{"name": f"TEAM_SETTING_{number}", "value": "v"} for number in range(50)]
    kube, name = hands, published(hands, word, env=variables)
    made = user(word, name, place, name)
    # Each has two variables of its own, so that no two have the same injected.
    steps = [
        {
            "name": f"step-{number}",
            "container": {
                "args": ["x"],
                "env": [dict(variables[each % 50]) for each in (number, number // 50 + number + 1)],
            },
        }
        for number in range(110)
    ]
    made["spec"] |= {"entrypoint": "step-0", "templates": steps}
    long = kube.rest.create(path(made), made).message
    made["spec"]["templates"] = steps[:80]

    assert "has more than 262144 bytes. Use fewer pod templates, or an Environment that sets less" in long
    assert created(kube, made)


STRICT: Object = {"user": {"source": "Custom", "uid": 1000}, "security": {"allowPrivilegeEscalation": False}}
ROOT: Object = {"image": "mine:1", "securityContext": {"runAsUser": 0, "privileged": True}}
UNCONFINED = {"annotations": {f"{APPARMOR}main": "unconfined"}}
TENSORFLOW: Object = {"template": {"spec": {"containers": [{"name": "tensorflow", "image": "mine:1"}]}}}
# What would give pods another image, user or rights past their templates, and what is said against it.
WAYS_ROUND: list[tuple[str, Object, str]] = [
    ("raycluster", {"spec": {"autoscalerOptions": ROOT}}, "spec.autoscalerOptions.securityContext.runAsUser: 0"),
    (
        "rayjob",
        {"spec": {"rayClusterSpec": {"autoscalerOptions": ROOT}}},
        "spec.rayClusterSpec.autoscalerOptions.securityContext.privileged: true",
    ),
    (
        "rayservice",
        {"spec": {"rayClusterConfig": {"historyServerOptions": {"collectorOptions": ROOT}}}},
        "spec.rayClusterConfig.historyServerOptions.collectorOptions.securityContext.privileged: true",
    ),
    (
        "inferenceservice",
        {"spec": {"explainer": {"art": {"type": "SquareAttack", **ROOT}}}},
        'spec.explainer.art.image: "mine:1"',
    ),
    ("inferenceservice", {"metadata": UNCONFINED}, f'metadata.annotations[{APPARMOR}main]: "unconfined"'),
    ("notebook", {"metadata": UNCONFINED}, f'metadata.annotations[{APPARMOR}main]: "unconfined"'),
    ("workflow", {"spec": {"podMetadata": UNCONFINED}}, f'spec.podMetadata.annotations[{APPARMOR}main]: "unconfined"'),
    (
        "workflow",
        {"spec": {"podMetadata": {"annotations": {"{{workflow.parameters.k}}": "unconfined"}}}},
        'spec.podMetadata.annotations[{{workflow.parameters.k}}]: "unconfined"',
    ),
    ("workflow", {"spec": {"artifactGC": {"podSpecPatch": "{}"}}}, 'spec.artifactGC.podSpecPatch: "{}"'),
    ("workflow", {"spec": {"executorPlugins": [{"spec": {}}]}}, "spec.executorPlugins"),
    (
        "cronworkflow",
        {"spec": {"workflowSpec": {"podMetadata": UNCONFINED}}},
        f'spec.workflowSpec.podMetadata.annotations[{APPARMOR}main]: "unconfined"',
    ),
    (
        "workflowtemplate",
        {"spec": {"podMetadata": UNCONFINED}},
        f'spec.podMetadata.annotations[{APPARMOR}main]: "unconfined"',
    ),
    (
        "tfjob",
        {"spec": {"tfReplicaSpecs": {"worker": TENSORFLOW}}},
        "spec.tfReplicaSpecs.worker: a TFJob has no",
    ),
]


@pytest.mark.parametrize(("word", "change", "said"), WAYS_ROUND, indirect=["word"])
def test_ways_round(hands: Kube, place: str, word: str, change: Object, said: str) -> None:
    """What a controller makes containers or annotations of is validated wherever it stands, when it comes and later."""
    rights = {"security": STRICT["security"]} if word in ("workflow", "cronworkflow", "workflowtemplate") else STRICT
    kube, name = hands, published(hands, word, **rights)
    stored = created(kube, user(word, name, place, name))
    where = path(stored, name)
    later = kube.rest.patch(where, change)
    assert said in later.message
    assert kube.rest.patch(where, {"metadata": {"labels": {"a": "b"}}}).ok

    first = merged(user(word, f"{name}-first", place, name), change)
    assert said in kube.rest.create(path(first), first).message
    del first["metadata"]["labels"]
    for container in containers(word, first):
        container["image"] = "mine:1"
    free = kube.rest.create(f"{path(first)}?dryRun=All", first)
    assert free.ok, free.message


def merged(made: Any, change: Any) -> Any:
    """Return an object with a JSON merge patch applied."""
    if not isinstance(made, dict) or not isinstance(change, dict):
        return copied(change)
    return {**made, **{key: merged(made.get(key), value) for key, value in change.items()}}


# What of each kind is changed by its users and controllers all the time, apart from the pod templates.
CHANGES: dict[str, Object] = {
    "pytorchjob": {"spec": {"runPolicy": {"suspend": True}}},
    "tfjob": {"spec": {"runPolicy": {"suspend": True}}},
    "xgboostjob": {"spec": {"runPolicy": {"suspend": True}}},
    "jaxjob": {"spec": {"jaxReplicaSpecs": {"Worker": {"replicas": 3}}}},
    "paddlejob": {"spec": {"paddleReplicaSpecs": {"Worker": {"replicas": 3}}}},
    "mpijob-v1": {"spec": {"runPolicy": {"suspend": True}}},
    "trainjob": {"spec": {"suspend": True}},
    "jobset": {"spec": {"suspend": True}},
    "leaderworkerset": {"spec": {"replicas": 2}},
    "volcano-job": {"spec": {"minAvailable": 2}},
    "raycluster": {"spec": {"suspend": True}},
    "rayjob": {"spec": {"suspend": True}},
    "rayservice": {"spec": {"suspend": True}},
    "notebook": {"metadata": {"annotations": {"kubeflow-resource-stopped": "now"}}},
    "inferenceservice": {"spec": {"predictor": {"minReplicas": 2}}},
    "inferenceservice-custom": {"spec": {"predictor": {"minReplicas": 0}}},
    "servingruntime": {"spec": {"replicas": 2}},
    "clusterservingruntime": {"spec": {"replicas": 2}},
    "knative-service": {"spec": {"traffic": [{"percent": 100, "latestRevision": True}]}},
    "workflow": {
        "spec": {"suspend": True, "hooks": {"exit": {"arguments": {}}}},
        "status": {"phase": "Running", "nodes": {"a": {"id": "a"}}},
    },
    "cronworkflow": {"spec": {"suspend": True}, "status": {"phase": "Active"}},
    "volcano-cronjob": {"spec": {"suspend": True}},
    "raycronjob": {"spec": {"suspend": True}},
    "llminferenceservice": {"spec": {"replicas": 2, "prefill": {"replicas": 2}}},
    "rollout": {"spec": {"restartAt": "2030-01-01T00:00:00Z", "replicas": 2, "paused": True}},
    "cloneset": {"spec": {"replicas": 2, "updateStrategy": {"paused": True}}},
    "scaledjob": {"spec": {"maxReplicaCount": 7}},
    "sandbox": {"spec": {"operatingMode": "Suspended"}},
    "daskcluster": {"spec": {"worker": {"replicas": 3}}},
    "daskjob": {"spec": {"cluster": {"spec": {"worker": {"replicas": 3}}}}},
    "elasticjob": {"spec": {"suspend": True, "replicaSpecs": {"worker": {"replicas": 3}}}},
    "disaggregatedset": {"metadata": {"labels": {"moved": "yes"}}},
    "dynamographdeployment": {"spec": {"restart": {"id": "again"}}},
    "podcliqueset": {"spec": {"replicas": 2}},
    "pathwaysjob": {"metadata": {"labels": {"moved": "yes"}}},
    "stormservice": {"spec": {"replicas": 2, "paused": True}},
    "rolebasedgroup": {"metadata": {"labels": {"moved": "yes"}}},
    "modelserving": {"spec": {"replicas": 2}},
}


@pytest.mark.parametrize("word", ["pytorchjob", "workflow", "knative-service"], indirect=True)
def test_demanded(hands: Kube, word: str) -> None:
    """A namespace that demands Environments demands them of third-party kinds too, but not where a template has it."""
    demanding = Kube.unique("demanding")
    labels_ = {names.ENFORCEMENT: names.REQUIRED}
    assert hands.rest.create("/api/v1/namespaces", {"metadata": {"name": demanding, "labels": labels_}}).ok
    made = user(word, "w", demanding, None)
    refused = f"a new {made['kind']} there needs the label {names.REFERENCE}"

    hands.until("the demand", lambda: refused in hands.rest.create(f"{path(made)}?dryRun=All", made).message)
    if word == "workflow":
        borrowing = {**made, "spec": {"workflowTemplateRef": {"name": "shared"}}}
        assert hands.rest.create(f"{path(made)}?dryRun=All", borrowing).ok
        borrowing["metadata"] = {**made["metadata"], "labels": {names.REFERENCE: published(hands, word)}}
        said = hands.rest.create(f"{path(made)}?dryRun=All", borrowing).message
        assert "spec.workflowTemplateRef: this Workflow has the pod templates of another object" in said


@pytest.mark.parametrize("word", ["raycluster", "workflow", "jobset"], indirect=True)
def test_large_object(hands: Kube, place: str, word: str) -> None:
    """An object near the size limit is filled in, and to compare it costs no more than the API server grants."""
    large = user(word, Kube.unique("large"), place, published(hands, word))
    for container in containers(word, large):
        container["env"] = [{"name": f"V{n}", "value": "x" * (2500 // len(FILLED[word]))} for n in range(280)]
    stored = created(hands, large)
    where = path(stored, stored["metadata"]["name"])

    assert hands.rest.patch(where, CHANGES[word]).ok
    assert hands.rest.patch(where, {"metadata": {"labels": {"a": "b"}}}).ok


@pytest.fixture(scope="module")
def existing(hands: Kube, place: str, defined: None, operator: Operator) -> Iterator[dict[str, Object]]:  # noqa: ARG001
    """Have an object of each kind that uses an Environment; then the operator goes down."""
    found = {}
    for one in WORDS:
        if one.startswith("mpijob") and one != mpi_defined(hands):
            continue
        name = published(hands, one)
        found[one] = created(hands, user(one, name, place, name))
    hands.cluster.stop_operator()
    yield found
    operator.start()
    await_admission(hands.cluster.layout)


def queued(template: str) -> list[Object]:
    """Return the JSON patch that a queue makes before it lets a workload start."""
    place = f"/{template}".replace(".", "/")
    return [
        {"op": "add", "path": f"{place}/spec/nodeSelector", "value": {"pool": "gpu"}},
        {"op": "add", "path": f"{place}/metadata/annotations/queue.example.org~1place", "value": "1"},
        {"op": "add", "path": f"{place}/metadata/labels/queue.example.org~1place", "value": "1"},
    ]


ARGO = ["clusterworkflowtemplate", "cronworkflow", "workflow", "workflowtemplate"]


def written_by_argo(item: Object) -> Object:
    """Return a workflow with the empty fields that Argo's controller writes when it reads and writes one."""
    made: Object = copied(item)
    spec = made["spec"].get("workflowSpec", made["spec"])
    spec.setdefault("arguments", {})
    for claim in spec.get("volumeClaimTemplates", ()):
        claim["metadata"]["creationTimestamp"] = None
        claim.setdefault("status", {})
    for template in spec["templates"]:
        tasks = template.get("dag", {}).get("tasks", [])
        for step in (*tasks, *(step for group in template.get("steps", ()) for step in group)):
            step.setdefault("arguments", {})
        for key in ("inputs", "outputs", "metadata"):
            template.setdefault(key, {})
        for key in {"container", "script"} & template.keys():
            template[key] = {"name": "", "resources": {}, **template[key]}
        for container in template.get("containerSet", {}).get("containers", ()):
            container.setdefault("resources", {})
    return made


@pytest.mark.parametrize("word", ARGO)
def test_written_by_argo(hands: Kube, existing: dict[str, Object], word: str) -> None:
    """With the operator down Argo may write empty fields where there were none; one that holds something waits."""
    name = existing[word]["metadata"]["name"]
    where = path(existing[word], name)
    written = written_by_argo(hands.rest.get(where).body)
    reply = hands.rest.replace(where, written)
    assert reply.ok, reply.message
    assert written["spec"] == reply.body["spec"]

    spec = written["spec"].get("workflowSpec", written["spec"])
    for holder in (spec, spec["templates"][0]["steps"][0][0]):
        kept, holder["arguments"] = holder["arguments"], {"parameters": [{"name": "image", "value": "other"}]}
        change = {**written, "metadata": reply.body["metadata"]}
        assert f".environment-operator.{names.GROUP}" in hands.rest.replace(where, change).message
        holder["arguments"] = kept


@pytest.mark.parametrize("word", WORDS)
def test_operator_down(hands: Kube, place: str, existing: dict[str, Object], word: str) -> None:
    """With the operator down each kind is scaled, suspended, annotated, gets its status; only what it runs waits."""
    if word not in existing:
        pytest.skip("its definition cannot be there together with that of the other project")
    kube, stored = hands, existing[word]
    name = stored["metadata"]["name"]
    where = path(stored, name)
    marks: Object = {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}
    for change in (marks, CHANGES.get(word, marks)):
        reply = kube.rest.patch(where, change)
        assert reply.ok, reply.message
    reported = kube.rest.patch(f"{where}/status", {"status": {"conditions": []}})
    assert reported.ok or reported.status == 404
    whole = kube.rest.get(where).body
    assert kube.rest.replace(where, {**whole, "status": {}}).ok

    replies = []
    for template, container in FILLED[word]:
        if container == "spec.containers.0" and LABELS.get(word, "labels"):
            scheduled = kube.rest.patch(where, queued(template), "json")
            assert scheduled.ok, scheduled.message
        image = f"/{template}/{container}/image".replace(".", "/")
        replies.append(kube.rest.patch(where, [{"op": "replace", "path": image, "value": "other"}], "json"))
    late = user(word, f"{name}-late", place, name)
    for refused in (kube.rest.create(path(late), late), *replies):
        assert not refused.ok
        assert f".environment-operator.{names.GROUP}" in refused.message
    assert kube.rest.delete(where).ok


def test_every_row_is_tested() -> None:
    """Each row has a sample here, and the words of the other tables are those of samples."""
    assert set(CHANGES) | TEMPLATES | {MPI} >= set(FILLED)
