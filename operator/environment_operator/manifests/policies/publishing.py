"""Who may publish: the cluster, each project and each department of the scope, before and after the request.

An authorizer check costs 350,000 of the 1,000,000 of an expression and the 10,000,000 of a policy. So there is one
policy for each list and side, one validation with one check for each place in the list, and ``publish`` on everything
is asked first, as the condition.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from environment_operator.api import names
from environment_operator.manifests.policies.policy import (
    NEW,
    OLD,
    SPEC_CHANGES,
    USERNAME,
    Policy,
    Validation,
    allowed,
    override,
)

# The bound of the lists in spec.scope.
MOST_NAMES = 24

_ROLE = f"{names.KIND.lower()}-publisher"
_VERB = f'the verb "{names.PUBLISH}" on'
_LEAVE = "leave it to a person who has it."
_DELETES = "request.operation == 'DELETE'"

# The accounts of the garbage collector: its own, and that of a controller manager whose controllers share one.
# https://kubernetes.io/docs/concepts/architecture/garbage-collection/
_COLLECTORS = ("system:serviceaccount:kube-system:generic-garbage-collector", "system:kube-controller-manager")
_COLLECTS = f"{USERNAME} in {list(_COLLECTORS)}"


def _metadata_changes() -> str:
    """Return whether what people may write of the metadata changes; that our finalizer comes is nobody's harm.

    A foreign finalizer or owner decides when an Environment goes. What was applied last, on the client or as field
    managers, decides what the owner's next apply takes away.
    """
    fields = ("labels", "annotations", "ownerReferences", "managedFields")
    differ = [f"{NEW}.?metadata.?{field} != {OLD}.?metadata.?{field}" for field in fields]
    finalizers = ".?metadata.?finalizers.orValue([])"
    others = f"{finalizers}.filter(f, f != '{names.FINALIZER}')"
    gone = f"'{names.FINALIZER}' in {OLD}{finalizers} && !('{names.FINALIZER}' in {NEW}{finalizers})"
    return " || ".join((*differ, f"{NEW}{others} != {OLD}{others}", gone))


def _changes() -> str:
    """Return whether a request needs the right to publish.

    The operator's own account is held by policies of its own. The garbage collector follows owners that a user with
    the right has written, and deletes no Environment in use.
    """
    owned = f"{OLD}.?metadata.?ownerReferences.orValue([]).size() > 0"
    return f"""{_DELETES} ? !({_COLLECTS} && {owned})
: request.operation == 'CREATE' || {SPEC_CHANGES} || {override(NEW)} != {override(OLD)}
|| !({USERNAME} in {[names.OPERATOR_USER, *_COLLECTORS]}) && ({_metadata_changes()})"""


# One expression, because every matchCondition is evaluated even when an earlier one is false: the operator's changes of
# metadata must not cost an authorizer check.
_CONDITION = ("changed-without-publish-everywhere", f"({_changes()}) && !{allowed(names.PUBLISH, names.PLURAL)}")


@dataclass(frozen=True, slots=True)
class _Target:
    """What one list of the scope names.

    Args:
        word: what people call it.
        field: the list.
        check: CEL of the right to publish to ``%s``.
        needs: that right in words.
        remedy: how one gets it.
    """

    word: str
    field: str
    check: str
    needs: str
    remedy: str


_PROJECT = _Target(
    word="project",
    field="projects",
    check=allowed(names.PUBLISH, names.PLURAL, ".namespace(%s)"),
    needs=f'{_VERB} {names.CRD_NAME} in namespace "%s"',
    remedy=f"Ask for a RoleBinding to the ClusterRole {_ROLE} there",
)
_DEPARTMENT = _Target(
    word="department",
    field="departments",
    check=allowed(names.PUBLISH, names.DEPARTMENTS, ".name(%s)"),
    needs=f'{_VERB} {names.DEPARTMENTS}.{names.GROUP} "%s"',
    remedy="Ask for a ClusterRoleBinding to a ClusterRole that allows it",
)


def policies() -> Iterator[Policy]:
    """Yield the policy of the cluster scope, and those of the names in each list."""
    yield _cluster()
    for target in (_PROJECT, _DEPARTMENT):
        yield _after(target)
        yield _before(target)


def _cluster() -> Policy:
    """Return the policy of Environments that everybody may use, before or after the request."""
    needs = f"{_VERB} {names.CRD_NAME} in all namespaces"
    remedy = f"Ask for a ClusterRoleBinding to the ClusterRole {_ROLE}"
    said = f"""(variables.before ? ({_DELETES} ? 'Deleting' : 'Changing') + ' an environment of the whole cluster'
  : 'Publishing to the whole cluster')
