"""Pairs of settings that do not go together, one of the Environment, one of the submitter. Pure.

The API server refuses most of them for pods, without naming the Environment, and nobody refuses them in kinds of other
projects, whose pods then never start. Where the submitter may override ours, it is not injected; else it is refused.
Source: ValidatePodSpec, https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/apis/core/validation/validation.go,
and the kubelet, which starts no container as root where that must not be, or with an id that its namespace lacks.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from environment_operator.injection.comparison import containers
from environment_operator.injection.merge import Put, Template, counts_as_unset
from environment_operator.kinds.paths import Path, get
from environment_operator.kinds.table import Kind

Theirs = Callable[[Template, Path], Iterator[Path]]
_CONTEXT = "securityContext"
_POD: Path = ("spec", _CONTEXT)
_LAST_ID = 65535
_RIGHTS = ("privileged", "add")
_POD_IDS = ("runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy")
# Namespaced sysctls by what of the node's is shared instead: k8s.io/component-helpers/node/util/sysctl, namespace.go.
_NET, _IPC = ("net.",), ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two settings that do not go together.

    Args:
        name: the two in short.
        ours: where ours is: in the pod spec, or below ``container`` in the main container.
        holds: says whether ours is such a value.
        theirs: yields where the pod template has what does not go with it.
        field: the field of the Environment that ours is of.
    """

    name: str
    ours: str
    holds: Callable[[Any], bool]
    theirs: Theirs
    field: str = "Security"

    def path(self, main: Path) -> Path:
        """Return where ours is in a pod template."""
        first, *rest = keys = _keys(self.ours)
        return (*main, *rest) if first == "container" else ("spec", *keys)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A pair that is in a pod template.

    Args:
        pair: the pair.
        ours: where ours is.
        value: what it is.
        theirs: where theirs is.
        given: what it is.
    """

    pair: Pair
    ours: Path
    value: Any
    theirs: Path
    given: Any

    def is_override(self, locked: Collection[str], kind: Kind) -> bool:
        """Return whether theirs is refused by itself: by the validating webhook, unless the API server comes first.

        Args:
            locked: what the Environment does not let be overridden.
            kind: row of the workload's kind, of which the API server knows the pods where it is its own.
        """
        is_right = kind.custom and "Security" in locked and self.theirs[-1] in _RIGHTS
        return is_right or ("User" in locked and self.theirs[-1] in _POD_IDS)

    def stands(self, stored: Template) -> bool:
        """Return whether both are in a stored pod template."""
        return (get(stored, self.ours), get(stored, self.theirs)) == (self.value, self.given)


@cache
def _keys(path: str) -> Path:
    """Return the keys of a path of the table below, split once."""
    return tuple(path.split("."))


def contradictions(template: Template, puts: list[Put], main: Path) -> Iterator[Contradiction]:
    """Yield what does not go with what the submitter has, of what would be put into a pod template.

    Args:
        template: the pod template as the submitter wrote it.
        puts: what is to be injected, by path.
        main: path of the main container.
    """
    values = dict(puts)
    for path, pair in _placed(main):
        if path in values and pair.holds(values[path]) and _is_free(template, path):
            yield from (
                Contradiction(pair, path, values[path], where, get(template, where))
                for where in pair.theirs(template, main)
            )


@lru_cache(maxsize=64)
def _placed(main: Path) -> tuple[tuple[Path, Pair], ...]:
    """Return every pair with where ours is in a pod template; the main container is called alike in most."""
    return tuple((pair.path(main), pair) for pair in PAIRS)


def without(puts: list[Put], found: list[Contradiction]) -> list[Put]:
    """Return what is put into a pod template without what contradicts the submitter, and what goes with that alone."""
    left = {contradiction.ours for contradiction in found}
    if ("spec", "hostNetwork") in left:
        left.add(("spec", "dnsPolicy"))
    return [(path, value) for path, value in puts if path not in left]


def _is_free(template: Template, path: Path) -> bool:
    """Return whether the submitter says nothing at a path, so that ours would stand there."""
    given = get(template, path)
    return given is None or counts_as_unset(template, path, given)


def _in_main(*keys: str, wrong: Callable[[Any], bool]) -> Theirs:
    """Return the function that finds a wrong value in the security context of the main container."""

    def find(template: Template, main: Path) -> Iterator[Path]:
        path = (*main, _CONTEXT, *keys)
        if wrong(get(template, path)):
            yield path

    return find


def _in_pod(*keys: str, wrong: Callable[[Any], bool]) -> Theirs:
    """Return the function that finds a wrong value in the pod spec."""

    def find(template: Template, _: Path) -> Iterator[Path]:
        if wrong(get(template, ("spec", *keys))):
            yield "spec", *keys

    return find


def _runs_as_root(template: Template, main: Path) -> Iterator[Path]:
    """Yield where the main container is set to run as root."""
    own = (*main, _CONTEXT, "runAsUser")
    path = own if get(template, own) is not None else (*_POD, "runAsUser")
    if _is_root(get(template, path)):
        yield path


def _must_not_be_root(template: Template, main: Path) -> Iterator[Path]:
    """Yield where a container that runs as the pod's user must not run as root."""
    for container in dict.fromkeys((main, *containers(template))):
        if get(template, (*container, _CONTEXT, "runAsUser")) is None:
            yield from _non_root(template, container)


