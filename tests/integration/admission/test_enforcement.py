"""Namespaces where a workload must use an Environment: what needs the label, what passes, and who ends it.

What is created is created as a dry run, which is validated alike.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

import builders
import third_party
from builders import KINDS, workload
from cluster import Cluster
from cluster.manifests import await_admission
from cluster.rest import Reply, Rest
from cluster.waiting import until
from environment_operator.api import names
from environment_operator.kinds.table import Kind
from kube import ENVIRONMENTS, Kube, Operator
from people import (
    ADMIN,
    DRY_RUN,
    NAMESPACES,
    Object,
    Person,
    bind,
    create,
    namespace,
    refusal,
    refuses,
    role,
    sent,
    unique,
)
from people import project as new_project

PROJECTS = f"{names.PROJECTS}.{names.GROUP}"
ENFORCED = {names.ENFORCEMENT: names.REQUIRED}
DEMAND = f"has the label {names.ENFORCEMENT}={names.REQUIRED}: "
WORKLOADS = [kind for kind in KINDS.values() if not kind.template]
CHANGEABLE = [kind for kind in WORKLOADS if not kind.template_immutable]
WITHOUT: Object = {"metadata": {"labels": {names.REFERENCE: None}}}


def at(kind: Kind, project: str, name: str = "") -> str:
    """Return the URL path of a project's objects of a kind, or of one."""
    head, _, plural = kind.path.rpartition("/")
    return f"{head}/namespaces/{project}/{plural}" + (f"/{name}" if name else "")


def described(kind: Kind) -> str:
    """Return how a kind is called in the names of tests."""
    return kind.kind


def dry(rest: Rest, project: str, body: Object) -> Reply:
    """Send what would create an object."""
    kind = next(kind for kind in KINDS.values() if kind.kind == body["kind"])
    return rest.create(f"{at(kind, project)}{DRY_RUN}", body)


def enforce(rest: Rest, project: str) -> None:
    """Label a namespace, and return when the API server acts on it."""
    sent(rest.patch(f"{NAMESPACES}/{project}", {"metadata": {"labels": ENFORCED}}))
    pod = workload("Pod", "canary", project)
    until(f"{project} to demand a reference", lambda: refuses(dry(rest, project, pod), DEMAND))


@dataclass(frozen=True)
class Place:
    """A project with an Environment to refer to, and workloads of every kind made before anybody demanded a reference.

    Those named `free` refer to nothing, those named `bound` refer to the Environment.
    """

    rest: Rest
    project: str
    environment: str

    def new(self, kind: str, **metadata: object) -> Object:
        """Return a workload without a reference, with metadata in addition."""
        made = workload(kind, unique("new"), self.project)
        made["metadata"] |= metadata
        return made


@pytest.fixture(scope="module")
def place(rest: Rest, operator: Operator) -> Place:  # noqa: ARG001 - it runs
    """Return a project that demands references since all its workloads are there."""
    made = Place(rest, new_project(rest), unique("env"))
    sent(rest.create(ENVIRONMENTS, builders.manifest(made.environment)))
    for kind in WORKLOADS:
        sent(rest.create(at(kind, made.project), workload(kind.kind, "free", made.project)))
        sent(rest.create(at(kind, made.project), workload(kind.kind, "bound", made.project, made.environment)))
    enforce(rest, made.project)
    return made


