"""What admission makes of a workload: the one function for webhook, command line and tests. Pure.

A workload holds everything that it needs after admission. On CREATE, and when its reference or the value of
``refresh`` changes, today's Environment is put in; on any other UPDATE the values that were put in before are put in
again, whatever became of the Environment. Only the stored object's record is trusted: one that comes with a request
says at most what to take out of that very request.
"""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from environment_operator import merge, names
from environment_operator.kinds import Kind
from environment_operator.merge import Put, Record, Template
from environment_operator.paths import Path, Unfit, get, put, remove

Object = dict[str, Any]
Find = Callable[[str], "Published | None"]

RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class Published:
    """What admission knows of an Environment.

    Args:
        name: its name.
        generation: the generation that the fragment was made of.
        fragment: what it puts into a pod.
        hash: hash of the fragment.
        problem: why new references are refused; empty when they are not.
    """

    name: str
    generation: int
    fragment: Mapping[str, Any]
    hash: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a request: the workload as it is to be stored, or None and the words of the refusal."""

    workload: Object | None
    refusal: str = ""
    warnings: tuple[str, ...] = ()


class Refused(Exception):
    """The request cannot be admitted; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A record with whose it is: one pod template's share of the annotation."""

    env: str
    generation: int
    hash: str
    token: str
    record: Record

    def as_json(self) -> dict[str, Any]:
        """Return the entry as plain data."""
        head = {"v": RECORD_VERSION, "env": self.env, "generation": self.generation, "hash": self.hash}
        return {**head, "token": self.token, **self.record.as_json()}


def admit(kind: Kind, new: Object, old: Object | None, find: Find, token: str) -> Outcome:
    """Return what becomes of a workload.

    Args:
        kind: its row in the kinds table.
        new: the object as requested; it is not changed.
        old: the object as stored; None on CREATE.
        find: gives an Environment by name; asked only for new references.
        token: 8 characters for a workload that has none yet.
    """
    workload = copy.deepcopy(new)
    try:
        if old is None:
            _created(kind, workload, find, token)
        else:
            _updated(kind, workload, old, find, token)
    except Refused as refused:
        return Outcome(None, str(refused))
    except Unfit as unfit:
        return Outcome(None, f"the {kind.kind} has no object at {unfit}: correct it")
    return Outcome(workload, warnings=_warnings(kind, workload))


def _created(kind: Kind, workload: Object, find: Find, token: str) -> None:
    """Put today's Environment into a new workload; a record that came along is taken out and thrown away."""
    _undo(kind, workload, _entry(workload, kind))
    if name := _reference(workload):
        _inject(kind, workload, _published(name, find), token)


def _updated(kind: Kind, workload: Object, old: Object, find: Find, token: str) -> None:
    """Keep, switch, refresh or take out what was put into a stored workload."""
    entry, name, before = _entry(old, kind), _reference(workload), _reference(old)
    same = name == before and _annotation(workload, names.REFRESH) == _annotation(old, names.REFRESH)
    if same:
        _keep(kind, workload, old, entry)
        return
    if kind.template_immutable and (entry or name):
        raise Refused(_immutable(kind, name, before))
    _take_out(kind, workload, old, entry)
    if name:
        _inject(kind, workload, _published(name, find), entry.token if entry else token)
    else:
        _require_image(kind, workload)


def _keep(kind: Kind, workload: Object, old: Object, entry: _Entry | None) -> None:
    """Put the stored values in again where the request lacks them; what it sets otherwise is the submitter's now."""
    if entry is None:
        remove(workload, ("metadata", "annotations", names.RECORD))
        return
    values = [(path, get(_template(old, kind), path)) for path in entry.record.put]
    _take_out(kind, workload, old, entry)
    main = _recorded_main(workload, kind, entry)
    puts = [(_within(main, path), value) for path, value in values if value is not None]
    template, record = merge.apply(_template(workload, kind), puts, main)
    _write(kind, workload, template, _Entry(entry.env, entry.generation, entry.hash, entry.token, record))


def _take_out(kind: Kind, workload: Object, old: Object, entry: _Entry | None) -> None:
    """Leave the submitter's part of an update: without what is as it was put in, and what an old revision brought."""
    brought = _template_entry(workload, kind)
    if brought and (entry is None or brought.record != entry.record or brought.hash != entry.hash):
        _replace(kind, workload, merge.strip(_template(workload, kind), brought.record))
    if entry:
        mine = merge.kept(_template(workload, kind), entry.record, _template(old, kind))
        _replace(kind, workload, merge.strip(_template(workload, kind), mine))
    _forget(kind, workload)


def _undo(kind: Kind, workload: Object, entry: _Entry | None) -> None:
    """Take out what a record that came with the object itself says was put in."""
    if entry:
        _replace(kind, workload, merge.strip(_template(workload, kind), entry.record))
    _forget(kind, workload)


def _inject(kind: Kind, workload: Object, environment: Published, token: str) -> None:
    """Put an Environment in, and write the record."""
    main = _main(workload, kind)
    labels = {names.INJECTED_FROM: environment.name, names.TOKEN: token}
    puts: list[Put] = merge.puts(environment.fragment, main[-1], labels)
    template, record = merge.apply(_template(workload, kind), puts, main)
    _write(kind, workload, template, _Entry(environment.name, environment.generation, environment.hash, token, record))
    _require_image(kind, workload)


