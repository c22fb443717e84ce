"""The Environments as admission needs them: kept as bytes, rendered when asked for. Pure.

What is published comes from the spec, not from the status: an Environment works as soon as it is stored.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from environment_operator.injection import messages
from environment_operator.injection.context import Published
from environment_operator.injection.overrides import locked
from environment_operator.kube.errors import Reason
from environment_operator.kube.objects import Metadata, Whole
from environment_operator.spec.fragment import fragment_hash
from environment_operator.spec.validation import validate

Exists = Callable[[str], bool]
# Generation, whether it is being deleted, the spec, and why the API server refuses the pods.
_Entry = tuple[int, bool, bytes, str]


class Catalog:
    """The Environments that exist, filled by a informer as its sink.

    Args:
        decoded: how many rendered ones to keep.
        mirrors: what stands for registries, as for `images.mirrored`.
    """

    def __init__(self, decoded: int = 256, mirrors: Mapping[str, str] = MappingProxyType({})) -> None:
        self.mirrors = mirrors
        self._objects: dict[str, _Entry] = {}
        self._before: dict[str, _Entry] = {}
        self._published: OrderedDict[str, Published] = OrderedDict()
        self._decoded = decoded

    def __contains__(self, name: object) -> bool:
        """Return whether an Environment is known."""
        return name in self._objects

    def __len__(self) -> int:
        """Return how many are known."""
        return len(self._objects)

    def put(self, item: Metadata) -> None:
        """Remember an Environment; one that comes into being may be another one's replacement."""
        if not isinstance(item, Whole):
            raise TypeError("Environments are mirrored whole")
        entry = (item.generation, bool(item.deletion_timestamp), json.dumps(item.spec).encode(), item.invalid)
        known = self._objects.get(item.name)
        self._objects[item.name] = entry
        if known is None:
            self._published.clear()
        elif known != entry:
            self._published.pop(item.name, None)
            if known[0] != item.generation:
                self._before[item.name] = known

    def delete(self, item: Metadata) -> None:
        """Forget an Environment."""
        self._objects.pop(item.name, None)
        self._before.pop(item.name, None)
        self._published.clear()

    def resync(self, seen: Collection[tuple[str, str]]) -> None:
        """Forget what a complete list does not have."""
        gone = self._objects.keys() - {name for _, name in seen}
        for name in gone:
            del self._objects[name]
            self._before.pop(name, None)
        self._published.clear()

    def moved(self) -> None:
        """Do nothing: what is known stays known."""

    def names(self) -> Collection[str]:
        """Return the names of all."""
        return self._objects.keys()

    def as_of(self, name: str, generation: int, spec: Mapping[str, Any] | None = None) -> Published | None:
        """Return an Environment as it is or as it was before its last change, None for any other generation.

        Between the two calls of one admission it may change; what was injected is validated by what it was then.

        Args:
            name: its name.
            generation: the generation that is wanted.
            spec: what the spec must be, as the API server has it; None for any. A watch that began under an earlier
                definition leaves the fields of a newer one out.
        """
        now, before = self._objects.get(name), self._before.get(name)
        entry = next((each for each in (now, before) if each and each[0] == generation), None)
        if entry is None or (spec is not None and entry[2] != json.dumps(spec).encode()):
            return None
        if entry is now:
            return self.find(name)
        return publish(name, generation, json.loads(entry[2]), self.__contains__, mirrors=self.mirrors)

    def find(self, name: str) -> Published | None:
        """Return an Environment as admission needs it, None when it is not known."""
        if name in self._published:
            self._published.move_to_end(name)
            return self._published[name]
        if name not in self._objects:
            return None
        generation, terminating, spec, invalid = self._objects[name]
        made = publish(
            name,
            generation,
            json.loads(spec),
            self.__contains__,
            terminating=terminating,
            invalid=invalid,
            mirrors=self.mirrors,
        )
        self._published[name] = made
        if len(self._published) > self._decoded:
            self._published.popitem(last=False)
        return made


def publish(
    name: str,
    generation: int,
    spec: Mapping[str, Any],
    exists: Exists,
    *,
    terminating: bool = False,
    invalid: str = "",
    mirrors: Mapping[str, str] = MappingProxyType({}),
) -> Published:
    """Return an Environment as admission needs it.

    Args:
        name: its name.
        generation: its generation.
        spec: its spec, as the API server has it.
        exists: says whether an Environment of a name exists.
        terminating: whether it is being deleted.
        invalid: why the API server refuses its pods, as its status says; empty when it does not.
        mirrors: what stands for registries, as for `images.mirrored`.
    """
    deprecated = spec.get("deprecated")
    replacement = (deprecated.get("replacedBy") if isinstance(deprecated, Mapping) else "") or ""
    verdict = validate(spec, replacement_exists=exists(replacement), mirrors=mirrors)
    fragment = verdict.fragment or {}
    hashed = fragment_hash(fragment) if fragment else ""
    stalled = verdict.stalled or ((Reason.INVALID_FRAGMENT, invalid) if invalid else None)
    problem = _problem(stalled, terminating=terminating)
    guarded = locked(verdict.spec) if verdict.spec else ()
    return Published(name, generation, verdict.spec, fragment, hashed, guarded, problem)


def _problem(stalled: tuple[str, str] | None, *, terminating: bool) -> str:
    """Return why new references are refused, empty when they are not."""
    if terminating:
        return messages.DELETED
    return messages.stalled(*stalled) if stalled else ""
