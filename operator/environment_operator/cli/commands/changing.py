"""``edit``: an Environment becomes another one."""

from typing import Any

import click

from environment_operator.cli import options
from environment_operator.cli.connection import Connection

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
