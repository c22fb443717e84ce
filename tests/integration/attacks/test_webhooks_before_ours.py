"""What a webhook that is called before ours writes counts as the submitter's, whoever configured it."""

import json
from collections.abc import Callable, Iterator

import pytest

from builders import KINDS, manifest, workload
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Object, path_of
from neighbour import BEFORE_OURS, Neighbour, neighbour

DEPLOYMENT = KINDS["deployments.apps"]
MINE = "registry.example/mine:1"
DRY = "?dryRun=All"


@pytest.fixture
def other(kube: Kube, project: str) -> Iterator[Neighbour]:
    """Return the webhook that is called before ours."""
    with neighbour(kube.rest, project, BEFORE_OURS) as made:
        yield made


@pytest.fixture
def environment(kube: Kube) -> str:
    """Return the name of an Environment whose image may not be overridden."""
    name = kube.unique("env")
    assert kube.rest.create(ENVIRONMENTS, manifest(name, overridable=[])).ok
    return name


@pytest.fixture
def deployment(project: str, environment: str) -> Callable[..., Object]:
    """Return what makes a Deployment with a reference, or without."""
    return lambda refers=True: workload("Deployment", "lab", project, environment if refers else None)


def labels(item: Object, **new: str | None) -> None:
    """Change the labels of an object; None takes one away."""
    found = item["metadata"].setdefault("labels", {})
    found.update({key: value for key, value in new.items() if value})
    for key in [key for key, value in new.items() if value is None]:
        found.pop(key, None)


def test_reference(
    kube: Kube, other: Neighbour, environment: str, project: str, deployment: Callable[..., Object]
) -> None:
    """Its label is a reference like any: what is named is injected, and refused where the submitter may not use it."""
    elsewhere = kube.unique("env")
    assert kube.rest.create(ENVIRONMENTS, manifest(elsewhere, scope={"projects": ["elsewhere"]})).ok
    path = f"{path_of(DEPLOYMENT, project)}{DRY}"
    other.changes = lambda item: labels(item, **{names.REFERENCE: environment})
    injected = kube.rest.create(path, deployment(refers=False))
    other.changes = lambda item: labels(item, **{names.REFERENCE: elsewhere})
    refused = kube.rest.create(path, deployment(refers=False))

    assert injected.ok, injected.message
    (entry,) = json.loads(injected.body["metadata"]["annotations"][names.RECORD]).values()
    assert environment == entry["env"]
    assert f'Environment "{elsewhere}"' in refused.message


def test_override(kube: Kube, other: Neighbour, project: str, deployment: Callable[..., Object]) -> None:
    """What it sets is refused where the submitter may not set it."""

    def image(item: Object) -> None:
        item["spec"]["template"]["spec"]["containers"][0]["image"] = MINE

    other.changes = image
    refused = kube.rest.create(f"{path_of(DEPLOYMENT, project)}{DRY}", deployment())

    assert f'containers[0].image: "{MINE}"' in refused.message


def test_record(
    kube: Kube, other: Neighbour, environment: str, project: str, deployment: Callable[..., Object]
) -> None:
    """The record that it writes is thrown away, and admission's own is stored."""
    path = f"{path_of(DEPLOYMENT, project)}{DRY}"
    other.changes = lambda _: None
    honest = json.loads(kube.rest.create(path, deployment()).body["metadata"]["annotations"][names.RECORD])
    lies = json.dumps({key: {**entry, "locked": [], "put": []} for key, entry in honest.items()})
    other.changes = lambda item: item["metadata"].update(annotations={names.RECORD: lies})
    stored = kube.rest.create(path, deployment())

    assert stored.ok, stored.message
    found = json.loads(stored.body["metadata"]["annotations"][names.RECORD])
    untold = {"token", "gen", "generation"}
    assert [{k: v for k, v in entry.items() if k not in untold} for entry in honest.values()] == [
        {k: v for k, v in entry.items() if k not in untold} for entry in found.values()
    ]
    assert {environment} == {entry["env"] for entry in found.values()}


def test_label_taken_away(kube: Kube, other: Neighbour, project: str, deployment: Callable[..., Object]) -> None:
    """A workload whose label it takes away has nothing of the Environment, and is refused where one is demanded."""
    path = f"{path_of(DEPLOYMENT, project)}{DRY}"
    other.changes = lambda item: labels(item, **{names.REFERENCE: None})
    stored = kube.rest.create(path, deployment())
    demand = {"metadata": {"labels": {names.ENFORCEMENT: "required"}}}
    assert kube.rest.patch(f"/api/v1/namespaces/{project}", demand).ok
    kube.until("an Environment to be demanded", lambda: not kube.rest.create(path, deployment()).ok)

    assert stored.ok, stored.message
    assert names.RECORD not in stored.body["metadata"].get("annotations", {})
    assert names.REFERENCE in kube.rest.create(path, deployment()).message
