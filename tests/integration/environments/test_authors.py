"""Who may write Environments: RBAC as shipped, and the verb ``publish`` on everything in the scope.

- people and scopes: one table for create, edit and delete;
- names: none, all 24 allowed in both lists, one lacking, one too many;
- changes: of the scope, of the rest of the spec, of metadata, of the annotation that allows deletion in use;
- ways: create, patch, replace, server-side apply, delete, deletecollection;
- the operator's account, the garbage collector, and requests that are malformed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from cluster import Cluster
from cluster.rest import Reply, Rest
from cluster.waiting import until
from environment_operator.api import names, v1alpha1
from environment_operator.manifests.policies.publishing import MOST_NAMES
from people import (
    ADMIN,
    DEPARTMENTS,
    DRY_RUN,
    ENVIRONMENTS,
    PLURAL,
    RBAC,
    VIEWER,
    Done,
    Object,
    Person,
    at,
    author,
    bind,
    create,
    environment,
    exists,
    manifest,
    namespace,
    refusal,
    role,
    sent,
    unique,
)

OPERATOR_GROUPS = ("system:serviceaccounts", f"system:serviceaccounts:{names.SYSTEM_NAMESPACE}", "system:authenticated")
COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"
COLLECTOR_GROUPS = ("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated")
OVERRIDE: Object = {"metadata": {"annotations": {names.ALLOW_DELETE_IN_USE: "true"}}}
ANOTHER_NAME: Object = {"spec": {"displayName": "Another name"}}

# What each person lacks for each scope; what is not here is allowed. {0} is the suffix of the names in this run.
EVERYWHERE = "in all namespaces"
IN_A, IN_C = 'in namespace "a-{0}"', 'in namespace "c-{0}"'
ML, HR = f'{DEPARTMENTS} "ml-{{0}}"', f'{DEPARTMENTS} "hr-{{0}}"'
ANY = 'the verb "publish"'
REFUSED = "ValidatingAdmissionPolicy 'environments.dev-"
SCOPES: dict[str, Object] = {
    "cluster": {"cluster": True},
    "one project": {"projects": ["a"]},
    "two projects": {"projects": ["a", "b"]},
    "three projects": {"projects": ["a", "b", "c"]},
    "one department": {"departments": ["ml"]},
    "two departments": {"departments": ["ml", "hr"]},
    "mixed": {"departments": ["ml"], "projects": ["a"]},
}
NOBODY = dict(zip(SCOPES, (EVERYWHERE, IN_A, IN_A, IN_A, ML, ML, ANY), strict=True))
LACKS: dict[str, dict[str, str]] = {
    "cluster administrator": {},
    "publisher": {},
    "publisher by group": {},
    "author in a and b": {
        "cluster": EVERYWHERE,
        "three projects": IN_C,
        "one department": ML,
        "two departments": ML,
        "mixed": ML,
    },
    "author for ml": {
        "cluster": EVERYWHERE,
        "one project": IN_A,
        "two projects": IN_A,
        "three projects": IN_A,
        "two departments": HR,
        "mixed": IN_A,
    },
    "author": NOBODY,
    "viewer": dict.fromkeys(SCOPES, "cannot"),
    "operator": dict.fromkeys(SCOPES, "cannot"),
}
TABLE = [(who, scope) for who in LACKS for scope in SCOPES]


@dataclass(frozen=True)
class World:
    """The people and scopes of the table, and one Environment of each scope."""

    suffix: str
    people: Mapping[str, Person]
    scopes: Mapping[str, Object]
    environments: Mapping[str, str]

    def lacking(self, who: str, scope: str) -> str | None:
        """Return what a refusal must say; None when there must be none."""
        lacks = LACKS[who].get(scope)
        return lacks.format(self.suffix) if lacks else None


@pytest.fixture(scope="module")
def world(cluster: Cluster, rest: Rest) -> World:
    """Return the world of the table; the tests only look at it or add to it."""
    suffix = unique("x").removeprefix("x-")
    scopes = {name: _suffixed(scope, suffix) for name, scope in SCOPES.items()}
    environments = {name: unique(name.replace(" ", "-")) for name in scopes}
    create(rest, *(namespace(f"{letter}-{suffix}") for letter in "abc"))
    create(rest, *(environment(environments[name], scope) for name, scope in scopes.items()))
    return World(suffix, _people(cluster, rest, suffix), scopes, environments)


def _suffixed(scope: Object, suffix: str) -> Object:
    """Return a scope whose names nobody else uses."""
    return {
        key: [f"{name}-{suffix}" for name in value] if isinstance(value, list) else value
        for key, value in scope.items()
    }


def _people(cluster: Cluster, rest: Rest, suffix: str) -> dict[str, Person]:
    """Return the people of the table, once the API server knows what they may do."""
    people = {
        "cluster administrator": Person(cluster, unique("root")),
        "publisher": Person(cluster, unique("publisher")),
        "publisher by group": Person(cluster, unique("member"), (unique("publishers"),)),
        "viewer": Person(cluster, unique("viewer")),
    }
    roles = ("cluster-admin", ADMIN, ADMIN, VIEWER)
    create(rest, *(bind(person, to) for person, to in zip(people.values(), roles, strict=True)))
    people["viewer"].await_right("list", PLURAL)
    return {
        **people,
        "author in a and b": author(cluster, rest, "author", projects=[f"a-{suffix}", f"b-{suffix}"]),
        "author for ml": author(cluster, rest, "author", departments=[f"ml-{suffix}"]),
        "author": author(cluster, rest, "author"),
        "operator": Person(cluster, names.OPERATOR_USER, OPERATOR_GROUPS),
    }


def fits(expected: str | None, answer: Done | Reply) -> bool:
    """Return whether a request passed or was refused as expected, and never by an expression that failed."""
    said = refusal(answer)
    if expected is None or said is None:
        return expected == said
    return expected in said and "(Forbidden)" in said and "expression" not in said


@pytest.mark.parametrize(("who", "scope"), TABLE)
def test_create(world: World, who: str, scope: str) -> None:
    """Creating needs ``publish`` on everything in the scope; a refusal names what is lacking."""
    new = environment(unique("new"), world.scopes[scope])

    answer = world.people[who].rest.create(f"{ENVIRONMENTS}{DRY_RUN}", new)

    assert fits(world.lacking(who, scope), answer), answer


@pytest.mark.parametrize(("who", "scope"), TABLE)
def test_edit(world: World, who: str, scope: str) -> None:
    """Editing any field of the spec needs ``publish`` on everything in the scope."""
    expected = world.lacking(who, scope)
    if who == "operator":  # It may patch, for the finalizer, and nothing else.
        expected = REFUSED

    answer = world.people[who].rest.patch(f"{at(world.environments[scope])}{DRY_RUN}", ANOTHER_NAME)

    assert fits(expected, answer), answer


@pytest.mark.parametrize(("who", "scope"), TABLE)
def test_delete(world: World, who: str, scope: str) -> None:
    """Deleting needs ``publish`` on everything in the scope."""
    answer = world.people[who].rest.delete(f"{at(world.environments[scope])}{DRY_RUN}")

    assert fits(world.lacking(who, scope), answer), answer


@pytest.mark.parametrize(("who", "scope"), [case for case in TABLE if case[0] != "operator"])
def test_label(world: World, who: str, scope: str) -> None:
    """A change of labels needs what a change of the spec needs."""
    label = {"metadata": {"labels": {"team": "one"}}}

    answer = world.people[who].rest.patch(f"{at(world.environments[scope])}{DRY_RUN}", label)

    assert fits(world.lacking(who, scope), answer), answer


def test_every_name_is_validated() -> None:
    """The policies have a place for each name that the schema admits."""
    assert v1alpha1.MOST_NAMES == MOST_NAMES


def test_refusal_is_helpful(world: World) -> None:
    """A refusal says who lacks which verb on what, and both ways out."""
    person, project = world.people["author"], f"a-{world.suffix}"

    answer = person.rest.create(ENVIRONMENTS, environment(unique("new"), world.scopes["one project"]))

    assert (
        f'Publishing to project "{project}" needs the verb "publish" on {PLURAL} in namespace "{project}", '
        f'which "{person.name}" lacks. Ask for a RoleBinding to the ClusterRole environment-publisher there, '
        f'or remove "{project}" from spec.scope.projects'
    ) in answer.message


@dataclass(frozen=True)
class Full:
    """Two full scopes without a common name, and names outside both."""

    projects: list[str]
    departments: list[str]
    person: Person

    def scope(self, half: int) -> Object:
        """Return the first or the second scope."""
        part = slice(half * MOST_NAMES, (half + 1) * MOST_NAMES)
        return {"projects": self.projects[part], "departments": self.departments[part]}


@pytest.fixture(scope="module")
def full(cluster: Cluster, rest: Rest) -> Full:
    """Return an author who may publish to twice as many names as a scope can list."""
    suffix = unique("x").removeprefix("x-")
    projects = [f"p{number:02}-{suffix}" for number in range(2 * MOST_NAMES)]
    departments = [f"d{number:02}-{suffix}" for number in range(2 * MOST_NAMES)]
    create(rest, *map(namespace, projects))
    return Full(projects, departments, author(cluster, rest, "author", projects, departments))


class TestManyNames:
    """Scopes that are full: the cost of the checks stays within the API server's budgets."""

    def test_full_scope_passes(self, full: Full) -> None:
        """24 projects and 24 departments can be published, edited, moved to as many others, and deleted."""
        name, mine = unique("full"), full.person.rest

        answers = [
            mine.create(ENVIRONMENTS, environment(name, full.scope(0))),
            mine.patch(at(name), {"spec": {"displayName": "Full"}}),
            mine.patch(at(name), {"spec": {"scope": full.scope(1)}}),
            mine.delete(at(name)),
        ]

        assert [None] * 4 == [refusal(answer) for answer in answers]

    @pytest.mark.parametrize("listed", ["projects", "departments"])
    @pytest.mark.parametrize("place", [0, MOST_NAMES - 1])
    def test_one_lacking_is_found(self, full: Full, listed: str, place: int) -> None:
        """One name without the right among 24 is refused and named, wherever it stands."""
        scope, foreign = full.scope(0), unique("foreign")
        scope[listed][place] = foreign

        answer = full.person.rest.create(ENVIRONMENTS, environment(unique("new"), scope))

        assert fits(f'"{foreign}" needs', answer), answer

    @pytest.mark.parametrize("listed", ["projects", "departments"])
    def test_one_lacking_is_found_in_the_old_scope(self, rest: Rest, full: Full, listed: str) -> None:
        """Moving 24 and 24 names away is refused when one of them is somebody else's."""
        scope, foreign, name = full.scope(0), unique("foreign"), unique("full")
        scope[listed][-1] = foreign
        create(rest, environment(name, scope))

        answer = full.person.rest.patch(at(name), {"spec": {"scope": full.scope(1)}})

        assert fits(f'"{foreign}" needs', answer), answer

    @pytest.mark.parametrize("listed", ["projects", "departments"])
    def test_one_too_many(self, rest: Rest, full: Full, listed: str) -> None:
        """25 names are refused by the schema, for authors and administrators alike."""
        scope = {listed: [unique("name") for _ in range(MOST_NAMES + 1)]}

        answers = [by.create(ENVIRONMENTS, environment(unique("new"), scope)) for by in (full.person.rest, rest)]

        expected = f"spec.scope.{listed}: Too many: 25: must have at most 24 items"
        assert [True, True] == [expected in answer.message for answer in answers], answers


