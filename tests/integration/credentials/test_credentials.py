"""Registry credentials on the real API server: published, kept in step, withdrawn, and nobody's own ever touched."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest

from environment_operator.api import names
from environment_operator.credentials import copies
from environment_operator.kube.errors import Reason
from kube import Kube, Operator
from people import Person, bind, create
from registries import (
    binding,
    found,
    holds,
    let,
    payload,
    secret,
    secrets,
    stop_letting,
    until_held,
)

NAMESPACES = "/api/v1/namespaces"
UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY
Make = Callable[..., str]


def event(kube: Kube, name: str, reason: Reason) -> str:
    """Return what an Event of a reason says about credentials, empty when there is none."""
    where = f"{NAMESPACES}/{names.SYSTEM_NAMESPACE}/events?fieldSelector=involvedObject.name={name},reason={reason}"
    return " ".join(event["message"] for event in kube.rest.get(where).body["items"])


@contextmanager
def forbidden(kube: Kube, project: str, name: str) -> Iterator[None]:
    """Have somebody's policy refuse Secrets of a project whose names begin so."""
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    named = "object.metadata.?name.orValue('') + object.metadata.?generateName.orValue('')"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": project}}
    spec = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here},
        "validations": [{"expression": f"!({named}).startsWith('{name}')"}],
    }
    bound = {"policyName": name, "validationActions": ["Deny"]}
    made = {"ValidatingAdmissionPolicy": spec, "ValidatingAdmissionPolicyBinding": bound}
    kube.apply(*({**head, "kind": kind, "spec": each} for kind, each in made.items()))
    where = f"{secrets(project)}?dryRun=All"
    kube.until("the policy", lambda: kube.rest.create(where, secret(f"{name}-x", "a")).status == UNPROCESSABLE)
    yield
    for kind in made:
        kube.kubectl("delete", kind, name)


def test_published_into_the_scope(kube: Kube, publish: Make, projects: Make) -> None:
    """A project in scope that lets the operator has a copy that says what it is; any other project has none."""
    inside, outside, closed = projects(), projects(), projects(lets=False)
    name = publish("sesame", {"projects": [inside, closed]})
    everywhere = publish("other", {"cluster": True})
    until_held(kube.rest, inside, name, payload("sesame"))
    until_held(kube.rest, outside, everywhere, payload("other"))

    copy = found(kube.rest, inside, name)
    original = found(kube.rest, names.SYSTEM_NAMESPACE, name)["metadata"]
    mark = f"{names.SYSTEM_NAMESPACE}/{name} {original['uid']} {original['resourceVersion']}"
    assert copies.TYPE == copy["type"]
    assert {names.PUBLISHED_TO: inside} == copy["metadata"]["labels"]
    assert {names.PUBLISHED_FROM: mark} == copy["metadata"]["annotations"]
    assert {} == found(kube.rest, outside, name)
    assert [{}, {}] == [found(kube.rest, closed, one) for one in (name, everywhere)]


def test_let_later(kube: Kube, publish: Make, projects: Make) -> None:
    """Who lets the operator later has everything at once."""
    project = projects(lets=False)
    name = publish("sesame", {"projects": [project]})
    let(kube.rest, project)

    until_held(kube.rest, project, name, payload("sesame"))


def test_kept_in_step(kube: Kube, publish: Make, projects: Make) -> None:
    """A changed password arrives, what somebody changes or deletes comes back, and labels of others stay."""
    project = projects()
    name = publish("first", {"projects": [project]})
    until_held(kube.rest, project, name, payload("first"))
    kube.rest.patch(secrets(project, name), {"metadata": {"labels": {"theirs": "stays"}}})
    publish("second", {"projects": [project]}, name=name)
    until_held(kube.rest, project, name, payload("second"))

    kube.rest.patch(secrets(project, name), {"data": {copies.KEY: payload("meddled")}})
    until_held(kube.rest, project, name, payload("second"))
    assert "stays" == found(kube.rest, project, name)["metadata"]["labels"]["theirs"]

    uid = found(kube.rest, project, name)["metadata"]["uid"]
    assert kube.rest.delete(secrets(project, name)).ok
    until_held(kube.rest, project, name, payload("second"))
    assert uid != found(kube.rest, project, name)["metadata"]["uid"]


def test_kept_in_step_though_it_cannot_change(kube: Kube, publish: Make, projects: Make) -> None:
    """A copy that somebody made immutable is made anew when the password changes."""
    project = projects()
    name = publish("first", {"projects": [project]})
    until_held(kube.rest, project, name, payload("first"))
    assert kube.rest.patch(secrets(project, name), {"immutable": True}).ok
    publish("second", {"projects": [project]}, name=name)

    until_held(kube.rest, project, name, payload("second"))


