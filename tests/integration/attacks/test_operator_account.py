"""Somebody has the token of the operator's account: they get no further than what the operator itself does."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import registries
from builders import manifest
from cluster import Cluster
from cluster.rest import Rest
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Object, Operator
from people import DRY_RUN, refuses, sent, unique
from registries import let, secrets

API = "/apis/admissionregistration.k8s.io/v1"
OURS = "app.kubernetes.io/name=environment-operator"
OWN = names.SYSTEM_NAMESPACE
LABELS = {names.TOKEN: "tokentok", "app.kubernetes.io/managed-by": names.FIELD_MANAGER}
TOKEN_TYPE = "kubernetes.io/service-account-token"
THEIRS: Object = {"type": "ClusterIP", "selector": {"app": "theirs"}, "ports": [{"port": 80}]}


@pytest.fixture(scope="module")
def account(cluster: Cluster, operator: Operator) -> Iterator[Rest]:  # noqa: ARG001 - it runs, so there is a token
    """Return a connection with the operator's own token."""
    made = Rest(cluster.layout.role_kubeconfig("webhook"))
    yield made
    made.close()


def configurations(rest: Rest) -> Iterator[tuple[str, Object]]:
    """Yield the path of each of our webhook configurations, with what is stored."""
    for which in ("mutating", "validating"):
        for stored in sent(rest.get(f"{API}/{which}webhookconfigurations"))["items"]:
            if stored["metadata"]["name"].startswith(names.SERVICE_ACCOUNT):
                yield f"{API}/{which}webhookconfigurations/{stored['metadata']['name']}", stored


def add(path: str, value: Any) -> list[Object]:
    """Return a JSON patch that adds or replaces something."""
    return [{"op": "add", "path": path, "value": value}]


def another(stored: Object) -> Object:
    """Return a webhook that would be called with every Secret."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["secrets"], "scope": "*"}
    return {**stored["webhooks"][0], "name": "spy.example.org", "rules": [rule], "matchConditions": []}


WEBHOOKS: dict[str, Callable[[Object], list[Object]]] = {
    "one more": lambda stored: add("/webhooks/-", another(stored)),
    "another in its place": lambda stored: add("/webhooks/0", another(stored)),
    "all others gone": lambda stored: add("/webhooks", stored["webhooks"][:1]),
    "in another order": lambda stored: add("/webhooks", stored["webhooks"][::-1]),
    "another address": lambda _: add("/webhooks/0/clientConfig", {"url": "https://spy.example.org"}),
    "further kinds": lambda stored: add("/webhooks/0/rules/-", another(stored)["rules"][0]),
    "all objects": lambda _: add("/webhooks/0/objectSelector", {}),
    "all namespaces": lambda _: add("/webhooks/0/namespaceSelector", {}),
    "all requests": lambda _: add("/webhooks/0/matchConditions", []),
    "another condition": lambda _: add("/webhooks/0/matchConditions/0/expression", "true"),
    "nothing when it is down": lambda _: add("/webhooks/0/failurePolicy", "Ignore"),
    "longer": lambda _: add("/webhooks/0/timeoutSeconds", 30),
    "a label": lambda _: add("/metadata/labels", {"spy": "yes"}),
    "an owner": lambda _: add("/metadata/ownerReferences", [owner()]),
    "a finalizer": lambda _: add("/metadata/finalizers", ["spy.example.org/stays"]),
}


def owner() -> Object:
    """Return an owner that does not exist, so that the garbage collector takes away what it owns."""
    return {"apiVersion": "v1", "kind": "Namespace", "name": "none", "uid": "00000000-0000-0000-0000-000000000000"}


FOR_WORKLOADS = ("all objects", "all namespaces", "all requests", "another condition", "nothing when it is down")


@pytest.mark.parametrize("what", WEBHOOKS)
def test_webhook_configurations(rest: Rest, account: Rest, what: str) -> None:
    """Nothing of a webhook configuration changes, so that no webhook reads or changes what is not ours."""
    tried = 0
    for path, stored in configurations(rest):
        if what in ("in another order", "all others gone") and len(stored["webhooks"]) == 1:
            continue
        # The call for Environments is for all of them, and lets them pass when there is no answer.
        if what in FOR_WORKLOADS and "matchConditions" not in stored["webhooks"][0]:
            continue
        tried += 1
        answer = account.patch(f"{path}{DRY_RUN}", WEBHOOKS[what](stored), "json")

        assert refuses(answer, "changes only caBundle"), f"{path}: {answer}"
    assert tried


def test_authorities_can_change(rest: Rest, account: Rest) -> None:
    """What the operator has its right for goes on: it says which certificate authority the API server trusts."""
    for path, stored in configurations(rest):
        bundle = stored["webhooks"][-1]["clientConfig"]["caBundle"]
        twice = b64encode(b64decode(bundle) * 2).decode()

        assert account.patch(f"{path}{DRY_RUN}", add("/webhooks/0/clientConfig/caBundle", twice), "json").ok


def service(name: str, **metadata: Any) -> Object:
    """Return a Service."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, **metadata}, "spec": THEIRS}


