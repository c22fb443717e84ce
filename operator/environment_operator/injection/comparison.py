"""A pod template held against what is right there: what stands at a path, and what would have to. Pure.

`overrides` has the paths of each field of an Environment.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from environment_operator.kinds.paths import Index, Path, every, get, keys
from environment_operator.kinds.pod_templates import OUTSIDE, Template

LISTS = ("initContainers", "containers", "ephemeralContainers", "sidecars")


@dataclass(frozen=True, slots=True)
class Violation:
    """A guarded path that is not as it should be.

    Args:
        field: the field of the Environment that may not be overridden.
        path: the path in the pod template.
        given: what stands there, None for nothing.
        expected: what the Environment has, None for nothing.
    """

    field: str
    path: Path
    given: Any
    expected: Any


@dataclass(frozen=True, slots=True)
class Right:
    """What a pod template is held against.

    Args:
        template: what may stand at the guarded paths: what the Environment injects, or what is stored.
        main: path of the main container, in both templates.
        put: the paths that were injected, and so may not be missing.
        inline: keys of the pod spec under which a container may stand alone.
        adds: paths of further containers next to the template.
        patches: keys of the pod spec that change the pods after admission.
        annotations: where the annotations of the pods are in the template, None when nothing keeps them.
        annotated: paths of metadata next to the template whose annotations the pods have too.
        theirs: names of containers that another webhook added, which are not validated.
    """

    template: Template
    main: Path
    put: Collection[Path] = ()
    inline: Collection[str] = ()
    adds: Collection[str] = ()
    patches: Collection[str] = ()
    annotations: Path | None = None
    annotated: Collection[str] = ()
    theirs: Collection[str] = ()


@dataclass(frozen=True)
class Case:
    """What an override rule compares; each list of it is indexed once, since every container has several paths.

    Args:
        template: the pod template.
        right: what it is held against.
    """

    template: Template
    right: Right
    _given: Index = field(default_factory=Index, init=False, repr=False, compare=False)
    _expected: Index = field(default_factory=Index, init=False, repr=False, compare=False)

    def given(self, path: Path) -> Any:
        """Return what stands at a path."""
        return get(self.template, path, self._given)

    def expected(self, path: Path) -> Any:
        """Return what is right at a path."""
        return get(self.right.template, path, self._expected)

    def every(self, path: Path) -> tuple[Sequence[Any], Sequence[Any]]:
        """Return all items of a list that have the key at the end of a path: those that stand there, and the right."""
        lists = self.given(path[:-1]), self.expected(path[:-1])
        given, expected = (found if isinstance(found, list) else [] for found in lists)
        field_, key = path[-2:]
        return every(given, field_, key, self._given), every(expected, field_, key, self._expected)

    @cached_property
    def put(self) -> Mapping[Path, Collection[str]]:
        """The keys that were injected, and so may not be missing, by the path of what they are in."""
        found: defaultdict[Path, dict[str, None]] = defaultdict(dict)
        for path in self.right.put:
            found[path[:-1]][path[-1]] = None
        return dict(found)

    def differing(self, field: str, path: Path, *others: Path, weaker: Sequence[Any] = ()) -> Iterator[Violation]:
        """Yield a violation when something else stands at a path than is right there, or nothing where it has to be.

        Args:
            field: the field that may not be overridden.
            path: the path.
            others: further paths whose right value is right here too.
            weaker: values that are no override.
        """
        given, here = self.given(path), self.expected(path)
        right = [value for value in (here, *map(self.expected, others)) if value is not None]
        if given in right:
            return
        if given in (None, [], {}):
            if here is not None and path[-1] in self.put.get(path[:-1], ()):
                yield Violation(field, path, None, here)
        elif given not in weaker or _is_own_profile(here):
            yield Violation(field, path, given, right[0] if right else None)

    def containers(self) -> Iterator[Path]:
        """Yield the path of every container that is validated."""
        return filter(self.is_validated, containers(self.template, self.right.inline, self.right.adds))

    def is_validated(self, container: Path) -> bool:
        """Return whether a container is the submitter's."""
        is_listed = container[1] in LISTS
        return container == self.right.main or not is_listed or container[-1] not in self.right.theirs


def containers(template: Template, inline: Collection[str] = (), adds: Collection[str] = ()) -> Iterator[Path]:
    """Yield the path of every container of a pod template; the arguments are those of `Right`."""
    alone = (*(("spec", key) for key in inline), *((OUTSIDE, path) for path in adds))
    yield from (path for path in alone if isinstance(get(template, path), dict))
    for key in LISTS:
        found = get(template, ("spec", key))
        listed = found if isinstance(found, list) else []
        for name, item in zip(keys(listed, key), listed, strict=True):
            if isinstance(item, dict):
                yield "spec", key, name


def _is_own_profile(value: Any) -> bool:
    """Return whether a profile is one of the Environment's own, next to which that of the runtime is another one."""
    return isinstance(value, dict) and value.get("type") == "Localhost"
