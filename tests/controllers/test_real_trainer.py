"""What Trainer makes of a TrainJob and its runtime, and what the controller of JobSets makes of that."""

from collections.abc import Iterator
from functools import partial

import pytest
import yaml

from cluster.manifests import await_admission
from cluster.record import free_port
from controllers import jobsets
from controllers.installing import installed
from controllers.lives import DATA, IDS
from controllers.processes import define, mount, pods, running, until_pods
from controllers.programs import TRAINER, source
from kube import ENVIRONMENTS, Kube, Object
from third_party import environment, path, user

# Those of the sample.
NODES = 2
NAMESPACE = "kubeflow-system"
CERTIFICATE = "kubeflow-trainer-webhook-cert"
JOBSETS = "/apis/jobset.x-k8s.io/v1alpha2/namespaces/{}/jobsets"
RUNTIMES = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/{}/trainingruntimes"


@pytest.fixture(scope="module")
def trainer(kube: Kube) -> Iterator[None]:
    """Have Trainer and JobSet run, with their definitions and webhooks."""
    define(kube, TRAINER)
    rendered = kube.kubectl("kustomize", str(source(TRAINER.module) / "manifests/base/webhook"))
    hooks: list[Object] = list(yaml.safe_load_all(rendered))
    for entry in (entry for made in hooks for entry in made["webhooks"]):
        entry["clientConfig"]["service"]["namespace"] = NAMESPACE
    secret = {"namespace": NAMESPACE, "name": CERTIFICATE}
    port, needed = (
        free_port(),
        [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": secret},
        ],
    )
    file = kube.cluster.layout.root / "trainer.yaml"
    file.write_text(yaml.safe_dump(configuration(port)))
    with jobsets.jobset(kube), installed(kube, [*needed, *hooks], port), running(kube, TRAINER, f"--config={file}"):
        mount(kube, NAMESPACE, CERTIFICATE)
        yield


def configuration(port: int) -> Object:
    """Return the configuration of Trainer, whose webhooks are at a port; the others are any that are free."""
    return {
        "apiVersion": "config.trainer.kubeflow.org/v1alpha1",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": f":{free_port()}"},
        "metrics": {"bindAddress": f":{free_port()}"},
        "webhook": {"port": port},
        "leaderElection": {"leaderElect": False},
        "statusServer": {"port": free_port()},
    }


def published(kube: Kube, word: str, image: str, **fields: object) -> str:
    """Return the name of an Environment with an image, which the sample may use."""
    name = kube.unique("env")
    reply = kube.rest.create(ENVIRONMENTS, environment(name, word, image=image, **fields))
    assert reply.ok, reply.message
    kube.until_ready(name)
    return name


def runtime(kube: Kube, project: str) -> str:
    """Create a runtime, once Trainer's webhook answers; return the Environment that it uses, which demands ids."""
    name = published(kube, "trainingruntime", "registry.example/team/runtime:1", user=IDS)
    made = user("trainingruntime", "torch-distributed", project, name)
    made["spec"]["template"]["spec"]["replicatedJobs"] = [
        job for job in made["spec"]["template"]["spec"]["replicatedJobs"] if job["name"] == "node"
    ]
    kube.until("Trainer's webhook to answer", lambda: kube.rest.create(f"{path(made)}?dryRun=All", made).ok)
    reply = kube.rest.create(path(made), made)
    assert reply.ok, reply.message
    return name


def jobset(kube: Kube, project: str) -> Object:
    """Return the JobSet of the TrainJob, an empty object while there is none."""
    reply = kube.rest.get(f"{JOBSETS.format(project)}/w")
    return reply.body if reply.ok else {}


