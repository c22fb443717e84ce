"""The options that commands share, as in kubectl."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import click

from environment_operator.api import names
from environment_operator.cli import completion
from environment_operator.cli.client import kubeconfig
from environment_operator.cli.client.connection import Access, Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console

Command = Callable[..., Any]
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
NAME_RULE = "Write small letters, digits, - and ."
_SINGULAR = names.KIND.lower()
# How kubectl lets people write the kind.
_WRITTEN = ("env", _SINGULAR, names.PLURAL, *(f"{each}.{names.GROUP}" for each in (_SINGULAR, names.PLURAL)))
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class Duration(click.ParamType[float]):
    """Seconds, written as Go does: ``30s``, ``1m30s``, or a number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, float):
            return value
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", value)
        if re.fullmatch(r"\d+", value):
            return float(value)
        if "".join(map("".join, parts)) != value or not parts:
            self.fail(f'"{value}" is no duration. Write 30s, 1m30s or a number of seconds.', param, ctx)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)


class Name(click.ParamType[str]):
    """The name of an object: nothing else may come into the path of a request.

    Args:
        optional: whether it may be empty.
    """

    name = "name"

    def __init__(self, *, optional: bool = False) -> None:
        self._optional = optional

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        if not is_name(value) and (value or not self._optional):
            self.fail(f'"{value}" is no name. {NAME_RULE}', param, ctx)
        return str(value)


