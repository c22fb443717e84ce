"""Deletion: refused while in use, and nothing lost or stuck when it slips past the refusal."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from builders import manifest, workload
from cluster.faults import After, Match, Rule
from cluster.proxy import FaultProxy
from cluster.traffic import Request
from environment_operator.api import names
from environment_operator.manifests.crd import definition
from kube import ENVIRONMENTS, Kube, Operator

BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"


@pytest.fixture
def used(kube: Kube, project: str) -> str:
    """Return the name of an Environment that a Job uses."""
    return kube.in_use("Job", "train", project)


@pytest.fixture
def unguarded(kube: Kube, used: str) -> Iterator[None]:
    """Have the policy that refuses deletion out of the way, as for a DELETE that slipped past a late status."""
    path = f"{BINDINGS}/{names.GROUP}-in-use"
    binding = kube.rest.get(path).body
    kube.rest.delete(path)
    kube.until("the policy to be off", lambda: _may_be_deleted(kube, used))
    yield
    witness = kube.unique("env")
    kube.apply(manifest(witness), workload("PodTemplate", witness, "default", witness))
    kube.until_used(witness, 1)
    kube.rest.create(BINDINGS, {"metadata": {"name": binding["metadata"]["name"]}, "spec": binding["spec"]})
    kube.until("the policy to be on", lambda: not _may_be_deleted(kube, witness))
    kube.kubectl("delete", "podtemplate", witness, "-n", "default")


def _may_be_deleted(kube: Kube, name: str) -> bool:
    """Return whether a deletion would be accepted."""
    return kube.rest.delete(f"{ENVIRONMENTS}/{name}?dryRun=All").ok


def test_unused(kube: Kube) -> None:
    """An Environment that nobody uses goes when it is deleted, after the grace period."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)
    kube.kubectl("delete", "env", name, "--wait=false")

    kube.until_gone("env", name)


def test_in_use(kube: Kube, used: str, project: str) -> None:
    """A deletion is refused while somebody uses it, with the count and the way out; afterwards it goes."""
    message = kube.refused("delete", "env", used)

    assert "used by 1 workload" in message
    assert f"{names.REFERENCE}={used}" in message
    assert "deletionTimestamp" not in kube.environment(used)["metadata"]
    kube.kubectl("delete", "job", "train", "-n", project)
    kube.until_used(used, 0)
    kube.kubectl("delete", "env", used, "--wait=false")
    kube.until_gone("env", used)


def test_in_use_with_the_operator_down(operator: Operator, kube: Kube, used: str) -> None:
    """The refusal does not need the operator."""
    with operator.down():
        message = kube.refused("delete", "env", used)

    assert "used by 1 workload" in message


def test_collection(kube: Kube, used: str) -> None:
    """A deletion of many spares the one in use."""
    kube.kubectl("label", "env", used, f"test={used}")

    assert "used by 1 workload" in kube.refused("delete", "env", "-l", f"test={used}")
    path = f"/apis/{names.API_VERSION}/{names.PLURAL}?labelSelector=test%3D{used}"
    assert "used by 1 workload" in kube.refused("delete", "--raw", path)
    assert "deletionTimestamp" not in kube.environment(used)["metadata"]


def test_finalizer_is_protected(kube: Kube, used: str) -> None:
    """Nobody can take the finalizer from an Environment in use: a patch or a replace that drops it leaves it there."""
    patch = json.dumps({"metadata": {"finalizers": None}})
    kube.kubectl("patch", "env", used, "--type=merge", "-p", patch)
    kube.kubectl("replace", "-f", "-", stdin=json.dumps(manifest(used)))

    assert [names.FINALIZER] == kube.environment(used)["metadata"]["finalizers"]


def test_deletion_that_slips_past(kube: Kube, used: str, project: str, unguarded: None) -> None:  # noqa: ARG001
    """A DELETE that the policy did not refuse waits, says for whom, and is carried out after the last user."""
    kube.kubectl("delete", "env", used, "--wait=false")
    message = kube.until_condition(used, "DeletionBlocked", "True", "Used")["message"]

    assert f'Job "train" in project "{project}"' in message
    assert "False" == kube.condition(used, "Ready")["status"]
    assert ["Used"] == [e["reason"] for e in kube.events(used)]
    kube.kubectl("delete", "job", "train", "-n", project)
    kube.until_gone("env", used)


