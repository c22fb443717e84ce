"""``refresh``: today's Environment into a workload that has an earlier one."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from environment_operator.cli import completion, failures, options, spec_options
from environment_operator.cli.client.connection import JSON_PATCH, Connection
from environment_operator.cli.exit_codes import Problem


@click.command("refresh")
@click.argument(
    "words", metavar="KIND/NAME...|KIND NAME...", nargs=-1, required=True, shell_complete=completion.workloads
)
@options.connected
@options.in_project("The project of the workloads; else that of the context.")
@click.option(
    "--take",
    "fields",
    metavar="FIELD",
    multiple=True,
    type=click.Choice(spec_options.TAKEN, case_sensitive=False),
    help=f"Have the Environment's {', '.join(spec_options.TAKEN)} instead of the workload's own; repeatable.",
)
@options.dry_run()
def refresh_command(
    connection: Connection, *, words: tuple[str, ...], project: str, fields: tuple[str, ...], dry_run: str
) -> int:
    """Put today's Environment into workloads that have an earlier one, or say why not.

    With --take what the workload says itself in that field is removed: a workload that repeats a value of its
    Environment keeps it otherwise, and is refused once the Environment has another one.

    \b
    Examples:
      kubectl environment refresh deployment/notebook -n vision
      kubectl environment refresh deployment notebook viewer -n vision
      kubectl environment refresh deployment/notebook -n vision --take Image
      kubectl environment workloads jupyter -n vision -o name | xargs kubectl environment refresh -n vision
    """
    place = project or connection.namespace
    kind, *named = words
    if named and not any("/" in each for each in words):
        words = tuple(f"{kind}/{name}" for name in named)
    return failures.each(words, lambda each: _refresh(connection, each, place, fields, dry_run=dry_run != "none"))


def _refresh(connection: Connection, workload: str, project: str, fields: Sequence[str], *, dry_run: bool) -> None:
    """Refresh one workload, written as kind and name."""
    from environment_operator.api import names
    from environment_operator.cli import lookup, taking

    kind, found, path = lookup.workload(connection, workload, project)
    if not (found["metadata"].get("labels") or {}).get(names.REFERENCE):
        raise Problem(f'{workload} in project "{project}" uses no Environment. Add the label {names.REFERENCE}.')
    if kind.template_immutable:
        raise Problem(f"a {kind.kind} cannot be changed after its creation. Delete {workload} and create it again.")
    stamp = datetime.now(UTC).isoformat(timespec="microseconds")
    query = {"dryRun": "All"} if dry_run else {}
    if removed := taking.removed(kind, found, fields):
        refresh = {"op": "add", "path": taking.pointer("metadata", "annotations", names.REFRESH), "value": stamp}
        connection.patch(path, [*removed, refresh], JSON_PATCH, **query)
    else:
        connection.patch(path, {"metadata": {"annotations": {names.REFRESH: stamp}}}, **query)
    click.echo(f"{kind.name}/{found['metadata']['name']} refreshed{' (server dry run)' if dry_run else ''}")
