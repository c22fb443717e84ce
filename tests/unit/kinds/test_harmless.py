"""What of an object decides what runs: everything but the reviewed list of what does not."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fields
from builders import KINDS, workload
from environment_operator.kinds.harmless import APPARMOR, CONTAINER, runs_differently, tree, what_runs
from environment_operator.kinds.paths import get, put
from environment_operator.kinds.pod_templates import Place, main, places
from environment_operator.kinds.table import BUILTIN, POD, Kind, steps
from environment_operator.kinds.third_party import ROWS
from samples import SAMPLES, sample

Object = dict[str, Any]
Way = tuple[str | int, ...]
TABLE = (*BUILTIN, *ROWS)
BY_KIND = {(kind.group, kind.kind): kind for kind in TABLE}


def every() -> Iterator[tuple[str, Kind, Object]]:
    """Yield a word, a row and an object for each row that has pod templates."""
    for kind in BUILTIN:
        yield kind.kind, kind, workload(kind.kind, "w", "p", "e")
    for word in SAMPLES:
        item = sample(word, "w", "p")
        row = BY_KIND.get((item["apiVersion"].rpartition("/")[0], item["kind"]))
        if row and row.pod_templates:
            yield word, row, item


EVERY = list(every())
IDS = [word for word, _, _ in EVERY]
# What the API server, an agent or a shell does with a field is another pod.
OF_A_POD = {
    "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["registry"]}],
    "dnsConfig": {"nameservers": ["10.0.0.1"]},
    "dnsPolicy": "None",
    "shareProcessNamespace": True,
    "automountServiceAccountToken": True,
    "nodeName": "theirs",
    "runtimeClassName": "theirs",
    "hostUsers": False,
    "serviceAccount": "theirs",
    "serviceAccountName": "theirs",
    "hostPID": True,
    "subdomain": "theirs",
    "of a later version": "theirs",
}


@pytest.mark.parametrize(("_word", "kind", "item"), EVERY, ids=IDS)
def test_fields_of_pods(_word: str, kind: Kind, item: Object) -> None:
    """Any field of a pod spec that is not harmless is what runs, in every kind and also where it is not known yet."""
    found = [(place, field) for place in places(kind, item) for field in OF_A_POD]
    assert [] == [(place.key, f) for place, f in found if not runs_differently(kind, _set(place, item, f), item)]


def _set(place: Place, item: Object, field: str) -> Object:
    """Return an object with a field of a pod spec set in a pod template."""
    changed = copy.deepcopy(item)
    template = place.template(changed)
    template.setdefault("spec", {})[field] = OF_A_POD[field]
    place.replace(changed, template)
    return changed


@pytest.mark.parametrize(("_word", "kind", "item"), EVERY, ids=IDS)
def test_harmless_fields_of_pods(_word: str, kind: Kind, item: Object) -> None:
    """Scheduling, priority, resources, grace and metadata of pods do not decide what runs."""
    for place in places(kind, item):
        changed = copy.deepcopy(item)
        template = place.template(changed)
        template.setdefault("spec", {}).update(dict.fromkeys(POD, "another"))
        container = get(template, main(place, template) or ())
        if isinstance(container, dict):
            container |= dict.fromkeys(CONTAINER, "another")
        if place.metadata is not None and place.at:
            put(template, (*place.metadata, "annotations"), {"kubectl.kubernetes.io/restartedAt": "now"})
        place.replace(changed, template)

        assert not runs_differently(kind, changed, item)


def leaves(value: Any, at: Way = ()) -> Iterator[Way]:
    """Yield the way to everything in plain data that holds nothing else; of lists, the fields of their items."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not inner:
        yield at
    for key, each in inner:
        yield from leaves(each, (*at, key))


def replaced(value: Any, at: Way) -> Any:
    """Return plain data with something else at the end of a way."""
    if not at:
        return "another"
    out = copy.copy(value)
    out[at[0]] = replaced(value[at[0]], at[1:])
    return out


def fragments() -> Iterator[Object]:
    """Yield fragments that hold, together, all that the models let an Environment contribute."""
    for path in fields.leaves():
        yield from map(fields.fragment_of, fields.around(path))


