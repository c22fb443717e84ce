"""The loop: what an applied Environment becomes, whom it counts, and what is never written."""

import json
import signal
from urllib.parse import parse_qs

import pytest
import yaml

from builders import KINDS, manifest, workload
from cluster.proxy import FaultProxy
from environment_operator.api import names
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.spec.fragment import fragment_hash, render
from kube import ENVIRONMENTS, Kube, Object, Operator

KIND_NAMES = [kind.kind for kind in KINDS.values()]


@pytest.fixture
def environment(kube: Kube) -> str:
    """Return the name of an Environment for the whole cluster, ready."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)
    return name


def versions(kube: Kube, *environments: str) -> list[str]:
    """Return the resource versions of Environments."""
    return [kube.environment(name)["metadata"]["resourceVersion"] for name in environments]


def test_ready(kube: Kube) -> None:
    """An applied Environment becomes ready: observed, rendered, hashed, with its pod security level and finalizer."""
    name = kube.unique("env")
    wanted = manifest(name, security={"capabilities": ["CHOWN"]}, tools=[{"name": "lab", "type": "JupyterNotebook"}])
    kube.apply(wanted)
    kube.until_ready(name)
    found = kube.environment(name)
    fragment = render(EnvironmentSpec.model_validate(wanted["spec"]))

    assert found["metadata"]["generation"] == found["status"]["observedGeneration"]
    assert fragment == found["status"]["fragment"]
    assert fragment_hash(fragment) == found["status"]["fragmentHash"]
    assert "baseline" == found["status"]["podSecurity"]
    assert [names.FINALIZER] == found["metadata"]["finalizers"]


def test_edit(kube: Kube, environment: str) -> None:
    """An edit is observed: a new generation, another fragment, another hash."""
    before = kube.status(environment)
    kube.apply(manifest(environment, workingDir="/work"))
    kube.until("the edit to be observed", lambda: kube.status(environment)["observedGeneration"] == 2)

    assert "/work" == kube.status(environment)["fragment"]["containers"][0]["workingDir"]
    assert before["fragmentHash"] != kube.status(environment)["fragmentHash"]


def test_last_update(kube: Kube, environment: str) -> None:
    """The status says when its author changed it last, to the second; what the operator writes is no change."""

    def edited() -> str:
        kube.apply(manifest(environment, workingDir=f"/{kube.unique('work')}"))
        managers = kube.environment(environment)["metadata"]["managedFields"]
        return str(max(entry["time"] for entry in managers if entry["manager"].startswith("kubectl")))

    created = kube.environment(environment)["metadata"]["creationTimestamp"]
    kube.until("an edit in a later second", lambda: edited() > created)
    last = edited()
    kube.until("the status to be written", lambda: kube.status(environment)["lastUpdateTime"] == last)


def test_nothing_of_kopf_and_nothing_in_spec(kube: Kube, environment: str, project: str) -> None:
    """What watches writes a finalizer and the status: no annotation of kopf's, no label, no spec, nothing on users."""
    kube.apply(workload("Deployment", "d", project, environment))
    kube.until_used(environment, 1)
    found, user = kube.environment(environment), kube.get("deployment", "d", project)
    managers = {m["manager"]: m for m in json.loads(_managed(kube, environment))["metadata"]["managedFields"]}

    annotations = {"kubectl.kubernetes.io/last-applied-configuration", names.CREATED_BY}
    assert annotations == set(found["metadata"]["annotations"])
    assert "labels" not in found["metadata"]
    assert 1 == found["metadata"]["generation"]
    assert all("f:spec" not in fields["fieldsV1"] for m, fields in managers.items() if "kubectl" not in m)
    assert "kopf" not in json.dumps(found) + json.dumps(user)


