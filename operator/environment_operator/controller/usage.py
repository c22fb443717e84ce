"""Users of one Environment → the counts, samples and sentences that people see. Pure."""

import heapq
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from environment_operator.api import names
from environment_operator.api.wording import NAMES, cut, in_words, named
from environment_operator.controller.index import User
from environment_operator.kinds.table import Kind
from environment_operator.kube.informer import NOT_LISTED

InUse = Literal["True", "False", "Unknown"]
_HOUR = timedelta(hours=1)
# Room for the full name of a kind, and for what the API server answered about it.
_LONG = 160


@dataclass(frozen=True, slots=True)
class Known:
    """What the informers know of one Environment's users.

    Args:
        users: the users that were seen, each with the hash of what was injected, empty for nothing.
        kinds: the kinds table, by full name.
        unknown: kinds that are not in step now, each with a sentence that says why.
        blind: those of them that were never listed, so that no user of theirs was seen.
    """

    users: Mapping[User, str]
    kinds: Mapping[str, Kind]
    unknown: Mapping[str, str] = field(default_factory=dict)
    blind: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts and samples, ready for the status.

    Args:
        in_use: Unknown when nobody was seen and not every kind is in step.
        by_kind: number of users by group and kind, sorted.
        workloads: number of workloads.
        templates: number of templates.
        workload_sample: the first workloads in order, as status references.
        template_sample: the first templates in order.
    """

    in_use: InUse
    by_kind: Mapping[tuple[str, str], int]
    workloads: int
    templates: int
    workload_sample: Sequence[dict[str, str]]
    template_sample: Sequence[dict[str, str]]

    @property
    def total(self) -> int:
        """All users."""
        return self.workloads + self.templates

    @property
    def truncated(self) -> bool:
        """Whether the samples leave users out."""
        return len(self.workload_sample) + len(self.template_sample) < self.total


def usage(known: Known, previous: Mapping[str, Any], sample: int) -> Usage:
    """Return who uses the Environment.

    Users of kinds that were never listed are taken from the status so far, so that a restart while a kind
    cannot be read loses nobody.

    Args:
        known: what the informers know.
        previous: the status so far.
        sample: how many workloads, and how many templates, to name.
    """
    templates = {(k.group, k.kind) for k in known.kinds.values() if k.template}
    blind = {(known.kinds[name].group, known.kinds[name].kind) for name in known.blind}
    counts = Counter(_group_kind(known.kinds[user.kind]) for user in known.users)
    carried = (previous.get("usage") or {}).get("byKind") or ()
    counts.update({(k["group"], k["kind"]): k["count"] for k in carried if (k["group"], k["kind"]) in blind})
    total, in_templates = counts.total(), sum(counts[k] for k in templates)
    return Usage(
        in_use="True" if total else "Unknown" if known.unknown else "False",
        by_kind=dict(sorted((k, n) for k, n in counts.items() if n)),
        workloads=total - in_templates,
        templates=in_templates,
        workload_sample=_sample(known, previous.get("workloads"), blind, sample, templates=False),
        template_sample=_sample(known, previous.get("templates"), blind, sample, templates=True),
    )


def outdated(known: Known, current: str) -> int:
    """Return how many users have something else than today's fragment, among those that a refresh can reach.

    Args:
        known: what the informers know.
        current: hash of today's fragment.
    """
    reach = {name for name, kind in known.kinds.items() if not kind.template_immutable}
    return sum(bool(found) and found != current for user, found in known.users.items() if user.kind in reach)


def last_used(found: Usage, previous: Mapping[str, Any], now: str, *, hour_passed: bool) -> str:
    """Return when the Environment was used last; empty when nobody used it yet.

    When it is not known whether anybody uses it, the time stays.

    Args:
        found: who uses it.
        previous: the status so far.
        now: RFC 3339 time.
        hour_passed: whether the time so far is an hour old, see `is_hour_old`.
    """
    before = str(previous.get("lastUsedTime") or "")
    if found.total:
        return before if before and not hour_passed else now
    was_used = any(c["type"] == "InUse" and c["status"] == "True" for c in previous.get("conditions") or ())
    return now if was_used and found.in_use == "False" else before


def is_hour_old(status: Mapping[str, Any], now: str) -> bool:
    """Return whether an hour has passed since the time at which an Environment that has users was used last."""
    known = str(status.get("lastUsedTime") or "")
    in_use = bool((status.get("usage") or {}).get("total"))
    return in_use and bool(known) and datetime.fromisoformat(now) - datetime.fromisoformat(known) >= _HOUR


def used_by(found: Usage) -> str:
    """Return who uses it, the first few by name, such as ``1 workload: Job "train" in project "team-a"``."""
    who = _named_users(found)
    return f"{in_words(found.workloads, found.templates)}{f': {who}' if who else ''}"


def unknown(known: Known) -> str:
    """Return which kinds cannot be listed, and why."""
    what = "Whether a workload or template uses it is not known"
    if not known.unknown:
        return f"{what} yet: the API server is asked for it."
    # A kind that was refused says more than one whose list is on its way.
    first, *more = sorted(known.unknown.values(), key=lambda why: (why.endswith(NOT_LISTED), why))
    others = f" ({len(more)} more kind{'s' if len(more) > 1 else ''} not listed)" if more else ""
    return f"{what}: {cut(first, _LONG)}{others}. See the log of {names.SERVICE_ACCOUNT}."


def _named_users(found: Usage) -> str:
    """Return the first users of the samples, and how many more there are; empty when none may be named."""
    shown = [*found.workload_sample, *found.template_sample][:NAMES]
    more = f" and {found.total - len(shown)} more" if found.total > len(shown) else ""
    return ", ".join(named(user["kind"], user["namespace"], user["name"]) for user in shown) + more if shown else ""


def _group_kind(kind: Kind) -> tuple[str, str]:
    """Return how the status names a kind."""
    return kind.group, kind.kind


def _sample(
    known: Known,
    previous: Sequence[dict[str, str]] | None,
    blind: Collection[tuple[str, str]],
    most: int,
    *,
    templates: bool,
) -> list[dict[str, str]]:
    """Return the first users in order of namespace, kind and name, as references."""
    seen = [_reference(known.kinds[u.kind], u) for u in known.users if known.kinds[u.kind].template is templates]
    carried = [user for user in previous or () if (user["group"], user["kind"]) in blind]
    return heapq.nsmallest(most, seen + carried, key=lambda u: (u["namespace"], u["kind"], u["name"], u["group"]))


def _reference(kind: Kind, user: User) -> dict[str, str]:
    """Return a user as the status names it."""
    return {"group": kind.group, "kind": kind.kind, "namespace": user.namespace, "name": user.name}
