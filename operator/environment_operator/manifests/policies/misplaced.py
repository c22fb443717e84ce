"""What of ours has no effect where it is written, or as it is spelt: a warning, never a refusal.

A condition lets every other object pass: it reads the keys of labels and annotations, of the object and of its pod
templates. What a controller made is not asked: the warning would reach nobody.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from environment_operator.api import names
from environment_operator.kinds.table import Kind, PodTemplate, Step
from environment_operator.manifests.policies.policy import NAMESPACES, Policy, Rule, Validation

# The API server checks the types of an expression for every kind of a policy; templates are in other places in each.
_NEW = "optional.ofNonZeroValue(dyn(object))"
_META = ".?metadata"
# Our group, and what people write for it.
_OURS = "(k.contains('.dev/') && k.matches('^([a-z]+[.])?enviro[a-z]*[.]dev/'))"
_ROLE = f"k.startsWith('{names.ROLE_REFERENCE}')"
# What admission writes onto pods, and so into templates.
MARKS = (names.INJECTED_FROM, names.TOKEN, names.GUARDED, names.RECORD)
_REFERS = f"{_NEW}.?metadata.?labels[?'{names.REFERENCE}'].orValue('') != ''"
_NAME = f"{_NEW}.?metadata.?name.or({_NEW}.?metadata.?generateName).orValue('')"
_WHO = f"""'%s "%s"'.format([request.kind.kind, {_NAME}])"""
_CONTROLLED = f"{_NEW}.?metadata.?ownerReferences.orValue([]).exists(o, o.?controller.orValue(false))"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of ours that mean something on one sort of objects.

    Args:
        labels: labels that people set.
        annotations: annotations that people set.
        others: keys that the operator sets.
    """

    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


# The groups of Kubernetes' own kinds that do not end in k8s.io.
_BUILTIN = ("", "apps", "autoscaling", "batch", "policy")
WORKLOAD = Keys(
    (names.REFERENCE, names.WORKLOAD_TYPE),
    (names.CONTAINER, names.REFRESH),
    (*MARKS, names.TOOLS, names.TOOL_ADDRESSES),
)
NAMESPACE = Keys((names.DEPARTMENT, names.ENFORCEMENT, names.DEFAULTS), (names.DEFAULT_ENVIRONMENT,))
ENVIRONMENT = Keys((), (names.ALLOW_DELETE_IN_USE, names.LAST_USED), (names.CREATED_BY,))


def policies(kinds: Iterable[Kind]) -> Iterator[Policy]:
    """Yield the policies, for the kinds of a table: built-in kinds are not asked about the templates of others."""
    table = tuple(kinds)
    asked = sorted((kind for kind in table if not kind.instead), key=attrgetter("custom"))
    for custom, same in groupby(asked, key=attrgetter("custom")):
        yield _workloads("misplaced-custom" if custom else "misplaced", list(same))
    yield _unknown(table)
    yield _metadata("misplaced-namespace", NAMESPACE, [NAMESPACES])
    yield _metadata("misplaced-environment", ENVIRONMENT, [Rule(names.GROUP, ("*",), (names.PLURAL,))])


def _workloads(name: str, kinds: Sequence[Kind]) -> Policy:
    """Return the policy of workloads and templates."""
    alone = f"{_own('labels')}.filter(k, {_ROLE} && !({_REFERS}))"
    in_templates = "\n|| ".join(_in_templates([row for kind in kinds for row in kind.pod_templates])) or "false"
    validations = [
        *_own_keys(WORKLOAD, f"{_ROLE} || "),
        Validation(
            "variables.alone.size() == 0",
            _message("alone", "label", f"'Add the label \"{names.REFERENCE}\", of which it is an exception.'"),
            f"A label for a role has no effect alone. Add the label {names.REFERENCE}.",
        ),
        Validation(
            "!variables.templates",
            f"""{_WHO} + ': labels and annotations of {names.GROUP} on a pod template have no effect. '
+ 'Set them on metadata of the %s itself.'.format([request.kind.kind])""",
            f"Labels and annotations of {names.GROUP} on a pod template have no effect. Set them on the workload.",
        ),
    ]
    variables = {**_variables(WORKLOAD, f"{_ROLE} || "), "alone": alone, "templates": in_templates}
    return _policy(name, [*variables.values()], variables, validations, list(_rules(kinds)))


def _unknown(table: Iterable[Kind]) -> Policy:
    """Return the policy of objects with a reference whose kind has no row.

    Only objects with the label are validated, and of these none of Kubernetes' own groups: whoever labels everything
    that belongs to a workload means that workload.
    """
    known = sorted({f"{kind.group}/{kind.kind}" for kind in table} | {f"{names.GROUP}/{names.KIND}"})
    is_custom = "request.kind.group.contains('.') && !request.kind.group.endsWith('.k8s.io')"
    is_known = f"request.kind.group + '/' + request.kind.kind in {known}"
    had = f"{_old(_META)}.?labels[?'{names.REFERENCE}'].hasValue()"
    said = f"""{_WHO} + ': label "{names.REFERENCE}" has no effect, since there is no row for %s of %s. '
.format([request.kind.kind, request.kind.group])
+ 'Use a kind that can use an Environment, or have your administrator add a row.'"""
    return Policy(
        name="misplaced-kind",
        operations=("CREATE", "UPDATE"),
        condition=("has-no-row", f"{is_custom} && !({is_known}) && !{had} && !{_CONTROLLED}"),
        validations=[Validation("false", said, "The kind of this object cannot use an Environment. Use another kind.")],
        rules=[Rule("*", ("*",), ("*",))],
        excluded=[Rule(group, ("*",), ("*",)) for group in _BUILTIN],
        selectors={"objectSelector": {"matchExpressions": [{"key": names.REFERENCE, "operator": "Exists"}]}},
        action="Warn",
    )


