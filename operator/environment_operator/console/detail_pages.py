"""The pages about one Environment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.cli import lookup, new_workload, refreshing
from environment_operator.cli.client.connection import Connection
from environment_operator.cli.client.discovery import versions
from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.output import columns, describe, yaml_text
from environment_operator.cli.users import OUTDATED, User, Users
from environment_operator.console import addresses, details, texts, words
from environment_operator.console.errors import Refused
from environment_operator.console.forms import managed
from environment_operator.console.pages import begun
from environment_operator.console.rendering import has, page, url
from environment_operator.kinds.table import Kind
from environment_operator.spec.eligible_kinds import kinds_for

Object = dict[str, Any]
TABS = ("overview", "users", "yaml", "events")
# Each action with its page, and the right that it needs.
_ACTIONS = (("edit", "patch"), ("copy", "create"), ("rename", "patch"), ("delete", "delete"))


def add_routes(router: web.UrlDispatcher, prefix: str) -> None:
    """Add the pages to the addresses that begin with a prefix."""
    router.add_get(f"{prefix}/environments/{{name}}", _environment, name="environment")
    router.add_post(f"{prefix}/environments/{{name}}/refresh", _refresh, name="refresh")


async def _environment(request: web.Request) -> web.StreamResponse:
    """Show one Environment."""
    return await begun(request, _details(request), lambda _: None)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What was read.

    Args:
        environment: the Environment, whole.
        users: who uses it; None where that is not shown.
        rights: whether the person has each verb on it.
        refreshable: of each resource in a project whether the person may change it.
        projects: all projects with their departments, None where they may not be listed.
        events: the Events about it, None where they may not be listed.
        kinds: the kinds of workloads that can use it, that the cluster has and for which there is a manifest.
        kind: the one that is chosen, None where there is none.
    """

    environment: Object
    users: Users | None
    rights: Mapping[str, bool]
    refreshable: Mapping[tuple[str, str], bool]
    projects: Mapping[str, str | None] | None
    events: Sequence[Object] | None
    kinds: Sequence[Kind]
    kind: Kind | None


def _gather(connection: Connection, name: str, tab: str, kind: str) -> _Gathered:
    """Return what a tab shows of an Environment."""
    found = lookup.environment(connection, name)
    users = lookup.users(connection, found) if tab == "users" else None
    kinds = _kinds(connection, found["spec"]) if tab == "overview" else []
    return _Gathered(
        environment=found,
        users=users,
        rights={verb: lookup.may(connection, verb, name) for verb in ("patch", "create", "delete")},
        refreshable=_refreshable(connection, users.seen if users else ()),
        projects=lookup.projects(connection),
        events=lookup.events(connection, name) if tab in ("events", "overview") else (),
        kinds=kinds,
        kind=next((each for each in kinds if each.name == kind), _usual(found["spec"], kinds)),
    )


def _kinds(connection: Connection, spec: Object) -> list[Kind]:
    """Return the kinds of workloads that can use an Environment, that the cluster has and that we can write."""
    known = kinds_for(EnvironmentSpec.model_validate(spec), lookup.kinds(connection))
    return [each for each in known if new_workload.can_write(each) and (not each.custom or versions(connection, each))]


def _usual(spec: Object, kinds: Sequence[Kind]) -> Kind | None:
    """Return the kind that `run` of the plugin takes, None where there is none."""
    try:
        return new_workload.kind_of(spec, kinds, lambda _: True)
    except Problem:
        return None


def _refreshable(connection: Connection, users: Sequence[User]) -> dict[tuple[str, str], bool]:
    """Return whether the person may change those users that have an earlier version, by resource and project."""
    wanted = {(each.kind.name, each.project): each.kind for each in users if each.state == OUTDATED}
    return {
        (name, project): lookup.may(connection, "patch", of=(kind.group, kind.plural), project=project)
        for (name, project), kind in wanted.items()
    }