def test_kept_although_it_may_not_be_made_anew(kube: Kube, publish: Make, projects: Make) -> None:
    """A policy that refuses the copy with the new password leaves the earlier one, by which images are pulled."""
    project = projects()
    name = publish("first", {"projects": [project]})
    until_held(kube.rest, project, name, payload("first"))
    with forbidden(kube, project, name):
        publish("second", {"projects": [project]}, name=name)
        later = publish("later", {"projects": [project]}, name=kube.unique("later"))
        until_held(kube.rest, project, later, payload("later"))

        assert payload("first") == holds(kube.rest, project, name)


@pytest.mark.parametrize("how", ["deleted", "unlabelled", "rescoped"])
def test_withdrawn(kube: Kube, publish: Make, projects: Make, how: str) -> None:
    """Credentials that are deleted, published no more, or for somebody else are taken back."""
    project = projects()
    name = publish("sesame", {"projects": [project]})
    until_held(kube.rest, project, name, payload("sesame"))
    where = secrets(names.SYSTEM_NAMESPACE, name)
    if how == "deleted":
        assert kube.rest.delete(where).ok
    elif how == "unlabelled":
        assert kube.rest.patch(where, {"metadata": {"labels": {names.CREDENTIALS: None}}}).ok
    else:
        publish("sesame", {"projects": ["elsewhere"]}, name=name)

    until_held(kube.rest, project, name, "")


def test_departments(kube: Kube, publish: Make, projects: Make) -> None:
    """Who joins the department of a scope has its credentials, who leaves it has them no more."""
    department = kube.unique("imaging")
    project = projects(**{names.DEPARTMENT: department})
    name = publish("sesame", {"departments": [department]})
    until_held(kube.rest, project, name, payload("sesame"))
    where = f"{NAMESPACES}/{project}"
    kube.rest.patch(where, {"metadata": {"labels": {names.DEPARTMENT: None}}})
    until_held(kube.rest, project, name, "")
    kube.rest.patch(where, {"metadata": {"labels": {names.DEPARTMENT: department}}})

    until_held(kube.rest, project, name, payload("sesame"))


def test_nobodys_own_is_touched(kube: Kube, publish: Make, projects: Make) -> None:
    """A project's own Secret by that name stays as it is, with an Event, until its owner deletes it."""
    project, name = projects(), kube.unique("hub")
    assert kube.rest.create(secrets(project), secret(name, "mine")).ok
    mine = found(kube.rest, project, name)
    publish("sesame", {"projects": [project]}, name=name)
    kube.until(
        "the Event",
        lambda: f'Not published to project "{project}": it has a Secret "' in event(kube, name, Reason.NAME_TAKEN),
    )
    publish("changed", {"projects": [project]}, name=name)
    canary = publish("canary", {"projects": [project]})
    until_held(kube.rest, project, canary, payload("canary"))
    assert mine == found(kube.rest, project, name)

    assert kube.rest.delete(secrets(project, name)).ok
    until_held(kube.rest, project, name, payload("changed"))


def test_copies_of_copies(kube: Kube, publish: Make, projects: Make) -> None:
    """What somebody copied with all its labels, to another name or another project, is his and is not withdrawn."""
    project, other = projects(), projects()
    name = publish("sesame", {"projects": [project]})
    until_held(kube.rest, project, name, payload("sesame"))
    marks = {key: found(kube.rest, project, name)["metadata"][key] for key in ("labels", "annotations")}
    taken = secret(name, "mine", **marks), secret("renamed", "mine", **marks)
    assert kube.rest.create(secrets(other), taken[0]).ok
    assert kube.rest.create(secrets(project), taken[1]).ok
    kube.rest.delete(secrets(names.SYSTEM_NAMESPACE, name))
    until_held(kube.rest, project, name, "")
    canary = publish("canary", {"projects": [project, other]})
    until_held(kube.rest, project, canary, payload("canary"))
    until_held(kube.rest, other, canary, payload("canary"))

    assert [payload("mine")] * 2 == [holds(kube.rest, other, name), holds(kube.rest, project, "renamed")]