class TestScopeChanges:
    """Both the old and the new scope need the right."""

    def test_widen(self, rest: Rest, world: World) -> None:
        """Adding a project needs ``publish`` there."""
        name, person = unique("mine"), world.people["author in a and b"]
        create(rest, environment(name, world.scopes["one project"]))

        answer = person.rest.patch(at(name), {"spec": {"scope": world.scopes["three projects"]}})

        assert fits(f'Publishing to project "c-{world.suffix}" needs', answer), answer

    def test_withdraw(self, rest: Rest, world: World) -> None:
        """Taking a project away needs ``publish`` there, and the answer says to keep it."""
        name, person = unique("shared"), world.people["author in a and b"]
        create(rest, environment(name, world.scopes["three projects"]))

        answer = person.rest.patch(at(name), {"spec": {"scope": world.scopes["two projects"]}})

        assert fits(f'Withdrawing an environment from project "c-{world.suffix}" needs', answer), answer
        assert f'or keep "c-{world.suffix}" in spec.scope.projects' in answer.message

    def test_withdraw_department(self, rest: Rest, world: World) -> None:
        """Taking a department away needs ``publish`` on it."""
        name, person = unique("shared"), world.people["author for ml"]
        create(rest, environment(name, world.scopes["two departments"]))

        answer = person.rest.patch(at(name), {"spec": {"scope": world.scopes["one department"]}})

        assert fits(f'Withdrawing an environment from department "hr-{world.suffix}" needs', answer), answer

    def test_keep(self, rest: Rest, world: World) -> None:
        """For a name that stays, the answer does not propose to remove it."""
        name, person = unique("shared"), world.people["author in a and b"]
        create(rest, environment(name, world.scopes["three projects"]))

        answer = person.rest.patch(at(name), ANOTHER_NAME)

        assert fits(f'Changing an environment of project "c-{world.suffix}" needs', answer), answer
        assert "leave it to a person who has it" in answer.message

    def test_narrow_the_cluster(self, rest: Rest, world: World) -> None:
        """Who may publish to a project cannot take an Environment of the whole cluster there."""
        name, person = unique("everybody"), world.people["author in a and b"]
        create(rest, environment(name, {"cluster": True}))
        scope = {**world.scopes["one project"], "cluster": None}

        answer = person.rest.patch(at(name), {"spec": {"scope": scope}})

        assert fits("Changing an environment of the whole cluster needs", answer), answer

    def test_widen_to_the_cluster(self, rest: Rest, world: World) -> None:
        """Who may publish to a project cannot offer its Environment to the whole cluster."""
        name, person = unique("mine"), world.people["author in a and b"]
        create(rest, environment(name, world.scopes["one project"]))

        answer = person.rest.patch(at(name), {"spec": {"scope": {"projects": None, "cluster": True}}})

        assert fits("Publishing to the whole cluster needs", answer), answer
        assert "or name projects or departments in spec.scope instead" in answer.message

    def test_own_scope(self, world: World) -> None:
        """Within one's own projects everything is allowed: create, move, delete."""
        name, mine = unique("mine"), world.people["author in a and b"].rest

        answers = [
            mine.create(ENVIRONMENTS, environment(name, world.scopes["one project"])),
            mine.patch(at(name), {"spec": {"scope": world.scopes["two projects"]}}),
            mine.patch(at(name), {"spec": {"scope": world.scopes["one project"]}}),
            mine.delete(at(name)),
        ]

        assert [None] * 4 == [refusal(answer) for answer in answers]

    def test_right_withdrawn(self, cluster: Cluster, rest: Rest) -> None:
        """A right that is taken away is needed again by the next request."""
        project, name = unique("project"), unique("mine")
        create(rest, namespace(project), environment(name, {"projects": [project]}))
        person = author(cluster, rest, "author", projects=[project])
        sent(rest.delete(f"/apis/{RBAC}/v1/namespaces/{project}/rolebindings"))
        until("the right to go", lambda: not person.may(names.PUBLISH, PLURAL, project))

        answer = person.rest.delete(at(name))

        assert fits(f'Deleting an environment of project "{project}" needs', answer), answer


