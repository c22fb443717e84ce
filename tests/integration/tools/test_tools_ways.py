"""Tools by every way and setting: node ports that are asked for, masters, routes that come and go, rights."""

import json
from functools import partial

import pytest
import yaml

from builders import workload
from cluster.faults import Answer, Match, Rule
from cluster.manifests import await_admission
from cluster.proxy import FaultProxy
from environment_operator.api import names
from environment_operator.kinds.paths import copied
from environment_operator.tools.index import claim_name
from kube import Kube, Object, Operator
from third_party import DEFINITIONS, install, uninstall, user
from tool_users import (
    CUSTOM,
    HOST,
    INSIDE,
    LAB,
    ROUTE,
    ROUTES,
    made,
    published,
    routed,
    tool,
    tools,
    until_event,
    until_made,
    used,
)

DEPLOYMENT = "/apis/apps/v1/namespaces/{}/deployments/{}"
OPERATOR = f"--as={names.OPERATOR_USER}"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{names.SYSTEM_NAMESPACE}/leases"
NODE = tool(type="NodePort", assign="Custom")


def free_port(kube: Kube) -> int:
    """Return a node port that nobody has."""
    services = kube.objects("services")
    taken = {port.get("nodePort") for service in services for port in service["spec"].get("ports", ())}
    return next(port for port in range(32767, 30000, -1) if port not in taken)


def one_item(kube: Kube, path: str) -> bool:
    """Return whether a list of the API server has one item."""
    return len(kube.rest.get(path).body.get("items", ())) == 1


def port_of(kube: Kube, project: str) -> list[int]:
    """Return the node ports of what we made in a project."""
    found = made(kube, "services", project).values()
    return [port["nodePort"] for service in found for port in service["spec"]["ports"] if "nodePort" in port]


def test_custom_node_port(kube: Kube, project: str) -> None:
    """A node port that was asked for is given; one that somebody has, or that there is not, is refused."""
    name, port = published(kube, NODE), free_port(kube)
    kube.apply(used("Deployment", "w", project, name, lab=str(port)))
    until_event(kube, project, "w", "Exposed", f"lab: port {port} of every node")
    assert [port] == port_of(kube, project)

    late = yaml.safe_dump(used("Deployment", "late", project, name, lab=str(port)))
    assert f"node port {port}: deployments.apps/{project}/w has it" in kube.refused("apply", "-f", "-", stdin=late)
    kube.kubectl("create", "service", "nodeport", "theirs", "--tcp=80", "-n", project)
    theirs = (kube.get("service", "theirs", project) or {})["spec"]["ports"][0]["nodePort"]
    for wish, words in ((theirs, "already allocated"), (80, "Set one from 30000 to 32767")):
        asked = yaml.safe_dump(used("Deployment", "late", project, name, lab=str(wish)))
        assert words in kube.refused("apply", "-f", "-", stdin=asked)


def test_node_port_race(kube: Kube, project: str, operator: Operator) -> None:
    """Of two who ask for one node port at once one gets it, and the other one when the first is gone."""
    name, port = published(kube, NODE), free_port(kube)
    with operator.down():
        kube.apply(*(used("Deployment", word, project, name, lab=str(port)) for word in ("a", "b")))
    kube.until("the port", lambda: port_of(kube, project) == [port])
    said = kube.until_condition(name, "ToolsExposed", "False", "AddressTaken")["message"]
    loser = said.split('"')[1]
    until_event(kube, project, loser, "AddressTaken", f"node port {port} is taken by deployments.apps")
    kube.kubectl("delete", "deployment", {"a": "b", "b": "a"}[loser], "-n", project)
    until_event(kube, project, loser, "Exposed", f"port {port}")
    kube.until_condition(name, "ToolsExposed", "True", "Exposed")


def test_the_master(kube: Kube, project: str) -> None:
    """The Service of a distributed workload finds the pods of its master alone."""
    found = install(kube.rest, "pytorchjob")
    try:
        name = published(kube, INSIDE, architecture="Distributed", framework="PyTorch", workloadTypes=["Training"])
        kube.until_ready(name)
        kube.apply(user("pytorchjob", "train", project, name))
        (service,) = until_made(kube, "services", project, "environment-T").values()
        token = tools(kube, "pytorchjobs.kubeflow.org", "train", project)["token"]
        assert {
            names.TOKEN: token,
            "training.kubeflow.org/replica-type": "master",
            "training.kubeflow.org/replica-index": "0",
        } == service["spec"]["selector"]
        assert ["kubeflow.org/v1"] == [owner["apiVersion"] for owner in service["metadata"]["ownerReferences"]]
    finally:
        uninstall(kube.rest, found)


