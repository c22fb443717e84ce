"""What the controller of a Gateway reports about our routes, and where people read it."""

from kube import Kube
from plugin import Plugin
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


def test_no_url_of_a_refused_route(kube: Kube, plugin: Plugin, project: str) -> None:
    """`connect` prints no URL to which nothing leads: it says why, and ends with 1; so does what has no route yet."""
    name = published(kube, LAB)
    kube.apply(used("Deployment", "w", project, name))
    until_made(kube, "httproutes", project, NAME)
    at = ("connect", "deployment/w", "-n", project)
    url = plugin(*at, "lab").strip()

    report(kube, project, "False", "NotAllowedByListeners", "No listener takes it.")
    said = plugin.fails(*at, "lab", code=1)
    assert (True, False) == ("NotAllowedByListeners: No listener takes it. Run kubectl describe" in said, url in said)
    assert "NotAllowedByListeners" in plugin.fails(*at, "--open", code=1)
    kube.until_condition(name, "ToolsExposed", "False", "RouteRefused")
    assert "has no URL: the Gateway refuses its HTTPRoute" in plugin("describe", name)
    report(kube, project, "True", "Accepted", "It is taken.")
    assert url == plugin(*at, "lab").strip()

    kube.cluster.stop("operator")
    try:
        kube.kubectl("delete", "httproutes", "--all", "-n", project)
        assert f'tool "lab" has no HTTPRoute or Ingress for {url}.' in plugin.fails(*at, code=1)
    finally:
        kube.cluster.start_operator()
    until_made(kube, "httproutes", project, NAME)


def test_who_may_not_read_routes(kube: Kube, plugin: Plugin, project: str) -> None:
    """Who may not list routes reads that the verdict is not known; who has the role view in the project knows it."""
    name, person = published(kube, LAB), kube.unique("ada")
    kube.apply(used("Deployment", "w", project, name))
    until_made(kube, "httproutes", project, NAME)
    report(kube, project, "False", "NotAllowedByListeners", "No listener takes it.")
    kube.kubectl("create", "role", "reader", "--verb=get,list", "--resource=deployments.apps,services", "-n", project)
    kube.kubectl("create", "rolebinding", "reads", "--role=reader", f"--user={person}", "-n", project)
    at = ("connect", "deployment/w", "lab", "-n", project, f"--as={person}")

    known = plugin.run(*at)
    assert (0, True) == (known.code, known.out.startswith("https://tools.example.com/environments/")), known
    assert "is not known: you may not list httproutes.gateway.networking.k8s.io" in known.err
    kube.kubectl("create", "rolebinding", "views", "--clusterrole=view", f"--user={person}", "-n", project)
    kube.until("the right to list", lambda: "refuses HTTPRoute" in plugin.run(*at).err)
