"""What a real controller of the Gateway API reports about our routes: Contour, without an Envoy."""

from collections.abc import Iterator

import pytest

from controllers.gateways import ADDRESS, ROUTES, attach, contour, is_taken, verdict
from environment_operator.api import names
from kube import Kube, Object
from tool_users import CUSTOM, LAB, made, published, until_event, until_made, used

# Of the only tool of a Deployment.
ROUTE = "environment-T-lab"


@pytest.fixture(scope="module")
def gateway(kube: Kube) -> Iterator[None]:
    """Have Contour run for one Gateway."""
    with contour(kube):
        yield


def ours(kube: Kube, project: str) -> Object:
    """Return our only route in a project, an empty object while there is none."""
    return next(iter(made(kube, "httproutes", project).values()), {})


def token_of(kube: Kube, project: str) -> str:
    """Return the token of the only route that we made in a project, empty while there is none."""
    route = ours(kube, project)
    return str(route["metadata"]["labels"][names.TOKEN]) if route else ""


def condition(kube: Kube, name: str, status: str, reason: str) -> str:
    """Wait until the condition ToolsExposed of an Environment is like that; return its message."""
    return str(kube.until_condition(name, "ToolsExposed", status, reason)["message"])


def start(kube: Kube, project: str) -> str:
    """Start a workload with a tool, and wait for its route; return the name of its Environment."""
    name = published(kube, LAB)
    kube.apply(used("Deployment", "w", project, name))
    until_made(kube, "httproutes", project, ROUTE)
    return name


@pytest.mark.usefixtures("gateway")
def test_accepted(kube: Kube, project: str) -> None:
    """The route of a tool is accepted, and its Service found."""
    attach(kube, project)
    start(kube, project)
    wanted = {"Accepted": ("True", "Accepted"), "ResolvedRefs": ("True", "ResolvedRefs")}

    kube.until("Contour's verdict", lambda: wanted == verdict(ours(kube, project)))


@pytest.mark.usefixtures("gateway")
def test_may_not_attach(kube: Kube, project: str) -> None:
    """From a namespace that may not attach it is refused, and people read why; it is taken once the namespace may."""
    name = start(kube, project)
    refused = ("False", "NotAllowedByListeners")

    kube.until("Contour's refusal", lambda: refused == verdict(ours(kube, project)).get("Accepted"))
    assert "NotAllowedByListeners: No listeners" in condition(kube, name, "False", "RouteRefused")
    until_event(kube, project, "w", "RouteRefused", "NotAllowedByListeners")
    attach(kube, project)
    kube.until("Contour's verdict", lambda: is_taken(ours(kube, project)))
    condition(kube, name, "True", "Exposed")


@pytest.mark.usefixtures("gateway")
def test_conflict(kube: Kube, project: str) -> None:
    """A route of somebody else that leads from the same URL and was there before wins; people read that it does."""
    attach(kube, project)
    path = f"/{kube.unique('theirs')}"
    kube.kubectl("create", "service", "clusterip", "theirs", "--tcp=80", "-n", project)
    reply = kube.rest.create(ROUTES.format(project), theirs(path))
    assert reply.ok, reply.message
    kube.until("theirs to be taken", lambda: is_taken(kube.rest.get(f"{ROUTES.format(project)}/a-route").body))
    name = published(kube, CUSTOM)
    kube.apply(used("Deployment", "w", project, name, lab=path))
    until_made(kube, "httproutes", project, ROUTE)

    said = condition(kube, name, "False", "RouteRefused")
    assert "conflict with other HTTPRoute" in said
    assert kube.rest.delete(f"{ROUTES.format(project)}/a-route").ok
    kube.until("ours to be taken", lambda: is_taken(ours(kube, project)))
    condition(kube, name, "True", "Exposed")


def theirs(path: str) -> Object:
    """Return a route that the operator did not make."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        # Of two that were created in the same second the first by name counts.
        "metadata": {"name": "a-route"},
        "spec": {
            "parentRefs": [{"namespace": "gateways", "name": "shared"}],
            "hostnames": ["tools.example.com"],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": path}}],
                    "backendRefs": [{"name": "theirs", "port": 80}],
                }
            ],
        },
    }


@pytest.mark.usefixtures("gateway")
def test_race(kube: Kube, project: str) -> None:
    """Of two who ask for one URL at once one has a route, which is accepted; when it goes, the other one has."""
    attach(kube, project)
    name, path = published(kube, CUSTOM), f"/{kube.unique('race')}"
    kube.cluster.stop("operator")
    try:
        kube.apply(*(used("Deployment", word, project, name, lab=path) for word in ("a", "b")))
    finally:
        kube.cluster.start_operator()
    loser = condition(kube, name, "False", "AddressTaken").split('"')[1]
    kube.until("Contour's verdict", lambda: is_taken(ours(kube, project)))
    first = token_of(kube, project)
    kube.kubectl("delete", "deployment", {"a": "b", "b": "a"}[loser], "-n", project)

    kube.until("the route of the other one", lambda: token_of(kube, project) not in ("", first))
    kube.until("Contour's verdict", lambda: is_taken(ours(kube, project)))
    kube.kubectl("delete", "deployment", loser, "-n", project)
    until_made(kube, "httproutes", project)


@pytest.mark.usefixtures("gateway")
def test_ingress(kube: Kube, project: str) -> None:
    """A change to Ingresses and back leaves nothing of before; Contour takes the Ingress, and then the route again."""
    attach(kube, project)
    start(kube, project)
    kube.until("Contour's verdict", lambda: is_taken(ours(kube, project)))
    role = kube.cluster.repo_root / "deploy/ingresses.yaml"
    kube.kubectl("apply", "-f", str(role))
    kube.cluster.stop("operator")
    settings = {"TOOLS_GATEWAY": "", "TOOLS_INGRESS_CLASS": "contour"}
    try:
        kube.cluster.start_operator({f"ENVIRONMENT_OPERATOR_{name}": value for name, value in settings.items()})
        until_made(kube, "ingresses", project, ROUTE)
        until_made(kube, "httproutes", project)
        kube.until("Contour's address", lambda: [{"ip": ADDRESS}] == addresses(kube, project))
        kube.cluster.stop("operator")
        kube.cluster.start_operator()
        until_made(kube, "httproutes", project, ROUTE)
        until_made(kube, "ingresses", project)
        kube.until("Contour's verdict", lambda: is_taken(ours(kube, project)))
    finally:
        kube.cluster.stop("operator")
        kube.cluster.start_operator()
        kube.kubectl("delete", "-f", str(role))


def addresses(kube: Kube, project: str) -> object:
    """Return the addresses that are published for the only Ingress of a project."""
    status = made(kube, "ingresses", project)[ROUTE]["status"]
    return [{"ip": each["ip"]} for each in status.get("loadBalancer", {}).get("ingress", ())]
