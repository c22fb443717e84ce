"""The admission policies that the API server enforces by itself, with the operator up or down. Pure.

``publishing`` says who may write for which scope, ``departments`` who may move a namespace, ``in_use`` what protects
an Environment in use, ``creator`` who has created it, ``enforcement`` where a workload must use one, ``misplaced``
what has no effect where it is, ``running`` what stays as it is in Pods that have one, ``revisions`` in what makes
them, ``status`` what a request to a status leaves alone, ``account`` what the operator itself may write, and ``sizes``
how many labels an object with one has. Every expression is total: where something is missing it
answers instead of failing.
"""

from collections.abc import Iterable
from typing import Any

from environment_operator.kinds.table import Kind
from environment_operator.manifests.policies import (
    account,
    creator,
    departments,
    enforcement,
    in_use,
    misplaced,
    publishing,
    revisions,
    running,
    sizes,
    status,
)


def objects(table: Iterable[Kind]) -> list[dict[str, Any]]:
    """Return every policy, each followed by its binding, for the kinds of a table."""
    policies = (
        *publishing.policies(),
        *departments.policies(),
        *in_use.policies(),
        *creator.policies(),
        *enforcement.policies(table),
        *misplaced.policies(table),
        *running.policies(),
        *revisions.policies(),
        *status.policies(table),
        *account.policies(),
        *sizes.policies(table),
    )
    return [each for policy in policies for each in policy.as_objects()]
