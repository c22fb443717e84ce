"""What is known of one Environment → its status, and the Events that say it. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environment_operator.api import names
from environment_operator.api.lifecycle import is_released, is_terminating, last_change
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.api.wording import NAMES, cut, few, in_words, named_by_key, quoted
from environment_operator.controller import usage as counting
from environment_operator.controller.conditions import Finding, conditions
from environment_operator.controller.snapshot import Snapshot
from environment_operator.controller.usage import Known, Usage
from environment_operator.injection.warnings import on_spec
from environment_operator.kube.errors import Reason
from environment_operator.kube.events import Notice
from environment_operator.spec import scope
from environment_operator.spec.fragment import fragment_hash, pod_security
from environment_operator.spec.validation import Verdict
from environment_operator.tools.index import Exposed
from environment_operator.tools.objects import ASK_FOR_ANOTHER
from environment_operator.tools.verdicts import routes_refused

Hold = tuple[Reason, str]

# The conditions that have Events.
_TROUBLES = ("Stalled", "DeletionBlocked")


@dataclass(frozen=True, slots=True)
class Report:
    """What people read of an Environment.

    Args:
        status: the whole status.
        notices: an Event for each trouble that is new or has another reason, or of which people are reminded.
    """

    status: dict[str, Any]
    notices: tuple[Notice, ...]


def report(snapshot: Snapshot, found: Usage, verdict: Verdict, hold: Hold | None) -> Report:
    """Return what people read of an Environment.

    Args:
        snapshot: everything known.
        found: the users.
        verdict: whether the Environment can work.
        hold: why its deletion waits, if it does.
    """
    findings = _findings(snapshot, found, verdict, hold)
    before = None if snapshot.reminded else snapshot.environment.get("status")
    return Report(_status(snapshot, found, verdict, findings), _notices(findings, before))


def is_in_trouble(environment: Mapping[str, Any]) -> bool:
    """Return whether an Environment has a trouble that has an Event."""
    found = (environment.get("status") or {}).get("conditions") or ()
    return any(c["type"] in _TROUBLES and c["status"] == "True" for c in found)


def _status(snapshot: Snapshot, found: Usage, verdict: Verdict, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the whole status."""
    before = snapshot.environment.get("status") or {}
    generation = snapshot.environment["metadata"]["generation"]
    cluster = snapshot.options.cluster
    return {
        "observedGeneration": generation,
        **({"lastUpdateTime": updated} if (updated := last_change(snapshot.environment)) else {}),
        **_last_use(snapshot, found),
        "conditions": conditions(findings, before.get("conditions") or (), generation, snapshot.now),
        **_usage_fields(snapshot, found, verdict),
        **(_kept(before) if is_terminating(snapshot.environment) else _description(verdict)),
        **({"cluster": cluster} if cluster else {}),
    }


def _last_use(snapshot: Snapshot, found: Usage) -> dict[str, str]:
    """Return when it was used last, nothing when nobody used it yet."""
    before = snapshot.environment.get("status") or {}
    moment = counting.last_used(found, before, snapshot.now, hour_passed=snapshot.hour_passed)
    return {"lastUsedTime": moment} if moment else {}


def _findings(snapshot: Snapshot, found: Usage, verdict: Verdict, hold: Hold | None) -> list[Finding]:
    """Return what is to be said, in the order in which people read it."""
    out = [*_readiness(snapshot, verdict), _in_use(snapshot.known, found)]
    if verdict.fragment is not None:
        out.append(_fragment_valid(snapshot))
    if verdict.spec and snapshot.departments is not None:
        out.append(_scope_resolved(verdict.spec, snapshot.departments))
    if verdict.spec and (about_secrets := _pull_secrets(snapshot, verdict.spec)):
        out.append(about_secrets)
    if verdict.spec and (warnings := on_spec(verdict.spec)):
        out.append(Finding("Warnings", "True", Reason.SPEC_WARNINGS, " ".join(warnings)))
    lacking = _lacking(verdict.spec, snapshot.exposed) if verdict.spec else []
    if snapshot.exposed.workloads or lacking:
        out.append(_exposed(snapshot.exposed, lacking, snapshot.options.sample))
    if hold:
        out.append(Finding("DeletionBlocked", "True", *hold))
    return out