class TestCreate:
    """What is created refers to an Environment."""

    @pytest.mark.parametrize("kind", WORKLOADS, ids=described)
    def test_without(self, place: Place, kind: Kind) -> None:
        """A workload without the label is refused: which label, where, why, and how to find a name."""
        answer = dry(place.rest, place.project, place.new(kind.kind))

        assert refuses(answer, f'Namespace "{place.project}" {DEMAND}'), answer
        assert f"a new {kind.kind} there needs the label {names.REFERENCE}=<name> on its own metadata" in answer.message
        assert f"kubectl get {names.CRD_NAME}" in answer.message

    @pytest.mark.parametrize("kind", WORKLOADS, ids=described)
    def test_with(self, place: Place, kind: Kind) -> None:
        """A workload with the label passes, and is filled in."""
        made = sent(dry(place.rest, place.project, workload(kind.kind, "new", place.project, place.environment)))

        assert names.RECORD in made["metadata"]["annotations"]

    def test_only_on_the_template(self, place: Place) -> None:
        """The label on the pod template alone is not enough: nobody reads it there."""
        deployment = place.new("Deployment")
        deployment["spec"]["template"]["metadata"]["labels"][names.REFERENCE] = place.environment

        assert refuses(dry(place.rest, place.project, deployment), DEMAND)

    def test_empty(self, place: Place) -> None:
        """A label without a value refers to nothing."""
        assert refuses(dry(place.rest, place.project, place.new("Job", labels={names.REFERENCE: ""})), DEMAND)

    def test_role_alone(self, place: Place) -> None:
        """The label for one role does not stand in for the one of the workload."""
        labels = {f"{names.ROLE_REFERENCE}worker": place.environment}

        assert refuses(dry(place.rest, place.project, place.new("Job", labels=labels)), DEMAND)

    def test_template(self, place: Place) -> None:
        """A template runs nothing, so it passes."""
        assert None is refusal(dry(place.rest, place.project, place.new("PodTemplate")))

    @pytest.mark.parametrize("kind", ["Pod", "Job", "ReplicaSet"])
    @pytest.mark.parametrize("owner", ["batch/v1 CronJob", "apps/v1 Deployment", "example.org/v1 Notebook", "v1 Node"])
    def test_made_by_a_controller(self, place: Place, owner: str, kind: str) -> None:
        """What a controller makes passes, of the table or not: to refuse it would be an outage."""
        version, _, name = owner.partition(" ")
        owned = {"apiVersion": version, "kind": name, "name": "x", "uid": "x", "controller": True}

        assert None is refusal(dry(place.rest, place.project, place.new(kind, ownerReferences=[owned])))

    def test_owned_without_a_controller(self, place: Place) -> None:
        """An owner that is no controller made nothing."""
        owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "x", "uid": "x"}

        assert refuses(dry(place.rest, place.project, place.new("Job", ownerReferences=[owner])), DEMAND)

    @pytest.mark.parametrize(("kind", "passes"), [("Pod", True), ("Deployment", False)])
    def test_mirror(self, place: Place, kind: str, *, passes: bool) -> None:
        """A Pod that the kubelet shows of its own manifests passes; other kinds have no mirrors."""
        mirror = place.new(kind, annotations={"kubernetes.io/config.mirror": "x"})
        if kind == "Pod":
            # A mirror names its node and uses no token.
            mirror["spec"] |= {"nodeName": "one", "automountServiceAccountToken": False}

        assert passes == dry(place.rest, place.project, mirror).ok

    @pytest.mark.parametrize(("group", "passes"), [("system:nodes", True), ("system:node", False)])
    def test_node(self, cluster: Cluster, place: Place, group: str, *, passes: bool) -> None:
        """What a node sends passes."""
        node, creates = Person(cluster, unique("system:node:n"), (group,)), unique("creates")
        create(place.rest, role(creates, ("", "pods", ["create"], ())), bind(node, creates, place.project))
        node.await_right("create", "pods", namespace=place.project)

        assert passes == dry(node.rest, place.project, place.new("Pod")).ok

    @pytest.mark.parametrize("exempt", names.EXEMPT_NAMESPACES)
    def test_exempt(self, rest: Rest, place: Place, exempt: str) -> None:
        """The label does nothing on the namespaces that keep the cluster and the operator running."""
        sent(rest.patch(f"{NAMESPACES}/{exempt}", {"metadata": {"labels": ENFORCED}}))
        # The API server has its namespaces in order: it acts on the label of a later one only when on this one, too.
        enforce(rest, new_project(rest))
        job = workload("Job", "x", exempt)
        answer = dry(rest, exempt, job)
        sent(rest.patch(f"{NAMESPACES}/{exempt}", {"metadata": {"labels": {names.ENFORCEMENT: None}}}))

        assert None is refusal(answer)
        assert refuses(dry(rest, place.project, {**job, "metadata": {"name": "x"}}), DEMAND)

    def test_elsewhere(self, rest: Rest, operator: Operator) -> None:  # noqa: ARG002 - it runs
        """In a namespace without the label nothing is demanded."""
        project = new_project(rest)

        assert None is refusal(dry(rest, project, workload("Pod", "new", project)))

    def test_kubectl(self, cluster: Cluster, place: Place) -> None:
        """``kubectl run`` prints the refusal, and works with the label that it names."""
        image = builders.spec()["image"]
        run = ("run", "x", f"--image={image}", f"--namespace={place.project}", "--dry-run=server")

        assert refuses(cluster.kubectl(*run, check=False), DEMAND)
        assert None is refusal(cluster.kubectl(*run, f"--labels={names.REFERENCE}={place.environment}", check=False))


