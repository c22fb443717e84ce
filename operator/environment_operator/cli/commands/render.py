"""``render`` and ``check``: what would be, before it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from environment_operator.cli import completion, options
from environment_operator.cli.client.connection import NAMESPACES, Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console

if TYPE_CHECKING:
    from environment_operator.cli.file_set import Find
    from environment_operator.kinds.table import Kind

Object = dict[str, Any]


@click.command("render")
@options.named(required=False, default="")
@options.connected
@options.in_project("The project; else that of the workload, else that of the context.")
@options.files("A workload: show it as it would be admitted.")
@click.option(
    "--environment",
    "offline",
    metavar="FILE",
    type=click.Path(),
    multiple=True,
    help="Take the Environment from here, not from a cluster; repeatable.",
)
@click.option("--uid", type=int, help="Your user id, where the Environment takes it from your identity.")
@click.option("--gid", type=int, help="Your group id, as --uid.")
@click.option("--supplemental-group", "groups", type=int, multiple=True, help="Further group id of yours, as --uid.")
@click.option("--sources/--no-sources", default=True, help="Whether each line says where its value comes from.")
def render_command(
    connection: Connection,
    *,
    name: str,
    project: str,
    files: tuple[str, ...],
    offline: tuple[str, ...],
    uid: int | None,
    gid: int | None,
    groups: tuple[int, ...],
    sources: bool,
) -> None:
    """Show what an Environment puts into a pod, or a workload as it would be admitted.

    With --environment no cluster is asked. Without NAME it is that of the workload's label. Environments that the
    workload names for some of its roles are injected, too.

    \b
    Examples:
      kubectl environment render jupyter
      kubectl environment render jupyter -f workload.yaml
      kubectl environment render --environment environment.yaml -f workload.yaml
    """
    from environment_operator.cli import apply, rendering
    from environment_operator.injection.identity import Ids

    look = rendering.in_files(apply.objects(offline)) if offline else rendering.in_cluster(connection)
    if not files:
        click.echo(console.as_yaml(rendering.usable(look, name, offline).fragment), nl=False)
        return
    for workload in apply.objects(files):
        found = rendering.render(connection, look, workload, name, project, files=offline, ids=Ids(uid, gid, groups))
        for warning in found.outcome.warnings:
            console.warn(warning)
        if found.outcome.workload is None:
            raise Problem(found.outcome.refusal)
        click.echo(f"---\n{found.yaml(sources=sources)}", nl=False)


@click.command("check")
@options.named(required=False, default="")
@options.connected
@options.in_project("The project; else that of the workload, else that of the context.")
@click.option("--kind", "kinds", multiple=True, shell_complete=completion.kinds, help="Kind of workload; repeatable.")
@options.files("Workloads to check; an Environment in it is taken as it will be.")
def check_command(
    connection: Connection, *, name: str, project: str, kinds: tuple[str, ...], files: tuple[str, ...]
) -> int:
    """Check whether an Environment may be used in a project, and if not why.

    Without NAME each workload of the files is checked with the Environment of its label. The exit code is 0 when it may
    and 1 when it may not.

    \b
    Examples:
      kubectl environment check jupyter -n vision
      kubectl environment check jupyter -n vision --kind Deployment
      kubectl environment check jupyter -f workload.yaml
      kubectl environment check -f both.yaml
    """
    from environment_operator.cli import apply, file_set, lookup

    given, workloads = apply.environments_first(apply.objects(files) if files else [])
    table = lookup.kinds(connection)
    workloads = workloads or [_bare(kind, table) for kind in kinds]
    asked = [name] if name else list(dict.fromkeys(filter(None, map(file_set.referred, workloads))))
    asked = asked or [each["metadata"].get("name", "") for each in given]
    if not asked:
        raise Problem("no Environment is given. Give its NAME, or -f FILE with one or with workloads.", Exit.USAGE)
    users = {each: [w for w in workloads if name or file_set.referred(w) == each] for each in asked}
    find = file_set.finder(connection, given)
    answers = [_checked(connection, each, project, users[each], find, whole=bool(files)) for each in asked]
    return Exit.DONE if all(answers) else Exit.NO


def _checked(
    connection: Connection, name: str, project: str, workloads: "Sequence[Object]", find: "Find", *, whole: bool
) -> bool:
    """Print whether an Environment may be used, and if not why; return whether it may."""
    from environment_operator.api.references import references
    from environment_operator.cli import checking, lookup
    from environment_operator.cli.local_admission import referring

    table = lookup.kinds(connection)
    place = project or next((w["metadata"]["namespace"] for w in workloads if "namespace" in w["metadata"]), "")
    place = place or connection.namespace
    validated = [(lookup.kind_of(each, table), referring(each, name)) for each in workloads]
    roles = {each for kind, w in validated for each in references(w["metadata"]["labels"], roles=bool(kind.roles))}
    case = checking.Case(
        environment=find(name) or lookup.environment(connection, name),
        others=list(filter(None, map(find, sorted(roles - {name})))),
        project=place,
        namespace=lookup.namespace(connection, place),
        workloads=validated,
        whole=whole,
    )
    reasons = [*checking.reasons(case), *_missing(connection, case.environment, place)]
    for reason in reasons:
        click.echo(f"no: {reason}")
    if not reasons:
        click.echo(f"yes: {name} may be used in {place}")
    return not reasons


def _bare(kind: str, table: "tuple[Kind, ...]") -> Object:
    """Return the least that says of which kind a workload is."""
    from environment_operator.cli import lookup

    row = lookup.row(kind, table)
    version = f"{row.group}/{row.version}" if row.group else row.version
    return {"apiVersion": version, "kind": row.kind, "metadata": {"name": row.kind.lower()}}


def _missing(connection: Connection, environment: Object, project: str) -> list[str]:
    """Return the pull secrets of an Environment that a project does not have; what may not be read is said."""
    from environment_operator.kube.errors import Forbidden

    out: list[str] = []
    for name in environment["spec"].get("imagePullSecrets") or ():
        try:
            if connection.find(f"{NAMESPACES}/{project}/secrets/{name}") is None:
                out.append(f"the project {project} has no Secret {name} to pull the image with: create it")
        except Forbidden:
            console.warn(f"whether the project {project} has the Secret {name} is not yours to see")
    return out
