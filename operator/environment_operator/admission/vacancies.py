"""Which addresses workloads may have, as far as admission knows: the controller has the last word."""

import asyncio
from http import HTTPStatus

from environment_operator.admission.review import Request
from environment_operator.api import names
from environment_operator.kube.client import LEASES, Cluster
from environment_operator.kube.errors import ApiError, NotFound
from environment_operator.tools import addresses
from environment_operator.tools.index import claim_name
from environment_operator.tools.objects import SERVICES


class Vacancies:
    """Asks the API server who has what.

    Args:
        cluster: the API server.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def taken(self, review: Request) -> dict[str, str]:
        """Return the addresses that a workload asks for and cannot have, each with the reason.

        Args:
            review: the request, when the workload was filled in.
        """
        new = review.new or {}
        key = f"{review.name}/{review.namespace}/{(new.get('metadata') or {}).get('name') or ''}"
        asked = addresses.asked_anew(new, review.old or {})
        if not asked:
            return {}
        found = await asyncio.gather(*(self._why_taken(key, address, port) for address, port in asked.items()))
        return {address: why for address, why in zip(asked, found, strict=True) if why}

    async def _why_taken(self, key: str, asked: str, port: int) -> str:
        """Return why a workload cannot have an address, empty when it can for all that is known now."""
        try:
            lease = await self._cluster.get(f"{LEASES}/{claim_name(asked)}")
        except NotFound:
            return await self._why_no_port(key.split("/")[1], port) if port else ""
        holder = (lease["metadata"].get("annotations") or {}).get(names.EXPOSES, "")
        return "" if holder == key else f"{holder} has it"

    async def _why_no_port(self, namespace: str, port: int) -> str:
        """Return why there can be no Service with a node port: only the API server knows, and says so in a dry run."""
        spec = {"type": "NodePort", "ports": [{"port": 1, "nodePort": port}]}
        labels = {names.TOKEN: "dry-run", "app.kubernetes.io/managed-by": names.FIELD_MANAGER}
        service = {"metadata": {"generateName": "environment-", "labels": labels}, "spec": spec}
        try:
            await self._cluster.create(f"{SERVICES.path_of(namespace)}?dryRun=All", service)
        except ApiError as error:
            return error.message if error.status == HTTPStatus.UNPROCESSABLE_ENTITY else ""
        return ""
