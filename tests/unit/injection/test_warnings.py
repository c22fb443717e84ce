"""What authors and submitters are warned of although nothing is refused."""

from typing import Any

import pytest

from builders import around, published, spec, workload
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.credentials.copies import Secrets
from environment_operator.injection.context import Project
from environment_operator.injection.mutate import admit
from environment_operator.injection.warnings import on_spec, on_use
from environment_operator.kinds.table import BUILTIN

WANDB = {
    "name": "board",
    "type": "WeightsAndBiases",
    "connection": {"type": "ExternalURL", "url": "https://wandb.example/${TEAM}"},
}
SECRET = {**WANDB, "connection": {"type": "ExternalURL", "url": "https://wandb.example/?key=${API_KEY}"}}
CUSTOM = {"source": "Custom", "uid": 1000}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"env": [{"name": "DB_PASSWORD", "value": "x"}]}, "spec.env[0].value: DB_PASSWORD looks like a secret"),
        ({"env": [{"name": "api_key", "value": "x"}]}, "spec.env[0].value: api_key"),
        ({"env": [{"name": "TOKENIZER", "value": "x"}]}, ""),
        ({"env": [{"name": "TOKEN", "value": "$(OTHER)"}]}, ""),
        ({"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}, ""),
        ({"user": CUSTOM, "security": {"capabilities": ["NET_RAW"]}}, "spec.security.capabilities"),
        ({"user": CUSTOM | {"uid": 0}, "security": {"capabilities": ["NET_RAW"]}}, ""),
        ({"security": {"runAsNonRoot": True}}, "spec.security.runAsNonRoot"),
        ({"user": CUSTOM, "security": {"runAsNonRoot": True}}, ""),
        ({"args": ["--p=${PROJECT}"]}, "spec.command or spec.args has ${PROJECT}"),
        ({"args": ["--p=${PROJECT}"], "env": [{"name": "PROJECT", "required": True}]}, ""),
        ({"tools": [WANDB]}, "spec.tools[0].connection.url has ${TEAM}, which is not a variable"),
        ({"tools": [WANDB], "env": [{"name": "TEAM", "required": True}]}, ""),
        (
            {"tools": [SECRET], "env": [{"name": "API_KEY", "required": True}]},
            "shows ${API_KEY} to all",
        ),
        ({"workingDir": "/home/$(NB_USER)"}, "spec.workingDir has $(NB_USER), which is not a variable"),
        ({"workingDir": "/home/$(NB_USER)", "env": [{"name": "NB_USER", "required": True}]}, ""),
        ({"readinessProbe": {"httpGet": {"port": 80, "path": "/$(A)"}}}, "spec.readinessProbe.httpGet.path has $(A)"),
        ({"createHomeDir": True, "env": [{"name": "HOME", "value": "/"}]}, "where HOME is /"),
        ({"createHomeDir": True, "env": [{"name": "HOME", "value": "home"}]}, "HOME is a relative path"),
        ({"env": [{"name": "HOME", "value": "/"}]}, ""),
        ({"user": CUSTOM | {"supplementalGroups": [5, 70000]}}, "spec.user.supplementalGroups: 70000 is above 65535"),
    ],
)
def test_spec(fields: dict[str, Any], expected: str) -> None:
    """An author is warned of secrets in clear text, of settings without effect and of ids that may not exist."""
    found = on_spec(EnvironmentSpec.model_validate(spec(**fields)))
    assert (1 if expected else 0) == len(found)
    assert expected in "".join(found)


def test_use() -> None:
    """A submitter is warned of a deprecated Environment."""
    assert [] == on_use(published(), around(project=Project("team")))
    (said,) = on_use(published(deprecated={"message": "old"}), around(project=Project("team")))
    assert "is deprecated: old" in said


ROOT = {"user": CUSTOM | {"uid": 0}, "overridable": ["User", "Security"]}


