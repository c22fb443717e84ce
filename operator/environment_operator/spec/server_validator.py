"""Has the API server validate what Environments render to; nothing is stored, and no pod runs."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from environment_operator.api import names
from environment_operator.kube.client import Cluster
from environment_operator.kube.errors import ApiError, Invalid
from environment_operator.spec import server_validation
from environment_operator.spec.server_validation import Validity
from environment_operator.spec.validation import validate

_KEPT = 1024
_POD_TEMPLATES = f"/api/v1/namespaces/{names.SYSTEM_NAMESPACE}/podtemplates?dryRun=All"


class Validator:
    """Asks the API server, and remembers what it said of the last specs.

    Args:
        cluster: the API server.
        node_ports: the node ports of the cluster.
    """

    def __init__(self, cluster: Cluster, node_ports: range) -> None:
        self._cluster, self._node_ports = cluster, node_ports
        self._known: OrderedDict[str, Validity] = OrderedDict()

    async def validate(self, raw: Mapping[str, Any]) -> Validity:
        """Return whether a workload can have what a spec renders to; one that renders to nothing is not asked about."""
        digest = hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()
        if digest in self._known:
            self._known.move_to_end(digest)
            return self._known[digest]
        found = await self._asked(raw)
        if not found.unchecked:
            self._known[digest] = found
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return found

    async def _asked(self, raw: Mapping[str, Any]) -> Validity:
        """Ask the API server. Only what it says of a field counts: anything else may be another webhook, or a quota."""
        verdict = validate(raw, replacement_exists=True)
        if verdict.spec is None or verdict.fragment is None:
            return Validity()
        if wrong := server_validation.of_node_ports(verdict.spec, self._node_ports):
            return Validity(wrong)
        try:
            await self._cluster.create(_POD_TEMPLATES, server_validation.pod_template(verdict.fragment))
        except ApiError as error:
            said = (
                server_validation.of_pod(error.causes, verdict.fragment, verdict.spec)
                if isinstance(error, Invalid)
                else ""
            )
            return Validity(said) if said else Validity(unchecked=error.message)
        return Validity()