def services(namespace: str, name: str = "") -> str:
    """Return the path of the Services of a namespace, or of one."""
    return f"/api/v1/namespaces/{namespace}/services{f'/{name}' if name else ''}"


@pytest.fixture(params=["kube-system", "a project"])
def victim(request: pytest.FixtureRequest, rest: Rest, project: str) -> Iterator[str]:
    """Return the path of a Service of somebody else."""
    namespace, name = project if request.param == "a project" else request.param, unique("theirs")
    sent(rest.create(services(namespace), service(name)))
    yield services(namespace, name)
    rest.delete(services(namespace, name))


SERVICE_CHANGES = {
    "another selector": ({"spec": {"selector": {"app": "spy"}}}, "merge"),
    "our labels": ({"metadata": {"labels": LABELS}}, "merge"),
    "our labels and another selector": (
        {"metadata": {"labels": LABELS}, "spec": {"selector": {"app": "spy"}}},
        "merge",
    ),
    "a node port": ({"spec": {"type": "NodePort"}}, "merge"),
    "as the operator applies": ({"apiVersion": "v1", "kind": "Service", "metadata": {"labels": LABELS}}, "apply"),
}


@pytest.mark.parametrize("what", SERVICE_CHANGES)
def test_services_of_others(rest: Rest, account: Rest, victim: str, what: str) -> None:
    """A Service without our labels is not changed, not even to have them, and not deleted."""
    body, kind = SERVICE_CHANGES[what]
    query = f"&fieldManager={names.FIELD_MANAGER}&force=true" if kind == "apply" else ""
    before = sent(rest.get(victim))

    assert refuses(
        answer := account.patch(f"{victim}{DRY_RUN}{query}", body, kind), "writes only what has its labels"
    ), answer
    assert refuses(answer := account.delete(victim), "writes only what has its labels"), answer
    assert before == sent(rest.get(victim))


NEW_SERVICES: dict[str, tuple[Object, Object, str]] = {
    "without labels": ({}, {}, "writes only what has its labels"),
    "without a token": (
        {"labels": {"app.kubernetes.io/managed-by": names.FIELD_MANAGER}},
        {},
        "writes only what has its labels",
    ),
    "an address of others": ({"labels": LABELS}, {"externalIPs": ["192.0.2.1"]}, "external addresses"),
    "a name of others": (
        {"labels": LABELS},
        {"type": "ExternalName", "externalName": "spy.example.org"},
        "external addresses",
    ),
}


@pytest.mark.parametrize("what", NEW_SERVICES)
def test_new_services(account: Rest, project: str, what: str) -> None:
    """What is created has our labels, and takes no address of others."""
    metadata, spec, phrase = NEW_SERVICES[what]
    made = service(unique("spy"), **metadata)

    assert refuses(
        answer := account.create(f"{services(project)}{DRY_RUN}", {**made, "spec": {**THEIRS, **spec}}), phrase
    ), answer


