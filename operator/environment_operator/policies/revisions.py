"""ReplicaSets that a Deployment has made of an injected pod template: what they run stays as it was made.

No controller changes the pod template of a ReplicaSet. Whoever does has Pods made that nobody has judged, with the ids
of whoever submitted the Deployment.
"""

from collections.abc import Iterator

from environment_operator import names
from environment_operator.policies.policy import NEW, OLD, Policy, Rule, Validation

_LABEL = f".?metadata.?labels[?'{names.INJECTED_FROM}']"
_TEMPLATE = ".?spec.?template"
_NAME = f"{OLD}.?metadata.?name.orValue('')"
_REMEDY = "change the workload that made it, or delete it"


def policies() -> Iterator[Policy]:
    """Yield the policy of ReplicaSets."""
    yield Policy(
        name="replicaset",
        operations=("UPDATE",),
        condition=(
            "what-it-makes-changes",
            f"{NEW}{_TEMPLATE} != {OLD}{_TEMPLATE} || {NEW}{_LABEL} != {OLD}{_LABEL}",
        ),
        validations=[
            _stays(_TEMPLATE, "spec.template"),
            # Without it the rest would not be looked at the next time.
            _stays(_LABEL, f"metadata.labels[{names.INJECTED_FROM}]"),
        ],
        # Who may write the status may change labels, too.
        rules=(Rule("apps", ("v1",), ("replicasets", "replicasets/status")),),
        selectors={"objectSelector": {"matchExpressions": [{"key": names.INJECTED_FROM, "operator": "Exists"}]}},
    )


def _stays(path: str, words: str) -> Validation:
    """Return that what is at a path stays, where the label is."""
    said = f"""'{words} of the replicaset "%s" says what it was made with: {_REMEDY}'.format([{_NAME}])"""
    fallback = f"{words} of the replicaset says what it was made with: {_REMEDY}"
    return Validation(f"!{OLD}{_LABEL}.hasValue() || {NEW}{path} == {OLD}{path}", said, fallback)
