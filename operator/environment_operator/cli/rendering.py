"""A workload as it would be admitted, with Environments of a cluster or of files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from environment_operator.api import names
from environment_operator.api.references import references
from environment_operator.cli import lookup, provenance
from environment_operator.cli.checking import replaced_by
from environment_operator.cli.client.connection import ENVIRONMENTS, Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.local_admission import admitted, published, referring
from environment_operator.cli.output import yaml_text
from environment_operator.injection.context import Outcome, Project, Published
from environment_operator.injection.identity import Ids
from environment_operator.kinds.table import Kind
from environment_operator.spec import scope

Object = dict[str, Any]
Look = Callable[[str], Published | None]
NOBODY = Ids()


@dataclass(frozen=True, slots=True)
class Rendered:
    """What would become of a workload.

    Args:
        kind: row of its kind.
        known: the Environments that it refers to.
        outcome: the workload as it would be stored, or why it would be refused.
    """

    kind: Kind
    known: Sequence[Published]
    outcome: Outcome

    def yaml(self, *, sources: bool = True) -> str:
        """Return it as YAML, where each line says where its value comes from; empty when it would be refused."""
        if self.outcome.workload is None:
            return ""
        if not sources:
            return yaml_text.write(self.outcome.workload)
        personal = [each.name for each in self.known if each.is_personal]
        found = provenance.sources(self.kind, self.outcome.workload, personal)
        return provenance.annotated(self.outcome.workload, found, "workload")


def render(
    connection: Connection,
    look: Look,
    workload: Object,
    name: str,
    project: str,
    *,
    files: Sequence[str] = (),
    ids: Ids = NOBODY,
) -> Rendered:
    """Return what would become of a workload.

    Args:
        connection: the API server.
        look: finds an Environment.
        workload: the workload.
        name: name of the Environment, empty for that of its label.
        project: where it would be created, empty for its own place, else the namespace of the context.
        files: where the Environments are, none for the cluster.
        ids: the ids of the person who would create it.

    Raises:
        Problem: there is no such Environment, or it cannot be used, or not by this kind.
    """
    kind = lookup.kind_of(workload, lookup.kinds(connection, offline=bool(files)))
    labels = workload["metadata"].get("labels") or {}
    main = usable(look, name or labels.get(names.REFERENCE, ""), files)
    asked = referring(workload, main.name)
    others = references(asked["metadata"]["labels"], roles=bool(kind.roles)) - {main.name}
    known = [main, *filter(None, map(look, sorted(others)))]
    place = _project(connection, project or asked["metadata"].get("namespace", ""), main, offline=bool(files))
    return Rendered(kind, known, admitted(kind, asked, known, place, ids))


def usable(look: Look, name: str, files: Sequence[str] = ()) -> Published:
    """Return an Environment that can be used.

    Args:
        look: finds it.
        name: its name, empty for the only one of the files.
        files: where it is, none for the cluster.

    Raises:
        Problem: there is none, or it cannot be used.
    """
    if not name and not files:
        raise Problem("no Environment is given. Give its NAME, or --environment FILE.", Exit.USAGE)
    found = look(name)
    if found is None:
        hint = (
            f"in {', '.join(files)}. Give another file." if files else "in this cluster. See kubectl environment list."
        )
        raise Problem(f'there is no Environment "{name}" {hint}', Exit.NOT_FOUND)
    if found.problem:
        raise Problem(f'Environment "{found.name}" cannot be used: {found.problem}')
    return found


def in_cluster(connection: Connection) -> Look:
    """Return what finds an Environment of the cluster, as admission knows it."""

    def look(name: str) -> Published | None:
        found = connection.find(f"{ENVIRONMENTS}/{name}")
        if found is None:
            return None
        replacement = replaced_by(found)
        exists = replacement and connection.find(f"{ENVIRONMENTS}/{replacement}")
        return published(found, [replacement] if exists else [])

    return look


def in_files(objects: Sequence[Object]) -> Look:
    """Return what finds an Environment among objects of files, the first one where no name is given."""
    listed = {each["metadata"].get("name"): each for each in objects if each.get("kind") == names.KIND}

    def look(name: str) -> Published | None:
        found = listed.get(name or next(iter(listed), ""))
        return published(found, listed) if found else None

    return look


def _project(connection: Connection, given: str, environment: Published, *, offline: bool) -> Project:
    """Return where a workload would be; without a cluster nobody knows departments, and it is taken to be in scope."""
    name = given or ("" if offline else connection.namespace)
    if not offline:
        return Project(name, lookup.department(connection, name))
    if environment.spec and not scope.includes(environment.spec.scope, name, None):
        first = (environment.spec.scope.projects or [name])[0]
        return Project(first, next(iter(environment.spec.scope.departments or ()), None))
    return Project(name)
