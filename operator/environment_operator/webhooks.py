"""The webhook configuration, generated from the kinds table. Pure.

The API server calls the operator only for objects that refer to an Environment, or did, and only when the reference
or what runs changes: scaling, suspending, restarting and deleting go on while the operator is down. Every expression is
total: an expression that fails would refuse even the change of a label.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from environment_operator import names
from environment_operator.guards import APPARMOR, PARAMETER
from environment_operator.kinds import EXECUTES, Kind, PodTemplate, Step, steps
from environment_operator.policies.policy import NEW, OLD, entries_differ

NAME = SERVICE = "environment-operator"
_USUAL = (PodTemplate(),)
_POD = PodTemplate(path="")
MUTATE, VALIDATE = "/mutate", "/validate"
PORT = 443
SECONDS = 5
_LABEL = 63
# Whether an annotation gives a container a profile, or may.
_PROFILE = f"(k.startsWith('{APPARMOR}') || k.contains('{PARAMETER}'))"


def objects(table: Iterable[Kind]) -> list[dict[str, Any]]:
    """Return the webhook configurations for the kinds of a table: who fills in, and who has the last word."""
    rows = tuple(table)
    mutating = [*_families(rows, MUTATE, reinvocationPolicy="Never"), _environments()]
    return [
        _configuration("MutatingWebhookConfiguration", mutating),
        _configuration("ValidatingWebhookConfiguration", list(_families(rows, VALIDATE))),
    ]


def changed(kind: Kind, table: Iterable[Kind]) -> str:
    """Return CEL that says whether the reference or what runs is another one than before, or whether it is controlled.

    Args:
        kind: any row of a family: where the pod templates are, and what is ordered beside them.
        table: the kinds table.
    """
    places = kind.pod_templates
    beside = (term for row in places for term in _beside_differs(row))
    terms = list(
        dict.fromkeys((*map(_runs_differently, places), *map(_ordered_anew, kind.orders), *beside, *_strays(kind)))
    )
    # Controllers adopt Pods, and what runs of one does not change; a template that is adopted would escape us. And what
    # they made nobody has judged.
    now, before = _derived(NEW, table), _derived(OLD, table)
    terms.append(f"!{now} && {before}" if _POD in places else f"({now}) != ({before})")
    return f"""request.operation == 'CREATE'
