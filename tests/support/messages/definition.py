"""What the API server refuses by the rules of the definition; before each it prints the path and what was given."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Any

from environment_operator.manifests.crd import definition

TITLE = "Rules of the definition"
CONVERTED = True
MODULES: Collection[ModuleType] = ()
NO_WAY_OUT: Collection[str] = ()


def _rules(node: Mapping[str, Any], at: str) -> Iterator[tuple[str, str]]:
    """Yield the messages below a schema node, each with the path of its field."""
    for rule in node.get("x-kubernetes-validations", ()):
        yield f"{at}{rule.get('fieldPath', '')}".removeprefix("."), rule["message"]
    for name, inner in node.get("properties", {}).items():
        yield from _rules(inner, f"{at}.{name}")
    if "items" in node:
        yield from _rules(node["items"], f"{at}[]")


def _rows() -> Iterator[tuple[str, str]]:
    """Yield each rule once, by the first field that it is for."""
    (version,) = definition()["spec"]["versions"]
    seen = set[str]()
    for path, message in _rules(version["schema"]["openAPIV3Schema"], ""):
        if message not in seen:
            seen.add(message)
            yield f"{path or 'metadata.name'}, rule {len(seen)}", message


ROWS: Mapping[str, Callable[[], str]] = {situation: partial(str, message) for situation, message in _rows()}