@pytest.mark.parametrize(
    ("scope", "reported"),
    [
        ("projects: [vision]", "cannot be read: Invalid JSON"),
        ('{"projets": ["vision"]}', "projets: Extra inputs are not permitted"),
        ('{"cluster": "yes"}', "cluster: Input should be a valid boolean"),
        ("{}", "has to name either the cluster, or departments and projects"),
    ],
)
def test_a_scope_that_cannot_be_read(kube: Kube, publish: Make, projects: Make, scope: str, reported: str) -> None:
    """A mistake in the scope has an Event with the way out; no project gets or loses anything by it."""
    project, other = projects(), projects()
    name = publish("sesame", {"projects": [project]})
    until_held(kube.rest, project, name, payload("sesame"))
    publish("sesame", scope, name=name)
    kube.until("the Event", lambda: reported in event(kube, name, Reason.INVALID_CREDENTIALS))
    canary = publish("canary", {"projects": [project, other]})
    until_held(kube.rest, project, canary, payload("canary"))
    until_held(kube.rest, other, canary, payload("canary"))

    assert [payload("sesame"), ""] == [holds(kube.rest, one, name) for one in (project, other)]
    assert '{"projects": ["vision"]}' in event(kube, name, Reason.INVALID_CREDENTIALS)


def test_not_let_any_more(kube: Kube, publish: Make, projects: Make) -> None:
    """Without the RoleBinding nothing of a project changes any more: what it has it keeps, and may delete."""
    project, other = projects(), projects()
    name = publish("first", {"projects": [project, other]})
    until_held(kube.rest, project, name, payload("first"))
    stop_letting(kube.rest, project)
    operator = Person(kube.cluster, names.OPERATOR_USER)
    kube.until("the right to be gone", lambda: not operator.may("create", "secrets", project))
    publish("second", {"projects": [project, other]}, name=name)
    until_held(kube.rest, other, name, payload("second"))
    assert payload("first") == holds(kube.rest, project, name)

    selector = f"{secrets(project)}?labelSelector={names.PUBLISHED_TO}"
    assert kube.rest.delete(selector).ok
    assert "" == holds(kube.rest, project, name)
    let(kube.rest, project)
    until_held(kube.rest, project, name, payload("second"))


def test_a_binding_of_another_name(operator: Operator, kube: Kube, publish: Make, projects: Make) -> None:
    """A RoleBinding of any name lets the operator: one of another name is found by the audit."""
    with operator.anew(resync_seconds=1):
        project = projects(lets=False)
        name = publish("sesame", {"projects": [project]})
        let(kube.rest, project, "of-another-name")

        until_held(kube.rest, project, name, payload("sesame"))


def test_the_admin_of_a_project_decides(kube: Kube, publish: Make, projects: Make) -> None:
    """Who administrates a project may let the operator; who edits there may not, nor anybody elsewhere."""
    project, other = projects(lets=False), projects(lets=False)
    admin, editor = Person(kube.cluster, kube.unique("ann")), Person(kube.cluster, kube.unique("ed"))
    create(kube.rest, bind(admin, "admin", project), bind(editor, "edit", project))
    admin.await_right("create", "rolebindings.rbac.authorization.k8s.io", project)
    where = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings"
    name = publish("sesame", {"projects": [project, other]})
    refused = [
        editor.rest.create(where.format(project), binding(project)),
        admin.rest.create(where.format(other), binding(other)),
    ]
    assert [403, 403] == [reply.status for reply in refused]
    assert admin.rest.create(where.format(project), binding(project)).ok

    until_held(kube.rest, project, name, payload("sesame"))


def test_a_restart_writes_nothing(operator: Operator, kube: Kube, publish: Make, projects: Make) -> None:
    """Copies that are in step are not written again when the operator starts; what changed meanwhile is put right."""
    kept, meddled = projects(), projects()
    name = publish("sesame", {"projects": [kept, meddled]})
    until_held(kube.rest, kept, name, payload("sesame"))
    until_held(kube.rest, meddled, name, payload("sesame"))
    before = found(kube.rest, kept, name)
    with operator.down():
        kube.rest.patch(secrets(meddled, name), {"data": {copies.KEY: payload("meddled")}})
    until_held(kube.rest, meddled, name, payload("sesame"))
    canary = publish("canary", {"projects": [kept]})
    until_held(kube.rest, kept, canary, payload("canary"))

    assert before == found(kube.rest, kept, name)


def test_switched_off(operator: Operator, kube: Kube, publish: Make, projects: Make) -> None:
    """With the setting off nothing is published, and nothing that was is withdrawn."""
    project = projects()
    name = publish("sesame", {"projects": [project]})
    until_held(kube.rest, project, name, payload("sesame"))
    with operator.anew(registry_credentials=False):
        kube.rest.delete(secrets(names.SYSTEM_NAMESPACE, name))
        env = kube.unique("env")
        spec = {"scope": {"cluster": True}, "architecture": "Standard", "workloadTypes": ["Training"], "image": "a:1"}
        kube.apply({"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": env}, "spec": spec})
        kube.until_ready(env)
        assert payload("sesame") == holds(kube.rest, project, name)
    until_held(kube.rest, project, name, "")


