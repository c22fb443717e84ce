"""Environments with tools, workloads that ask for their addresses, and what the operator makes for those."""

import json
from pathlib import Path

import yaml

from builders import manifest, workload
from environment_operator.api import names
from kube import Kube, Object

ROUTE = yaml.load((Path(__file__).parents[1] / "fixtures/gateway.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
ROUTES = ROUTE["metadata"]["name"]
HOST = "https://tools.example.com"
LAB = {"name": "lab", "type": "JupyterNotebook"}


def tool(name: str = "lab", port: int = 8888, **connection: object) -> Object:
    """Return a tool with a connection."""
    return {"name": name, "type": "Custom", "containerPort": port, "connection": connection}


CUSTOM = tool(type="ExternalURL", assign="Custom")
INSIDE = tool(type="ClusterIP")


def published(kube: Kube, *tools: Object, **fields: object) -> str:
    """Return the name of a new Environment with these tools."""
    name = kube.unique("env")
    kube.apply(manifest(name, tools=list(tools), **fields))
    return name


def used(kind: str, name: str, project: str, environment: str, **asked: str) -> Object:
    """Return a workload that asks for these addresses."""
    made = workload(kind, name, project, environment)
    made["metadata"]["annotations"] = {f"{names.CUSTOM_TOOL}{key}": value for key, value in asked.items()}
    return made


def tools(kube: Kube, kind: str, name: str, project: str) -> Object:
    """Return what admission wrote about the tools of a workload."""
    found = kube.get(kind, name, project)
    assert found is not None
    said: Object = json.loads(found["metadata"]["annotations"][names.TOOLS])
    return said


def made(kube: Kube, kind: str, project: str) -> dict[str, Object]:
    """Return the objects of a kind that we made in a project, by name without the token."""
    found = kube.objects(kind, project, labels=names.TOKEN)
    return {item["metadata"]["name"].replace(item["metadata"]["labels"][names.TOKEN], "T"): item for item in found}


def until_made(kube: Kube, kind: str, project: str, *wanted: str) -> dict[str, Object]:
    """Wait until exactly these objects of a kind are there; return them."""
    kube.until(f"{kind} {wanted} in {project}", lambda: set(wanted) == set(made(kube, kind, project)))
    return made(kube, kind, project)


def events(kube: Kube, project: str, name: str) -> list[tuple[str, str]]:
    """Return reason and message of the operator's Events about a workload."""
    chosen = f"involvedObject.name={name},reportingComponent=environment-operator"
    return [(item["reason"], item["message"]) for item in kube.objects("events", project, fields=chosen)]


def until_event(kube: Kube, project: str, name: str, reason: str, *words: str) -> None:
    """Wait until an Event about a workload has a reason and all of these words."""
    kube.until(
        f"the Event {reason} about {name} with {words}",
        lambda: any(reason == r and all(word in said for word in words) for r, said in events(kube, project, name)),
    )


def routed(kube: Kube, url: str) -> list[str]:
    """Return the routes in the whole cluster that lead from a URL."""
    return [
        item["metadata"]["name"]
        for item in kube.objects("httproutes")
        for host in item["spec"]["hostnames"]
        for rule in item["spec"]["rules"]
        for match in rule["matches"]
        if url == f"https://{host}{match['path']['value']}"
    ]