WHOLE = fields.fragment_of(fields.whole())
OF_FRAGMENTS = {way: fragment for fragment in fragments() for way in leaves(fragment)}


def test_fragments_hold_what_the_models_allow() -> None:
    """What is tried below has the fields that only stand without others, too, and every field of the pod."""
    found = {tuple(key for key in way if isinstance(key, str)) for way in OF_FRAGMENTS}

    assert {("containers", "env", "value"), ("containers", "env", "valueFrom", "fieldRef", "fieldPath")} <= found
    assert {*WHOLE} == {way[0] for way in OF_FRAGMENTS}


@pytest.mark.parametrize(("_word", "kind", "item"), EVERY, ids=IDS)
def test_everything_of_a_fragment(_word: str, kind: Kind, item: Object) -> None:
    """All that the models let an Environment contribute decides what runs, so that its change calls the webhook."""
    for place in places(kind, item):
        befores = {id(fragment): _with(place, item, fragment) for fragment in OF_FRAGMENTS.values()}
        tried = [
            (way, before, after)
            for way, fragment in OF_FRAGMENTS.items()
            if (before := befores[id(fragment)]) != (after := _with(place, item, replaced(fragment, way)))
        ]
        # A role whose pods have no container of their own has nothing of it.
        assert tried or main(place, place.template(item)) is None
        # None of these is harmless: an Environment contributes it.
        assert [] == [way for way, before, after in tried if not runs_differently(kind, after, before)]


def _with(place: Place, item: Object, fragment: Object) -> Object:
    """Return an object that has a fragment in a pod template, as far as its kind has a place for it."""
    out = copy.deepcopy(item)
    template = copy.deepcopy(place.template(item))
    (mine,) = fragment["containers"]
    container = get(template, main(place, template) or ())
    if isinstance(container, dict):
        container |= {key: value for key, value in mine.items() if key != "name"}
    if isinstance(template.get("spec"), dict):
        template["spec"] |= {key: value for key, value in fragment.items() if key != "containers"}
    place.replace(out, template)
    return out


