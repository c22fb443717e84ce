"""Rows of third-party kinds: what their controllers and webhooks do to an object around admission."""

import copy
import json
from typing import Any

import pytest

from builders import around, published
from environment_operator.api import names
from environment_operator.credentials.copies import Secrets, Source
from environment_operator.injection.context import Project
from environment_operator.injection.eligibility import refusal
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.harmless import APPARMOR
from environment_operator.kinds.paths import get, put
from environment_operator.kinds.pod_templates import places
from environment_operator.kinds.table import Kind
from environment_operator.kinds.third_party import ROWS
from samples import sample
from third_party import FILLED, containers, row_of, user

Object = dict[str, Any]
SERVING = {"workloadTypes": ["Inference"], "endpoint": {"port": 8080, "protocol": "HTTP"}}


def environment(word: str, **fields: Any) -> Any:
    """Return an Environment that a sample may use."""
    row = row_of(word)
    more = SERVING if row.types == ("Inference",) else {}
    distributed = {"architecture": "Distributed", "framework": row.framework} if row.framework else {}
    return published("e", image="env:1", **{**more, **distributed, **fields})


def admitted(kind: Kind, new: Object, old: Object | None, *known: Any) -> Object:
    """Return an object that is admitted, as it is to be stored."""
    outcome = admit(kind, new, old, around(*known))
    assert outcome.workload is not None, outcome.refusal
    return outcome.workload


@pytest.mark.parametrize("word", FILLED)
def test_every_role(word: str) -> None:
    """Each pod template of each kind is filled in; again changes nothing; without the reference it is as before."""
    row, known = row_of(word), environment(word)
    stored = admitted(row, user(word, "w", "team", "e"), None, known)

    assert ["env:1"] * len(FILLED[word]) == [container.get("image") for container in containers(word, stored)]
    assert stored == admitted(row, user(word, "w", "team", "e"), stored)
    assert approve(row, stored, None, around(known)).workload


def test_framework_of_kserve() -> None:
    """What KServe's webhook makes of a framework's key keeps what was injected, and goes on as the model."""
    row, known = row_of("inferenceservice"), environment("inferenceservice")
    asked = user("inferenceservice", "w", "team", "e")
    asked["spec"] = {"predictor": {"sklearn": {"storageUri": "pvc://models/iris"}}}
    stored = admitted(row, asked, None, known)
    assert "env:1" == stored["spec"]["predictor"]["sklearn"]["image"]
    predictor = stored["spec"]["predictor"]
    predictor["model"] = {**predictor.pop("sklearn"), "modelFormat": {"name": "sklearn"}}

    assert approve(row, stored, None, around(known)).workload
    assert stored["spec"] == admitted(row, copy.deepcopy(stored), stored)["spec"]
    freed = copy.deepcopy(stored)
    del freed["metadata"]["labels"][names.REFERENCE]
    assert {"storageUri": "pvc://models/iris", "modelFormat": {"name": "sklearn"}} == admitted(row, freed, stored)[
        "spec"
    ]["predictor"]["model"]


@pytest.mark.parametrize(
    ("word", "before", "after"),
    [
        ("inferenceservice-custom", "mine", "kserve-container"),
        ("knative-service", None, "user-container"),
    ],
)
def test_renamed_by_its_webhook(word: str, before: str | None, after: str) -> None:
    """A container that the kind's own webhook names after us is still the main one, and still guarded."""
    row, known = row_of(word), environment(word, user={"source": "Custom", "uid": 1000})
    asked = user(word, "w", "team", "e")
    container = containers(word, asked)[0]
    container.pop("name")
    container |= {"name": before} if before else {}
    stored = admitted(row, asked, None, known)
    container = containers(word, stored)[0]
    assert "env:1" == container["image"]
    container["name"] = after
    assert approve(row, stored, None, around(known)).workload
    container["securityContext"] = {"runAsUser": 0}

    assert "does not allow User to be overridden" in approve(row, stored, None, around(known)).refusal


