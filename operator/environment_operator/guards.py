"""Overriding: for each field of an Environment what it guards, and what of a pod template breaks the guard. Pure.

A guarded path must be as the Environment has it or absent, unless the field is in ``overridable``. What only makes a
container weaker is no override: fewer capabilities, no privilege escalation, a read-only root. Everything else is the
submitter's, or another webhook's, and is never judged.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.paths import Path, get

Template = dict[str, Any]

IDS = ("runAsUser", "runAsGroup")
POD_IDS = (*IDS, "fsGroup", "supplementalGroups")
HOST = ("hostNetwork", "hostIPC", "hostPID")
LISTS = ("initContainers", "containers", "ephemeralContainers")
_POD = ("spec", "securityContext")

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


@dataclass(frozen=True, slots=True)
class Violation:
    """A guarded path that is not as it should be.

    Args:
        field: the field of the Environment that guards it.
        path: the path in the pod template.
        given: what stands there.
        expected: what the Environment has, None for nothing.
    """

    field: str
    path: Path
    given: Any
    expected: Any


@dataclass(frozen=True, slots=True)
class _Case:
    """What a guard judges.

    Args:
        template: the pod template.
        base: the template that is as it should be.
        main: path of the main container.
        theirs: names of containers that another webhook added, which are not judged.
    """

    template: Template
    base: Template
    main: Path
    theirs: frozenset[str]

    def differing(self, field: str, path: Path) -> Iterator[Violation]:
        """Yield a violation when something else than in the base stands at a path."""
        given, expected = get(self.template, path), get(self.base, path)
        if given is not None and given != expected:
            yield Violation(field, path, given, expected)

    def containers(self) -> Iterator[Path]:
        """Yield the path of every container that is judged."""
        if len(self.main) == len(("spec", "inline")):
            yield self.main
        for kind in LISTS:
            found = get(self.template, ("spec", kind)) or ()
            names = (str(item.get("name")) for item in found if isinstance(item, dict))
            yield from (("spec", kind, name) for name in names if name not in self.theirs)


def locked(spec: EnvironmentSpec) -> tuple[str, ...]:
    """Return what an Environment guards and does not let be overridden.

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
    return (*fields, *(f"Required.{name}" for name in required))


def in_short(items: Sequence[str]) -> str:
    """Return the guarded fields with commas between them, each once."""
    return ",".join(dict.fromkeys(item.partition(".")[0] for item in items if not item.startswith("Required.")))


def violations(
    items: Sequence[str], template: Template, base: Template, main: Path, theirs: frozenset[str] = frozenset()
) -> list[Violation]:
    """Return what of a pod template breaks a guard.

    Args:
        items: what is guarded, as `locked` returns it.
        template: the pod template, as it would be stored.
        base: what a template may hold at the guarded paths: what the Environment puts in, or what is stored.
        main: path of the main container, in both.
        theirs: names of containers that another webhook added; they are not judged.
    """
    case = _Case(template, base, main, theirs)
    return [violation for item in items for violation in _guard(item)(case)]


def _guard(item: str) -> Callable[[_Case], Iterator[Violation]]:
    """Return the function that judges one item; an item of a later version guards nothing here."""
    field, _, name = item.partition(".")
    if name:
        return lambda case: _variable(case, field, name)
    return _GUARDS.get(field, lambda _: iter(()))


def _leaf(field: str, key: str) -> Callable[[_Case], Iterator[Violation]]:
    """Return the guard of one key of the main container."""
    return lambda case: case.differing(field, (*case.main, key))


def _variable(case: _Case, field: str, name: str) -> Iterator[Violation]:
    """Judge one variable of the main container."""
    path = (*case.main, "env", name)
    given = get(case.template, path)
    if field == "Env":
        yield from case.differing(field, path)
    elif not isinstance(given, dict) or not (given.get("value") or given.get("valueFrom")):
        yield Violation(field, path, given, None)


def _user(case: _Case) -> Iterator[Violation]:
    """Judge the ids of the pod and of every container, for which those of the pod are right too."""
    for key in POD_IDS:
        yield from case.differing("User", (*_POD, key))
    for container in case.containers():
        for key in IDS:
            path = (*container, "securityContext", key)
            given = get(case.template, path)
            if given is not None and given != get(case.base, (*_POD, key)):
                yield from case.differing("User", path)


def _security(case: _Case) -> Iterator[Violation]:
    """Judge the host's namespaces, and every leaf of every security context that is not an id."""
    for key in HOST:
        yield from _unless_weaker(case, ("spec", key), (False,))
    for container in case.containers():
        context = get(case.template, (*container, "securityContext"))
        for key in context if isinstance(context, dict) else ():
            path = (*container, "securityContext", key)
            if key == "capabilities":
                yield from _capabilities(case, path)
            elif key not in IDS:
                yield from _unless_weaker(case, path, WEAKER.get(key, ()))
    for key in ("runAsNonRoot", "seccompProfile", "appArmorProfile", "seLinuxOptions", "windowsOptions", "sysctls"):
        yield from _unless_weaker(case, (*_POD, key), WEAKER.get(key, ()))


def _unless_weaker(case: _Case, path: Path, weaker: tuple[Any, ...]) -> Iterator[Violation]:
    """Judge one leaf; for containers what the Environment gives the main one is right too."""
    given = get(case.template, path)
    if given is None or given in weaker or given == get(case.base, (*case.main, "securityContext", path[-1])):
        return
    yield from case.differing("Security", path)


def _capabilities(case: _Case, path: Path) -> Iterator[Violation]:
    """Judge the capabilities that are added: those of the Environment, or those that are stored, may be."""
    add = (*path, "add")
    given = get(case.template, add)
    if given is None:
        return
    own = get(case.base, (*case.main, "securityContext", "capabilities", "add"))
    may = [*_words(own), *_words(get(case.base, add))]
    if not isinstance(given, list) or not set(_words(given)) <= set(may):
        yield Violation("Security", add, given, own)


def _words(value: Any) -> list[str]:
    """Return the capabilities of a list, without the prefix that the runtime takes off."""
    return [str(word).removeprefix("CAP_") for word in value] if isinstance(value, list) else []


_GUARDS: dict[str, Callable[[_Case], Iterator[Violation]]] = {
    "Image": _leaf("Image", "image"),
    "Command": _leaf("Command", "command"),
    "Args": _leaf("Args", "args"),
    "WorkingDir": _leaf("WorkingDir", "workingDir"),
    "User": _user,
    "Security": _security,
}


def in_words(violation: Violation, environment: str, place: str) -> str:
    """Return a violation as a person reads it, with the way out.

    Args:
        violation: the violation.
        environment: name of the Environment.
        place: the path in the object.
    """
    if violation.field == "Required":
        name = violation.path[-1]
        return f"{place}: the Environment {environment!r} needs a value for the variable {name}: give it one"
    has = f"has {_short(violation.expected)}" if violation.expected is not None else "has none"
    return (
        f"{place} is {_short(violation.given)}, the Environment {environment!r} {has} and guards {violation.field}: "
        f"leave it out, or ask its author to add {violation.field} to spec.overridable"
    )


def _short(value: Any) -> str:
    """Return a value for a message; a long one is cut."""
    text = repr(value.get("value", value) if isinstance(value, dict) and "name" in value else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_SHOWN = 120
