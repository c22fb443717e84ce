"""What is known of a request while it is decided about: who asks, where, and which Environments there are. Pure."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.credentials.copies import Secrets
from environment_operator.injection.identity import Ids
from environment_operator.tools.addresses import Routing

Find = Callable[[str], "Published | None"]
Object = dict[str, Any]


class Refusal(StrEnum):
    """Why requests are refused, in a word for metrics."""

    NOT_FOUND = "NotFound"
    UNUSABLE = "Unusable"
    NOT_ELIGIBLE = "NotEligible"
    OVERRIDE = "Override"
    NOT_INJECTED = "NotInjected"
    CHANGED = "Changed"
    NO_IDS = "NoIds"
    BAD_ADDRESS = "BadAddress"
    TOO_LARGE = "TooLarge"
    TIMEOUT = "Timeout"
    INVALID = "Invalid"


class Refused(Exception):
    """The request cannot be admitted; the text says why and what to do.

    Args:
        why: the text.
        reason: the word for it.
    """

    def __init__(self, why: str, reason: Refusal = Refusal.INVALID) -> None:
        super().__init__(why)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Project:
    """Where a workload is.

    Args:
        name: the namespace; empty for a cluster-scoped template.
        department: the department of the namespace, None when it is in none.
        level: the Pod Security Standard that the namespace enforces, empty for none.
    """

    name: str
    department: str | None = None
    level: str = ""

    def __str__(self) -> str:
        """Return it in words."""
        if not self.name:
            return "the whole cluster"
        return f'project "{self.name}"' + (f' of department "{self.department}"' if self.department else "")


@dataclass(frozen=True, slots=True)
class Published:
    """What admission knows of an Environment.

    Args:
        name: its name.
        generation: the generation that the fragment was made of.
        spec: its spec, None when it cannot be read.
        fragment: what it puts into a pod.
        hash: hash of the fragment.
        locked: what may not be overridden, as `overrides.locked` returns it.
        problem: why new references are refused; empty when they are not.
    """

    name: str
    generation: int
    spec: EnvironmentSpec | None
    fragment: Mapping[str, Any]
    hash: str
    locked: tuple[str, ...] = ()
    problem: str = ""

    @property
    def pull_secrets(self) -> tuple[str, ...]:
        """The names of the Secrets that its image is pulled with."""
        return tuple(secret["name"] for secret in self.fragment.get("imagePullSecrets", ()))

    @property
    def image(self) -> str | None:
        """The image as it is declared, not as it is pulled from a mirror."""
        return self.spec.image if self.spec else None

    @property
    def is_personal(self) -> bool:
        """Whether the pods run with the ids of the person who submits them."""
        user = self.spec.user if self.spec else None
        return user is not None and user.source == "IdPToken"


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What is known around a request.

    Args:
        find: gives an Environment by name; asked only for new references.
        as_of: gives an Environment by name and generation, as it was injected a moment ago.
        token: 8 characters for a workload that has none yet.
        project: where the workload is.
        user: who makes the request.
        ids: the ids of that person, all absent for a controller or a pipeline.
        known: names of the Environments that there are, for a hint.
        account_secrets: the pull secrets of service accounts, where they matter.
        secrets: what is known of the Secrets of the project, where they matter.
        routing: where the URLs of tools are.
        taken: addresses of tools that cannot be given, each with the reason.
        dry_run: whether nothing of the request is stored.
        strict_groups: whether guarded ids keep the groups of the image out.
        excess: the `limits.excess` of the workload; None where it was not found out before.
        most: the `limits.bound` of the review; None where it was not found out before.
        invalid: where the request writes an Environment, why the API server refuses its pods; empty when it does not.
    """

    find: Find
    as_of: Callable[[str, int], Published | None] = lambda *_: None
    token: str = ""
    project: Project = Project("")
    user: str = ""
    ids: Ids = field(default_factory=Ids)
    known: Collection[str] = ()
    account_secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=Secrets)
    routing: Routing = field(default_factory=Routing)
    taken: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    strict_groups: bool = True
    excess: str | None = None
    most: int | None = None
    invalid: str = ""

    def may_come(self, name: str) -> bool:
        """Return whether an Environment is absent and may still be created: what a dry run admits is validated again.

        Flux runs a server-side dry run of a whole set before it applies any of it:
        https://github.com/fluxcd/pkg/blob/main/ssa/manager_apply.go
        """
        return self.dry_run and self.find(name) is None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a request: the workload as it is to be stored, or None with words and reason of the refusal."""

    workload: Object | None
    refusal: str = ""
    warnings: tuple[str, ...] = ()
    reason: Refusal = Refusal.INVALID


def refused(why: Exception) -> Outcome:
    """Return that a request is refused, by what was raised: what has no reason is an address that cannot be given."""
    return Outcome(None, str(why), reason=getattr(why, "reason", Refusal.BAD_ADDRESS))
