"""Overriding: for each field of an Environment which paths it fills, and what of a pod template overrides them. Pure.

A guarded path must be as the Environment has it or, where nothing was injected, absent, unless the field is in
``overridable``. What only makes a container weaker is no override: fewer capabilities, no privilege escalation, a
read-only root. Everything else is the submitter's, or another webhook's, and is never validated.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.injection.comparison import Case, Right, Violation
from environment_operator.kinds.harmless import APPARMOR, is_profile
from environment_operator.kinds.paths import Path
from environment_operator.kinds.pod_templates import OUTSIDE, Template

IDS = ("runAsUser", "runAsGroup")
PERSONAL = (*IDS, "supplementalGroups")
POD_IDS = (*PERSONAL, "fsGroup")
HOST = ("hostNetwork", "hostIPC", "hostPID")
REQUIRED = "Required."
# The fields that are one key of the main container each.
LEAVES = {"Image": "image", "Command": "command", "Args": "args", "WorkingDir": "workingDir"}
_CONTEXT = "securityContext"
_POD: Path = ("spec", _CONTEXT)
_POD_LEAVES = ("runAsNonRoot", "seccompProfile", "appArmorProfile", "seLinuxOptions", "windowsOptions", "sysctls")

# Values that take something away, and so override nothing: https://kubernetes.io/docs/concepts/security/pod-security-standards/
WEAKER: dict[str, tuple[Any, ...]] = {
    "privileged": (False,),
    "allowPrivilegeEscalation": (False,),
    "readOnlyRootFilesystem": (True,),
    "runAsNonRoot": (True,),
    "procMount": ("Default",),
    "seccompProfile": ({"type": "RuntimeDefault"},),
    "appArmorProfile": ({"type": "RuntimeDefault"},),
}


def locked(spec: EnvironmentSpec) -> tuple[str, ...]:
    """Return what an Environment sets and does not let be overridden.

    Each is a field name as in ``spec.overridable``; variables are listed one by one as ``Env.NAME``, and those that a
    submitter must fill in, which no setting allows to be left out, as ``Required.NAME``.
    """
    variables = [v.name for v in spec.env or () if v.value is not None or v.value_from]
    required = [v.name for v in spec.env or () if v.required and v.value is None and not v.value_from]
    guarded = {
        "Image": True,
        "Command": spec.command is not None,
        "Args": spec.args is not None,
        "WorkingDir": spec.working_dir is not None,
        "User": spec.user is not None,
        "Security": spec.security is not None,
    }
    fields = [field for field, is_set in guarded.items() if is_set and field not in spec.overridable]
    fields += [f"Env.{name}" for name in variables if "Env" not in spec.overridable]
    return (*fields, *(f"{REQUIRED}{name}" for name in required))


def in_short(items: Sequence[str]) -> str:
    """Return the guarded fields with commas between them, each once."""
    return ",".join(dict.fromkeys(item.partition(".")[0] for item in items if not item.startswith(REQUIRED)))


def violations(items: Sequence[str], template: Template, right: Right) -> list[Violation]:
    """Return what of a pod template is an override that is not allowed.

    Args:
        items: what may not be overridden, as `locked` returns it.
        template: the pod template, as it would be stored.
        right: what it is held against.
    """
    case = Case(template, right)
    return [*_patches(case, items), *(violation for item in items for violation in _rule(item)(case))]


def _patches(case: Case, items: Sequence[str]) -> Iterator[Violation]:
    """Validate what changes the pods later, where nobody sees it: it stays out where anything is guarded."""
    guarded = next((item.partition(".")[0] for item in items if not item.startswith(REQUIRED)), "")
    for key in case.right.patches if guarded else ():
        yield from case.differing(guarded, ("spec", key))


def _rule(item: str) -> Callable[[Case], Iterator[Violation]]:
    """Return the function that validates one item; an item of a later version has no rule here."""
    field, _, name = item.partition(".")
    if field == "Env":
        return lambda case: _variable(case, name)
    if field == "Required":
        return lambda case: _required(case, name)
    return _RULES.get(field, lambda _: iter(()))


def _leaf(field: str, key: str) -> Callable[[Case], Iterator[Violation]]:
    """Return the override rule of one key of the main container."""
    return lambda case: case.differing(field, (*case.right.main, key))


def _args(case: Case) -> Iterator[Violation]:
    """Validate the arguments; they are not injected with another command, and so not missed there."""
    path, command = (*case.right.main, "args"), (*case.right.main, "command")
    own_command = case.given(command) not in (None, [], case.expected(command))
    if not own_command or case.given(path):
        yield from case.differing("Args", path)


def _variable(case: Case, name: str) -> Iterator[Violation]:
    """Validate one variable of the main container; where it stands more than once, the last one counts."""
    path = (*case.right.main, "env", name)
    given, stored = case.every(path)
    if len(given) <= 1:
        yield from case.differing("Env", path)
    elif given != stored and any(value not in stored[-1:] for value in given):
        wrong = next(value for value in reversed(given) if value not in stored[-1:])
        yield Violation("Env", path, wrong, stored[-1] if stored else None)


def _required(case: Case, name: str) -> Iterator[Violation]:
    """Validate that a variable has been filled in."""
    path = (*case.right.main, "env", name)
    given = case.every(path)[0][-1:]
    if not any(value.get("value") or value.get("valueFrom") for value in given):
        yield Violation("Required", path, given[0] if given else None, None)


def _user(case: Case) -> Iterator[Violation]:
    """Validate the ids of the pod and of every container, for which those of the pod and the main one are right too."""
    for key in POD_IDS:
        weaker = _groups(case) if key == "fsGroup" else ()
        yield from case.differing("User", (*_POD, key), weaker=weaker)
    yield from case.differing("User", (*_POD, "supplementalGroupsPolicy"), weaker=("Strict",))
    for container in case.containers():
        for key in IDS:
            main = (*case.right.main, _CONTEXT, key)
            yield from case.differing("User", (*container, _CONTEXT, key), (*_POD, key), main)


def _groups(case: Case) -> list[Any]:
    """Return the groups that the process has anyway, so that one of them for its volumes gives it nothing new."""
    ids = (*_POD, "supplementalGroups"), (*_POD, "runAsGroup"), (*case.right.main, _CONTEXT, "runAsGroup")
    further, *single = (case.expected(path) for path in ids)
    return [*(further if isinstance(further, list) else ()), *(group for group in single if group is not None)]


def _security(case: Case) -> Iterator[Violation]:
    """Validate the host's namespaces, and every leaf of every security context that is not an id."""
    for key in HOST:
        if case.given(("spec", key)) is not None:
            yield from case.differing("Security", ("spec", key), weaker=(False,))
    for key in _POD_LEAVES:
        yield from _setting(case, (*_POD, key))
    for container in case.containers():
        put, context = case.put.get((*container, _CONTEXT), ()), case.given((*container, _CONTEXT))
        for key in dict.fromkeys((*(context if isinstance(context, dict) else ()), *put)):
            if key == "capabilities":
                yield from _capabilities(case, (*container, _CONTEXT, key))
            elif key not in IDS:
                yield from _setting(case, (*container, _CONTEXT, key))
    yield from _profiles(case)