OTHERS: list[tuple[str, str, Any, bool]] = [
    ("raycluster", "spec.headGroupSpec.rayStartParams", {"num-cpus": "1; theirs"}, True),
    ("raycluster", "spec.headGroupSpec.resources", {"x": "1'; theirs"}, True),
    ("raycluster", "spec.gcsFaultToleranceOptions", {"redisAddress": "theirs"}, True),
    ("raycluster", "spec.suspend", True, False),
    ("raycluster", "spec.autoscalerOptions", {"idleTimeoutSeconds": 60, "resources": {}}, False),
    ("raycluster", "spec.autoscalerOptions", {"idleTimeoutSeconds": 60, "image": "theirs"}, True),
    ("rayjob", "spec.metadata", {"theirs": "'; theirs"}, True),
    ("rayjob", "spec.ttlSecondsAfterFinished", 60, False),
    ("workflow", "spec.volumes", [{"name": "theirs"}], True),
    ("workflow", "spec.serviceAccountName", "theirs", True),
    ("workflow", "spec.artifactRepositoryRef", {"configMap": "theirs"}, True),
    ("workflow", "spec.podMetadata", {"labels": {"a": "b"}}, False),
    ("workflow", "spec.podMetadata", {"annotations": {f"{APPARMOR}main": "unconfined"}}, True),
    ("workflow", "spec.shutdown", "Terminate", False),
    ("cronworkflow", "spec.workflowSpec.volumes", [{"name": "theirs"}], True),
    ("cronworkflow", "spec.schedule", "* * * * *", False),
    ("cronworkflow", "spec.workflowMetadata", {"labels": {"a": "b"}}, True),
    ("jobset", "spec.network", {"enableDNSHostnames": False}, True),
    ("jobset", "spec.ttlSecondsAfterFinished", 60, False),
    ("trainjob", "spec.podTemplateOverrides", [{"targetJobs": [{"name": "n"}], "spec": {"nodeSelector": {}}}], False),
    ("trainjob", "spec.podTemplateOverrides", [{"targetJobs": [{"name": "n"}], "spec": {"volumes": []}}], True),
    ("trainjob", "spec.trainer.numNodes", 7, False),
    ("volcano-job", "spec.plugins", {"ssh": ["theirs"]}, True),
    ("volcano-job", "spec.queue", "another", False),
    ("tfjob", "spec.runPolicy", {"suspend": True}, False),
    ("tfjob", "spec.runPolicy", {"theirs": True}, True),
    ("tfjob", "spec.tfReplicaSpecs.chief", {"replicas": 1}, True),
    ("inferenceservice", "spec.predictor.minReplicas", 7, False),
    ("inferenceservice", "spec.predictor.logger", {"url": "theirs"}, True),
    ("knative-service", "spec.template.spec.timeoutSeconds", 7, False),
    ("leaderworkerset", "spec.leaderWorkerTemplate.size", 7, False),
    ("raycronjob", "spec.schedule", "* * * * *", False),
    ("raycronjob", "spec.jobTemplate.entrypoint", "theirs", True),
    ("volcano-cronjob", "spec.jobTemplate.spec.queue", "another", False),
    ("volcano-cronjob", "spec.jobTemplate.spec.plugins", {"ssh": ["theirs"]}, True),
    ("llminferenceservice", "spec.prefill.replicas", 7, False),
    ("llminferenceservice", "spec.labels", {"a": "b"}, False),
    ("llminferenceservice", "spec.annotations", {f"{APPARMOR}main": "unconfined"}, True),
    ("llminferenceservice", "spec.baseRefs", [{"name": "theirs"}], True),
    ("rollout", "spec.restartAt", "2030-01-01T00:00:00Z", False),
    ("rollout", "spec.strategy", {"canary": {"steps": [{"experiment": {"templates": [{"name": "theirs"}]}}]}}, True),
    ("scaledjob", "spec.triggers", [{"type": "cpu"}], False),
    ("scaledjob", "spec.jobTargetRef.parallelism", 7, False),
    ("cloneset", "spec.updateStrategy", {"partition": 1}, False),
    ("cloneset", "spec.volumeClaimTemplates", [{"theirs": True}], True),
    ("sandbox", "spec.operatingMode", "Suspended", False),
    ("sandboxtemplate", "spec.envVarsInjectionPolicy", "Overrides", True),
    ("daskcluster", "spec.worker.replicas", 7, False),
    ("daskjob", "spec.cluster.spec.scheduler.service", {"type": "NodePort"}, False),
    ("daskjob", "spec.cluster.metadata", {"annotations": {"a": "b"}}, True),
    ("elasticjob", "spec.replicaSpecs.worker.replicas", 7, False),
    ("elasticjob", "spec.envs", {"A": {"name": "A", "value": "theirs"}}, True),
    ("dynamographdeployment", "spec.restart", {"id": "again"}, False),
    ("dynamographdeployment", "spec.env", [{"name": "A", "value": "theirs"}], True),
    ("podcliqueset", "spec.template.podCliqueScalingGroups", [{"name": "a", "replicas": 2}], False),
    ("stormservice", "spec.template.spec.updateStrategy", "Parallel", False),
    ("pathwaysjob", "spec.controller.mainContainerName", "helper", True),
    ("pathwaysjob", "spec.customComponents", [{"componentType": "worker", "image": "theirs"}], True),
    ("modelserving", "spec.template.gangPolicy", {"minRoleReplicas": {"prefill": 1}}, False),
    ("modelserving", "spec.plugins", [{"name": "theirs"}], True),
    ("Deployment", "spec.strategy", {"type": "Recreate"}, False),
    ("StatefulSet", "spec.updateStrategy", {"rollingUpdate": {"partition": 1}}, False),
    ("StatefulSet", "spec.volumeClaimTemplates", [{"theirs": True}], True),
    ("CronJob", "spec.jobTemplate.spec.parallelism", 7, False),
    ("CronJob", "spec.jobTemplate.metadata", {"labels": {"a": "b"}}, False),
    ("Job", "spec.managedBy", "theirs", True),
    ("Deployment", "metadata.labels.theirs", "b", False),
    ("Deployment", "status", {"replicas": 7}, False),
    ("Deployment", "data", {"of a later version": 7}, True),
]


