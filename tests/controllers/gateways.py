"""Contour for one Gateway, without an Envoy: namespaces with a label may attach to it."""

from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from cluster.record import free_port
from controllers.processes import create_definitions, define, running
from controllers.programs import CONTOUR, GATEWAY_API, definitions
from kube import Kube, Object

API = "/apis/gateway.networking.k8s.io/v1"
GATEWAYS = f"{API}/namespaces/gateways/gateways"
ROUTES = f"{API}/namespaces/{{}}/httproutes"
ADDRESS = "192.0.2.10"
_ATTACHES = {"routes": "yes"}
# The Gateway that the settings of the tests' operator name.
_GATEWAY = {
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
                "allowedRoutes": {"namespaces": {"from": "Selector", "selector": {"matchLabels": _ATTACHES}}},
            }
        ],
    },
}


@contextmanager
def contour(kube: Kube) -> Iterator[None]:
    """Have Contour run for the Gateway, with the definitions of the Gateway API and its own."""
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
        reply = kube.rest.create(GATEWAYS, _GATEWAY)
        assert reply.ok or reply.status == 409, reply.message
        yield


def attach(kube: Kube, project: str) -> None:
    """Let the routes of a project attach to the Gateway."""
    reply = kube.rest.patch(f"/api/v1/namespaces/{project}", {"metadata": {"labels": _ATTACHES}})
    assert reply.ok, reply.message


def verdict(route: Object) -> dict[str, tuple[str, str]]:
    """Return status and reason of each condition that is reported about a route."""
    parents = route.get("status", {}).get("parents", ())
    return {each["type"]: (each["status"], each["reason"]) for parent in parents for each in parent["conditions"]}


def is_taken(route: Object) -> bool:
    """Say whether a route is accepted, and its Service found."""
    found = verdict(route)
    return {"True"} == {found.get(each, ("",))[0] for each in ("Accepted", "ResolvedRefs")}
