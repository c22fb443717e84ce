"""Everything known of one Environment → what to do about it. Pure, and read as the specification.

`decide` takes the state, never what changed: the same snapshot gives the same plan, and a snapshot
in which nothing is left to do gives the empty plan.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from environment_operator.api import names
from environment_operator.api.lifecycle import has_finalizer, is_terminating, may_go
from environment_operator.controller import usage as counting
from environment_operator.controller.snapshot import Plan, Snapshot
from environment_operator.controller.status import Hold, report
from environment_operator.controller.usage import Known, Usage
from environment_operator.kube.errors import Reason
from environment_operator.kube.events import Notice
from environment_operator.spec.validation import Verdict, validate

_WAY_OUT = f"Delete its users, or remove their label {names.REFERENCE}."
_SOON, _LATER = timedelta(seconds=1), timedelta(minutes=1)


def wants_live_look(environment: Mapping[str, Any], known: Known) -> bool:
    """Return whether a deletion waits only for the API server to confirm that nobody uses the Environment."""
    return bool(is_terminating(environment) and has_finalizer(environment) and not known.users and not known.unknown)


def decide(snapshot: Snapshot) -> Plan:
    """Return what to do about one Environment."""
    environment = snapshot.environment
    found = counting.usage(snapshot.known, environment.get("status") or {}, snapshot.options.sample)
    if not is_terminating(environment):
        kinds = tuple(snapshot.known.kinds.values())
        verdict = validate(
            environment["spec"],
            replacement_exists=snapshot.replacement_exists,
            table=kinds,
            mirrors=snapshot.options.mirrors,
        )
        if not verdict.stalled and snapshot.validity and snapshot.validity.problem:
            verdict = Verdict(verdict.spec, stalled=(Reason.INVALID_FRAGMENT, snapshot.validity.problem))
        unprotected = not has_finalizer(environment) and not may_go(environment)
        return _with_status(snapshot, found, verdict, add_finalizer=unprotected)
    if not has_finalizer(environment):
        return _with_status(snapshot, found, Verdict())
    hold = _hold(snapshot, found)
    return _with_status(snapshot, found, Verdict(), hold) if hold else Plan(release=True, notices=_left_behind(found))


def _with_status(
    snapshot: Snapshot, found: Usage, verdict: Verdict, hold: Hold | None = None, *, add_finalizer: bool = False
) -> Plan:
    """Return the plan that brings the status up to date."""
    wanted = report(snapshot, found, verdict, hold)
    return Plan(
        add_finalizer=add_finalizer,
        status=None if wanted.status == snapshot.environment.get("status") else wanted.status,
        notices=wanted.notices,
        again=_SOON if hold and not found.total else _LATER if _is_unchecked(snapshot) else None,
    )


def _is_unchecked(snapshot: Snapshot) -> bool:
    """Return whether the API server is to be asked again about the pods."""
    return snapshot.validity is not None and bool(snapshot.validity.unchecked)


def _hold(snapshot: Snapshot, found: Usage) -> Hold | None:
    """Return why a deletion has to wait, or None when the finalizer may go.

    A request that was admitted before the DELETE may still create a user, so nobody is let go before the
    grace period has passed (https://github.com/kubernetes/kubernetes/issues/76703 is the same race).
    """
    meta, live = snapshot.environment["metadata"], snapshot.live
    if may_go(snapshot.environment):
        return None
    if found.total:
        return Reason.USED, f"Used by {counting.used_by(found)}. {_WAY_OUT}"
    if snapshot.known.unknown or live is None:
        return Reason.USAGE_UNKNOWN, counting.unknown(snapshot.known)
    if live.user:
        return Reason.USED, f"Used by {live.user}, created a moment ago. {_WAY_OUT}"
    if _left(meta["deletionTimestamp"], live.now, snapshot.options.grace) > timedelta():
        seconds = snapshot.options.grace.total_seconds()
        return (
            Reason.GRACE_PERIOD,
            f"No workload or template uses it. It is deleted {seconds:g} s after that was requested.",
        )
    return None


def _left(deleted: str, now: datetime, grace: timedelta) -> timedelta:
    """Return how much of the grace period is left; a deletionTimestamp was cut to whole seconds, so one is added."""
    return datetime.fromisoformat(deleted) + grace + timedelta(seconds=1) - now


def _left_behind(found: Usage) -> tuple[Notice, ...]:
    """Return the Event that names those who use an Environment that was deleted by order."""
    if not found.total:
        return ()
    what = f"Deleted by way of the annotation {names.ALLOW_DELETE_IN_USE} while used by {counting.used_by(found)}"
    return (Notice("Warning", Reason.RELEASED_IN_USE, f"{what}. {_WAY_OUT}"),)
