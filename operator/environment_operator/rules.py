"""Who may use an Environment for what: the rules for new references, each refusal in its own words. Pure.

A reference that is stored is never judged again: a workload goes on whatever becomes of its Environment.
"""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from environment_operator import names, refusals, scope, third_party
from environment_operator.addresses import Routing
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.credentials import Secrets
from environment_operator.eligibility import fits, framework, in_words, kinds_for
from environment_operator.identity import Ids
from environment_operator.kinds import BUILTIN, Kind
from environment_operator.paths import get
from environment_operator.places import lacks_template, places, strays

# How many names are compared with one that there is not, and by how many characters those differ in length at most.
_COMPARED, _TYPED = 100, 3
_SHOWN = 120

Item = Mapping[str, Any]
Find = Callable[[str], "Published | None"]
_TABLE = (*BUILTIN, *third_party.ROWS)


class Refused(Exception):
    """The request cannot be admitted; the text says why and what to do."""


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
        return f"project {self.name!r}" + (f" of department {self.department!r}" if self.department else "")


@dataclass(frozen=True, slots=True)
class Published:
    """What admission knows of an Environment.

    Args:
        name: its name.
        generation: the generation that the fragment was made of.
        spec: its spec, None when it cannot be read.
        fragment: what it puts into a pod.
        hash: hash of the fragment.
        problem: why new references are refused; empty when they are not.
    """

    name: str
    generation: int
    spec: EnvironmentSpec | None
    fragment: Mapping[str, Any]
    hash: str
    problem: str = ""

    @property
    def pull_secrets(self) -> tuple[str, ...]:
        """The names of the Secrets that its image is pulled with."""
        return tuple(secret["name"] for secret in self.fragment.get("imagePullSecrets", ()))

    @property
    def is_personal(self) -> bool:
        """Whether the pods run with the ids of the person who submits them."""
        user = self.spec.user if self.spec else None
        return user is not None and user.source == "IdPToken"


@dataclass(frozen=True, slots=True)
class Around:
    """What is known around a request.

    Args:
        find: gives an Environment by name; asked only for new references.
        as_of: gives an Environment by name and generation, as it was put in a moment ago.
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
    routing: Routing = Routing()  # noqa: RUF009 - it is frozen
    taken: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    strict_groups: bool = True
    invalid: str = ""

    def may_come(self, name: str) -> bool:
        """Say whether an Environment is absent and may still be created: what a dry run admits is validated again.

        Flux runs a server-side dry run of a whole set before it applies any of it:
        https://github.com/fluxcd/pkg/blob/main/ssa/manager_apply.go
        """
        return self.dry_run and self.find(name) is None

    def usable(self, name: str, kind: Kind, item: Item) -> Published:
        """Return the Environment of a new reference.

        Args:
            name: its name.
            kind: row of the workload's kind.
            item: the workload.

        Raises:
            Refused: it may not be used.
        """
        environment = self.find(name)
        if environment is None:
            raise Refused(unknown(name, self.known))
        if environment.problem or environment.spec is None:
            raise Refused(f"the Environment {name!r} cannot be used: {environment.problem}")
        if why := refusal(name, environment.spec, kind, item, self.project):
            raise Refused(why)
        return environment


def check_labels(kind: Kind, new: dict[str, Any], old: dict[str, Any] | None) -> None:
    """Look at the labels of a workload that say where Environments go.

    Args:
        kind: the row of its kind.
        new: the workload as requested.
        old: the workload as stored; None on CREATE.

    Raises:
        Refused: a new one names a role that the workload does not write out, or as for `check_templates`.
    """
    before = get(old or {}, ("metadata", "labels")) or {}
    for label, roles in idle_labels(kind, new):
        if label not in before or before[label] != new["metadata"]["labels"][label]:
            raise Refused(refusals.no_role(kind, label, roles))
    check_templates(kind, new, old)


def idle_labels(kind: Kind, workload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the labels of a workload for roles that it does not write out, each with the roles that it does."""
    roles = sorted({place.role for place in places(kind, workload)} - {""})
    labels = get(workload, ("metadata", "labels")) or {}
    given = (label for label in labels if label.startswith(names.ROLE_REFERENCE))
    return [(label, roles) for label in given if label.removeprefix(names.ROLE_REFERENCE) not in roles]