@pytest.mark.parametrize(
    ("fields", "pods", "level", "expected"),
    [
        ({}, {}, "restricted", ""),
        ({"security": {"hostNetwork": True}}, {}, "baseline", 'enforces "baseline"'),
        ({"security": {"hostNetwork": True}}, {}, "", ""),
        ({"security": {"hostNetwork": True}}, {}, "privileged", ""),
        (ROOT, {}, "restricted", 'enforces "restricted"'),
        (ROOT, {"hostUsers": False}, "restricted", ""),
        (ROOT, {"securityContext": {"runAsUser": 1000}}, "restricted", ""),
        ({"security": {"runAsNonRoot": False}}, {"hostUsers": False}, "restricted", ""),
        ({"security": {"hostIPC": True}}, {}, "restricted", '"privileged"'),
        ({}, {"hostNetwork": True}, "restricted", ""),
    ],
)
def test_pod_security(fields: dict[str, Any], pods: dict[str, Any], level: str, expected: str) -> None:
    """A submitter is warned of pods that the namespace will refuse, for what is injected or what the workload sets."""
    new = workload("Deployment", "w", "team", "e")
    new["spec"]["template"]["spec"].update(pods)
    del new["spec"]["template"]["spec"]["containers"][0]["image"]
    kind = next(kind for kind in BUILTIN if kind.kind == "Deployment")
    found = admit(kind, new, None, around(published(**fields), project=Project("team", level=level)))
    assert found.workload is not None, found.refusal

    assert (1 if expected else 0) == len(found.warnings)
    assert expected in "".join(found.warnings)


A, B = {"name": "A", "value": "1"}, {"name": "B", "value": "2"}
FROM = {"configMapRef": {"name": "mine"}}


@pytest.mark.parametrize(
    ("sources", "own", "overridable", "expected"),
    [
        ([FROM], [], ["Env"], "its variables A, B take precedence over spec.template.spec.containers[0].envFrom"),
        ([FROM], [A], ["Env"], "its variables B take precedence"),
        ([FROM], [], ["Env"], "Set them in env"),
        ([FROM], [], [], "Rename them there"),
        ([{"prefix": "B", **FROM}], [], ["Env"], "its variables B take precedence"),
        ([{"prefix": "C_", **FROM}], [], ["Env"], ""),
        ([], [], ["Env"], ""),
        ([FROM], [A, B], ["Env"], ""),
    ],
)
def test_env_from(sources: list[Any], own: list[Any], overridable: list[str], expected: str) -> None:
    """A submitter is warned that variables of the Environment win over what envFrom may give."""
    new = workload("Deployment", "w", "team", "e")
    new["spec"]["template"]["spec"]["containers"][0].update({"envFrom": sources, "env": own})
    del new["spec"]["template"]["spec"]["containers"][0]["image"]
    kind = next(kind for kind in BUILTIN if kind.kind == "Deployment")
    found = admit(kind, new, None, around(published(env=[A, B], overridable=overridable)))
    assert found.workload is not None, found.refusal

    assert (1 if expected else 0) == len(found.warnings)
    assert expected in "".join(found.warnings)


@pytest.mark.parametrize(
    ("named", "secrets", "expected"),
    [
        (["hub"], Secrets(), []),
        (["hub", "own"], Secrets(missing={"own"}), ['Secret "own", which project "team" does not have']),
        (
            ["hub"],
            Secrets("nobody knows"),
            ['Secret "hub", which could not be checked: nobody knows. Check that it exists.'],
        ),
        (None, Secrets("nobody knows", missing={"own"}), []),
    ],
)
def test_pull_secrets(named: list[str] | None, secrets: Secrets, expected: list[str]) -> None:
    """A submitter is warned of missing pull secrets of the Environment, and when they were not checked."""
    found = on_use(published(imagePullSecrets=named), around(project=Project("team"), secrets=secrets))

    assert len(expected) == len(found)
    assert all(words in warning for words, warning in zip(expected, found, strict=True))


def test_warned_once() -> None:
    """A new reference is warned of; an update of what is stored is not."""
    pod, kind = workload("Pod", "p", "team", "e"), BUILTIN[0]
    del pod["spec"]["containers"][0]["image"]
    known = around(published(deprecated={"message": "old"}))
    first = admit(kind, pod, None, known)
    assert first.workload is not None

    assert 1 == len(first.warnings)
    assert () == admit(kind, first.workload, first.workload, known).warnings