+ ' needs {needs}, which "%s" lacks. {remedy}, or '.format([{USERNAME}])
+ (variables.before ? '{_LEAVE}' : 'name projects or departments in spec.scope instead.')"""
    return Policy(
        name="publish-cluster",
        operations=("CREATE", "UPDATE", "DELETE"),
        condition=_CONDITION,
        variables={
            "before": f"{OLD}.?spec.?scope.?cluster.orValue(false)",
            "after": f"{NEW}.?spec.?scope.?cluster.orValue(false)",
        },
        validations=[
            Validation("!variables.before && !variables.after", said, f"The cluster scope needs {needs}. {remedy}.")
        ],
    )


def _after(target: _Target) -> Policy:
    """Return the policy of the names that the scope lists after the request."""
    messages = f"""variables.names.map(n,
  (n in variables.others ? 'Changing an environment of' : 'Publishing to')
  + ' {target.word} "%s" needs {target.needs}, which "%s" lacks. {target.remedy}, or '.format([n, n, {USERNAME}])
  + (n in variables.others ? '{_LEAVE}' : 'remove "%s" from spec.scope.{target.field}.'.format([n])))"""
    listed = {"others": _listed(OLD, target), "names": _listed(NEW, target)}
    return _policy("new", ("CREATE", "UPDATE"), target, listed, messages)


def _before(target: _Target) -> Policy:
    """Return the policy of the names that the scope lists before the request and not after it."""
    messages = f"""variables.names.map(n,
  ({_DELETES} ? 'Deleting an environment of' : 'Withdrawing an environment from')
  + ' {target.word} "%s" needs {target.needs}, which "%s" lacks. {target.remedy}, or '.format([n, n, {USERNAME}])
  + ({_DELETES} ? '{_LEAVE}' : 'keep "%s" in spec.scope.{target.field}.'.format([n])))"""
    gone = f"{_listed(OLD, target)}.filter(n, !(n in variables.others))"
    listed = {"others": _listed(NEW, target), "names": gone}
    return _policy("old", ("UPDATE", "DELETE"), target, listed, messages)


def _listed(side: str, target: _Target) -> str:
    """Return the names that the scope of one side lists."""
    return f"{side}.?spec.?scope.?{target.field}.orValue([])"


def _policy(side: str, operations: Sequence[str], target: _Target, listed: dict[str, str], messages: str) -> Policy:
    """Return a policy with one validation, and so one message, for each of ``variables.names``."""
    needs = target.needs.replace('"%s"', "of that name")
    fallback = f"Each {target.word} of the scope needs {needs}. {target.remedy}."
    return Policy(
        name=f"publish-{side}-{target.field}",
        operations=operations,
        condition=_CONDITION,
        variables={**listed, "messages": messages},
        validations=[*_each(target, fallback), _no_more(target, fallback)],
    )


def _each(target: _Target, fallback: str) -> Iterator[Validation]:
    """Yield the validation of each place in the list."""
    for place in range(MOST_NAMES):
        check = target.check % f"variables.names[{place}]"
        said = f"variables.messages[?{place}].orValue('')"
        yield Validation(f"variables.names.size() <= {place} || {check}", said, fallback)


def _no_more(target: _Target, fallback: str) -> Validation:
    """Return the refusal of names beyond the last place, should the CRD in the cluster admit them."""
    said = f"""'spec.scope.{target.field}: at most {MOST_NAMES} may be named '
+ 'without {_VERB} {names.CRD_NAME} in all namespaces. Name fewer.'"""
    return Validation(f"variables.names.size() <= {MOST_NAMES}", said, fallback)
