"""How many labels and annotations an object with a reference may have: no more than admission reads one by one.

Each one makes every later request to the object dearer. What is stored with more stays, shrinks and goes as it likes.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from environment_operator.api import names
from environment_operator.kinds.table import Kind
from environment_operator.manifests.match_conditions import MOST
from environment_operator.manifests.policies.policy import NEW, OLD, Policy, Rule, Validation

_LABEL = f".?metadata.?labels[?'{names.REFERENCE}']"
_NAME = f"{NEW}.?metadata.?name.orValue({NEW}.?metadata.?generateName.orValue(''))"

_REFERS: Mapping[str, Any] = {"matchExpressions": [{"key": names.REFERENCE, "operator": "Exists"}]}
_NOT_EXEMPT: Mapping[str, Any] = {
    "matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": list(names.EXEMPT_NAMESPACES)}
    ]
}


def policies(table: Iterable[Kind]) -> Iterator[Policy]:
    """Yield the policy, for the kinds of a table."""
    remedy = f"Remove some, or the label {names.REFERENCE}."
    yield Policy(
        name="size",
        operations=("CREATE", "UPDATE"),
        condition=("refers-and-has-many", f"{NEW}{_LABEL}.hasValue() && {_size(NEW)} > {MOST}"),
        validations=[
            Validation(
                f"{NEW}{_LABEL} == {OLD}{_LABEL} && {_size(NEW)} <= {_size(OLD)}",
                f"""'%s "%s" has %d labels and annotations; with an Environment it has at most {MOST}. {remedy}'
.format([request.kind.kind, {_NAME}, {_size(NEW)}])""",
                f"An object with an Environment has at most {MOST} labels and annotations. {remedy}",
            )
        ],
        rules=list(_rules(table)),
        selectors={"namespaceSelector": _NOT_EXEMPT, "objectSelector": _REFERS},
    )


def _size(side: str) -> str:
    """Return how many labels and annotations one side has."""
    return " + ".join(f"{side}.?metadata.?{of}.orValue({{}}).size()" for of in ("labels", "annotations"))


def _rules(table: Iterable[Kind]) -> Iterator[Rule]:
    """Yield the rule of each API group; a request to the status of the API server's own kinds writes labels, too."""
    for (group, versions), rows in groupby(sorted(table, key=_served), key=_served):
        kinds = tuple(rows)
        statuses = (f"{kind.plural}/status" for kind in kinds if not kind.custom and not kind.template)
        yield Rule(group, versions, (*(kind.plural for kind in kinds), *statuses))


def _served(kind: Kind) -> tuple[str, tuple[str, ...]]:
    """Return the group of a kind with the versions in which a cluster may serve it."""
    return kind.group, (kind.version, *kind.also)
