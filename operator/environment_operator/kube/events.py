"""Events: what people read about an object when they describe it, and how one is posted."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from environment_operator.api import names
from environment_operator.kube.client import Cluster
from environment_operator.kube.errors import Conflict
from environment_operator.metrics import WRITES

_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class Notice:
    """An Event for the people who describe the object."""

    type: str
    reason: str
    message: str


def rfc3339(moment: datetime) -> str:
    """Return a moment as Kubernetes writes it, in whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def path(namespace: str) -> str:
    """Return the URL path of the Events of a namespace."""
    return f"/api/v1/namespaces/{namespace}/events"


def event(about: Mapping[str, Any], notice: Notice, generation: int | str, now: str) -> dict[str, Any]:
    """Return an Event; its name follows from what it says, so that the same Event is posted once.

    Args:
        about: apiVersion, kind, name, uid and resourceVersion of the object, and its namespace where it has one.
        notice: what it says.
        generation: the state of the object: another one has an Event of its own.
        now: RFC 3339 time.
    """
    said = f"{about['uid']}{generation}{notice.reason}{notice.message}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{about['name']}.{hashlib.sha256(said.encode()).hexdigest()[:16]}",
            "namespace": about.get("namespace", "default"),
        },
        "involvedObject": dict(about),
        "type": notice.type,
        "reason": notice.reason,
        "message": notice.message[:_LONGEST],
        "source": {"component": names.FIELD_MANAGER},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "reportingComponent": names.FIELD_MANAGER,
        "reportingInstance": names.FIELD_MANAGER,
        "action": "Reconcile",
    }


async def post(cluster: Cluster, about: Mapping[str, Any], notice: Notice, generation: int | str) -> None:
    """Post an Event; one that exists is left as it is.

    Args:
        cluster: the API server.
        about: as for `event`.
        notice: as for `event`.
        generation: as for `event`.

    Raises:
        ApiError: it could not be posted.
    """
    body = event(about, notice, generation, rfc3339(datetime.now(UTC)))
    try:
        await cluster.create(path(body["metadata"]["namespace"]), body)
    except Conflict:
        return
    WRITES.labels("event").inc()