def _readiness(snapshot: Snapshot, verdict: Verdict) -> list[Finding]:
    """Return Ready, and Reconciling or Stalled while true, as kstatus reads them."""
    if is_terminating(snapshot.environment):
        message = "The Environment is being deleted: no new workload may use it."
        reason = Reason.TERMINATING
        return [Finding("Ready", "False", reason, message), Finding("Reconciling", "True", reason, message)]
    if verdict.stalled:
        return [Finding("Ready", "False", *verdict.stalled), Finding("Stalled", "True", *verdict.stalled)]
    if is_released(snapshot.environment):
        message = (
            f"The finalizer {names.FINALIZER} was removed by way of the annotation {names.ALLOW_DELETE_IN_USE}: no new "
            "workload may use the Environment. Remove that annotation to use it again."
        )
        return [Finding("Ready", "False", Reason.RELEASED, message)]
    return [Finding("Ready", "True", Reason.AVAILABLE, "Workloads in its scope may use it.")]


def _fragment_valid(snapshot: Snapshot) -> Finding:
    """Return whether the API server accepts the pods; one that could not be asked stops nobody."""
    if snapshot.validity and (why := snapshot.validity.unchecked):
        message = f"The API server could not validate its pods: {cut(why)}. The operator tries again every minute."
        return Finding("FragmentValid", "Unknown", Reason.UNCHECKED, message)
    return Finding("FragmentValid", "True", Reason.ACCEPTED, "The API server accepts its pods.")


def _in_use(known: Known, found: Usage) -> Finding:
    """Return whether anybody uses it; Unknown releases nothing."""
    if found.in_use == "Unknown":
        return Finding("InUse", "Unknown", Reason.USAGE_UNKNOWN, counting.unknown(known))
    if found.in_use == "False":
        return Finding("InUse", "False", Reason.UNUSED, "No workload or template uses it.")
    return Finding("InUse", "True", Reason.USED, f"Used by {in_words(found.workloads, found.templates)}.")


def _scope_resolved(spec: EnvironmentSpec, departments: Mapping[str, str | None]) -> Finding:
    """Return whether every project that the scope names exists."""
    missing = scope.unknown_projects(spec.scope, departments)
    if not missing:
        return Finding("ScopeResolved", "True", Reason.RESOLVED, "Every project in its scope exists.")
    what = f"spec.scope.projects: {_projects(missing, NAMES)} {'does' if len(missing) == 1 else 'do'} not exist"
    message = f"{what}. Create the namespace, or correct the name."
    return Finding("ScopeResolved", "False", Reason.UNKNOWN_PROJECTS, message)


def _pull_secrets(snapshot: Snapshot, spec: EnvironmentSpec) -> Finding | None:
    """Return whether the projects that use it, or that its scope names, have its pull secrets.

    As it was before while some of them were not read; None when there is nothing to look for, or nobody who looks.
    """
    named, there = spec.image_pull_secrets, snapshot.secrets
    if not named or there is None:
        return None
    projects = _concerned(snapshot, spec)
    if projects is None or not projects <= there.keys():
        return _found_before(snapshot, "PullSecretsFound")
    return _of_projects(named, {p: there[p] for p in sorted(projects)}, snapshot) if projects else None


def _of_projects(named: Sequence[str], there: Mapping[str, Collection[str] | None], snapshot: Snapshot) -> Finding:
    """Return whether some projects have some Secrets."""
    unseen = [p for p, found in there.items() if found is None]
    lacking = {name: [p for p, found in there.items() if found is not None and name not in found] for name in named}
    most = min(NAMES, snapshot.options.sample)
    parts = [f'"{name}" in {_projects(lacking[name], most)}' for name in named if lacking[name]]
    unchecked = f"{_projects(unseen, most)} could not be checked"
    if parts:
        what = f"spec.imagePullSecrets: missing {few(parts)}{f'; {unchecked}' if unseen else ''}"
        return Finding("PullSecretsFound", "False", Reason.MISSING_SECRETS, f"{what}. Create the missing Secrets.")
    if unseen:
        way_out = f"Create the RoleBinding {names.CREDENTIALS_ROLE} there to have Secrets checked."
        return Finding(
            "PullSecretsFound", "Unknown", Reason.UNCHECKED, f"spec.imagePullSecrets: {unchecked}. {way_out}"
        )
    everywhere = "Every project that uses it, or that its scope names, has its pull secrets."
    return Finding("PullSecretsFound", "True", Reason.RESOLVED, everywhere)


def _concerned(snapshot: Snapshot, spec: EnvironmentSpec) -> frozenset[str] | None:
    """Return the projects that use an Environment and those that its scope names, None while nobody knows them."""
    known = snapshot.departments
    if known is None:
        return None
    users = {user.namespace for user in snapshot.known.users}
    named = {p for p, d in known.items() if not spec.scope.cluster and scope.includes(spec.scope, p, d)}
    return frozenset(((users & known.keys()) | named) - {names.SYSTEM_NAMESPACE})


def _projects(projects: Sequence[str], most: int) -> str:
    """Return projects in words, the first few by name."""
    noun = "project" if len(projects) == 1 else "projects"
    if not most:
        return f"{len(projects)} {noun}"
    return f"{noun} {quoted(projects, most)}"


