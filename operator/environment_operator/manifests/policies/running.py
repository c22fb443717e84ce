"""Pods that run already: of what may not be overridden the little that can change stays as it is.

Admission writes onto each injected Pod which fields are guarded, ``<main container>;<Field>,<Field>``, and nothing
where none is. Of a Pod only images can be changed and ephemeral containers added, so Image, Security and User matter
here. Only what a request changes is validated. Where it cannot be read nothing may be overridden. A Binding, by which a
scheduler gives a Pod its node, carries metadata that the API server writes onto the Pod.

The API server evaluates these after its own validation: containers stay in their places, nobody removes or changes an
ephemeral container, and neither ``ephemeralcontainers`` nor ``resize`` changes metadata. ``status`` does.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from environment_operator.api import names
from environment_operator.api.v1alpha1 import Overridable
from environment_operator.injection.overrides import IDS, WEAKER
from environment_operator.manifests.policies.policy import NEW, OLD, Policy, Rule, Validation

# A name has at most 63 characters. A longer text is not parsed: that would cost more than there is.
_LONGEST = 200
_FIELDS = list(get_args(Overridable))
_FIELD = "|".join(_FIELDS)
_FORM = f"^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?;(({_FIELD})(,({_FIELD}))*)?$"

_LABEL = f".?metadata.?labels[?'{names.INJECTED_FROM}']"
_ANNOTATION = f".?metadata.?annotations[?'{names.GUARDED}']"
_CONTAINERS = ".?spec.?containers.orValue([])"
_EPHEMERAL = ".?spec.?ephemeralContainers.orValue([])"
_NAME = "c.?name.orValue('')"

_AGAIN = "Delete the Pod, so that its controller creates it again."
_CHANGE = "there, and delete the Pod, so that its controller creates it again."
_PROFILES = "--profile=baseline or --profile=restricted"

# What an ephemeral container sets, and what the main container has there.
_MINE = "c.?securityContext[?k]"
_BASE = "variables.own[?k].or(variables.pod[?k])"
_WEAKER = ", ".join(f"'{key}': dyn({json.dumps(values)})" for key, values in WEAKER.items())
_NO_WIDER = f"""{_MINE} == {_BASE} || {{{_WEAKER}}}[?k].orValue([]).exists(v, {_MINE} == optional.of(v))
|| k == 'capabilities' && {_MINE}.?add.orValue([]).all(a, a in {_BASE}.?add.orValue([]))"""

# The policies match no other Pods.
_INJECTED: Mapping[str, Any] = {
    "objectSelector": {"matchExpressions": [{"key": names.INJECTED_FROM, "operator": "Exists"}]}
}
_VARIABLES = {
    "source": f"""'Environment "%s" '.format([{OLD}{_LABEL}.orValue('')])""",
    "whole": f"{OLD}{_ANNOTATION}.orValue('')",
    "text": f"variables.whole.size() <= {_LONGEST} ? variables.whole : ''",
    "main": "variables.text.split(';')[?0].orValue('')",
    "readable": f"variables.text.matches('{_FORM}')",
    "found": f"variables.readable && {OLD}{_CONTAINERS}.exists(c, {_NAME} == variables.main)",
    "guarded": f"""!{OLD}{_ANNOTATION}.hasValue() ? []
: variables.readable ? variables.text.split(';')[?1].orValue('').split(',') : {_FIELDS}""",
}


def policies() -> Iterator[Policy]:
    """Yield the policies of running Pods."""
    yield _marks()
    yield _binding()
    yield _image()
    yield _ephemeral()


def _marks() -> Policy:
    """Return that what says how a Pod is guarded stays as it is."""
    marks = (("labels", names.INJECTED_FROM, _LABEL), ("annotations", names.GUARDED, _ANNOTATION))
    return Policy(
        name="pod-marks",
        operations=("UPDATE",),
        condition=("marks-change", f"{NEW}{_LABEL} != {OLD}{_LABEL} || {NEW}{_ANNOTATION} != {OLD}{_ANNOTATION}"),
        validations=[_stays(*mark) for mark in marks],
        rules=(Rule("", ("v1",), ("pods", "pods/status")),),
        selectors=_INJECTED,
    )


def _binding() -> Policy:
    """Return that no Binding brings a mark of ours, which the API server would write onto the Pod."""
    maps = ", ".join(f"{NEW}.?metadata.?{place}.orValue({{}})" for place in ("labels", "annotations"))
    said = f'metadata: labels and annotations of "{names.GROUP}" cannot come with a Binding. Remove them.'
    return Policy(
        name="pod-binding",
        operations=("CREATE",),
        condition=("it-brings-marks", f"[{maps}].exists(m, m.exists(k, k.startsWith('{names.GROUP}/')))"),
        validations=[Validation("false", f"'{said}'", said)],
        rules=(Rule("", ("v1",), ("bindings", "pods/binding")),),
    )


def _stays(place: str, key: str, path: str) -> Validation:
    """Return that a label or an annotation, if it is there, keeps its value."""
    said = f"""'metadata.{place}[{key}] is "%s" and cannot '.format([{OLD}{path}.orValue('')])
