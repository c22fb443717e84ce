"""Somebody who may change workloads has something run with the ids of whoever submitted them.

Each change is sent as a dry run, so that all of them meet what the owner submitted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import third_party
from builders import manifest, workload
from cluster import Cluster
from cluster.rest import Reply, Rest
from kube import ENVIRONMENTS, Object
from people import DRY_RUN, Person, bind, create, project, role, sent, unique
from third_party import install, uninstall

OWNER, OTHER = 2001, 2002
CUSTOM = ("raycluster", "workflow", "cronworkflow", "notebook")
GROUPS = (("apps", "deployments"), ("ray.io", "*"), ("argoproj.io", "*"), ("kubeflow.org", "*"))


@dataclass(frozen=True)
class Vision:
    """A project with workloads of the owner, and somebody else who may change them."""

    other: Rest
    paths: dict[str, str]

    def change(self, word: str, at: str, value: Any) -> Reply:
        """Have somebody else set a field."""
        return self.other.patch(self.paths[word] + DRY_RUN, [{"op": "add", "path": at, "value": value}], "json")


@pytest.fixture(scope="module")
def vision(cluster: Cluster, rest: Rest, operator: object) -> Iterator[Vision]:  # noqa: ARG001 - it runs
    """Return the project."""
    found = install(rest, *CUSTOM)
    place, edits, group = project(rest), unique("edits"), unique("editors")
    owner, other = (Person(cluster, unique(f"editor-{uid}"), (group,), str(uid)) for uid in (OWNER, OTHER))
    create(rest, role(edits, *((of, kind, ["*"], ()) for of, kind in GROUPS)), bind(owner, edits, place))
    owner.await_right("create", "notebooks.kubeflow.org", namespace=place)
    paths = dict(_submitted(rest, owner.rest, place))
    yield Vision(other.rest, paths)
    for path in paths.values():
        rest.delete(path)
    uninstall(rest, found)


def _submitted(rest: Rest, owner: Rest, place: str) -> Iterator[tuple[str, str]]:
    """Yield each kind with the path of the workload that the owner submitted."""
    for word in ("deployment", *CUSTOM):
        name = unique("personal")
        fields: Object = {"user": {"source": "IdPToken"}, "overridable": ["Command", "Args", "Env", "Image"]}
        is_custom = word in CUSTOM
        environment = third_party.environment(name, word, **fields) if is_custom else manifest(name, **fields)
        sent(rest.create(ENVIRONMENTS, environment))
        made = third_party.user(word, "w", place, name) if is_custom else workload("Deployment", "w", place, name)
        path = third_party.path(made) if is_custom else f"/apis/apps/v1/namespaces/{place}/deployments"
        stored = sent(owner.create(path, made))
        assert {OWNER} == set(ids(stored))
        yield word, f"{path}/w"


def ids(item: Any) -> list[int]:
    """Return the user ids that an object gives to its pods, in its order."""
    if isinstance(item, list):
        return [uid for each in item for uid in ids(each)]
    if not isinstance(item, dict):
        return []
    own = [item["runAsUser"]] if "runAsUser" in item else []
    return own + [uid for value in item.values() for uid in ids(value)]


OF_PODS: dict[str, Any] = {
    "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["registry"]}],
    "dnsConfig": {"nameservers": ["10.0.0.1"]},
    "dnsPolicy": "Default",
    "shareProcessNamespace": True,
    "automountServiceAccountToken": True,
    "nodeName": "theirs",
    "runtimeClassName": "theirs",
    "hostUsers": False,
    "serviceAccount": "theirs",
    "serviceAccountName": "theirs",
    "volumes": [{"name": "theirs", "configMap": {"name": "theirs"}}],
}
OF_WORKFLOWS: dict[str, Any] = {
    "volumes": [{"name": "theirs", "configMap": {"name": "theirs"}}],
    "serviceAccountName": "theirs",
    "artifactRepositoryRef": {"configMap": "theirs"},
    "arguments": {"parameters": [{"name": "a", "value": "b"}]},
    "hostAliases": OF_PODS["hostAliases"],
    "dnsConfig": OF_PODS["dnsConfig"],
    "automountServiceAccountToken": True,
}
HEAD, SMALL = "/spec/headGroupSpec", "/spec/workerGroupSpecs/0"
ALL, FIRST, SECOND = "all", "first", "second"
# The kind, the field, its value, and whose pods run something else by it.
CHANGES: list[tuple[str, str, Any, str]] = [
    *(("deployment", f"/spec/template/spec/{key}", value, ALL) for key, value in OF_PODS.items()),
    *(("notebook", f"/spec/template/spec/{key}", value, ALL) for key, value in OF_PODS.items()),
    *(("workflow", f"/spec/{key}", value, ALL) for key, value in OF_WORKFLOWS.items()),
    *(("cronworkflow", f"/spec/workflowSpec/{key}", value, ALL) for key, value in OF_WORKFLOWS.items()),
    ("workflow", "/spec/templates/1/serviceAccountName", "theirs", FIRST),
    ("raycluster", f"{HEAD}/rayStartParams", {"dashboard-host": "$(theirs)"}, ALL),
    ("raycluster", f"{HEAD}/serviceType", "NodePort", ALL),
    ("raycluster", f"{SMALL}/rayStartParams", {"num-cpus": "1; theirs"}, SECOND),
    ("raycluster", f"{HEAD}/template/spec/serviceAccount", "theirs", FIRST),
    ("raycluster", f"{SMALL}/template/spec/hostAliases", OF_PODS["hostAliases"], SECOND),
    ("raycluster", "/spec/gcsFaultToleranceOptions", {"redisAddress": "theirs:6379"}, ALL),
]


@pytest.mark.parametrize(("word", "at", "value", "whose"), CHANGES, ids=lambda value: str(value).rpartition("/")[2])
def test_runs_with_their_own(vision: Vision, word: str, at: str, value: Any, whose: str) -> None:
    """Pods that run something else because of somebody else run with the ids of that one."""
    found = ids(sent(vision.change(word, at, value)))
    expected = {ALL: [OTHER] * len(found), FIRST: [OTHER, *[OWNER] * 2], SECOND: [OWNER, OTHER, OWNER]}[whose]

    assert expected[: len(found)] == found


HARMLESS: list[tuple[str, str, Any]] = [
    ("deployment", "/spec/replicas", 3),
    ("deployment", "/spec/paused", True),
    ("deployment", "/spec/template/spec/nodeSelector", {"gpu": "h200"}),
    ("deployment", "/spec/template/spec/containers/0/resources", {"limits": {"cpu": "1"}}),
    ("notebook", "/metadata/annotations/kubeflow-resource-stopped", "now"),
    ("workflow", "/spec/suspend", True),
    ("workflow", "/spec/parallelism", 3),
    ("workflow", "/spec/priority", 3),
    ("cronworkflow", "/spec/suspend", True),
    ("cronworkflow", "/spec/schedules", ["5 * * * *"]),
    ("raycluster", "/spec/suspend", True),
    ("raycluster", f"{SMALL}/replicas", 2),
    ("raycluster", f"{SMALL}/maxReplicas", 5),
    ("raycluster", f"{HEAD}/template/spec/priorityClassName", "high"),
]


@pytest.mark.parametrize(("word", "at", "value"), HARMLESS, ids=lambda value: str(value).rpartition("/")[2])
def test_keeps_the_owners(vision: Vision, word: str, at: str, value: Any) -> None:
    """What does not decide what runs is changed by anybody who may, and the ids stay the owner's."""
    assert {OWNER} == set(ids(sent(vision.change(word, at, value))))
