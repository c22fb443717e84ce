"""Inference at the real API server: the port that serves, and refusals in our words before the kind's own webhook."""

from collections.abc import Iterator

import pytest

from builders import manifest
from cluster import Cluster
from cluster.rest import Reply, Rest
from kube import ENVIRONMENTS, Kube, Object
from third_party import containers, install, path, uninstall, user

GRPC = {"port": 8080, "protocol": "GRPC"}
LAB = {"name": "lab", "type": "JupyterNotebook"}
WORDS = ("knative-service", "inferenceservice-custom")


@pytest.fixture(scope="module")
def defined(cluster: Cluster, rest: Rest, operator: object) -> Iterator[None]:  # noqa: ARG001 - they run
    """Have the kinds of inference defined."""
    found = install(rest, *WORDS)
    yield
    uninstall(rest, found)


def environment(kube: Kube, **fields: object) -> str:
    """Return the name of a new Environment for inference."""
    name = kube.unique("env")
    needed = {"workloadTypes": ["Inference"], "endpoint": GRPC, **fields}
    reply = kube.rest.create(ENVIRONMENTS, manifest(name, **needed))
    assert reply.ok, reply.message
    return name


def submitted(kube: Kube, word: str, project: str, name: str, **container: object) -> Reply:
    """Return the answer to a new object of a kind."""
    made = user(word, kube.unique("w"), project, name)
    for one in containers(word, made):
        one.update(container)
    return kube.rest.create(path(made), made)


@pytest.mark.usefixtures("defined")
@pytest.mark.parametrize("word", WORDS)
def test_the_serving_port(kube: Kube, project: str, word: str) -> None:
    """The endpoint is the only port, and gRPC has the name that the kind knows it by; the submitter's own one wins."""
    name = environment(kube, tools=[LAB])
    served: Object = {"name": "h2c", "containerPort": 8080, "protocol": "TCP"}
    reply = submitted(kube, word, project, name)
    assert reply.ok, reply.message
    assert all([served] == container["ports"] for container in containers(word, reply.body))
    assert () == reply.warnings

    other = submitted(kube, word, project, name, ports=[{"containerPort": 9000}])
    assert {9000} == {p["containerPort"] for c in containers(word, other.body) for p in c["ports"]}
    assert "serves GRPC on port 8080, and the workload declares port 9000" in "".join(other.warnings)


@pytest.mark.usefixtures("defined")
@pytest.mark.parametrize(
    ("fields", "field", "feature"),
    [
        ({"user": {"source": "Custom", "supplementalGroups": [5]}}, "securityContext", "podspec-securitycontext"),
        ({"security": {"capabilities": ["CHOWN"]}}, "securityContext.capabilities", "containerspec-addcapabilities"),
        ({"env": [{"name": "PORT", "value": "1"}]}, "container.env[PORT]", ""),
        ({"endpoint": {"port": 8012, "protocol": "HTTP"}}, "container.ports[8012]", ""),
    ],
)
def test_what_knative_refuses(kube: Kube, project: str, fields: Object, field: str, feature: str) -> None:
    """What Knative refuses we refuse before, with the field, and with the feature that would make a place for it."""
    reply = submitted(kube, "knative-service", project, environment(kube, **fields))

    assert reply.status == 403
    assert f"{field}, for which a Service has no field" in reply.message
    assert f"unless its feature kubernetes.{feature} is on" in reply.message or not feature
