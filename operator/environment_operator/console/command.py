"""``ui``: the page in a browser, by a process of the user's own with the user's kubeconfig."""

import click

from environment_operator.cli import options
from environment_operator.cli.client.connection import Connection


@click.command("ui")
@options.connected_to_each
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; else any that is free.")
@click.option("--no-browser", is_flag=True, help="Print the address only.")
def ui_command(connections: list[Connection], *, port: int, no_browser: bool) -> None:
    """Show Environments on a page in your browser.

    The page runs until you press Ctrl-C. It listens on 127.0.0.1 only and does what you may do yourself. Its address
    works once, in one browser. A request of the page waits 30 seconds for the API server, or --request-timeout.

    \b
    Examples:
      kubectl environment ui
      kubectl environment ui --port 8080 --no-browser
      kubectl environment ui --context east --context west
    """
    from environment_operator.console import local

    local.run(connections, port, opens=not no_browser)
