"""What a real controller of the Gateway API reports about our routes: Contour, without an Envoy."""

from collections.abc import Iterator

import pytest
import yaml

from cluster.record import free_port
from controllers.beside import create_definitions, define, running
from controllers.programs import CONTOUR, GATEWAY_API, definitions
from kube import Kube
from tool_users import LAB, made, published, until_made, used

API = "/apis/gateway.networking.k8s.io/v1"
GATEWAYS = f"{API}/namespaces/gateways/gateways"
ADDRESS = "192.0.2.10"
ATTACHES = {"routes": "yes"}
# Of the only tool of a Deployment.
ROUTE = "environment-T-lab"
OPENED = {"metadata": {"labels": ATTACHES}}
# The Gateway that the settings of the tests' operator name; namespaces with a label may attach to it.
GATEWAY = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "shared"},
    "spec": {
        "gatewayClassName": "contour",
        "listeners": [
            {
                "name": "http",
                "port": 80,
                "protocol": "HTTP",
                "allowedRoutes": {"namespaces": {"from": "Selector", "selector": {"matchLabels": ATTACHES}}},
            }
        ],
    },
}


@pytest.fixture(scope="module")
def gateway(kube: Kube) -> Iterator[None]:
    """Have Contour run for one Gateway, with the definitions of the Gateway API and its own."""
    create_definitions(kube, list(definitions(GATEWAY_API, "config/crd/standard")))
    define(kube, CONTOUR)
    layout = kube.cluster.layout
    file = layout.root / "contour.yaml"
    file.write_text(yaml.safe_dump({"gateway": {"gatewayRef": {"namespace": "gateways", "name": "shared"}}}))
    ports = [f"--{name}-port={free_port()}" for name in ("xds", "http", "health", "debug-http")]
    kube.until_project("gateways")
    made = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "contour"}}
    kube.rest.create(f"{API}/gatewayclasses", {**made, "spec": {"controllerName": "projectcontour.io/gateway"}})
    arguments = (f"--kubeconfig={layout.kubeconfig}", f"--config-path={file}", f"--ingress-status-address={ADDRESS}")
    with running(kube, CONTOUR, *arguments, *ports):
        reply = kube.rest.create(GATEWAYS, GATEWAY)
        assert reply.ok or reply.status == 409, reply.message
        yield


def verdict(kube: Kube, project: str) -> dict[str, tuple[str, str]]:
    """Return status and reason of each condition that is reported about the only route of a project."""
    route = made(kube, "httproutes", project)[ROUTE]
    parents = route.get("status", {}).get("parents", ())
    return {each["type"]: (each["status"], each["reason"]) for parent in parents for each in parent["conditions"]}


def start(kube: Kube, project: str) -> None:
    """Start a workload with a tool, and wait for its route."""
    kube.apply(used("Deployment", "w", project, published(kube, LAB)))
    until_made(kube, "httproutes", project, ROUTE)


@pytest.mark.usefixtures("gateway")
def test_accepted(kube: Kube, project: str) -> None:
    """The route of a tool is accepted, and its Service found."""
    assert kube.rest.patch(f"/api/v1/namespaces/{project}", OPENED).ok
    start(kube, project)
    wanted = {"Accepted": ("True", "Accepted"), "ResolvedRefs": ("True", "ResolvedRefs")}

    kube.until("Contour's verdict", lambda: wanted == verdict(kube, project))


@pytest.mark.usefixtures("gateway")
def test_may_not_attach(kube: Kube, project: str) -> None:
    """From a namespace that may not attach it is not accepted, and it is as soon as the namespace may."""
    start(kube, project)
    refused = ("False", "NotAllowedByListeners")

    kube.until("Contour's refusal", lambda: refused == verdict(kube, project).get("Accepted"))
    assert kube.rest.patch(f"/api/v1/namespaces/{project}", OPENED).ok
    kube.until("Contour's verdict", lambda: ("True", "Accepted") == verdict(kube, project).get("Accepted"))


@pytest.mark.usefixtures("gateway")
def test_ingress(kube: Kube, project: str) -> None:
    """With a class of Ingresses instead of a Gateway, Contour takes the Ingress of a tool and publishes an address."""
    role = kube.cluster.repo_root / "deploy/ingresses.yaml"
    kube.kubectl("apply", "-f", str(role))
    kube.cluster.stop("operator")
    settings = {"TOOLS_GATEWAY": "", "TOOLS_INGRESS_CLASS": "contour"}
    kube.cluster.start_operator({f"ENVIRONMENT_OPERATOR_{name}": value for name, value in settings.items()})
    try:
        kube.apply(used("Deployment", "w", project, published(kube, LAB)))
        until_made(kube, "ingresses", project, ROUTE)
        kube.until("Contour's address", lambda: [{"ip": ADDRESS}] == addresses(kube, project))
    finally:
        kube.cluster.stop("operator")
        kube.cluster.start_operator()
        kube.kubectl("delete", "-f", str(role))


def addresses(kube: Kube, project: str) -> object:
    """Return the addresses that are published for the only Ingress of a project."""
    status = made(kube, "ingresses", project)[ROUTE]["status"]
    return [{"ip": each["ip"]} for each in status.get("loadBalancer", {}).get("ingress", ())]
