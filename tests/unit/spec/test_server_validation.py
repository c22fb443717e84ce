"""What the API server says of the pods, under the fields of an Environment."""

import re
from typing import Any

import pytest

from builders import spec
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.kube.errors import Cause
from environment_operator.spec.fragment import render
from environment_operator.spec.server_validation import field, of_node_ports, of_pod, pod_template

FULL = EnvironmentSpec.model_validate(
    spec(
        workloadTypes=["Inference", "Training"],
        endpoint={"port": 80, "protocol": "GRPC"},
        imagePullSecrets=["a", "b"],
        command=["c"],
        args=["d", "e"],
        workingDir="/w",
        env=[
            {"name": "NEEDED", "required": True},
            {"name": "HOME", "value": "/h"},
            {"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        tools=[
            {"name": "out", "type": "Comet", "connection": {"type": "ExternalURL", "url": "https://c.example"}},
            {"name": "lab", "type": "JupyterNotebook", "connection": {"type": "NodePort"}},
        ],
        user={"source": "Custom", "uid": 1, "gid": 2, "supplementalGroups": [3, 4]},
        security={"capabilities": ["CHOWN"], "seccompProfile": {"type": "RuntimeDefault"}, "runAsNonRoot": True},
        createHomeDir=True,
        readinessProbe={"httpGet": {"port": 80}},
    )
)


def leaves(node: Any, path: str = "") -> list[str]:
    """Return the paths of all values, as the API server writes them."""
    if isinstance(node, dict):
        return [each for key, value in node.items() for each in leaves(value, f"{path}.{key}" if path else key)]
    if isinstance(node, list):
        return [each for i, value in enumerate(node) for each in leaves(value, f"{path}[{i}]")]
    return [path]


def exists(path: str) -> bool:
    """Return whether a specification has a field, given or not."""
    node: Any = FULL.plain()
    for step in re.findall(r"[A-Za-z]+|\[\d+\]", path.removeprefix("spec.")):
        if step.startswith("["):
            node = node[int(step[1:-1])]
        elif step not in node:
            return True
        else:
            node = node[step]
    return True


@pytest.mark.parametrize("path", leaves(render(FULL)))
def test_every_leaf_has_a_field(path: str) -> None:
    """What the API server refuses of an injected pod is reported by its field of the spec."""
    found = field(path, render(FULL), FULL)
    assert found != "spec"
    assert exists(found)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("containers[0].env[0].value", "spec.env[1].value"),
        ("containers[0].env[1].valueFrom.fieldRef.fieldPath", "spec.env[2].valueFrom.fieldRef.fieldPath"),
        ("containers[0].ports[0].name", "spec.endpoint.protocol"),
        ("containers[0].ports[0].containerPort", "spec.endpoint.port"),
        ("containers[0].ports[1].name", "spec.tools[1].name"),
        ("containers[0].ports[1].containerPort", "spec.tools[1].containerPort"),
        ("containers[0].volumeMounts[0].mountPath", "spec.env[1].value"),
        ("containers[0].securityContext.capabilities.add[0]", "spec.security.capabilities[0]"),
        ("securityContext.supplementalGroups[1]", "spec.user.supplementalGroups[1]"),
        ("securityContext.runAsUser", "spec.user.uid"),
        ("imagePullSecrets[1].name", "spec.imagePullSecrets[1]"),
        ("containers[0].readinessProbe.httpGet.port", "spec.readinessProbe.httpGet.port"),
        ("hostNetwork", "spec.security.hostNetwork"),
        ("containers[0].env[9].name", "spec"),
        ("something.new", "spec"),
    ],
)
def test_field(path: str, expected: str) -> None:
    """Positions are those of the author's lists, from which variables without a value were left out."""
    assert expected == field(path, render(FULL), FULL)


def test_words() -> None:
    """The words are the API server's; what is not about the pod is not said."""
    causes = [
        Cause("template.spec.containers[0].image", "Required value"),
        Cause("template.spec.containers[0].image", "Required value"),
        Cause("template.spec.hostIPC", "Forbidden: no"),
        Cause("metadata.name", "Invalid value"),
    ]
    said = "spec.image: Required value; spec.security.hostIPC: Forbidden: no. Correct the field."
    assert said == of_pod(causes, render(FULL), FULL)
    assert "" == of_pod(causes[3:], render(FULL), FULL)


def test_as_much_as_fits() -> None:
    """A message has the form and length of ours, however much the API server says."""
    causes = [Cause(f"template.spec.containers[0].args[{i}]", "x" * 150 * (i + 1) + ".") for i in (0, 1)]

    assert f"spec.args[0]: {'x' * 150} (and 1 more). Correct the field." == of_pod(causes, render(FULL), FULL)
    assert f"spec.args[1]: {'x' * 189}…. Correct the field." == of_pod(causes[1:], render(FULL), FULL)


def test_pod_template() -> None:
    """What is validated is the fragment in a container that has a name."""
    found = pod_template(render(FULL))["template"]["spec"]
    assert "main" == found["containers"][0].pop("name")
    assert render(FULL) == found


@pytest.mark.parametrize(
    ("port", "expected"), [(30000, ""), (32767, ""), (80, "80 is no"), (32768, "from 30000 to 32767")]
)
def test_node_ports(port: int, expected: str) -> None:
    """A node port outside the range of the cluster is found, which no dry run of a Service finds."""
    connection = {"type": "NodePort", "assign": "Custom", "nodePort": port}
    tools = [{"name": "lab", "type": "JupyterNotebook", "connection": connection}]
    found = of_node_ports(EnvironmentSpec.model_validate(spec(tools=tools)), range(30000, 32768))
    assert (expected == "") is (found == "")
    assert expected in found
