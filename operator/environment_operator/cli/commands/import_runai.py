"""``import``: environment assets of Run:ai become Environments."""

import json
from typing import TYPE_CHECKING, Any

import click

from environment_operator.cli import files, options
from environment_operator.cli.client.connection import Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console

if TYPE_CHECKING:
    from environment_operator.cli.runai import Imported


@click.command("import")
@click.argument("file", type=click.Path())
@options.connected
@click.option(
    "--map", "places", metavar="ID=NAME", multiple=True, help="Name for an id of a department, project or credential."
)
@click.option(
    "--dry-run",
    type=click.Choice(["none", "client", "server"]),
    default="none",
    help="Create nothing: client only prints what would be, server has the API server check it.",
)
@options.output("name", "yaml", default=None)
def import_command(
    connection: Connection, *, file: str, places: tuple[str, ...], dry_run: str, output: str | None
) -> int:
    """Create Environments from environment assets of Run:ai.

    FILE is JSON of Run:ai's API: one asset, a list of them, or its answer with entries; - reads standard input. What
    cannot be carried over is said. The exit code is 3 when one of them cannot work or was refused.

    \b
    Examples:
      kubectl environment import assets.json --dry-run=client -o yaml > environments.yaml
      kubectl environment import assets.json --map 4501=vision
    """
    from environment_operator.cli.runai import imported
    from environment_operator.cli.runai.asset import Unreadable

    try:
        found = imported(_read(file), _names(places))
    except Unreadable as error:
        raise Problem(f"{file}: {error}") from error
    for each in found:
        for note in each.notes:
            console.note(f"{each.name}: {note}")
    failed = [each for each in found if not _create(connection, each, dry_run, output)]
    return Exit.REFUSED if failed else Exit.DONE


def _create(connection: Connection, asset: "Imported", dry_run: str, output: str | None) -> bool:
    """Create one Environment; say whether it worked. The others are created all the same."""
    from environment_operator.cli import apply
    from environment_operator.kube.errors import ApiError

    name, problem = asset.name, asset.problem
    try:
        made = {} if problem else apply.create(connection, asset.manifest, dry_run)
    except ApiError as error:
        if not error.status:
            raise
        problem = error.message
    if problem:
        console.complain(f"{name}: {problem}")
        return False
    if output == "yaml":
        click.echo("---")
    apply.report(name, "created" if dry_run == "none" else f"created ({dry_run} dry run)", output, made)
    return True


def _read(file: str) -> Any:
    """Return the data of a JSON file."""
    try:
        return json.loads(files.read(file))
    except RecursionError as error:
        raise Problem(
            f"{file} cannot be read as JSON: it is nested too deeply. Give assets as Run:ai exports them.", Exit.USAGE
        ) from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise Problem(
            f"{file} cannot be read as JSON: {why}. Give assets as Run:ai exports them.", Exit.USAGE
        ) from error


def _names(places: tuple[str, ...]) -> dict[str, str]:
    """Return the names for ids."""
    pairs = [place.partition("=") for place in places]
    if wrong := next((p for p, (_, equals, name) in zip(places, pairs, strict=True) if not (equals and name)), None):
        raise Problem(f'--map: "{wrong}" has no name. Write ID=NAME.', Exit.USAGE)
    return {number: name for number, _, name in pairs}
