"""What is known of one Environment → its status, and the Events worth telling. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from environment_operator import names, scope
from environment_operator import usage as counting
from environment_operator.advice import on_spec
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.conditions import Finding, conditions
from environment_operator.errors import Reason
from environment_operator.judge import Verdict
from environment_operator.render import fragment_hash, pod_security
from environment_operator.snapshot import Notice, Snapshot, is_released, is_terminating
from environment_operator.usage import Known, Usage

Hold = tuple[Reason, str]


def status(snapshot: Snapshot, found: Usage, verdict: Verdict, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the whole status.

    Args:
        snapshot: everything known.
        found: the users.
        verdict: whether the Environment can work.
        findings: what the conditions are to say.
    """
    before = snapshot.environment.get("status") or {}
    generation = snapshot.environment["metadata"]["generation"]
    cluster = snapshot.options.cluster
    return {
        "observedGeneration": generation,
        "conditions": conditions(findings, before.get("conditions") or (), generation, snapshot.now),
        **_usage_fields(snapshot, found, verdict),
        **(_kept(before) if is_terminating(snapshot.environment) else _description(verdict)),
        **({"cluster": cluster} if cluster else {}),
    }


def findings(snapshot: Snapshot, found: Usage, verdict: Verdict, hold: Hold | None) -> list[Finding]:
    """Return what is to be said, in the order in which people read it."""
    out = [*_readiness(snapshot, verdict), _in_use(snapshot.known, found)]
    if verdict.spec and snapshot.departments is not None:
        out.append(_scope_resolved(verdict.spec, snapshot.departments))
    if verdict.spec and (warnings := on_spec(verdict.spec)):
        out.append(Finding("Warnings", "True", Reason.SPEC_WARNINGS, "; ".join(warnings)))
    if hold:
        out.append(Finding("DeletionBlocked", "True", *hold))
    return out


def _readiness(snapshot: Snapshot, verdict: Verdict) -> list[Finding]:
    """Return Ready, and Reconciling or Stalled while true, as kstatus reads them."""
    if is_terminating(snapshot.environment):
        message = "it was deleted and waits until nobody uses it"
        reason = Reason.TERMINATING
        return [Finding("Ready", "False", reason, message), Finding("Reconciling", "True", reason, message)]
    if verdict.stalled:
        return [Finding("Ready", "False", *verdict.stalled), Finding("Stalled", "True", *verdict.stalled)]
    if is_released(snapshot.environment):
        why = f"the annotation {names.ALLOW_DELETE_IN_USE} lets it go, and its finalizer is gone"
        message = f"{why}: nothing new may use it until that annotation is taken away"
        return [Finding("Ready", "False", Reason.RELEASED, message)]
    return [Finding("Ready", "True", Reason.AVAILABLE, "workloads in its scope may use it")]


def _in_use(known: Known, found: Usage) -> Finding:
    """Return whether anybody uses it; Unknown releases nothing."""
    if found.in_use == "Unknown":
        return Finding("InUse", "Unknown", Reason.USAGE_UNKNOWN, unknown_in_words(known))
    if found.in_use == "False":
        return Finding("InUse", "False", Reason.UNUSED, "nobody uses it")
    return Finding("InUse", "True", Reason.USED, f"used by {counting.in_words(found.workloads, found.templates)}")


def _scope_resolved(spec: EnvironmentSpec, departments: Mapping[str, str | None]) -> Finding:
    """Return whether every project that the scope names exists."""
    missing = scope.unknown_projects(spec.scope, departments)
    if not missing:
        return Finding("ScopeResolved", "True", Reason.RESOLVED, "every project of the scope exists")
    message = f"these projects do not exist yet: {', '.join(missing)}"
    return Finding("ScopeResolved", "False", Reason.UNKNOWN_PROJECTS, message)


def notices(findings: Sequence[Finding], before: Mapping[str, Any]) -> tuple[Notice, ...]:
    """Return an Event for each trouble that is new or has another reason."""
    known = {(c["type"], c["status"], c["reason"]) for c in before.get("conditions") or ()}
    troubles = (f for f in findings if f.type in ("Stalled", "DeletionBlocked"))
    return tuple(
        Notice("Warning", str(f.reason), f.message)
        for f in troubles
        if (f.type, f.status, str(f.reason)) not in known and f.reason != Reason.GRACE_PERIOD
    )


def users_in_words(found: Usage) -> str:
    """Return who uses it, with the names that may be told, such as ``1 workload: Job team-a/train``."""
    who = counting.named(found)
    return f"{counting.in_words(found.workloads, found.templates)}{f': {who}' if who else ''}"


def unknown_in_words(known: Known) -> str:
    """Return which kinds cannot be read, and why."""
    kinds = "; ".join(f"{kind}: {why}" for kind, why in sorted(known.unknown.items()))
    return f"it is not known whether anybody uses it, these kinds are not in step: {kinds}"


def _usage_fields(snapshot: Snapshot, found: Usage, verdict: Verdict) -> dict[str, Any]:
    """Return the part of the status that says who uses it.

    Empty lists are left out: server-side apply turns a list that becomes empty into null, and the schema
    of the API server refused that.
    """
    by_kind = [{"group": g, "kind": k, "count": n} for (g, k), n in found.by_kind.items()]
    counts = {"total": found.total, "workloads": found.workloads, "templates": found.templates}
    usage = {**counts, "outdated": _outdated(snapshot, verdict), "outOfScope": _outsiders(snapshot, verdict)}
    samples = {"workloads": found.workload_sample, "templates": found.template_sample}
    return {
        "usage": {**usage, **({"byKind": by_kind} if by_kind else {})},
        **{key: list(sample) for key, sample in samples.items() if sample},
        "truncated": found.truncated,
    }


def _outdated(snapshot: Snapshot, verdict: Verdict) -> int:
    """Return how many users have an earlier set-up; as written before while there is none today."""
    if verdict.fragment is None:
        return _counted_before(snapshot, "outdated")
    return counting.outdated(snapshot.known, fragment_hash(verdict.fragment))


def _counted_before(snapshot: Snapshot, what: str) -> int:
    """Return a count as it was written before."""
    return int(((snapshot.environment.get("status") or {}).get("usage") or {}).get(what, 0))


def _outsiders(snapshot: Snapshot, verdict: Verdict) -> int:
    """Return how many users the scope does not include; as written before while that cannot be told."""
    if verdict.spec is None or snapshot.departments is None:
        return _counted_before(snapshot, "outOfScope")
    projects = (user.namespace for user in snapshot.known.users)
    return scope.out_of_scope(verdict.spec.scope, projects, snapshot.departments)


_DESCRIPTION = ("fragment", "fragmentHash", "podSecurity", "scope", "tools", "types")


def _description(verdict: Verdict) -> dict[str, Any]:
    """Return the part of the status that follows from the spec alone."""
    out: dict[str, Any] = {}
    if verdict.fragment is not None:
        out = {"fragment": verdict.fragment, "fragmentHash": fragment_hash(verdict.fragment)}
        out["podSecurity"] = pod_security(verdict.fragment)
    if verdict.spec is not None:
        tools = scope.tools_in_words(verdict.spec)
        out |= {"scope": scope.in_words(verdict.spec.scope), "types": ",".join(verdict.spec.workload_types)}
        out |= {"tools": tools} if tools else {}
    return out


def _kept(before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description as it was: a deleted Environment is described no further."""
    return {k: before[k] for k in _DESCRIPTION if k in before}
