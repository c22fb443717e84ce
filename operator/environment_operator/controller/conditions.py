"""The one setter of conditions. Pure: the time is given.

``lastTransitionTime`` moves only when the status does:
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

ConditionStatus = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said of one aspect, before it is known when that began."""

    type: str
    status: ConditionStatus
    reason: str
    message: str


def conditions(
    findings: Iterable[Finding], previous: Iterable[dict[str, Any]], generation: int, now: str
) -> list[dict[str, Any]]:
    """Return the conditions as they are written to the status.

    Args:
        findings: what holds now; an aspect that is not mentioned disappears.
        previous: the conditions in the status so far.
        generation: the generation that was reconciled.
        now: RFC 3339 time for what has changed.
    """
    before = {c["type"]: c for c in previous}
    return [_condition(f, before.get(f.type), generation, now) for f in findings]


def _condition(finding: Finding, before: dict[str, Any] | None, generation: int, now: str) -> dict[str, Any]:
    """Return one condition, with the old transition time if the status is the same."""
    same = before is not None and before["status"] == finding.status
    return {
        "type": finding.type,
        "status": finding.status,
        "reason": str(finding.reason),
        "message": finding.message,
        "lastTransitionTime": before["lastTransitionTime"] if before and same else now,
        "observedGeneration": generation,
    }