class TestWays:
    """All ways of writing lead through the policies."""

    @pytest.fixture
    def shared(self, world: World) -> str:
        """Return an Environment of three projects, one of which is not the author's; nobody changes it."""
        return world.environments["three projects"]

    @pytest.mark.parametrize("command", [("apply", "--server-side", "--force-conflicts"), ("apply",), ("replace",)])
    def test_manifest(self, world: World, shared: str, command: tuple[str, ...]) -> None:
        """A manifest that takes over somebody else's Environment is refused, however it is sent."""
        mine = environment(shared, world.scopes["one project"])
        # Server-side apply by somebody else takes no name out of a set: without the image this would change nothing.
        mine["spec"]["image"] = "example/mine:1"

        done = world.people["author in a and b"].kubectl(*command, "-f", "-", stdin=manifest(mine))

        assert fits(ANY, done), done.stderr

    @pytest.mark.parametrize("command", [("apply", "--server-side"), ("apply",), ("create",)])
    def test_creation(self, world: World, command: tuple[str, ...]) -> None:
        """A manifest for one's own projects is accepted, however it is sent."""
        mine = manifest(environment(unique("mine"), world.scopes["two projects"]))

        assert None is refusal(world.people["author in a and b"].kubectl(*command, "-f", "-", stdin=mine))

    def test_json_patch(self, world: World, shared: str) -> None:
        """A JSON patch of one name is validated by its result."""
        patch = [{"op": "remove", "path": "/spec/scope/projects/2"}]

        answer = world.people["author in a and b"].rest.patch(at(shared), patch, kind="json")

        assert fits(f'in namespace "c-{world.suffix}"', answer), answer

    def test_deletecollection(self, rest: Rest, world: World) -> None:
        """Deleting a collection is refused for each Environment that one may not delete."""
        name, label = unique("shared"), unique("label")
        create(rest, environment(name, world.scopes["three projects"], labels={"set": label}))

        answer = world.people["author in a and b"].rest.delete(f"{ENVIRONMENTS}?labelSelector=set%3D{label}")

        assert fits(f'in namespace "c-{world.suffix}"', answer), answer
        assert exists(rest, name)

    def test_garbage_collector(self, cluster: Cluster, shared: str) -> None:
        """The garbage collector may not publish either: it deletes no Environment without an owner."""
        answer = Person(cluster, COLLECTOR, COLLECTOR_GROUPS).rest.delete(at(shared))

        assert fits(ANY, answer), answer


