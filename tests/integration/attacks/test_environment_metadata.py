"""Authors without ``publish`` change the metadata of somebody else's Environment: they need what its spec needs."""

import json
from collections.abc import Iterator

import pytest

from cluster import Cluster
from cluster.rest import Rest
from cluster.waiting import until
from environment_operator.api import names
from people import (
    AUTHOR,
    PLURAL,
    Object,
    Person,
    at,
    bind,
    create,
    environment,
    exists,
    manifest,
    refuses,
    sent,
    unique,
)

SPEC = {"user": {"source": "Custom", "uid": 1000}}
LAST = "kubectl.kubernetes.io/last-applied-configuration"
NEEDS = "needs the verb"


@pytest.fixture(scope="module")
def editor(cluster: Cluster, rest: Rest) -> Person:
    """Return somebody who may write Environments, and publish none."""
    person = Person(cluster, unique("editor"))
    create(rest, bind(person, AUTHOR))
    person.await_right("create", PLURAL)
    return person


@pytest.fixture
def theirs(cluster: Cluster, rest: Rest) -> Iterator[str]:
    """Return an Environment of the whole cluster, as its owner applied it."""
    name = unique("theirs")
    cluster.kubectl("apply", "-f", "-", input=manifest(applied(name)))
    yield name
    rest.patch(at(name), {"metadata": {"finalizers": None}})
    rest.delete(at(name))


def applied(name: str) -> Object:
    """Return the owner's manifest."""
    made = environment(name, {"cluster": True})
    return {**made, "spec": {**made["spec"], **SPEC}}


def owner(uid: str = "00000000-0000-0000-0000-000000000000", name: str = "none", **fields: object) -> Object:
    """Return an owner reference."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid, **fields}


CHANGES: dict[str, Object] = {
    "a finalizer": {"finalizers": [names.FINALIZER, "example.org/stays"]},
    "a finalizer instead of ours": {"finalizers": ["example.org/stays"]},
    "an owner": {"ownerReferences": [owner()]},
    "a label": {"labels": {"team": "mine"}},
    "a label of a tool": {"labels": {"app.kubernetes.io/instance": "mine"}},
    "last applied, without": {"annotations": {LAST: None}},
    "last applied, another": {"annotations": {LAST: json.dumps({"spec": {"user": None}})}},
    "an annotation of a tool": {"annotations": {"argocd.argoproj.io/sync-options": "Prune=false"}},
    "field managers": {"managedFields": [{}]},
}


@pytest.mark.parametrize("what", CHANGES)
def test_refused(rest: Rest, editor: Person, theirs: str, what: str) -> None:
    """Nothing of the metadata of others is changed, and the Environment is as it was."""
    before = sent(rest.get(at(theirs)))["metadata"]

    answer = editor.rest.patch(at(theirs), {"metadata": CHANGES[what]})

    assert refuses(answer, NEEDS), answer
    kept = ("finalizers", "ownerReferences", "labels", "annotations")
    after = sent(rest.get(at(theirs)))["metadata"]
    assert [before.get(key) for key in kept] == [after.get(key) for key in kept]


def test_our_finalizer_comes_back(rest: Rest, editor: Person, theirs: str) -> None:
    """Our finalizer is put back in the request that drops it."""
    sent(editor.rest.patch(at(theirs), {"metadata": {"finalizers": None}}))

    assert [names.FINALIZER] == sent(rest.get(at(theirs)))["metadata"]["finalizers"]


def test_fields_of_the_owner(editor: Person, theirs: str) -> None:
    """Nobody applies the owner's fields as theirs, too, which would keep them when the owner drops them."""
    body = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": theirs}, "spec": SPEC}

    answer = editor.rest.patch(f"{at(theirs)}?fieldManager=mine", body, "apply")

    assert refuses(answer, NEEDS), answer


def test_finalizer_while_it_goes(cluster: Cluster, rest: Rest, editor: Person) -> None:
    """Nor does a finalizer go while a deletion waits; that none comes then is a rule of the API server."""
    name = unique("going")
    create(rest, environment(name, {"cluster": True}, finalizers=[names.FINALIZER, "example.org/stays"]))
    cluster.kubectl("delete", PLURAL, name, "--wait=false")

    assert refuses(answer := editor.rest.patch(at(name), {"metadata": {"finalizers": []}}), NEEDS), answer
    sent(rest.patch(at(name), {"metadata": {"finalizers": [names.FINALIZER]}}))
    until("it to be gone", lambda: not exists(rest, name))


@pytest.mark.usefixtures("operator")
def test_owned_goes_with_its_owner(rest: Rest) -> None:
    """The garbage collector takes an unused Environment away when the owner that its author gave it is gone."""
    name = unique("owned")
    # An owner of a cluster-scoped object is cluster-scoped.
    parent = sent(rest.create("/api/v1/namespaces", {"metadata": {"name": unique("owner")}}))["metadata"]
    reference = owner(parent["uid"], parent["name"], kind="Namespace")
    create(rest, environment(name, {"cluster": True}, ownerReferences=[reference]))

    sent(rest.delete(f"/api/v1/namespaces/{parent['name']}"))

    until("the Environment to go with its owner", lambda: not exists(rest, name))


def test_orphaned(cluster: Cluster, rest: Rest) -> None:
    """The garbage collector takes the reference off when the owner is deleted without what it owns."""
    name = unique("orphan")
    parent = sent(rest.create("/api/v1/namespaces", {"metadata": {"name": unique("owner")}}))["metadata"]
    create(
        rest,
        environment(name, {"cluster": True}, ownerReferences=[owner(parent["uid"], parent["name"], kind="Namespace")]),
    )

    cluster.kubectl("delete", "namespace", parent["name"], "--cascade=orphan", "--wait=false")

    until(
        "the reference to be taken off",
        lambda: not sent(rest.get(at(name)))["metadata"].get("ownerReferences"),
    )
    sent(rest.delete(at(name)))
