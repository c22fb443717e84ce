"""Pull secrets at admission: published ones are added, named ones are looked for, and nothing is ever stopped."""

import re
from collections.abc import Callable, Iterator

import pytest

from builders import KINDS, manifest, workload
from cluster.faults import Answer, Hold, Match, Rule
from cluster.manifests import await_admission
from cluster.proxy import FaultProxy
from cluster.rest import Reply
from environment_operator.api import names
from environment_operator.cli.client import responses
from kube import ENVIRONMENTS, Kube, Operator, path_of
from people import Person
from registries import HOST, let, payload, secret, secrets, stop_letting, until_held

JOB, DEPLOYMENT = KINDS["jobs.batch"], KINDS["deployments.apps"]
Make = Callable[..., str]


def published(kube: Kube, **fields: object) -> str:
    """Return the name of a new Environment."""
    name = kube.unique("env")
    reply = kube.rest.create(ENVIRONMENTS, manifest(name, **fields))
    assert reply.ok, reply.message
    return name


def submitted(kube: Kube, project: str, environment: str | None, kind: str = "Job", **pod: object) -> Reply:
    """Return the answer to a new workload."""
    made = workload(kind, kube.unique("w"), project, environment)
    if environment:
        del made["spec"]["template"]["spec"]["containers"][0]["image"]
    made["spec"]["template"]["spec"].update(pod)
    return kube.rest.create(path_of(next(k for k in KINDS.values() if k.kind == kind), project), made)


def pulls(reply: Reply) -> list[str]:
    """Return the names of the pull secrets of a workload that was accepted."""
    assert reply.ok, reply.message
    return [secret["name"] for secret in reply.body["spec"]["template"]["spec"].get("imagePullSecrets", ())]


def test_added_without_being_named(kube: Kube, publish: Make, projects: Make) -> None:
    """What is published for the image's registry is added to what is named and what the account has."""
    project = projects()
    ours, theirs = publish("a", {"projects": [project]}), publish("b", {"projects": [project]}, "other.example")
    for name, password, host in ((ours, "a", HOST), (theirs, "b", "other.example")):
        until_held(kube.rest, project, name, payload(password, host))
    account = {"metadata": {"name": "robot"}, "imagePullSecrets": [{"name": "account"}]}
    assert kube.rest.create(f"/api/v1/namespaces/{project}/serviceaccounts", account).ok
    plain, named = published(kube), published(kube, imagePullSecrets=["mine"])
    other = published(kube, image="other.example/a:1")

    assert [ours, "account"] == pulls(submitted(kube, project, plain, serviceAccountName="robot"))
    assert ["mine", ours, "account"] == pulls(submitted(kube, project, named, serviceAccountName="robot"))
    assert [theirs, "account"] == pulls(submitted(kube, project, other, serviceAccountName="robot"))
    assert ["own", ours] == pulls(submitted(kube, project, plain, imagePullSecrets=[{"name": "own"}]))
    assert [] == pulls(submitted(kube, project, published(kube, image="third.example/a:1")))
    assert [] == pulls(submitted(kube, project, None))


def test_taken_out_again(kube: Kube, publish: Make, projects: Make) -> None:
    """Without the reference the workload is as if it had never had one, though nothing is published any more."""
    project = projects()
    name = publish("a", {"projects": [project]})
    until_held(kube.rest, project, name, payload("a"))
    own = [{"name": "main", "image": f"{HOST}/team/jupyter:4.2"}]
    reply = submitted(kube, project, published(kube), kind="Deployment", containers=own)
    plain = submitted(kube, project, None, kind="Deployment", containers=own)
    assert ([name], []) == (pulls(reply), pulls(plain))
    kube.rest.delete(secrets(names.SYSTEM_NAMESPACE, name))
    until_held(kube.rest, project, name, "")
    where = path_of(DEPLOYMENT, project, reply.body["metadata"]["name"])
    changed = kube.rest.patch(where, {"spec": {"template": {"metadata": {"labels": {"x": "y"}}}}})
    assert [name] == pulls(changed)

    label = {"metadata": {"labels": {names.REFERENCE: None}}}
    back = {"spec": {"template": {"metadata": {"labels": {"x": None}}}}}
    assert plain.body["spec"] == kube.rest.patch(where, {**label, **back}).body["spec"]


def test_only_where_the_operator_is_let(kube: Kube, publish: Make, projects: Make) -> None:
    """Elsewhere nothing is added; what is named is injected unchecked, with a warning."""
    open_, closed = projects(), projects(lets=False)
    name = publish("a", {"projects": [open_, closed]})
    until_held(kube.rest, open_, name, payload("a"))
    plain, named = published(kube), published(kube, imagePullSecrets=["mine"])
    unchecked = submitted(kube, closed, named)

    assert [] == pulls(submitted(kube, closed, plain))
    assert ["mine"] == pulls(unchecked)
    (warning,) = unchecked.warnings
    assert f'pulls its image with Secret "mine", which could not be checked: project "{closed}"' in responses.warning(
        warning
    )
    assert () == submitted(kube, closed, plain).warnings