DEFINED = ("workflow", "cronworkflow", "rayjob", "jobset", "trainjob", "pytorchjob", "inferenceservice")
STEPS: Object = {"name": "main", "steps": [[{"name": "a", "templateRef": {"name": "shared", "template": "a"}}]]}
CLUSTER: Object = {"entrypoint": "a", "clusterSelector": {"ray.io/cluster": "shared"}}
SUBMITTER: Object = {"spec": {"containers": [{"name": "submitter"}], "restartPolicy": "Never"}}
# As Kubeflow Pipelines 2 compiles each step: the driver before it computes the patch.
PATCHED: Object = {
    "name": "a",
    "inputs": {"parameters": [{"name": "pod-spec-patch"}]},
    "podSpecPatch": "{{inputs.parameters.pod-spec-patch}}",
    "container": {"image": "registry.example/should-be-overridden"},
}
# Specs of kinds, and whether they have a container for an Environment.
SHAPES: dict[str, tuple[str, Object, bool]] = {
    "all templateRef": ("workflow", {"entrypoint": "main", "templates": [STEPS]}, False),
    "workflowTemplateRef": ("workflow", {"workflowTemplateRef": {"name": "shared"}}, False),
    "templates null": ("workflow", {"entrypoint": "main", "templates": None}, False),
    "container null": ("workflow", {"entrypoint": "a", "templates": [STEPS, {"name": "a", "container": None}]}, False),
    "one container": ("workflow", {"entrypoint": "a", "templates": [STEPS, {"name": "a", "container": {}}]}, True),
    "a step of a pipeline": ("workflow", {"entrypoint": "a", "templates": [PATCHED]}, False),
    "all templateRef of a cron": ("cronworkflow", {"schedules": ["0 6 * * *"], "workflowSpec": {"entrypoint": "main",
        "templates": [STEPS]}}, False),
    "clusterSelector": ("rayjob", CLUSTER, False),
    "clusterSelector and submitter": ("rayjob", {**CLUSTER, "submitterPodTemplate": SUBMITTER}, True),
    "no jobs": ("jobset", {"replicatedJobs": []}, False),
    "runtime": ("trainjob", {"runtimeRef": {"name": "torch"}}, True),
    "runtime and trainer": ("trainjob", {"runtimeRef": {"name": "torch"}, "trainer": {"numNodes": 2}}, True),
    "no roles": ("pytorchjob", {"pytorchReplicaSpecs": {}}, False),
    "empty template": ("pytorchjob", {"pytorchReplicaSpecs": {"Worker": {"template": {}}}}, False),
    "no container": ("inferenceservice", {"predictor": {"minReplicas": 1}}, False),
    "model": ("inferenceservice", {"predictor": {"model": {"modelFormat": {"name": "sklearn"}}}}, True),
}  # fmt: skip


@pytest.fixture(scope="class")
def defined(place: Place) -> Iterator[Place]:
    """Return the place while kinds of other projects are there."""
    found = third_party.install(place.rest, *DEFINED)
    yield place
    third_party.uninstall(place.rest, found)


class TestShapes:
    """What is demanded can be given, and what cannot have an Environment is not asked."""

    @pytest.mark.parametrize("shape", SHAPES)
    def test_a_way_is_open(self, defined: Place, shape: str) -> None:
        """An object is created without the label where it has no container for an Environment, and else with it."""
        word, spec, demanded = SHAPES[shape]
        name, made = unique("env"), third_party.user(word, unique("new"), defined.project, None)
        sent(defined.rest.create(ENVIRONMENTS, third_party.environment(name, word)))
        made["spec"] = spec
        labelled_ = {**made, "metadata": {**made["metadata"], "labels": {names.REFERENCE: name}}}
        path = f"{third_party.path(made)}{DRY_RUN}"
        without, with_label = (defined.rest.create(path, item) for item in (made, labelled_))

        assert demanded == refuses(without, DEMAND), without
        assert (not demanded, demanded) == (without.ok, with_label.ok), (without.message, with_label.message)


