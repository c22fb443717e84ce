"""Where a workload must use an Environment: in namespaces with the label ``environments.dev/enforce: required``.

Against forgetting, no boundary: whoever may write Pods can write an owner, too. It validates what is created,
and at updates that take the reference away; what was there without one goes on as ever.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from environment_operator.api import names
from environment_operator.kinds.harmless import PARAMETER
from environment_operator.kinds.table import Kind, PodTemplate, Step
from environment_operator.manifests.policies.policy import (
    NAMESPACES,
    NEW,
    OLD,
    USERNAME,
    Policy,
    Rule,
    Validation,
    allowed,
)

_DEMAND = f"{names.ENFORCEMENT}={names.REQUIRED}"
_FIND = f"Run kubectl get {names.CRD_NAME} to see their names."
_LABEL = f".?metadata.?labels[?'{names.ENFORCEMENT}']"
_DYN = "optional.ofNonZeroValue(dyn(object))"
_NAME = f"{OLD}.?metadata.?name.orValue('')"

# What a controller makes belongs to its maker: a workload of the table was asked itself, and a controller that this
# project does not know could not create anew what it runs.
_CONTROLLED = ".?metadata.?ownerReferences.orValue([]).exists(o, o.?controller.orValue(false))"
# The garbage collector takes the owner away when that goes alone, and admission the reference with it.
_LEFT_ALONE = f"request.operation == 'UPDATE' && {OLD}{_CONTROLLED}"
_BY_A_NODE = "request.userInfo.?groups.orValue([]).exists(g, g == 'system:nodes')"
# The kubelet shows Pods of its own manifests like this; it runs them whether they are shown or not.
_MIRROR = f"request.kind.kind == 'Pod' && {NEW}.?metadata.?annotations[?'kubernetes.io/config.mirror'].hasValue()"
# What a controller creates, or what shows what runs anyway.
NOT_OF_A_USER = " || ".join((f"{NEW}{_CONTROLLED}", _BY_A_NODE, _MIRROR))


def policies(table: Iterable[Kind]) -> Iterator[Policy]:
    """Yield the policy of workloads, for the kinds of a table, and those of what namespaces say of it."""
    yield _workloads([kind for kind in table if not kind.template and not kind.instead])
    yield _namespaces()
    yield _defaults()


def _workloads(kinds: Sequence[Kind]) -> Policy:
    """Return that a workload has a reference from the beginning and keeps it.

    It is free when it belongs to another object, has no container for an Environment to go into, or patches its pods
    with what is known only when they run: with a reference admission would refuse it.
    """
    no_place = (*_patched_later(kinds), f"!({_has_pods(kinds)})")
    free = " || ".join((f"{NEW}{_CONTROLLED}", _LEFT_ALONE, _BY_A_NODE, _MIRROR, *no_place))
    said = f"""'Namespace "%s" has the label {_DEMAND}: '.format([request.namespace])
