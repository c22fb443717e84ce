"""``delete``: Environments go when nobody uses them, or when somebody insists."""

import time
from collections.abc import Sequence
from typing import Any

import click

from environment_operator import names
from environment_operator.cli import console, options
from environment_operator.cli.connection import ENVIRONMENTS, Connection
from environment_operator.cli.problems import Exit, Problem

Object = dict[str, Any]
_MOST_NAMED = 20


@click.command("delete")
@options.named("environments", metavar="NAME...", nargs=-1, required=True)
@options.connected
@click.option("--wait", is_flag=True, help="Wait until they are gone.")
@click.option("--timeout", type=options.Duration(), default=0.0, help="The longest to wait, as 60s; 0: without end.")
@click.option("--force", is_flag=True, help="Delete them although they are used; names the users and asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_command(
    connection: Connection, *, environments: tuple[str, ...], wait: bool, timeout: float, force: bool, yes: bool
) -> None:
    """Delete Environments, or say who uses them.

    Workloads that use a deleted Environment run on with what they have.

    \b
    Examples:
      kubectl environment delete jupyter --wait --timeout 60s
      kubectl environment delete jupyter --force
    """
    from environment_operator.cli import reading

    for name in environments:
        found = reading.environment(connection, name)
        if force:
            _allow(connection, found, sure=yes)
        _delete(connection, found)
        if wait:
            _await_end(connection, name, timeout)
        click.echo(f'environment.{names.GROUP} "{name}" deleted')


def _allow(connection: Connection, found: Object, *, sure: bool) -> None:
    """Allow that a used Environment is deleted, once the user has seen who uses it and agreed."""
    from environment_operator.cli import reading

    name = found["metadata"]["name"]
    users = [str(user) for user in reading.users(connection, found)]
    if users and not sure:
        console.note(f"{name} is used by {len(users)}:")
        for line in _named(users):
            console.note(f"  {line}")
        if not console.can_ask():
            raise Problem(f"nobody is there to confirm that {name} goes: give --yes", Exit.USAGE)
        if not click.confirm(f"Delete {name} nevertheless? They run on with what they have.", err=True):
            raise Problem("nothing was deleted", Exit.NO)
    annotations = {names.ALLOW_DELETE_IN_USE: "true"}
    connection.patch(f"{ENVIRONMENTS}/{name}", {"metadata": {"annotations": annotations}})


def _delete(connection: Connection, found: Object) -> None:
    """Delete an Environment, exactly this one; a refusal names all its users."""
    from environment_operator.cli import reading
    from environment_operator.errors import Forbidden

    name = found["metadata"]["name"]
    try:
        connection.delete(f"{ENVIRONMENTS}/{name}", {"preconditions": {"uid": found["metadata"]["uid"]}})
    except Forbidden as error:
        users = [str(user) for user in reading.users(connection, found)]
        if not users:
            raise
        listed = "".join(f"\n  {line}" for line in _named(users))
        way_out = "delete them, give them another Environment, or see kubectl environment delete --help for --force"
        raise Problem(f"{error.message}\n{name} is used by:{listed}\n{way_out}") from error


def _named(users: Sequence[str]) -> list[str]:
    """Return the first users, and how many more there are."""
    more = len(users) - _MOST_NAMED
    return [*users[:_MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]


def _await_end(connection: Connection, name: str, timeout: float) -> None:
    """Wait until an Environment is gone; say meanwhile what it waits for."""
    end = time.monotonic() + timeout if timeout else None
    with console.progress(f"waiting for {name} to go") as tell:
        while found := connection.find(ENVIRONMENTS, fieldSelector=f"metadata.name={name}"):
            if not found["items"]:
                return
            tell(_held_by(found["items"][0]))
            left = max(1, int(end - time.monotonic())) if end else 60
            _await_change(connection, name, found["metadata"]["resourceVersion"], left)
            if end and time.monotonic() >= end:
                raise Problem(f"{name} is still there: {_held_by(found['items'][0])}")


def _await_change(connection: Connection, name: str, version: str, seconds: int) -> None:
    """Return when an Environment changes, or so much time has passed."""
    query = {"fieldSelector": f"metadata.name={name}", "timeoutSeconds": str(seconds)}
    for _ in connection.watch(ENVIRONMENTS, version, **query):
        return


def _held_by(found: Object) -> str:
    """Return why an Environment is still there."""
    conditions = (found.get("status") or {}).get("conditions") or ()
    blocked = next((c["message"] for c in conditions if c["type"] == "DeletionBlocked"), "")
    return str(blocked or f"its finalizers are {', '.join(found['metadata'].get('finalizers') or ())}")
