"""``rename``: other words for people, or another name that the users follow."""

import click

from environment_operator.cli import options
from environment_operator.cli.client.connection import ENVIRONMENTS, Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console


@click.command("rename")
@options.named()
@options.connected
@click.option("--display-name", help="Name shown to people; empty removes it.")
@click.option("--description", help="What it is for; empty removes it.")
@click.option(
    "--to",
    "new",
    metavar="NEW",
    type=options.Name(optional=True),
    default="",
    help="Name by which workloads are to refer to it.",
)
@options.dry_run()
@click.option("--yes", is_flag=True, help="Do not ask.")
def rename_command(
    connection: Connection,
    *,
    name: str,
    display_name: str | None,
    description: str | None,
    new: str,
    dry_run: str,
    yes: bool,
) -> None:
    """Give an Environment another display name, description or name.

    With --to it is copied, the old one is deprecated in favour of the new one, its users get the label of the new one
    where they can change, and the old one is deleted when nobody uses it. Workloads that are moved start new pods. Who
    cannot be moved is named with the reason; run the command again when they are gone, or after an interruption.

    \b
    Examples:
      kubectl environment rename jupyter --display-name 'Jupyter 4' --description 'Notebooks for the vision team'
      kubectl environment rename jupyter --to jupyter-4
      kubectl environment rename jupyter --to jupyter-4 --dry-run=server
    """
    from environment_operator.cli import apply, lookup, renaming

    said = {"displayName": display_name, "description": description}
    fields = {field: value or None for field, value in said.items() if value is not None}
    if not fields and not new:
        raise Problem("nothing to change is given. Give --display-name, --description or --to.", Exit.USAGE)
    found, rehearsed = lookup.environment(connection, name), dry_run != "none"
    if new:
        renaming.Renaming(connection, found, new, dry_run=rehearsed, progress=console.line).carry_out(fields, sure=yes)
        return
    query = {"dryRun": "All"} if rehearsed else {}
    connection.patch(f"{ENVIRONMENTS}/{name}", {"spec": fields}, fieldValidation="Strict", **query)
    apply.report(name, f"renamed{renaming.rehearsed(dry_run=rehearsed)}")