@pytest.mark.usefixtures("trainer")
def test_train_job(kube: Kube, project: str) -> None:
    """JobSet and Pods have image and variable of the TrainJob, ids of its runtime; suspended, resumed with us down."""
    below, name = runtime(kube, project), published(kube, "trainjob", "registry.example/team/train:2")
    made = user("trainjob", "w", project, name)
    made["spec"]["runtimeRef"]["kind"] = "TrainingRuntime"
    reply = kube.rest.create(path(made), made)
    assert reply.ok, reply.message
    where, wanted = path(made, "w"), ("registry.example/team/train:2", 1, 4242, 4343, [5000])

    kube.until("the JobSet", lambda: bool(jobset(kube, project)))
    assert wanted == injected(jobset(kube, project))
    assert [wanted] * NODES == [of_pods(pod["spec"]) for pod in until_pods(kube, project, NODES)]
    for used in (name, below):
        kube.until_used(used, 1)
    assert ["TrainJob"] == [each["kind"] for each in kube.status(name)["usage"]["byKind"]]

    kube.cluster.stop_operator()
    try:
        for suspend in (True, False):
            reply = kube.rest.patch(where, {"spec": {"suspend": suspend}})
            assert reply.ok, reply.message
            kube.until(f"suspend: {suspend}", partial(is_suspended, kube, project, wanted=suspend))
            until_pods(kube, project, 0 if suspend else NODES)
        assert [wanted] * NODES == [of_pods(pod["spec"]) for pod in pods(kube, project)]
        assert wanted == injected(jobset(kube, project))
        assert kube.rest.delete(where).ok
        kube.until("the JobSet to go", lambda: not jobset(kube, project))
        until_pods(kube, project, 0)
    finally:
        kube.cluster.start_operator()
        await_admission(kube.cluster.layout)
    kube.until_used(name, 0)
    assert kube.rest.delete(f"{RUNTIMES.format(project)}/torch-distributed").ok
    kube.until_used(below, 0)


def is_suspended(kube: Kube, project: str, *, wanted: bool) -> bool:
    """Say whether the JobSet is suspended, or not, as it is wanted."""
    return wanted == bool(jobset(kube, project).get("spec", {}).get("suspend"))


def injected(made: Object) -> tuple[object, ...]:
    """Return what the pods of the only job of a JobSet have: image, how often the variable, ids."""
    (job,) = made["spec"]["replicatedJobs"]
    return of_pods(job["template"]["spec"]["template"]["spec"])


def of_pods(pod: Object) -> tuple[object, ...]:
    """Return what the spec of a pod has; as `injected`."""
    (node,) = pod["containers"]
    ids = [pod["securityContext"].get(key) for key in ("runAsUser", "runAsGroup", "supplementalGroups")]
    return node["image"], node["env"].count(DATA), *ids


# What a runtime gives its pods, and what a patch of a TrainJob wants instead.
OF_THE_RUNTIME = {"runAsUser": 1, "runAsGroup": 2}
OF_ITS_NODE = {"privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}}
WANTED = {"securityContext": {"runAsUser": 7}}
WANTED_OF_NODE = {"privileged": False, "capabilities": {"add": []}}


@pytest.mark.usefixtures("trainer")
def test_patches_take_nothing_away(kube: Kube, project: str) -> None:
    """A patch sets what it names; group, capabilities and the node's network stay those of the runtime.

    So an Environment whose ids and security may not be overridden has no place there.
    """
    plain = user("trainingruntime", "privileged", project, None)
    (job,) = (each for each in plain["spec"]["template"]["spec"]["replicatedJobs"] if each["name"] == "node")
    plain["spec"]["template"]["spec"]["replicatedJobs"] = [job]
    pod = job["template"]["spec"]["template"]["spec"]
    pod |= {"securityContext": OF_THE_RUNTIME, "hostNetwork": True}
    pod["containers"][0] |= {"image": "registry.example/any:1", "securityContext": OF_ITS_NODE}
    kube.until("the runtime to be taken", lambda: kube.rest.create(path(plain), plain).status in (201, 409))
    made = user("trainjob", "w", project, None)
    spec = {"spec": {**WANTED, "containers": [{"name": "node", "securityContext": WANTED_OF_NODE}]}}
    jobs = {"spec": {"replicatedJobs": [{"name": "node", "template": {"spec": {"template": spec}}}]}}
    patch = {"manager": "example.org/security", "trainingRuntimeSpec": {"template": jobs}}
    made["spec"] |= {"runtimeRef": {"name": "privileged", "kind": "TrainingRuntime"}, "runtimePatches": [patch]}
    reply = kube.rest.create(path(made), made)
    assert reply.ok, reply.message

    kube.until("the JobSet", lambda: bool(jobset(kube, project)))
    (found,) = jobset(kube, project)["spec"]["replicatedJobs"]
    pod = found["template"]["spec"]["template"]["spec"]
    assert ({"runAsUser": 7, "runAsGroup": 2}, True) == (pod["securityContext"], pod["hostNetwork"])
    assert {"privileged": False, "capabilities": {"add": ["SYS_ADMIN"]}} == pod["containers"][0]["securityContext"]