def _main_must_not_be_root(template: Template, main: Path) -> Iterator[Path]:
    """Yield where the main container must not run as root."""
    yield from _non_root(template, main)


def _non_root(template: Template, container: Path) -> Iterator[Path]:
    """Yield where a container must not run as root."""
    own = (*container, _CONTEXT, "runAsNonRoot")
    path = own if get(template, own) is not None else (*_POD, "runAsNonRoot")
    if get(template, path) is True:
        yield path


def _other_host_port(template: Template, main: Path) -> Iterator[Path]:
    """Yield the ports of the node that are not those of the containers."""
    for container in dict.fromkeys((main, *(path for path in containers(template) if path[1] == main[1]))):
        ports = get(template, (*container, "ports"))
        for port in ports if isinstance(ports, list) else ():
            if isinstance(port, dict) and port.get("hostPort") not in (None, 0, port.get("containerPort")):
                yield *container, "ports", f"{port.get('containerPort')}/{port.get('protocol') or 'TCP'}"


def _sysctls(*prefixes: str) -> Callable[[Any], bool]:
    """Return the function that says whether a list has sysctls of a kind."""
    return lambda found: (
        isinstance(found, list)
        and any(
            isinstance(each, dict) and str(each.get("name")).replace("/", ".").startswith(prefixes) for each in found
        )
    )


def _is_true(value: Any) -> bool:
    """Return whether a value is true."""
    return value is True


def _is_false(value: Any) -> bool:
    """Return whether a value is false."""
    return value is False


def _is_root(value: Any) -> bool:
    """Return whether an id is that of root."""
    return value == 0 and value is not False


def _is_high(value: Any) -> bool:
    """Return whether an id, or one of a list, is not in the range of a user namespace."""
    return any(isinstance(each, int) and each > _LAST_ID for each in (value if isinstance(value, list) else [value]))


def _anything(_: Any) -> bool:
    """Return that any value counts."""
    return True


_NO_USERS = _in_pod("hostUsers", wrong=_is_false)
_WINDOWS = _in_pod("os", "name", wrong=lambda value: value == "windows")
_ESCALATION, _NON_ROOT = f"container.{_CONTEXT}.allowPrivilegeEscalation", f"container.{_CONTEXT}.runAsNonRoot"
_CONTAINER_UID = f"container.{_CONTEXT}.runAsUser"
_NOT_ON_WINDOWS = (
    ("hostIPC", "Security"),
    *((f"{_CONTEXT}.{key}", "User") for key in _POD_IDS),
    *((f"container.{_CONTEXT}.{key}", "User") for key in ("runAsUser", "runAsGroup")),
    *(
        (f"container.{_CONTEXT}.{key}", "Security")
        for key in ("allowPrivilegeEscalation", "readOnlyRootFilesystem", "seccompProfile", "capabilities.add")
    ),
)  # fmt: skip

PAIRS: tuple[Pair, ...] = (
    Pair("no escalation, privileged", _ESCALATION, _is_false, _in_main("privileged", wrong=_is_true)),
    Pair(
        "no escalation, CAP_SYS_ADMIN", _ESCALATION, _is_false,
        _in_main("capabilities", "add", wrong=lambda found: isinstance(found, list) and "CAP_SYS_ADMIN" in found),
    ),
    Pair("not root, uid 0", _NON_ROOT, _is_true, _runs_as_root),
    Pair("uid 0, not root", f"{_CONTEXT}.runAsUser", _is_root, _must_not_be_root, "User"),
    Pair("uid 0 of the container, not root", _CONTAINER_UID, _is_root, _main_must_not_be_root, "User"),
    Pair("network of the node, no users of the node", "hostNetwork", _is_true, _NO_USERS),
    Pair("network of the node, name of the host", "hostNetwork", _is_true, _in_pod("hostnameOverride", wrong=bool)),
    Pair("network of the node, sysctl", "hostNetwork", _is_true, _in_pod(_CONTEXT, "sysctls", wrong=_sysctls(*_NET))),
    Pair("network of the node, another port of the node", "hostNetwork", _is_true, _other_host_port),
    Pair("IPC of the node, no users of the node", "hostIPC", _is_true, _NO_USERS),
    Pair("IPC of the node, sysctl", "hostIPC", _is_true, _in_pod(_CONTEXT, "sysctls", wrong=_sysctls(*_IPC))),
    *(
        Pair(f"high {key}, no users of the node", f"{_CONTEXT}.{key}", _is_high, _NO_USERS, "User")
        for key in ("runAsUser", "runAsGroup", "supplementalGroups")
    ),
    *(Pair(f"{ours}, Windows", ours, _anything, _WINDOWS, field) for ours, field in _NOT_ON_WINDOWS),
)  # fmt: skip
