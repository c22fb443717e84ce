"""Law 8: what goes on while the operator is down; what is refused then, by a webhook whose name says what is down."""

import json
from collections.abc import Iterator

import pytest

from builders import KINDS, manifest, workload
from cluster import Cluster
from cluster.manifests import await_admission
from cluster.rest import Rest
from environment_operator.api import names
from environment_operator.manifests.match_conditions import MOST
from kube import Kube, Object, Operator, path_of


def marked(project: str, environment: str, number: int) -> Object:
    """Return a Deployment whose pod template has so many labels, named by the number."""
    made = workload("Deployment", f"marked-{number}", project, environment)
    # Three are there besides: its own, and what admission writes.
    made["spec"]["template"]["metadata"]["labels"] |= {f"example.org/l{n}": "" for n in range(number - 3)}
    return made


@pytest.fixture(scope="module")
def used(cluster: Cluster, rest: Rest, operator: Operator) -> Iterator[tuple[Kube, str, str]]:
    """Return the administrator's hands, an Environment and a project full of its users; then the operator goes down."""
    kube, name, project = Kube(cluster, rest), Kube.unique("env"), Kube.unique("down")
    kube.kubectl("create", "namespace", project)
    job = workload("Job", "job", project, name)
    job["spec"]["suspend"] = True
    users = [
        workload(k, k.lower(), project, name)
        for k in ("Deployment", "StatefulSet", "CronJob", "DaemonSet", "ReplicaSet")
    ]
    kube.apply(manifest(name), job, *users, *(marked(project, name, number) for number in (MOST, MOST + 1)))
    kube.until_used(name, 8)
    cluster.stop_operator()
    yield kube, name, project
    operator.start()
    await_admission(cluster.layout)


MERGE = "--type=merge"
CHANGES: dict[str, list[str]] = {
    "scale by subresource": ["scale", "deployment/deployment", "--replicas=2"],
    "scale by patch": ["patch", "deployment/deployment", MERGE, "-p", '{"spec":{"replicas":3}}'],
    "scale a StatefulSet": ["scale", "statefulset/statefulset", "--replicas=2"],
    "pause": ["rollout", "pause", "deployment/deployment"],
    "resume": ["rollout", "resume", "deployment/deployment"],
    "restart": ["rollout", "restart", "deployment/deployment"],
    "restart a StatefulSet": ["rollout", "restart", "statefulset/statefulset"],
    "suspend": ["patch", "cronjob/cronjob", MERGE, "-p", '{"spec":{"suspend":true}}'],
    "annotate": ["annotate", "deployment/deployment", "example.org/a=1"],
    "label": ["label", "deployment/deployment", "example.org/b=1"],
    "status": ["patch", "deployment/deployment", "--subresource=status", MERGE, "-p", '{"status":{"replicas":9}}'],
    "schedule": ["patch", "job/job", MERGE, "-p", '{"spec":{"template":{"spec":{"nodeSelector":{"pool":"gpu"}}}}}'],
    "start a suspended Job": ["patch", "job/job", MERGE, "-p", '{"spec":{"suspend":false}}'],
    "delete": ["delete", "replicaset/replicaset"],
    "delete in the foreground": ["delete", "daemonset/daemonset", "--cascade=foreground", "--wait=false"],
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_goes_on(used: tuple[Kube, str, str], change: str) -> None:
    """Workloads that exist are scaled, paused, suspended, restarted, marked, scheduled and deleted as ever."""
    kube, _, project = used
    kube.kubectl(*CHANGES[change], "-n", project)


@pytest.mark.parametrize("key", ["labels", "annotations"])
def test_many_labels_of_pods(used: tuple[Kube, str, str], key: str) -> None:
    """Up to 500 labels of pods are compared one by one; more as a whole, and any change of them waits."""
    kube, _, project = used
    path = path_of(KINDS["deployments.apps"], project)
    found = {n: kube.rest.get(f"{path}/marked-{n}").body["spec"]["template"]["metadata"] for n in (MOST, MOST + 1)}
    change = {"spec": {"template": {"metadata": {key: {"example.org/l1": "changed"}}}}}
    few, many = (kube.rest.patch(f"{path}/marked-{n}?dryRun=All", change) for n in found)

    assert [MOST, MOST + 1] == [len(meta["labels"]) for meta in found.values()]
    assert few.ok, few.message
    assert (key == "annotations") == many.ok
    assert many.ok or "environment-operator.environments.dev" in many.message


def test_a_workload_with_many_labels_of_pods_lives_on(used: tuple[Kube, str, str]) -> None:
    """It is scaled, restarted, which is an annotation, marked and deleted as ever."""
    kube, _, project = used
    name = f"deployment/marked-{MOST + 1}"
    for words in (("scale", "--replicas=2"), ("rollout", "restart"), ("label", "example.org/b=1"), ("delete",)):
        verb, *rest = words
        kube.kubectl(*((verb, *rest, name) if verb == "rollout" else (verb, name, *rest)), "-n", project)


def test_deletion_in_use_is_refused(used: tuple[Kube, str, str]) -> None:
    """An Environment in use cannot be deleted, and the refusal says how many use it."""
    kube, name, _ = used

    assert "is used by" in kube.refused("delete", "env", name)


IMAGE = '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"other"}]}}}}'


@pytest.mark.parametrize("what", ["new reference", "changed template", "changed reference"])
def test_what_is_refused(used: tuple[Kube, str, str], what: str) -> None:
    """A new reference, a changed one and a changed template wait for the operator; the refusal names it."""
    kube, name, project = used
    requests: dict[str, tuple[list[str], Object | None]] = {
        "new reference": (["apply", "-f", "-"], workload("Job", "late", project, name)),
        "changed template": (["patch", "deployment/deployment", "-n", project, "-p", IMAGE], None),
        "changed reference": (["label", "deployment/deployment", "-n", project, f"{names.REFERENCE}-"], None),
    }
    arguments, body = requests[what]

    assert "environment-operator.environments.dev" in kube.refused(*arguments, stdin=json.dumps(body) if body else None)


def test_objects_without_the_label(used: tuple[Kube, str, str]) -> None:
    """Objects without the label notice nothing."""
    kube, _, project = used
    kube.apply(workload("Deployment", "unlabelled", project))
    kube.kubectl("patch", "deployment/unlabelled", "-n", project, "-p", IMAGE)
