"""Inference kinds: the endpoint is where they serve, and what Knative would refuse is refused by us, in words."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import around, published
from environment_operator.api import names
from environment_operator.injection.context import Outcome
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.spec.fragment import render
from third_party import containers, row_of, user
from unit.injection.test_laws import SPECS

Object = dict[str, Any]
LAB = {"name": "lab", "type": "JupyterNotebook"}
HTTP, GRPC = {"port": 8080, "protocol": "HTTP"}, {"port": 8080, "protocol": "GRPC"}
TCP = {"containerPort": 8080, "protocol": "TCP"}
KNATIVE = row_of("knative-service")


def environment(**fields: Any) -> Any:
    """Return an Environment for inference."""
    return published("e", **{"image": "env:1", "workloadTypes": ["Inference"], "endpoint": HTTP, **fields})


def asked(word: str, **container: Any) -> Object:
    """Return a sample whose containers have some fields."""
    made = user(word, "w", "team", "e")
    for one in containers(word, made):
        one.update(copy.deepcopy(container))
    return made


def admitted(word: str, known: Any, **container: Any) -> Outcome:
    """Return what becomes of a sample, which passes."""
    outcome = admit(row_of(word), asked(word, **container), None, around(known))
    assert outcome.workload is not None, outcome.refusal
    assert approve(row_of(word), outcome.workload, None, around(known)).workload is not None
    return outcome


@pytest.mark.parametrize(
    ("endpoint", "tools", "expected"),
    [
        (HTTP, [LAB], [TCP, {"name": "lab", "containerPort": 8888, "protocol": "TCP"}]),
        (GRPC, [LAB], [{"name": "h2c", **TCP}, {"name": "lab", "containerPort": 8888, "protocol": "TCP"}]),
        (GRPC, [{"name": "own", "type": "Custom", "containerPort": 8080}], [{"name": "h2c", **TCP}]),
    ],
)
def test_the_endpoint_comes_first(endpoint: Object, tools: list[Object], expected: list[Object]) -> None:
    """The first port is the endpoint's, which is where KServe serves."""
    spec = environment(endpoint=endpoint, tools=tools).spec

    assert expected == render(spec)["containers"][0]["ports"]


@pytest.mark.parametrize("word", ["knative-service", "inferenceservice", "inferenceservice-custom"])
@pytest.mark.parametrize(("endpoint", "expected"), [(HTTP, [TCP]), (GRPC, [{"name": "h2c", **TCP}])])
def test_the_serving_port(word: str, endpoint: Object, expected: list[Object]) -> None:
    """Kinds that serve on one port declare that of the endpoint alone, named as the protocol needs it."""
    outcome = admitted(word, environment(endpoint=endpoint, tools=[LAB]))
    assert outcome.workload is not None

    assert {str(expected)} == {str(one["ports"]) for one in containers(word, outcome.workload) if "ports" in one}
    assert [] == list(outcome.warnings)


@pytest.mark.parametrize("word", ["knative-service", "inferenceservice-custom"])
@pytest.mark.parametrize(
    ("endpoint", "own", "warning"),
    [
        (HTTP, {"containerPort": 9000}, "serves HTTP on port 8080, and the workload declares port 9000"),
        (GRPC, {"containerPort": 8080, "protocol": "TCP"}, "declares that port without the name"),
        (GRPC, {"containerPort": 8080, "protocol": "TCP", "name": "h2c"}, ""),
    ],
)
def test_a_port_of_the_submitters_own(word: str, endpoint: Object, own: Object, warning: str) -> None:
    """The submitter's own port is kept as the only one, with a warning where it does not match the endpoint."""
    known = environment(endpoint=endpoint)
    outcome = admitted(word, known, ports=[own], image="env:1")
    assert outcome.workload is not None
    stored = outcome.workload
    assert {str([own])} == {str(one["ports"]) for one in containers(word, stored)}
    warnings = [each for each in outcome.warnings if "repeats" not in each]
    assert warning in "".join(warnings)
    assert bool(warning) == bool(warnings)

    assert stored == admit(row_of(word), stored, None, around(known)).workload
    assert stored == admit(row_of(word), stored, stored, around()).workload
    freed = copy.deepcopy(stored)
    del freed["metadata"]["labels"][names.REFERENCE]
    plain = asked(word, ports=[own], image="env:1")
    assert plain["spec"] == (admit(row_of(word), freed, stored, around()).workload or {})["spec"]


def test_a_port_that_comes_later() -> None:
    """When a submitter turns to another port, that of the Environment goes."""
    known = environment()
    stored = admitted("knative-service", known).workload
    outcome = admit(KNATIVE, asked("knative-service", ports=[{"containerPort": 9000}]), stored, around())
    assert outcome.workload is not None

    assert [{"containerPort": 9000}] == containers("knative-service", outcome.workload)[0]["ports"]


@pytest.mark.parametrize("port", [9, 8080])
@pytest.mark.parametrize("word", ["inferenceservice-custom", "inferenceservice"])
def test_a_port_outside_the_main_container(word: str, port: int) -> None:
    """The whole pod has one port: where another container has it, the main one has none, and a warning says so."""
    known, row, made = environment(), row_of(word), asked(word)
    other = {"name": "transformer-container", "image": "a:1", "ports": [{"containerPort": port}]}
    made["spec"]["predictor"].setdefault("containers", []).append(other)
    outcome = admit(row, made, None, around(known))
    assert outcome.workload is not None, outcome.refusal

    assert "ports" not in containers(word, outcome.workload)[0]
    assert (port != 8080) == any(f"the workload declares port {port}" in warning for warning in outcome.warnings)