def test_routes_come_and_go(kube: Kube, project: str) -> None:
    """Without HTTPRoutes in the cluster tools have Services, and an Event; when there are some, they have routes, in
    whichever version these are served.
    """
    kube.kubectl("delete", "crd", ROUTES)
    name = published(kube, LAB)
    kube.apply(workload("Deployment", "w", project, name))
    until_made(kube, "services", project, "environment-T")
    until_event(kube, project, "w", "NoRoutes", 'Tool "lab" has no URL', "is not installed")
    assert "is not installed" in kube.until_condition(name, "ToolsExposed", "False", "NoRoutes")["message"]
    for version in ("v1beta1", "v1"):
        uninstall(kube.rest, [ROUTES])
        definition = copied(ROUTE)
        definition["spec"]["versions"][0]["name"] = version
        # Not by kubectl, which remembers versions.
        assert kube.rest.create(DEFINITIONS, definition).ok
        where = f"/apis/gateway.networking.k8s.io/{version}/namespaces/{project}/httproutes"
        kube.until("the route", partial(one_item, kube, where))
        kube.until_condition(name, "ToolsExposed", "True", "Exposed")
    until_event(kube, project, "w", "Exposed", f"lab: {HOST}")


def test_load_balancer(kube: Kube, project: str, operator: Operator) -> None:
    """A tool has a load balancer where the settings let it; else the Environment says so, and no workload is warned."""
    name = published(kube, tool(type="LoadBalancer"))
    made = workload("Deployment", "w", project, name)
    del made["spec"]["template"]["spec"]["containers"][0]["image"]
    done = kube.cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump(made))
    assert "" == done.stderr
    assert "Set TOOLS_LOAD_BALANCERS" in kube.until_condition(name, "ToolsExposed", "False", "NoRoutes")["message"]
    until_made(kube, "services", project, "environment-T")
    with operator.anew(tools_load_balancers=True):
        found = until_made(kube, "services", project, "environment-T", "environment-T-load-balancer")
        assert "LoadBalancer" == found["environment-T-load-balancer"]["spec"]["type"]
    until_made(kube, "services", project, "environment-T")


def test_ingress(kube: Kube, project: str, operator: Operator) -> None:
    """With an Ingress class, and the rights for that, there are Ingresses instead of routes; later routes again."""
    kube.apply(workload("Deployment", "w", project, published(kube, LAB)))
    routes = set(until_some(kube, "httproutes", project))
    operator.stop()
    role = kube.cluster.repo_root / "deploy/ingresses.yaml"
    kube.kubectl("apply", "-f", str(role))
    try:
        operator.start(tools_gateway="", tools_ingress_class="nginx")
        until_made(kube, "httproutes", project)
        (ingress,) = until_made(kube, "ingresses", project, "environment-T-lab").values()
        token = tools(kube, "deployment", "w", project)["token"]
        (rule,) = ingress["spec"]["rules"]
        assert ("nginx", "tools.example.com", f"/environments/{token}.lab") == (
            ingress["spec"]["ingressClassName"], rule["host"], rule["http"]["paths"][0]["path"]
        )  # fmt: skip
        until_event(kube, project, "w", "Exposed", f"lab: {HOST}/environments/{token}.lab")
        kube.kubectl("delete", "ingress", ingress["metadata"]["name"], "-n", project)
        until_made(kube, "ingresses", project, "environment-T-lab")
        operator.restart()
        until_made(kube, "ingresses", project)
        until_made(kube, "httproutes", project, *routes)
    finally:
        operator.stop()
        kube.kubectl("delete", "-f", str(role))
        operator.start()


def until_some(kube: Kube, kind: str, project: str) -> dict[str, Object]:
    """Wait until there are objects of a kind that we made in a project; return them."""
    kube.until(f"{kind} in {project}", lambda: bool(made(kube, kind, project)))
    return made(kube, kind, project)


