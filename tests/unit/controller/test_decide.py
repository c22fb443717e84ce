"""Decisions: what is done about an Environment in each state, and the laws that decisions keep."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import environment, known
from environment_operator.api import names
from environment_operator.api.status import EnvironmentStatus
from environment_operator.controller.decide import decide, wants_live_look
from environment_operator.controller.index import User
from environment_operator.controller.snapshot import LiveLook, Options, Plan, Snapshot
from environment_operator.controller.usage import Known, is_hour_old
from environment_operator.tools.index import Exposed

NOW = "2026-01-01T00:00:00Z"
DELETED = "2026-01-01T00:00:00Z"
JOB, POD = User("jobs.batch", "team", "train"), User("pods", "team", "shell")
TEMPLATE = User("podtemplates", "team", "base")


def snapshot(env: dict[str, Any], who: Known | None = None, **fields: Any) -> Snapshot:
    """Return a snapshot in which everything is known."""
    defaults: dict[str, Any] = {"departments": {"team": None}, "replacement_exists": False, "now": NOW}
    return Snapshot(environment=env, known=who or known(), **{**defaults, **fields})


def deleted(**fields: Any) -> dict[str, Any]:
    """Return an Environment that was deleted and waits."""
    env = environment(**fields)
    env["metadata"]["deletionTimestamp"] = DELETED
    return env


def looked(seconds: float, user: str | None = None) -> LiveLook:
    """Return a live look some seconds after the deletion."""
    return LiveLook(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), user)


def status_of(plan: Plan) -> dict[str, Any]:
    """Return the planned status, which there must be."""
    assert plan.status is not None
    return plan.status


def present(plan: Plan, kind: str) -> tuple[str, str, str]:
    """Return status, reason and message of a condition that the planned status must have."""
    found = condition(plan, kind)
    assert found is not None
    return found


def condition(plan: Plan, kind: str) -> tuple[str, str, str] | None:
    """Return status, reason and message of a condition in the planned status."""
    found = {c["type"]: c for c in (plan.status or {})["conditions"]}
    return (found[kind]["status"], found[kind]["reason"], found[kind]["message"]) if kind in found else None


def test_mirrored_image() -> None:
    """The status has both references of an image that is pulled from a mirror, and nothing of it else."""
    mirrored = Options(mirrors={"registry.example": "mirror.example/cache"})
    found = status_of(decide(snapshot(environment(), options=mirrored)))
    pulled = "mirror.example/cache/team/jupyter:4.2"

    assert {"declared": "registry.example/team/jupyter:4.2", "pulled": pulled} == found["image"]
    assert pulled == found["fragment"]["containers"][0]["image"]
    assert "image" not in status_of(decide(snapshot(environment())))


def test_last_change() -> None:
    """The status says when somebody changed the Environment last; what the operator writes does not count."""
    env = environment()
    env["metadata"] |= {"creationTimestamp": "2026-01-02T03:04:05Z"}
    assert "2026-01-02T03:04:05Z" == (decide(snapshot(env)).status or {})["lastUpdateTime"]
    env["metadata"]["managedFields"] = [
        {"manager": "argocd", "time": "2026-03-03T00:00:00Z"},
        {"manager": "kubectl", "time": "2026-02-02T00:00:00Z"},
        {"manager": names.FIELD_MANAGER, "time": "2026-04-04T00:00:00Z"},
        {"manager": "other", "subresource": "status", "time": "2026-05-05T00:00:00Z"},
    ]

    assert "2026-03-03T00:00:00Z" == (decide(snapshot(env)).status or {})["lastUpdateTime"]


ANOTHER = "Ask for another one with the annotation tools.environments.dev/<tool>."
NO_URL = "Tools have no URL: it rains. Use kubectl environment connect --forward."
TAKEN = (("jobs.batch/a/x", "https://h/x", "jobs.batch/b/y"), ("jobs.batch/a/z", "https://h/x", "jobs.batch/b/y"))


@pytest.mark.parametrize(
    ("exposed", "sample", "expected"),
    [
        (Exposed(), 10, None),
        (Exposed(1), 10, ("True", "Exposed", "The tools of its workloads are exposed.")),
        (
            Exposed(2, TAKEN),
            1,
            (
                "False",
                "AddressTaken",
                (
                    'jobs.batch "x" in project "a" does not get https://h/x: jobs.batch "y" in project "b" has it '
                    f"(1 more workload lacks its address). {ANOTHER}"
                ),
            ),
        ),
        (
            Exposed(2, TAKEN, "it rains"),
            0,
            (
                "False",
                "AddressTaken",
                f"Addresses are taken: 2 workloads do not get what was asked for. {ANOTHER} {NO_URL}",
            ),
        ),
        (Exposed(1, (), "it rains"), 10, ("False", "NoRoutes", NO_URL)),
    ],
)
def test_tools(exposed: Exposed, sample: int, expected: tuple[str, str, str] | None) -> None:
    """A condition says whether tools are reached, and if not who has the address, as far as names may be shown."""
    plan = decide(snapshot(environment(), exposed=exposed, options=Options(sample)))

    assert expected == condition(plan, "ToolsExposed")


LACKING = {"ExternalURL": "TOOLS_URL", "LoadBalancer": "TOOLS_LOAD_BALANCERS"}


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ([], None),
        ([{"name": "lab", "type": "JupyterNotebook", "connection": {"type": "NodePort"}}], None),
        (
            [{"name": "wandb", "type": "WeightsAndBiases", "connection": {"type": "ExternalURL", "url": "https://w"}}],
            None,
        ),
        ([{"name": "lab", "type": "JupyterNotebook"}], 'no ExternalURL for "lab". Set TOOLS_URL'),
        (
            [{"name": "lab", "type": "JupyterNotebook", "connection": {"type": "LoadBalancer"}}],
            'no LoadBalancer for "lab". Set TOOLS_LOAD_BALANCERS',
        ),
    ],
)
def test_tools_that_the_cluster_has_no_way_for(tools: list[dict[str, Any]], expected: str | None) -> None:
    """The Environment says it before anybody uses it, with the setting that helps, and only of its own tools."""
    plan = decide(snapshot(environment(tools=tools), exposed=Exposed(lacks=LACKING)))
    found = condition(plan, "ToolsExposed")

    assert (expected is None) == (found is None)
    if expected and found:
        assert ("False", "NoRoutes", True) == (*found[:2], expected in found[2])


def test_outdated() -> None:
    """Users that received something else are counted, where a refresh can reach them and anything was injected."""
    first = decide(snapshot(environment(), known())).status
    assert first is not None
    deployments = [User("deployments.apps", "team", name) for name in ("new", "old", "never")]
    hashes = (first["fragmentHash"], "v1-before", "")
    who = replace(known(), users={**dict(zip(deployments, hashes, strict=True)), JOB: "v1-before"})
    plan = decide(snapshot(environment(), who))
    assert plan.status is not None
    stalled = decide(snapshot(environment(status=plan.status, image="x" * 300), who))
    assert stalled.status is not None

    assert (4, 1) == (status_of(plan)["usage"]["total"], status_of(plan)["usage"]["outdated"])
    assert 1 == status_of(stalled)["usage"]["outdated"]


def test_a_new_environment() -> None:
    """A new Environment receives our finalizer and a status that says it is ready."""
    env = environment()
    del env["metadata"]["finalizers"]
    plan = decide(snapshot(env))

    assert plan.add_finalizer
    assert ("True", "Available", "Workloads in its scope may use it.") == condition(plan, "Ready")
    assert None is condition(plan, "Stalled")
    assert 1 == status_of(plan)["observedGeneration"]
    assert ("cluster", "Workspace,Training", "restricted") == tuple(
        status_of(plan)[k] for k in ("scope", "types", "podSecurity")
    )


def test_a_released_environment() -> None:
    """Whose finalizer was taken away since it may be deleted in use does not get it back, and its status says so;
    once the annotation is gone it is protected again.
    """
    env = environment()
    env["metadata"] |= {"finalizers": [], "annotations": {names.ALLOW_DELETE_IN_USE: "true"}}
    released = decide(snapshot(env, known(JOB)))
    env["metadata"]["annotations"] = {}

    assert not released.add_finalizer
    assert ("False", "Released") == present(released, "Ready")[:2]
    assert names.ALLOW_DELETE_IN_USE in present(released, "Ready")[2]
    assert decide(snapshot(env, known(JOB))).add_finalizer


def test_nothing_to_do() -> None:
    """When the status is as it should be, the plan is empty, at any time."""
    first = decide(snapshot(environment(), known(JOB)))
    later = snapshot(environment(status=first.status), known(JOB), now="2027-01-01T00:00:00Z")

    assert Plan() == decide(later)


def test_usage() -> None:
    """Users are counted by kind, workloads apart from templates, and named in order."""
    plan = decide(snapshot(environment(), known(POD, JOB, TEMPLATE)))
    usage = status_of(plan)["usage"]

    assert (3, 2, 1) == (usage["total"], usage["workloads"], usage["templates"])
    assert [("", "Pod"), ("", "PodTemplate"), ("batch", "Job")] == [(k["group"], k["kind"]) for k in usage["byKind"]]
    assert ["train", "shell"] == [w["name"] for w in status_of(plan)["workloads"]]
    assert ["base"] == [t["name"] for t in status_of(plan)["templates"]]
    assert ("True", "Used", "Used by 2 workloads and 1 template.") == condition(plan, "InUse")


def test_the_sample_is_bounded() -> None:
    """Only so many users are named, and the status says that there are more; with 0 nobody is named at all."""
    users = [User("pods", "team", f"p{n:02}") for n in range(20)]
    some = decide(snapshot(environment(), known(*users), options=Options(sample=3)))
    none = decide(snapshot(deleted(), known(*users), options=Options(sample=0)))

    assert ["p00", "p01", "p02"] == [w["name"] for w in status_of(some)["workloads"]]
    assert status_of(some)["truncated"]
    assert "workloads" not in status_of(none)
    assert "p00" not in present(none, "DeletionBlocked")[2]


def test_out_of_scope_users() -> None:
    """Users in projects that the scope does not include are counted; projects without a department are not in one."""
    env = environment(scope={"projects": ["a"], "departments": ["ml"]})
    users = known(*(User("pods", project, "p") for project in ("a", "b", "c")))
    plan = decide(snapshot(env, users, departments={"a": None, "b": "ml", "c": None}))

    assert 1 == status_of(plan)["usage"]["outOfScope"]


def test_unknown_projects() -> None:
    """A project of the scope that does not exist is named in a condition; the Environment is ready all the same."""
    plan = decide(snapshot(environment(scope={"projects": ["team", "typo"]})))

    message = 'spec.scope.projects: project "typo" does not exist. Create the namespace, or correct the name.'
    assert ("False", "UnknownProjects", message) == condition(plan, "ScopeResolved")
    assert "True" == present(plan, "Ready")[0]


@pytest.mark.parametrize(
    ("fields", "reason", "hint"),
    [
        ({"image": "a/" + "b" * 255}, "InvalidImage", "spec.image"),
        ({"deprecated": {"message": "m", "replacedBy": "gone"}}, "UnknownReplacement", "Create it, or name another"),
        ({"args": ["x" * 8192] * 9}, "TooLarge", "65536"),
        ({"fromTheFuture": True}, "InvalidSpec", "spec.fromTheFuture"),
    ],
)
def test_stalled(fields: dict[str, Any], reason: str, hint: str) -> None:
    """What cannot work is stalled, with a reason, words that say what to change, one Event, and no fragment."""
    plan = decide(snapshot(environment(**fields)))
    again = decide(snapshot(environment(status=plan.status, **fields)))

    assert ("True", reason) == present(plan, "Stalled")[:2]
    assert ("False", reason) == present(plan, "Ready")[:2]
    assert hint in present(plan, "Stalled")[2]
    assert [reason] == [n.reason for n in plan.notices]
    assert "fragment" not in status_of(plan)
    assert Plan() == again


TOOL = {"name": "w", "type": "Comet"}
STRICTER: dict[str, tuple[dict[str, Any], str]] = {
    "an address": (
        {"tools": [{**TOOL, "connection": {"type": "ExternalURL", "url": "javascript:alert(1)"}}]},
        'spec.tools[0].connection.url: "javascript:alert(1)" is not allowed. Write an address that begins with https://',
    ),
    "a name before the host": (
        {"tools": [{**TOOL, "connection": {"type": "ExternalURL", "url": "https://ada@x.example"}}]},
        'spec.tools[0].connection.url: "https://ada@x.example" is not allowed. Write an address that begins with',
    ),
    "a path": ({"workingDir": "w"}, 'spec.workingDir: "w" is not allowed. Write an absolute path on one line'),
    "a name": (
        {"env": [{"name": "1\n", "value": "v"}]},
        'spec.env[0].name: "1\\n" is not allowed. Write letters, digits, -, _ and ., with no digit first.',
    ),
    "a long text": (
        {"env": [{"name": "a", "value": "v" * 9000}]},
        "spec.env[0].value: 9000 characters are too many. Write at most 8192.",
    ),
    "an empty text": ({"displayName": ""}, "spec.displayName: 0 characters are too few. Write at least 1, or remove"),
    "a long list": ({"args": ["a"] * 101}, "spec.args: 101 items are too many. Write at most 100."),
    "an empty list": ({"workloadTypes": []}, "spec.workloadTypes: 0 items are too few. Write at least 1."),
    "a small number": ({"user": {"source": "Custom", "uid": -1}}, "spec.user.uid: -1 is too small. Write at least 0."),
    "a large number": (
        {"endpoint": {"port": 70000, "protocol": "HTTP"}},
        "spec.endpoint.port: 70000 is too large. Write at most 65535.",
    ),
    "fields together": ({"tty": True}, "spec.tty: tty needs stdin. Set stdin: true too."),
    "fields of an item": ({"env": [{"name": "A"}]}, "spec.env[0].value: There is no value. Give value"),
    "fields of several objects": (
        {"user": {"source": "Custom", "uid": 0}, "security": {"runAsNonRoot": True}},
        "spec.user.uid: uid 0 is root, and runAsNonRoot: true forbids it. Change one of them.",
    ),
    "no field of its own": ({"scope": {}}, "spec.scope: The scope is empty. Set cluster: true, or name at least one"),
    "a missing field": ({"tools": [{"type": "Comet"}]}, "spec.tools[0].name: required. Add the field."),
    "a type": (
        {"image": ["a"]},
        'spec.image: ["a"] is of the wrong type. Write what kubectl explain',
    ),
}
NEWER: dict[str, tuple[dict[str, Any], str]] = {
    "a field": ({"fromTheFuture": True}, "spec.fromTheFuture: unknown field. Remove it, or upgrade the operator"),
    "a value": (
        {"architecture": "Round"},
        'spec.architecture: "Round" is an unknown value. Write "Standard" or "Distributed", or upgrade the operator',
    ),
    "one of many values": (
        {"security": {"capabilities": ["FLY"]}},
        'spec.security.capabilities[0]: "FLY" is an unknown value. Write one of the values that kubectl explain',
    ),
}


@pytest.mark.parametrize("case", [*STRICTER, *NEWER])
def test_what_the_definition_refuses_today(case: str) -> None:
    """What was stored under another definition is named with its field and what to write; only a newer one is newer."""
    fields, expected = {**STRICTER, **NEWER}[case]
    status, reason, message = present(decide(snapshot(environment(**fields))), "Stalled")

    assert ("True", "InvalidSpec") == (status, reason)
    assert message.startswith(expected)
    assert (case in NEWER) == ("upgrade" in message)
    assert len(message) <= 300


def test_unknown_usage() -> None:
    """While a kind cannot be read and nobody else uses it, use is Unknown and names the kind."""
    who = known(unknown={"jobs.batch": "jobs.batch cannot be listed: no right"})
    status, reason, message = present(decide(snapshot(environment(), who)), "InUse")

    assert ("Unknown", "UsageUnknown") == (status, reason)
    assert "jobs.batch cannot be listed: no right" in message


def test_a_kind_that_was_never_listed_keeps_its_users() -> None:
    """After a restart while a kind cannot be read, its users are still counted and named as before."""
    before = decide(snapshot(environment(), known(JOB, POD))).status
    blind = known(POD, unknown={"jobs.batch": "jobs.batch cannot be listed: no right"}, blind=frozenset({"jobs.batch"}))

    assert Plan() == decide(snapshot(environment(status=before), blind))


def test_deletion_waits_for_users() -> None:
    """A deleted Environment in use stays, and says who uses it and what to do."""
    plan = decide(snapshot(deleted(), known(JOB)))
    status, reason, message = present(plan, "DeletionBlocked")

    assert not plan.release
    assert ("True", "Used") == (status, reason)
    assert 'Job "train" in project "team"' in message
    assert names.REFERENCE in message
    assert ["Used"] == [n.reason for n in plan.notices]


@pytest.mark.parametrize(
    ("who", "live", "release", "reason"),
    [
        (known(), looked(11), True, None),
        (known(), looked(10.5), False, "GracePeriod"),
        (known(), looked(11, "Pod team/new"), False, "Used"),
        (known(), None, False, "UsageUnknown"),
        (known(unknown={"pods": "pods cannot be listed: 500"}), looked(99), False, "UsageUnknown"),
        (known(JOB), looked(99), False, "Used"),
    ],
)
def test_release(who: Known, live: LiveLook | None, release: bool, reason: str | None) -> None:
    """The finalizer goes only when index and live look agree that nobody uses it and the grace period is over."""
    plan = decide(snapshot(deleted(), who, live=live))

    assert release is plan.release
    assert release or reason == present(plan, "DeletionBlocked")[1]


def test_release_by_order() -> None:
    """With the override annotation it goes at once, and an Event names those left behind."""
    env = deleted()
    env["metadata"]["annotations"] = {names.ALLOW_DELETE_IN_USE: "true"}
    plan = decide(snapshot(env, known(JOB)))

    assert plan.release
    assert ["ReleasedInUse"] == [n.reason for n in plan.notices]
    assert 'Job "train" in project "team"' in plan.notices[0].message


def test_a_foreign_finalizer_is_left_alone() -> None:
    """Once ours is gone, nothing more is done about the deletion."""
    env = deleted()
    env["metadata"]["finalizers"] = ["example.org/other"]
    plan = decide(snapshot(env))

    assert not plan.release
    assert not plan.add_finalizer


def test_when_a_live_look_is_wanted() -> None:
    """The API server is asked only when a deletion waits for nothing else."""
    assert wants_live_look(deleted(), known())
    assert not wants_live_look(environment(), known())
    assert not wants_live_look(deleted(), known(JOB))
    assert not wants_live_look(deleted(), known(unknown={"pods": "pods cannot be listed"}))


USERS = st.frozensets(
    st.builds(
        User, st.sampled_from(["jobs.batch", "pods", "podtemplates"]), st.sampled_from("ab"), st.sampled_from("xyz")
    )
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "image": st.sampled_from(["a", "a:1", "a/" + "b" * 255]),
        "scope": st.sampled_from([{"cluster": True}, {"projects": ["a"]}, {"departments": ["ml"], "projects": ["q"]}]),
        "deprecated": st.just({"message": "m", "replacedBy": "new"}),
        "createHomeDir": st.booleans(),
        "tools": st.just([{"name": "lab", "type": "JupyterNotebook"}]),
    },
)


@given(FIELDS, USERS, st.booleans(), st.booleans(), st.sampled_from([None, looked(5), looked(60)]))
def test_deciding_again_changes_nothing(
    fields: dict[str, Any], users: list[User], gone: bool, replacement_exists: bool, live: LiveLook | None
) -> None:
    """Law 6: in any state, once the plan is carried out there is nothing left to write."""
    env = deleted(**fields) if gone else environment(**fields)
    args: dict[str, Any] = {
        "departments": {"a": "ml", "b": None},
        "replacement_exists": replacement_exists,
        "live": live,
    }
    first = decide(snapshot(env, known(*users), **args))
    second = decide(
        snapshot({**env, "status": first.status or {}}, known(*users), **{**args, "now": "2030-01-01T00:00:00Z"})
    )

    assert first.release or None is second.status
    assert first.release or () == second.notices
    assert first.status is None or EnvironmentStatus.model_validate(first.status)


@given(USERS, st.booleans())
def test_nobody_in_use_is_released(users: list[User], unknown: bool) -> None:
    """Law 7: with a user, or without certainty, an Environment is never released without an order."""
    who = known(*users, **({"unknown": {"pods": "pods cannot be listed"}} if unknown else {}))
    plan = decide(snapshot(deleted(), who, live=looked(99)))

    assert plan.release is (not users and not unknown)


PROJECTS = {"team": None, "vision": "imaging", "speech": "imaging", names.SYSTEM_NAMESPACE: "imaging"}
FIELD = "spec.imagePullSecrets:"
HAVE = "Every project that uses it, or that its scope names, has its pull secrets."
CREATE = "Create the missing Secrets."
LATER = f"could not be checked. {CREATE}"
GRANT = "Create the RoleBinding environment-registry-credentials there to have Secrets checked."
OURS = {"departments": ["imaging"], "projects": ["absent"]}


@pytest.mark.parametrize(
    ("fields", "secrets", "expected"),
    [
        ({}, {"team": ["hub"]}, ("True", "Resolved", HAVE)),
        ({}, {"team": []}, ("False", "MissingPullSecrets", f'{FIELD} missing "hub" in project "team". {CREATE}')),
        ({}, {"team": None}, ("Unknown", "Unchecked", f'{FIELD} project "team" could not be checked. {GRANT}')),
        (
            {"scope": OURS, "imagePullSecrets": ["hub", "own"]},
            {"team": ["hub"], "vision": ["own"], "speech": None},
            (
                "False", "MissingPullSecrets",
                f'{FIELD} missing "hub" in project "vision", "own" in project "team"; project "speech" {LATER}',
            ),
        ),
    ],
)  # fmt: skip
def test_pull_secrets(fields: dict[str, Any], secrets: Any, expected: tuple[str, str, str]) -> None:
    """The projects that use an Environment, or that its scope names, are reported where they lack a pull secret."""
    env = environment(**{"imagePullSecrets": ["hub"], **fields})
    plan = decide(snapshot(env, known(JOB), departments=PROJECTS, secrets=secrets))

    assert expected == condition(plan, "PullSecretsFound")


def test_pull_secrets_while_nobody_knows() -> None:
    """Until every project was checked, the condition stays; there is none where nothing is checked or nothing pulls."""
    env, plain = environment(imagePullSecrets=["hub"]), environment()
    state: dict[str, Any] = {"departments": PROJECTS, "secrets": {"team": []}}
    first = decide(snapshot(env, known(JOB), **state))
    env["status"] = first.status
    unlisted = decide(snapshot(env, known(JOB), **{**state, "departments": None}))

    assert None is decide(snapshot(env, known(JOB), **{**state, "secrets": {}})).status
    assert condition(first, "PullSecretsFound") == condition(unlisted, "PullSecretsFound")
    assert None is condition(decide(snapshot(env, known(JOB), departments=PROJECTS)), "PullSecretsFound")
    assert None is condition(decide(snapshot(env, departments=PROJECTS, secrets={})), "PullSecretsFound")
    assert None is condition(decide(snapshot(plain, known(JOB), **state)), "PullSecretsFound")


@pytest.mark.parametrize(
    ("sample", "expected"),
    [(1, 'missing "hub" in projects "a" and 1 more. Create'), (0, 'missing "hub" in 2 projects. Create')],
)
def test_projects_that_may_be_named(sample: int, expected: str) -> None:
    """A condition names no more projects than the status names users."""
    env = environment(imagePullSecrets=["hub"], scope={"projects": ["a", "b"]})
    plan = decide(
        snapshot(env, departments={"a": None, "b": None}, secrets={"a": [], "b": []}, options=Options(sample=sample))
    )

    assert expected in str(condition(plan, "PullSecretsFound"))


def used(env: dict[str, Any], who: Known | None, now: str) -> str | None:
    """Return the time of the last use that a look at a time leads to, and have it in the status."""
    hour_passed = is_hour_old(env["status"], now)
    env["status"] = decide(snapshot(env, who, now=now, hour_passed=hour_passed)).status or env["status"]
    found: str | None = env["status"].get("lastUsedTime")
    return found


def test_last_use() -> None:
    """The time is there with the first user, moves when an hour has passed, and says when the last user went; looking
    again writes nothing.
    """
    env, nobody = {**environment(), "status": {}}, replace(known(), users={})
    somebody = replace(known(), users={JOB: ""})

    assert used(env, nobody, "2026-01-01T00:00:00Z") is None
    assert "2026-01-01T00:10:00Z" == used(env, somebody, "2026-01-01T00:10:00Z")
    assert "2026-01-01T00:10:00Z" == used(env, somebody, "2026-01-01T01:09:59Z")
    assert "2026-01-01T01:10:00Z" == used(env, somebody, "2026-01-01T01:10:00Z")
    assert "2026-01-01T01:20:00Z" == used(env, nobody, "2026-01-01T01:20:00Z")
    assert "2026-01-01T01:20:00Z" == used(env, nobody, "2026-02-01T00:00:00Z")


def test_last_use_while_nobody_knows() -> None:
    """While a kind cannot be read the time stays as it is."""
    env = {**environment(), "status": {}}
    assert "2026-01-01T00:10:00Z" == used(env, replace(known(), users={JOB: ""}), "2026-01-01T00:10:00Z")
    unknown = replace(known(), users={}, unknown={"jobs.batch": "it rains"})

    assert "2026-01-01T00:10:00Z" == used(env, unknown, "2026-01-01T00:20:00Z")


def test_reminded() -> None:
    """A trouble has one Event, and another one when it is to be repeated, also when nothing is written."""
    stalled = environment(image="a/" + "b" * 255)
    first = decide(snapshot(stalled))
    stalled["status"] = status_of(first)
    again, reminded = decide(snapshot(stalled)), decide(snapshot(stalled, reminded=True))

    assert ["InvalidImage"] == [str(notice.reason) for notice in first.notices]
    assert () == again.notices
    assert (first.notices, None) == (reminded.notices, reminded.status)