async def _details(request: web.Request) -> web.Response:
    """Return the page about one Environment."""
    cluster, name = addresses.cluster(request), addresses.named(request)
    tab = request.query.get("tab", TABS[0])
    tab = tab if tab in TABS else TABS[0]
    kind = request.query.get("kind", "")
    found, heard = await cluster.ask(lambda connection: _gather(connection, name, tab, kind))
    project = request.query.get("project") or cluster.connection.namespace
    spec, status = found.environment["spec"], found.environment.get("status") or {}
    row = columns.of_object(found.environment, columns.COLUMNS, cluster.name)
    context = [(key, value) for key, value in request.query.items() if key == "context"]
    options = cluster.connection.options
    return page(
        request,
        "environment.html",
        environment=found.environment,
        name=name,
        row=row,
        spec=spec,
        usage=lookup.usage(found.environment),
        tab=tab,
        tabs=TABS,
        context=context,
        facts=details.facts(found.environment),
        uses=details.uses(spec),
        tree=describe.scope_tree(spec["scope"], found.projects),
        tools=describe.tool_rows(spec),
        variables=describe.variable_rows(spec),
        conditions=status.get("conditions") or (),
        warnings=[*_warnings(found, cluster.name), *heard],
        manager=managed.manager(found.environment),
        actions=_actions(request, found, context),
        users=_users(found),
        events=found.events,
        when=describe.when,
        yaml=yaml_text.write(details.without_noise(found.environment)),
        fragment=yaml_text.write(status["fragment"]) if status.get("fragment") else "",
        use=details.use(found.environment, found.kind, project, options) if found.kind else None,
        label=details.label(name),
        kinds=found.kinds,
        project=project,
        projects=sorted(found.projects) if found.projects else None,
        refreshed=request.query.getall("refreshed", []),
        command=["kubectl", "environment", "describe", name, *options],
        now=datetime.now(UTC),
    )


def _warnings(found: _Gathered, context: str) -> list[str]:
    """Return what its author or its users should know."""
    known = describe.Known(
        found.environment, found.users or Users(), found.projects, found.events, "", context, datetime.now(UTC)
    )
    return [words.sentence(each) for each in describe.warnings(known)]


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do with an Environment.

    Args:
        name: its page.
        address: the address of the page.
        why: why it cannot be done, empty when it can.
    """

    name: str
    address: str
    why: str


def _actions(request: web.Request, found: _Gathered, context: Sequence[tuple[str, str]]) -> list[Action]:
    """Return what can be done, each with why not; those without a page are left out."""
    name = found.environment["metadata"]["name"]
    used = lookup.usage(found.environment).get("total")
    out = []
    for action, verb in _ACTIONS:
        why = "" if found.rights[verb] else details.right(verb, details.ENVIRONMENTS)
        if action == "delete" and not why and used:
            why = texts.text("action.delete.used", number=used)
        if has(request, action):
            out.append(Action(action, url(request, action, context, name=name), why))
    return out


def _users(found: _Gathered) -> list[tuple[User, str]]:
    """Return the users, each with why it cannot be refreshed."""
    allowed = found.refreshable
    seen = found.users.seen if found.users else ()
    return [
        (each, details.why_not_refreshed(each, allowed=allowed.get((each.kind.name, each.project), False)))
        for each in seen
    ]


async def _refresh(request: web.Request) -> web.StreamResponse:
    """Put today's Environment into one user, and show all of them."""
    cluster, name = addresses.cluster(request), addresses.named(request)
    form = await request.post()
    project, workload = str(form.get("project", "")), str(form.get("workload", ""))
    if "/" not in workload:
        raise Refused(400, "form")
    await cluster.ask(lambda connection: refreshing.refresh(connection, workload, project))
    cluster.forget()
    query = [*request.query.items(), ("tab", "users"), ("refreshed", f"{project}/{workload}")]
    raise web.HTTPSeeOther(url(request, "environment", query, name=name))