REMOVALS: dict[str, Callable[[Rest, str], Reply]] = {
    "merge": lambda rest, path: rest.patch(path, WITHOUT),
    "emptied": lambda rest, path: rest.patch(path, {"metadata": {"labels": {names.REFERENCE: ""}}}),
    "json": lambda rest, path: rest.patch(
        path, [{"op": "remove", "path": f"/metadata/labels/{names.REFERENCE.replace('/', '~1')}"}], "json"
    ),
    "replace": lambda rest, path: rest.replace(path, _without(sent(rest.get(path)))),
}


def _without(stored: Object) -> Object:
    """Return an object as somebody replaces it who knows nothing of the label."""
    del stored["metadata"]["resourceVersion"]
    del stored["metadata"]["labels"][names.REFERENCE]
    return stored


class TestUpdate:
    """What refers to an Environment goes on doing so; what never did goes on as ever."""

    @pytest.mark.parametrize("way", REMOVALS)
    @pytest.mark.parametrize("kind", CHANGEABLE, ids=described)
    def test_removed(self, place: Place, kind: Kind, way: str) -> None:
        """No update takes the reference away; the refusal says what may be done instead."""
        path = at(kind, place.project, "bound")

        answer = REMOVALS[way](place.rest, path)

        assert refuses(answer, f'Namespace "{place.project}" {DEMAND}the {kind.kind} "bound" may refer to'), answer
        assert place.environment == sent(place.rest.get(path))["metadata"]["labels"][names.REFERENCE]

    def test_switched(self, place: Place) -> None:
        """Another reference in its place passes."""
        other = unique("env")
        sent(place.rest.create(ENVIRONMENTS, builders.manifest(other)))
        deployment, change = at(KINDS["deployments.apps"], place.project, "bound"), {names.REFERENCE: other}

        assert None is refusal(place.rest.patch(f"{deployment}{DRY_RUN}", {"metadata": {"labels": change}}))

    def test_made_by_a_controller(self, place: Place) -> None:
        """From what a controller made, whoever copied the label there may take it away."""
        kind, body = KINDS["jobs.batch"], place.new("Job", labels={names.REFERENCE: "copied"})
        owner = sent(place.rest.get(at(KINDS["cronjobs.batch"], place.project, "free")))
        reference = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "free", "uid": owner["metadata"]["uid"]}
        body["metadata"]["ownerReferences"] = [{**reference, "controller": True}]
        sent(place.rest.create(at(kind, place.project), body))

        assert None is refusal(place.rest.patch(at(kind, place.project, body["metadata"]["name"]), WITHOUT))


@pytest.fixture(scope="class")
def down(place: Place, operator: Operator) -> Iterator[Place]:
    """Return the place while both roles are stopped."""
    operator.cluster.stop_operator()
    yield place
    operator.start()
    await_admission(operator.cluster.layout)


class TestWithoutTheOperator:
    """The policies need no operator."""

    @pytest.mark.parametrize("kind", WORKLOADS, ids=described)
    def test_create(self, down: Place, kind: Kind) -> None:
        """What is created without the label is refused in the words of the policy."""
        assert refuses(dry(down.rest, down.project, down.new(kind.kind)), DEMAND)

    @pytest.mark.parametrize("name", ["free", "bound"])
    @pytest.mark.parametrize("kind", WORKLOADS, ids=described)
    def test_life(self, down: Place, kind: Kind, name: str) -> None:
        """What is there, with a reference or without, is updated, marked for deletion and written about as ever."""
        path = at(kind, down.project, name)
        grow: Object = {"parallelism": 2} if kind.kind == "Job" else {"replicas": 2}
        spec = {"spec": grow} if "replicas" in sent(down.rest.get(path))["spec"] or kind.kind == "Job" else {}
        answers = [
            down.rest.patch(path, {"metadata": {"labels": {"a": "b"}, "finalizers": ["example.org/x"]}, **spec}),
            down.rest.patch(f"{path}/status", {"metadata": {"labels": {"c": "d"}}}),
            down.rest.patch(path, {"metadata": {"finalizers": None}}),
            down.rest.delete(f"{path}{DRY_RUN}"),
        ]

        assert [None] * 4 == [refusal(answer) for answer in answers]

    def test_image(self, down: Place) -> None:
        """A workload that never referred may even change what it runs."""
        change = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "other:1"}]}}}}
        path = at(KINDS["deployments.apps"], down.project, "free")

        assert None is refusal(down.rest.patch(path, change, "strategic"))