+ ({NEW}{path}.hasValue() ? 'become "%s"'.format([{NEW}{path}.orValue('')]) : 'be removed')
+ ': it records what was injected. {_AGAIN}'"""
    fallback = f"metadata.{place}[{key}] records what was injected and cannot change. {_AGAIN}"
    return Validation(f"!{OLD}{path}.hasValue() || {NEW}{path} == {OLD}{path}", said, fallback)


def _image() -> Policy:
    """Return that the image of the main container stays, if it is guarded."""
    said = f"""'spec.containers[%d].image is "%s" and cannot become "%s": '
.format([variables.position, variables.before, variables.after])
+ variables.source + 'does not allow Image to be overridden. Change spec.image or spec.overridable {_CHANGE}'"""
    fallback = f"The Environment does not allow Image to be overridden. Change spec.image or spec.overridable {_CHANGE}"
    free = "!('Image' in variables.guarded)"
    return Policy(
        name="pod-image",
        operations=("UPDATE",),
        condition=("an-image-changes", f"{_images(NEW)} != {_images(OLD)}"),
        variables={
            **_VARIABLES,
            "position": f"{OLD}{_CONTAINERS}.map(c, {_NAME}).indexOf(variables.main)",
            "before": _image_of_main(OLD),
            "after": _image_of_main(NEW),
        },
        validations=[
            _found(free),
            Validation(f"{free} || !variables.found || variables.before == variables.after", said, fallback),
        ],
        rules=(Rule("", ("v1",), ("pods",)),),
        selectors=_INJECTED,
    )


def _images(side: str) -> str:
    """Return the images of one side; those of init containers, and so of sidecars among them, are free."""
    return f"{side}{_CONTAINERS}.map(c, c.?image.orValue(''))"


def _image_of_main(side: str) -> str:
    """Return the image of the main container of one side."""
    return f"{side}{_CONTAINERS}.filter(c, {_NAME} == variables.main)[?0].?image.orValue('')"


def _found(free: str) -> Validation:
    """Return that it is known which container is the main one, unless the image is free."""
    said = f"""'metadata.annotations[{names.GUARDED}] is "%s", which names no container of the Pod that '
.format([variables.text]) + variables.source + 'injected: its images cannot change. {_AGAIN}'"""
    fallback = f"metadata.annotations[{names.GUARDED}] names no container of the Pod. {_AGAIN}"
    return Validation(f"{free} || variables.found", said, fallback)


def _ephemeral() -> Policy:
    """Return that an ephemeral container has no more rights, and no other user, than the main container."""
    pod = "optional.ofNonZeroValue(dyn(oldObject))"
    return Policy(
        name="pod-debug",
        operations=("UPDATE",),
        # One that is there cannot be taken away or changed.
        condition=("a-container-is-added", f"{NEW}{_EPHEMERAL}.size() > {OLD}{_EPHEMERAL}.size()"),
        variables={
            **_VARIABLES,
            "all": f"optional.ofNonZeroValue(dyn(object)){_EPHEMERAL}.map(c, {_NAME})",
            "was": f"{OLD}{_EPHEMERAL}.map(c, {_NAME})",
            "added": f"optional.ofNonZeroValue(dyn(object)){_EPHEMERAL}.filter(c, !({_NAME} in variables.was))",
            # As plain maps: of a variable that is an optional itself, [?k] is always none.
            "pod": f"{pod}.?spec.?securityContext.orValue({{}})",
            "own": f"""{pod}{_CONTAINERS}
.filter(c, variables.found && {_NAME} == variables.main)[?0].?securityContext.orValue({{}})""",
            "there": """variables.found ? 'container "%s"'.format([variables.main]) : 'the Pod'""",
            "ids": _offences(f"k in {list(IDS)} && {_MINE} != {_BASE}"),
            "rights": _offences(f"!(k in {list(IDS)}) && !({_NO_WIDER})"),
        },
        validations=[
            _none("Security", "rights", f"Use kubectl debug with {_PROFILES}"),
            _none("User", "ids", "Remove it"),
        ],
        rules=(Rule("", ("v1",), ("pods/ephemeralcontainers",)),),
        selectors=_INJECTED,
    )


def _offences(offends: str) -> str:
    """Return the words for each key ``k`` of the security context of each added container ``c`` that offends."""
    return f"""variables.added.map(c, c.?securityContext.orValue({{}}).filter(k, {offends})
.map(k, 'spec.ephemeralContainers[%d].securityContext.%s is %s, but %s in %s'
.format([variables.all.indexOf({_NAME}), k, {_MINE}.orValue(''), {_BASE}.orValue('unset'), variables.there]))
.join('; ')).filter(words, words != '')"""


def _none(guarded: str, offences: str, remedy: str) -> Validation:
    """Return that nothing offends, if a field is guarded."""
    said = f"""variables.{offences}.join('; ') + ': ' + variables.source
+ (variables.readable ? 'does not allow {guarded} to be overridden'
  : 'may not allow {guarded} to be overridden: metadata.annotations[{names.GUARDED}] cannot be read')
+ '. {remedy}, or change spec.overridable {_CHANGE}'"""
    fallback = f"The Environment does not allow {guarded} to be overridden in ephemeral containers. {remedy}."
    return Validation(f"!('{guarded}' in variables.guarded) || variables.{offences}.size() == 0", said, fallback)