def check_templates(kind: Kind, new: dict[str, Any], old: dict[str, Any] | None) -> None:
    """Look at whether a reference has pod templates, and all of them; arguments as above.

    Raises:
        Refused: it has none, or there are some for whose roles the kind has no place.
    """
    if lacks_template(kind, new, old):
        raise Refused(refusals.no_template(kind, new))
    for role in strays(kind, new, old):
        raise Refused(refusals.stray(kind, role))


def unknown(name: str, known: Collection[str]) -> str:
    """Return that there is no Environment of a name, with the nearest one among some that there are."""
    near = list(islice(_alike(name, known), _COMPARED))
    # Without a candidate there is nothing to compare: the label may be longer than any name.
    found = difflib.get_close_matches(name, near, 1) if near else ()
    hint = f' (did you mean "{found[0]}"?)' if found else ""
    return (
        f'Environment "{name[:_SHOWN]}" does not exist. Create it; if it is part of the same set of manifests, apply '
        f"the set again. Or correct label {names.REFERENCE}{hint}."
    )


def _alike(name: str, known: Collection[str]) -> Iterator[str]:
    """Yield the names that may be meant: about as long, those that begin or end like it first."""
    half = len(name) // 2
    near = [each for each in known if abs(len(each) - len(name)) <= _TYPED]
    likely = {each for each in near if each[:half] == name[:half] or each[-half:] == name[-half:]}
    yield from sorted(likely)
    yield from (each for each in near if each not in likely)


def refusal(name: str, spec: EnvironmentSpec, kind: Kind, item: Item, project: Project) -> str:
    """Return why a workload may not use an Environment, empty when it may.

    Args:
        name: name of the Environment.
        spec: its spec.
        kind: row of the workload's kind.
        item: the workload.
        project: where it is.
    """
    if kind.instead:
        return refusals.no_template(kind, item)
    rules: tuple[Callable[[], str], ...] = (
        lambda: _scope(spec, project),
        lambda: _types(spec, kind, item),
        lambda: _architecture(spec, kind, item),
    )
    why = next(filter(None, (rule() for rule in rules)), "")
    return f"the Environment {name!r} cannot be used: {why}" if why else ""


def _scope(spec: EnvironmentSpec, project: Project) -> str:
    """Return why it is not in scope."""
    if scope.includes(spec.scope, project.name, project.department):
        return ""
    there = f"it is for {scope.in_full(spec.scope)}, not for {project}"
    return f"{there}: choose one from kubectl get {names.CRD_NAME}, or ask its author to widen spec.scope"


def _types(spec: EnvironmentSpec, kind: Kind, item: Item) -> str:
    """Return why the workload type does not fit, and the way out."""
    wanted = (get(item, ("metadata", "labels")) or {}).get(names.WORKLOAD_TYPE)
    if wanted is not None and wanted not in kind.types:
        return f"the label {names.WORKLOAD_TYPE} says {wanted!r}; a {kind.kind} can be: {', '.join(kind.types)}"
    possible = (wanted,) if wanted else kind.types
    if set(possible) & set(spec.workload_types):
        return ""
    is_now = " or ".join(possible)
    why = f"it is for workload types {', '.join(spec.workload_types)}; this {kind.kind} is {is_now}"
    if others := [each for each in kind.types if each in spec.workload_types]:
        return f"{why}. Set label {names.WORKLOAD_TYPE}: {others[0]}, or use an Environment for {is_now}."
    return f"{why}. {_instead(spec, f'an Environment for {is_now}')}"


def _architecture(spec: EnvironmentSpec, kind: Kind, item: Item) -> str:
    """Return why architecture or framework do not fit, and the way out."""
    found = framework(kind, item)
    if fits(spec, found):
        return ""
    if found and spec.architecture == "Distributed":
        why = f"it is for the framework {spec.framework}; a {kind.kind} is {found}"
        return f"{why}. {_instead(spec, f'an Environment for the framework {found}')}"
    is_now = "Distributed" if found else "Standard"
    why = f"it is for {spec.architecture} workloads; this {kind.kind} is {is_now}"
    way_out = _instead(spec, f"an Environment with architecture {is_now}")
    if not kind.indexed:
        return f"{why}. {way_out}"
    mode = "remove" if found else "set"
    return f"{why}. For {spec.architecture} {mode} {kind.indexed}: Indexed. {way_out}"


def _instead(spec: EnvironmentSpec, other: str) -> str:
    """Return which kinds can use an Environment, or which other one is needed."""
    found = kinds_for(spec, _TABLE)
    found.sort(key=lambda kind: kind.framework != spec.framework)
    return f"Use a {in_words(found)}, or {other}." if found else f"Use {other}."