@pytest.mark.parametrize(("word", "path", "value", "expected"), OTHERS)
def test_fields_outside_the_pods(word: str, path: str, value: Any, *, expected: bool) -> None:
    """What goes into a command, an identity or a volume is what runs; what only scales, schedules or ends is not."""
    kind, item = next((kind, item) for found, kind, item in EVERY if found == word)
    changed = copy.deepcopy(item)
    put(changed, tuple(path.split(".")), value)

    assert expected == bool(runs_differently(kind, changed, item))


GIVEN = {"parameters": [{"name": "theirs", "value": "theirs"}]}
ITEMS = [
    ("rolebasedgroup", ("spec", "roles", 1), {"replicas": 7}, False),
    ("rolebasedgroup", ("spec", "roles", 1, "leaderWorkerPattern"), {"size": 7}, False),
    ("rolebasedgroup", ("spec", "roles", 1, "leaderWorkerPattern"), {"workerTemplatePatch": {"theirs": True}}, True),
    ("rolebasedgroup", ("spec", "roles", 0), {"engineRuntimes": [{"profileName": "theirs"}]}, True),
    ("disaggregatedset", ("spec", "roles", 0, "spec"), {"replicas": 7}, False),
    ("disaggregatedset", ("spec", "roles", 0, "spec", "leaderWorkerTemplate"), {"restartPolicy": "theirs"}, True),
    ("dynamographdeployment", ("spec", "components", 1), {"replicas": 7}, False),
    ("dynamographdeployment", ("spec", "components", 1), {"frontendSidecar": "theirs"}, True),
    ("podcliqueset", ("spec", "template", "cliques", 1, "spec"), {"replicas": 7}, False),
    ("podcliqueset", ("spec", "template", "cliques", 1), {"labels": {"a": "b"}}, False),
    ("podcliqueset", ("spec", "template", "cliques", 1), {"annotations": {f"{APPARMOR}main": "unconfined"}}, True),
    ("stormservice", ("spec", "template", "spec", "roles", 0), {"replicas": 7}, False),
    ("modelserving", ("spec", "template", "roles", 0), {"workerReplicas": 7}, False),
    ("workflow", ("spec",), {"arguments": {}}, False),
    ("workflow", ("spec",), {"arguments": GIVEN}, True),
    ("workflow", ("spec",), {"volumes": []}, True),
    ("workflow", ("spec", "volumeClaimTemplates", 0), {"status": {}}, False),
    ("workflow", ("spec", "volumeClaimTemplates", 0), {"status": {"phase": "Bound"}}, True),
    ("workflow", ("spec", "volumeClaimTemplates", 0, "metadata"), {"creationTimestamp": None}, False),
    ("workflow", ("spec", "volumeClaimTemplates", 0, "metadata"), {"name": "theirs"}, True),
    ("workflow", ("spec", "volumeClaimTemplates", 0, "spec"), {"storageClassName": "theirs"}, True),
    ("workflow", ("spec", "templates", 0), {"inputs": {}, "outputs": {}, "metadata": {}}, False),
    ("workflow", ("spec", "templates", 0), {"inputs": GIVEN}, True),
    ("workflow", ("spec", "templates", 0), {"outputs": GIVEN}, True),
    ("workflow", ("spec", "templates", 0), {"suspend": {}}, True),
    ("workflow", ("spec", "templates", 0, "steps", 0, 0), {"arguments": {}}, False),
    ("workflow", ("spec", "templates", 0, "steps", 0, 0), {"arguments": GIVEN}, True),
    ("workflow", ("spec", "templates", 0, "steps", 0, 0), {"template": "theirs"}, True),
    ("workflow", ("spec", "templates", 0), {"dag": {"tasks": [{"name": "a", "template": "theirs"}]}}, True),
    ("workflow", ("spec", "templates", 1, "script"), {"name": "", "resources": {}}, False),
    ("workflow", ("spec", "templates", 2, "container"), {"name": "", "resources": {}}, False),
    ("workflow", ("spec", "templates", 3, "containerSet", "containers", 0), {"resources": {}}, False),
    ("workflow", ("spec", "templates", 3, "containerSet", "containers", 0), {"resources": {"limits": {}}}, True),
    ("workflow", ("spec", "hooks", "exit"), {"arguments": {}}, False),
    ("workflow", ("spec", "hooks", "exit"), {"arguments": GIVEN}, True),
    ("workflow", ("spec", "hooks", "exit"), {"template": "theirs"}, True),
    ("workflow", ("spec", "hooks", "exit"), {"expression": "true"}, True),
    ("workflow", ("spec", "hooks", "exit"), {"theirs": {}}, True),
    ("workflow", ("spec", "hooks"), {"running": {}}, True),
    ("workflow", ("spec", "hooks"), {"running": {"arguments": {}}}, True),
    ("workflow", ("spec", "hooks"), {"arguments": {}}, True),
    ("workflow", ("spec", "templates", 0, "steps", 0, 0, "hooks", "exit"), {"arguments": {}}, False),
    ("workflow", ("spec", "templates", 0, "steps", 0, 0, "hooks", "exit"), {"arguments": GIVEN}, True),
    ("workflow", ("spec", "templates", 0, "steps", 0, 0, "hooks", "exit"), {"template": "theirs"}, True),
    ("cronworkflow", ("spec", "workflowSpec", "hooks", "exit"), {"arguments": {}}, False),
    ("cronworkflow", ("spec", "workflowSpec", "hooks", "exit"), {"arguments": GIVEN}, True),
    ("cronworkflow", ("spec", "workflowSpec", "templates", 0, "steps", 0, 0), {"arguments": {}}, False),
    ("cronworkflow", ("spec", "workflowSpec", "templates", 0, "steps", 0, 0), {"arguments": GIVEN}, True),
]


