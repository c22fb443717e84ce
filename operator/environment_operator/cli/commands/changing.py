"""``edit`` and ``rename``: an Environment becomes another one."""

from typing import Any

import click

from environment_operator.cli import options
from environment_operator.cli.connection import ENVIRONMENTS, Connection
from environment_operator.cli.problems import Exit, Problem

Object = dict[str, Any]


@click.command("edit")
@options.named()
@options.connected
def edit_command(connection: Connection, *, name: str) -> None:
    """Edit an Environment in your editor.

    What the API server refuses is shown in the editor, which opens again. Its users keep what they have until they are
    refreshed. The editor is that of KUBE_EDITOR, VISUAL or EDITOR.

    \b
    Example:
      kubectl environment edit jupyter
    """
    from environment_operator.cli import editor, reading, writing

    found = reading.environment(connection, name)

    def store(written: Object) -> None:
        writing.change(connection, found, written)
        writing.say(name, "edited")

    editor.edit(writing.authored(found), store)


@click.command("rename")
@options.named()
@options.connected
@click.option("--display-name", help="Name shown to people; empty removes it.")
@click.option("--description", help="What it is for; empty removes it.")
def rename_command(connection: Connection, *, name: str, display_name: str | None, description: str | None) -> None:
    """Give an Environment another display name or description.

    The name by which workloads refer to it stays.

    \b
    Example:
      kubectl environment rename jupyter --display-name 'Jupyter 4' --description 'Notebooks for the vision team'
    """
    from environment_operator.cli import reading, writing

    said = {"displayName": display_name, "description": description}
    fields = {field: value or None for field, value in said.items() if value is not None}
    if not fields:
        raise Problem("say the new --display-name or --description", Exit.USAGE)
    reading.environment(connection, name)
    connection.patch(f"{ENVIRONMENTS}/{name}", {"spec": fields}, fieldValidation="Strict")
    writing.say(name, "renamed")
