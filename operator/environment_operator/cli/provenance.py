"""A workload as it would be admitted, each value with where it comes from. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import yaml

from environment_operator.api import names
from environment_operator.cli.output import yaml_text
from environment_operator.injection import record
from environment_operator.injection.record import Entry
from environment_operator.kinds.paths import KEYED, Path
from environment_operator.kinds.pod_templates import Place, places
from environment_operator.kinds.table import Kind

Object = dict[str, Any]
Address = tuple[str | int, ...]

OPERATOR, IDENTITY = "operator", "identity"
_IDS = frozenset({"runAsUser", "runAsGroup", "supplementalGroups"})
# Where the notes of most lines begin.
_WIDEST = 72
_BREAK = re.compile("(\r\n|[\n\r\x85\u2028\u2029])")


def sources(kind: Kind, admitted: Object, personal: Collection[str] = ()) -> dict[Address, str]:
    """Return where what admission injected comes from: an Environment, the identity of a person, or the operator.

    Args:
        kind: row of the workload's kind.
        admitted: the workload as it would be stored.
        personal: names of the Environments whose ids are a person's.
    """
    entries = record.entries(admitted)
    out: dict[Address, str] = {("metadata", "annotations", key): OPERATOR for key in names.WRITTEN}
    for place in places(kind, admitted):
        if entry := entries.get(place.key):
            for path in entry.record.put:
                out[_address(admitted, place, path)] = _source(entry, path, personal)
            if kind.keeps_revisions:
                out[_address(admitted, place, ("metadata", "annotations", names.RECORD))] = OPERATOR
    return out


def annotated(item: Object, found: Mapping[Address, str], otherwise: str) -> str:
    """Return YAML in which each line with a value says where the value comes from.

    Args:
        item: the object.
        found: the source of what stands at an address, and below it.
        otherwise: the source of everything else.
    """
    text = yaml_text.write(item)
    # Lines and what ends them, as the marks of the parser count.
    parts = _BREAK.split(text)
    root = yaml.compose(text, yaml.SafeLoader)
    for line, address in _values(root, ()) if root else ():
        parts[2 * line] = f"{parts[2 * line]:<{_WIDEST}}  # {_of(address, found, otherwise)}"
    return "".join(parts)


def _source(entry: Entry, path: Path, personal: Collection[str]) -> str:
    """Return where what stands at a path of a pod template comes from."""
    if "labels" in path or "annotations" in path:
        return OPERATOR
    if entry.env in personal and path[-1] in _IDS:
        return IDENTITY
    return f"Environment {entry.env}"


def _address(item: Object, place: Place, path: Path) -> Address:
    """Return where a path of a pod template is in the object, items of lists by their positions."""
    inner = path if place.row.spec or path[:1] != ("spec",) else path[1:]
    node: Any = item
    for step in place.at:
        node = node[step]
    out, field = list(place.at), ""
    for key in inner:
        out.append(_position(node, field, key))
        node, field = node[out[-1]], key
    return tuple(out)


def _position(node: Any, field: str, key: str) -> str | int:
    """Return the key in an object, or the position of the item of that name in a list."""
    if not isinstance(node, list):
        return key
    return next(number for number, each in enumerate(node) if isinstance(each, dict) and KEYED[field](each) == key)


def _values(node: yaml.Node, address: Address) -> Iterator[tuple[int, Address]]:
    """Yield the line on which each value ends, with its address."""
    if isinstance(node, yaml.MappingNode) and node.value:
        for key, value in node.value:
            yield from _values(value, (*address, key.value))
    elif isinstance(node, yaml.SequenceNode) and node.value:
        for number, value in enumerate(node.value):
            yield from _values(value, (*address, number))
    else:
        # A plain value ends where the next token begins, one with quotes at the quote.
        quoted = isinstance(node, yaml.ScalarNode) and node.style in ("'", '"')
        yield (node.end_mark if quoted else node.start_mark).line, address


def _of(address: Address, found: Mapping[Address, str], otherwise: str) -> str:
    """Return the source of the longest part of an address that has one."""
    parts = (address[:length] for length in range(len(address), 0, -1))
    return next((found[part] for part in parts if part in found), otherwise)