@pytest.mark.parametrize("namespace", names.EXEMPT_NAMESPACES)
def test_services_in_front_of_the_cluster(account: Rest, namespace: str) -> None:
    """Nothing is exposed of the namespaces in which nothing is admitted, also with our labels."""
    answer = account.create(f"{services(namespace)}{DRY_RUN}", service(unique("spy"), labels=LABELS))

    assert refuses(answer, "exposes nothing in this namespace"), answer


def test_label_lost(rest: Rest, account: Rest, project: str) -> None:
    """A Service of ours cannot be made one that is not."""
    name = unique("environment")
    sent(rest.create(services(project), service(name, labels=LABELS)))

    for key in LABELS:
        answer = account.patch(f"{services(project, name)}{DRY_RUN}", {"metadata": {"labels": {key: None}}})
        assert refuses(answer, "writes only what has its labels"), answer


def test_leases_of_others(rest: Rest, account: Rest) -> None:
    """In our namespace only Leases of addresses are made and deleted: nobody takes the lead of something else."""
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{OWN}/leases"
    name = unique("leader")
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}}
    sent(rest.create(leases, lease))

    assert refuses(account.create(f"{leases}{DRY_RUN}", {**lease, "metadata": {"name": f"{name}-2"}}), names.CLAIM)
    assert refuses(account.delete(f"{leases}/{name}"), names.CLAIM)
    sent(rest.delete(f"{leases}/{name}"))


def secret(name: str, kind: str = "Opaque", **metadata: Any) -> Object:
    """Return a Secret; one of a token has the API server write a token of an account into it."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, **metadata}, "type": kind}


def of_account(name: str) -> Object:
    """Return the annotation that says whose token a Secret is to hold."""
    return {"annotations": {"kubernetes.io/service-account.name": name}}


@pytest.mark.parametrize(
    "made",
    [
        secret("spy", TOKEN_TYPE, **of_account(names.SERVICE_ACCOUNT)),
        secret("spy"),
        registries.secret("spy", "mine", labels={names.CREDENTIALS: "true"}),
    ],
    ids=["token", "opaque", "credentials"],
)
def test_secrets_of_our_namespace(account: Rest, made: Object) -> None:
    """In our namespace the account makes no Secret but its certificate: no token, no credentials to hand out."""
    assert refuses(answer := account.create(f"{secrets(OWN)}{DRY_RUN}", made), "environment-operator-webhook"), answer


@pytest.fixture
def lets(rest: Rest, account: Rest, project: str, kube: Kube) -> str:
    """Return a project that lets the operator publish credentials."""
    let(rest, project)
    kube.until("the right to arrive", lambda: account.get(secrets(project)).ok)
    return project


def test_tokens_of_a_project(account: Rest, lets: str) -> None:
    """Where credentials are published, no Secret is made that would hold the token of a service account."""
    marks: Object = {"labels": {names.PUBLISHED_TO: lets}}
    annotations = {names.PUBLISHED_FROM: f"{OWN}/spy uid 1", **of_account("default")["annotations"]}

    for kind in (TOKEN_TYPE, "Opaque"):
        made = secret("spy", kind, **marks, annotations=annotations)
        assert refuses(answer := account.create(f"{secrets(lets)}{DRY_RUN}", made), "writes only copies"), answer


def test_secrets_of_a_project(rest: Rest, account: Rest, lets: str) -> None:
    """A Secret of the project's own is neither changed nor deleted, not even to become one of ours."""
    sent(rest.create(secrets(lets), secret("own")))
    ours = {"labels": {names.PUBLISHED_TO: lets}, "annotations": {names.PUBLISHED_FROM: f"{OWN}/own uid 1"}}

    for patch in ({"stringData": {"a": "b"}}, {"metadata": ours}):
        assert refuses(answer := account.patch(f"{secrets(lets, 'own')}{DRY_RUN}", patch), "writes only copies"), answer
    assert refuses(account.delete(secrets(lets, "own")), "writes only copies")


