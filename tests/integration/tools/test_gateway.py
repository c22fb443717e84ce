"""What the controller of a Gateway reports about our routes, and where people read it."""

from kube import Kube
from tool_users import LAB, made, published, until_event, until_made, used

NAME = "environment-T-lab"


def report(kube: Kube, project: str, status: str, reason: str, message: str) -> None:
    """Report about a route whether it is accepted, as the controller of its Gateway does."""
    route = made(kube, "httproutes", project)[NAME]
    condition = {
        "type": "Accepted",
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": route["metadata"]["generation"],
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    parent = {"parentRef": route["spec"]["parentRefs"][0], "controllerName": "example.org/gateway"}
    where = f"/apis/gateway.networking.k8s.io/v1/namespaces/{project}/httproutes/{route['metadata']['name']}/status"
    reply = kube.rest.patch(where, {"status": {"parents": [{**parent, "conditions": [condition]}]}})
    assert reply.ok, reply.message


def test_refused(kube: Kube, project: str) -> None:
    """A route that the Gateway refuses is no URL: workload and Environment say what it reports, until it is taken."""
    name = published(kube, LAB)
    kube.apply(used("Deployment", "w", project, name))
    until_made(kube, "httproutes", project, NAME)
    kube.until_condition(name, "ToolsExposed", "True", "Exposed")

    report(kube, project, "False", "NotAllowedByListeners", "No listener takes it.")
    said = kube.until_condition(name, "ToolsExposed", "False", "RouteRefused")["message"]
    assert f'deployments.apps "w" in project "{project}" has no URL' in said
    assert "NotAllowedByListeners: No listener takes it. Run kubectl describe httproute" in said
    until_event(kube, project, "w", "RouteRefused", "The Gateway refuses HTTPRoute", "No listener takes it.")

    report(kube, project, "True", "Accepted", "It is taken.")
    kube.until_condition(name, "ToolsExposed", "True", "Exposed")
