"""Controllers of other projects as processes: started, with their definitions, and what they made of objects."""

import base64
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster import processes
from cluster.processes import Program
from controllers.programs import Controller
from environment_operator.api import names
from kube import Kube, Object

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# The training operator reads its certificate there, with any environment (pkg/cert/cert.go).
MOUNTED = Path("/tmp/k8s-webhook-server/serving-certs")


def define(kube: Kube, controller: Controller) -> None:
    """Create the definitions of a controller, and wait until their kinds are served."""
    create_definitions(kube, list(controller.crds()))


def create_definitions(kube: Kube, found: Sequence[Object]) -> None:
    """Create definitions, and wait until their kinds are served."""
    for definition in found:
        # A client-side apply would need an annotation for the whole definition, which is too long for one.
        reply = kube.rest.create(DEFINITIONS, definition)
        assert reply.ok or reply.status == 409, reply.message
    for definition in found:
        kube.until_established(definition["metadata"]["name"])


@contextmanager
def running(kube: Kube, controller: Controller, *arguments: str) -> Iterator[None]:
    """Have a controller run as the administrator."""
    layout = kube.cluster.layout
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(layout.root),
        "KUBECONFIG": str(layout.kubeconfig),
        **controller.environ,
    }
    command = (str(controller.program), *controller.arguments, *arguments)
    processes.start(layout, Program(controller.name, command, environ))
    try:
        yield
    finally:
        processes.stop(layout, controller.name)


def mount(kube: Kube, namespace: str, secret: str, folder: Path = MOUNTED) -> None:
    """Do for a controller what the kubelet would: write the certificate that it keeps in a Secret into its files."""
    where = f"/api/v1/namespaces/{namespace}/secrets/{secret}"

    def written() -> bool:
        data = kube.rest.get(where).body.get("data") or {}
        return "tls.crt" in data

    kube.until(f"the certificate in {secret}", written)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in kube.rest.get(where).body["data"].items():
        (folder / name).write_bytes(base64.b64decode(content))


def pods(kube: Kube, project: str) -> list[Object]:
    """Return the Pods of a project that are not being deleted."""
    items: list[Object] = kube.rest.get(f"/api/v1/namespaces/{project}/pods").body["items"]
    return [item for item in items if "deletionTimestamp" not in item["metadata"]]


def until_pods(kube: Kube, project: str, count: int) -> list[Object]:
    """Wait until a project has so many Pods; return them."""
    kube.until(f"{count} Pods in {project}", lambda: count == len(pods(kube, project)))
    return pods(kube, project)


def runs(kube: Kube, pod: Object, address: str = "127.0.0.1") -> None:
    """Report for the kubelet that a Pod runs at an address and is ready."""
    containers = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": True,
            "started": True,
            "restartCount": 0,
            "state": {"running": {}},
        }
        for container in pod["spec"]["containers"]
    ]
    conditions = [
        {"type": each, "status": "True"} for each in ("Initialized", "ContainersReady", "PodScheduled", "Ready")
    ]
    addresses = {"podIP": address, "podIPs": [{"ip": address}]}
    status = {"phase": "Running", **addresses, "conditions": conditions, "containerStatuses": containers}
    meta = pod["metadata"]
    reply = kube.rest.patch(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status", {"status": status})
    assert reply.ok, reply.message


def selected(kube: Kube, project: str, found: Sequence[Object]) -> list[str]:
    """Return the names of the Pods that the only Service for tools in a project selects."""
    services: list[Any] = []

    def exposed() -> bool:
        items = kube.rest.get(f"/api/v1/namespaces/{project}/services").body["items"]
        services[:] = [each for each in items if names.GROUP in str(each["metadata"].get("labels", {}))]
        return len(services) == 1

    kube.until("the Service of the tools", exposed)
    selector = services[0]["spec"]["selector"].items()
    return [pod["metadata"]["name"] for pod in found if selector <= pod["metadata"]["labels"].items()]