def _published(name: str, find: Find) -> Published:
    """Return the Environment of a new reference, or refuse."""
    environment = find(name)
    if environment is None:
        raise Refused(f"there is no Environment {name!r}: create it, or correct the label {names.REFERENCE}")
    if environment.problem:
        raise Refused(f"the Environment {name!r} cannot be used: {environment.problem}")
    return environment


def _write(kind: Kind, workload: Object, template: Template, entry: _Entry) -> None:
    """Store a template with its record: on the workload, and on the template where old ones come back."""
    text = json.dumps(entry.as_json(), separators=(",", ":"), sort_keys=True)
    if kind.keeps_revisions:
        put(template, ("metadata", "annotations", names.RECORD), text)
    _replace(kind, workload, template)
    records = f'{{"{"/".join(kind.path_to_template) or "."}":{text}}}'
    put(workload, ("metadata", "annotations", names.RECORD), records)


def _forget(kind: Kind, workload: Object) -> None:
    """Remove the records, and the maps that held nothing else."""
    holders = {("metadata", "annotations"), (*kind.path_to_template, "metadata", "annotations")}
    for path in holders:
        if names.RECORD in (get(workload, path) or {}):
            remove(workload, (*path, names.RECORD))
            if not get(workload, path):
                remove(workload, path)


def _entry(workload: Object, kind: Kind) -> _Entry | None:
    """Return the record on an object itself; None when there is none that can be read."""
    raw = _json(_annotation(workload, names.RECORD))
    return _read(raw.get("/".join(kind.path_to_template) or ".")) if isinstance(raw, dict) else None


def _template_entry(workload: Object, kind: Kind) -> _Entry | None:
    """Return the record on the pod template, where the kind keeps revisions."""
    if not kind.keeps_revisions:
        return None
    return _read(_json(get(workload, (*kind.path_to_template, "metadata", "annotations", names.RECORD))))


def _read(raw: Any) -> _Entry | None:
    """Return an entry of plain data, None when it is not one: somebody may have written anything there."""
    try:
        return _Entry(
            str(raw["env"]), int(raw["generation"]), str(raw["hash"]), str(raw["token"]), Record.from_json(raw)
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _json(text: Any) -> Any:
    """Return the data of a JSON text, None when it is not one."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None


def _template(workload: Object, kind: Kind) -> Template:
    """Return the pod template of a workload, empty when it has none."""
    found = get(workload, kind.path_to_template)
    return found if isinstance(found, dict) else {}


def _replace(kind: Kind, workload: Object, template: Template) -> None:
    """Set the pod template of a workload; a Pod is its own."""
    if kind.path_to_template:
        put(workload, kind.path_to_template, template)
    else:
        workload.clear()
        workload.update(template)


def _main(workload: Object, kind: Kind) -> Path:
    """Return the path of the container that receives the Environment: the named one, else the first."""
    listed = [str(c.get("name", "")) for c in _containers(workload, kind)]
    chosen = _annotation(workload, names.CONTAINER) or (listed[0] if listed else "")
    if chosen not in listed:
        raise Refused(f"the annotation {names.CONTAINER} names {chosen!r}; the containers are: {', '.join(listed)}")
    return ("spec", "containers", chosen)


def _recorded_main(workload: Object, kind: Kind, entry: _Entry) -> Path:
    """Return the path of the container that received the Environment before, if it is still there."""
    before = next((path[:3] for path in entry.record.put if path[:2] == ("spec", "containers")), None)
    return before if before and get(_template(workload, kind), before) else _main(workload, kind)


def _within(main: Path, path: Path) -> Path:
    """Return a recorded path with the main container as it is called now."""
    return (*main, *path[3:]) if path[:2] == main[:2] else path


def _require_image(kind: Kind, workload: Object) -> None:
    """Refuse a workload that is left without an image."""
    for container in _containers(workload, kind):
        if not container.get("image"):
            raise Refused(f"the container {container.get('name')!r} has no image of its own: give it one")


def _containers(workload: Object, kind: Kind) -> list[Object]:
    """Return the containers of a workload."""
    found = get(_template(workload, kind), ("spec", "containers")) or []
    if not isinstance(found, list) or not all(isinstance(container, dict) for container in found):
        raise Unfit(".".join((*kind.path_to_template, "spec", "containers")))
    return found


def _immutable(kind: Kind, name: str, before: str) -> str:
    """Return why the reference of a kind whose template cannot change stays as it is."""
    change = f"now uses {before!r}" if before else "uses no Environment"
    wish = f"use {name!r}" if name else "use none"
    return f"a {kind.kind} cannot change after its creation: it {change}; to {wish}, delete it and create it again"


def _warnings(kind: Kind, workload: Object) -> tuple[str, ...]:
    """Return what the submitter should know."""
    if kind.path_to_template and get(workload, (*kind.path_to_template, "metadata", "labels", names.REFERENCE)):
        place = ".".join((*kind.path_to_template, "metadata", "labels"))
        return (f"{place}: the label {names.REFERENCE} is ignored there; it belongs on the {kind.kind} itself",)
    return ()


def _reference(workload: Object) -> str:
    """Return the name of the Environment that a workload refers to, empty for none."""
    return str(get(workload, ("metadata", "labels", names.REFERENCE)) or "")


def _annotation(workload: Object, key: str) -> str:
    """Return an annotation of the workload itself, empty when it is not there."""
    return str(get(workload, ("metadata", "annotations", key)) or "")
