"""One Environment and its users in words."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from builders import KINDS, environment
from environment_operator.api import names
from environment_operator.cli.output import describe
from environment_operator.cli.output.describe import Known
from environment_operator.cli.users import HEADER, NOT_FILLED_IN, OUTDATED, UP_TO_DATE, User, Users, user
from environment_operator.injection.merge import Record
from environment_operator.injection.record import Entry

NOW = datetime(2026, 1, 2, tzinfo=UTC)
JOB = KINDS["jobs.batch"]
DEPLOYMENT = KINDS["deployments.apps"]


def found(status: dict[str, Any] | None = None, hashed: str = "", **spec: Any) -> dict[str, Any]:
    """Return an object with a status and a spec, filled in where a hash is given."""
    main = ("spec", "containers", "main")
    record = {"spec/template": Entry("jupyter", 1, hashed, "tokentok", main, Record()).as_json()}
    annotations = {"annotations": {names.RECORD: json.dumps(record)}} if hashed else {}
    meta = {"name": "train", "namespace": "vision", "creationTimestamp": "2026-01-01T00:00:00Z", **annotations}
    return {"metadata": meta, "spec": spec, "status": status or {}}


@pytest.mark.parametrize(
    ("each", "status"),
    [
        (found({"phase": "Running"}), "Running"),
        (found({"readyReplicas": 1}, replicas=3), "1/3 ready"),
        (found({}, replicas=2), "0/2 ready"),
        (found({"desiredNumberScheduled": 4, "numberReady": 2}), "2/4 ready"),
        (found({"active": 1}), "Running"),
        (found({}, suspend=True), "Suspended"),
        (found({"conditions": [{"type": "Complete", "status": "True"}]}), "Complete"),
        (
            found(
                {
                    "conditions": [
                        {"type": "Succeeded", "status": "True", "lastTransitionTime": "2026-01-01T02:00:00Z"},
                        {"type": "Created", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
                        {"type": "Failed", "status": "False", "lastTransitionTime": "2026-01-01T03:00:00Z"},
                    ]
                }
            ),
            "Succeeded",
        ),
        (found(), ""),
    ],
)
def test_status_of_a_user(each: dict[str, Any], status: str) -> None:
    """The state of a workload is what its kind has: phase, replicas, conditions, whether it is stopped."""
    assert status == user(JOB, each, "jupyter", "v1-a").status


def test_a_user_that_goes() -> None:
    """A user that is being deleted says so."""
    each = found({"phase": "Running"})
    each["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert "Terminating" == user(JOB, each, "jupyter", "v1-a").status


@pytest.mark.parametrize(
    ("hashed", "today", "state"),
    [
        ("v1-a", "v1-a", UP_TO_DATE),
        ("v1-a", "v1-b", OUTDATED),
        ("v1-a", "", UP_TO_DATE),
        ("", "v1-a", NOT_FILLED_IN),
    ],
)
def test_state_of_a_user(hashed: str, today: str, state: str) -> None:
    """A user is outdated when what was injected is not what the Environment is today."""
    assert state == user(JOB, found(hashed=hashed), "jupyter", today).state


@pytest.mark.parametrize("annotation", ["", "[]", "{", '{"spec": 1}', '{"spec": {"env": "jupyter"}}'])
def test_a_record_that_cannot_be_read(annotation: str) -> None:
    """With any text as record, the user is shown."""
    each = found()
    each["metadata"]["annotations"] = {names.RECORD: annotation}

    assert NOT_FILLED_IN == user(JOB, each, "jupyter", "v1-a").state


def test_row_of_a_user() -> None:
    """An outdated user of a kind that cannot change says that, too."""
    outdated = user(JOB, found({"active": 1}, "v1-a"), "jupyter", "v1-b")

    assert ("Job", "vision", "train", "Training", "Running", "1d", "outdated, a Job cannot change") == outdated.row(NOW)
    assert len(HEADER) == len(outdated.row(NOW))
    assert "Job vision/train" == str(outdated)
    assert user(DEPLOYMENT, found(), "jupyter", "").refreshable


SEEN = (user(JOB, found(), "jupyter", ""),)


@pytest.mark.parametrize(
    ("users", "words", "possible"),
    [
        (Users(), "0", False),
        (Users(SEEN, counted=2), "1", True),
        (Users(counted=2), "2 by the operator's count, of which you may see 0", True),
        (Users(SEEN, ["Pod"], 3), "3 by the operator's count, of which you may see 1", True),
        (Users(unread=["Pod"], counted=0), "0 by the operator's count, of which you may see 0", True),
        (Users(SEEN, ["Pod"]), "1 that you may see", True),
    ],
)
def test_how_many_users(users: Users, words: str, possible: bool) -> None:
    """Where not all users can be seen, the operator's count is said; nobody is taken for none who is not seen."""
    assert (words, possible) == (str(users), users.are_possible)