REPLICAS = ["deployment/free", "statefulset/free", "replicaset/free", "replicationcontroller/free"]


def test_scale(cluster: Cluster, place: Place) -> None:
    """What never referred is scaled."""
    for target in REPLICAS:
        cluster.kubectl("scale", target, f"--namespace={place.project}", "--replicas=3")


def test_controllers_go_on(kube: Kube, place: Place) -> None:
    """The controllers of what never referred make what is missing: Pods come back."""
    path = f"{NAMESPACES}/{place.project}/pods"
    labelled = f"{path}?labelSelector=app%3Dx"
    before = {pod["metadata"]["uid"] for pod in sent(kube.rest.get(labelled))["items"]}
    restarted = {"metadata": {"annotations": {"restarted": "now"}}}
    deployment = at(KINDS["deployments.apps"], place.project, "free")
    sent(kube.rest.patch(deployment, {"spec": {"template": restarted}}))

    def remade() -> bool:
        pods = sent(kube.rest.get(labelled))["items"]
        return any(pod["metadata"]["uid"] not in before and "restarted" in _notes(pod) for pod in pods)

    kube.until("new Pods of the Deployment", remade)


def _notes(pod: Object) -> Object:
    """Return the annotations of a Pod."""
    found: Object = pod["metadata"].get("annotations", {})
    return found


@dataclass(frozen=True)
class Office:
    """Somebody who edits every namespace and may end the enforcement in one of them."""

    rest: Rest
    editor: Person
    own: str

    def label(self, project: str, value: str | None, path: str = "") -> Reply:
        """Set the label with a patch, or remove it, through the namespace or below it."""
        return self.editor.rest.patch(
            f"{NAMESPACES}/{project}{path}", {"metadata": {"labels": {names.ENFORCEMENT: value}}}
        )

    def replace(self, project: str, value: str | None, path: str = "") -> Reply:
        """Set the label with the whole namespace."""
        whole = sent(self.rest.get(f"{NAMESPACES}/{project}"))
        del whole["metadata"]["resourceVersion"]
        whole["metadata"]["labels"].pop(names.ENFORCEMENT, None)
        whole["metadata"]["labels"].update({names.ENFORCEMENT: value} if value else {})
        return self.editor.rest.replace(f"{NAMESPACES}/{project}{path}", whole)

    def apply(self, project: str, value: str | None) -> Reply:
        """Set the label with server-side apply."""
        body = namespace(project, **({names.ENFORCEMENT: value} if value else {}))
        return self.editor.rest.patch(f"{NAMESPACES}/{project}?fieldManager=office&force=true", body, kind="apply")


WAYS: dict[str, Callable[[Office, str, str | None], Reply]] = {
    "patch": Office.label,
    "status": lambda office, project, value: office.label(project, value, "/status"),
    "replace": Office.replace,
    "finalize": lambda office, project, value: office.replace(project, value, "/finalize"),
    "apply": Office.apply,
}


@pytest.fixture(scope="module")
def office(cluster: Cluster, rest: Rest) -> Office:
    """Return an office, once the API server knows what its editor may do."""
    editor, edits, ends, own = Person(cluster, unique("editor")), unique("edits"), unique("ends"), unique("own")
    verbs = ["get", "create", "update", "patch", "delete"]
    resources = ("namespaces", "namespaces/status", "namespaces/finalize")
    create(
        rest,
        role(edits, *(("", resource, verbs, ()) for resource in resources)),
        role(ends, (names.GROUP, names.PROJECTS, [names.ENFORCE], [own])),
        namespace(own, **ENFORCED),
        bind(editor, edits),
        bind(editor, ends),
    )
    editor.await_right("patch", "namespaces")
    editor.await_right(names.ENFORCE, PROJECTS, name=own)
    return Office(rest, editor, own)


def labelled(office: Office) -> str:
    """Return a new namespace that demands references, as the office's own apply would have it."""
    name = unique("enforced")
    body = namespace(name, **ENFORCED)
    sent(office.rest.patch(f"{NAMESPACES}/{name}?fieldManager=office", body, kind="apply"))
    return name


def value_of(office: Office, project: str) -> str | None:
    """Return the stored value of the label."""
    labels: dict[str, str] = sent(office.rest.get(f"{NAMESPACES}/{project}"))["metadata"]["labels"]
    return labels.get(names.ENFORCEMENT)


