"""Each refusal is counted under the word for its reason, and has its line in the log; on the real API server."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from builders import KINDS, manifest, workload
from cluster.rest import Reply
from environment_operator.api import names
from environment_operator.injection.context import Refusal
from kube import ENVIRONMENTS, Kube, Object, path_of
from neighbour import Neighbour, neighbour

DEPLOYMENT = KINDS["deployments.apps"]
LAB = {"name": "lab", "type": "Custom", "containerPort": 8888}
ASKED = [{**LAB, "connection": {"type": "NodePort", "assign": "Custom"}}]
Refuse = Callable[["Stage"], Reply]


class Stage:
    """What a case has: a project, an Environment of a new name, and another webhook that is called after ours."""

    def __init__(self, kube: Kube, project: str, other: Neighbour) -> None:
        self.kube, self.project, self.other = kube, project, other
        self.environment, self.workload = kube.unique("env"), kube.unique("lab")

    def publish(self, **fields: Any) -> None:
        """Store the Environment."""
        reply = self.kube.rest.create(ENVIRONMENTS, manifest(self.environment, **fields))
        assert reply.ok, reply.message

    def create(self, edit: Callable[[Object], object] = lambda _: None, *, refers: bool = True) -> Reply:
        """Create a Deployment that uses the Environment, with a change."""
        made = workload("Deployment", self.workload, self.project, self.environment if refers else None)
        edit(made)
        return self.kube.rest.create(path_of(DEPLOYMENT, self.project), made)


def container(item: Object) -> Object:
    """Return the container of a Deployment."""
    found: Object = item["spec"]["template"]["spec"]["containers"][0]
    return found


def not_found(stage: Stage) -> Reply:
    """Use an Environment that does not exist."""
    return stage.create()


def unusable(stage: Stage) -> Reply:
    """Use an Environment with an image that nobody can pull."""
    stage.publish(image="a/" + "b" * 255)
    return stage.create()


def not_eligible(stage: Stage) -> Reply:
    """Use an Environment of another project."""
    stage.publish(scope={"projects": ["elsewhere"]})
    return stage.create()


def override(stage: Stage) -> Reply:
    """Bring an image of one's own."""
    stage.publish(overridable=[])
    return stage.create(lambda item: container(item).update(image="registry.example/mine:1"))


def not_injected(stage: Stage) -> Reply:
    """Have the label set by a webhook that is called after ours."""
    stage.publish()
    labels = {names.REFERENCE: stage.environment}
    stage.other.changes = lambda item: item["metadata"].setdefault("labels", {}).update(labels)
    return stage.create(lambda item: container(item).update(image="registry.example/mine:1"), refers=False)


def changed(stage: Stage) -> Reply:
    """Have the Environment deleted and created anew after ours was called to inject, and before it validates."""
    stage.publish()

    def recreate(_item: Object) -> None:
        stage.kube.rest.delete(f"{ENVIRONMENTS}/{stage.environment}")
        stage.kube.until_gone("env", stage.environment)
        stage.publish(image="registry.example/team/jupyter:5")

    stage.kube.until_ready(stage.environment)
    stage.other.changes = recreate
    return stage.create()


def no_ids(stage: Stage) -> Reply:
    """Have no ids, where the Environment takes those of a person."""
    stage.publish(user={"source": "IdPToken"})
    return stage.create()


def bad_address(stage: Stage) -> Reply:
    """Ask for a port that no node gives."""
    stage.publish(tools=ASKED)
    port = {f"{names.CUSTOM_TOOL}lab": "80"}
    return stage.create(lambda item: item["metadata"].setdefault("annotations", {}).update(port))


def too_large(stage: Stage) -> Reply:
    """Bring more variables than admission takes."""
    stage.publish()
    variables = [{"name": f"V{number}", "value": "x"} for number in range(301)]
    return stage.create(lambda item: container(item).update(env=variables))


def invalid(stage: Stage) -> Reply:
    """Name a container that there is not."""
    stage.publish()
    nobody = {names.CONTAINER: "nobody"}
    return stage.create(lambda item: item["metadata"].setdefault("annotations", {}).update(nobody))


CASES: dict[Refusal, Refuse] = {
    Refusal.NOT_FOUND: not_found,
    Refusal.UNUSABLE: unusable,
    Refusal.NOT_ELIGIBLE: not_eligible,
    Refusal.OVERRIDE: override,
    Refusal.NOT_INJECTED: not_injected,
    Refusal.CHANGED: changed,
    Refusal.NO_IDS: no_ids,
    Refusal.BAD_ADDRESS: bad_address,
    Refusal.TOO_LARGE: too_large,
    Refusal.INVALID: invalid,
}


@pytest.fixture
def stage(kube: Kube, project: str) -> Iterator[Stage]:
    """Return what a case has."""
    with neighbour(kube.rest, project) as other:
        yield Stage(kube, project, other)


def lines(kube: Kube, name: str) -> list[Object]:
    """Return the lines in the log of admission about a workload."""
    written = kube.cluster.layout.log("webhook").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in written if f'"{name}"' in line]
    return [line for line in found if line["message"] == "admission refused a request"]


@pytest.mark.parametrize("reason", CASES)
def test_refusal(stage: Stage, reason: Refusal) -> None:
    """One refusal is one more under its reason alone, and one line that names the workload, who asked and why."""
    before = stage.kube.refusals()
    refused = CASES[reason](stage)
    (line,) = lines(stage.kube, stage.workload)

    assert (403, {reason: 1}) == (refused.status, stage.kube.refusals() - before), refused.message
    expected = {
        "environment": stage.environment,
        "namespace": stage.project,
        "kind": DEPLOYMENT.name,
        "name": stage.workload,
        "user": "kubernetes-admin",
    }
    assert expected == {key: line[key] for key in expected}
    assert line["reason"].split('"')[0] in refused.message


def test_every_reason_has_a_case() -> None:
    """No word is left that nothing brings; an API server that does not answer in time is in test_webhook.py."""
    assert set(Refusal) == {*CASES, Refusal.TIMEOUT}
