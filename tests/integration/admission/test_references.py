"""Who may use an Environment, at the real API server; and law 5: a stored reference is never validated again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from builders import KINDS, manifest, workload
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Object

INFERENCE: Object = {"workloadTypes": ["Inference"], "endpoint": {"port": 80, "protocol": "HTTP"}}
PYTORCH: Object = {"architecture": "Distributed", "framework": "PyTorch"}
NO_IMAGE = "a/" + "b" * 255
HOLD = "example.org/hold"
DRY = "?dryRun=All"


def at(kind: str, project: str, name: str = "", rest: str = "") -> str:
    """Return the URL path of a project's objects of a kind, or of one."""
    row = next(row for row in KINDS.values() if row.kind == kind)
    head, _, plural = row.path.rpartition("/")
    return f"{head}/namespaces/{project}/{plural}{f'/{name}' if name else ''}{rest}"


def publish(kube: Kube, **fields: Any) -> str:
    """Create an Environment and return its name."""
    name = kube.unique("env")
    reply = kube.rest.create(ENVIRONMENTS, manifest(name, **fields))
    assert reply.ok, reply.message
    return name


def refusal(
    kube: Kube, project: str, environment: str, kind: str = "Deployment", *, rest: str = DRY, **labels: str
) -> str:
    """Return the words with which a workload is refused, empty when it passes; without ``rest`` it is stored then."""
    item = workload(kind, kube.unique("w"), project, environment)
    item["metadata"]["labels"] |= labels
    reply = kube.rest.create(at(kind, project, rest=rest), item)
    assert reply.status in (201, 403), reply.body
    return reply.message


def department(kube: Kube, project: str, name: str) -> None:
    """Put a project into a department."""
    label = {"metadata": {"labels": {names.DEPARTMENT: name}}}
    assert kube.rest.patch(f"/api/v1/namespaces/{project}", label).ok


@pytest.mark.parametrize(
    ("fields", "kind", "labels", "words"),
    [
        ({"scope": {"projects": ["a", "b"]}}, "Deployment", {}, "it is for project/a, project/b, not for project"),
        ({"scope": {"departments": ["x"]}}, "Deployment", {}, "it is for department/x, not for project"),
        ({"workloadTypes": ["Training"]}, "Deployment", {}, "types Training; this Deployment is Workspace"),
        ({"workloadTypes": ["Workspace"]}, "Job", {}, "it is for workload types Workspace; this Job is Training"),
        (INFERENCE, "Deployment", {names.WORKLOAD_TYPE: "Workspace"}, "this Deployment is Workspace"),
        ({}, "Job", {names.WORKLOAD_TYPE: "Inference"}, "which a Job cannot be. Set it to one of: Training."),
        (PYTORCH, "Deployment", {}, "it is for Distributed workloads; this Deployment is Standard"),
        ({"image": NO_IMAGE}, "Deployment", {}, "cannot be used: InvalidImage: spec.image"),
    ],
)  # fmt: skip
def test_new_reference(kube: Kube, project: str, fields: Object, kind: str, labels: Object, words: str) -> None:
    """What does not fit is refused at CREATE, with the Environment and what it is for."""
    name = publish(kube, **fields)
    said = refusal(kube, project, name, kind, **labels)

    assert f'Environment "{name}" cannot be used' in said
    assert words in said


def test_scope(kube: Kube, project: str) -> None:
    """The project in the scope is enough, and so is its department, from the moment it is in one."""
    by_project, by_department = (
        publish(kube, scope=scope) for scope in ({"projects": [project]}, {"departments": [project]})
    )
    assert "" == refusal(kube, project, by_project)
    assert "ask its author to widen spec.scope" in refusal(kube, project, by_department)
    department(kube, project, project)
    # The webhook hears of the label a moment later.
    kube.until("the department", lambda: refusal(kube, project, by_department) == "")


def test_unknown_name(kube: Kube, project: str) -> None:
    """A name that nobody has is refused with the nearest one."""
    name = publish(kube)
    kube.until_ready(name)
    wrong = f"{name[:-1]}{'0' if name[-1] != '0' else '1'}"

    said = refusal(kube, project, wrong, rest="")
    assert f'Environment "{wrong}" does not exist (did you mean' in said
    assert f'did you mean "{name}"?' in said


def test_other_ways_to_a_reference(kube: Kube, project: str) -> None:
    """A label that is added, a label that is changed and a refresh are new references like a CREATE."""
    good, bad = publish(kube), publish(kube, scope={"projects": ["elsewhere"]})
    for name, environment in (("none", None), ("good", good)):
        assert kube.rest.create(at("Deployment", project), workload("Deployment", name, project, environment)).ok
        label = {"metadata": {"labels": {names.REFERENCE: bad}}}
        reply = kube.rest.patch(at("Deployment", project, name), label)
        assert f'Environment "{bad}" cannot be used: it is for project/elsewhere' in reply.message
    narrowed = {"spec": {"scope": {"cluster": None, "projects": ["elsewhere"]}}}
    assert kube.rest.patch(f"{ENVIRONMENTS}/{good}", narrowed).ok

    refresh = {"metadata": {"annotations": {names.REFRESH: "now"}}}
    assert "it is for project/elsewhere" in kube.rest.patch(at("Deployment", project, "good"), refresh).message


