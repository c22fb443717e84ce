"""The record: what admission writes on a workload about what it injected, one entry a pod template. Pure.

It is an annotation on the object's own metadata, keyed by the place of the template; one that has what another one has
names that one instead. For kinds with rollback it is also on the template, because an old template comes back with old
annotations. Anybody may write anything there: what cannot be read counts as absent.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import from_json

from environment_operator.api import names
from environment_operator.injection.merge import Put, Record
from environment_operator.kinds.paths import Index, Item, Path, get, put, remove
from environment_operator.kinds.pod_templates import Place, Template, main_of, places, reference, within
from environment_operator.kinds.table import Kind

VERSION = 1
# The most that the annotations of an object may have: https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/
# does not say so, the API server's validation does, `TotalAnnotationSizeLimitB`.
LONGEST = 256 * 1024
# Up to so many bytes each pod template has its own entry: operators from before shared entries read no others.
_LONG = 16 * 1024
_ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True)
_TOKEN = re.compile("[a-z0-9]{8}")


@dataclass(frozen=True, slots=True)
class Entry:
    """What was put into one pod template, and from where.

    Args:
        env: name of the Environment.
        generation: generation that it had.
        hash: hash of its fragment.
        token: the 8 characters that name the workload.
        main: path of the container that received it.
        locked: what may not be overridden, as `overrides.locked` returns it.
        seen: names of the containers that there were, where it matters which another webhook adds.
        by: whose ids the pods have, where they have a person's.
        record: the paths.
    """

    env: str
    generation: int
    hash: str
    token: str
    main: Path
    record: Record
    locked: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    by: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the entry as plain data."""
        head = {"v": VERSION, "env": self.env, "generation": self.generation, "hash": self.hash, "token": self.token}
        rest = {"main": list(self.main), "locked": list(self.locked), "seen": list(self.seen), "by": self.by}
        return {**head, **{key: value for key, value in rest.items() if value}, **self.record.as_json()}

    def values(self, template: Template) -> list[Put]:
        """Return what was injected, as it is in a pod template now."""
        index = Index()
        return [(path, get(template, path, index)) for path in self.record.put]

    def is_like(self, other: "Entry") -> bool:
        """Return whether the same was injected, with ids of the same person."""
        return (self.record, self.hash, self.by) == (other.record, other.hash, other.by)

    def puts_the_same(self, other: "Entry") -> bool:
        """Return whether the same was put into the same container: another generation alone makes no pod anew."""
        return replace(self, generation=other.generation, locked=other.locked, seen=other.seen) == other


Entries = Mapping[str, Entry]


def entries(item: Mapping[str, Any]) -> dict[str, Entry]:
    """Return the entries on an object, by the place of the template."""
    raw = _json(get(item, ("metadata", "annotations", names.RECORD)))
    listed = {str(key): value for key, value in raw.items()} if isinstance(raw, dict) else {}
    found = {key: _read(value) for key, value in listed.items() if not isinstance(value, str)}
    every = ((key, found.get(value if isinstance(value, str) else key)) for key, value in listed.items())
    return {key: entry for key, entry in every if entry}


def aligned(kind: Kind, item: Item) -> dict[str, Entry]:
    """Return the entries on an object with the main container as it is called now.

    Some kinds rename their only container after admission: KServe calls it ``kserve-container``.
    """
    here, found = {place.key: place for place in places(kind, item)}, entries(item)
    return {key: _aligned(here[key], item, entry) if key in here else entry for key, entry in found.items()}


def size(item: Item) -> int:
    """Return how many bytes the annotations of an object have."""
    annotations = get(item, ("metadata", "annotations")) or {}
    return sum(len(f"{key}{value}".encode()) for key, value in annotations.items())


def trusted(kind: Kind, old: Item | None) -> dict[str, Entry]:
    """Return the entries on a stored object that admission wrote there.

    Those of pod templates without a reference it did not: nobody asked it when they were stored.
    """
    if not old or not reference(old):
        return {}
    here = {place.key: place for place in places(kind, old)}
    return {key: e for key, e in aligned(kind, old).items() if key in here and reference(old, here[key].role)}


