"""The admission policies that the API server enforces by itself, with the operator up or down. Pure.

``publishing`` says who may write for which scope, ``departments`` who may move a namespace, ``guards`` what protects an
Environment in use. Every expression is total: whatever is missing, it answers instead of failing.
"""

from typing import Any

from environment_operator.policies import departments, guards, publishing


def objects() -> list[dict[str, Any]]:
    """Return every policy, each followed by its binding."""
    policies = (*publishing.policies(), *departments.policies(), *guards.policies())
    return [each for policy in policies for each in policy.as_objects()]