def test_kind_that_left_the_table(kube: Kube, project: str) -> None:
    """What a workload held is released when its kind is no longer in the table: its Service, and the address."""
    key, asked = f"experiments.example.org/{project}/w", f"https://{kube.unique('host')}.example.com/"
    marks = {names.EXPOSES: key}
    labels = {names.TOKEN: "left", "app.kubernetes.io/managed-by": names.FIELD_MANAGER}
    service = {
        "metadata": {"name": "environment-left", "labels": labels, "annotations": marks},
        "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]},
    }
    meta = {"name": claim_name(asked), "labels": {names.CLAIM: "address"}, "annotations": {**marks, names.CLAIM: asked}}
    lease = {"metadata": meta, "spec": {"holderIdentity": "gone"}}
    services = f"/api/v1/namespaces/{project}/services"
    for path, item in ((services, service), (LEASES, lease)):
        reply = kube.rest.create(path, item)
        assert reply.ok, reply.message

    kube.until("the address to be free", lambda: kube.rest.get(f"{LEASES}/{meta['name']}").status == 404)
    kube.until("the Service to be gone", lambda: kube.rest.get(f"{services}/environment-left").status == 404)


def test_by_host(kube: Kube, project: str, operator: Operator) -> None:
    """Where tools have hosts, each has its own: assigned from the token, or asked for; its base path is empty."""
    word = kube.unique("mine")
    kube.cluster.stop_operator()
    try:
        operator.start(tools_url="https://*.tools.example.com")
        await_admission(kube.cluster.layout)
        kube.apply(workload("Deployment", "w", project, published(kube, LAB)))
        found = until_made(kube, "httproutes", project, "environment-T-lab", "environment-T-lab-alias")
        token = tools(kube, "deployment", "w", project)["token"]
        own, alias = found["environment-T-lab"]["spec"], found["environment-T-lab-alias"]["spec"]
        host = f"{token}--lab.tools.example.com"
        assert ([host], "/", 8888) == (own["hostnames"], *leads(own["rules"]))
        assert ["tools.example.com"] == alias["hostnames"]
        to = alias["rules"][0]["filters"][0]["requestRedirect"]
        assert (host, "/") == (to["hostname"], to["path"]["replacePrefixMatch"])
        (variable,) = kube.rest.get(DEPLOYMENT.format(project, "w")).body["spec"]["template"]["spec"]["containers"][0][
            "env"
        ]
        assert {"name": "ENVIRONMENT_TOOL_LAB_BASE_PATH"} == variable
        until_event(kube, project, "w", "Exposed", f"lab: https://{host}")

        name, asked = published(kube, CUSTOM), f"https://{word}.tools.example.com"
        kube.apply(used("Deployment", "c", project, name, lab=asked))
        kube.until("its route", lambda: len(routed(kube, f"{asked}/")) == 1)
        for wish, words in {
            f"{asked}/": f"cannot have {asked}: deployments.apps/{project}/c has it",
            f"https://{host}": "or a host, such as https://my-lab.tools.example.com",
            "https://a.b.tools.example.com": "is not a URL for tools",
            f"{asked}/path": "is not a URL for tools",
        }.items():
            late = yaml.safe_dump(used("Deployment", "late", project, name, lab=wish))
            assert words in kube.refused("apply", "-f", "-", stdin=late)
    finally:
        kube.cluster.stop_operator()
        operator.start()
        await_admission(kube.cluster.layout)


def leads(rules: list[Object]) -> tuple[str, int]:
    """Return from which path and to which port the only rule of a route leads."""
    (rule,) = rules
    return rule["matches"][0]["path"]["value"], rule["backendRefs"][0]["port"]


