"""One Environment as people read it."""

from typing import Any

import pytest
import yaml

from builders import KINDS, environment
from environment_operator.api import names
from environment_operator.cli.users import OUTDATED, UP_TO_DATE, User
from environment_operator.console import details

RICH: dict[str, Any] = {
    "imagePullPolicy": "Always",
    "command": ["python", "-m", "a b"],
    "user": {"source": "Custom", "uid": 0, "gid": 100, "supplementalGroups": [5, 6]},
    "security": {"capabilities": ["NET_ADMIN"], "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "endpoint": {"port": 8000, "protocol": "HTTP"},
    "createHomeDir": True,
}


def shown(**spec: Any) -> dict[str, str]:
    """Return the facts about an Environment, by title."""
    return {fact.title: fact.value for fact in details.facts(environment(**spec))}


def test_facts() -> None:
    """What an Environment gives is said in words, user 0 included."""
    assert {
        "Image": "registry.example/team/jupyter:4.2",
        "Pull policy": "Always",
        "Command": '["python", "-m", "a b"]',
        "Runs as": "user 0, group 100, supplemental groups 5, 6",
        "Home directory": "an empty one for each pod",
        "Serves": "HTTP on port 8000",
        "Security": "capabilities: NET_ADMIN, runAsNonRoot: true, seccompProfile: RuntimeDefault",
        "May be overridden": "nothing",
    } == shown(**RICH)


@pytest.mark.parametrize(
    ("user", "expected"),
    [(None, None), ({"source": "Image"}, "the user of the image"), ({"source": "IdPToken"}, "the person who submits")],
)
def test_whom_pods_run_as(user: dict[str, Any] | None, expected: str | None) -> None:
    """Each source of the user has its words; where nothing is set nothing is said."""
    found = shown(user=user).get("Runs as")

    assert found is None if expected is None else str(found).startswith(expected)


def test_how_to_use_it() -> None:
    """Manifest and command name the Environment, and have a place for each variable that has to be given."""
    wanted = [{"name": "TOKEN", "required": True, "description": "A token"}, {"name": "DATA", "value": "/data"}]
    use = details.use(environment(env=wanted), KINDS["jobs.batch"], "vision", ["--context=east"])
    made = yaml.load(use.manifest, yaml.CSafeLoader)

    assert ("vision", "jupyter") == (made["metadata"]["namespace"], made["metadata"]["labels"][names.REFERENCE])
    assert [{"name": "TOKEN", "value": "<A token>"}] == made["spec"]["template"]["spec"]["containers"][0]["env"]
    assert ["--context=east", "--environment", "jupyter"] == list(use.command[4:7])
    assert ["--kind", "jobs.batch", "--env", "TOKEN=<A token>"] == list(use.command[-4:])
    assert "&id" not in details.use(environment(), KINDS["statefulsets.apps"], "vision", []).manifest


def test_yaml_without_noise() -> None:
    """What only the API server and kubectl need is left out; other annotations stay, and nothing is changed."""
    made = environment()
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    made["metadata"] |= {"managedFields": [{}], "annotations": {**applied, "a": "b"}}

    assert {"a": "b"} == details.without_noise(made)["metadata"]["annotations"]
    assert "managedFields" not in details.without_noise(made)["metadata"]
    assert "managedFields" in made["metadata"]
    made["metadata"]["annotations"] = applied
    assert "annotations" not in details.without_noise(made)["metadata"]


@pytest.mark.parametrize(
    ("kind", "state", "allowed", "expected"),
    [
        ("deployments.apps", OUTDATED, True, ""),
        ("deployments.apps", UP_TO_DATE, False, ""),
        ("deployments.apps", OUTDATED, False, 'You lack the right to patch deployments.apps in project "vision".'),
        ("jobs.batch", OUTDATED, True, "A Job cannot change."),
    ],
)
def test_why_not_refreshed(kind: str, state: str, allowed: bool, expected: str) -> None:
    """A button that is disabled says why: by the kind first, since a right would not help there."""
    found = User(KINDS[kind], "vision", "train", "Training", "", "", state, {})
    why = details.why_not_refreshed(found, allowed=allowed)

    assert why.startswith(expected)
    assert bool(why) is bool(expected)


@pytest.mark.parametrize(("tool", "picture"), [("JupyterNotebook", "book"), ("MLflow", "chart"), ("Custom", "plug")])
def test_pictures(tool: str, picture: str) -> None:
    """Each type of tools has a picture of what it is for."""
    assert picture == details.icon(tool)