def test_user_that_comes_after_the_deletion(kube: Kube, project: str, unguarded: None) -> None:  # noqa: ARG001
    """A user that comes into being while a deletion waits holds it up, as one that admission did not see."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)
    kube.rest.delete(f"{ENVIRONMENTS}/{name}")
    kube.rest.create("/api/v1/namespaces/kube-system/podtemplates", workload("PodTemplate", name, "kube-system", name))
    kube.until_condition(name, "DeletionBlocked", "True", "Used")
    assert "it is being deleted" in kube.refused(
        "apply", "-f", "-", stdin=json.dumps(workload("Job", "j", project, name))
    )
    kube.kubectl("delete", "podtemplate", name, "-n", "kube-system")
    kube.until_gone("env", name)


def test_override(kube: Kube, used: str, project: str) -> None:
    """With the annotation it goes at once, its users stay, and an Event names them."""
    kube.kubectl("annotate", "env", used, f"{names.ALLOW_DELETE_IN_USE}=true")
    kube.kubectl("delete", "env", used, "--wait=false")
    kube.until_gone("env", used)

    assert kube.get("job", "train", project)
    kube.until("the Event", lambda: ["ReleasedInUse"] == [e["reason"] for e in kube.events(used)])
    assert f'Job "train" in project "{project}"' in kube.events(used)[0]["message"]


def test_project_full_of_users(kube: Kube) -> None:
    """Deleting a project with all its users is never held up, and they stop counting."""
    name, project = kube.unique("env"), kube.unique("full")
    kube.kubectl("create", "namespace", project)
    kube.apply(
        manifest(name), *(workload(k, f"u{n}", project, name) for k in ("Job", "Deployment", "Pod") for n in range(5))
    )
    kube.until_used(name, 15)
    kube.kubectl("delete", "namespace", project, "--wait=false")
    kube.until_gone("namespace", project)
    kube.until_used(name, 0)
    kube.kubectl("delete", "env", name, "--wait=false")
    kube.until_gone("env", name)


def test_user_that_is_being_deleted_counts(kube: Kube, used: str, project: str) -> None:
    """A user that is deleted but held by a finalizer counts until it is gone."""
    kube.kubectl(
        "patch", "job", "train", "-n", project, "--type=merge", "-p", '{"metadata":{"finalizers":["example.org/x"]}}'
    )
    kube.kubectl("delete", "job", "train", "-n", project, "--wait=false")

    assert "used by 1 workload" in kube.refused("delete", "env", used)
    kube.kubectl("patch", "job", "train", "-n", project, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    kube.until_used(used, 0)


def test_grace_period(operator: Operator, kube: Kube) -> None:
    """An unused Environment stays for the grace period and says so, and goes soon after it."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)
    with operator.anew(grace_seconds=60):
        kube.kubectl("delete", "env", name, "--wait=false")
        message = kube.until_condition(name, "DeletionBlocked", "True", "GracePeriod")["message"]

    assert "60 s" in message
    kube.until_gone("env", name)


def test_user_behind_the_look(kube: Kube, proxy: FaultProxy) -> None:
    """Whoever comes in time, behind a look for users that takes longer than the grace period, holds the Environment."""
    name = kube.unique("env")
    place = "/api/v1/namespaces/kube-system/pods"

    def come(_request: Request) -> None:
        """Come as a user after Pods were listed, and keep the answer until the grace period is over."""
        kube.rest.create(place, workload("Pod", name, "kube-system", name))
        deleted = datetime.fromisoformat(kube.environment(name)["metadata"]["deletionTimestamp"])
        kube.until("the grace period to be over", lambda: datetime.now(UTC) > deleted + timedelta(seconds=4))

    kube.apply(manifest(name))
    kube.until_ready(name)
    look = Match(path="^/api/v1/pods$", query=f"labelSelector=.*{name}", watch=False)
    listed = proxy.add(Rule(look, After(come), times=1))
    kube.kubectl("delete", "env", name, "--wait=false")
    assert listed.await_hit()
    kube.until_condition(name, "DeletionBlocked", "True", "Used")
    kube.rest.delete(f"{place}/{name}")
    kube.until_gone("env", name)


def test_the_status_can_be_written_as_it_is(kube: Kube, used: str) -> None:
    """All that the operator writes has a place in the schema: nothing is pruned."""
    schema = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]

    assert set(kube.status(used)) <= set(schema["properties"])
