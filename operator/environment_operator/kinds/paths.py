"""Reading and changing a pod template by path, where items of lists are named by their keys. Pure.

A path is a tuple of keys. In the lists of Kubernetes that have a merge key, an item is named by it:
``("spec", "containers", "main", "env", "HOME")``. Nothing that is not named is touched or moved. What a change leads
through is copied, so that an object and what is made of it share the rest.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Path = tuple[str, ...]
Item = dict[str, Any]
Data = TypeVar("Data")
# What has values in it: a tuple, since to ask for a union takes half as long again.
NODE = (dict, list)


class Unfit(ValueError):
    """An object has something else than an object or a list where a path leads through."""


def _port(item: Item) -> str:
    """Return the key of a container port: the number and the protocol."""
    return f"{item.get('containerPort')}/{item.get('protocol') or 'TCP'}"


def _named(field: str) -> Callable[[Item], str]:
    """Return the function that reads the key of an item from one field."""
    return lambda item: str(item.get(field) or "")


# The lists that are merged by key, and the key of their items:
# https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ (patch merge key)
KEYED: dict[str, Callable[[Item], str]] = {
    "containers": _named("name"),
    "ephemeralContainers": _named("name"),
    "initContainers": _named("name"),
    "sidecars": _named("name"),
    "env": _named("name"),
    "imagePullSecrets": _named("name"),
    "ports": _port,
    "volumeMounts": _named("mountPath"),
    "volumes": _named("name"),
}


# Lists in which the items of some kinds need no name: those of which there are several differ by position.
CONTAINERS = frozenset({"containers", "ephemeralContainers", "initContainers", "sidecars"})


def keys(items: list[Any], field: str) -> list[str]:
    """Return the key of each item of a list that stands in a field, empty for what has none.

    Where several containers have no name, each is called by its position, such as ``[1]``.
    """
    found = [KEYED[field](item) if isinstance(item, dict) else "" for item in items]
    if field not in CONTAINERS or found.count("") <= 1:
        return found
    return [key or f"[{place}]" for place, key in enumerate(found)]


def printed(path: Path, node: Any) -> str:
    """Return a path as kubectl prints it: items of lists by position, keys of metadata in brackets.

    Args:
        path: the path; it ends at the list where the item that it leads through is not there.
        node: where it begins.
    """
    out = ""
    for field, key in zip(("", *path), path, strict=False):
        found: list[str] = keys(node, field) if field in KEYED and isinstance(node, list) else []
        if field in KEYED and key not in found:
            break
        if found:
            position = len(found) - 1 - found[::-1].index(key)
            out, node = f"{out}[{position}]", node[position]
        else:
            out += f"[{key}]" if field in ("annotations", "labels") else f".{key}"
            node = node.get(key) if isinstance(node, dict) else None
    return out.removeprefix(".")


def is_nameless(key: str) -> bool:
    """Return whether a key is that of a container without a name."""
    return not key or key.startswith("[")


def copied(value: Data) -> Data:
    """Return a copy of plain data that shares nothing with it; several times as fast as ``copy.deepcopy``."""
    # Most values are texts and numbers, for which no call is made.
    if isinstance(value, dict):
        return {  # type: ignore[return-value]
            key: copied(item) if isinstance(item, NODE) else item for key, item in value.items()
        }
    if isinstance(value, list):
        return [  # type: ignore[return-value]
            copied(item) if isinstance(item, NODE) else item for item in value
        ]
    return value


class Index:
    """The items of keyed lists by their keys, and what is copied already: many paths cost one pass over each list.

    It holds for one object, as long as that is changed by `put` and `remove` with this index alone.
    """

    def __init__(self) -> None:
        # A list is kept with its items: were it gone, another one could have its id.
        self._lists: dict[int, tuple[list[Any], dict[str, list[Item]]]] = {}
        self._copies: dict[int, Any] = {}

    def of(self, items: list[Any], field: str) -> dict[str, list[Item]]:
        """Return the items of a list that stands in a field, by key and in their order."""
        known = self._lists.get(id(items))
        if known is None:
            known = self._lists[id(items)] = (items, {})
            for key, item in zip(keys(items, field), items, strict=True):
                if isinstance(item, dict):
                    known[1].setdefault(key, []).append(item)
        return known[1]

    def copy(self, node: Any) -> Any:
        """Return a copy of an object or a list that shares what it holds; of a copy itself."""
        if id(node) in self._copies:
            return node
        made = node.copy()
        self._copies[id(made)] = made
        if known := self._lists.get(id(node)):
            self._lists[id(made)] = (made, known[1])
        return made


def get(node: Any, path: Path, index: Index | None = None) -> Any:
    """Return what stands at a path, None when nothing does.

    Args:
        node: the object.
        path: where.
        index: an index of the object's lists, where many paths are read.
    """
    for step, key in enumerate(path):
        if isinstance(node, dict):
            node = node.get(key)
        elif isinstance(node, list):
            found = every(node, path[step - 1], key, index)
            node = found[0] if found else None
        else:
            return None
        if node is None:
            return None
    return node


def every(items: list[Any], field: str, key: str, index: Index | None = None) -> Sequence[Item]:
    """Return the items with a key in a list that stands in a field, of which there may be several."""
    if field not in KEYED:
        return ()
    if index is not None:
        return index.of(items, field).get(key, ())
    return [item for own, item in zip(keys(items, field), items, strict=True) if own == key and isinstance(item, dict)]


def put(root: Item, path: Path, value: Any, position: int | None = None, index: Index | None = None) -> list[Path]:
    """Set what stands at a path, making what is missing on the way; return the paths of what was made.

    Args:
        root: the object, changed in place; what it holds is not, but copied where the path leads through it.
        path: where.
        value: what.
        position: for a new item of a list, where to insert it; None appends.
        index: as for `get`.

    Raises:
        Unfit: the path leads through something that is neither an object nor a list with that item.
    """
    made: list[Path] = []
    node = _reached(root, path, made, index)
    if isinstance(node, dict):
        node[path[-1]] = value
        return made
    if not isinstance(node, list) or path[-2] not in KEYED:
        raise Unfit(".".join(path[:-1]))
    found = every(node, path[-2], path[-1], index)
    if not found:
        node.insert(len(node) if position is None else position, value)
    else:
        node[_place(node, found[0])] = value
    if index is not None:
        index.of(node, path[-2])[path[-1]] = [value, *found[1:]]
    return made


def remove(root: Item, path: Path, index: Index | None = None) -> None:
    """Take away what stands at a path, if anything does; arguments as for `put`."""
    node = get(root, path[:-1], index)
    if isinstance(node, dict) and path[-1] in node:
        del _reached(root, path, [], index)[path[-1]]
    elif isinstance(node, list) and len(path) > 1 and (found := every(node, path[-2], path[-1], index)):
        node = _reached(root, path, [], index)
        del node[_place(node, found[0])]
        if index is not None:
            index.of(node, path[-2])[path[-1]] = list(found[1:])


def _reached(root: Item, path: Path, made: list[Path], index: Index | None) -> Any:
    """Return what holds the last key of a path, all on the way to it being copies; arguments as for `_child`."""
    node: Any = root
    for step in range(len(path) - 1):
        node = _child(node, path, step, made, index)
    return node


def _child(node: Any, path: Path, step: int, made: list[Path], index: Index | None) -> Any:
    """Return a copy of the next node on the way, which stands there now, or what is made where it is missing.

    Args:
        node: where the way leads through; it is changed.
        path: the way.
        step: how far it is done.
        made: the paths of what was made.
        index: as for `get`.
    """
    key = path[step]
    if isinstance(node, list):
        found = every(node, path[step - 1], key, index)
        if not found:
            raise Unfit(".".join(path[: step + 1]))
        child = _copy(found[0], index)
        if child is not found[0]:
            node[_place(node, found[0])] = child
            if index is not None:
                index.of(node, path[step - 1])[key] = [child, *found[1:]]
        return child
    if not isinstance(node, dict):
        raise Unfit(".".join(path[:step]))
    if (before := node.get(key)) is None:
        before = [] if key in KEYED else {}
        made.append(path[: step + 1])
    node[key] = _copy(before, index)
    return node[key]


def _copy(node: Any, index: Index | None) -> Any:
    """Return a copy of a node that shares what it holds; what is neither an object nor a list is its own."""
    if not isinstance(node, NODE):
        return node
    return node.copy() if index is None else index.copy(node)


def _place(items: list[Any], wanted: Item) -> int:
    """Return where an item stands in a list."""
    return next(place for place, item in enumerate(items) if item is wanted)