class TestMetadata:
    """What people write of the metadata needs what a change of the spec needs."""

    @pytest.fixture
    def foreign(self, rest: Rest) -> str:
        """Return an Environment of the whole cluster."""
        name = unique("foreign")
        create(rest, environment(name, {"cluster": True}))
        return name

    def test_other_annotation(self, world: World, foreign: str) -> None:
        """Another annotation needs ``publish``, too."""
        change = {"metadata": {"annotations": {"note": "seen"}}}

        assert fits(EVERYWHERE, answer := world.people["author"].rest.patch(at(foreign), change)), answer
        assert None is refusal(world.people["publisher"].rest.patch(at(foreign), change))

    def test_nothing_changes(self, world: World, foreign: str) -> None:
        """A request that changes nothing passes."""
        assert None is refusal(world.people["author"].rest.patch(at(foreign), {"metadata": {"name": foreign}}))

    @pytest.mark.parametrize("value", ["true", "false", ""])
    def test_override_added(self, world: World, foreign: str, value: str) -> None:
        """Adding the annotation needs ``publish``, with any value."""
        change = {"metadata": {"annotations": {names.ALLOW_DELETE_IN_USE: value}}}

        answer = world.people["author"].rest.patch(at(foreign), change)

        assert fits(EVERYWHERE, answer), answer

    @pytest.mark.parametrize("value", ["false", None])
    def test_override_changed(self, rest: Rest, world: World, foreign: str, value: str | None) -> None:
        """Changing or removing the annotation needs ``publish``."""
        sent(rest.patch(at(foreign), OVERRIDE))
        change = {"metadata": {"annotations": {names.ALLOW_DELETE_IN_USE: value}}}

        answer = world.people["author"].rest.patch(at(foreign), change)

        assert fits(EVERYWHERE, answer), answer

    def test_override_by_publisher(self, world: World, foreign: str) -> None:
        """Who may publish may set the annotation."""
        assert None is refusal(world.people["publisher"].rest.patch(at(foreign), OVERRIDE))

    def test_override_in_own_project(self, rest: Rest, world: World) -> None:
        """An author may set the annotation on an Environment of his projects."""
        name = unique("mine")
        create(rest, environment(name, world.scopes["two projects"]))

        assert None is refusal(world.people["author in a and b"].rest.patch(at(name), OVERRIDE))