def test_missing(kube: Kube, publish: Make, projects: Make) -> None:
    """A named Secret that the project does not have is a warning, and no reason to refuse the workload."""
    project = projects()
    name = publish("a", {"projects": [project]}, "other.example")
    until_held(kube.rest, project, name, payload("a", "other.example"))
    env = published(kube, imagePullSecrets=["mine", name])
    reply = submitted(kube, project, env)
    assert ["mine", name] == pulls(reply)
    (warning,) = reply.warnings
    assert f'Secret "mine", which project "{project}" does not have' in responses.warning(warning)

    assert kube.rest.create(secrets(project), secret("mine", "b")).ok
    assert () == submitted(kube, project, env).warnings


def test_not_somebodys_own(kube: Kube, publish: Make, projects: Make) -> None:
    """A Secret of the project's own is not what was published under its name, so nobody is made to pull with it."""
    project, name = projects(), kube.unique("hub")
    assert kube.rest.create(secrets(project), secret(name, "mine")).ok
    publish("a", {"projects": [project]}, name=name)
    other = publish("b", {"projects": [project]})
    until_held(kube.rest, project, other, payload("b"))

    assert [other] == pulls(submitted(kube, project, published(kube)))


def test_on_its_way(operator: Operator, kube: Kube, publish: Make, projects: Make) -> None:
    """What the project is about to get is added: a Secret may arrive a moment after the workload."""
    project, env = projects(), published(kube)
    person = Person(kube.cluster, names.OPERATOR_USER)
    person.await_right("get", "secrets", project)
    with operator.down():
        name = publish("a", {"projects": [project]})
        kube.until("admission to know", lambda: pulls(submitted(kube, project, env)) == [name])

    until_held(kube.rest, project, name, payload("a"))


def test_not_let_any_more(kube: Kube, publish: Make, projects: Make) -> None:
    """When a project stops to let the operator, its new workloads get nothing more, and the others keep theirs."""
    project, env = projects(), published(kube)
    name = publish("a", {"projects": [project]})
    until_held(kube.rest, project, name, payload("a"))
    before = submitted(kube, project, env, kind="Deployment")
    assert [name] == pulls(before)
    stop_letting(kube.rest, project)
    kube.until("nothing to be added", lambda: pulls(submitted(kube, project, env)) == [])

    where = path_of(DEPLOYMENT, project, before.body["metadata"]["name"])
    assert [name] == pulls(kube.rest.patch(where, {"spec": {"template": {"metadata": {"labels": {"x": "y"}}}}}))


@pytest.fixture
def doubtful(operator: Operator, proxy: FaultProxy) -> Iterator[FaultProxy]:
    """Return a proxy between admission and the API server."""
    cluster = operator.cluster
    cluster.stop("webhook")
    cluster.start_operator(server=proxy.url)
    await_admission(cluster.layout)
    yield proxy
    cluster.stop("webhook")
    cluster.start_operator()
    await_admission(cluster.layout)


QUESTIONS = Match(path="/selfsubjectaccessreviews")
LOOKS = Match(path=r"/namespaces/pull-[^/]*/secrets/")


@pytest.mark.parametrize("match", [QUESTIONS, LOOKS], ids=["may", "get"])
def test_an_api_server_that_does_not_say(
    doubtful: FaultProxy, kube: Kube, publish: Make, projects: Make, match: Match
) -> None:
    """When the API server does not answer what a project has, the workload is admitted with a warning."""
    project = projects()
    name = publish("a", {"projects": [project]})
    until_held(kube.rest, project, name, payload("a"))
    env = published(kube, imagePullSecrets=["mine"])
    doubtful.add(Rule(match, Answer(500)))
    reply = submitted(kube, project, env)

    assert ["mine"] == pulls(reply)
    assert "the API server did not answer" in "".join(reply.warnings)


def test_not_asked_in_vain(doubtful: FaultProxy, kube: Kube, projects: Make) -> None:
    """Where nothing is named and nothing is published for the image, nobody asks about Secrets."""
    project, env = projects(), published(kube, image="quiet.example/a:1")
    for match in (QUESTIONS, LOOKS):
        doubtful.add(Rule(match, Hold()))

    assert [] == pulls(submitted(kube, project, env))


