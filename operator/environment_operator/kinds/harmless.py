"""What runs: everything of an object but its metadata, its status and what its row says is harmless. Pure.

Admission asks whether what runs is another than before, here, and so does the API server, in CEL that is generated from
the same nodes. A field that nobody has thought of counts.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from environment_operator.kinds.paths import copied
from environment_operator.kinds.pod_templates import Place, places
from environment_operator.kinds.table import POD, Kind, PodTemplate, Step, steps

# The annotation that the API server makes a container's profile of when a pod is created from a template:
# https://kubernetes.io/docs/tutorials/security/apparmor/#securing-a-pod
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
# A key with a parameter can become one: https://argo-workflows.readthedocs.io/en/latest/variables/
PARAMETER = "{{"

# Of a container: how much it may use.
CONTAINER = ("resizePolicy", "resources")
_CONTAINERS = ("containers", "initContainers")
_METADATA = ("metadata", "podMetadata")
_At = tuple[str | int, ...]
_NONE: Mapping[str, str] = {}
_IDENTITY = ("apiVersion", "kind", "status")


@dataclass(slots=True)
class Node:
    """What counts of an object, or of each item of a list.

    Args:
        below: the fields of which not everything counts; None for one of which nothing does.
        is_metadata: True for metadata, of which only labels and annotations count.
        named: the field by which the items of a list differ; empty when it is no list. An item that has no more than
            its name left does not count.
        is_list: True for a list.
        nested: True for a list of lists, whose items are meant.
        is_map: True for a map, whose values are meant. A value of which nothing counts still counts by its key.
        has_pods: True for a pod template, what of it has containers, and what leads to it.
        is_template: True for a pod template.
        is_entries: True for a map of labels or annotations, of which the operator's own count, and those that give a
            container a profile.
    """

    below: dict[str, "Node | None"] = field(default_factory=dict)
    is_metadata: bool = False
    named: str = ""
    is_list: bool = False
    nested: bool = False
    is_map: bool = False
    is_entries: bool = False
    has_pods: bool = False
    is_template: bool = False

    @property
    def item(self) -> "Node":
        """What counts of an item of a list or of a value of a map; that of a list of lists is a list."""
        return Node(self.below, is_list=True, named=self.named) if self.nested else Node(self.below)


def is_profile(key: str) -> bool:
    """Return whether an annotation gives a container a profile, or may."""
    return key.startswith(APPARMOR) or PARAMETER in key


def tree(*kinds: Kind) -> Node:
    """Return what of an object decides what runs.

    Args:
        kinds: its row, or those of all kinds of one group with the same list of what is harmless.
    """
    root = Node(dict.fromkeys(_IDENTITY))
    for path in kinds[0].harmless:
        *way, (last, _) = steps(path.removesuffix("?"))
        node = _at(root, way, marks=dict(re.findall(r"(\w+)(\[\[|\{)", path)))
        if path.endswith("?"):
            _child(node, last)
        else:
            _leave_out(node, (last,))
    for row in (row for kind in kinds for row in kind.pod_templates):
        _pods(_at(root, row.steps, has_pods=True), row)
    if not any(kind.pod_templates for kind in kinds):
        # No Environment goes in.
        root.below["spec"] = None
    root.below["metadata"] = None
    return root


def what_runs(kind: Kind, item: Mapping[str, Any]) -> Any:
    """Return what of an object decides what runs: the same value, the same pods for the same person."""
    return _kept(item, tree(kind))


def runs_differently(kind: Kind, new: dict[str, Any], old: dict[str, Any]) -> frozenset[str]:
    """Return the keys of the pod templates whose pods run something else than before.

    What stands in no pod template, nor in an item of a list that is there for one, counts for all of them.

    Args:
        kind: the row of the object's kind.
        new: the object as requested.
        old: the object as stored.
    """
    keys, counts = {place.key for item in (new, old) for place in places(kind, item)}, tree(kind)
    (now, rest), (before, rest_before) = _parts(kind, counts, new, keys), _parts(kind, counts, old, keys)
    return frozenset(key for key, value in now.items() if rest != rest_before or value != before.get(key))


def _parts(kind: Kind, counts: Node, item: dict[str, Any], keys: Collection[str]) -> tuple[dict[str, Any], Any]:
    """Return what counts of each of some pod templates, by its key, and what counts besides."""
    rest = {"": copied(item)}
    units: dict[_At, Any] = {}
    found = {place.key: _unit(place) for place in places(kind, item, every=True) if place.key in keys}
    for at in sorted(set(found.values()), key=len, reverse=True):
        node: Any = counts
        for step in at:
            # A position in a list has no node of its own.
            node = node if isinstance(step, int) else node.below[step]
        units[at] = _kept(_taken(rest, ("", *at)), _item(node, at))
    return {key: units[at] for key, at in found.items()}, _kept(rest[""], counts)


def _unit(place: Place) -> _At:
    """Return what leads to a pod template, or to the item of a list that it is in."""
    positions = [number for number, step in enumerate(place.at, 1) if isinstance(step, int)]
    return place.at[: positions[0]] if positions else place.at


def _taken(root: Any, at: _At) -> Any:
    """Return what stands at the end of a way, and leave an empty object there."""
    for step in at[:-1]:
        root = root[step]
    taken, root[at[-1]] = root[at[-1]], {}
    return taken


def _item(node: Node, at: _At) -> Node:
    """Return the node of an item of a list, or of what is in none."""
    return Node(node.below) if at and isinstance(at[-1], int) else node


def _pods(node: Node, row: PodTemplate) -> None:
    """Leave out what is harmless of a pod template."""
    spec = _child(node, row.spec) if row.spec else node
    node.is_template = spec.has_pods = True
    _leave_out(spec, POD)
    for key in (*_CONTAINERS, *row.lists):
        containers = _child(spec, key)
        containers.is_list = containers.has_pods = True
        _leave_out(containers, CONTAINER)
    for key in row.inline:
        _leave_out(_child(spec, key), CONTAINER)
    if row.metadata == ".":
        node.below |= metadata().below
    elif row.spec and row.path:
        node.below["metadata"] = metadata()


def metadata() -> Node:
    """Return what counts of metadata."""
    return Node({key: Node(is_entries=True) for key in ("annotations", "labels")}, is_metadata=True)


def _leave_out(node: Node, keys: Iterable[str]) -> None:
    """Have fields not count, and of metadata only what gives containers a profile."""
    for key in keys:
        node.below[key] = metadata() if key in _METADATA else None


def _at(node: Node, way: Iterable[Step], *, has_pods: bool = False, marks: Mapping[str, str] = _NONE) -> Node:
    """Return the node at the end of a way; marked are the keys of lists of lists and of maps on it."""
    for key, named in way:
        node = _child(node, key)
        node.is_list, node.named, node.has_pods = bool(named), named, has_pods
        node.nested, node.is_map = marks.get(key) == "[[", marks.get(key) == "{"
    return node


def _child(node: Node, key: str) -> Node:
    """Return the node of a field, made if it is missing."""
    found = node.below.get(key)
    if found is None:
        found = node.below[key] = Node()
    return found


def _kept(value: Any, node: Node) -> Any:
    """Return what counts of a value."""
    if node.is_list:
        one = node.item
        items = [_kept(item, one) for item in value] if isinstance(value, list) else None
        return value if items is None else [item for item in items if not _is_named_only(item, node.named)]
    if not isinstance(value, dict):
        return value
    if node.is_map:
        return {key: _kept(inner, node.item) for key, inner in value.items()}
    if node.is_entries:
        # The operator's own are not the submitter's.
        return {key: entry for key, entry in value.items() if is_profile(key)}
    return dict(_fields(value, node))


def _fields(value: Mapping[str, Any], node: Node) -> Iterator[tuple[str, Any]]:
    """Yield the fields that count; one of which nothing is left is as if it were not there."""
    for key, inner in value.items():
        below = node.below.get(key, None if node.is_metadata else ...)
        if below is ...:
            yield key, inner
        elif below is not None and (kept := _kept(inner, below)) not in ({}, []):
            yield key, kept


def _is_named_only(item: Any, named: str) -> bool:
    """Return whether of an item of a list nothing but its name is left."""
    return bool(named) and isinstance(item, dict) and item.keys() <= {named}
