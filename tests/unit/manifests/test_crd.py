"""The CustomResourceDefinition: described and bounded everywhere."""

from collections.abc import Iterator
from typing import Any

from environment_operator.api.rules import Rule, Rules
from environment_operator.api.types import Model
from environment_operator.manifests.crd import definition


def nodes(schema: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return every node of a schema with its path."""
    children = [(f"{path}.{name}", child) for name, child in schema.get("properties", {}).items()]
    children += [(f"{path}[]", schema["items"])] if "items" in schema else []
    return [(path, schema)] + [node for name, child in children for node in nodes(child, name)]


ROOT = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
NODES = [(path, node) for path, node in nodes(ROOT) if path not in ("", ".metadata") and not path.endswith("[]")]


def test_every_field_is_described_and_bounded() -> None:
    """Every field has a description of at least a few words, and every list and text a bound."""
    own = {path: node for path, node in NODES if path not in (".apiVersion", ".kind")}
    assert [] == [path for path, node in NODES if not node.get("description", "").split()]
    assert [] == [path for path, node in own.items() if node["type"] == "array" and node.get("maxItems", 101) > 100]
    texts = {path: node for path, node in own.items() if node["type"] == "string"}
    assert [] == [path for path, node in texts.items() if not {"maxLength", "enum", "format"} & node.keys()]


def test_no_defaults_in_list_items() -> None:
    """A default inside a list item would show as drift in GitOps tools, so there is none."""
    assert [] == [path for path, node in nodes(ROOT) if "[]" in path and "default" in node]


def test_no_refusal_is_a_regular_expression() -> None:
    """What authors write wrongly is refused with a message: a pattern would be printed as it stands."""
    assert [] == [path for path, node in nodes(ROOT) if path.startswith(".spec") and "pattern" in node]


def models(base: type[Model] = Model) -> Iterator[type[Model]]:
    """Yield the models of the API."""
    for model in base.__subclasses__():
        yield model
        yield from models(model)


def test_every_rule_holds_in_python_too() -> None:
    """Each rule in CEL is known for what is stored already; what they say alike is shown at the API server."""
    rules = [
        rule
        for model in models()
        if isinstance(found := model.model_config.get("json_schema_extra"), Rules)
        for rule in found.every
    ]
    unknown = Rule("", "").holds

    assert rules
    assert [] == [rule.message for rule in rules if rule.holds is unknown]
