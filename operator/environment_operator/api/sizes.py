"""A bound of all texts of an Environment together, as a rule of the API server. Pure.

Each program holds every Environment in memory, and what one renders to is at most as long as a pod may take. Bounds of
single texts and lists would allow hundreds of times that.
"""

from environment_operator.api.rules import Rule
from environment_operator.api.schema import Schema

LARGEST = 64 * 1024


def bounded(node: Schema) -> Schema:
    """Return the schema of an object with the rule that all its texts together are not too long.

    Each field of the schema is counted. Bytes are counted as they are sent, without what JSON adds.
    """
    rule = Rule(
        f"{_sum(_texts(node, 'self', 0))} <= {LARGEST}",
        f"The texts together have more than {LARGEST} bytes. Shorten env, command or args, or have the image or a "
        "ConfigMap hold what is long.",
    )
    return {**node, "x-kubernetes-validations": [*node.get("x-kubernetes-validations", ()), rule.as_schema()]}


def _texts(node: Schema, at: str, depth: int) -> list[str]:
    """Return CEL of the length of each text below a place; those of an enumeration are short."""
    if node["type"] == "string":
        return [] if "enum" in node else [f"bytes({at}).size()"]
    if node["type"] == "array":
        item = f"i{depth}"
        inner = _texts(node["items"], item, depth + 1)
        return [f"{at}.map({item}, {_sum(inner)}).sum()"] if inner else []
    found = []
    for name, child in node.get("properties", {}).items():
        inner = _texts(child, f"{at}.{name}", depth)
        is_there = name in node.get("required", ())
        found += inner if is_there or not inner else [f"(has({at}.{name}) ? {_sum(inner)} : 0)"]
    return found


def _sum(terms: list[str]) -> str:
    """Return the sum of some terms."""
    return " + ".join(terms)