def _managed(kube: Kube, environment: str) -> str:
    """Return an Environment with its managed fields, as text."""
    return kube.kubectl("get", "environment", environment, "-o", "json", "--show-managed-fields")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"image": "a/" + "b" * 255}, "InvalidImage"),
        # Short as it is written; JSON has two signs for each of these.
        ({"args": ['"' * 8192] * 7}, "TooLarge"),
        ({"deprecated": {"message": "m", "replacedBy": "nobody-has-this-name"}}, "UnknownReplacement"),
    ],
)
def test_stalled_and_mended(kube: Kube, fields: Object, reason: str) -> None:
    """What cannot work is stalled with its reason, has an Event, and is ready once it is corrected."""
    name = kube.unique("env")
    kube.apply(manifest(name, **fields))
    message = kube.until_condition(name, "Stalled", "True", reason)["message"]

    assert message == kube.condition(name, "Ready")["message"]
    kube.until("the Event", lambda: [reason] == [e["reason"] for e in kube.events(name)])
    kube.apply(manifest(name))
    kube.until_ready(name)
    assert {} == kube.condition(name, "Stalled")


def test_event_again_while_it_lasts(kube: Kube, operator: Operator) -> None:
    """The Event of a trouble is posted again when the API server has forgotten it, as it does after an hour."""
    name = kube.unique("env")
    kube.apply(manifest(name, image="a/" + "b" * 255))
    kube.until("the Event", lambda: bool(kube.events(name)))
    (event,) = kube.events(name)
    kube.kubectl("delete", "event", event["metadata"]["name"], "-n", event["metadata"]["namespace"])
    with operator.anew(resync_seconds=1):
        kube.until("the Event again", lambda: bool(kube.events(name)))

    assert event["metadata"]["uid"] != kube.events(name)[0]["metadata"]["uid"]
    assert event["message"] == kube.events(name)[0]["message"]


def test_replacement_that_comes_later(kube: Kube) -> None:
    """An Environment is ready as soon as the one that replaces it exists, and stalled when that goes."""
    old, new = kube.unique("old"), kube.unique("new")
    kube.apply(manifest(old, deprecated={"message": "use the new one", "replacedBy": new}))
    kube.until_condition(old, "Stalled", "True", "UnknownReplacement")
    kube.apply(manifest(new))
    kube.until_ready(old)
    kube.kubectl("delete", "environment", new)
    kube.until_condition(old, "Stalled", "True", "UnknownReplacement")


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_users_of_every_kind(kube: Kube, environment: str, project: str, kind: str) -> None:
    """A user of each kind is counted once, named, and no longer counted when its label or itself is gone."""
    row = next(row for row in KINDS.values() if row.kind == kind)
    kube.apply(workload(kind, "user", project, environment))
    kube.until_used(environment, 1)
    status = kube.status(environment)
    sample = status["templates" if row.template else "workloads"]

    assert [{"group": row.group, "kind": kind, "namespace": project, "name": "user"}] == sample
    assert [{"group": row.group, "kind": kind, "count": 1}] == status["usage"]["byKind"]
    assert int(row.template) == status["usage"]["templates"]
    if not row.template_immutable:
        kube.kubectl("label", row.name, "user", "-n", project, f"{names.REFERENCE}-")
        kube.until_used(environment, 0)
        kube.kubectl("label", row.name, "user", "-n", project, f"{names.REFERENCE}={environment}")
        kube.until_used(environment, 1)
    kube.kubectl("delete", row.name, "user", "-n", project)
    kube.until_used(environment, 0)


def test_role_of_a_kind_without_roles(kube: Kube, environment: str, project: str) -> None:
    """A label for one role is refused where there are no roles; without the main label it means nothing."""
    job, alone = workload("Job", "j", project, environment), workload("Job", "alone", project)
    job["metadata"]["labels"] |= {f"{names.ROLE_REFERENCE}a": environment}
    alone["metadata"]["labels"] = {f"{names.ROLE_REFERENCE}a": environment}
    kube.apply(alone)
    refusal = kube.refused("apply", "-f", "-", stdin=yaml.safe_dump(job))
    kube.apply(workload("Job", "only", project, environment))
    kube.until_used(environment, 1)

    assert "has no effect: this Job has no role" in refusal
    assert ["only"] == [w["name"] for w in kube.status(environment)["workloads"]]


def test_sample_is_sorted_and_bounded(kube: Kube, environment: str, project: str) -> None:
    """The status names the first ten users in order and says that there are more."""
    kube.apply(*(workload("PodTemplate", f"t{n:02}", project, environment) for n in reversed(range(12))))
    kube.until_used(environment, 12)

    assert [f"t{n:02}" for n in range(10)] == [t["name"] for t in kube.status(environment)["templates"]]
    assert kube.status(environment)["truncated"]


