"""Rules in CEL, attached to the models and evaluated by the API server; the message says what to do.

A `Rule` concerns several fields. A `Grammar` concerns one text and holds in Python, too: it stands in place of a
``pattern``, of which the API server would print the expression. Bounds and enumerations are in the field's type.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True, slots=True)
class Rule:
    """One ``x-kubernetes-validations`` entry.

    Args:
        rule: CEL expression over ``self`` that must be true.
        message: one line: what is wrong and what to do.
        field_path: JSONPath of the field to name, relative to the schema node, such as ``.uid``.
        reason: the cause that the API server reports.
        holds: the same as a function of the model, since the API server does not validate again what is stored.
    """

    rule: str
    message: str
    field_path: str | None = None
    reason: str = "FieldValueInvalid"
    holds: Callable[[Any], object] = field(default=lambda _: True, compare=False)

    def as_schema(self) -> dict[str, Any]:
        """Return the entry as it stands in the CRD."""
        path = {"fieldPath": self.field_path} if self.field_path else {}
        return {"rule": self.rule, "message": self.message, **path, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a model, which puts them into its JSON schema, and checks them."""

    every: tuple[Rule, ...]

    def __call__(self, schema: dict[str, Any]) -> None:
        """Add the rules to the JSON schema of the model."""
        schema["x-kubernetes-validations"] = [rule.as_schema() for rule in self.every]

    def check(self, model: object) -> None:
        """Check a model whose fields are valid.

        Raises:
            PydanticCustomError: a rule does not hold; its context has the path of the field below the model.
        """
        for rule in self.every:
            if not rule.holds(model):
                context = {"message": rule.message, "below": rule.field_path or ""}
                raise PydanticCustomError("rule", "{message}", context)


def is_one(*values: object) -> bool:
    """Return whether exactly one of some values is given."""
    return sum(value is not None for value in values) == 1


def with_rules(*rules: Rule) -> ConfigDict:
    """Return the model configuration that carries the rules."""
    return ConfigDict(json_schema_extra=Rules(rules))


@dataclass(frozen=True, slots=True)
class Grammar:
    """What may be written in a text, as annotation of its type.

    Args:
        pattern: regular expression that the whole text matches, the same to RE2 and to Python.
        message: one line: what to write.
    """

    pattern: str
    message: str

    def check(self, text: str) -> str:
        """Return the text.

        Raises:
            PydanticCustomError: the pattern does not match it.
        """
        if re.fullmatch(self.pattern, text) is None:
            raise PydanticCustomError("grammar", "{message}", {"message": self.message})
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return how pydantic validates the text: after its length, as the API server does."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of the text with the rule of the API server."""
        rule = Rule(f"self.matches(r'^(?:{self.pattern})$')", self.message)
        return {**handler(schema), "x-kubernetes-validations": [rule.as_schema()]}