def _metadata(name: str, keys: Keys, rules: Sequence[Rule]) -> Policy:
    """Return the policy of objects without pod templates."""
    variables = _variables(keys, "")
    return _policy(name, [*variables.values()], variables, _own_keys(keys, ""), rules)


def _own(field: str) -> str:
    """Return CEL of the labels or annotations of the object itself."""
    return f"{_NEW}.?metadata.?{field}.orValue({{}})"


def _variables(keys: Keys, also: str) -> dict[str, str]:
    """Return CEL of the labels, and of the annotations, that have no effect."""
    labels, annotations = [*keys.labels, *keys.others], [*keys.annotations, *keys.others]
    return {
        "labels": f"{_own('labels')}.filter(k, {_OURS} && !({also}k in {labels}))",
        "annotations": f"""{_own("annotations")}
.filter(k, {_OURS} && !(k.startsWith('{names.CUSTOM_TOOL}') || k in {annotations}))""",
    }


def _own_keys(keys: Keys, also: str) -> list[Validation]:
    """Return the warnings about labels and annotations of the object itself."""
    tools = [f"{names.CUSTOM_TOOL}<tool>"] if keys is WORKLOAD else []
    roles = [f"{names.ROLE_REFERENCE}<role>"] if also else []
    right = {"label": [*keys.labels, *roles], "annotation": [*keys.annotations, *tools]}
    return [
        Validation(
            f"variables.{word}s.size() == 0",
            _message(f"{word}s", word, _way_out(word, other, right, also if word == "annotation" else "")),
            f"{word.capitalize()}s of {names.GROUP} have no effect there. Remove them.",
        )
        for word, other in (("label", "annotation"), ("annotation", "label"))
    ]


def _way_out(word: str, other: str, right: dict[str, list[str]], also: str) -> str:
    """Return CEL of what to write instead: the same as the other sort of metadata, or a key that there is."""
    listed = ", ".join(f'"{key}"' for key in right[word])
    there = f"'Use one of {listed}.'" if listed else "'Remove it.'"
    elsewhere = f"variables.{word}s.exists(k, {also}k in {right[other]})"
    return f"({elsewhere} ? 'Set it as {'an' if other[0] == 'a' else 'a'} {other}.' : {there})"


def _message(found: str, word: str, way_out: str) -> str:
    """Return CEL of a message about the keys that were found."""
    return f"""{_WHO} + ': {word} "%s" has no effect. '.format([variables.{found}.join('", "')]) + {way_out}"""


def _policy(
    name: str, found: Sequence[str], variables: dict[str, str], validations: Sequence[Validation], rules: Sequence[Rule]
) -> Policy:
    """Return a policy that applies where something was found, and was not there in the same way before."""
    mentions = " || ".join(f"({each}).size() > 0" if "filter(" in each else f"({each})" for each in found)
    changed = f"request.operation == 'CREATE' || {_NEW}{_META} != {_old(_META)} || {_NEW}.?spec != {_old('.?spec')}"
    return Policy(
        name=name,
        operations=("CREATE", "UPDATE"),
        condition=("has-no-effect", f"!{_CONTROLLED} && ({mentions}) && ({changed})"),
        variables=variables,
        validations=validations,
        rules=rules,
        action="Warn",
    )


def _old(path: str) -> str:
    """Return CEL of what was at a path."""
    return f"optional.ofNonZeroValue(dyn(oldObject)){path}"


def _in_templates(rows: Iterable[PodTemplate]) -> Iterator[str]:
    """Yield CEL for whether metadata of a pod template mention something of ours."""
    known = [row for row in rows if row.metadata and row.path]
    plain = [_maps(_NEW + "".join(f".?{key}" for key, _ in row.steps), row) for row in known if not _lists(row)]
    if plain:
        yield _mentioned(", ".join(dict.fromkeys(plain)))
    yield from dict.fromkeys(_along(_NEW, row.steps, row) for row in known if _lists(row))


def _lists(row: PodTemplate) -> bool:
    """Return whether the way to a pod template leads through a list."""
    return any(field for _, field in row.steps)


def _maps(template: str, row: PodTemplate) -> str:
    """Return CEL of the labels and the annotations of the pods of a template, one after the other."""
    inner = ".?metadata" if row.metadata == "metadata" else ""
    return f"{template}{inner}.?labels, {template}{inner}.?annotations"


def _mentioned(maps: str) -> str:
    """Return CEL for whether one of some maps has a key of ours that has no effect there."""
    # With a reference, the webhook speaks about that label on the template.
    theirs = f"k == '{names.REFERENCE}' && {_REFERS}"
    return f"[{maps}].exists(m, m.orValue({{}}).exists(k, {_OURS} && !(k in {list(MARKS)}) && !({theirs})))"


def _along(node: str, way: Sequence[Step], row: PodTemplate, depth: int = 0) -> str:
    """Return CEL for whether a pod template at the end of a way, through any item of its lists, mentions ours."""
    for number, (key, field) in enumerate(way):
        node += f".?{key}"
        if field:
            item = f"i{depth}"
            return f"{node}.orValue([]).exists({item}, {_along(item, way[number + 1 :], row, depth + 1)})"
    return _mentioned(_maps(node, row))


def _rules(kinds: Iterable[Kind]) -> Iterator[Rule]:
    """Yield the rule of each API group and its versions."""
    served: Callable[[Kind], tuple[str, tuple[str, ...]]] = lambda kind: (kind.group, (kind.version, *kind.also))  # noqa: E731
    for (group, versions), rows in groupby(sorted(kinds, key=served), key=served):
        yield Rule(group, versions, tuple(row.plural for row in rows))