def _aligned(place: Place, item: Item, entry: Entry) -> Entry:
    """Return an entry whose container has another name as one that knows it."""
    if get(place.template(item), entry.main) is not None or (now := main_of(place, item, "")) is None:
        return entry
    moved = entry.record
    return replace(
        entry,
        main=now,
        record=Record(
            tuple(within(entry.main, now, path) for path in moved.put),
            {within(entry.main, now, path): value for path, value in moved.was.items()},
            tuple(within(entry.main, now, path) for path in moved.made),
            {within(entry.main, now, path): text for path, text in moved.texts.items()},
        ),
    )


def revisions(kind: Kind, item: Item) -> dict[str, Entry]:
    """Return the entries on the pod templates of a kind that keeps revisions: what an old one brings back."""
    if not kind.keeps_revisions:
        return {}
    path = ("metadata", "annotations", names.RECORD)
    found = ((place.key, _read(_json(get(place.template(item), path)))) for place in places(kind, item))
    return {key: entry for key, entry in found if entry}


def mark(kind: Kind, template: Template, entry: Entry) -> None:
    """Write the entry onto a pod template, where old ones come back."""
    if kind.keeps_revisions:
        put(template, ("metadata", "annotations", names.RECORD), _text(entry.as_json()))


def write(item: Item, found: Entries) -> None:
    """Write the entries onto an object; where they are long, each that several pod templates have only once."""
    texts = {key: _text(entry.as_json()) for key, entry in sorted(found.items())}
    if sum(map(len, texts.values())) > _LONG:
        firsts: dict[str, str] = {}
        for key, text in texts.items():
            if (first := firsts.setdefault(text, key)) != key:
                texts[key] = _text(first)
    if texts:
        written = ",".join(f"{_text(key)}:{text}" for key, text in texts.items())
        put(item, ("metadata", "annotations", names.RECORD), f"{{{written}}}")


def forget(kind: Kind, item: Item) -> None:
    """Remove what admission writes from an object and its pod templates, and the maps that held nothing else."""
    _forget(item, *names.WRITTEN)
    for place in places(kind, item):
        _forget(place.template(item), names.RECORD)


def _forget(item: Item, *keys: str) -> None:
    """Remove annotations from one piece of metadata."""
    holder = ("metadata", "annotations")
    found = [key for key in keys if key in (get(item, holder) or {})]
    for key in found:
        remove(item, (*holder, key))
    if found and not get(item, holder):
        remove(item, holder)


def _text(value: Any) -> str:
    """Return plain data as compact JSON that depends on its content alone."""
    return _ENCODER.encode(value)


def _read(raw: Any) -> Entry | None:
    """Return an entry of plain data, None when it is not one."""
    try:
        head = (str(raw["env"]), int(raw["generation"]), str(raw["hash"]), str(raw["token"]))
        lists = (_words(raw.get("locked")), _words(raw.get("seen")))
        entry = Entry(*head, _path(raw["main"]), Record.from_json(raw), *lists, str(raw.get("by", "")))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    return entry if _TOKEN.fullmatch(entry.token) else None


def _words(raw: Any) -> tuple[str, ...]:
    """Return a list of words from plain data."""
    return tuple(str(word) for word in raw or ())


def _path(raw: Any) -> Path:
    """Return the path of a container from plain data."""
    path = tuple(str(key) for key in raw)
    if path[:1] != ("spec",) or len(path) not in (2, 3):
        raise ValueError(f"{path} leads to no container")
    return path


def _json(text: Any) -> Any:
    """Return the data of a JSON text, None when it is not one, or is longer or nested deeper than what we write."""
    try:
        return from_json(text) if len(text) <= LONGEST else None
    except (TypeError, ValueError):
        return None
