"""The CustomResourceDefinition of Environment, from the models. Pure; ``generate`` writes it."""

from typing import Any

from environment_operator.api import names
from environment_operator.api.rules import Rule
from environment_operator.api.schema import Schema, structural
from environment_operator.api.sizes import bounded
from environment_operator.api.status import EnvironmentStatus
from environment_operator.api.v1alpha1 import EnvironmentSpec

ROOT_RULES = (
    Rule(
        "size(self.metadata.name) <= 63",
        "metadata.name is used as a label value. Use at most 63 characters.",
    ),
    Rule(
        "!has(self.spec.deprecated) || !has(self.spec.deprecated.replacedBy)"
        " || self.spec.deprecated.replacedBy != self.metadata.name",
        "An Environment cannot be replaced by itself. Name another one in deprecated.replacedBy.",
        ".spec.deprecated.replacedBy",
    ),
)

# name, type, path. All together fit 200 characters for ordinary names; the rest is in `kubectl environment list`.
COLUMNS = (
    ("Scope", "string", ".status.scope"),
    ("Image", "string", ".spec.image"),
    ("Architecture", "string", ".spec.architecture"),
    ("Types", "string", ".status.types"),
    ("Tools", "string", ".status.tools"),
    ("Workloads", "integer", ".status.usage.workloads"),
    ("Templates", "integer", ".status.usage.templates"),
    ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
    ("Age", "date", ".metadata.creationTimestamp"),
)


def definition() -> dict[str, Any]:
    """Return the CustomResourceDefinition as plain data, ready to be written as YAML."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": names.CRD_NAME},
        "spec": {
            "group": names.GROUP,
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.KIND.lower(),
                "shortNames": ["env"],
                "categories": ["ml"],
            },
            "scope": "Cluster",
            "versions": [_version()],
        },
    }


def _version() -> dict[str, Any]:
    """Return the only version: served, stored, with a status subresource."""
    return {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(*column) for column in COLUMNS],
        "schema": {"openAPIV3Schema": _root()},
    }


def _column(name: str, kind: str, path: str) -> dict[str, Any]:
    """Return one printer column."""
    return {"name": name, "type": kind, "jsonPath": path}


def _root() -> Schema:
    """Return the schema of the whole object."""
    status = structural(EnvironmentStatus) | {"default": {"observedGeneration": -1}}
    return {
        "type": "object",
        "description": "A set-up for workloads, written once and used by name: "
        f"the label {names.REFERENCE} on a workload makes admission fill it in.",
        "required": ["spec"],
        "x-kubernetes-validations": [rule.as_schema() for rule in ROOT_RULES],
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of the API."},
            "kind": {"type": "string", "description": "Environment."},
            "metadata": {"type": "object"},
            "spec": bounded(structural(EnvironmentSpec)),
            "status": status,
        },
    }