class TestOperator:
    """The operator publishes nothing, and its own writes are not validated."""

    @pytest.fixture
    def operator(self, world: World) -> Person:
        """Return the operator's account."""
        return world.people["operator"]

    @pytest.fixture
    def name(self, rest: Rest) -> str:
        """Return an Environment of the whole cluster."""
        name = unique("any")
        create(rest, environment(name, {"cluster": True}))
        return name

    def test_finalizer(self, operator: Person, name: str) -> None:
        """It puts its finalizer in and takes it out."""
        steps = ([names.FINALIZER], None, [names.FINALIZER])

        answers = [operator.rest.patch(at(name), {"metadata": {"finalizers": finalizers}}) for finalizers in steps]

        assert [None] * 3 == [refusal(answer) for answer in answers]

    def test_status(self, operator: Person, name: str) -> None:
        """It applies the status."""
        status = {**environment(name, None), "status": {"observedGeneration": 1, "scope": "cluster"}}
        del status["spec"]

        answer = operator.rest.patch(f"{at(name)}/status?fieldManager=test&force=true", status, kind="apply")

        assert None is refusal(answer)

    def test_spec(self, operator: Person, name: str) -> None:
        """It cannot change a spec."""
        answer = operator.rest.patch(at(name), {"spec": {"image": "example/other:1"}})

        assert fits(REFUSED, answer), answer

    @pytest.mark.parametrize(
        ("verb", "resource"),
        [
            ("get", "secrets"),
            ("list", "secrets"),
            ("create", "pods"),
            ("get", "configmaps"),
            ("patch", "deployments.apps"),
            ("patch", "namespaces"),
            ("create", PLURAL),
            ("update", PLURAL),
            ("delete", PLURAL),
            (names.PUBLISH, PLURAL),
            (names.PUBLISH, DEPARTMENTS),
            ("impersonate", "users"),
            ("bind", "clusterroles.rbac.authorization.k8s.io"),
        ],
    )
    def test_least(self, operator: Person, verb: str, resource: str) -> None:
        """It has no right that its work does not need."""
        assert not operator.may(verb, resource)

    @pytest.mark.parametrize("resource", ["pods", "podtemplates", "deployments.apps", "cronjobs.batch", PLURAL])
    def test_enough(self, operator: Person, resource: str) -> None:
        """It may watch what uses Environments, everywhere."""
        assert operator.may("list", resource)
        assert operator.may("watch", resource)


