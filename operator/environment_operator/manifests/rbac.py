"""What depends on the kinds table besides admission, as data: the operator's rights, and the rows for people. Pure."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import yaml

from environment_operator.api import names
from environment_operator.kinds import further
from environment_operator.kinds.table import Kind
from environment_operator.manifests import webhook_configurations

NAME = "environment-operator-custom-kinds"
CONFIGURATIONS = "environment-operator-webhook-configurations"
_RBAC = "rbac.authorization.k8s.io"


def objects(table: Iterable[Kind]) -> list[dict[str, Any]]:
    """Return the objects that a kinds table needs in the cluster.

    Args:
        table: the kinds table; the rights on built-in kinds are in ``deploy/rbac.yaml``.
    """
    every = tuple(table)
    return [_role(every), *_trusted(every), *_published(every)]


def _role(table: tuple[Kind, ...]) -> dict[str, Any]:
    """Return the ClusterRole that lets the operator count users of these kinds; its label gives it these rights."""
    rows = sorted((row for row in table if row.custom), key=lambda row: row.group)
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": NAME, "labels": {names.AGGREGATE: "true"}},
        "rules": [_rule(group, same) for group, same in groupby(rows, key=lambda row: row.group)],
    }


def _trusted(table: Iterable[Kind]) -> list[dict[str, Any]]:
    """Return the right to write the certificate authority of the webhook configurations.

    It is bound to the operator itself: an aggregated role is empty until the controller manager has filled it, and
    until then no webhook could be called.
    """
    rule = {
        "apiGroups": ["admissionregistration.k8s.io"],
        "resources": ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
        "resourceNames": [
            webhook_configurations.DEFAULTS,
            *map(webhook_configurations.called, (*webhook_configurations.groups(table), names.GROUP)),
        ],
        "verbs": ["patch"],
    }
    operator = {"kind": "ServiceAccount", "name": names.SERVICE_ACCOUNT, "namespace": names.SYSTEM_NAMESPACE}
    meta = {"name": CONFIGURATIONS}
    return [
        {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": meta, "rules": [rule]},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": CONFIGURATIONS},
            "subjects": [operator],
        },
    ]


def _published(table: Iterable[Kind]) -> list[dict[str, Any]]:
    """Return the rows that an administrator added, for ``kubectl environment``, and that everybody may read them."""
    rows = [row.model_dump(mode="json", exclude_defaults=True) for row in further.further(table)]
    meta = {"name": names.KINDS, "namespace": names.SYSTEM_NAMESPACE}
    rule = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [names.KINDS], "verbs": ["get"]}
    everybody = {"apiGroup": _RBAC, "kind": "Group", "name": "system:authenticated"}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": meta,
            "data": {names.KINDS_KEY: yaml.safe_dump(rows, sort_keys=False)},
        },
        {"apiVersion": f"{_RBAC}/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": names.KINDS},
            "subjects": [everybody],
        },
    ]


def _rule(group: str, rows: Iterable[Kind]) -> dict[str, Any]:
    """Return the rule for the kinds of one group."""
    return {"apiGroups": [group], "resources": sorted(row.plural for row in rows), "verbs": ["list", "watch"]}