def test_names_that_lead_elsewhere(doubtful: FaultProxy, kube: Kube, projects: Make) -> None:
    """A service account that cannot have its name is not asked for: the name would lead to objects of others."""
    project, env = projects(lets=False), published(kube, imagePullSecrets=["mine"])
    accounts = ("default", "../../victim/serviceaccounts/builder", "../../../../v1/pods?x=", "..", "a b")
    replies = [submitted(kube, project, env, serviceAccountName=account).status for account in accounts]
    asked = [e.path for e in doubtful.traffic.exchanges() if "accounts" in e.path or e.path == "/api/v1/pods"]

    assert [201, 422, 422, 422, 422] == replies
    assert {f"/api/v1/namespaces/{project}/serviceaccounts/default"} == set(asked)


def test_values_are_not_asked_for(doubtful: FaultProxy, kube: Kube, publish: Make, projects: Make) -> None:
    """Of a project's Secrets both roles see the metadata alone: no answer is as long as what one of them holds."""
    project = projects(lets=False)
    assert kube.rest.create(secrets(project), secret("mine", "x" * 100_000)).ok
    name = publish("sesame", {"projects": [project]})
    let(kube.rest, project)
    until_held(kube.rest, project, name, payload("sesame"))
    assert ["mine", name] == pulls(submitted(kube, project, published(kube, imagePullSecrets=["mine"])))
    seen = doubtful.traffic.exchanges(Match(path=f"/namespaces/{project}/secrets", methods=frozenset({"GET"})))

    assert {secrets(project), secrets(project, name), secrets(project, "mine")} == {one.path for one in seen}
    assert [] == [one for one in seen if one.length > 10_000]


def condition(kube: Kube, name: str, status: str, reason: str) -> str:
    """Return what the condition of an Environment says when it says so with this status."""
    message: str = kube.until_condition(name, "PullSecretsFound", status, reason)["message"]
    return message


def test_the_condition(kube: Kube, publish: Make, projects: Make) -> None:
    """The condition names the projects that lack a pull secret, at once when that changes; it is ready all the same."""
    open_, closed = projects(), projects(lets=False)
    name = kube.unique("hub")
    env = published(kube, imagePullSecrets=[name], scope={"projects": [open_, closed]})
    nobody = f'project "{closed}" could not be checked'
    condition(kube, env, "False", "MissingPullSecrets")
    wanted = f'spec.imagePullSecrets: missing "{name}" in project "{open_}"; {nobody}. Create the missing Secrets.'
    kube.until("all to be said", lambda: kube.condition(env, "PullSecretsFound")["message"] == wanted)
    assert "True" == kube.condition(env, "Ready")["status"]

    assert kube.rest.create(secrets(open_), secret(name, "mine")).ok
    assert condition(kube, env, "Unknown", "Unchecked").startswith(
        f"spec.imagePullSecrets: {nobody}. Create the RoleBinding"
    )
    assert kube.rest.delete(secrets(open_, name)).ok
    condition(kube, env, "False", "MissingPullSecrets")
    let(kube.rest, closed)
    publish("a", {"projects": [open_, closed]}, name=name)
    condition(kube, env, "True", "Resolved")
    stop_letting(kube.rest, closed)
    assert condition(kube, env, "Unknown", "Unchecked").startswith(
        f"spec.imagePullSecrets: {nobody}. Create the RoleBinding"
    )


def test_the_condition_of_users(kube: Kube, projects: Make) -> None:
    """An Environment with cluster scope reports the projects that use it, as long as they do."""
    project, env = projects(), published(kube, imagePullSecrets=[kube.unique("hub")])
    kube.until_ready(env)
    assert {} == kube.condition(env, "PullSecretsFound")
    job = submitted(kube, project, env)
    assert f'in project "{project}". Create' in condition(kube, env, "False", "MissingPullSecrets")
    assert kube.rest.delete(path_of(JOB, project, job.body["metadata"]["name"])).ok

    kube.until("nothing to be said", lambda: kube.condition(env, "PullSecretsFound") == {})


def until_all_is_said(kube: Kube, name: str) -> None:
    """Wait until a condition names what is missing and which projects could not be checked."""
    wanted = re.compile("spec.imagePullSecrets: missing .*; project .* could not be checked")

    def said() -> str:
        return str(kube.condition(name, "PullSecretsFound").get("message", ""))

    kube.until("all to be said", lambda: bool(wanted.match(said())))


def test_a_restart_posts_nothing_new(operator: Operator, kube: Kube, projects: Make) -> None:
    """While a restarted operator does not know yet what the projects have, the condition stays as it is."""
    project, other = projects(), projects(lets=False)
    env = published(kube, imagePullSecrets=[kube.unique("hub")], scope={"projects": [project, other]})
    until_all_is_said(kube, env)
    before = kube.environment(env)["metadata"]["resourceVersion"]
    operator.restart()
    marker = published(kube, imagePullSecrets=["x"], scope={"projects": [project, other]})
    until_all_is_said(kube, marker)

    assert before == kube.environment(env)["metadata"]["resourceVersion"]
