"""Who may put a namespace into a department or take it out, through the namespace or its subresources."""

from collections.abc import Iterator

from environment_operator.api import names
from environment_operator.manifests.policies.policy import NAMESPACES, NEW, OLD, USERNAME, Policy, Validation, allowed

_LABEL = f".?metadata.?labels[?'{names.DEPARTMENT}']"
_NEEDS = f'the verb "{names.ASSIGN}" on {names.DEPARTMENTS}.{names.GROUP}'
_REMEDY = (
    f"Ask for a ClusterRoleBinding to a ClusterRole that allows it, or leave the label {names.DEPARTMENT} as it is."
)


def policies() -> Iterator[Policy]:
    """Yield the policy of the department label."""
    yield Policy(
        name="assign-department",
        operations=("CREATE", "UPDATE"),
        condition=("department-changes", f"{NEW}{_LABEL} != {OLD}{_LABEL}"),
        variables={"old": f"{OLD}{_LABEL}", "new": f"{NEW}{_LABEL}"},
        validations=[_assigns("old", "Taking a namespace out of"), _assigns("new", "Putting a namespace into")],
        rules=(NAMESPACES,),
    )


def _assigns(side: str, doing: str) -> Validation:
    """Return that the submitter may assign the department of one side, if there is one."""
    name = f"variables.{side}.orValue('')"
    check = allowed(names.ASSIGN, names.DEPARTMENTS, f".name({name})")
    said = f"""'{doing} department "%s" needs {_NEEDS} "%s", which "%s" lacks. {_REMEDY}'
.format([{name}, {name}, {USERNAME}])"""
    return Validation(
        f"!variables.{side}.hasValue() || {check}", said, f"{doing} a department needs {_NEEDS}. {_REMEDY}"
    )