class TestLabel:
    """Demanding is free, no longer demanding needs the verb ``enforce`` on the project."""

    @pytest.mark.parametrize("way", WAYS)
    def test_removed(self, office: Office, way: str) -> None:
        """The label is not taken away by who merely may edit the namespace, however it is sent."""
        project = labelled(office)

        answer = WAYS[way](office, project, None)

        expected = f'No longer enforcing environments in namespace "{project}" needs the verb "enforce" on {PROJECTS}'
        assert refuses(answer, f'{expected} "{project}", which "{office.editor.name}" lacks'), answer
        assert names.REQUIRED == value_of(office, project)

    @pytest.mark.parametrize("way", WAYS)
    def test_added(self, office: Office, way: str) -> None:
        """Whoever may edit a namespace may demand."""
        project = unique("project")
        sent(office.rest.patch(f"{NAMESPACES}/{project}?fieldManager=office", namespace(project), kind="apply"))

        assert None is refusal(WAYS[way](office, project, names.REQUIRED))
        assert names.REQUIRED == value_of(office, project)

    @pytest.mark.parametrize("way", WAYS)
    def test_verb(self, office: Office, way: str) -> None:
        """Who has the verb for a project takes the label away and puts it back."""
        answers = [WAYS[way](office, office.own, value) for value in (None, names.REQUIRED)]

        assert [None, None] == [refusal(answer) for answer in answers]

    @pytest.mark.parametrize("value", ["Required", "true", "none", ""])
    @pytest.mark.parametrize("before", [None, names.REQUIRED])
    def test_unknown_value(self, office: Office, before: str | None, value: str) -> None:
        """Any other value is refused, with those that there are, to everybody."""
        project = labelled(office) if before else unique("project")
        if not before:
            create(office.rest, namespace(project))
        change = {"metadata": {"labels": {names.ENFORCEMENT: value}}}
        answers = [office.label(project, value), office.rest.patch(f"{NAMESPACES}/{project}", change)]

        for answer in answers:
            assert refuses(answer, f'"{value}" has no meaning. Set "{names.REQUIRED}"'), answer

    @pytest.mark.parametrize(("value", "allowed"), [(None, True), (names.REQUIRED, True), ("yes", False)])
    def test_create(self, office: Office, value: str | None, *, allowed: bool) -> None:
        """A namespace is created with the label, or without it, by everybody; with a wrong value by nobody."""
        body = namespace(unique("project"), **({names.ENFORCEMENT: value} if value else {}))

        assert allowed == office.editor.rest.create(NAMESPACES, body).ok

    def test_other_changes(self, office: Office) -> None:
        """Every other change of such a namespace is free."""
        path, edit = f"{NAMESPACES}/{labelled(office)}", office.editor.rest.patch
        answers = [
            edit(path, {"metadata": {"labels": {"team": "one"}, "annotations": {"note": "seen"}}}),
            edit(f"{path}/status", {"status": {}}),
            edit(path, {"metadata": {"labels": {"team": None, **ENFORCED}}}),
        ]

        assert [None] * 3 == [refusal(answer) for answer in answers]

    def test_goes(self, office: Office) -> None:
        """Such a namespace can be deleted."""
        path = f"{NAMESPACES}/{labelled(office)}"
        sent(office.editor.rest.delete(path))

        until("the namespace to be gone", lambda: office.rest.get(path).status == 404)

    @pytest.mark.parametrize(("everywhere", "allowed"), [(True, True), (False, False)])
    def test_environment_admin(self, cluster: Cluster, office: Office, *, everywhere: bool, allowed: bool) -> None:
        """The ClusterRole environment-admin ends it when it is bound to the cluster, not in the namespace alone."""
        admin, edits, project = Person(cluster, unique("admin")), unique("edits"), labelled(office)
        where = None if everywhere else project
        create(
            office.rest,
            role(edits, ("", "namespaces", ["get", "patch"], ())),
            bind(admin, edits, where),
            bind(admin, ADMIN, where),
        )
        admin.await_right(names.ENFORCE, PROJECTS, namespace=where or "")
        done = admin.kubectl("label", "namespace", project, f"{names.ENFORCEMENT}-")

        assert allowed == (done.returncode == 0), done.stderr
        assert allowed or refuses(done, "No longer enforcing"), done.stderr