def test_not_before_the_route_is_gone(kube: Kube, project: str) -> None:
    """An address is given to the next one only when the route of the one before is gone."""
    name, word = published(kube, CUSTOM), kube.unique("slow")
    kube.apply(used("Deployment", "w", project, name, lab=f"/{word}"))
    (route,) = until_made(kube, "httproutes", project, "environment-T-lab").values()
    there = ["httproute", route["metadata"]["name"], "-n", project, "--type=merge", "-p"]
    kube.kubectl("patch", *there, '{"metadata":{"finalizers":["example.org/slow"]}}')
    kube.kubectl("delete", "deployment", "w", "-n", project)
    kube.until(
        "the route to be going",
        lambda: "deletionTimestamp" in made(kube, "httproutes", project)["environment-T-lab"]["metadata"],
    )
    late = yaml.safe_dump(used("Deployment", "late", project, name, lab=f"/{word}"))
    assert f": deployments.apps/{project}/w has it" in kube.refused("apply", "-f", "-", stdin=late)
    kube.kubectl("patch", *there, '{"metadata":{"finalizers":null}}')
    kube.until(
        "the address to be free", lambda: kube.rest.get(f"{LEASES}/{claim_name(f'{HOST}/{word}')}").status == 404
    )
    kube.kubectl("apply", "-f", "-", stdin=late)
    kube.until("its route", lambda: len(routed(kube, f"{HOST}/{word}")) == 1)


def test_made_again(kube: Kube, project: str) -> None:
    """A workload that is deleted and created again by its name has its URL again."""
    name, word = published(kube, CUSTOM), kube.unique("again")
    asked = used("Deployment", "w", project, name, lab=f"/{word}")
    kube.apply(asked)
    (before,) = until_made(kube, "httproutes", project, "environment-T-lab").values()
    kube.kubectl("delete", "deployment", "w", "-n", project)
    kube.apply(asked)
    kube.until(
        "the other route",
        lambda: (
            [r["metadata"]["uid"] != before["metadata"]["uid"] for r in made(kube, "httproutes", project).values()]
            == [True]
        ),
    )
    kube.until("one route", lambda: len(routed(kube, f"{HOST}/{word}")) == 1)


def test_two_who_have_what_the_other_asks_for(kube: Kube, project: str, operator: Operator) -> None:
    """Two workloads each of which has an address that the other one asks for get Events, and are then left alone."""
    one, other = (f"/{kube.unique('cross')}" for _ in range(2))
    name = published(kube, CUSTOM, {**CUSTOM, "name": "board", "containerPort": 6006})
    with operator.down():
        for who, mine, theirs in (("a", one, other), ("b", other, one)):
            kube.apply(used("Deployment", who, project, name, lab=mine, board=theirs))
        for who, mine in (("a", one), ("b", other)):
            assert kube.rest.create(LEASES, claim(kube, project, who, f"{HOST}{mine}")).ok
    for who in ("a", "b"):
        until_event(kube, project, who, "AddressTaken")
    before = looks(kube)
    kube.apply(workload("Deployment", "later", project, published(kube, LAB)))
    until_event(kube, project, "later", "Exposed", "lab: ")

    assert looks(kube) - before <= 20


def claim(kube: Kube, project: str, name: str, asked: str) -> Object:
    """Return the Lease by which a Deployment has an address."""
    uid = kube.rest.get(DEPLOYMENT.format(project, name)).body["metadata"]["uid"]
    annotations = {names.CLAIM: asked, names.EXPOSES: f"deployments.apps/{project}/{name}"}
    meta = {"name": claim_name(asked), "labels": {names.CLAIM: "address"}, "annotations": annotations}
    return {"metadata": meta, "spec": {"holderIdentity": uid}}


def looks(kube: Kube) -> float:
    """Return how often the tools of a workload were reconciled."""
    every = kube.metric("controller_runtime_reconcile_total")
    return sum(sample.value for sample in every if sample.labels["controller"] == "tools")


def test_gone_while_its_kind_was_not_known(kube: Kube, project: str, operator: Operator, proxy: FaultProxy) -> None:
    """An address is given back, and tools are exposed, as soon as the kind of the workload can be listed again."""
    word, name = kube.unique("away"), published(kube, CUSTOM)
    kube.apply(used("Deployment", "w", project, name, lab=f"/{word}"))
    lease = f"{LEASES}/{claim_name(f'{HOST}/{word}')}"
    kube.until("the Lease", lambda: kube.rest.get(lease).ok)
    with operator.down():
        kube.kubectl("delete", "deployment", "w", "-n", project)
        rule = proxy.add(Rule(Match(path="/apis/apps/v1/deployments$"), Answer(403)))
    kube.apply(workload("StatefulSet", "later", project, published(kube, LAB)))
    until_event(kube, project, "later", "Exposed", "lab: ")
    assert kube.rest.get(lease).ok
    rule.remove()
    kube.until("it to be given back", lambda: kube.rest.get(lease).status == 404)