def said(kind: str, status: str, message: str) -> dict[str, str]:
    """Return a condition."""
    return {"type": kind, "status": status, "message": message}


def known(*users: User, **fields: Any) -> Known:
    """Return what was read of an Environment with some fields."""
    base = {"projects": {"vision": "ml", "speech": "ml", "audio": None}, "events": [], "fragment": "containers: []\n"}
    spec = {k: v for k, v in fields.items() if k not in (*base, "status")}
    given = {**base, **{k: v for k, v in fields.items() if k in base}}
    made = environment("jupyter", status=fields.get("status", {}), **spec)
    return Known(environment=made, users=Users(users), context="west", now=NOW, **given)


def test_scope_is_a_tree() -> None:
    """Departments show the projects that they have, named projects whether they exist."""
    text = describe.description(known(scope={"departments": ["ml", "empty"], "projects": ["audio", "later"]}))

    assert (
        "Scope:\n  department ml\n  ├─ project speech\n  └─ project vision\n  department empty\n  └─ no project yet\n"
        "  project audio\n  project later (does not exist yet)\n"
    ) in text


def test_scope_without_the_right_to_see_projects() -> None:
    """Who may not list namespaces reads that, and nothing is claimed of them."""
    text = describe.description(known(scope={"departments": ["ml"], "projects": ["later"]}, projects=None))

    assert "└─ its projects: you may not list namespaces\n  project later\n" in text


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"status": {"conditions": [{"type": "Stalled", "status": "True", "message": "bad image"}]}}, "Stalled: bad"),
        ({"status": {"conditions": [said("ScopeResolved", "False", "no audio")]}}, "no audio"),
        ({"status": {"conditions": [said("PullSecretsFound", "Unknown", "nobody looked")]}}, "nobody looked"),
        ({"status": {"conditions": [said("ToolsExposed", "False", "no route")]}}, "no route"),
        ({"status": {"usage": {"outOfScope": 2}}}, "2 of its users are in projects"),
        ({"deprecated": {"message": "old", "replacedBy": "new"}}, "deprecated: old; use new instead"),
        ({"security": {"capabilities": ["SYS_PTRACE"]}, "user": {"source": "Custom", "uid": 7}}, "SYS_PTRACE"),
    ],
)
def test_warnings(fields: dict[str, Any], warning: str) -> None:
    """What its author or its users should know is said."""
    assert warning in "\n".join(describe.warnings(known(**fields)))


def test_an_environment_without_trouble_has_no_warnings() -> None:
    """Nothing to say is said as nothing."""
    assert [] == list(describe.warnings(known(status={"conditions": [said("PullSecretsFound", "True", "found")]})))
    assert "Warnings: none\n" in describe.description(known())


def test_everything_is_there() -> None:
    """Tools, variables and where they come from, users, Events, and what is injected are shown; nothing acts on
    the terminal.
    """
    secret = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}
    text = describe.description(
        known(
            user(JOB, found({"active": 1}, "v1-a"), "jupyter", "v1-a"),
            description="a\x1b[31mb",
            tools=[{"name": "lab", "type": "JupyterNotebook"}],
            env=[{"name": "DATA", "value": "/d"}, secret, {"name": "USER_ID", "required": True}],
            events=[{"type": "Warning", "reason": "Used", "message": "by somebody", "metadata": {}}],
        )
    )

    assert "lab    JupyterNotebook   8888   ExternalURL" in text
    for line in ("DATA      /d", "secret hub, key token", "given by each workload"):
        assert line in text
    for line in ("Job    vision    train   Training", "Warning   Used", "containers: []", "a\\x1b[31mb"):
        assert line in text