def _found_before(snapshot: Snapshot, kind: str) -> Finding | None:
    """Return a condition as it was written before, None when it was not."""
    found = (snapshot.environment.get("status") or {}).get("conditions") or ()
    said = next((c for c in found if c["type"] == kind), None)
    return said and Finding(kind, said["status"], said["reason"], said["message"])


def _lacking(spec: EnvironmentSpec, exposed: Exposed) -> list[str]:
    """Return which tools of an Environment no workload of this cluster has as it says."""
    types = {t.name: t.connection.type if t.connection else "ExternalURL" for t in spec.tools or () if t.port}
    lacking = {what: [name for name, its in types.items() if its == what] for what in exposed.lacks}
    return [
        f"spec.tools: the cluster has no {what} for {quoted(tools)}. Set {exposed.lacks[what]} for the operator, or "
        "use kubectl environment connect --forward."
        for what, tools in lacking.items()
        if tools
    ]


def _exposed(exposed: Exposed, lacking: Sequence[str], sample: int) -> Finding:
    """Return whether the tools of its users are reached as they are to be, naming so many who are not."""
    said = [_taken(exposed.conflicts, min(sample, 1))] if exposed.conflicts else []
    if exposed.problem:
        said.append(f"Tools have no URL: {cut(exposed.problem)}. Use kubectl environment connect --forward.")
    said += lacking
    said += [routes_refused(exposed.refused, named=bool(sample))] if exposed.refused else []
    if not said:
        return Finding("ToolsExposed", "True", Reason.EXPOSED, "The tools of its workloads are exposed.")
    missing = Reason.NO_ROUTES if exposed.problem or lacking else Reason.ROUTE_REFUSED
    reason = Reason.ADDRESS_TAKEN if exposed.conflicts else missing
    return Finding("ToolsExposed", "False", reason, " ".join(said))


def _taken(conflicts: Sequence[tuple[str, str, str]], most: int) -> str:
    """Return which workloads do not get the address that they ask for, the first by name."""
    if not most:
        count = f"{len(conflicts)} workload{' does' if len(conflicts) == 1 else 's do'}"
        return f"Addresses are taken: {count} not get what was asked for. {ASK_FOR_ANOTHER}"
    (key, asked, other), *more = conflicts
    others = f" ({len(more)} more workload{' lacks its' if len(more) == 1 else 's lack their'} address)" if more else ""
    ours, theirs = named_by_key(key), named_by_key(other)
    return f"{ours} does not get {cut(asked)}: {theirs} has it{others}. {ASK_FOR_ANOTHER}"


def _notices(findings: Sequence[Finding], before: Mapping[str, Any] | None) -> tuple[Notice, ...]:
    """Return an Event for each trouble that is new or has another reason."""
    known = {(c["type"], c["status"], c["reason"]) for c in (before or {}).get("conditions") or ()}
    troubles = (f for f in findings if f.type in _TROUBLES)
    return tuple(
        Notice("Warning", str(f.reason), f.message)
        for f in troubles
        if (f.type, f.status, str(f.reason)) not in known and f.reason != Reason.GRACE_PERIOD
    )


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
    """Return how many users the scope does not include; as written before while that is not known."""
    if verdict.spec is None or snapshot.departments is None:
        return _counted_before(snapshot, "outOfScope")
    projects = (user.namespace for user in snapshot.known.users)
    return scope.out_of_scope(verdict.spec.scope, projects, snapshot.departments)


_DESCRIPTION = ("fragment", "fragmentHash", "image", "podSecurity", "scope", "tools", "types")


def _description(verdict: Verdict) -> dict[str, Any]:
    """Return the part of the status that follows from the spec alone."""
    out: dict[str, Any] = {}
    if verdict.fragment is not None:
        out = {"fragment": verdict.fragment, "fragmentHash": fragment_hash(verdict.fragment)}
        out["podSecurity"] = pod_security(verdict.fragment)
        out |= _pulled(verdict.fragment["containers"][0]["image"], verdict)
    if verdict.spec is not None:
        tools = scope.tools_in_words(verdict.spec)
        out |= {"scope": scope.in_words(verdict.spec.scope), "types": ",".join(verdict.spec.workload_types)}
        out |= {"tools": tools} if tools else {}
    return out


def _pulled(image: str, verdict: Verdict) -> dict[str, Any]:
    """Return both references of an image that a mirror has; nothing where it is pulled by that of the spec."""
    declared = verdict.spec.image if verdict.spec else image
    return {"image": {"declared": declared, "pulled": image}} if image != declared else {}


def _kept(before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description as it was: a deleted Environment is described no further."""
    return {k: before[k] for k in _DESCRIPTION if k in before}
