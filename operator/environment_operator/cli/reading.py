"""What commands read of the API server: one Environment, and everybody who uses it."""

from collections.abc import Iterable
from typing import Any

from environment_operator import names
from environment_operator.cli import console
from environment_operator.cli.connection import ENVIRONMENTS, NAMESPACES, Connection
from environment_operator.cli.problems import Exit, Problem
from environment_operator.cli.users import User, user
from environment_operator.errors import Forbidden, NotFound
from environment_operator.index import references
from environment_operator.kinds import BUILTIN, Kind, is_derived
from environment_operator.third_party import ROWS

Object = dict[str, Any]
KINDS = (*BUILTIN, *ROWS)


def environment(connection: Connection, name: str) -> Object:
    """Return an Environment.

    Raises:
        Problem: there is none of this name.
    """
    try:
        return connection.get(f"{ENVIRONMENTS}/{name}")
    except NotFound as error:
        if "requested resource" in error.message:
            raise
        hint = "kubectl environment list shows those that there are"
        raise Problem(f"there is no Environment {name!r}: {hint}", Exit.NOT_FOUND) from error


def users(connection: Connection, of: Object, project: str = "", kinds: Iterable[Kind] = KINDS) -> list[User]:
    """Return the users of an Environment, in order; what may not be read is said.

    Args:
        connection: the API server.
        of: the Environment, whole.
        project: only those in this project; empty for all.
        kinds: the kinds to look through.
    """
    name = of["metadata"]["name"]
    hashed = (of.get("status") or {}).get("fragmentHash") or ""
    out: list[User] = []
    with console.progress(f"looking for users of {name}") as tell:
        for kind in kinds:
            tell(kind.name)
            out += [user(kind, each, name, hashed) for each in _referring(connection, kind, name, project)]
    return sorted(out, key=lambda each: each.order)


def path(kind: Kind, project: str = "", name: str = "", version: str = "") -> str:
    """Return the URL path of a kind's objects, of those in a project, or of one."""
    prefix = f"/apis/{kind.group}/{version or kind.version}" if kind.group else f"/api/{version or kind.version}"
    place = f"{prefix}/namespaces/{project}/{kind.plural}" if project else f"{prefix}/{kind.plural}"
    return f"{place}/{name}" if name else place


def projects(connection: Connection) -> dict[str, str | None] | None:
    """Return all projects with their departments; None when the user may not list them."""
    try:
        found = connection.items(NAMESPACES)
    except Forbidden:
        return None
    return {each["metadata"]["name"]: (each["metadata"].get("labels") or {}).get(names.DEPARTMENT) for each in found}


def events(connection: Connection, name: str) -> list[Object] | None:
    """Return the Events about an Environment; None when the user may not list them."""
    selector = f"involvedObject.kind={names.KIND},involvedObject.name={name}"
    try:
        return connection.items("/api/v1/events", fieldSelector=selector)
    except Forbidden:
        return None


def _referring(connection: Connection, kind: Kind, name: str, project: str) -> list[Object]:
    """Return the objects of a kind that refer to an Environment themselves, by whichever of their labels."""
    selector = names.REFERENCE if kind.roles else f"{names.REFERENCE}={name}"
    try:
        found = _served(connection, kind, project, selector)
    except Forbidden as error:
        console.warn(f"{kind.kind}s are left out: {error.message}")
        return []
    return [
        each
        for each in found
        if name in references(each["metadata"].get("labels") or {})
        and not is_derived(each["metadata"].get("ownerReferences") or (), KINDS)
    ]


def _served(connection: Connection, kind: Kind, project: str, selector: str) -> list[Object]:
    """Return the objects of a kind in the version that the cluster serves; none when it serves no version."""
    for version in (kind.version, *kind.also):
        try:
            return connection.items(path(kind, project, version=version), labelSelector=selector)
        except NotFound:
            continue
    return []


def kind_of(workload: Object) -> Kind:
    """Return the row of a workload's kind.

    Raises:
        Problem: an Environment cannot be used by this kind.
    """
    group, _, version = str(workload.get("apiVersion", "")).rpartition("/")
    for kind in KINDS:
        if (kind.group, kind.kind) == (group, workload.get("kind")) and version in (kind.version, *kind.also):
            return kind
    known = ", ".join(sorted({kind.kind for kind in KINDS}))
    given = f"{workload.get('apiVersion')} {workload.get('kind')}"
    raise Problem(f"{given} is of no kind that can use an Environment; these can: {known}")


def department(connection: Connection, project: str) -> str | None:
    """Return the department of a project, None when it is in none or does not exist yet."""
    namespace = connection.find(f"{NAMESPACES}/{project}") or {}
    return ((namespace.get("metadata") or {}).get("labels") or {}).get(names.DEPARTMENT)


def row(kind: str) -> Kind:
    """Return the row of a kind as people write it: ``Job``, ``jobs`` or ``jobs.batch``.

    Raises:
        Problem: an Environment cannot be used by this kind.
    """
    for each in KINDS:
        if kind.lower() in (each.kind.lower(), each.plural, each.name):
            return each
    known = ", ".join(sorted({each.kind for each in KINDS}))
    raise Problem(f"{kind!r} is no kind that can use an Environment; these can: {known}", Exit.USAGE)


def workload(connection: Connection, written: str, project: str) -> tuple[Kind, Object, str]:
    """Return a workload written as ``KIND/NAME``: the row of its kind, the object, and its URL path.

    Raises:
        Problem: there is no such workload, or it is written otherwise.
    """
    kind, slash, name = written.partition("/")
    if not (slash and name):
        raise Problem(f"{written!r}: write KIND/NAME, such as deployment/notebook", Exit.USAGE)
    its = row(kind)
    for version in (its.version, *its.also):
        at = path(its, project, name, version)
        if found := connection.find(at):
            return its, found, at
    raise Problem(f"there is no {its.kind} {name!r} in {project}", Exit.NOT_FOUND)
