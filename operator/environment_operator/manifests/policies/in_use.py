"""What protects an Environment in use: no deletion, no removal of our finalizer, a warning for edits.

They read the status as the operator wrote it last, and so name users with the operator down, too. Where ``usage`` is
absent, it is unknown: the finalizer decides. They cannot know more: CEL in the API server has no clock and reads no
other objects than those of one kind that a binding selects by fixed labels.
"""

from collections.abc import Iterator

from environment_operator.api import names
from environment_operator.manifests.policies.policy import (
    NEW,
    OLD,
    SPEC_CHANGES,
    USERNAME,
    Policy,
    Validation,
    override,
)

_KIND = names.KIND
_NAME = "oldObject.metadata.name"
_USAGE = f"{OLD}.?status.?usage"
_IN_USE = f"{_USAGE}.?total.orValue(0) > 0"
_OVERRIDDEN = f"{override(OLD)} == optional.of('true')"
_ANNOTATE = f"run kubectl annotate {names.CRD_NAME} %s {names.ALLOW_DELETE_IN_USE}=true first"


def _counted(word: str) -> str:
    """Return how many there are in words, empty for none."""
    number = f"variables.{word}s"
    return f"{number} == 1 ? '1 {word}' : {number} > 1 ? '%d {word}s'.format([{number}]) : ''"


_VARIABLES = {
    "workloads": f"{_USAGE}.?workloads.orValue(0)",
    "templates": f"{_USAGE}.?templates.orValue(0)",
    "one": f"{_USAGE}.?total.orValue(0) == 1",
    "users": f"[{_counted('workload')}, {_counted('template')}].filter(part, part != '').join(' and ')",
    "used": f"'{_KIND} \"%s\" is used by %s'.format([{_NAME}, variables.users])",
}
# The first of those that the status names; which ones it names, and how many, is a setting.
_NAMED = 3
_SAMPLE = " + ".join(f"{OLD}.?status.?{users}.orValue([])" for users in ("workloads", "templates"))
# When the operator wrote the status last, which it does whenever a count changes.
_AS_OF = f"""{OLD}.?metadata.?managedFields.orValue([])
.filter(m, m.?subresource.orValue('') == 'status' && m.?manager.orValue('') == '{names.FIELD_MANAGER}')
.map(m, string(m.?time.orValue('')))"""
_WORDS = """variables.sample[?i].?kind.orValue('') + ' '
+ variables.sample[?i].?namespace.optMap(n, n == '' ? '' : n + '/').orValue('')
+ variables.sample[?i].?name.orValue('')"""


def policies() -> Iterator[Policy]:
    """Yield the policies."""
    yield _deletion()
    yield _finalizer()
    yield _edit()


def _deletion() -> Policy:
    """Return that an Environment in use cannot be deleted, unless an earlier request allowed it."""
    kinds = f"""{_USAGE}.?byKind.orValue([])
.map(k, k.?kind.orValue('') + (k.?group.orValue('') == '' ? '' : '.' + k.?group.orValue(''))).join(',')"""
    who = f"""variables.sample.size() == 0 ? '' : ', for example '
+ {list(range(_NAMED))}.filter(i, i < variables.sample.size()).map(i, {_WORDS}).join(', ')"""
    find = f"""'kubectl get %s -A -l {names.REFERENCE}=%s'
.format([variables.kinds == '' ? 'all' : variables.kinds, {_NAME}])"""
    said = f"""variables.used + (variables.as_of.size() == 0 ? '' : ' as of ' + variables.as_of[0])
+ variables.who + (variables.one ? '. Delete it or change its' : '. Delete them or change their')
+ ' label {names.REFERENCE} (' + variables.find + '), try again if ' + (variables.one ? 'it is' : 'they are')
+ ' gone, or annotate the {_KIND} with {names.ALLOW_DELETE_IN_USE}=true first.'"""
    fallback = f"The {_KIND} is in use. Find who uses it with kubectl get all -A -l {names.REFERENCE}."
    return Policy(
        name="in-use",
        operations=("DELETE",),
        condition=("in-use", _IN_USE),
        variables={**_VARIABLES, "as_of": _AS_OF, "kinds": kinds, "find": find, "sample": _SAMPLE, "who": who},
        validations=[Validation(_OVERRIDDEN, said, fallback)],
    )


def _finalizer() -> Policy:
    """Return that nobody but the operator takes our finalizer from an Environment in use."""
    ours = f".?metadata.?finalizers.orValue([]).exists(f, f == '{names.FINALIZER}')"
    said = f"""variables.used + '. Keep {names.FINALIZER} in metadata.finalizers'
+ (oldObject.metadata.?deletionTimestamp.hasValue()
  ? (variables.one ? ' until it is gone' : ' until they are gone') + ', or {_ANNOTATE}.'.format([{_NAME}])
  : ': add it to the manifest, or use kubectl apply instead of kubectl replace.')"""
    return Policy(
        name="finalizer",
        operations=("UPDATE",),
        condition=("finalizer-goes-while-in-use", f"{_IN_USE} && {OLD}{ours} && !{NEW}{ours}"),
        variables=_VARIABLES,
        validations=[
            Validation(
                f"{USERNAME} == '{names.OPERATOR_USER}' || {_OVERRIDDEN}",
                said,
                f"The {_KIND} is in use. Keep {names.FINALIZER} in metadata.finalizers.",
            )
        ],
    )


def _edit() -> Policy:
    """Return the warning that an edit does not reach who uses the Environment already."""
    said = """variables.used
+ (variables.one ? '. It keeps what it has until it is refreshed.'
  : '. They keep what they have until they are refreshed.')"""
    fallback = f"The {_KIND} is in use. Its users keep what they have until they are refreshed."
    return Policy(
        name="edit-in-use",
        operations=("UPDATE",),
        condition=("spec-changes-while-in-use", f"{_IN_USE} && {SPEC_CHANGES}"),
        variables=_VARIABLES,
        validations=[Validation("false", said, fallback)],
        action="Warn",
    )
