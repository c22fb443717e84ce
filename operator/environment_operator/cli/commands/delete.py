"""``delete``: Environments are deleted when they have no users, or with ``--force``."""

import time
from typing import Any

import click

from environment_operator.api import names
from environment_operator.cli import failures, options
from environment_operator.cli.client.connection import ENVIRONMENTS, Connection
from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.output import console, text

Object = dict[str, Any]


@click.command("delete")
@options.named("environments", metavar="NAME...", nargs=-1, required=True)
@options.connected
@click.option("--wait", is_flag=True, help="Wait until they are gone.")
@click.option("--timeout", type=options.Duration(), default=0.0, help="The longest to wait, as 60s; 0: without end.")
@click.option("--force", is_flag=True, help="Delete them although they are used; names the users and asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_command(
    connection: Connection, *, environments: tuple[str, ...], wait: bool, timeout: float, force: bool, yes: bool
) -> int:
    """Delete Environments, or say who uses them.

    Workloads that use a deleted Environment run on with what they have. Where one cannot be deleted, the others are.

    \b
    Examples:
      kubectl environment delete jupyter --wait --timeout 60s
      kubectl environment delete jupyter --force
    """
    from environment_operator.cli import lookup

    def delete(name: str) -> None:
        found = lookup.environment(connection, name)
        allowed = force and _allow(connection, found, sure=yes)
        try:
            _delete(connection, found)
        except BaseException:
            if allowed:
                _forbid(connection, found)
            raise
        if wait:
            _await_end(connection, name, timeout)
        click.echo(f'environment.{names.GROUP} "{name}" deleted')

    return failures.each(environments, delete)


def _allow(connection: Connection, found: Object, *, sure: bool) -> bool:
    """Allow that a used Environment is deleted, once the user has seen who uses it and agreed.

    Returns:
        Whether it was not allowed before.
    """
    from environment_operator.cli import lookup

    name = found["metadata"]["name"]
    users = lookup.users(connection, found)
    if users.are_possible and not sure:
        console.note(f"{name} is used by {users}{':' if users.seen else ''}")
        for line in text.first([str(user) for user in users.seen]):
            console.note(f"  {line}")
        console.confirm(f"Delete {name} nevertheless? They run on with what they have.", sure=sure)
    if (found["metadata"].get("annotations") or {}).get(names.ALLOW_DELETE_IN_USE) == "true":
        return False
    _annotate(connection, name, "true")
    return True


def _forbid(connection: Connection, found: Object) -> None:
    """Take back that an Environment may be deleted, unless it is: nobody else is to delete it by accident."""
    from environment_operator.kube.errors import ApiError

    name = found["metadata"]["name"]
    try:
        now = connection.find(f"{ENVIRONMENTS}/{name}")
        if now and not now["metadata"].get("deletionTimestamp"):
            _annotate(connection, name, None)
    except ApiError as error:
        console.warn(f"{name} still has the annotation {names.ALLOW_DELETE_IN_USE}, take it away: {error.message}")


def _annotate(connection: Connection, name: str, value: str | None) -> None:
    """Set or remove the annotation that allows the deletion of a used Environment."""
    annotations = {names.ALLOW_DELETE_IN_USE: value}
    connection.patch(f"{ENVIRONMENTS}/{name}", {"metadata": {"annotations": annotations}})


def _delete(connection: Connection, found: Object) -> None:
    """Delete an Environment, exactly this one; a refusal names all its users."""
    from environment_operator.cli import lookup
    from environment_operator.kube.errors import Forbidden

    name = found["metadata"]["name"]
    try:
        connection.delete(f"{ENVIRONMENTS}/{name}", {"preconditions": {"uid": found["metadata"]["uid"]}})
    except Forbidden as error:
        users = lookup.users(connection, found)
        if not users.seen:
            raise
        listed = "".join(f"\n  {line}" for line in text.first([str(user) for user in users.seen]))
        way_out = "Delete them, give them another Environment, or see kubectl environment delete --help for --force."
        raise Problem(f'{error.message}\nEnvironment "{name}" is used by {users}:{listed}\n{way_out}') from error


def _await_end(connection: Connection, name: str, timeout: float) -> None:
    """Wait until an Environment is gone; say meanwhile what it waits for."""
    from environment_operator.cli import lookup

    end = time.monotonic() + timeout if timeout else None
    with console.progress(f"waiting for {name} to go") as update:
        while found := connection.find(ENVIRONMENTS, fieldSelector=f"metadata.name={name}"):
            if not found["items"]:
                return
            update(_held_by(found["items"][0]))
            left = max(1, int(end - time.monotonic())) if end else 60
            lookup.await_change(connection, name, found["metadata"]["resourceVersion"], left)
            if end and time.monotonic() >= end:
                raise Problem(f'Environment "{name}" still exists: {_held_by(found["items"][0])}')


def _held_by(found: Object) -> str:
    """Return why an Environment is still there."""
    conditions = (found.get("status") or {}).get("conditions") or ()
    blocked = next((c["message"] for c in conditions if c["type"] == "DeletionBlocked"), "")
    return str(
        blocked or f"it has the finalizers {', '.join(found['metadata'].get('finalizers') or ())}. See who sets them."
    )
