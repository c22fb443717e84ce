"""Where the plugin starts: finds the command, and turns errors into words and exit codes."""

import difflib
import re
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module

import click

from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.failures import described
from environment_operator.cli.kubectl_flags import as_click
from environment_operator.kube.errors import INTERNAL_ERROR, ApiError

# Each command with its module and what it does: listed here, so that help imports none of them. The page is a package
# of its own, above this one.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "list": ("list", "List Environments, or what a project may use."),
    "run": ("run", "Run a workload that uses an Environment."),
    "describe": ("describe", "Show everything about one Environment."),
    "workloads": ("describe", "List the workloads that use an Environment, in one project or, with -A, in all."),
    "templates": ("describe", "List the templates that use an Environment, in one project or, with -A, in all."),
    "create": ("create", "Create an Environment from options, from answers, or from a workload."),
    "copy": ("create", "Copy an Environment, edited on the way."),
    "edit": ("edit", "Edit an Environment in your editor."),
    "rename": ("rename", "Give an Environment another display name, description or name."),
    "delete": ("delete", "Delete Environments, or say who uses them."),
    "render": ("render", "Show what an Environment puts into a pod, or a workload as it would be admitted."),
    "check": ("render", "Check whether an Environment may be used in a project, and if not why."),
    "connect": ("connect", "Show where the tools of a workload are, or lead there."),
    "refresh": ("refresh", "Put today's Environment into workloads that have an earlier one, or say why not."),
    "import": ("import_runai", "Create Environments from environment assets of Run:ai."),
    "completion": ("completion", "Print the script that completes kubectl-environment in a shell."),
    "diff": ("diff", "Show what applying a file would change, and which users would be outdated."),
    "ui": ("environment_operator.console.command", "Show Environments on a page in your browser."),
    "uninstall-prepare": ("uninstall_prepare", "Release all Environments, before the operator is removed."),
}
# What else people type, from kubectl and from the shell.
ALIASES = {"get": "list", "ls": "list"}
# How the API server is reached, and as whom: the same for every command, and so last in the help.
CONNECTION = frozenset({
    "kubeconfig", "context", "contexts", "all_contexts", "request_timeout", "as_user", "as_groups", "kinds_file",
})  # fmt: skip
PROGRAM = "kubectl environment"
_COMMANDS = "environment_operator.cli.commands"
_QUOTE = "'"
COMPLETION = "_KUBECTL_ENVIRONMENT_COMPLETE"


class Commands(click.Group):
    """The commands, each imported when it is called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return their names in the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None when there is none of this name."""
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            return None
        name = COMMANDS[cmd_name][0]
        module = import_module(name if "." in name else f"{_COMMANDS}.{name}")
        found: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        found.params.sort(key=lambda param: param.name in CONNECTION)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the name of the command, the command, and its arguments as click reads them."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(_no_command(args[0]))
        name, command, rest = super().resolve_command(ctx, args)
        return name, command, as_click(command.params, rest) if command else rest

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands for the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _no_command(name: str) -> str:
    """Return that there is no command of a name, with the nearest one that there is."""
    near = difflib.get_close_matches(name, (*COMMANDS, *ALIASES), 1)
    hint = f"Use {near[0]}, or see {PROGRAM} --help." if near else f"See {PROGRAM} --help."
    return f'there is no command "{name}". {hint}'


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="environment-operator", message="%(prog)s %(version)s")
def cli() -> None:
    """Work with Environments: set-ups for AI workloads, written once and used by name.

    Every command takes your kubeconfig, and does what you may do yourself. COMMAND --help says more, with examples.
    """


def main() -> None:
    """Run the plugin and leave with its exit code."""
    # Of libraries to their programmers.
    warnings.simplefilter("ignore")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command line; return the exit code."""
    out = sys.stdout
    try:
        return int(cli.main(list(arguments), PROGRAM, COMPLETION, standalone_mode=False) or Exit.DONE)
    except click.UsageError as error:
        click.secho(f"error: {_misused(error)}", err=True, fg="red")
        click.echo(f"See '{error.ctx.command_path if error.ctx else PROGRAM} --help' for usage.", err=True)
        return Exit.USAGE
    except SystemExit:
        # The library replaces the output and leaves with 1 when nobody reads on; 1 would be an answer of ours.
        if sys.stdout is out:
            raise
        return _reader_left()
    except (Problem, ApiError, click.Abort, click.ClickException, OSError) as error:
        return _failed(error)
    except Exception as error:  # noqa: BLE001 - nobody is to read a traceback
        return _mistaken(error)


def _misused(error: click.UsageError) -> str:
    """Return what is wrong on the command line, in the quotes of our own messages."""
    hint = error.param.get_error_hint(error.ctx) if isinstance(error, click.BadParameter) and error.param else ""
    own = hint and not isinstance(error, click.MissingParameter)
    message = f"{hint.replace(_QUOTE, '')}: {error.message}" if own else error.format_message()
    return re.sub(r"(?<!\w)'([^']*)'(?!\w)", r'"\1"', message)


def _failed(error: Exception) -> Exit:
    """Print what went wrong; return the exit code."""
    match error:
        case Problem() | ApiError():
            message, code = described(error)
        case click.ClickException():
            message, code = error.format_message(), Exit.USAGE
        case OSError():
            message, code = f"the system refuses it: {error}.", Exit.REFUSED
        case _:
            message, code = "interrupted", Exit.INTERRUPTED
    click.secho(f"error: {message}", err=True, fg="red")
    return code


def _mistaken(error: Exception) -> Exit:
    """Print that this is our fault, and where it happened."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    place = f"{frame.f_globals.get('__name__')}, line {line}"
    what = " ".join(traceback.format_exception_only(error)).strip()
    click.secho(f"error: {INTERNAL_ERROR % f'{what} ({place})'}", err=True, fg="red")
    return Exit.MISTAKE


def _reader_left() -> int:
    """End quietly when nobody reads on, as in ``| head``."""
    sys.stderr.close()
    return Exit.DONE
