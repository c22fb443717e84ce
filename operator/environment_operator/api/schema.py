"""Pydantic models → the structural schemas of Kubernetes. Pure.

JSON schema says more than a structural schema may: references, titles, ``anyOf`` with null and
``additionalProperties: false`` go; everything else stays in the order of the model.
Source of the rules: the Kubernetes documentation on "Specifying a structural schema".
"""

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]


def structural(model: type[BaseModel]) -> Schema:
    """Return the structural schema of a model, with descriptions and CEL rules."""
    schema = model.model_json_schema(by_alias=True)
    return _convert(schema, schema.get("$defs", {}))


def _convert(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """Return one schema node without references, unions, titles and closed objects."""
    node = _flatten(node, definitions)
    out: Schema = {}
    for key, value in node.items():
        if key == "properties":
            out[key] = {name: _convert(child, definitions) for name, child in value.items()}
        elif key == "items":
            out[key] = _convert(value, definitions)
        elif key == "const":
            out["enum"] = [value]
        elif not _dropped(key, value):
            out[key] = value
    return out


def _dropped(key: str, value: object) -> bool:
    """Return whether a keyword of JSON schema has no place in a structural schema."""
    return key in {"title", "$defs", "additionalProperties"} or (key == "default" and value is None)


def _flatten(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """Return the node with its reference resolved and its union merged into one alternative."""
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        node = {**target, **{k: v for k, v in node.items() if k != "$ref"}}
        return _flatten(node, definitions)
    if "anyOf" in node:
        chosen = [a for a in node["anyOf"] if a.get("type") != "null" and a.get("const") != ""]
        if len(chosen) != 1:
            raise TypeError(f"a structural schema has no unions: {node['anyOf']}")
        merged = {**chosen[0], **{k: v for k, v in node.items() if k != "anyOf"}}
        if len(chosen) != len([a for a in node["anyOf"] if a.get("type") != "null"]):
            merged["minLength"] = 0
        return _flatten(merged, definitions)
    return node