def test_no_value_leaves_the_secrets(operator: Operator, kube: Kube, publish: Make, projects: Make) -> None:
    """Passwords are in Secrets alone: in no log, not even a talkative one, no Event, annotation or metric."""
    with operator.anew(log_level="DEBUG"):
        project, password = projects(), kube.unique("pass")
        name = publish(password, {"projects": [project]})
        until_held(kube.rest, project, name, payload(password))
        publish(password, "nonsense", name=name)
        kube.until("the Event", lambda: "cannot be read" in event(kube, name, Reason.INVALID_CREDENTIALS))
        texts = [(kube.cluster.layout.log(program)).read_text() for program in ("operator", "webhook")]
        texts.append(kube.kubectl("get", "events,environments", "-A", "-o", "yaml"))
        texts += [str(found(kube.rest, where, name)["metadata"]) for where in (project, names.SYSTEM_NAMESPACE)]

    auth = b64encode(f"robot:{password}".encode()).decode()
    assert [] == [text for text in texts for leak in (password, auth, payload(password)) if leak in text]


def rights(kube: Kube, namespace: str, resource: str = "secrets", group: str = "") -> set[tuple[str, str]]:
    """Return what the operator may do in a namespace, as the API server's authorizer lists it: verb and name."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    operator = Person(kube.cluster, names.OPERATOR_USER)
    answer = operator.rest.create("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review).body["status"]
    assert not answer["incomplete"]
    return {
        (verb, name)
        for rule in answer["resourceRules"]
        if {resource, "*"} & set(rule["resources"]) and {group, "*"} & set(rule["apiGroups"])
        for verb in rule["verbs"]
        for name in rule.get("resourceNames") or ("*",)
    }


LET = {(verb, "*") for verb in ("get", "list", "watch", "create", "patch", "delete")}


def test_rights(kube: Kube, projects: Make) -> None:
    """The operator has rights on the Secrets of a project that lets it, and on none of any other."""
    project, closed = projects(), projects(lets=False)
    own = {("create", "*"), ("list", "*"), ("watch", "*")}
    certificate = {(verb, "environment-operator-webhook") for verb in ("get", "update")}

    kube.until("the right to be there", lambda: rights(kube, project) == LET)
    assert set() == rights(kube, closed)
    assert own | certificate == rights(kube, names.SYSTEM_NAMESPACE)
    assert set() == rights(kube, "kube-system")


def test_rights_on_bindings(kube: Kube, projects: Make) -> None:
    """Of all RoleBindings the operator sees those of one name, and it can make none, so it cannot let itself."""
    project = projects(lets=False)
    where = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{project}/rolebindings"
    operator = Person(kube.cluster, names.OPERATOR_USER)
    of_the_name = f"?fieldSelector=metadata.name={names.CREDENTIALS_ROLE}"

    seen = {("list", names.CREDENTIALS_ROLE), ("watch", names.CREDENTIALS_ROLE)}
    assert seen == rights(kube, project, "rolebindings", "rbac.authorization.k8s.io")
    assert operator.rest.get(f"/apis/rbac.authorization.k8s.io/v1/rolebindings{of_the_name}").ok
    assert 403 == operator.rest.get("/apis/rbac.authorization.k8s.io/v1/rolebindings").status
    assert 403 == operator.rest.create(where, binding(project)).status


def test_no_binding_for_the_whole_cluster(kube: Kube) -> None:
    """No ClusterRoleBinding gives the operator a verb on Secrets, or is for the ClusterRole of the projects."""
    group = "/apis/rbac.authorization.k8s.io/v1"
    bindings = kube.rest.get(f"{group}/clusterrolebindings").body["items"]
    account = (names.SYSTEM_NAMESPACE, names.SERVICE_ACCOUNT)
    ours = {
        item["roleRef"]["name"]
        for item in bindings
        if account in [(s.get("namespace"), s["name"]) for s in item.get("subjects") or ()]
    }
    rules = [
        (role, rule)
        for role in ours
        for rule in kube.rest.get(f"{group}/clusterroles/{role}").body.get("rules") or ()
        if {"", "*"} & set(rule.get("apiGroups", ())) and {"secrets", "*"} & set(rule.get("resources", ()))
    ]

    own = "environment-operator"
    assert {own, f"{own}-kinds", f"{own}-webhook-configurations"} == ours
    assert [] == rules
    assert [] == [item for item in bindings if item["roleRef"]["name"] == names.CREDENTIALS_ROLE]
