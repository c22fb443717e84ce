"""A workload or template that uses an Environment, as people want to see it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from environment_operator.api import names
from environment_operator.cli.output.text import age
from environment_operator.injection import record
from environment_operator.kinds.table import Kind

Object = Mapping[str, Any]

UP_TO_DATE, OUTDATED, NOT_FILLED_IN = "up to date", "outdated", "not filled in"
HEADER = ("Kind", "Project", "Name", "Type", "Status", "Age", "State")


@dataclass(frozen=True, slots=True)
class User:
    """One user.

    Args:
        kind: its row in the kinds table.
        project: its namespace, empty for a cluster-scoped template.
        name: its name.
        type: which workload types it can be.
        status: how it is, in a word or two.
        created: when it was created.
        state: whether it has today's Environment.
        item: it itself.
    """

    kind: Kind
    project: str
    name: str
    type: str
    status: str
    created: str
    state: str
    item: Object = field(repr=False, compare=False)

    @property
    def refreshable(self) -> bool:
        """Whether a refresh can bring today's Environment."""
        return not self.kind.template_immutable

    def row(self, now: datetime) -> tuple[str, ...]:
        """Return the values for the table."""
        stays = self.state == OUTDATED and not self.refreshable
        state = f"{self.state}, a {self.kind.kind} cannot change" if stays else self.state
        return self.kind.kind, self.project, self.name, self.type, self.status, age(self.created, now), state

    def __str__(self) -> str:
        """Return it as a person would name it, such as ``Job vision/train``."""
        return f"{self.kind.kind} {self.project}/{self.name}" if self.project else f"{self.kind.kind} {self.name}"

    @property
    def order(self) -> tuple[str, str, str]:
        """What users are sorted by."""
        return self.project, self.kind.kind, self.name


@dataclass(frozen=True, slots=True)
class Users:
    """Who uses an Environment, as far as the reader may see it.

    Args:
        seen: the users, in order.
        unread: the kinds of which more may use it that the reader does not see.
        counted: how many the operator counts, None where nobody knows.
    """

    seen: Sequence[User] = ()
    unread: Sequence[str] = ()
    counted: int | None = None

    @property
    def are_possible(self) -> bool:
        """Whether it has users, or may have."""
        return bool(self.seen or self.unread or self.counted)

    def __str__(self) -> str:
        """Return how many there are, and of how many only the operator knows."""
        if self.counted is None and self.unread:
            return f"{len(self.seen)} that you may see"
        if self.unread or (self.counted and not self.seen):
            return f"{self.counted} by the operator's count, of which you may see {len(self.seen)}"
        return str(len(self.seen))


def user(kind: Kind, found: Object, environment: str, fragment_hash: str) -> User:
    """Return an object as a user of an Environment.

    Args:
        kind: its row in the kinds table.
        found: the object.
        environment: name of the Environment.
        fragment_hash: hash of what the Environment injects today, empty while that is not known.
    """
    meta = found["metadata"]
    state = _state(found, environment, fragment_hash)
    created = meta.get("creationTimestamp") or ""
    types = (meta.get("labels") or {}).get(names.WORKLOAD_TYPE) or ",".join(kind.types)
    return User(kind, meta.get("namespace", ""), meta["name"], types, _status(found), created, state, found)


def _state(found: Object, environment: str, fragment_hash: str) -> str:
    """Return whether an object has today's Environment."""
    hashes = {entry.hash for entry in record.entries(found).values() if entry.env == environment}
    if not hashes:
        return NOT_FILLED_IN
    return UP_TO_DATE if hashes == {fragment_hash} or not fragment_hash else OUTDATED


def _status(found: Object) -> str:
    """Return how an object is: by its phase, its conditions, whether it is stopped, and its replicas."""
    spec, status = found.get("spec") or {}, found.get("status") or {}
    if found["metadata"].get("deletionTimestamp"):
        return "Terminating"
    if status.get("phase"):
        return str(status["phase"])
    if spec.get("suspend"):
        return "Suspended"
    wanted = status.get("desiredNumberScheduled", spec.get("replicas"))
    if wanted is not None:
        return f"{status.get('numberReady', status.get('readyReplicas', 0))}/{wanted} ready"
    return _from_conditions(status)


def _from_conditions(status: Object) -> str:
    """Return the latest condition that holds, else whether something runs; empty where nothing is said."""
    holding = [condition for condition in status.get("conditions") or () if condition.get("status") == "True"]
    if holding:
        return str(max(holding, key=lambda condition: condition.get("lastTransitionTime") or "")["type"])
    return "Running" if status.get("active") else ""
