"""What controllers keep of injected pod templates, ReplicaSets and ControllerRevisions: it stays as it was made.

No controller changes the pod template of a ReplicaSet. Whoever does, or writes a ControllerRevision that never was, has
Pods made that admission has not seen, with the ids of whoever submitted the workload.
"""

from collections.abc import Iterator

from environment_operator.api import names
from environment_operator.manifests.policies.policy import NEW, OLD, USERNAME, Policy, Rule, Validation

_LABEL = f".?metadata.?labels[?'{names.INJECTED_FROM}']"
_TEMPLATE = ".?spec.?template"
_NAME = f"{OLD}.?metadata.?name.orValue('')"
_REMEDY = "Change the workload that owns it, or delete it."

# A revision holds the pod template as a patch of its workload, and has the labels of the template:
# https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/
_DATA = (
    ".?spec.?template",
    ".?spec.?leaderWorkerTemplate.?leaderTemplate",
    ".?spec.?leaderWorkerTemplate.?workerTemplate",
)
_SETS = {"DaemonSet": "daemonsets", "LeaderWorkerSet": "leaderworkersets"}
_LWS = "leaderworkerset.x-k8s.io"
# The controllers of Kubernetes, those that collect garbage among them, with an account each or one for all.
_KUBERNETES = f"""{USERNAME} == 'system:kube-controller-manager'
|| request.userInfo.?groups.orValue([]).exists(g, g == 'system:serviceaccounts:kube-system')"""


def policies() -> Iterator[Policy]:
    """Yield the policies of ReplicaSets and of ControllerRevisions."""
    yield _replica_sets()
    yield _revisions()


def _replica_sets() -> Policy:
    """Return that the pod template of a ReplicaSet stays."""
    return Policy(
        name="replicaset",
        operations=("UPDATE",),
        condition=(
            "what-it-makes-changes",
            f"{NEW}{_TEMPLATE} != {OLD}{_TEMPLATE} || {NEW}{_LABEL} != {OLD}{_LABEL}",
        ),
        validations=[
            _stays(_TEMPLATE, "spec.template"),
            # Without it the rest would not be compared the next time.
            _stays(_LABEL, f"metadata.labels[{names.INJECTED_FROM}]"),
        ],
        # Who may write the status may change labels, too.
        rules=(Rule("apps", ("v1",), ("replicasets", "replicasets/status")),),
        selectors={"objectSelector": {"matchExpressions": [{"key": names.INJECTED_FROM, "operator": "Exists"}]}},
    )


def _revisions() -> Policy:
    """Return that only controllers write what they keep: those of Kubernetes, and who may write the owner's status."""
    said = f"""'ControllerRevision "%s" holds what the pods of a workload with an Environment run: '
.format([variables.name]) + 'only its controller creates, changes and deletes it. {_REMEDY}'"""
    status = (
        ".resource(variables.resource).subresource('status').namespace(request.namespace).check('update').allowed()"
    )
    return Policy(
        name="controllerrevision",
        operations=("CREATE", "UPDATE", "DELETE"),
        condition=("holds-what-was-injected", f"({_is_marked()}) && !({_KUBERNETES})"),
        variables={
            "name": f"{NEW}.?metadata.?name.orValue({_NAME})",
            "owner": f"""{OLD}.or({NEW}).?metadata.?ownerReferences.orValue([])
.filter(r, r.?controller.orValue(false)).map(r, r.?kind.orValue(''))[?0].orValue('')""",
            "resource": f"{_SETS}[?variables.owner].orValue('statefulsets')",
            "group": f"variables.owner == 'LeaderWorkerSet' ? '{_LWS}' : 'apps'",
        },
        validations=[
            Validation(
                f"authorizer.group(variables.group){status}",
                said,
                f"A ControllerRevision of a workload with an Environment is written by its controller only. {_REMEDY}",
            )
        ],
        rules=(Rule("apps", ("v1",), ("controllerrevisions",)),),
    )


def _is_marked() -> str:
    """Return whether a revision, before or after the request, holds a pod template with our marks."""
    record = f".?metadata.?annotations[?'{names.RECORD}']"
    marks = " || ".join(f"o.?data{at}{mark}.hasValue()" for at in _DATA for mark in (_LABEL, record))
    return f"""[object, oldObject].map(o, optional.ofNonZeroValue(dyn(o)))
.exists(o, o{_LABEL}.hasValue() || {marks})"""


def _stays(path: str, words: str) -> Validation:
    """Return that what is at a path stays, where the label is."""
    said = f"""'{words} of ReplicaSet "%s" is what the owner injected, and cannot change. {_REMEDY}'
.format([{_NAME}])"""
    fallback = f"{words} of a ReplicaSet is what the owner injected, and cannot change. {_REMEDY}"
    return Validation(f"!{OLD}{_LABEL}.hasValue() || {NEW}{path} == {OLD}{path}", said, fallback)