@pytest.fixture(scope="module")
def holders(cluster: Cluster, rest: Rest) -> Mapping[str, Person]:
    """Return somebody with each of the roles of Kubernetes, in all namespaces."""
    people = {to: Person(cluster, unique(to)) for to in ("view", "edit", "admin")}
    create(rest, *(bind(person, to) for to, person in people.items()))
    for person in people.values():
        person.await_right("list", PLURAL)
    return people


class TestRoles:
    """The shipped ClusterRoles add to those of Kubernetes."""

    def test_project_administrator(self, cluster: Cluster, rest: Rest, world: World) -> None:
        """Who is ``admin`` in a namespace may publish there, once he may write Environments at all."""
        project, other = f"a-{world.suffix}", f"b-{world.suffix}"
        person = author(cluster, rest, "author")
        create(rest, bind(person, "admin", project))
        person.await_right(names.PUBLISH, PLURAL, namespace=project)

        mine, foreign = (
            person.rest.create(ENVIRONMENTS, environment(unique("new"), {"projects": [of]})) for of in (project, other)
        )

        assert None is refusal(mine)
        assert fits(f'in namespace "{other}"', foreign), foreign

    def test_admin_role_in_a_namespace_writes_nothing(self, cluster: Cluster, rest: Rest, world: World) -> None:
        """A RoleBinding alone gives no right to write: Environments belong to the cluster."""
        project, person = f"a-{world.suffix}", Person(cluster, unique("local"))
        create(rest, bind(person, ADMIN, project))
        person.await_right(names.PUBLISH, PLURAL, namespace=project)

        answer = person.rest.create(ENVIRONMENTS, environment(unique("new"), {"projects": [project]}))

        assert fits("cannot create resource", answer), answer

    @pytest.mark.parametrize(
        ("to", "verb", "expected"),
        [
            ("view", "list", True),
            ("view", "create", False),
            ("edit", "create", True),
            ("edit", "deletecollection", True),
            ("edit", names.PUBLISH, False),
            ("admin", names.PUBLISH, True),
        ],
    )
    def test_aggregation(self, holders: Mapping[str, Person], to: str, verb: str, *, expected: bool) -> None:
        """``view`` reads, ``edit`` writes, ``admin`` publishes."""
        assert expected == holders[to].may(verb, PLURAL)

    def test_publish_by_name_is_no_publish(self, cluster: Cluster, rest: Rest) -> None:
        """A right on one Environment by its name does not open the scope."""
        name, person = unique("named"), author(cluster, rest, "author")
        publisher = role(unique("named"), (names.GROUP, names.PLURAL, [names.PUBLISH], [name]))
        create(rest, publisher, bind(person, publisher["metadata"]["name"]))
        person.await_right(names.PUBLISH, PLURAL, name=name)

        answer = person.rest.create(ENVIRONMENTS, environment(name, {"cluster": True}))

        assert fits(EVERYWHERE, answer), answer


