"""Tools are reached: Services, routes, addresses that are asked for, and who gets them."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import yaml

from builders import manifest, workload
from environment_operator.api import names
from kube import Kube, Object, Operator
from tool_users import (
    CUSTOM,
    HOST,
    INSIDE,
    LAB,
    events,
    made,
    published,
    routed,
    tool,
    tools,
    until_event,
    until_made,
    used,
)


def test_found_with_kubectl(kube: Kube, project: str) -> None:
    """``kubectl get`` finds the workloads of an Environment by its label; an annotation says where their tools are."""
    name = published(kube, LAB)
    kube.apply(workload("Deployment", "w", project, name), workload("StatefulSet", "s", project, name))
    found = kube.kubectl("get", "all", "-n", project, "-l", f"{names.REFERENCE}={name}", "-o", "name").split()
    token = tools(kube, "deployment", "w", project)["token"]
    described = kube.kubectl("describe", "deployment", "w", "-n", project)

    assert ["deployment.apps/w", "statefulset.apps/s"] == found
    assert f"{names.TOOL_ADDRESSES}: lab: {HOST}/environments/{token}.lab\n" in described


def test_service(kube: Kube, project: str) -> None:
    """A workload with tools has a Service for them: its pods by the token, owned by it; the address is in an Event."""
    name = published(kube, INSIDE, tool("board", 6006, type="ClusterIP"))
    kube.apply(workload("Deployment", "w", project, name))
    (service,) = until_made(kube, "services", project, "environment-T").values()
    user, token = kube.get("deployment", "w", project), tools(kube, "deployment", "w", project)["token"]
    assert user is not None

    assert "ClusterIP" == service["spec"]["type"]
    assert {names.TOKEN: token} == service["spec"]["selector"]
    assert [("lab", 8888), ("board", 6006)] == [(port["name"], port["port"]) for port in service["spec"]["ports"]]
    (owner,) = service["metadata"]["ownerReferences"]
    assert (user["metadata"]["uid"], None) == (owner["uid"], owner.get("controller"))
    assert service["spec"]["selector"].items() <= user["spec"]["template"]["metadata"]["labels"].items()
    until_event(kube, project, "w", "Exposed", f"lab: environment-{token}.{project}.svc:8888", "board: ")
    kube.until_condition(name, "ToolsExposed", "True", "Exposed")


def test_without_tools_nothing(kube: Kube, project: str) -> None:
    """Workloads without tools, templates, and what controllers make get nothing; nor do tools outside the cluster."""
    away = {
        "name": "board",
        "type": "WeightsAndBiases",
        "connection": {"type": "ExternalURL", "url": "https://wandb.example"},
    }
    kube.apply(workload("Deployment", "plain", project, published(kube)))
    kube.apply(workload("Deployment", "away", project, published(kube, away)))
    name = published(kube, INSIDE)
    kube.apply(workload("PodTemplate", "t", project, name), workload("Deployment", "w", project, name))
    kube.until("the Pods", lambda: len(kube.objects("replicasets", project)) == 3)
    until_made(kube, "services", project, "environment-T")

    template = kube.get("podtemplate", "t", project)
    assert template is not None
    assert names.TOOLS not in template["metadata"]["annotations"]
    assert "https://wandb.example" == tools(kube, "deployment", "away", project)["tools"]["board"]["url"]
    assert [] == events(kube, project, "plain")


def test_variables_in_a_url(kube: Kube, project: str) -> None:
    """A variable in the URL of a tool is its value when the workload is created, and again when that is refreshed."""
    url = "https://wandb.example/${TEAM}/${PLACE}"
    board = {"name": "board", "type": "WeightsAndBiases", "connection": {"type": "ExternalURL", "url": url}}
    place = {"name": "PLACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    name = published(kube, board, env=[{"name": "TEAM", "value": "ours"}, place])
    kube.apply(workload("Deployment", "w", project, name))

    def shown() -> str:
        return str(tools(kube, "deployment", "w", project)["tools"]["board"]["url"])

    assert f"https://wandb.example/ours/{project}" == shown()
    kube.kubectl("set", "env", "deployment/w", "TEAM=theirs", "-n", project)
    assert f"https://wandb.example/ours/{project}" == shown()
    kube.kubectl("annotate", "deployment/w", f"{names.REFRESH}=1", "-n", project)
    assert f"https://wandb.example/theirs/{project}" == shown()


def test_node_port(kube: Kube, project: str) -> None:
    """A tool with a node port has one more Service, and the Event says which port it is."""
    kube.apply(workload("Deployment", "w", project, published(kube, tool(type="NodePort"))))
    found = until_made(kube, "services", project, "environment-T", "environment-T-node-port")
    (port,) = found["environment-T-node-port"]["spec"]["ports"]

    assert "NodePort" == found["environment-T-node-port"]["spec"]["type"]
    until_event(kube, project, "w", "Exposed", f"lab: port {port['nodePort']} of every node")


def made_again(kube: Kube, kind: str, name: str, project: str, uid: str) -> bool:
    """Return whether an object is there with another uid."""
    item = kube.get(kind, name, project)
    return item is not None and item["metadata"]["uid"] != uid


def a_service(kube: Kube, project: str, right: Callable[[Object], object]) -> bool:
    """Return whether a Service that we made in a project is right."""
    return any(map(right, made(kube, "services", project).values()))


def meta(**fields: object) -> str:
    """Return a merge patch of metadata."""
    return json.dumps({"metadata": fields})


def test_again_when_deleted_or_changed(kube: Kube, project: str) -> None:
    """What exposes a tool is made again when it is deleted, and put right when it is changed."""
    kube.apply(workload("Deployment", "w", project, published(kube, LAB)))
    (service,) = until_made(kube, "services", project, "environment-T").values()
    (route,) = until_made(kube, "httproute", project, "environment-T-lab").values()
    for kind, item in (("service", service), ("httproute", route)):
        name, uid = item["metadata"]["name"], item["metadata"]["uid"]
        kube.kubectl("delete", kind, name, "-n", project)
        kube.until(f"another {kind}", partial(made_again, kube, kind, name, project, uid))
    name, whole = service["metadata"]["name"], service["spec"]
    changes: dict[str, tuple[str, Callable[[Object], object]]] = {
        "selector": ('{"spec":{"selector":{"app":"mine"}}}', lambda s: s["spec"]["selector"] == whole["selector"]),
        "ports": ('{"spec":{"ports":[{"port":1}]}}', lambda s: 8888 in [p["port"] for p in s["spec"]["ports"]]),
        "label": (meta(labels={names.TOKEN: None}), lambda s: names.TOKEN in s["metadata"]["labels"]),
        "owner": (meta(ownerReferences=None), lambda s: s["metadata"].get("ownerReferences")),
    }
    for what, (patch, right) in changes.items():
        kube.kubectl("patch", "service", name, "-n", project, "--type=merge", "-p", patch)
        kube.until(f"{what} to be right", partial(a_service, kube, project, right))
    kube.kubectl(
        "patch",
        "httproute",
        f"{name}-lab",
        "-n",
        project,
        "--type=merge",
        "-p",
        '{"spec":{"hostnames":["evil.example"]}}',
    )
    kube.until(
        "the host to be right",
        lambda: (kube.get("httproute", f"{name}-lab", project) or {})["spec"]["hostnames"] == ["tools.example.com"],
    )


def test_somebody_elses(kube: Kube, project: str) -> None:
    """What others add to a Service stays, and theirs are never touched."""
    kube.kubectl("create", "service", "clusterip", "mine", "--tcp=80", "-n", project)
    kube.kubectl("label", "service", "mine", f"{names.TOKEN}=tokentok", "-n", project)
    kube.apply(workload("Deployment", "w", project, published(kube, INSIDE)))
    kube.until("two Services", lambda: len(made(kube, "services", project)) == 2)
    name = next(item["metadata"]["name"] for item in made(kube, "services", project).values() if "T" not in item)
    mine = kube.get("service", "mine", project)
    kube.kubectl("annotate", "service", name, "-n", project, "example.org/dns=mine")
    kube.kubectl("delete", "deployment", "w", "-n", project)
    kube.until("ours to be gone", lambda: set(made(kube, "services", project)) == {"mine"})

    assert mine == kube.get("service", "mine", project)


def test_gone_with_the_workload(kube: Kube, project: str, operator: Operator) -> None:
    """What exposes a tool goes with the workload, also while the operator is down."""
    name = published(kube, LAB)
    kube.apply(workload("Deployment", "a", project, name), workload("Deployment", "b", project, name))
    kube.until("both", lambda: len(kube.objects("httproutes", project)) == 2)
    kube.kubectl("delete", "deployment", "a", "-n", project)
    until_made(kube, "httproutes", project, "environment-T-lab")
    with operator.down():
        kube.kubectl("delete", "deployment", "b", "-n", project)
        # The garbage collector looks for new kinds every 30 s.
        until_made(kube, "httproutes", project)
        until_made(kube, "services", project)


def test_scale_to_zero_and_suspend(kube: Kube, project: str) -> None:
    """What exposes a tool stays as it is while a workload is scaled to zero or suspended."""
    name = published(kube, INSIDE)
    kube.apply(workload("Deployment", "w", project, name), workload("CronJob", "c", project, name))
    kube.until("both Services", lambda: len(kube.objects("svc", project)) == 2)
    before = kube.kubectl("get", "services", "-n", project, "-o", "yaml")
    kube.kubectl("scale", "deployment/w", "--replicas=0", "-n", project)
    kube.kubectl("patch", "cronjob/c", "-n", project, "--type=merge", "-p", '{"spec":{"suspend":true}}')
    other = published(kube, INSIDE)
    kube.apply(workload("Deployment", "later", project, other))
    kube.until("the later Service", lambda: len(kube.objects("svc", project)) == 3)
    kube.kubectl("delete", "deployment", "later", "-n", project)
    kube.until("it to be gone", lambda: len(kube.objects("svc", project)) == 2)

    assert (
        yaml.safe_load(before)["items"]
        == yaml.safe_load(kube.kubectl("get", "svc", "-n", project, "-o", "yaml"))["items"]
    )


def test_nothing_is_written_on_a_restart(kube: Kube, project: str, operator: Operator) -> None:
    """A restart writes nothing where nothing has changed: what exposes tools is as it was, and no Event is new."""
    kube.apply(workload("Deployment", "w", project, published(kube, LAB, tool("np", 81, type="NodePort"))))
    until_made(kube, "services", project, "environment-T", "environment-T-node-port")
    until_made(kube, "httproutes", project, "environment-T-lab")
    until_event(kube, project, "w", "Exposed", "lab: ")
    kinds = "services,httproutes,events"
    before = kube.kubectl("get", kinds, "-n", project, "-o", "json")
    operator.restart()
    kube.apply(workload("Deployment", "later", project, published(kube, LAB)))
    until_event(kube, project, "later", "Exposed", "lab: ")
    kube.kubectl("delete", "deployment", "later", "-n", project)
    after = {
        item["metadata"]["uid"]: item
        for item in json.loads(kube.kubectl("get", kinds, "-n", project, "-o", "json"))["items"]
    }

    assert [] == [
        item["metadata"]["name"] for item in json.loads(before)["items"] if after[item["metadata"]["uid"]] != item
    ]


def test_url_by_path(kube: Kube, project: str) -> None:
    """A URL is assigned from the token, its path is in a variable, and a readable alias leads there."""
    kube.apply(workload("Deployment", "w", project, published(kube, LAB)))
    (route,) = until_made(kube, "httproutes", project, "environment-T-lab").values()
    said = tools(kube, "deployment", "w", project)
    path = f"/environments/{said['token']}.lab"
    user = kube.get("deployment", "w", project)
    assert user is not None

    assert f"{HOST}{path}" == said["tools"]["lab"]["url"]
    variable = {"name": "ENVIRONMENT_TOOL_LAB_BASE_PATH", "value": path}
    assert variable in user["spec"]["template"]["spec"]["containers"][0]["env"]
    assert (["tools.example.com"], ["shared"]) == (
        route["spec"]["hostnames"], [parent["name"] for parent in route["spec"]["parentRefs"]]
    )  # fmt: skip
    first, alias = route["spec"]["rules"]
    assert path == first["matches"][0]["path"]["value"]
    assert (f"environment-{said['token']}", 8888) == tuple(first["backendRefs"][0][key] for key in ("name", "port"))
    assert f"/environments/{project}/deployments.apps/w/lab" == alias["matches"][0]["path"]["value"]
    assert path == alias["filters"][0]["requestRedirect"]["path"]["replacePrefixMatch"]
    until_event(kube, project, "w", "Exposed", f"lab: {HOST}{path}")


def test_self_contained(kube: Kube, project: str) -> None:
    """What becomes of an Environment, edited or stalled, changes nothing; a refresh does."""
    name = published(kube, INSIDE)
    kube.apply(workload("Deployment", "w", project, name))
    (before,) = until_made(kube, "services", project, "environment-T").values()
    stalled = {"deprecated": {"message": "old", "replacedBy": "nowhere"}}
    kube.apply(manifest(name, tools=[tool(port=9999, type="ClusterIP")], **stalled))
    kube.until_condition(name, "Stalled", "True", "UnknownReplacement")
    kube.kubectl("annotate", "deployment", "w", "-n", project, "example.org/a=1")
    kube.kubectl("delete", "service", before["metadata"]["name"], "-n", project)
    kube.until("another Service", lambda: bool(made(kube, "services", project)))
    (after,) = made(kube, "services", project).values()
    assert [8888] == [port["port"] for port in after["spec"]["ports"]]
    kube.apply(manifest(name, tools=[tool(port=9999, type="ClusterIP")]))
    kube.until_ready(name)
    kube.kubectl("annotate", "deployment", "w", "-n", project, f"{names.REFRESH}=1")

    kube.until(
        "the new port",
        lambda: [p["port"] for s in made(kube, "services", project).values() for p in s["spec"]["ports"]] == [9999],
    )


def test_reference_removed(kube: Kube, project: str) -> None:
    """Without its reference a workload has no tools any more, and is as if it had never had any."""
    plain = workload("Deployment", "w", project, published(kube, LAB))
    kube.apply(plain)
    until_made(kube, "httproutes", project, "environment-T-lab")
    kube.kubectl("label", "deployment", "w", "-n", project, f"{names.REFERENCE}-")
    until_made(kube, "httproutes", project)
    until_made(kube, "services", project)
    user = kube.get("deployment", "w", project)
    assert user is not None

    assert names.TOOLS not in user["metadata"]["annotations"]
    assert "env" not in user["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, 'tool "lab" needs a URL. Set it with annotation tools.environments.dev/lab.'),
        ({"lab": "https://elsewhere.example/mine"}, "Set one with a path of one part"),
        ({"lab": "/environments"}, "other than /environments"),
        ({"lab": "/a/b"}, "Set one with a path of one part"),
        ({"lab": "/mine", "other": "/x"}, "Remove the annotation, or name one of: lab."),
    ],
    ids=["none", "another host", "what is assigned", "two parts", "another tool"],
)
def test_bad_urls(kube: Kube, project: str, asked: dict[str, str], words: str) -> None:
    """A URL that nobody can have is refused, with what to do; one has to be given where none is assigned."""
    said = used("Deployment", "w", project, published(kube, CUSTOM), **asked)

    assert words in kube.refused("apply", "-f", "-", stdin=yaml.safe_dump(said))


def test_custom_url(kube: Kube, project: str) -> None:
    """A URL that was asked for is routed, followed when it changes, refused to others, and free again afterwards."""
    name, mine, other = published(kube, CUSTOM), kube.unique("mine"), kube.unique("other")
    kube.apply(used("Deployment", "w", project, name, lab=f"/{mine}"))
    until_event(kube, project, "w", "Exposed", f"lab: {HOST}/{mine}")
    late = used("Deployment", "late", project, name, lab=f"{HOST}/{mine}/")
    said = kube.refused("apply", "-f", "-", stdin=yaml.safe_dump(late))
    assert f"cannot have {HOST}/{mine}: deployments.apps/{project}/w has it" in said

    kube.kubectl("annotate", "--overwrite", "deployment", "w", "-n", project, f"{names.CUSTOM_TOOL}lab=/{other}")
    until_event(kube, project, "w", "Exposed", f"lab: {HOST}/{other}")
    user = kube.get("deployment", "w", project)
    assert user is not None
    (variable,) = user["spec"]["template"]["spec"]["containers"][0]["env"]
    assert f"/{other}" == variable["value"]
    kube.until("the first one to be free", lambda: kube.cluster.kubectl(
        "apply", "-f", "-", input=yaml.safe_dump(late), check=False).returncode == 0)  # fmt: skip
    until_event(kube, project, "late", "Exposed", f"lab: {HOST}/{mine}")


def test_fifty_at_once(kube: Kube, project: str, operator: Operator) -> None:
    """Of fifty who ask for one URL at once one gets it; the others have no route, and an Event names who has it.

    When it goes, another one gets it.
    """
    name, url = published(kube, CUSTOM), f"{HOST}/{kube.unique('same')}"
    # Nobody can have it before all have asked for it.
    with operator.down():
        kube.apply(*(used("Deployment", f"w{n}", project, name, lab=url) for n in range(50)))
    kube.until(
        "forty-nine Events",
        lambda: sum(("AddressTaken" in [r for r, _ in events(kube, project, f"w{n}")]) for n in range(50)) == 49,
    )
    assert 1 == len(routed(kube, url))
    said = kube.until_condition(name, "ToolsExposed", "False", "AddressTaken")["message"]
    (holder,) = {f"w{n}" for n in range(50) if not any(r == "AddressTaken" for r, _ in events(kube, project, f"w{n}"))}
    assert f'does not get {url}: deployments.apps "{holder}" in project "{project}" has it' in said
    before = routed(kube, url)
    kube.kubectl("delete", "deployment", holder, "-n", project)
    kube.until("another route", lambda: len(routed(kube, url)) == 1 and routed(kube, url) != before)


def test_fifty_urls_at_once(kube: Kube, project: str) -> None:
    """Fifty who ask for URLs of their own at once all get them, each one route."""
    name, word = published(kube, CUSTOM), kube.unique("own")
    users = [used("Deployment", f"w{n}", project, name, lab=f"/{word}-{n}") for n in range(50)]
    with ThreadPoolExecutor(10) as pool:
        replies = list(
            pool.map(lambda user: kube.rest.create(f"/apis/apps/v1/namespaces/{project}/deployments", user), users)
        )

    assert [] == [reply.message for reply in replies if not reply.ok]
    kube.until("all routes", lambda: [1] * 50 == [len(routed(kube, f"{HOST}/{word}-{n}")) for n in range(50)])
