"""Rendering: what each field of an Environment puts into a pod."""

from typing import Any

import pytest

from builders import spec
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.spec.fragment import HASH_VERSION, fragment_hash, pod_security, port_conflict, render

IMAGE = "registry.example/team/jupyter:4.2"


def rendered(**fields: Any) -> dict[str, Any]:
    """Return the fragment of a small spec with some fields set."""
    return render(EnvironmentSpec.model_validate(spec(**fields)))


def test_smallest() -> None:
    """An Environment that only names an image contributes the image and its pull policy."""
    assert {"containers": [{"image": IMAGE, "imagePullPolicy": "IfNotPresent"}]} == rendered()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"imagePullPolicy": "Always"}, {"imagePullPolicy": "Always"}),
        ({"image": "a"}, {"image": "a", "imagePullPolicy": "Always"}),
        ({"command": ["sh"], "args": ["-c", ""]}, {"command": ["sh"], "args": ["-c", ""]}),
        ({"workingDir": "/work"}, {"workingDir": "/work"}),
        ({"stdin": True, "tty": True}, {"stdin": True, "tty": True}),
        ({"stdin": False}, {}),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "B", "required": True}]},
            {"env": [{"name": "A", "value": "1"}]},
        ),
        ({"env": [{"name": "EMPTY", "value": ""}]}, {"env": [{"name": "EMPTY"}]}),
        (
            {"env": [{"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
            {"env": [{"name": "ME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}]},
        ),
        (
            {
                "tools": [
                    {"name": "lab", "type": "JupyterNotebook"},
                    {"name": "x", "type": "Custom", "containerPort": 9},
                ]
            },
            {
                "ports": [
                    {"name": "lab", "containerPort": 8888, "protocol": "TCP"},
                    {"name": "x", "containerPort": 9, "protocol": "TCP"},
                ]
            },
        ),
        (
            {"workloadTypes": ["Inference"], "endpoint": {"port": 8080, "protocol": "GRPC"}},
            {"ports": [{"name": "h2c", "containerPort": 8080, "protocol": "TCP"}]},
        ),
        (
            {"security": {"capabilities": ["CHOWN"], "allowPrivilegeEscalation": False, "runAsNonRoot": True}},
            {
                "securityContext": {
                    "capabilities": {"add": ["CHOWN"]},
                    "allowPrivilegeEscalation": False,
                    "runAsNonRoot": True,
                }
            },
        ),
        (
            {"readinessProbe": {"httpGet": {"port": 80}, "initialDelaySeconds": 0}},
            {
                "readinessProbe": {
                    "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
                    "timeoutSeconds": 1,
                    "periodSeconds": 10,
                    "successThreshold": 1,
                    "failureThreshold": 3,
                }
            },
        ),
    ],
)
def test_container(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each container field appears as the API server's defaulting would leave it, and nothing else does."""
    base = {"image": IMAGE, "imagePullPolicy": "IfNotPresent"}

    assert {**base, **expected} == rendered(**fields)["containers"][0]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"user": {"source": "Image"}}, {}),
        ({"user": {"source": "IdPToken"}}, {}),
        (
            {"user": {"source": "Custom", "uid": 0, "gid": 0, "supplementalGroups": [5]}},
            {"securityContext": {"runAsUser": 0, "runAsGroup": 0, "supplementalGroups": [5]}},
        ),
        ({"imagePullSecrets": ["a", "b"]}, {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]}),
        (
            {"security": {"hostNetwork": True, "hostIPC": False}},
            {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"},
        ),
    ],
)
def test_pod(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each pod field appears on the pod; ids of zero are kept, false host flags are not."""
    fragment = rendered(**fields)
    del fragment["containers"]

    assert expected == fragment


def test_home_directory() -> None:
    """A home directory is an empty volume, mounted where HOME says."""
    fragment = rendered(createHomeDir=True)

    assert [{"name": "environment-home", "emptyDir": {}}] == fragment["volumes"]
    assert [{"name": "environment-home", "mountPath": "/home/environment"}] == fragment["containers"][0]["volumeMounts"]
    assert [{"name": "HOME", "value": "/home/environment"}] == fragment["containers"][0]["env"]


def test_home_directory_of_its_own() -> None:
    """The Environment's own HOME decides where the volume is mounted, and is there once."""
    container = rendered(createHomeDir=True, env=[{"name": "HOME", "value": "/me"}])["containers"][0]

    assert [{"name": "environment-home", "mountPath": "/me"}] == container["volumeMounts"]
    assert [{"name": "HOME", "value": "/me"}] == container["env"]


def test_hash() -> None:
    """The hash names its version, follows the content, and does not depend on the order of keys."""
    fragment = rendered(env=[{"name": "A", "value": "1"}], workingDir="/w")
    container = dict(reversed(fragment["containers"][0].items()))

    assert fragment_hash(fragment).startswith(f"{HASH_VERSION}-")
    assert fragment_hash(fragment) == fragment_hash({"containers": [container]})
    assert fragment_hash(fragment) != fragment_hash(rendered(workingDir="/w"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "restricted"),
        ({"security": {"capabilities": ["NET_BIND_SERVICE"]}}, "restricted"),
        ({"security": {"allowPrivilegeEscalation": False, "runAsNonRoot": True}}, "restricted"),
        ({"security": {"capabilities": ["CHOWN"]}}, "baseline"),
        ({"security": {"allowPrivilegeEscalation": True}}, "baseline"),
        ({"security": {"runAsNonRoot": False}}, "baseline"),
        ({"user": {"source": "Custom", "uid": 0}}, "baseline"),
        ({"security": {"capabilities": ["SYS_ADMIN"]}}, "privileged"),
        ({"security": {"hostIPC": True}}, "privileged"),
        ({"security": {"hostNetwork": True}}, "privileged"),
        ({"security": {"seccompProfile": {"type": "Unconfined"}}}, "privileged"),
    ],
)
def test_pod_security(fields: dict[str, Any], expected: str) -> None:
    """The level is the strictest Pod Security Standard that the fragment does not break."""
    assert expected == pod_security(rendered(**fields))


def test_port_conflict() -> None:
    """A tool that takes the port name of the gRPC endpoint for another port is refused."""
    conflict = EnvironmentSpec.model_validate(
        spec(
            workloadTypes=["Inference"],
            endpoint={"port": 1, "protocol": "GRPC"},
            tools=[{"name": "h2c", "type": "Custom", "containerPort": 2}],
        )
    )

    assert "another name" in (port_conflict(conflict) or "")


def test_references_in_braces() -> None:
    """``${NAME}`` works as ``$(NAME)`` where there is such a variable; anything else is left to a shell."""
    fields = {
        "command": ["sh", "-c", "echo ${A} ${B} $(A) $${A}"],
        "args": ["${A}"],
        "env": [{"name": "A", "value": "1"}],
    }
    container = render(EnvironmentSpec.model_validate(spec(**fields)))["containers"][0]

    assert ["sh", "-c", "echo $(A) ${B} $(A) $${A}"] == container["command"]
    assert ["$(A)"] == container["args"]
