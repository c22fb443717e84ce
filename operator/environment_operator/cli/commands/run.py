"""``run``: a workload that uses an Environment, in one command."""

from typing import TYPE_CHECKING, Any

import click

from environment_operator.cli import completion, options
from environment_operator.cli.client.connection import Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console

if TYPE_CHECKING:
    from environment_operator.cli.new_workload import Wish
    from environment_operator.kinds.table import Kind

Object = dict[str, Any]


@click.command("run")
@click.argument("name", type=options.Name())
@click.argument("args", nargs=-1, metavar="[-- ARGS]", type=click.UNPROCESSED)
@options.connected
@options.in_project("The project to run in; else that of the context.")
@click.option(
    "--environment",
    type=options.EnvironmentName(optional=True),
    metavar="NAME",
    default="",
    shell_complete=completion.environments,
    help="Environment to use; at a terminal you may choose one.",
)
@click.option("--kind", metavar="KIND", default="", help="Kind of the workload; else the types of the Environment say.")
@click.option("--replicas", type=click.IntRange(min=0), default=1, show_default=True, help="How many pods, or workers.")
@click.option("--gpus", type=click.IntRange(min=0), default=0, help="GPUs of each pod.")
@click.option("--cpu", metavar="QUANTITY", default="", help="CPU of each pod, such as 500m or 4.")
@click.option("--memory", metavar="QUANTITY", default="", help="Memory of each pod, such as 8Gi.")
@click.option("--volume", "volumes", metavar="CLAIM:PATH", multiple=True, help="Claim to mount; repeatable.")
@click.option("--env", metavar="NAME=VALUE", multiple=True, help="Variable; repeatable.")
@options.dry_run(client="only prints what would be sent")
@options.output("yaml", "json", "name", default=None)
@click.option("--wait", is_flag=True, help="Wait until it runs, and show where its tools are.")
@click.option("--timeout", type=options.Duration(), default=600.0, help="How long to wait, such as 5m.")
def run_command(connection: Connection, *, name: str, project: str, environment: str, **given: Any) -> None:
    """Run a workload that uses an Environment.

    A workspace becomes a StatefulSet, training a Job, inference an InferenceService where KServe is installed and else
    a Deployment, and distributed training the first installed kind of the framework. What is given after -- are the
    arguments of the container.

    \b
    Examples:
      kubectl environment run notebook --environment jupyter -n vision --wait
      kubectl environment run train --environment trainer --gpus 1 --memory 16Gi -- --epochs=3
      kubectl environment run train --environment trainer --volume data:/data --dry-run=client -o yaml
    """
    from environment_operator.cli import lookup, new_workload
    from environment_operator.cli.client.discovery import versions

    project = project or connection.namespace
    spec = lookup.environment(connection, environment or _choose(connection, project))
    table = lookup.kinds(connection)
    served = lambda kind: bool(versions(connection, kind))  # noqa: E731 - one word
    kind = lookup.row(given["kind"], table) if given["kind"] else new_workload.kind_of(spec["spec"], table, served)
    wish = _wish(name, project, spec, given)
    if found := versions(connection, kind):
        kind = kind.model_copy(update={"version": found[0]})
    wanted = new_workload.manifest(kind, wish, spec["spec"])
    made = _create(connection, kind, wanted, given["dry_run"])
    _report(kind, name, made, given)
    if given["wait"] and given["dry_run"] == "none":
        _wait(connection, kind, wish, given["timeout"])


def _choose(connection: Connection, project: str) -> str:
    """Return the Environment that a person chooses from those that a project may use.

    Raises:
        Problem: nobody is there to choose, or there is none.
    """
    from environment_operator.cli import fetch, lookup
    from environment_operator.cli.output import columns, filtering

    if not console.can_ask():
        hint = f"Those that may be used: kubectl environment list -n {project}."
        raise Problem(f"--environment is missing. {hint}", Exit.USAGE)
    department = lookup.department(connection, project)
    listed = fetch.rows(connection, [columns.COLUMNS[0], columns.SCOPE], lambda _: None).rows
    usable = [row["Environment"] for row in listed if filtering.may_use(row, project, department)]
    if not usable:
        raise Problem(
            f'no Environment may be used in project "{project}". Ask for one whose scope includes it.', Exit.NO
        )
    return str(click.prompt("Environment", type=click.Choice(usable), err=True))


