"""The kinds table: which kinds can use an Environment, one row a kind. Data, and questions about it."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict


class Kind(BaseModel):
    """One row.

    Args:
        group: API group, empty for the core group.
        version: the version that the operator watches.
        kind: the kind's name.
        plural: its name in URLs.
        template: True when workloads are made from it; False when it runs pods itself.
        custom: True when it comes from a CustomResourceDefinition and may be absent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    version: str
    kind: str
    plural: str
    template: bool = False
    custom: bool = True

    @property
    def name(self) -> str:
        """The kind's full name, such as ``deployments.apps``: one word for logs, metrics and messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def path(self) -> str:
        """The URL path of all its objects."""
        return (
            f"/apis/{self.group}/{self.version}/{self.plural}" if self.group else f"/api/{self.version}/{self.plural}"
        )


def _builtin(group: str, version: str, kind: str, plural: str, *, template: bool = False) -> Kind:
    """Return the row of a kind that every cluster has."""
    return Kind(group=group, version=version, kind=kind, plural=plural, template=template, custom=False)


BUILTIN: tuple[Kind, ...] = (
    _builtin("", "v1", "Pod", "pods"),
    _builtin("", "v1", "PodTemplate", "podtemplates", template=True),
    _builtin("", "v1", "ReplicationController", "replicationcontrollers"),
    _builtin("apps", "v1", "DaemonSet", "daemonsets"),
    _builtin("apps", "v1", "Deployment", "deployments"),
    _builtin("apps", "v1", "ReplicaSet", "replicasets"),
    _builtin("apps", "v1", "StatefulSet", "statefulsets"),
    _builtin("batch", "v1", "CronJob", "cronjobs"),
    _builtin("batch", "v1", "Job", "jobs"),
)


def is_derived(owners: Iterable[Mapping[str, Any]], table: Iterable[Kind]) -> bool:
    """Say whether the controller among the owners is of a kind in the table.

    Such an object was made by a workload that is counted itself, and may have copied its labels.

    Args:
        owners: ``metadata.ownerReferences``.
        table: the kinds table.
    """
    known = {(kind.group, kind.kind) for kind in table}
    return any(o.get("controller") and (o["apiVersion"].rpartition("/")[0], o["kind"]) in known for o in owners)
