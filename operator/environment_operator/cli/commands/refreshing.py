"""``refresh``: today's Environment into a workload that has an earlier one."""

from datetime import UTC, datetime

import click

from environment_operator.cli import completion, failures, options
from environment_operator.cli.connection import Connection
from environment_operator.cli.problems import Problem


@click.command("refresh")
@click.argument(
    "words", metavar="KIND/NAME...|KIND NAME...", nargs=-1, required=True, shell_complete=completion.workloads
)
@options.connected
@options.in_project("The project of the workloads; else that of the context.")
@options.dry_run()
def refresh_command(connection: Connection, *, words: tuple[str, ...], project: str, dry_run: str) -> int:
    """Put today's Environment into workloads that have an earlier one, or say why not.

    \b
    Examples:
      kubectl environment refresh deployment/notebook -n vision
      kubectl environment refresh deployment notebook viewer -n vision
      kubectl environment workloads jupyter -n vision -o name | xargs kubectl environment refresh -n vision
    """
    place = project or connection.namespace
    kind, *named = words
    if named and not any("/" in each for each in words):
        words = tuple(f"{kind}/{name}" for name in named)
    return failures.each(words, lambda each: _refresh(connection, each, place, dry_run=dry_run != "none"))


def _refresh(connection: Connection, workload: str, project: str, *, dry_run: bool) -> None:
    """Refresh one workload, written as kind and name."""
    from environment_operator import names
    from environment_operator.cli import reading

    kind, found, path = reading.workload(connection, workload, project)
    if not (found["metadata"].get("labels") or {}).get(names.REFERENCE):
        raise Problem(f"{workload} in {project} uses no Environment: it has no label {names.REFERENCE}")
    if kind.template_immutable:
        raise Problem(f"a {kind.kind} cannot change after its creation: delete {workload} and create it again")
    stamp = datetime.now(UTC).isoformat(timespec="microseconds")
    query = {"dryRun": "All"} if dry_run else {}
    connection.patch(path, {"metadata": {"annotations": {names.REFRESH: stamp}}}, **query)
    click.echo(f"{kind.name}/{found['metadata']['name']} refreshed{' (server dry run)' if dry_run else ''}")
