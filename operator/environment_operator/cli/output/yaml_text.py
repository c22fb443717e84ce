"""YAML and JSON as kubectl reads them, and YAML written so that kubectl reads the same. Pure.

kubectl makes JSON of YAML: dates are texts, ``y`` is true, nothing is counted to the base of 60, and keys are texts:
https://github.com/kubernetes-sigs/yaml/blob/v1.6.0/yaml.go
"""

import json
import re
from collections import Counter
from collections.abc import Hashable
from typing import Any, ClassVar

import yaml

_TAG = "tag:yaml.org,2002:"
_WORDS = {"y": True, "yes": True, "true": True, "on": True, "n": False, "no": False, "false": False, "off": False}
_BOOLS = {form: meant for word, meant in _WORDS.items() for form in (word, word.title(), word.upper())}
_INT = re.compile(r"[-+]?(?:0[bB][01_]+|0[oO]?[0-7_]+|0[xX][0-9a-fA-F_]+|0|[1-9][0-9_]*)$")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9_]+)?$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
)
_BASE_8 = re.compile(r"[-+]?0[oO]?[0-7]+")
_RESOLVERS = (
    ("merge", re.compile("<<$"), ["<"]),
    ("null", re.compile("(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(f"(?:{'|'.join(_BOOLS)})$"), sorted({word[0] for word in _BOOLS})),
    ("int", _INT, list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
)
# Up to here kubectl's library does not ask how much comes from aliases:
# https://github.com/go-yaml/yaml/blob/v3.0.1/decode.go (alias_ratio_range_low)
_EXPANDED = 400_000
# Breaks of lines to YAML 1.1 that are turned into others unless they are escaped.
_OTHER_BREAKS = frozenset("\x85\u2028\u2029")


def read(text: str) -> list[Any]:
    """Return the documents, without those that are empty.

    Raises:
        ValueError: it is neither YAML nor JSON, or something in it is not to be had in JSON.
    """
    try:
        found = [each for each in _documents(text) if each is not None]
        json.dumps(found, allow_nan=False)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    return found


def write(*contents: object) -> str:
    """Return documents, with the keys in the order in which they were given, and texts of several lines as such."""
    return str(yaml.dump_all(contents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**20))


def _documents(text: str) -> list[Any]:
    """Return the documents; JSON is read as such, for PyYAML takes neither its tabs nor its pairs of surrogates."""
    try:
        return [json.loads(text, object_pairs_hook=_once, parse_float=_number)]
    except json.JSONDecodeError:
        return list(yaml.load_all(text, _Loader))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON in which each key stands once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, number in Counter(key for key, _ in pairs).items() if number > 1)
        raise ValueError(f"the key {twice!r} stands there twice")
    return found


def _number(written: str) -> float:
    """Return a number; one that is whole is written without a point in JSON."""
    found = float(written)
    return int(found) if found.is_integer() else found


class _Loader(yaml.SafeLoader):
    """Reads what can be had in JSON, and no key twice."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - it is filled below
    yaml_constructors: ClassVar[dict[Any, Any]] = {
        tag: make
        for tag, make in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.removeprefix(_TAG) in ("null", "str", "seq", "map")
    }

    def construct_document(self, node: Any) -> Any:
        """Return a document, unless its aliases stand for too much."""
        written: dict[int, int] = {}
        if _expanded(node, written) > max(_EXPANDED, len(written)):
            raise yaml.MarkedYAMLError(
                None, None, f"its aliases stand for more than {_EXPANDED} values", node.start_mark
            )
        return super().construct_document(node)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Return a mapping in which each key stands once; those that are merged in may stand there, too."""
        node = super().compose_mapping_node(anchor)
        assert node is not None  # noqa: S101 - the stubs say that it may be
        known: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != f"{_TAG}merge":
                if key.value in known:
                    raise yaml.MarkedYAMLError(None, None, f"the key {key.value!r} stands there twice", key.start_mark)
                known.add(key.value)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        """Return a mapping whose keys are texts."""
        self.flatten_mapping(node)
        return {self._key(key): self.construct_object(value, deep) for key, value in node.value}

    def _key(self, node: yaml.Node) -> str:
        """Return a key as JSON has it."""
        found = self.construct_object(node, deep=True)
        if not isinstance(found, str | bool | int | float):
            raise yaml.MarkedYAMLError(None, None, "this key is no text", node.start_mark)
        return found if isinstance(found, str) else json.dumps(found)


class _Dumper(yaml.SafeDumper):
    """Quotes what either library would not read as a text, and writes out what stands there twice."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Return that no node is an alias."""
        return True


def _expanded(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node stands for, each alias counted as what it refers to.

    Args:
        node: it.
        known: the numbers of the nodes that were counted, by their identity; a node within itself counts as nothing.
    """
    if id(node) not in known:
        known[id(node)] = 0
        inner = (part for item in node.value for part in (item if isinstance(item, tuple) else (item,)))
        parts = () if isinstance(node, yaml.ScalarNode) else inner
        known[id(node)] = 1 + sum(_expanded(part, known) for part in parts)
    return known[id(node)]


def _bool(_: _Loader, node: yaml.ScalarNode) -> bool:
    """Return a truth value."""
    if node.value not in _BOOLS:
        raise yaml.MarkedYAMLError(None, None, f"{node.value!r} is neither true nor false", node.start_mark)
    return _BOOLS[node.value]


def _int(_: _Loader, node: yaml.ScalarNode) -> int:
    """Return a whole number, in whichever base it is written."""
    plain = node.value.replace("_", "")
    return int(plain, 8 if _BASE_8.fullmatch(plain) else 0)


def _float(_: _Loader, node: yaml.ScalarNode) -> float:
    """Return a number, in whichever way it is written."""
    plain = node.value.replace("_", "").lower()
    return _number(plain.replace(".inf", "inf").replace(".nan", "nan"))


def _represented(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Return a text, as a block when it has several lines."""
    style = '"' if _OTHER_BREAKS & set(text) else "|" if "\n" in text else None
    return dumper.represent_scalar(f"{_TAG}str", text, style)


for name, pattern, begins in _RESOLVERS:
    for user in (_Loader, _Dumper):
        user.add_implicit_resolver(f"{_TAG}{name}", pattern, begins)
for name, make in (("bool", _bool), ("int", _int), ("float", _float)):
    _Loader.add_constructor(f"{_TAG}{name}", make)
_Dumper.add_representer(str, _represented)
