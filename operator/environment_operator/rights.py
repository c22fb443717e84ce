"""What the operator has to be allowed for the kinds that come with definitions, as data. Pure."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from environment_operator import names
from environment_operator.kinds import Kind

NAME = "environment-operator-custom-kinds"


def objects(table: Iterable[Kind]) -> list[dict[str, Any]]:
    """Return the ClusterRole that lets the operator count the users of these kinds; its label gives it to the operator.

    Args:
        table: the kinds table; the rights on built-in kinds are in ``deploy/rbac.yaml``.
    """
    rows = sorted((row for row in table if row.custom), key=lambda row: row.group)
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": NAME, "labels": {names.AGGREGATE: "true"}},
        "rules": [_rule(group, same) for group, same in groupby(rows, key=lambda row: row.group)],
    }
    return [role]


def _rule(group: str, rows: Iterable[Kind]) -> dict[str, Any]:
    """Return the rule for the kinds of one group."""
    return {"apiGroups": [group], "resources": sorted(row.plural for row in rows), "verbs": ["list", "watch"]}