@pytest.mark.parametrize("own", [None, {"containerPort": 8080}, {"containerPort": 9000}])
@pytest.mark.parametrize("word", ["servingruntime", "clusterservingruntime"])
def test_port_of_a_runtime(word: str, own: Object | None) -> None:
    """A runtime has its own port, or that of the endpoint, and none of the tools."""
    made = asked(word)
    if own:
        containers(word, made)[0]["ports"] = [own]
    outcome = admit(row_of(word), made, None, around(environment(tools=[LAB])))
    assert outcome.workload is not None, outcome.refusal

    assert [own or TCP] == containers(word, outcome.workload)[0]["ports"]


def test_worker_whose_image_comes_from_the_runtime() -> None:
    """A worker without an image is admitted, and the reference goes again without one."""
    row, known, made = row_of("inferenceservice"), environment(), asked("inferenceservice")
    made["spec"]["predictor"]["workerSpec"] = {"containers": [{"name": "worker-container", "resources": {}}]}
    del made["spec"]["transformer"]
    before = copy.deepcopy(made)
    del before["metadata"]["labels"]
    stored = admit(row, made, before, around(known)).workload
    assert stored is not None
    freed = copy.deepcopy(stored)
    del freed["metadata"]["labels"]
    outcome = admit(row, freed, stored, around())
    assert outcome.workload is not None, outcome.refusal

    assert before["spec"] == outcome.workload["spec"]


@pytest.mark.parametrize(
    ("fields", "field", "feature"),
    [
        ({"user": {"source": "Custom", "supplementalGroups": [5]}}, "securityContext", "podspec-securitycontext"),
        (
            {"security": {"capabilities": ["CHOWN"]}}, "container.securityContext.capabilities",
            "containerspec-addcapabilities",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
            "container.env.valueFrom.fieldRef", "podspec-fieldref",
        ),
        ({"env": [{"name": "PORT", "value": "1"}]}, "container.env[PORT]", ""),
        ({"env": [{"name": "K_SERVICE", "value": "1"}]}, "container.env[K_SERVICE]", ""),
        ({"endpoint": {"port": 8012, "protocol": "HTTP"}}, "container.ports[8012]", ""),
    ],
)  # fmt: skip
def test_what_knative_refuses(fields: Object, field: str, feature: str) -> None:
    """The refusal names the field, and the feature that an administrator would have to turn on, if there is one."""
    refusal = admit(KNATIVE, asked("knative-service"), None, around(environment(**fields))).refusal

    assert f"sets {field}, for which a Service has no field" in refusal
    assert (f"unless its feature kubernetes.{feature} is on" in refusal) == bool(feature)
    assert ("add a row for services.serving.knative.dev that has it" in refusal) == bool(feature)


POD_FIELDS = {"containers", "volumes", "imagePullSecrets", "serviceAccountName", "enableServiceLinks"}
CONTAINER_FIELDS = {
    "name", "args", "command", "env", "workingDir", "envFrom", "image", "imagePullPolicy", "livenessProbe", "ports",
    "readinessProbe", "resources", "securityContext", "startupProbe", "terminationMessagePath",
    "terminationMessagePolicy", "volumeMounts",
}  # fmt: skip
SECURITY_FIELDS = {
    "capabilities", "readOnlyRootFilesystem", "runAsUser", "runAsGroup", "runAsNonRoot", "allowPrivilegeEscalation",
    "seccompProfile",
}  # fmt: skip


def knative_refuses(service: Object) -> list[str]:
    """Return what Knative's webhook would refuse, as far as an Environment can bring it about.

    Written from https://github.com/knative/serving, v1.23, pkg/apis/serving, with the features that are on by default.
    """
    pod = service["spec"]["template"]["spec"]
    wrong = [f"pod {key}" for key in pod.keys() - POD_FIELDS]
    ports = [port for container in pod["containers"] for port in container.get("ports", ())]
    wrong += ["more than one port"] if len(ports) > 1 else []
    wrong += [f"port {p}" for p in ports if p.get("name", "") not in ("", "h2c", "http1")]
    wrong += [f"reserved {p}" for p in ports if p["containerPort"] in (8008, 8012, 8013, 8022, 9090, 9091)]
    for container in pod["containers"]:
        wrong += [f"container {key}" for key in container.keys() - CONTAINER_FIELDS]
        security = container.get("securityContext", {})
        wrong += [f"security {key}" for key in security.keys() - SECURITY_FIELDS]
        wrong += ["capabilities"] if (security.get("capabilities") or {}).get("add") else []
        for variable in container.get("env", ()):
            reserved = variable["name"] in ("PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION")
            wrong += [f"variable {variable}"] if reserved or "fieldRef" in variable.get("valueFrom", {}) else []
    return wrong


VARIABLES = st.lists(st.sampled_from(["PORT", "HOME", "K_SERVICE", "DATA"]), unique=True).map(
    lambda words: [{"name": word, "value": "1"} for word in words]
)
ENDPOINTS = st.builds(
    lambda port, protocol: {"port": port, "protocol": protocol},
    st.sampled_from([8080, 8888, 8012, 9090]),
    st.sampled_from(["HTTP", "GRPC"]),
)
PORTS = st.sampled_from([[], [{"containerPort": 8888}], [{"containerPort": 9000, "name": "http1"}]])


@settings(max_examples=200)
@given(SPECS, VARIABLES, ENDPOINTS, PORTS)
def test_knative_is_content(fields: Object, variables: list[Object], endpoint: Object, ports: list[Object]) -> None:
    """Any Environment is refused by us, or Knative has nothing to refuse."""
    known = environment(**{**fields, "env": variables, "endpoint": endpoint})
    asked_ = asked("knative-service", **({"ports": ports} if ports else {}))
    outcome = admit(KNATIVE, asked_, None, around(known))

    assert outcome.refusal or [] == knative_refuses(outcome.workload or {})
