"""``edit``: an Environment becomes another one."""

from typing import Any

import click

from environment_operator.cli import options
from environment_operator.cli.client.connection import Connection

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
    from environment_operator.cli import apply, editor, lookup

    found = lookup.environment(connection, name)

    def store(written: Object) -> None:
        apply.change(connection, found, written)
        apply.report(name, "edited")

    editor.edit(apply.authored(found), store)
