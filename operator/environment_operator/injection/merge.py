"""A pod template and what an Environment puts into it; and the way back. Pure.

Laws, where S is the API server's defaulting (proved in ``tests/unit/injection/test_laws.py``):

1. deterministic and idempotent: ``apply(S(apply(t))) == S(apply(t))``;
2. undone from the record alone: ``strip(S(apply(t))) == S(t)``;
3. nothing of the submitter's is removed or reordered, and only the paths in the record are touched.

A value that equals what the API server would have put there counts as unset; it is remembered and restored. One that is
the Environment's already is injected like any other, so that it stays when the submitter leaves it out one day.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from environment_operator.api import names
from environment_operator.kinds.paths import KEYED, Index, Path, Unfit, copied, get, put, remove
from environment_operator.spec import images

Template = dict[str, Any]
Put = tuple[Path, Any]

# Objects whose leaves are merged one by one; every other object or list is one value.
_NESTED = frozenset({"securityContext", "capabilities", "spec"})
# How a variable refers to another one; a doubled dollar sign stands for itself:
# https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
_REFERENCE = re.compile(r"\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")
# What only the operator writes; what a submitter wrote there does not come back.
_OURS = frozenset({names.INJECTED_FROM, names.TOKEN, names.GUARDED})


@dataclass(frozen=True, slots=True)
class Record:
    """What was put into one pod template.

    Args:
        put: the paths that are the Environment's.
        was: what stood there before, where it counted as unset.
        made: what was made on the way, to be removed when it is empty again.
        texts: for texts with variables that were expanded, how they were written.
    """

    put: tuple[Path, ...] = ()
    was: Mapping[Path, Any] = field(default_factory=dict)
    made: tuple[Path, ...] = ()
    texts: Mapping[Path, str] = field(default_factory=dict)

    @property
    def longest(self) -> int:
        """The length of its longest list."""
        return max(len(self.put), len(self.was), len(self.made))

    @property
    def length(self) -> int:
        """How many characters its paths have, which is less than it takes to write them down."""
        return sum(map(len, chain.from_iterable(self.put)))

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain data; of the Environment's values it holds those alone that were expanded."""
        was = {"was": [[list(path), value] for path, value in self.was.items()]} if self.was else {}
        made = {"made": [list(path) for path in self.made]} if self.made else {}
        texts = {"texts": [[list(path), text] for path, text in self.texts.items()]} if self.texts else {}
        return {"put": [list(path) for path in self.put], **was, **made, **texts}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Record":
        """Return the record of plain data.

        Raises:
            ValueError: it is not a record.
        """
        try:
            return cls(
                tuple(_path(path) for path in raw["put"]),
                {_path(path): value for path, value in raw.get("was", ())},
                tuple(_path(path) for path in raw.get("made", ())),
                {_path(path): str(text) for path, text in raw.get("texts", ())},
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a record: {error}") from error


def puts(fragment: Mapping[str, Any], main: Path, metadata: Mapping[Path, Mapping[str, str]]) -> list[Put]:
    """Return what a fragment puts into a pod template, leaf by leaf.

    Args:
        fragment: a partial pod spec with one container.
        main: path of the container that it goes into.
        metadata: labels and annotations of the pod, by where they are.
    """
    pod = {key: value for key, value in fragment.items() if key != "containers"}
    marks = [((*path, key), value) for path, values in metadata.items() for key, value in values.items()]
    return [*_leaves(fragment["containers"][0], main), *_leaves({"spec": pod}, ()), *marks]


def apply(
    template: Template, wanted: Iterable[Put], main: Path, defaults: Mapping[Path, Any] | None = None
) -> tuple[Template, Record]:
    """Return the template with what it lacks, and the record of what was injected.

    Args:
        template: the pod template; it is not changed, and shares with the one returned what that has of it.
        wanted: what to inject, in order.
        main: path of the main container.
        defaults: values by path that count as unset too, since the kind's own webhook puts them there.
    """
    out, values, index = {**template}, dict(wanted), Index()
    done: list[Path] = []
    was: dict[Path, Any] = {}
    made: list[Path] = []
    ours, fronts = set[Path](), dict[Path, int]()
    for path, value in values.items():
        before = get(out, path, index)
        is_unset = (defaults or {}).get(path) == before or counts_as_unset(template, path, before)
        is_other = before not in (None, value) and not is_unset
        if is_other or not _fits(out, path, values, main):
            continue
        if before is not None and path[-1] not in _OURS:
            was[path] = before
        if before != value:
            position = _position(out, path, value, ours, fronts) if path[-2] == "env" else None
            made += put(out, path, _without_taken_name(out, path, value), position, index)
        done.append(path)
        if path not in was:
            ours.add(path)
    return out, Record(tuple(done), was, tuple(made))


def filled(template: Template, wanted: Iterable[Put]) -> Template:
    """Return a template that has nothing else with what is to be injected; it is not changed."""
    out, index = {**template}, Index()
    for path, value in wanted:
        put(out, path, _without_taken_name(out, path, value), index=index)
    return out


def strip(template: Template, record: Record) -> Template:
    """Return the template as it was before: without what the record says was injected; it is not changed.

    A record that does not fit the template takes out what it can: it may have come with a request.
    """
    out, index = {**template}, Index()
    for path in reversed(record.put):
        if path not in record.was:
            remove(out, path, index)
        elif get(out, path, index) is not None:
            put(out, path, copied(record.was[path]), index=index)
    for path in reversed(record.made):
        if get(out, path, index) in ({}, []):
            remove(out, path, index)
    return out


def kept(template: Template, record: Record, before: Template) -> Record:
    """Return the part of a record whose values a template still has as another template had them."""
    now, then = Index(), Index()
    same = tuple(path for path in record.put if get(template, path, now) == get(before, path, then))
    unset = record.was.keys() & set(same)
    return Record(same, {path: value for path, value in record.was.items() if path in unset}, record.made)


def _leaves(node: Mapping[str, Any], path: Path) -> list[Put]:
    """Return the values of an object that are merged as one, with their paths."""
    out: list[Put] = []
    for key, value in node.items():
        here = (*path, key)
        if key in KEYED:
            out += [((*here, KEYED[key](item)), item) for item in value]
        elif key in _NESTED:
            out += _leaves(value, here)
        else:
            out.append((here, value))
    return out


def counts_as_unset(template: Template, path: Path, value: Any) -> bool:
    """Return whether a value is what the API server puts there by itself, or says nothing at all.

    Raises:
        Unfit: the image is no text.
    """
    if path[-1] == "imagePullPolicy":
        image = get(template, (*path[:-1], "image"))
        if not isinstance(image, str | None):
            raise Unfit(".".join((*path[:-1], "image")))
        # Without an image the API server takes the tag for something else than latest.
        return bool(value == (images.default_pull_policy(image) if image else "IfNotPresent"))
    if path[-1] in _OURS or (path, value) == (("spec", "dnsPolicy"), "ClusterFirst"):
        return True
    return "securityContext" not in path and value in (False, "", [], {})


def _fits(out: Template, path: Path, values: Mapping[Path, Any], main: Path) -> bool:
    """Return whether a value goes with what the submitter wrote elsewhere."""
    if path == (*main, "args"):
        # Arguments are for the command that they were written for.
        command = (*main, "command")
        return get(out, command) in (None, [], values.get(command))
    if path == (*main, "imagePullPolicy"):
        # And the policy is for the image.
        image = (*main, "image")
        return bool(get(out, image) == values.get(image, get(out, image)))
    return True


def _position(out: Template, path: Path, value: Any, ours: Collection[Path], fronts: dict[Path, int]) -> int:
    """Return where a variable is injected: before the submitter's own, so that those may refer to it.

    One that refers to a variable which the submitter has set comes after that one: the kubelet expands ``$(NAME)``
    from what stands before. How many of a list's first items are ours is kept in ``fronts``, for the next one.
    """
    found = get(out, path[:-1])
    listed = found if isinstance(found, list) else []
    front = fronts.get(path[:-1], 0)
    while front < len(listed) and (*path[:-1], _name(listed[front])) in ours:
        front += 1
    fronts[path[:-1]] = front
    meant = set(_REFERENCE.findall(str(value.get("value", "")).replace("$$", "")))
    return max([front, *(place + 1 for place, item in enumerate(listed if meant else ()) if _name(item) in meant)])


def _name(item: Any) -> str:
    """Return the name of a variable, empty for what is none."""
    return str(item.get("name")) if isinstance(item, dict) else ""


def _without_taken_name(out: Template, path: Path, value: Any) -> Any:
    """Return a value as it is injected: a port without its name when another port has it, since names are unique.

    Raises:
        Unfit: there is something else than a list of ports.
    """
    if path[-2] != "ports":
        return copied(value)
    ports = get(out, path[:-1]) or []
    if not isinstance(ports, list) or not all(isinstance(port, dict) for port in ports):
        raise Unfit(".".join(path[:-1]))
    taken = [port.get("name") for port in ports]
    return {key: v for key, v in value.items() if key != "name" or v not in taken}


def _path(raw: Iterable[str]) -> Path:
    """Return a path from plain data."""
    path = tuple(raw)
    if not path or not all(isinstance(key, str) for key in path):
        raise TypeError(f"{path} is not a path")
    return path
