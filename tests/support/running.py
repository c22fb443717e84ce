"""Images of this ring, and Pods that run once and are asked what they were."""

from collections.abc import Mapping
from typing import Any

from builders import manifest
from cluster.images import Image
from environment_operator.api import names
from kube import Kube

Object = dict[str, Any]
SPEAKS = "#!/bin/sh\necho the entrypoint of the image $@\n"
PLAIN = Image("docker.io/library/set-up:plain")
NUMBERED = Image("docker.io/library/set-up:numbered", user="1234")
NAMED = Image("docker.io/library/set-up:named", user="runner")
MEMBER = Image(
    "docker.io/library/set-up:member",
    files={
        "/etc/passwd": "root:x:0:0:root:/:/bin/sh\nmember:x:1000:100:member:/:/bin/sh\n",
        "/etc/group": "root:x:0:\nusers:x:100:\nteam:x:5000:member\nshared:x:6000:member\n",
    },
)
SPEAKING = Image("docker.io/library/set-up:speaking", entrypoint=("/speak",), files={"/speak": SPEAKS})


def pod(name: str, environment: str, container: Mapping[str, Any]) -> Object:
    """Return a Pod that runs once and says what it is; the image is the Environment's."""
    meta = {"name": name, "labels": {names.REFERENCE: environment}}
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", **container}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def created(kube: Kube, project: str, fields: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """Create an Environment and a Pod that uses it; return the name of both."""
    name = kube.unique("case")
    kube.apply(manifest(name, **{"image": PLAIN.reference, "imagePullPolicy": "IfNotPresent", **fields}))
    reply = kube.rest.create(f"/api/v1/namespaces/{project}/pods", pod(name, name, container))
    assert reply.ok, reply.message
    return name


def said(kube: Kube, project: str, name: str) -> str:
    """Wait for the end of a Pod, which must be a good one, and return what it printed.

    Standard output and standard error arrive in the order in which the node reads them, not in that in which they
    were written: a program with both has to be asked for lines, not for their order.
    """
    path = f"/api/v1/namespaces/{project}/pods/{name}"

    def phase() -> str:
        found: str = kube.rest.get(path).body["status"].get("phase", "")
        return found

    kube.until(f"the end of pod {name}", lambda: phase() in ("Succeeded", "Failed"))
    out = kube.kubectl("logs", name, "-n", project).replace("\r\n", "\n")
    assert phase() == "Succeeded", out
    return out
