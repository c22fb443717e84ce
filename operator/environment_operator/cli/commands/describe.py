"""``describe``, ``workloads`` and ``templates``: one Environment, and who uses it."""

from datetime import UTC, datetime
from typing import Any

import click

from environment_operator.cli import options
from environment_operator.cli.client.connection import Connection
from environment_operator.cli.output import console


@click.command("describe")
@options.named()
@options.connected
def describe_command(connection: Connection, *, name: str) -> None:
    """Show everything about one Environment.

    \b
    Example:
      kubectl environment describe jupyter
    """
    from environment_operator.cli import lookup
    from environment_operator.cli.output import describe

    found = lookup.environment(connection, name)
    fragment = (found.get("status") or {}).get("fragment")
    known = describe.Known(
        environment=found,
        users=lookup.users(connection, found),
        projects=lookup.projects(connection),
        events=lookup.events(connection, name),
        fragment=console.as_yaml(fragment) if fragment else "",
        context=connection.context,
        now=datetime.now(UTC),
    )
    click.echo(describe.description(known), nl=False)


@click.command("workloads")
@options.named()
@options.connected
@options.in_one_project_or_all
@options.bom
@options.output("table", "csv", "json", "yaml", "name")
@click.option("--no-headers", is_flag=True, help="Leave the titles out.")
def workloads_command(connection: Connection, *, name: str, project: str, **form: Any) -> None:
    """List the workloads that use an Environment, in one project or, with -A, in all.

    \b
    Examples:
      kubectl environment workloads jupyter
      kubectl environment workloads jupyter -n vision -o name
      kubectl environment workloads jupyter --all-namespaces
    """
    _users(connection, name, project, templates=False, **form)


@click.command("templates")
@options.named()
@options.connected
@options.in_one_project_or_all
@options.bom
@options.output("table", "csv", "json", "yaml", "name")
@click.option("--no-headers", is_flag=True, help="Leave the titles out.")
def templates_command(connection: Connection, *, name: str, project: str, **form: Any) -> None:
    """List the templates that use an Environment, in one project or, with -A, in all.

    Cluster-scoped templates are always among them.

    \b
    Examples:
      kubectl environment templates jupyter
      kubectl environment templates jupyter --all-namespaces
    """
    _users(connection, name, project, templates=True, **form)


def _users(
    connection: Connection, name: str, project: str, *, templates: bool, output: str, no_headers: bool, bom: bool
) -> None:
    """Print the workloads or the templates that use an Environment."""
    from environment_operator.cli import lookup
    from environment_operator.cli.output import text
    from environment_operator.cli.users import HEADER

    environment = lookup.environment(connection, name)
    found = lookup.users(connection, environment, project, templates=templates)
    rows = [user.row(datetime.now(UTC)) for user in found.seen]
    header = () if no_headers else HEADER
    sort = "templates" if templates else "workloads"
    if found.unread:
        console.note(f"{sort} that use {name}: {found}")
    if output in ("json", "yaml"):
        console.document({"apiVersion": "v1", "kind": "List", "items": [user.item for user in found.seen]}, output)
    elif output == "name":
        for user in found.seen:
            click.echo(f"{user.kind.name}/{user.name}")
    elif output == "csv":
        click.echo(text.as_csv(header, rows, mark=bom), nl=False)
    elif rows:
        console.table(HEADER, rows, headers=not no_headers)
    elif not found.unread:
        console.note(f"no {sort} use {name}{f' in {project}' if project else ''}")
    others = 0 if found.unread or not project else lookup.usage(environment).get(sort, 0) - len(found.seen)
    if others > 0:
        console.note(f"{others} more in other projects: give --all-namespaces to list them")
