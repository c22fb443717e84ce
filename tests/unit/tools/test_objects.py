"""What exposes tools: Services, routes and Ingresses for a workload, and whether they are as they should be."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environment_operator.api import names
from environment_operator.tools.addresses import Address, Routing, Tools
from environment_operator.tools.objects import Ways, Workload, exposed, is_right, wanted

PATH, HOST = Routing("tools.example.com"), Routing("tools.example.com", by_host=True, load_balancers=True)
GATEWAY = Ways("gateways/shared", "", PATH)
LAB = Address(type="ExternalURL", port=8888, url="https://tools.example.com/environments/tokentok.lab")
MINE = Address(type="ExternalURL", port=8888, url="https://tools.example.com/mine", custom=True)
OWN = Address(type="ExternalURL", port=8888, url="https://tokentok--lab.tools.example.com")
NODE = Address(type="NodePort", port=22)
BALANCED = Address(type="LoadBalancer", port=80)
AWAY = Address(type="ExternalURL", url="https://comet.example")


def user(**tools: Address) -> Workload:
    """Return a workload with tools."""
    pods = {names.TOKEN: "tokentok", "notebook-name": "{name}"}
    found = Tools(env="e", token="tokentok", pods=pods, tools=tools)
    return Workload("deployments.apps", "apps/v1", "Deployment", "team", "w", "uid-1", found)


def made(workload: Workload, ways: Ways = GATEWAY, *mine: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what is to exist for a workload, by kind and name."""
    return {(o["kind"], o["metadata"]["name"]): o for o in wanted(workload, ways, mine)}


