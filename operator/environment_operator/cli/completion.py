"""Completion: for kubectl, which asks ``kubectl_complete-environment``, and for shells that call the plugin itself.

kubectl passes the words so far and reads what cobra prints: a completion with its help a line, then a directive:
https://kubernetes.io/docs/reference/kubectl/generated/kubectl_plugin/ and
https://github.com/spf13/cobra/blob/v1.9.1/site/content/completions/_index.md
"""

import sys
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem, ShellComplete

from environment_operator.cli.connection import Access, Connection
from environment_operator.cli.problems import Problem
from environment_operator.errors import ApiError

_FILES, _NO_FILES = ":0", ":4"
# Nobody waits longer for a key.
_SECONDS = 5.0


def main() -> None:
    """Answer kubectl."""
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
    return "".join(f"{line}\n" for line in (*lines, _FILES if files else _NO_FILES))


def environments(ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the Environments whose names begin so; none when the API server cannot be asked."""
    from environment_operator.cli.connection import ENVIRONMENTS

    return [CompletionItem(name) for name in _names(ctx, ENVIRONMENTS) if name.startswith(unfinished)]


def projects(ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the projects whose names begin so; none when the API server cannot be asked."""
    from environment_operator.cli.connection import NAMESPACES

    return [CompletionItem(name) for name in _names(ctx, NAMESPACES) if name.startswith(unfinished)]


def columns(_ctx: click.Context, _param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the columns of ``list`` whose names begin so, after those with commas before them."""
    from environment_operator.cli.columns import COLUMNS

    done, comma, last = unfinished.rpartition(",")
    return [CompletionItem(f"{done}{comma}{c.key}") for c in COLUMNS if c.key.startswith(last)]


def _names(ctx: click.Context, path: str) -> list[str]:
    """Return the names of all objects of a kind, from the API server's table, which is small."""
    given = ctx.params
    access = Access(given.get("kubeconfig") or "", given.get("context") or "", _SECONDS)
    table = "application/json;as=Table;g=meta.k8s.io;v=v1"
    connection = Connection(access, lambda _: None)
    try:
        pages = list(connection.pages(path, table, includeObject="None"))
    except (ApiError, Problem):
        return []
    return [row["cells"][0] for page in pages for row in page.get("rows") or ()]


def _line(item: CompletionItem) -> str:
    """Return a completion with its help, as cobra prints it."""
    return f"{item.value}\t{item.help}" if item.help else str(item.value)
