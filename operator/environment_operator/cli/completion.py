"""Completion: for kubectl, which asks ``kubectl_complete-environment``, and for shells that call the plugin itself.

kubectl passes the words so far and reads what cobra prints: a completion with its help a line, then a directive:
https://kubernetes.io/docs/reference/kubectl/generated/kubectl_plugin/ and
https://github.com/spf13/cobra/blob/v1.9.1/site/content/completions/_index.md
"""

import sys
import warnings
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem, ShellComplete

from environment_operator.cli.client.connection import Access, Connection
from environment_operator.cli.exit_codes import Problem
from environment_operator.kube.errors import ApiError

_FILES, _NO_FILES, _MORE = ":0", ":4", ":6"
# Nobody waits longer for a key.
_SECONDS = 5.0


def main() -> None:
    """Answer kubectl."""
    # Of libraries to their programmers.
    warnings.simplefilter("ignore")
    sys.stdout.write(answer(sys.argv[1:]))


def answer(words: Sequence[str]) -> str:
    """Return what kubectl reads.

    Args:
        words: what was typed after ``kubectl environment``, the last of them unfinished.
    """
    from environment_operator.cli.main import COMPLETION, cli

    *before, unfinished = words or [""]
    found = ShellComplete(cli, {}, "kubectl environment", COMPLETION).get_completions(list(before), unfinished)
    lines = [_line(item) for item in found if item.type == "plain"]
    files = any(item.type in ("file", "dir") for item in found)
    # What ends so is to be gone on with.
    unended = bool(found) and all(str(item.value).endswith(("=", "/")) for item in found)
    return "".join(f"{line}\n" for line in (*lines, _FILES if files else _MORE if unended else _NO_FILES))


def environments(ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the Environments whose names begin so; none when the API server cannot be asked."""
    from environment_operator.cli.client.connection import ENVIRONMENTS

    return [CompletionItem(name) for name in _names(ctx, ENVIRONMENTS) if name.startswith(unfinished)]


def projects(ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the projects whose names begin so; none when the API server cannot be asked."""
    from environment_operator.cli.client.connection import NAMESPACES

    return [CompletionItem(name) for name in _names(ctx, NAMESPACES) if name.startswith(unfinished)]


def departments(ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the departments of projects whose names begin so; none when the API server cannot be asked."""
    from environment_operator.cli import lookup

    try:
        found = (lookup.projects(_connection(ctx)) or {}).values()
    except (ApiError, Problem):
        return []
    return [CompletionItem(name) for name in sorted({*filter(None, found)}) if name.startswith(unfinished)]


def contexts(ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the contexts of the kubeconfig whose names begin so; none when it cannot be read."""
    return [CompletionItem(name) for name in _connection(ctx).contexts if name.startswith(unfinished)]


def kinds(ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the kinds of workloads whose names begin so."""
    return [CompletionItem(kind) for kind in _kinds(ctx) if kind.startswith(unfinished.lower())]


def workload_and_tool(ctx: click.Context, param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return what comes next of a workload and one of its tools; none when the API server cannot be asked."""
    from environment_operator.cli import kubectl_flags, lookup
    from environment_operator.tools import addresses

    words = ctx.params.get("words") or ()
    written, _ = kubectl_flags.workload_first(words or ("",))
    if "/" not in written:
        return workloads(ctx, param, unfinished)
    try:
        connection = _connection(ctx)
        place = ctx.params.get("project") or connection.namespace
        _, workload, _ = lookup.workload(connection, written, place)
    except (ApiError, Problem):
        return []
    found = addresses.read(addresses.written(workload))
    return [CompletionItem(name) for name in (found.tools if found else ()) if name.startswith(unfinished)]


def tool_types(_ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return NAME=TYPE with the types that begin so; none before the equals sign."""
    from environment_operator.cli.spec_options import TOOL_TYPES

    name, equals, begun = unfinished.partition("=")
    fitting = (each for each in TOOL_TYPES if each.lower().startswith(begun.lower()))
    return [CompletionItem(f"{name}={each}") for each in fitting] if equals else []


def workloads(ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return kinds, and after one the workloads of the project with an Environment, as KIND/NAME or KIND NAME."""
    from environment_operator.api import names
    from environment_operator.cli import lookup

    first = next(iter(ctx.params.get("words") or ()), "/")
    apart = "/" not in first
    kind, slash, name = (first, " ", unfinished) if apart else unfinished.partition("/")
    if not slash:
        return [CompletionItem(f"{each}/") for each in _kinds(ctx) if each.startswith(kind.lower())]
    try:
        connection = _connection(ctx)
        row = lookup.row(kind, lookup.kinds(connection))
        at = lookup.path(row, ctx.params.get("project") or connection.namespace)
    except Problem:
        return []
    found = (each for each in _names(ctx, at, labelSelector=names.REFERENCE) if each.startswith(name))
    return [CompletionItem(each if apart else f"{kind}/{each}") for each in found]


def filters(_ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the beginnings of filters by column."""
    from environment_operator.cli.output.columns import COLUMNS

    return [CompletionItem(f"{c.key}=") for c in COLUMNS if c.key.startswith(unfinished)]


def sorts(_ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the columns to sort by whose names begin so, in either direction."""
    from environment_operator.cli.output.columns import COLUMNS

    both = (f"{c.key}{direction}" for c in COLUMNS for direction in ("", ":desc"))
    return [CompletionItem(each) for each in both if each.startswith(unfinished)]


def columns(_ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the columns of ``list`` whose names begin so, after those with commas before them."""
    from environment_operator.cli.output.columns import COLUMNS

    done, comma, last = unfinished.rpartition(",")
    return [CompletionItem(f"{done}{comma}{c.key}") for c in COLUMNS if c.key.startswith(last)]


def _kinds(ctx: click.Context) -> list[str]:
    """Return the kinds in small letters: ours, and those that the cluster or a file has further."""
    from environment_operator.cli import lookup
    from environment_operator.kinds.table import BUILTIN

    try:
        found = lookup.kinds(_connection(ctx))
    except Problem:
        found = BUILTIN
    return list(dict.fromkeys(kind.kind.lower() for kind in found))


def _connection(ctx: click.Context) -> Connection:
    """Return a connection that nobody waits long for."""
    given = ctx.params
    who = given.get("as_user") or "", tuple(given.get("as_groups") or ())
    file = given.get("kinds_file") or ""
    access = Access(given.get("kubeconfig") or "", given.get("context") or "", _SECONDS, *who, file)
    return Connection(access, lambda _: None)


def _names(ctx: click.Context, path: str, **query: str) -> list[str]:
    """Return the names of all objects of a kind, from the API server's table, which is small."""
    table = "application/json;as=Table;g=meta.k8s.io;v=v1"
    try:
        pages = list(_connection(ctx).pages(path, table, includeObject="None", **query))
    except (ApiError, Problem):
        return []
    return [row["cells"][0] for page in pages for row in page.get("rows") or ()]


def _line(item: CompletionItem) -> str:
    """Return a completion with its help, as cobra prints it."""
    return f"{item.value}\t{item.help}" if item.help else str(item.value)