|| {entries_differ(".?metadata.?labels", f"(k == '{names.REFERENCE}' || k.startsWith('{names.ROLE_REFERENCE}'))")}
|| {_differ((*names.WRITTEN, names.REFRESH, names.CONTAINER), ".?metadata.?annotations")}
|| {entries_differ(".?metadata.?annotations", f"k.startsWith('{names.CUSTOM_TOOL}')")}
|| {" || ".join(terms)}"""


def own(table: Iterable[Kind]) -> str:
    """Return CEL that says whether no controller of a kind in the table made the object."""
    rows = tuple(table)
    return f"!{_derived(NEW, rows)}\n|| request.operation == 'UPDATE' && !{_derived(OLD, rows)}"


def _derived(side: str, table: Iterable[Kind]) -> str:
    """Return CEL that says whether the controller of an object is of a kind in the table."""
    made = ", ".join(f"'{group}/{kind}'" for row in table for group, kind in row.makers)
    version = "o.?apiVersion.orValue('')"
    group = f"({version}.contains('/') ? {version}.split('/')[0] : '')"
    return f"""{side}.?metadata.?ownerReferences.orValue([]).exists(o,
o.?controller.orValue(false) && {group} + '/' + o.?kind.orValue('') in [{made}])"""


def _ordered_anew(path: str) -> str:
    """Return CEL that says whether a field beside the pod templates is as before no more."""
    return f"{_order(NEW, steps(path))} != {_order(OLD, steps(path))}"


def _order(node: str, way: tuple[Step, ...]) -> str:
    """Return CEL of what stands at the end of a way; of the items of a list, each with its name."""
    for number, (key, field) in enumerate(way):
        node += f".?{key}"
        if field:
            return f"{node}.orValue([]).map(i, [{_called_by(field)}, {_order('i', way[number + 1 :])}])"
    return node


def _called_by(field: str) -> str:
    """Return CEL of what tells the item `i` of a list from the others."""
    return "i" + "".join(f".?{key}" for key in field.split("/"))


def _differ(keys: Iterable[str], place: str) -> str:
    """Return CEL that says whether any of these keys, at a place given as optional selections, is as before no more."""
    return f"{list(keys)}.exists(key, {NEW}{place}[?key] != {OLD}{place}[?key])"


def _runs_differently(row: PodTemplate) -> str:
    """Return CEL that says whether what runs of one pod template, or what marks its pods, is as before no more."""
    keys = tuple(key for key in row.runs if "." not in key)
    if any(field for _, field in row.steps):
        here = f"{_run(NEW, row, row.steps, keys)} !=\n{_run(OLD, row, row.steps, keys)}"
        return " || ".join((here, *_above_differs(row)))
    place = "".join(f".?{key}" for key, _ in row.steps)
    spec = f".?{row.spec}" if row.spec else ""
    return " || ".join((_differ(keys, place + spec), *_marks_differ(row, place), *_above_differs(row)))


def _above_differs(row: PodTemplate) -> Iterator[str]:
    """Yield CEL that says whether what holds for the pods of all templates is as before no more."""
    for key in row.inherited if row.inherits else ():
        yield _ordered_anew(f"{row.inherits}.{key}")


def _beside_differs(row: PodTemplate) -> Iterator[str]:
    """Yield CEL that says whether containers or annotations beside the pod template are as before no more."""
    yield from (_differ(EXECUTES, _way(path)) for path in row.adds)
    if row.annotated:
        yield entries_differ(f"{_way(row.annotated)}.?annotations", _PROFILE)


def _strays(kind: Kind) -> Iterator[str]:
    """Yield CEL that says whether there is a role which the kind does not have, and which there was not before."""
    if kind.roles_in:
        place = _way(kind.roles_in)
        known = list(kind.spellings)
        yield f"{NEW}{place}.orValue({{}}).exists(k, !(k in {known}) && !{OLD}{place}[?k].hasValue())"


def _way(path: str) -> str:
    """Return the optional selections that lead along a path without lists."""
    return "".join(f".?{key}" for key in path.split("."))


def _marks_differ(row: PodTemplate, place: str) -> Iterator[str]:
    """Yield CEL that says whether our marks on the pods, or their profiles, are as before no more."""
    if row.metadata:
        metadata = place + _metadata(row)
        yield _differ((names.INJECTED_FROM, names.TOKEN), f"{metadata}.?labels")
        yield _differ((names.GUARDED, names.RECORD), f"{metadata}.?annotations")
        yield entries_differ(f"{metadata}.?annotations", _PROFILE)


def _metadata(row: PodTemplate) -> str:
    """Return the way from a pod template to where labels and annotations of its pods are."""
    return ".?metadata" if row.metadata == "metadata" else ""


def _run(node: str, row: PodTemplate, steps: tuple[Step, ...], keys: tuple[str, ...]) -> str:
    """Return CEL of what runs and what marks it, with the names of the items of each list on the way."""
    for number, (key, field) in enumerate(steps):
        node += f".?{key}"
        if field:
            inner = _run("i", row, steps[number + 1 :], keys)
            return f"{node}.orValue([]).map(i, [{_called_by(field)}] + {inner})"
    spec = f".?{row.spec}" if row.spec else ""
    return " + ".join((f"{list(keys)}.map(key, {node}{spec}[?key])", *_marks(row, f"{node}{_metadata(row)}")))


def _marks(row: PodTemplate, metadata: str) -> Iterator[str]:
    """Yield CEL for our marks on the pods, and for all annotations where one of them gives a profile.

    Other labels and annotations are free: schedulers write some before they start a workload.
    """
    if row.metadata:
        yield f"{[names.INJECTED_FROM, names.TOKEN]}.map(key, {metadata}.?labels[?key])"
        yield f"{[names.GUARDED]}.map(key, {metadata}.?annotations[?key])"
        annotations = f"{metadata}.?annotations.orValue({{}})"
        yield f"({annotations}.exists(k, {_PROFILE}) ? [{annotations}] : [])"


def _families(table: tuple[Kind, ...], path: str, **fields: Any) -> Iterator[dict[str, Any]]:
    """Yield the entry of each family of kinds with their pod templates in the same places."""
    for _, kinds in groupby(sorted(table, key=_family), key=_family):
        yield _workloads(tuple(kinds), table, path, fields)


def _family(kind: Kind) -> list[str]:
    """Return what kinds of one family have in common."""
    return [row.model_dump_json() for row in kind.pod_templates] + [*kind.orders, kind.roles_in]


def _environments() -> dict[str, Any]:
    """Return the entry of Environments; the policies are their gate, so they can be written without the operator."""
    rule = _rule(names.GROUP, [names.VERSION], [names.PLURAL], "Cluster")
    return _webhook(names.PLURAL, MUTATE, [rule], failurePolicy="Ignore", reinvocationPolicy="Never")


def _configuration(kind: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a webhook configuration."""
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": NAME}}
    return {**head, "webhooks": entries}


def _workloads(kinds: tuple[Kind, ...], table: tuple[Kind, ...], path: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of one family."""
    name = "workloads" if kinds[0].pod_templates == _USUAL else _called(kinds)
    versions = groupby(kinds, key=lambda kind: (kind.group, (kind.version, *kind.also)))
    return _webhook(
        name,
        path,
        [_rule(group, served, [kind.plural for kind in same], "*") for (group, served), same in versions],
        failurePolicy="Fail",
        objectSelector={"matchExpressions": [{"key": names.REFERENCE, "operator": "Exists"}]},
        namespaceSelector={
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": list(names.EXEMPT_NAMESPACES)}
            ]
        },
        matchConditions=[
            {"name": "not-made-by-a-workload", "expression": own(table)},
            {"name": "reference-or-what-runs-changes", "expression": changed(kinds[0], table)},
        ],
        **fields,
    )


def _called(kinds: tuple[Kind, ...]) -> str:
    """Return the name of a family; a label of a domain name has at most 63 characters."""
    plurals = "-".join(kind.plural for kind in kinds)
    if len(plurals) > _LABEL:
        plurals = f"{kinds[0].plural[: _LABEL - len('-and-more')]}-and-more"
    return plurals if not kinds[0].custom else f"{plurals}.{kinds[0].group}"


def _rule(group: str, versions: Sequence[str], plurals: list[str], scope: str) -> dict[str, Any]:
    """Return which requests an entry is about."""
    return {
        "apiGroups": [group],
        "apiVersions": list(versions),
        "operations": ["CREATE", "UPDATE"],
        "resources": plurals,
        "scope": scope,
    }


def _webhook(name: str, path: str, rules: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Return an entry; its name is what a user reads when the operator does not answer."""
    service = {"namespace": names.SYSTEM_NAMESPACE, "name": SERVICE, "path": path, "port": PORT}
    return {
        "name": f"{name}.{SERVICE}.{names.GROUP}",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": service},
        "rules": rules,
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": SECONDS,
        **fields,
    }
