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
        path_to_template: keys that lead to the pod template; none when the object is one itself, as a Pod is.
        template: True when workloads are made from it; False when it runs pods itself.
        template_immutable: True when the pod template cannot change after creation.
        keeps_revisions: True when old pod templates can come back, as by ``kubectl rollout undo``.
        custom: True when it comes from a CustomResourceDefinition and may be absent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    version: str
    kind: str
    plural: str
    path_to_template: tuple[str, ...] = ("spec", "template")
    template: bool = False
    template_immutable: bool = False
    keeps_revisions: bool = False
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


def _builtin(group: str, kind: str, path: str = "spec.template", **columns: bool) -> Kind:
    """Return the row of a kind that every cluster has; the plurals of all of them end in s."""
    keys = tuple(path.split(".")) if path else ()
    plural = f"{kind.lower()}s"
    return Kind(group=group, version="v1", kind=kind, plural=plural, path_to_template=keys, custom=False, **columns)


BUILTIN: tuple[Kind, ...] = (
    _builtin("", "Pod", "", template_immutable=True),
    _builtin("", "PodTemplate", "template", template=True),
    _builtin("", "ReplicationController"),
    _builtin("apps", "DaemonSet", keeps_revisions=True),
    _builtin("apps", "Deployment", keeps_revisions=True),
    _builtin("apps", "ReplicaSet"),
    _builtin("apps", "StatefulSet", keeps_revisions=True),
    _builtin("batch", "CronJob", "spec.jobTemplate.spec.template"),
    _builtin("batch", "Job", template_immutable=True),
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