def _setting(case: Case, path: Path) -> Iterator[Violation]:
    """Validate one leaf of a security context; what the main container has is right for every other."""
    main = (*case.right.main, _CONTEXT, path[-1])
    yield from case.differing("Security", path, main, weaker=WEAKER.get(path[-1], ()))


def _profiles(case: Case) -> Iterator[Violation]:
    """Validate the annotations that give containers a profile."""
    outside = ((OUTSIDE, path, "annotations") for path in case.right.annotated)
    for place in filter(None, (case.right.annotations, *outside)):
        found = case.given(place)
        for key in found if isinstance(found, dict) else ():
            container = ("spec", "containers", key.removeprefix(APPARMOR))
            if is_profile(key) and case.is_validated(container):
                yield from case.differing("Security", (*place, key), weaker=("runtime/default",))


def _capabilities(case: Case, path: Path) -> Iterator[Violation]:
    """Validate the capabilities that are added: those of the Environment, or those that are stored, may be."""
    add = (*path, "add")
    given = case.given(add)
    if given is None:
        return
    own = case.expected((*case.right.main, _CONTEXT, "capabilities", "add"))
    may = [*_words(own), *_words(case.expected(add))]
    if not isinstance(given, list) or not set(_words(given)) <= set(may):
        yield Violation("Security", add, given, own)


def _words(value: Any) -> list[str]:
    """Return the capabilities of a list, without the prefix that the runtime takes off."""
    return [str(word).removeprefix("CAP_") for word in value] if isinstance(value, list) else []


_RULES: dict[str, Callable[[Case], Iterator[Violation]]] = {
    "Image": _leaf("Image", "image"),
    "Command": _leaf("Command", "command"),
    "Args": _args,
    "WorkingDir": _leaf("WorkingDir", "workingDir"),
    "User": _user,
    "Security": _security,
}