class EnvironmentName(Name):
    """The name of an Environment, alone or as ``-o name`` prints it: ``environment.environments.dev/jupyter``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        kind, slash, name = str(value).partition("/")
        return super().convert(name if slash and kind.lower() in _WRITTEN else value, param, ctx)


def is_name(value: object) -> bool:
    """Return whether something can be the name of an object, and come into the path of a request."""
    return isinstance(value, str) and bool(_NAME.fullmatch(value))


def connected(command: Command) -> Command:
    """Give a command the options of kubectl that say how to reach the API server, and the connection."""

    @_reaching
    @click.option(
        "--context",
        metavar="NAME",
        default="",
        help="Context of the kubeconfig to use.",
        shell_complete=completion.contexts,
    )
    @wraps(command)
    def reached(*, access: Access, context: str, **arguments: Any) -> Any:
        return command(Connection(replace(access, context=context), console.warn, console.progress), **arguments)

    return reached


def connected_to_each(command: Command) -> Command:
    """Give a command the same options with several contexts, and the connections to all of them."""

    @_reaching
    @click.option(
        "--context",
        "contexts",
        metavar="NAME",
        multiple=True,
        help="Context of the kubeconfig to use; repeatable, for several clusters.",
        shell_complete=completion.contexts,
    )
    @click.option("--all-contexts", is_flag=True, help="All contexts of the kubeconfig.")
    @wraps(command)
    def reached(*, access: Access, contexts: tuple[str, ...], all_contexts: bool, **arguments: Any) -> Any:
        if contexts and all_contexts:
            raise Problem("--context and --all-contexts exclude each other. Give one of them.", Exit.USAGE)
        chosen = tuple(kubeconfig.contexts(access.kubeconfig)) if all_contexts else contexts
        each = [replace(access, context=context) for context in dict.fromkeys(chosen)] or [access]
        return command([Connection(one, console.warn, console.progress) for one in each], **arguments)

    return reached


def _reaching(command: Command) -> Command:
    """Give a command the options that say how to reach any API server, as what `Connection` takes."""

    @click.option("--kubeconfig", metavar="FILE", type=click.Path(), default="", help="Kubeconfig to use.")
    @click.option("--request-timeout", type=Duration(), default=0.0, help="The longest one request may take, as 30s.")
    @click.option("--as", "as_user", metavar="USER", default="", help="User to impersonate.")
    @click.option("--as-group", "as_groups", metavar="GROUP", multiple=True, help="Group to impersonate.")
    @click.option(
        "--kinds-file", metavar="FILE", type=click.Path(), default="", help="Rows of further kinds of workloads."
    )
    @wraps(command)
    def reaching(
        *,
        kubeconfig: str,
        request_timeout: float,
        as_user: str,
        as_groups: tuple[str, ...],
        kinds_file: str,
        **arguments: Any,
    ) -> Any:
        access = Access(kubeconfig, "", request_timeout, as_user, as_groups, kinds_file)
        return command(access=access, **arguments)

    return reaching


def output(*forms: str, default: str | None = "table") -> Callable[[Command], Command]:
    """Return the option ``-o`` with the forms that a command knows."""
    text = f"Form of the output: {', '.join(forms)}."
    return click.option("-o", "--output", type=click.Choice(forms), metavar="FORM", default=default, help=text)


def bom(command: Command) -> Command:
    """Give a command that prints CSV the option ``--bom``; refused with any other form of the output."""

    @click.option(
        "--bom", is_flag=True, help="With -o csv: begin with a byte order mark, as some spreadsheets need it."
    )
    @wraps(command)
    def marked(*connection: Connection, bom: bool, **arguments: Any) -> Any:
        if bom and arguments.get("output") != "csv":
            raise Problem("--bom is for -o csv only. Remove it.", Exit.USAGE)
        return command(*connection, bom=bom, **arguments)

    return marked


def dry_run(*, client: str = "") -> Callable[[Command], Command]:
    """Return the option ``--dry-run`` with a value, as kubectl has it.

    Args:
        client: what is done without the API server; empty where nothing can be.
    """
    values = ["none", *(["client"] if client else []), "server"]
    text = f"Change nothing: {f'client {client}, ' if client else ''}server has the API server check it."
    return click.option("--dry-run", type=click.Choice(values), default="none", help=text)


def files(text: str, **more: Any) -> Callable[[Command], Command]:
    """Return the option ``-f``, which may be repeated, with what the files are for."""
    help_ = f"{text} - for standard input; repeatable."
    return click.option(
        "-f", "--filename", "files", metavar="FILE", type=click.Path(), multiple=True, help=help_, **more
    )


def named(argument: str = "name", **more: Any) -> Callable[[Command], Command]:
    """Return the argument that names an Environment, or several."""
    kind = EnvironmentName(optional="default" in more)
    return click.argument(argument, type=kind, shell_complete=completion.environments, **more)


def _check_one(project: str | None, *, all_namespaces: bool) -> None:
    """Raise a Problem where both one project and all are asked for."""
    if all_namespaces and project:
        raise Problem("-n and -A exclude each other. Give one of them.", Exit.USAGE)


def everywhere(text: str) -> Callable[[Command], Command]:
    """Return the option ``-A``, which says what is so without ``-n``; both together are refused."""

    def give(command: Command) -> Command:
        @click.option("-A", "--all-namespaces", is_flag=True, help=text)
        @wraps(command)
        def one_of_them(*connection: Connection, all_namespaces: bool, **arguments: Any) -> Any:
            _check_one(arguments.get("project"), all_namespaces=all_namespaces)
            return command(*connection, **arguments)

        return one_of_them

    return give


def in_one_project_or_all(command: Command) -> Command:
    """Give a command ``-n`` and ``-A`` as ``kubectl get`` has them: what it takes is a project, empty for all."""

    @in_project("The project; else that of the context.")
    @click.option("-A", "--all-namespaces", is_flag=True, help="All projects.")
    @wraps(command)
    def resolved(connection: Connection, *, project: str, all_namespaces: bool, **arguments: Any) -> Any:
        _check_one(project, all_namespaces=all_namespaces)
        where = "" if all_namespaces else project or connection.namespace
        return command(connection, project=where, **arguments)

    return resolved


def in_project(text: str) -> Callable[[Command], Command]:
    """Return the option ``-n`` with what it means for a command."""
    complete = completion.projects
    return click.option(
        "-n",
        "--namespace",
        "project",
        metavar="PROJECT",
        type=Name(optional=True),
        default="",
        help=text,
        shell_complete=complete,
    )
