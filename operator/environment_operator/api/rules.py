"""Cross-field rules in CEL, attached to the models and evaluated by the API server.

A rule is ``Rule(expression that must hold, message, field path)``; the message says what to do.
Rules of one field alone (bounds, enumerations, patterns) are not here but in the field's type.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict


@dataclass(frozen=True, slots=True)
class Rule:
    """One ``x-kubernetes-validations`` entry.

    Args:
        rule: CEL expression over ``self`` that must be true.
        message: one line: what is wrong and what to do.
        field_path: JSONPath of the field to name, relative to the schema node, such as ``.uid``.
        reason: the cause that the API server reports.
    """

    rule: str
    message: str
    field_path: str | None = None
    reason: str = "FieldValueInvalid"

    def as_schema(self) -> dict[str, Any]:
        """Return the entry as it stands in the CRD."""
        path = {"fieldPath": self.field_path} if self.field_path else {}
        return {"rule": self.rule, "message": self.message, **path, "reason": self.reason}


def with_rules(*rules: Rule) -> ConfigDict:
    """Return the model configuration that carries the rules into the model's JSON schema."""
    return ConfigDict(json_schema_extra={"x-kubernetes-validations": [r.as_schema() for r in rules]})
