"""``refresh``: today's Environment into a workload that has an earlier one."""

import click

from environment_operator.cli import completion, failures, options, spec_options
from environment_operator.cli.client.connection import Connection


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
    from environment_operator.cli import refreshing

    def refresh(each: str) -> None:
        kind, found = refreshing.refresh(connection, each, place, fields, dry_run=dry_run != "none")
        name = found["metadata"]["name"]
        click.echo(f"{kind.name}/{name} refreshed{' (server dry run)' if dry_run != 'none' else ''}")

    return failures.each(words, refresh)