def test_gone_while_the_operator_is_down(kube: Kube, project: str, operator: Operator) -> None:
    """An address of a workload that went while nobody looked is given back."""
    word = kube.unique("away")
    kube.apply(used("Deployment", "w", project, published(kube, CUSTOM), lab=f"/{word}"))
    lease = f"{LEASES}/{claim_name(f'{HOST}/{word}')}"
    kube.until("the Lease", lambda: kube.rest.get(lease).ok)
    with operator.down():
        kube.kubectl("delete", "deployment", "w", "-n", project)
    kube.until("it to be given back", lambda: kube.rest.get(lease).status == 404)


def test_taken_lease(kube: Kube, project: str) -> None:
    """A Lease that somebody deleted is made again."""
    word = kube.unique("lost")
    kube.apply(used("Deployment", "w", project, published(kube, CUSTOM), lab=f"/{word}"))
    lease = f"{LEASES}/{claim_name(f'{HOST}/{word}')}"
    kube.until("the Lease", lambda: kube.rest.get(lease).ok)
    kube.rest.delete(lease)
    kube.until("another Lease", lambda: kube.rest.get(lease).ok)


def test_forged(kube: Kube, project: str) -> None:
    """Nobody changes where his tools are by writing it down himself, not through the status either."""
    kube.apply(workload("Deployment", "w", project, published(kube, LAB)))
    (before,) = until_made(kube, "httproutes", project, "environment-T-lab").values()
    said = json.dumps({**tools(kube, "deployment", "w", project), "token": "otherone"})
    kube.kubectl("annotate", "--overwrite", "deployment", "w", "-n", project, f"{names.TOOLS}={said}")
    patch = json.dumps({"metadata": {"annotations": {names.TOOLS: said}}})
    refused = kube.refused(
        "patch", "deployment", "w", "-n", project, "--subresource=status", "--type=merge", "-p", patch
    )

    assert "cannot change labels or annotations" in refused
    assert "otherone" != tools(kube, "deployment", "w", project)["token"]
    assert [before["metadata"]["uid"]] == [r["metadata"]["uid"] for r in made(kube, "httproutes", project).values()]


def test_bare_pod(kube: Kube, project: str) -> None:
    """A Pod without a controller has tools like any workload; its Service finds it."""
    kube.apply(workload("Pod", "p", project, published(kube, INSIDE)))
    (service,) = until_made(kube, "services", project, "environment-T").values()
    pod = kube.get("pod", "p", project)
    assert pod is not None

    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()


def test_quota(kube: Kube, project: str) -> None:
    """What a quota refuses has an Event, and is created when there is room."""
    kube.kubectl("create", "quota", "none", "--hard=services=0", "-n", project)
    kube.until("the quota", lambda: "hard" in (kube.get("quota", "none", project) or {}).get("status", {}))
    kube.apply(workload("Deployment", "w", project, published(kube, INSIDE)))
    until_event(kube, project, "w", "NotExposed", "exceeded quota")
    kube.kubectl("delete", "quota", "none", "-n", project)
    until_made(kube, "services", project, "environment-T")


@pytest.mark.parametrize(
    ("allowed", "what"),
    [
        (True, ["create", "services", "-n", "default"]),
        (True, ["delete", "httproutes.gateway.networking.k8s.io", "-n", "default"]),
        (True, ["create", "leases", "-n", names.SYSTEM_NAMESPACE]),
        (False, ["create", "leases", "-n", "default"]),
        (False, ["get", "leases", "-n", "kube-system"]),
        (False, ["update", "leases", "-n", names.SYSTEM_NAMESPACE]),
        (False, ["create", "ingresses", "-n", "default"]),
        (False, ["update", "services/status", "-n", "default"]),
        (False, ["create", "gateways.gateway.networking.k8s.io", "-n", "default"]),
        (False, ["create", "endpointslices", "-n", "default"]),
        (False, ["get", "configmaps", "-n", names.SYSTEM_NAMESPACE]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_rights(kube: Kube, allowed: bool, what: list[str]) -> None:
    """The operator may write what exposes tools and hold addresses in its own namespace, and nothing else."""
    said = kube.cluster.kubectl("auth", "can-i", *what, OPERATOR, check=False).stdout.strip()

    assert ("yes" if allowed else "no") == said
