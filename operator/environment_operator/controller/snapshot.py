"""What a decision is made from, and what it is: plain data between gathering, deciding and acting. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from environment_operator.controller.usage import Known
from environment_operator.kube.events import Notice
from environment_operator.spec.server_validation import Validity
from environment_operator.tools.index import Exposed


@dataclass(frozen=True, slots=True)
class LiveLook:
    """What the API server itself said about users, asked after the index said there were none.

    Args:
        now: the API server's clock before it was asked, so that no clock of ours decides about the grace period.
        user: a user that it knows, in words; None when it knows none.
    """

    now: datetime
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """Settings that decisions depend on.

    Args:
        sample: how many users to name in the status; 0 names nobody.
        grace: how long after a DELETE a user may still come into being whose admission began before it.
        cluster: name of the cluster for the status; empty for none.
        node_ports: the node ports of the cluster.
        mirrors: what stands for registries, as for `images.mirrored`.
    """

    sample: int = 10
    grace: timedelta = timedelta(seconds=10)
    cluster: str = ""
    node_ports: range = range(30000, 32768)
    mirrors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a decision is made from.

    Args:
        environment: the object as last seen.
        known: who uses it, as far as the informers know.
        departments: the department of each project that exists; None while the projects are not known.
        replacement_exists: whether ``deprecated.replacedBy`` names an Environment that exists.
        now: RFC 3339 time for conditions that change.
        live: the live look, where it was asked for.
        options: the settings.
        secrets: the names of the Secrets of each project, None where they may not be seen, without those that were not
            checked; None when nobody checks.
        exposed: how tools are reached.
        hour_passed: whether an hour of use has passed, the only change that time alone brings.
        validity: what the API server says of its pods; None when it said before that they are valid.
        reminded: whether Events of troubles that last are posted again: the API server forgets Events after an hour.
    """

    environment: Mapping[str, Any]
    known: Known
    departments: Mapping[str, str | None] | None
    replacement_exists: bool
    now: str
    live: LiveLook | None = None
    options: Options = field(default_factory=Options)
    secrets: Mapping[str, Collection[str] | None] | None = None
    exposed: Exposed = field(default_factory=Exposed)
    hour_passed: bool = False
    validity: Validity | None = None
    reminded: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    Args:
        add_finalizer: put our finalizer in.
        release: take our finalizer out, so that a deletion completes.
        status: the status to write; None when it is as it should be.
        notices: Events to post.
        again: reconcile again after this time.
    """

    add_finalizer: bool = False
    release: bool = False
    status: dict[str, Any] | None = None
    notices: tuple[Notice, ...] = ()
    again: timedelta | None = None


def is_validated(environment: Mapping[str, Any]) -> bool:
    """Return whether the API server was asked about the pods of this generation and found them valid."""
    wanted = ("FragmentValid", "True", environment["metadata"]["generation"])
    found = (environment.get("status") or {}).get("conditions") or ()
    return any((c["type"], c["status"], c.get("observedGeneration")) == wanted for c in found)
