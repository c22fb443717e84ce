"""Which container receives the Environment when another webhook was there first, by what the real API server says."""

from collections.abc import Callable

import pytest

from builders import KINDS, manifest, workload
from cluster.rest import Reply
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Object, path_of
from neighbour import BEFORE_OURS, mark, neighbour

Send = Callable[[Kube, str, Object], Reply]
DRY_RUN = "?dryRun=All"


def proxied(item: Object) -> None:
    """Put a proxy before the containers of a Pod, as a service mesh does."""
    mark(item)
    item["spec"]["containers"].insert(0, {"name": "proxy", "image": "proxy.example/proxy:1"})


def created(kube: Kube, path: str, item: Object) -> Reply:
    """Create an object."""
    return kube.rest.create(f"{path}{DRY_RUN}", item)


def applied(kube: Kube, path: str, item: Object) -> Reply:
    """Create an object by server-side apply."""
    query = f"{DRY_RUN}&fieldManager=team"
    return kube.rest.patch(f"{path}/{item['metadata']['name']}{query}", item, "apply")


@pytest.mark.parametrize("send", [created, applied])
@pytest.mark.parametrize("overridable", [["Image", "Env"], ["Env"]])
def test_a_proxy_that_came_first(kube: Kube, project: str, send: Send, overridable: list[str]) -> None:
    """The Environment goes into the container of the submitter, whether Image may be overridden or not."""
    name, data = kube.unique("env"), [{"name": "DATA", "value": "/data"}]
    assert kube.rest.create(ENVIRONMENTS, manifest(name, env=data, overridable=overridable)).ok
    own = workload("Pod", "p", project, name)
    with neighbour(kube.rest, project, BEFORE_OURS) as other:
        other.changes = proxied
        reply = send(kube, path_of(KINDS["pods"], project), own)

    assert reply.ok, reply.message
    assert {"proxy": None, "main": data} == {c["name"]: c.get("env") for c in reply.body["spec"]["containers"]}
    assert names.RECORD in reply.body["metadata"]["annotations"]