def test_tasks_of_a_workflow() -> None:
    """Empty arguments of a task in a graph and of its hooks, which Argo writes, are as none; others are not."""
    kind, item = next((kind, item) for found, kind, item in EVERY if found == "workflow")
    without, empty, filled = (copy.deepcopy(item) for _ in range(3))
    hooked = copy.deepcopy(item)
    for each, more, hook in (
        (without, {}, {}),
        (empty, {"arguments": {}}, {"arguments": {}}),
        (filled, {"arguments": GIVEN}, {}),
        (hooked, {}, {"arguments": GIVEN}),
    ):
        task = {"name": "a", "template": "train", **more, "hooks": {"exit": {"template": "report", **hook}}}
        each["spec"]["templates"][0] = {"name": "main", "dag": {"tasks": [task]}}

    assert not runs_differently(kind, empty, without)
    assert runs_differently(kind, filled, without)
    assert runs_differently(kind, hooked, without)


@pytest.mark.parametrize(("word", "at", "given", "expected"), ITEMS)
def test_fields_of_items(word: str, at: Way, given: Object, *, expected: bool) -> None:
    """What stands next to the pods in an item of a list is validated alike."""
    kind, item = next((kind, item) for found, kind, item in EVERY if found == word)
    changed = copy.deepcopy(item)
    found: Any = changed
    for step in at:
        found = found[step]
    found |= given

    assert expected == bool(runs_differently(kind, changed, item))


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.name)
def test_lists_are_lists(kind: Kind) -> None:
    """A path of the table that leads through a list says so wherever it stands."""
    ways = [steps(path) for path in kind.harmless] + [row.steps for row in kind.pod_templates]
    said: dict[tuple[str, ...], set[str]] = {}
    for way in ways:
        for number, (_, named) in enumerate(way[:-1] if way in [steps(p) for p in kind.harmless] else way):
            said.setdefault(tuple(key for key, _ in way[: number + 1]), set()).add(named)

    assert {} == {path: named for path, named in said.items() if len(named) > 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["spec", "template", "containers", "name", "metadata", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(JSON, st.sampled_from(TABLE))
def test_any_content(node: Any, kind: Kind) -> None:
    """However malformed an object is, the question has an answer, and it is not changed."""
    before = copy.deepcopy(node)
    what_runs(kind, {"spec": node})

    assert before == node
    assert not runs_differently(kind, {"spec": node}, {"spec": before})
    assert tree(kind) == tree(kind)


def test_kinds_of_every_cluster_are_known() -> None:
    """Each row with pod templates is covered above."""
    assert {kind.name for kind in TABLE if kind.pod_templates} == {kind.name for _, kind, _ in EVERY}
    assert KINDS
