"""Somebody stores Environments that fill the memory of every program: what is too long is not stored."""

from typing import Any

import pytest

from builders import manifest
from cluster.rest import Rest
from kube import ENVIRONMENTS
from people import unique

LINE, ARGUMENT, NAME = 1024, 8192, 250
PATHS = [{"name": f"V{n}", "valueFrom": {"fieldRef": {"fieldPath": "m" * LINE}}} for n in range(100)]
KEYS = [
    {"name": f"V{n}", "valueFrom": {kind: {"name": "s" * NAME, "key": "k" * NAME}}}
    for kind in ("secretKeyRef", "configMapKeyRef")
    for n in range(100)
]
URL = {"type": "ExternalURL", "url": f"https://a.example/{'u' * (LINE - 20)}"}
TOO_LONG: dict[str, dict[str, Any]] = {
    "values": {"env": [{"name": f"V{n}", "value": "x" * ARGUMENT} for n in range(9)]},
    "values of two bytes": {"env": [{"name": f"V{n}", "value": "é" * ARGUMENT} for n in range(5)]},
    "names and descriptions": {
        "env": [{"name": f"{'V' * 240}{n}", "value": "x" * 200, "description": "d" * 250} for n in range(99)]
    },
    "names of Secrets": {"env": KEYS[:100], "imagePullSecrets": [f"{n}{'s' * NAME}" for n in range(100)]},
    "names of ConfigMaps": {"env": KEYS[100:], "imagePullSecrets": [f"{n}{'s' * NAME}" for n in range(100)]},
    "paths of fields": {"env": PATHS},
    "command": {"command": ["x" * ARGUMENT] * 9},
    "args": {"args": ["x" * ARGUMENT] * 9},
    "a command of the probe": {"readinessProbe": {"exec": {"command": ["x" * ARGUMENT] * 9}}},
    "addresses of tools": {"tools": [{"name": f"t{n}", "type": "Comet", "connection": URL} for n in range(100)]},
    "a little of each": {
        "command": ["x" * ARGUMENT] * 3,
        "args": ["x" * ARGUMENT] * 3,
        "env": [{"name": f"V{n}", "value": "x" * ARGUMENT} for n in range(2)],
        "displayName": "x" * 63,
    },
}


def create(rest: Rest, fields: dict[str, Any]) -> Any:
    """Create an Environment in a dry run."""
    return rest.create(f"{ENVIRONMENTS}?dryRun=All", manifest(unique("env"), **fields))


@pytest.mark.parametrize("what", TOO_LONG)
def test_refused(rest: Rest, what: str) -> None:
    """What is longer than a pod may take is refused, whichever of its fields are long."""
    answer = create(rest, TOO_LONG[what])

    assert 422 == answer.status, answer
    assert "The texts together have more than 65536 bytes" in answer.message


@pytest.mark.parametrize("field", ["command", "args"])
def test_stored(rest: Rest, field: str) -> None:
    """What is nearly as long as it may be is stored."""
    assert create(rest, {field: ["x" * ARGUMENT] * 7}).ok