def test_scope_of_projects(kube: Kube, project: str) -> None:
    """A project that does not exist is named until it does; users outside of the scope are counted as such."""
    name, missing = kube.unique("env"), kube.unique("missing")
    kube.apply(manifest(name), workload("Job", "outside", project, name))
    kube.rest.patch(f"{ENVIRONMENTS}/{name}", {"spec": {"scope": {"cluster": None, "projects": [missing]}}})
    message = kube.until_condition(name, "ScopeResolved", "False", "UnknownProjects")["message"]

    assert missing in message
    kube.until("the user outside", lambda: 1 == kube.status(name).get("usage", {}).get("outOfScope"))
    kube.kubectl("create", "namespace", missing)
    kube.until_condition(name, "ScopeResolved", "True", "Resolved")
    kube.kubectl("delete", "namespace", missing, "--wait=false")
    kube.until_condition(name, "ScopeResolved", "False", "UnknownProjects")


def test_scope_of_departments(kube: Kube, project: str) -> None:
    """When a project joins a department, its users come into the scope, and leave it with the project."""
    name, department = kube.unique("env"), kube.unique("ml")
    kube.apply(manifest(name), workload("Job", "j", project, name))
    kube.rest.patch(f"{ENVIRONMENTS}/{name}", {"spec": {"scope": {"cluster": None, "departments": [department]}}})
    kube.until("the user outside", lambda: 1 == kube.status(name).get("usage", {}).get("outOfScope"))
    kube.kubectl("label", "namespace", project, f"{names.DEPARTMENT}={department}")
    kube.until("the user inside", lambda: 0 == kube.status(name)["usage"]["outOfScope"])
    kube.kubectl("label", "namespace", project, f"{names.DEPARTMENT}-")
    kube.until("the user outside again", lambda: 1 == kube.status(name)["usage"]["outOfScope"])


def test_restart_writes_nothing(operator: Operator, kube: Kube, project: str, proxy: FaultProxy) -> None:
    """An operator that starts when nothing has changed writes nothing, and reads no workload without the label."""
    settled = [kube.unique("env") for _ in range(5)]
    kube.apply(*map(manifest, settled), *(workload("Job", name, project, name) for name in settled))
    for name in settled:
        kube.until_used(name, 1)
    before = versions(kube, *settled)
    with operator.down(signal.SIGKILL):
        proxy.traffic.clear()
    last = kube.unique("env")
    kube.apply(manifest(last))
    kube.until_ready(last)
    written = {exchange.path.split("/")[5] for exchange in proxy.writes()}

    paths = {kind.path for kind in KINDS.values()}
    reads = [parse_qs(e.query) for e in proxy.traffic.exchanges() if e.method == "GET" and e.path in paths]

    assert before == versions(kube, *settled)
    assert len(reads) >= 2 * len(paths)
    assert [] == [query for query in reads if query.get("labelSelector") != [names.REFERENCE]]
    assert last in written
    assert set() == written & set(settled)


def test_changes_while_the_operator_is_down(operator: Operator, kube: Kube, environment: str, project: str) -> None:
    """What came and went while the operator was down is counted right when it starts again."""
    kube.apply(workload("Job", "goes", project, environment))
    kube.until_used(environment, 1)
    with operator.down(signal.SIGKILL):
        kube.kubectl("delete", "job", "goes", "-n", project)
        kube.apply(*(workload("CronJob", f"comes{n}", project, environment) for n in range(3)))
    kube.until_used(environment, 3)

    assert ["comes0", "comes1", "comes2"] == [w["name"] for w in kube.status(environment)["workloads"]]


def test_finalizer_is_put_back(kube: Kube, environment: str) -> None:
    """A finalizer that a replace dropped from an unused Environment comes back."""
    kube.kubectl("replace", "-f", "-", stdin=json.dumps(manifest(environment)))
    kube.until(
        "the finalizer", lambda: [names.FINALIZER] == kube.environment(environment)["metadata"].get("finalizers")
    )