+ (request.operation == 'CREATE'
  ? 'a new %s there needs the label {names.REFERENCE}=<name> on its own metadata. '.format([request.kind.kind])
  : 'the %s "%s" may refer to another Environment, but keeps the label {names.REFERENCE}. '
.format([request.kind.kind, {_NAME}]))
+ '{_FIND}'"""
    fallback = f"The namespace has the label {_DEMAND}. Add the label {names.REFERENCE} to the workload. {_FIND}"
    return Policy(
        name="enforce",
        operations=("CREATE", "UPDATE"),
        condition=("has-no-reference", f"!{_refers(NEW)} && (request.operation == 'CREATE' || {_refers(OLD)})"),
        validations=[Validation(free, said, fallback)],
        rules=list(_rules(kinds)),
        selectors={"namespaceSelector": _enforced()},
    )


def _has_pods(kinds: Iterable[Kind]) -> str:
    """Return whether an object has a pod template of one of these kinds; no two of them have other things in one place.

    The API server would check the types of the fields for every kind of the policy, were they not dynamic.
    """
    rows = [(kind.kind, row) for kind in kinds for row in kind.pod_templates]
    always = sorted({kind for kind, row in rows if not row.steps or row.optional})
    found = dict.fromkeys(_found(_DYN, row.steps, row) for kind, row in rows if kind not in always)
    return " || ".join((f"request.kind.kind in {always}", *found))


def _patched_later(kinds: Iterable[Kind]) -> Iterator[str]:
    """Yield whether a pod template has a patch with a parameter, as every step of a Kubeflow pipeline has one.

    https://www.kubeflow.org/docs/components/pipelines compiles pipelines of version 2 to such Workflows.
    """
    rows = (row for kind in kinds for row in kind.pod_templates if row.patches)
    for path, patches in dict.fromkeys((row.steps, row.patches) for row in rows):
        node = _DYN + "".join(f".?{key}" for key, _ in path)
        patched = f"[dyn(i[?key].orValue(null))].exists(p, type(p) == string && p.contains('{PARAMETER}'))"
        yield _listed(node, f"l.exists(i, type(i) == map && {list(patches)}.exists(key, {patched}))")


def _found(node: str, way: Sequence[Step], row: PodTemplate) -> str:
    """Return whether a container for an Environment stands at the end of a way: some definitions require none.

    And some let through what is no list or no object, null among it: then nothing is there, as for admission.
    """
    for number, (key, field) in enumerate(way):
        node += f".?{key}"
        if field:
            return _listed(node, f"l.exists(i, type(i) == map && ({_found('i', way[number + 1 :], row)}))")
    inside = f"{node}.?{row.spec}" if row.spec else node
    listed = _listed(f"{inside}.?containers", "l != []")
    if not row.inline:
        return listed
    return f"{listed} || {list(row.inline)}.exists(key, type({inside}[?key].orValue(null)) == map)"


def _listed(node: str, check: str) -> str:
    """Return whether there is a list ``l`` of which something holds."""
    return f"[{node}.orValue([])].exists(l, type(l) == list && {check})"


def _refers(side: str) -> str:
    """Return whether one side refers to an Environment: a label without a value names none."""
    return f"({side}.?metadata.?labels[?'{names.REFERENCE}'].orValue('') != '')"


def _rules(kinds: Iterable[Kind]) -> Iterator[Rule]:
    """Yield the rule of each API group and its versions."""
    for (group, versions), rows in groupby(sorted(kinds, key=_served), key=_served):
        # A namespaceSelector does not keep out what is in no namespace.
        yield Rule(group, versions, tuple(row.plural for row in rows), scope="Namespaced")


def _served(kind: Kind) -> tuple[str, tuple[str, ...]]:
    """Return the group of a kind with the versions in which a cluster may serve it."""
    return kind.group, (kind.version, *kind.also)


def _enforced() -> Mapping[str, Any]:
    """Return the selector of the namespaces that demand a reference."""
    name = "kubernetes.io/metadata.name"
    return {
        "matchExpressions": [
            {"key": names.ENFORCEMENT, "operator": "In", "values": [names.REQUIRED]},
            {"key": name, "operator": "NotIn", "values": list(names.EXEMPT_NAMESPACES)},
        ]
    }


def _namespaces() -> Policy:
    """Return that the label has a value with a meaning, and that not everybody takes it away."""
    return Policy(
        name="enforce-label",
        operations=("CREATE", "UPDATE"),
        condition=("enforcement-changes", f"{NEW}{_LABEL} != {OLD}{_LABEL}"),
        variables={"old": f"{OLD}{_LABEL}.orValue('')", "new": f"{NEW}{_LABEL}", "name": _NAME},
        validations=[_known(), _lifts()],
        rules=(NAMESPACES,),
    )


def _defaults() -> Policy:
    """Return that a default Environment is set, changed and taken away by those who may demand one."""
    label, annotation = (
        f".?metadata.?labels[?'{names.DEFAULTS}']",
        f".?metadata.?annotations[?'{names.DEFAULT_ENVIRONMENT}']",
    )
    way_out = f'Set "{names.ENABLED}", or remove the label.'
    meaning = Validation(
        f"{NEW}{label}.orValue('{names.ENABLED}') == '{names.ENABLED}'",
        f"""'metadata.labels[{names.DEFAULTS}]: "%s" has no meaning. {way_out}'.format([{NEW}{label}.orValue('')])""",
        f"The label {names.DEFAULTS} of a namespace has only one value. {way_out}",
    )
    needs = f'the verb "{names.ENFORCE}" on {names.PROJECTS}.{names.GROUP}'
    remedy = (
        f"Ask for a ClusterRoleBinding to a ClusterRole that allows it, or leave {names.DEFAULT_ENVIRONMENT} as it is."
    )
    said = f"""'Another default Environment for namespace "%s" needs {needs} "%s", which "%s" lacks. {remedy}'
.format([variables.name, variables.name, {USERNAME}])"""
    allowed_ = allowed(names.ENFORCE, names.PROJECTS, ".name(variables.name)")
    return Policy(
        name="default-environment",
        operations=("CREATE", "UPDATE"),
        condition=(
            "default-changes",
            f"{NEW}{label} != {OLD}{label} || {NEW}{annotation} != {OLD}{annotation}",
        ),
        variables={"name": f"{NEW}.?metadata.?name.orValue('')"},
        validations=[
            meaning,
            Validation(allowed_, said, f"Another default Environment for a namespace needs {needs}. {remedy}"),
        ],
        rules=(NAMESPACES,),
    )


def _known() -> Validation:
    """Return that the value is one that means something."""
    way_out = f'Set "{names.REQUIRED}", or remove the label.'
    values = f"The label {names.ENFORCEMENT} of a namespace has only one value. {way_out}"
    said = f"""'metadata.labels[{names.ENFORCEMENT}]: "%s" has no meaning. {way_out}'
.format([variables.new.orValue('')])"""
    return Validation(f"variables.new.orValue('{names.REQUIRED}') == '{names.REQUIRED}'", said, values)


def _lifts() -> Validation:
    """Return that the submitter may end the enforcement, if there is one."""
    needs = f'the verb "{names.ENFORCE}" on {names.PROJECTS}.{names.GROUP}'
    remedy = f"Ask for a ClusterRoleBinding to a ClusterRole that allows it, or leave the label {_DEMAND} as it is."
    said = f"""'No longer enforcing environments in namespace "%s" needs {needs} "%s", which "%s" lacks. {remedy}'
.format([variables.name, variables.name, {USERNAME}])"""
    check = allowed(names.ENFORCE, names.PROJECTS, ".name(variables.name)")
    return Validation(
        f"variables.old != '{names.REQUIRED}' || {check}",
        said,
        f"No longer enforcing environments in a namespace needs {needs}. {remedy}",
    )