UNCONFINED = {"annotations": {f"{APPARMOR}main": "unconfined"}}
RIGHTS = {"user": {"source": "Custom", "uid": 1000}, "security": {"allowPrivilegeEscalation": False}}
# What gives pods a profile, or another shape, past their templates: where it is written, and how it is called.
ROUND: list[tuple[str, tuple[str | int, ...], Object, str]] = [
    ("rollout", ("spec",), {"strategy": {"canary": {"canaryMetadata": UNCONFINED}}}, "spec.strategy.canary.canaryMet"),
    ("rollout", ("spec",), {"strategy": {"blueGreen": {"previewMetadata": UNCONFINED}}}, "spec.strategy.blueGreen.pre"),
    ("daskcluster", ("metadata",), UNCONFINED, "metadata.annotations["),
    ("daskjob", ("spec", "cluster"), {"metadata": UNCONFINED}, "spec.cluster.metadata.annotations["),
    ("podcliqueset", ("spec", "template", "cliques", 1), UNCONFINED, "spec.template.cliques[1].annotations["),
    ("llminferenceservice", ("spec", "prefill"), UNCONFINED, "spec.prefill.annotations["),
    ("llminferenceservice", ("spec",), UNCONFINED, "spec.annotations["),
    ("dynamographdeployment", ("spec",), UNCONFINED, "spec.annotations["),
    ("rolebasedgroup", ("spec", "roles", 0), {"engineRuntimes": [{}]}, "spec.roles[0].engineRuntimes"),
    (
        "rolebasedgroup", ("spec", "roles", 1, "leaderWorkerPattern"), {"workerTemplatePatch": {"spec": {}}},
        "spec.roles[1].leaderWorkerPattern.workerTemplatePatch",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("word", "at", "fields", "said"), ROUND)
def test_ways_round(word: str, at: tuple[str | int, ...], fields: Object, said: str) -> None:
    """What stands next to a pod template and reaches its pods is validated with it, when it comes and later."""
    row, known = row_of(word), environment(word, **RIGHTS)
    stored = admitted(row, user(word, "w", "team", "e"), None, known)
    changed = copy.deepcopy(stored)
    found: Any = changed
    for step in at:
        found = found[step]
    for key, value in fields.items():
        found[key] = {**found.get(key, {}), **value} if isinstance(value, dict) else value

    assert said in approve(row, changed, None, around(known)).refusal
    assert said in approve(row, changed, stored, around(known)).refusal


def test_tasks_without_a_name() -> None:
    """A task that Volcano's webhook names after us keeps what was injected."""
    row, known = row_of("volcano-job"), environment("volcano-job")
    asked = user("volcano-job", "w", "team", "e")
    for task in asked["spec"]["tasks"]:
        del task["name"]
    stored = admitted(row, asked, None, known)
    for number, task in enumerate(stored["spec"]["tasks"]):
        task["name"] = f"default{number}"

    assert approve(row, stored, None, around(known)).workload


def test_container_that_serves() -> None:
    """Of several containers of a Knative Service the one with a port is the main one."""
    asked = user("knative-service", "w", "team", "e")
    pod = asked["spec"]["template"]["spec"]
    pod["containers"] = [{"name": "side", "image": "side:1"}, {"name": "web", "ports": [{"containerPort": 8080}]}]
    stored = admitted(row_of("knative-service"), asked, None, environment("knative-service"))

    assert ["side:1", "env:1"] == [c["image"] for c in stored["spec"]["template"]["spec"]["containers"]]


@pytest.mark.parametrize(
    ("word", "fields", "expected"),
    [
        ("knative-service", {"user": {"source": "Custom", "uid": 1, "supplementalGroups": [5]}}, "securityContext"),
        ("knative-service", {"security": {"capabilities": ["CHOWN"]}}, "container.securityContext.capabilities"),
        ("trainjob", {"workingDir": "/w"}, "container.workingDir"),
        ("pathwaysjob", {"env": [{"name": "JAX_PLATFORMS", "value": "cpu"}]}, "container.env[JAX_PLATFORMS]"),
        ("workflow", {"imagePullSecrets": ["s"]}, "imagePullSecrets"),
        ("servingruntime", {"security": {"hostIPC": True}}, "hostIPC"),
    ],
)
def test_no_place(word: str, fields: Object, expected: str) -> None:
    """An Environment that sets something for which the kind has no place is refused, and the refusal names it."""
    outcome = admit(row_of(word), user(word, "w", "team", "e"), None, around(environment(word, **fields)))

    assert f"sets {expected}, for which a {row_of(word).kind} has no field" in outcome.refusal


def test_rules_that_end() -> None:
    """Where the pods' security contexts come from elsewhere, an Environment that lets go of them may be used."""
    known = environment("trainjob", user={"source": "Image"}, overridable=["Env"])
    free = environment("trainjob", security={"hostIPC": False}, overridable=["Security"])

    assert "sets user, for" in admit(row_of("trainjob"), user("trainjob", "w", "t", "e"), None, around(known)).refusal
    assert admitted(row_of("trainjob"), user("trainjob", "w", "t", "e"), None, free)


@pytest.mark.parametrize(
    ("word", "fields", "expected"),
    [
        ("trainjob", {"user": {"source": "Image"}}, "sets user, for which a TrainJob has no field: its pods have them"),
        ("trainjob", {"security": {"hostIPC": False}}, "sets security, for which a TrainJob has no field: its pods"),
        (
            "pathwaysjob",
            {"security": {"readOnlyRootFilesystem": True}},
            "sets security without hostNetwork, which the controller gives the pods of a PathwaysJob",
        ),
    ],
)
def test_decided_elsewhere(word: str, fields: Object, expected: str) -> None:
    """An Environment with rules that the controller, a runtime or a template would break is refused, with the cause."""
    outcome = admit(row_of(word), user(word, "w", "team", "e"), None, around(environment(word, **fields)))

    assert expected in outcome.refusal


@pytest.mark.parametrize("fields", [{"hostNetwork": True}, {"hostNetwork": False}])
def test_on_the_network_of_the_node(fields: Object) -> None:
    """Where the controller gives the pods the node's network, an Environment may be used that has or allows it."""
    free = {} if fields["hostNetwork"] else {"overridable": ["Security"]}
    known = environment("pathwaysjob", security=fields, **free)

    assert admitted(row_of("pathwaysjob"), user("pathwaysjob", "w", "t", "e"), None, known)


@pytest.mark.parametrize("word", ["workflow", "cronworkflow"])
def test_borrowed_templates(word: str) -> None:
    """A workflow with the templates of another object is refused: that one has to refer to the Environment."""
    row, asked = row_of(word), user(word, "w", "team", "e")
    holder = asked["spec"].get("workflowSpec", asked["spec"])
    del holder["templates"]
    holder["workflowTemplateRef"] = {"name": "shared"}

    assert (
        f"{row.borrows}: this {row.kind} has the pod templates of another object"
        in admit(row, asked, None, around(published("e"))).refusal
    )


@pytest.mark.parametrize("word", ["sparkapplication", "scheduledsparkapplication"])
def test_nowhere_to_put_it(word: str) -> None:
    """A kind into which no Environment can be put refuses a new reference and says what to do instead."""
    plain, row = sample(word, "w", "team"), row_of(word)
    asked = {**plain, "metadata": {"name": "w", "labels": {names.REFERENCE: "e"}}}
    said = (
        f"A {row.kind} cannot use an Environment. Remove the label {names.REFERENCE}, and set image, env and "
        "securityContext of driver and executor."
    )

    for old in (None, plain):
        assert admit(row, asked, old, around(published("e"))).refusal.startswith(said)
        assert approve(row, asked, old, around(published("e"))).refusal.startswith(said)
    for new, old in ((plain, None), (plain, asked), (asked, asked)):
        assert new == admit(row, new, old, around()).workload
        assert new == approve(row, new, old, around()).workload
    spec = published("e").spec
    assert spec is not None
    assert said in refusal("e", spec, row, asked, Project("team"))


def test_places_or_what_instead() -> None:
    """A row has pod templates or says what to do instead, never both and never none."""
    row = {"group": "example.org", "version": "v1", "kind": "Widget", "plural": "widgets"}
    for wrong in ({"pod_templates": ()}, {"instead": "use a Job"}):
        with pytest.raises(ValueError, match="give the places of its pod_templates, or in the column instead"):
            Kind(**row, **wrong)


@pytest.mark.parametrize("word", sorted(FILLED))
def test_published_secrets(word: str) -> None:
    """What is published is in every pod template that has a place for it, and is no reason to refuse the others."""
    row, known = row_of(word), environment(word)
    given: Object = {"secrets": Secrets(published=(Source("hub", registries=("docker.io",)),))}
    outcome = admit(row, user(word, "w", "team", "e"), None, around(known, **given))
    assert outcome.workload is not None, outcome.refusal

    lacks = "imagePullSecrets" in row.pod_templates[0].lacks
    templates = [place.template(outcome.workload) for place in places(row, outcome.workload)]
    assert [None if lacks else [{"name": "hub"}]] * len(templates) == [
        get(template, ("spec", "imagePullSecrets")) for template in templates
    ]


def test_ids_of_a_workflow() -> None:
    """Ids go to the container of a workflow's template: a security context there would replace the workflow's."""
    known = environment("workflow", user={"source": "Custom", "uid": 1000})
    stored = admitted(row_of("workflow"), user("workflow", "w", "team", "e"), None, known)
    template = stored["spec"]["templates"][2]

    assert {"runAsUser": 1000} == template["container"]["securityContext"]
    assert "securityContext" not in template
    assert None is get(stored["spec"]["templates"][3], ("containerSet", "securityContext"))


def test_promoted_canary() -> None:
    """Canaries are matched by their names: when one goes, the other keeps what it has, and its override rules."""
    row, known = row_of("inferenceservice-custom"), environment("inferenceservice-custom")
    stored = admitted(row, user("inferenceservice-custom", "w", "team", "e"), None, known)
    promoted = copy.deepcopy(stored)
    del promoted["spec"]["canary"][0]
    assert promoted["spec"] == admitted(row, promoted, stored)["spec"]
    promoted["spec"]["canary"][0]["predictor"]["containers"][0]["image"] = "mine:1"

    assert "spec.canary[0].predictor.containers" in approve(row, promoted, stored, around(known)).refusal


def test_worker_of_a_runtime() -> None:
    """Workers of an InferenceService that take their container from a runtime are left alone."""
    asked = user("inferenceservice", "w", "team", "e")
    asked["spec"]["predictor"]["workerSpec"] = {"pipelineParallelSize": 2}
    stored = admitted(row_of("inferenceservice"), asked, None, environment("inferenceservice"))

    assert {"pipelineParallelSize": 2} == stored["spec"]["predictor"]["workerSpec"]


@pytest.mark.parametrize("word", ["raycluster", "rayjob", "rayservice"])
def test_ports_of_a_ray_head(word: str) -> None:
    """The head of a Ray cluster gets no port, with which KubeRay opens none of Ray's; its tools have theirs."""
    known = environment(word, tools=[{"name": "board", "type": "TensorBoard", "connection": {"type": "ClusterIP"}}])
    stored = admitted(row_of(word), user(word, "w", "team", "e"), None, known)

    assert "ports" not in containers(word, stored)[0]
    assert 6006 == json.loads(stored["metadata"]["annotations"][names.TOOLS])["tools"]["board"]["port"]


STRICT: Object = {"user": {"source": "Custom", "uid": 1000}, "security": {"allowPrivilegeEscalation": False}}
ROOT: Object = {"image": "mine:1", "command": ["sh"], "securityContext": {"runAsUser": 0, "privileged": True}}
CHIEF: Object = {"template": {"spec": {"containers": [{"name": "tensorflow"}]}}}
PROFILE = f"{APPARMOR}main"


def refused(word: str, asked: Object, **fields: Any) -> str:
    """Return what admission says against an object, by both of its webhooks; empty when nothing."""
    known = around(environment(word, **fields))
    filled = admit(row_of(word), asked, None, known)
    return filled.refusal if filled.workload is None else approve(row_of(word), filled.workload, None, known).refusal


@pytest.mark.parametrize(
    ("word", "where", "value", "said"),
    [
        ("raycluster", "spec.autoscalerOptions", ROOT, ("runAsUser: 0", "privileged: true")),
        ("rayjob", "spec.rayClusterSpec.autoscalerOptions", ROOT, ("runAsUser: 0", "privileged: true")),
        ("rayservice", "spec.rayClusterConfig.autoscalerOptions", ROOT, ("runAsUser: 0", "privileged: true")),
        ("raycluster", "spec.historyServerOptions.collectorOptions", ROOT, ("runAsUser: 0", "privileged: true")),
        ("inferenceservice", "spec.explainer.art", ROOT, ('image: "mine:1"', "runAsUser: 0", "privileged: true")),
        ("inferenceservice", "metadata.annotations", {PROFILE: "unconfined"}, (f'{PROFILE}]: "unconfined"',)),
        ("notebook", "metadata.annotations", {PROFILE: "unconfined"}, (f'{PROFILE}]: "unconfined"',)),
    ],
)  # fmt: skip
def test_containers_and_profiles_elsewhere(word: str, where: str, value: Any, said: tuple[str, ...]) -> None:
    """What a controller makes a container of the same pods, or their annotations, is validated wherever it stands."""
    asked = user(word, "w", "team", "e")
    put(asked, tuple(where.split(".")), value)
    words = refused(word, asked, **STRICT)

    assert all(where in part for part in words.split(". ")[::2] if "overridden" in part)
    assert all(part in words for part in said)
    free = {"overridable": ["Image", "Command", "Args", "Env", "WorkingDir", "User", "Security"]}
    assert "" == refused(word, asked, **STRICT, **free)


@pytest.mark.parametrize(
    "value", [{}, {"idleTimeoutSeconds": 60, "image": "mine:1", "env": []}, {"securityContext": {"runAsUser": 1000}}]
)
def test_harmless_scaler(value: Object) -> None:
    """How the autoscaler of Ray works, and its image, are free; so are the ids that the pods have."""
    asked = user("raycluster", "w", "team", "e")
    asked["spec"]["autoscalerOptions"] = value

    assert "" == refused("raycluster", asked, **STRICT)


def test_stored_scaler_stays() -> None:
    """An autoscaler that was there before the Environment is no reason against another change; another one is."""
    row, known = row_of("raycluster"), around(environment("raycluster", **STRICT))
    stored = admitted(row, user("raycluster", "w", "team", "e"), None, environment("raycluster", **STRICT))
    stored["spec"]["autoscalerOptions"] = copy.deepcopy(ROOT)
    after, worse = copy.deepcopy(stored), copy.deepcopy(stored)
    containers("raycluster", after)[0]["command"] = ["other"]
    worse["spec"]["autoscalerOptions"]["securityContext"]["procMount"] = "Unmasked"

    assert approve(row, after, stored, known).workload
    assert "spec.autoscalerOptions.securityContext.procMount: " in approve(row, worse, stored, known).refusal


def test_roles_in_another_spelling() -> None:
    """A role that the kind does not know so is refused with a reference and a way out; a stored one stays."""
    row, known = row_of("tfjob"), environment("tfjob")
    asked = user("tfjob", "w", "team", "e")
    for role, way_out in (
        ("worker", "Rename it to Worker"),
        ("EVALUATOR", "Rename it to Evaluator"),
        ("Spare", "Use one of the"),
    ):
        wrong = copy.deepcopy(asked)
        wrong["spec"]["tfReplicaSpecs"][role] = CHIEF
        stored = admitted(row, asked, None, known)
        later = copy.deepcopy(stored)
        later["spec"]["tfReplicaSpecs"][role] = CHIEF
        said = f"spec.tfReplicaSpecs.{role}: a TFJob has no role"
        for outcome in (
            admit(row, wrong, None, around(known)),
            admit(row, later, stored, around(known)),
            approve(row, later, stored, around(known)),
        ):
            assert said in outcome.refusal
            assert way_out in outcome.refusal
        changed = copy.deepcopy(later)
        changed["spec"]["tfReplicaSpecs"][role] = {"replicas": 2, **CHIEF}
        assert admit(row, changed, later, around(known)).workload
        del wrong["metadata"]["labels"]
        assert wrong == admit(row, wrong, None, around(known)).workload


@pytest.mark.parametrize("row", [row for row in ROWS if row.roles_in], ids=lambda row: row.kind)
def test_spellings(row: Kind) -> None:
    """Each kind of the training operator has its roles below one object, each with a pod template."""
    assert len(row.pod_templates) == len(row.spellings)
    assert row.roles == tuple(spelling.lower() for spelling in row.spellings)


def test_roles_that_are_nowhere() -> None:
    """A row that says where the roles are has pod templates there."""
    row = {"group": "example.org", "version": "v1", "kind": "Widget", "plural": "widgets"}
    with pytest.raises(ValueError, match=r"none of its pod_templates is below spec\.parts"):
        Kind(**row, roles_in="spec.parts")
