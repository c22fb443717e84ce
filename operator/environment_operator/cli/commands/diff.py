"""``diff``: what applying files would change."""

from typing import Any

import click

from environment_operator.cli import options
from environment_operator.cli.client.connection import ENVIRONMENTS, Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console

Object = dict[str, Any]


@click.command("diff")
@options.connected
@options.files("Environments as they are to be, also with what uses them.", required=True)
def diff_command(connection: Connection, *, files: tuple[str, ...]) -> int:
    """Show what applying a file would change, and which users would be outdated.

    Workloads in it are validated against the Environments of the file. The exit code is 0 when nothing differs and 1
    when something does.

    \b
    Example:
      kubectl environment diff -f environment.yaml
    """
    from environment_operator.cli import apply, file_set

    environments, workloads = apply.environments_first(apply.objects(files))
    for each in environments:
        _require_environment(each)
    differing = [each for each in environments if _differs(connection, each)]
    for each in workloads:
        file_set.require_admitted(connection, each, environments)
    return Exit.NO if differing else Exit.DONE


def _require_environment(found: Object) -> None:
    """Raise unless an object of a file is an Environment with a name."""
    from environment_operator.api import names

    given = (found.get("apiVersion"), found.get("kind"))
    if given != (names.API_VERSION, names.KIND):
        wanted = f"Use Environments of {names.API_VERSION} only."
        raise Problem(f"there is a {given[1]} of {given[0]} in it. {wanted}", Exit.USAGE)
    name = found["metadata"].get("name")
    if not options.is_name(name):
        raise Problem(f'metadata.name: "{name}" is no name. {options.NAME_RULE}', Exit.USAGE)


def _differs(connection: Connection, wanted: Object) -> bool:
    """Print what would change of one Environment; say whether anything would."""
    from environment_operator.cli import apply, difference

    name = wanted["metadata"]["name"]
    before = connection.find(f"{ENVIRONMENTS}/{name}")
    after = apply.as_applied(connection, before, wanted)
    lines = difference.lines(before, after, f"live/{name}", f"file/{name}")
    for line in lines:
        click.secho(line, fg={"+": "green", "-": "red"}.get(line[:1]))
    if before and lines:
        console.note(difference.outdated(connection, before, after))
    return bool(lines)