def _wish(name: str, project: str, environment: Object, given: Object) -> "Wish":
    """Return what is wanted, with the variables that the Environment requires."""
    from environment_operator.cli import new_workload

    env = dict(_pair("--env", each, "=") for each in given["env"])
    lacking = new_workload.missing(environment["spec"], env)
    if lacking and not console.can_ask():
        wanted = " ".join(f"--env {each}=VALUE" for each in lacking)
        title = environment["metadata"]["name"]
        raise Problem(f'Environment "{title}" requires variables that are missing. Give {wanted}.', Exit.USAGE)
    for key, description in lacking.items():
        env[key] = click.prompt(f"{key} ({description})" if description else key, err=True)
    volumes = [_pair("--volume", each, ":") for each in given["volumes"]]
    sizes = {key: given[key] for key in ("replicas", "gpus", "cpu", "memory", "args")}
    return new_workload.Wish(name, project, environment["metadata"]["name"], volumes=volumes, env=env, **sizes)


def _pair(option: str, text: str, sign: str) -> tuple[str, str]:
    """Return both sides of what an option gives.

    Raises:
        Problem: one of them is missing.
    """
    left, found, right = text.partition(sign)
    if not left or not found or (sign == ":" and not right.startswith("/")):
        form = "NAME=VALUE" if sign == "=" else "CLAIM:PATH with an absolute path"
        raise Problem(f'{option}: "{text}" has another form. Write {form}.', Exit.USAGE)
    return left, right


def _create(connection: Connection, kind: "Kind", wanted: Object, dry_run: str) -> Object:
    """Create a workload, or ask what it would become, or do neither; return it."""
    from environment_operator.cli import lookup

    if dry_run == "client":
        return wanted
    query = {"dryRun": "All"} if dry_run == "server" else {}
    at = lookup.path(kind, wanted["metadata"]["namespace"], version=kind.version)
    return connection.create(at, wanted, fieldValidation="Strict", **query)


def _report(kind: "Kind", name: str, made: Object, given: Object) -> None:
    """Print the result as kubectl does, or the object."""
    full = f"{kind.kind.lower()}{f'.{kind.group}' if kind.group else ''}/{name}"
    done = {"none": "created", "client": "created (dry run)", "server": "created (server dry run)"}[given["dry_run"]]
    if given["output"] in ("yaml", "json"):
        meta = {key: value for key, value in made["metadata"].items() if key != "managedFields"}
        console.document({**made, "metadata": meta}, given["output"])
    else:
        click.echo(full if given["output"] == "name" else f"{full} {done}")


def _wait(connection: Connection, kind: "Kind", wish: "Wish", seconds: float) -> None:
    """Wait until a workload runs, and show where its tools are.

    Raises:
        Problem: it failed, or takes longer.
    """
    from environment_operator.cli import lookup, new_workload

    at = lookup.path(kind, wish.project, version=kind.version)
    words, runs = "waiting", None
    with console.progress(f"waiting for {wish.name}") as update:
        found = connection.get(f"{at}/{wish.name}")
        words, runs = new_workload.state(found)
        version = found["metadata"]["resourceVersion"]
        limits = {"fieldSelector": f"metadata.name={wish.name}", "timeoutSeconds": str(max(1, int(seconds)))}
        for event in connection.watch(at, version, **limits) if runs is None else ():
            found = event["object"]
            words, runs = new_workload.state(found)
            update(words)
            if runs is not None:
                break
    if not runs:
        way_out = f"See kubectl describe {kind.plural} {wish.name} -n {wish.project}."
        raise Problem(f'{kind.kind} "{wish.name}" does not run: {words}. {way_out}')
    _show_tools(connection, wish.project, found)


def _show_tools(connection: Connection, project: str, found: Object) -> None:
    """Show where the tools of a workload are."""
    from environment_operator.cli.commands.connect import routes, show
    from environment_operator.cli.tools import why_without_urls
    from environment_operator.tools import addresses

    tools = addresses.read(addresses.written(found))
    if tools and tools.tools:
        reasons = why_without_urls(tools, project, routes(connection, project, tools))
        show(connection, (tools, reasons), project)
        for why in reasons.values():
            console.warn(why)