ENVIRONMENT_CHANGES: dict[str, Object] = {
    "the spec": {"spec": {"description": "mine"}},
    "a label": {"metadata": {"labels": {"spy": "yes"}}},
    "the override": {"metadata": {"annotations": {names.ALLOW_DELETE_IN_USE: "true"}}},
    "last applied": {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}},
    "an owner": {"metadata": {"ownerReferences": [owner()]}},
    "a finalizer": {"metadata": {"finalizers": [names.FINALIZER, "spy.example.org/stays"]}},
}


@pytest.mark.parametrize("what", ENVIRONMENT_CHANGES)
def test_environments(rest: Rest, account: Rest, what: str) -> None:
    """Of an Environment the account changes its status and its own finalizer, nothing else."""
    name = unique("env")
    sent(rest.create(ENVIRONMENTS, manifest(name)))

    answer = account.patch(f"{ENVIRONMENTS}/{name}{DRY_RUN}", ENVIRONMENT_CHANGES[what])

    assert not answer.ok
    assert "environments.dev-operator-environments" in answer.message or "publish" in answer.message, answer
    sent(account.patch(f"{ENVIRONMENTS}/{name}{DRY_RUN}", {"metadata": {"finalizers": None}}))
    sent(account.patch(f"{ENVIRONMENTS}/{name}/status{DRY_RUN}", {"status": {"observedGeneration": 1}}))
    sent(rest.delete(f"{ENVIRONMENTS}/{name}"))


def test_events_under_another_name(account: Rest, project: str) -> None:
    """Events are written under our name only, and none is changed."""
    path = f"/api/v1/namespaces/{project}/events"
    about = {"apiVersion": "v1", "kind": "Pod", "namespace": project, "name": "p"}
    event = {"metadata": {"name": "spy"}, "involvedObject": about, "reason": "Spied", "type": "Warning"}

    assert refuses(account.create(path, {**event, "reportingComponent": "kubelet"}), "under its own name")
    assert account.create(path, {**event, "reportingComponent": names.FIELD_MANAGER}).ok
    assert 403 == account.patch(f"{path}/spy", {"message": "changed"}).status


def test_pod_templates(account: Rest) -> None:
    """A PodTemplate of the account is validated and never stored, in no other namespace either."""
    made = {"metadata": {"name": "spy"}, "template": {"spec": {"containers": [{"name": "main", "image": "spy"}]}}}
    path = f"/api/v1/namespaces/{OWN}/podtemplates"

    assert account.create(f"{path}{DRY_RUN}", made).ok
    assert refuses(answer := account.create(path, made), "only as a dry run"), answer
    assert 403 == account.create(f"/api/v1/namespaces/default/podtemplates{DRY_RUN}", made).status


# What would lead to everything else, in any namespace: verb, group and resource.
NEVER = [
    ("create", "", "pods"), ("create", "apps", "deployments"), ("patch", "apps", "deployments"),
    ("get", "", "secrets"), ("list", "", "secrets"), ("create", "", "serviceaccounts/token"),
    ("create", "", "pods/exec"), ("get", "", "nodes/proxy"), ("impersonate", "", "users"),
    ("bind", "rbac.authorization.k8s.io", "clusterroles"), ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
    ("create", "rbac.authorization.k8s.io", "rolebindings"),
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings"),
    ("create", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("delete", "admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("patch", "admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("patch", "apiextensions.k8s.io", "customresourcedefinitions"), ("patch", "", "namespaces"),
    ("delete", names.GROUP, "environments"), ("create", names.GROUP, "environments"),
    ("publish", names.GROUP, "environments"), ("approve", "certificates.k8s.io", "signers"),
]  # fmt: skip


def test_no_right_to_become_more(account: Rest) -> None:
    """The account has no right from which others follow."""
    held = [each for each in NEVER if _may(account, *each)]

    assert [] == held


def _may(who: Rest, verb: str, group: str, resource: str) -> bool:
    """Return whether somebody has a right in all namespaces."""
    kind, _, sub = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": kind, "subresource": sub}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    return bool(sent(who.create(path, {**review, "spec": {"resourceAttributes": attributes}}))["status"]["allowed"])
