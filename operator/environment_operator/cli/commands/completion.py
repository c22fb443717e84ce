"""``completion``: the scripts for shells."""

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the script that completes kubectl-environment in a shell.

    kubectl completes "kubectl environment" by itself, where its own completion is set up.

    \b
    Examples:
      source <(kubectl environment completion bash)
      kubectl environment completion fish > ~/.config/fish/completions/kubectl-environment.fish
    """
    from click.shell_completion import get_completion_class

    from environment_operator.cli.main import COMPLETION, cli

    made = get_completion_class(shell)
    if made is not None:
        click.echo(made(cli, {}, "kubectl-environment", COMPLETION).source())
