"""What commands read of the API server: one Environment, and everybody who uses it."""

from dataclasses import dataclass
from typing import Any

from environment_operator.api import names
from environment_operator.api.references import used
from environment_operator.cli import files
from environment_operator.cli.client.connection import ENVIRONMENTS, NAMESPACES, Connection, asked_once, same_for_all
from environment_operator.cli.client.discovery import versions
from environment_operator.cli.client.responses import NO_SUCH_KIND
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console
from environment_operator.cli.output.text import few
from environment_operator.cli.users import Users, user
from environment_operator.kinds import further
from environment_operator.kinds.table import BUILTIN, Kind, is_derived
from environment_operator.kube.errors import ApiError, Forbidden, NotFound

Object = dict[str, Any]
Kinds = tuple[Kind, ...]
# As kubectl takes them: https://kubernetes.io/docs/reference/kubectl/#resource-types
_SHORT = {"po": "pods", "deploy": "deployments", "sts": "statefulsets", "ds": "daemonsets", "rs": "replicasets"}
_SHORT |= {"rc": "replicationcontrollers", "cj": "cronjobs"}
_ENVIRONMENT = (names.GROUP, names.PLURAL)
_KINDS = f"{NAMESPACES}/{names.SYSTEM_NAMESPACE}/configmaps/{names.KINDS}"


@asked_once
def kinds(connection: Connection, *, offline: bool = False) -> Kinds:
    """Return the kinds table: with the rows of the user's file, else with those that the cluster publishes.

    Args:
        connection: the API server.
        offline: whether no cluster is to be asked.

    Raises:
        Problem: the file holds no rows.
    """
    file = connection.kinds_file
    try:
        text = files.read(file) if file else _published(connection, offline=offline)
        own = further.rows(text, file or _KINDS)
    except (OSError, ValueError) as error:
        if file:
            raise Problem(f"--kinds-file: {error}", Exit.USAGE) from error
        console.warn(f"further kinds are left out: {error}")
        own = ()
    return (*BUILTIN, *further.with_own(own))


def _published(connection: Connection, *, offline: bool) -> str:
    """Return the rows of further kinds as the cluster has them, none where they cannot be read."""
    try:
        found = None if offline else _published_kinds(connection)
    except (ApiError, Problem):
        found = None
    return str(((found or {}).get("data") or {}).get(names.KINDS_KEY) or "[]")


@same_for_all
def _published_kinds(connection: Connection) -> Object | None:
    """Return the ConfigMap with the rows of further kinds, which everybody may read; None where there is none."""
    return connection.find(_KINDS)


def environment(connection: Connection, name: str) -> Object:
    """Return an Environment.

    Raises:
        Problem: there is none of this name.
    """
    try:
        return connection.get(f"{ENVIRONMENTS}/{name}")
    except NotFound as error:
        if NO_SUCH_KIND in error.message:
            raise
        hint = "See kubectl environment list."
        raise Problem(f'there is no Environment "{name}". {hint}', Exit.NOT_FOUND) from error


@dataclass(frozen=True, slots=True)
class Referring:
    """An object that refers to an Environment.

    Args:
        kind: row of its kind.
        item: the object.
        path: its URL path.
    """

    kind: Kind
    item: Object
    path: str

    def __str__(self) -> str:
        """Return it as a person would name it, such as ``Job vision/train``."""
        meta = self.item["metadata"]
        return f"{self.kind.kind} {'/'.join(filter(None, (meta.get('namespace'), meta['name'])))}"


