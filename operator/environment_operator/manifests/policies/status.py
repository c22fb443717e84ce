"""What cannot be changed along with the status of a workload: its references, its record, its owners.

The API server lets a request to ``status`` change labels, annotations and owners of its own kinds, and no webhook of
ours is called for one. A custom kind keeps its metadata by itself:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#status-subresource
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from environment_operator.api import names
from environment_operator.kinds.table import Kind
from environment_operator.manifests.policies.policy import NEW, OLD, Policy, Rule, Validation, entries_differ

_OWNERS = ".?metadata.?ownerReferences.orValue([])"


def policies(table: Iterable[Kind]) -> Iterator[Policy]:
    """Yield the policy, for the kinds of a table."""
    ours = f"(k.startsWith('{names.GROUP}/') || k.startsWith('{names.CUSTOM_TOOL}'))"
    labels, annotations = (entries_differ(f".?metadata.?{of}", ours) for of in ("labels", "annotations"))
    remedy = "Change them in a request to the workload itself."
    yield Policy(
        name="workload-status",
        operations=("UPDATE",),
        condition=(
            "changes-more-than-the-status",
            f"{labels}\n|| {annotations}\n|| {NEW}{_OWNERS} != {OLD}{_OWNERS}",
        ),
        validations=[
            Validation(
                "false",
                f"""'%s "%s": a request to its status cannot change labels or annotations of {names.GROUP}. {remedy}'
.format([request.kind.kind, {OLD}.?metadata.?name.orValue('')])""",
                f"A request to the status of a workload changes more than its status. {remedy}",
            )
        ],
        rules=list(_rules(table)),
        selectors={"objectSelector": {"matchExpressions": [{"key": names.REFERENCE, "operator": "Exists"}]}},
    )


def _rules(table: Iterable[Kind]) -> Iterator[Rule]:
    """Yield the rule of each API group that is the API server's own."""
    kinds = sorted((kind for kind in table if not kind.custom and not kind.template), key=_group)
    for group, rows in groupby(kinds, key=_group):
        yield Rule(group, ("v1",), tuple(f"{kind.plural}/status" for kind in rows))


def _group(kind: Kind) -> str:
    """Return the API group of a kind."""
    return kind.group