def test_service() -> None:
    """One Service has the ports of all tools, one each, and finds the pods by the labels that were written down."""
    (service,) = made(user(lab=LAB, other=LAB, away=AWAY, inside=Address(type="ClusterIP", port=1)), Ways()).values()

    assert {"type": "ClusterIP", "selector": {names.TOKEN: "tokentok", "notebook-name": "w"}} == {
        key: service["spec"][key] for key in ("type", "selector")
    }
    assert [("lab", 8888), ("inside", 1)] == [(port["name"], port["port"]) for port in service["spec"]["ports"]]
    (owner,) = service["metadata"]["ownerReferences"]
    assert {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w", "uid": "uid-1"} == owner


def test_other_services() -> None:
    """Node ports have a Service of their own, with the port that was asked for; load balancers where they may be."""
    asked = NODE.model_copy(update={"node_port": 30080, "custom": True})
    found = made(user(ssh=asked, web=BALANCED), Ways(), asked.asked)
    (port,) = found["Service", "environment-tokentok-node-port"]["spec"]["ports"]

    assert ("Service", "environment-tokentok-load-balancer") not in found
    assert (22, 30080) == (port["port"], port["nodePort"])
    assert (
        "LoadBalancer"
        == made(user(web=BALANCED), Ways(routing=HOST))["Service", "environment-tokentok-load-balancer"]["spec"]["type"]
    )


def test_route_by_host() -> None:
    """A tool with a host of its own has a route there, and a readable alias on the shared host."""
    found = made(user(lab=OWN), Ways("gateways/shared/web", "", HOST))
    route, alias = (found["HTTPRoute", f"environment-tokentok-lab{suffix}"]["spec"] for suffix in ("", "-alias"))

    assert (["tokentok--lab.tools.example.com"], ["tools.example.com"]) == (route["hostnames"], alias["hostnames"])
    assert ["web"] == [parent["sectionName"] for parent in route["parentRefs"]]
    assert "/" == route["rules"][0]["matches"][0]["path"]["value"]
    (redirect,) = (rule["filters"][0]["requestRedirect"] for rule in alias["rules"])
    assert ("tokentok--lab.tools.example.com", "/") == (redirect["hostname"], redirect["path"]["replacePrefixMatch"])


def test_ingress() -> None:
    """With an Ingress class there are Ingresses instead of routes."""
    ingress = made(user(lab=LAB), Ways("", "nginx", PATH))["Ingress", "environment-tokentok-lab"]["spec"]
    (rule,) = ingress["rules"]
    (path,) = rule["http"]["paths"]

    assert ("nginx", "tools.example.com") == (ingress["ingressClassName"], rule["host"])
    assert ("/environments/tokentok.lab", "environment-tokentok") == (path["path"], path["backend"]["service"]["name"])


def test_what_is_not_held() -> None:
    """Of an address that was asked for there is nothing until the workload holds it, and no alias then."""
    assert {} == made(user(lab=MINE))
    found = made(user(lab=MINE), GATEWAY, MINE.url)
    assert {"Service", "HTTPRoute"} == {kind for kind, _ in found}
    assert 1 == len(found["HTTPRoute", "environment-tokentok-lab"]["spec"]["rules"])


def test_what_is_anothers() -> None:
    """A URL that would be assigned to another workload leads nowhere, whoever wrote it down."""
    for url in ("https://tools.example.com/environments/otherone.lab", "https://otherone--lab.tools.example.com"):
        assert {} == made(user(lab=LAB.model_copy(update={"url": url})))


def test_no_pods() -> None:
    """Where no label finds the pods there is no Service, which would find all pods or none."""
    workload = user(lab=LAB)
    nowhere = Workload("a", "b", "c", "d", "e", "f", workload.tools.model_copy(update={"pods": {}}))

    assert [] == wanted(nowhere, GATEWAY, ())


def test_exposed() -> None:
    """The Event names the address of each tool that has one."""
    workload = user(lab=LAB, ssh=NODE, away=AWAY, web=BALANCED, late=MINE)
    found = made(workload)
    found["Service", "environment-tokentok-node-port"]["spec"]["ports"][0]["nodePort"] = 31234

    assert (
        f"lab: {LAB.url}; ssh: port 31234 of every node; away: https://comet.example; "
        "web: environment-tokentok.team.svc:80 in the cluster; late: environment-tokentok.team.svc:8888 in the "
        "cluster; see kubectl environment connect."
    ) == exposed(workload, found)
    assert "away: https://comet.example; see kubectl environment connect." == exposed(workload, {})
    assert "" == exposed(user(lab=LAB), {})


TARGETS = wanted(user(lab=LAB, ssh=NODE), GATEWAY, ())


def leaves(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    found = [leaf for key, child in pairs for leaf in leaves(child, (*path, key))]
    return found or [path]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["metadata"]["name"])
def test_right(target: dict[str, Any]) -> None:
    """An object with all wanted fields is right, also with what the API server and others add."""
    seen = copy.deepcopy(target)
    seen["metadata"]["annotations"]["example.org/dns"] = "x"
    seen["metadata"]["ownerReferences"].append({"uid": "other"})
    seen["spec"]["sessionAffinity"] = "None"
    if target["kind"] == "Service":
        seen["spec"]["ports"].insert(0, {"port": 1, "protocol": "TCP"})

    assert is_right(target, target)
    assert is_right(target, seen)


@given(st.data())
def test_wrong(data: st.DataObject) -> None:
    """Whichever value is another one, or gone, that is seen; and so is a label more in a selector."""
    target = data.draw(st.sampled_from(TARGETS))
    path = data.draw(st.sampled_from([p for p in leaves(target) if p[0] in ("metadata", "spec")]))
    changed, gone = copy.deepcopy(target), copy.deepcopy(target)
    for seen in (changed, gone):
        node = seen
        for key in path[:-1]:
            node = node[key]
        if seen is changed:
            node[path[-1]] = "else"
        else:
            del node[path[-1]]
    assert not is_right(target, changed)
    assert not is_right(target, gone)
    service = copy.deepcopy(TARGETS[0])
    service["spec"]["selector"]["app"] = "mine"
    assert not is_right(TARGETS[0], service)


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=3, max_size=3))
def test_no_two_routes_for_one_url(holders: list[str]) -> None:
    """However addresses are held, no two workloads have one URL: each is held once, and what is assigned differs."""
    urls = []
    for number, name in enumerate("abc"):
        token = f"token00{number}"
        mine = [f"https://tools.example.com/{n}" for n, holder in enumerate(holders) if holder == name]
        assigned = LAB.model_copy(update={"url": f"https://tools.example.com/environments/{token}.lab"})
        asked = {
            f"t{n}": MINE.model_copy(update={"url": f"https://tools.example.com/{n}"}) for n in range(len(holders))
        }
        tools = Tools(env="e", token=token, pods={"a": "b"}, tools={"lab": assigned, **asked})
        workload = Workload("pods", "v1", "Pod", "team", name, f"uid-{name}", tools)
        for item in wanted(workload, GATEWAY, mine):
            for rule in item["spec"].get("rules", ()):
                urls += [(item["spec"]["hostnames"][0], json.dumps(rule["matches"]))]
    assert len(set(urls)) == len(urls)
