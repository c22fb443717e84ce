"""Who created an Environment: nobody says so falsely, also while the webhook that fills it in is away.

The webhook runs before and its annotation passes here. Who created an Environment that was stored without the
annotation is not known; nobody can say it afterwards.
"""

from collections.abc import Iterator

from environment_operator.api import names
from environment_operator.manifests.policies.policy import NEW, OLD, USERNAME, Policy, Validation

_KIND = names.KIND
_ANNOTATION = f".?metadata.?annotations[?'{names.CREATED_BY}']"
_CREATES = "request.operation == 'CREATE'"
_REMEDY = "Remove it."


def policies() -> Iterator[Policy]:
    """Yield the policy of the annotation."""
    said = f"""'metadata.annotations[{names.CREATED_BY}] names who created the {_KIND}, '
+ ({_CREATES} ? 'that is "%s"'.format([{USERNAME}])
  : variables.old.hasValue() ? 'it was "%s"'.format([variables.old.orValue('')])
  : 'for this one nobody is known')
+ ', not "%s". {_REMEDY}'.format([variables.new.orValue('')])"""
    yield Policy(
        name="created-by",
        operations=("CREATE", "UPDATE"),
        condition=("names-another", f"{NEW}{_ANNOTATION}.hasValue() && {NEW}{_ANNOTATION} != {OLD}{_ANNOTATION}"),
        variables={"old": f"{OLD}{_ANNOTATION}", "new": f"{NEW}{_ANNOTATION}"},
        validations=[
            Validation(
                f"{_CREATES} && variables.new.orValue('') == {USERNAME}",
                said,
                f"metadata.annotations[{names.CREATED_BY}] names a person who did not create the {_KIND}. {_REMEDY}",
            )
        ],
    )