def referring(
    connection: Connection, name: str, project: str = "", *, templates: bool | None = None
) -> tuple[list[Referring], list[str]]:
    """Return the objects that refer to an Environment themselves, and the kinds that may not be listed, which is said.

    Args:
        connection: the API server.
        name: name of the Environment.
        project: only those in this project; empty for all.
        templates: only templates, or only workloads; None for both.
    """
    out: list[Referring] = []
    known = _unlistable(connection, project)
    asked = [kind for kind in kinds(connection) if templates in (None, kind.template)]
    before = set(known)
    with console.progress(f"looking for users of {name}") as update:
        for kind in (kind for kind in asked if kind.name not in known):
            update(kind.name)
            try:
                out += _of_kind(connection, kind, name, project)
            except Forbidden:
                known.append(kind.name)
    if new := [each for each in known if each not in before]:
        where = f"in {project}" if project else "in all namespaces"
        console.warn(f"users are left out of kinds that you may not list {where}: {few(new)}")
    return out, [kind.name for kind in asked if kind.name in known]


@asked_once
def _unlistable(_connection: Connection, _project: str) -> list[str]:
    """Return the kinds that the user turned out not to be allowed to list: asked once, and said once."""
    return []


def users(connection: Connection, of: Object, project: str = "", *, templates: bool | None = None) -> Users:
    """Return the users of an Environment; what may not be read is said.

    Args:
        connection: the API server.
        of: the Environment, whole.
        project: only those in this project; empty for all.
        templates: only templates, or only workloads; None for both.
    """
    unknown = _unknown(of, kinds(connection))
    name = of["metadata"]["name"]
    hashed = (of.get("status") or {}).get("fragmentHash") or ""
    found, unread = referring(connection, name, project, templates=templates)
    seen = sorted((user(each.kind, each.item, name, hashed) for each in found), key=lambda each: each.order)
    counts = {None: "total", False: "workloads", True: "templates"}
    return Users(seen, [*unknown, *unread], None if project else usage(of).get(counts[templates]))


def usage(of: Object) -> Object:
    """Return the counts in the status of an Environment, empty while there are none."""
    return (of.get("status") or {}).get("usage") or {}


def await_change(connection: Connection, name: str, version: str, seconds: int) -> None:
    """Return when an Environment changes, or so much time has passed."""
    query = {"fieldSelector": f"metadata.name={name}", "timeoutSeconds": str(seconds)}
    for _ in connection.watch(ENVIRONMENTS, version, **query):
        return


def _unknown(of: Object, table: Kinds) -> list[str]:
    """Return the kinds of which the operator knows users and we do not, after a note."""
    known = {(kind.group, kind.kind) for kind in table}
    unknown = [each for each in usage(of).get("byKind") or () if (each["group"], each["kind"]) not in known]
    for each in unknown:
        kind = f"{each['kind']}.{each['group']}"
        console.warn(f"{each['count']} of kind {kind} are left out, there is no row for it: give --kinds-file FILE")
    return [each["kind"] for each in unknown]


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


def may(
    connection: Connection, verb: str, name: str = "", *, of: tuple[str, str] = _ENVIRONMENT, project: str = ""
) -> bool:
    """Return whether the user has a verb on an object, or on all of a kind.

    Args:
        connection: the API server.
        verb: the verb.
        name: name of the object, empty for all.
        of: API group and resource.
        project: namespace of the object; empty for all, or for none.
    """
    group, resource = of
    wanted = {"group": group, "resource": resource, "verb": verb, "name": name, "namespace": project}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    asked = {**review, "spec": {"resourceAttributes": wanted}}
    answer = connection.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", asked)
    return bool(answer["status"]["allowed"])


