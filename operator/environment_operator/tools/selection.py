"""Whose Pods a Service would select, for kinds whose pods do not carry our token.

Such pods are found by labels that the kind's controller makes of the workload's name. A user may have Pods, or an
object that makes some, by that very name: a TrainJob called as another's JobSet would expose that one's Pods.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from environment_operator.api import names
from environment_operator.kinds.table import Kind
from environment_operator.kube.client import Cluster
from environment_operator.kube.objects import Metadata
from environment_operator.tools.objects import Workload, selector

# From a Pod to its workload: a JobSet makes Jobs, and a TrainJob a JobSet.
_STEPS = 4
_PODS = "/api/v1/namespaces/{namespace}/pods"
Reference = Mapping[str, Any]


class Selection:
    """The Pods that the Services of one workload would select now.

    Args:
        cluster: the API server.
        table: the kinds table.
        workload: the workload.
    """

    def __init__(self, cluster: Cluster, table: Iterable[Kind], workload: Workload) -> None:
        self._cluster, self._workload = cluster, workload
        self._kinds = {(kind.group, kind.kind): kind for kind in table}
        self._known: dict[str, bool] = {workload.uid: True}

    async def owned(self) -> tuple[bool, str]:
        """Return whether there are any, and the name of one that is not the workload's, empty when all are.

        Raises:
            ApiError: they cannot be read.
        """
        found = False
        async for pod in self._pods():
            found = True
            if not await self._is_ours(pod, _STEPS):
                return True, pod.name
        return found, ""

    async def _pods(self) -> AsyncIterator[Metadata]:
        """Yield the metadata of each."""
        path, token = _PODS.format(namespace=self._workload.namespace), ""
        wanted = ",".join(f"{key}={value}" for key, value in selector(self._workload).items())
        while True:
            page = await self._cluster.page(path, wanted, token)
            for pod in page.items:
                yield pod
            token = page.next
            if not token:
                return

    async def _is_ours(self, item: Metadata, steps: int) -> bool:
        """Return whether the controllers of an object lead to the workload."""
        reference = next((owner for owner in item.owner_references if owner.get("controller")), None)
        if reference is None or steps == 0:
            return False
        uid = str(reference["uid"])
        if uid not in self._known:
            owner = await self._read(reference)
            self._known[uid] = owner is not None and await self._is_ours(owner, steps - 1)
        return self._known[uid]

    async def _read(self, reference: Reference) -> Metadata | None:
        """Return the metadata of an owner, None when it is gone or of a kind that is not in the table."""
        group, _, version = str(reference["apiVersion"]).rpartition("/")
        kind = self._kinds.get((group, str(reference["kind"])))
        if kind is None:
            return None
        head, _, plural = kind.path_in(version).rpartition("/")
        path = f"{head}/namespaces/{self._workload.namespace}/{plural}"
        page = await self._cluster.page(path, name=str(reference["name"]))
        return next((item for item in page.items if item.uid == reference["uid"]), None)


def needs_look(workload: Workload) -> bool:
    """Return whether labels of the workload's name alone select its Pods."""
    return names.TOKEN not in workload.tools.pods