@pytest.mark.parametrize(
    "spec",
    [
        None,
        "text",
        [],
        {},
        {"scope": None},
        {"scope": "cluster"},
        {"scope": []},
        {"scope": {}},
        {"scope": {"cluster": "yes"}},
        {"scope": {"cluster": None}},
        {"scope": {"projects": "a"}},
        {"scope": {"projects": [1]}},
        {"scope": {"projects": [None]}},
        {"scope": {"projects": None}},
        {"scope": {"departments": {"ml": True}}},
        {"scope": {"projects": [""]}},
    ],
    ids=str,
)
def test_malformed(world: World, spec: object) -> None:
    """A malformed manifest is answered by the schema, never by an expression that failed."""
    new = {**environment(unique("bad"), None), "spec": spec}

    answer = world.people["author"].rest.create(ENVIRONMENTS, new)

    assert 422 == answer.status, answer
    assert "spec" in answer.message
    assert "expression" not in answer.message
    assert "is invalid" in answer.message


def test_policies_fit_the_types(rest: Rest) -> None:
    """The API server's type checker has nothing to say about the policies."""
    listed = sent(rest.get("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"))["items"]
    ours = [policy for policy in listed if policy["metadata"]["name"].startswith(f"{names.GROUP}-")]

    assert ours
    assert [] == [policy for policy in ours if policy.get("status", {}).get("typeChecking", {})]


def test_status_is_not_the_authors(rest: Rest, world: World) -> None:
    """An author cannot write the usage that protects an Environment."""
    name, mine, change = unique("mine"), world.people["author in a and b"].rest, {"status": {"scope": "forged"}}
    create(rest, environment(name, world.scopes["one project"]))

    direct, whole = (mine.patch(path, change) for path in (f"{at(name)}/status", at(name)))

    assert fits("cannot patch resource", direct), direct
    assert None is refusal(whole)
    assert "forged" != sent(rest.get(at(name))).get("status", {}).get("scope")