@dataclass(frozen=True)
class Used:
    """An Environment with a Deployment and a Job that refer to it."""

    kube: Kube
    project: str
    name: str

    @property
    def path(self) -> str:
        """The URL path of the Environment."""
        return f"{ENVIRONMENTS}/{self.name}"

    def change(self, **spec: Any) -> None:
        """Change the Environment."""
        reply = self.kube.rest.patch(self.path, {"spec": spec})
        assert reply.ok, reply.message

    def delete(self) -> None:
        """Delete the Environment although it is used."""
        allow = {"metadata": {"annotations": {names.ALLOW_DELETE_IN_USE: "true"}}}
        assert self.kube.rest.patch(self.path, allow).ok
        reply = self.kube.rest.delete(self.path)
        assert reply.ok, reply.message


@pytest.fixture
def used(kube: Kube, project: str) -> Used:
    """Return an Environment for the department of the project, with two users."""
    department(kube, project, project)
    name = publish(kube, scope={"departments": [project]}, env=[{"name": "A", "value": "1"}], overridable=["Args"])
    kube.until("the department", lambda: refusal(kube, project, name) == "")
    job = workload("Job", "job", project, name)
    job["spec"]["suspend"] = True
    for item in (workload("Deployment", "deployment", project, name), job):
        reply = kube.rest.create(at(item["kind"], project), item)
        assert reply.ok, reply.message
    kube.until_used(name, 2)
    return Used(kube, project, name)


def narrowed(used: Used) -> None:
    """Narrow the scope."""
    used.change(scope={"departments": None, "projects": ["elsewhere"]})


def moved(used: Used) -> None:
    """Move the project to another department."""
    department(used.kube, used.project, "elsewhere")


def stalled(used: Used) -> None:
    """Give it an image that nobody can pull."""
    used.change(image=NO_IMAGE)


def other_kind(used: Used) -> None:
    """Have it be for other workloads."""
    used.change(workloadTypes=["Training"])


def terminating(used: Used) -> None:
    """Delete it, held by somebody else's finalizer."""
    held = {"metadata": {"finalizers": [names.FINALIZER, HOLD]}}
    assert used.kube.rest.patch(used.path, held).ok
    used.delete()


def gone(used: Used) -> None:
    """Delete it."""
    used.delete()
    used.kube.until_gone("env", used.name)


FATES: dict[Callable[[Used], None], str] = {
    narrowed: "it is for project/elsewhere, not for project",
    moved: "not for project",
    stalled: "InvalidImage",
    other_kind: "it is for workload types Training",
    terminating: "it is being deleted",
    gone: "does not exist",
}


@pytest.mark.parametrize("fate", FATES, ids=lambda fate: fate.__name__)
def test_stored_reference(used: Used, fate: Callable[[Used], None]) -> None:
    """With an Environment in any state its users scale, change, are annotated, start, stop; new ones are refused."""
    kube, project = used.kube, used.project
    fate(used)
    # A dry run goes on without an Environment that is gone.
    rest = "" if fate is gone else DRY
    kube.until("new references to be refused", lambda: FATES[fate] in refusal(kube, project, used.name, rest=rest))
    deployment, job = at("Deployment", project, "deployment"), at("Job", project, "job")
    args = {"name": "main", "args": ["mine"]}
    requests: list[tuple[str, Object, str]] = [
        (f"{deployment}/scale", {"spec": {"replicas": 3}}, "merge"),
        (deployment, {"spec": {"replicas": 2}}, "merge"),
        (deployment, {"spec": {"template": {"spec": {"containers": [args]}}}}, "strategic"),
        (deployment, {"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}}, "merge"),
        (deployment, {"metadata": {"annotations": {"a": "b"}, "labels": {"a": "b"}}}, "merge"),
        (job, {"spec": {"suspend": False}}, "merge"),
        (job, {"spec": {"suspend": True}}, "merge"),
    ]
    for path, body, kind in requests:
        reply = kube.rest.patch(path, body, kind)
        assert reply.ok, reply.message

    (main,) = kube.rest.get(deployment).body["spec"]["template"]["spec"]["containers"]
    assert (["mine"], [{"name": "A", "value": "1"}]) == (main["args"], main["env"])
    override = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "mine"}]}}}}
    assert 'containers[0].image: "mine"' in kube.rest.patch(deployment, override, "strategic").message
    for path in (deployment, job):
        assert kube.rest.delete(f"{path}?propagationPolicy=Background").ok
    kube.until_gone("deployment", "deployment", project)
    if fate is terminating:
        assert kube.rest.patch(used.path, {"metadata": {"finalizers": None}}).ok