def user_name(connection: Connection) -> str:
    """Return the name by which the API server knows the user, which needs no right."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = connection.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    return str(answer["status"]["userInfo"].get("username") or "")


def events(connection: Connection, name: str) -> list[Object] | None:
    """Return the Events about an Environment; None when the user may not list them."""
    selector = f"involvedObject.kind={names.KIND},involvedObject.name={name}"
    try:
        return connection.items("/api/v1/events", fieldSelector=selector)
    except Forbidden:
        return None


def _of_kind(connection: Connection, kind: Kind, name: str, project: str) -> list[Referring]:
    """Return the objects of a kind that refer to an Environment themselves, by whichever of their labels."""
    selector = names.REFERENCE if kind.roles else f"{names.REFERENCE}={name}"
    version, found = _served(connection, kind, project, selector)
    head = {"apiVersion": f"{kind.group}/{version}" if kind.group else version, "kind": kind.kind}
    return [
        Referring(
            kind, {**head, **each}, path(kind, each["metadata"].get("namespace", ""), each["metadata"]["name"], version)
        )
        for each in found
        if name in used(each["metadata"].get("labels") or {}, _record(each))
        and not is_derived(each["metadata"].get("ownerReferences") or (), kinds(connection))
    ]


def _record(item: Object) -> str:
    """Return the record of an object, empty where it has none."""
    return str((item["metadata"].get("annotations") or {}).get(names.RECORD) or "")


def _served(connection: Connection, kind: Kind, project: str, selector: str) -> tuple[str, list[Object]]:
    """Return the version of a kind that the cluster serves, with its objects; none when it serves no version."""
    for version in versions(connection, kind):
        try:
            return version, connection.items(path(kind, project, version=version), labelSelector=selector)
        except NotFound:
            continue
    return "", []


def kind_of(workload: Object, table: Kinds) -> Kind:
    """Return the row of a workload's kind in a kinds table, whichever version of the kind the workload is written in.

    Raises:
        Problem: an Environment cannot be used by this kind.
    """
    group, _, version = str(workload.get("apiVersion", "")).rpartition("/")
    for kind in table:
        if (kind.group, kind.kind) == (group, workload.get("kind")):
            if version not in (kind.version, *kind.also):
                console.warn(f"{kind.kind} in version {version} is read as if it were in version {kind.version}")
            return kind
    known = ", ".join(sorted({kind.kind for kind in table}))
    given = f"{workload.get('apiVersion')} {workload.get('kind')}"
    raise Problem(f"{given} cannot use an Environment. Use one of these kinds: {known}.")


def department(connection: Connection, project: str) -> str | None:
    """Return the department of a project, None when it is in none, does not exist yet or may not be read."""
    return (((namespace(connection, project) or {}).get("metadata") or {}).get("labels") or {}).get(names.DEPARTMENT)


def namespace(connection: Connection, project: str) -> Object | None:
    """Return the namespace of a project, None when it does not exist yet; that it may not be read is said."""
    try:
        return connection.find(f"{NAMESPACES}/{project}")
    except Forbidden as error:
        console.warn(f"the department and the labels of {project} are not known: {error.message}")
        return None


def row(kind: str, table: Kinds) -> Kind:
    """Return the row of a kind as people write it, ``Job``, ``jobs``, ``jobs.batch`` or ``po``, in a kinds table.

    Raises:
        Problem: an Environment cannot be used by this kind.
    """
    written = _SHORT.get(kind.lower(), kind.lower())
    for each in table:
        if written in (each.kind.lower(), each.plural, each.name):
            return each
    known = ", ".join(sorted({each.kind for each in table}))
    raise Problem(f'kind "{kind}" cannot use an Environment. Use one of these: {known}.', Exit.USAGE)


def workload(connection: Connection, written: str, project: str) -> tuple[Kind, Object, str]:
    """Return a workload written as ``KIND/NAME``: the row of its kind, the object, and its URL path.

    Raises:
        Problem: there is no such workload, or it is written otherwise.
    """
    kind, slash, name = written.partition("/")
    if not (slash and name) or "/" in name or name in (".", ".."):
        raise Problem(f'workload "{written}" has no kind. Write KIND/NAME, such as deployment/notebook.', Exit.USAGE)
    its = row(kind, kinds(connection))
    for version in versions(connection, its):
        at = path(its, project, name, version)
        if found := connection.find(at):
            return its, found, at
    raise Problem(
        f'there is no {its.kind} "{name}" in project "{project}". Check the name and --namespace.', Exit.NOT_FOUND
    )
