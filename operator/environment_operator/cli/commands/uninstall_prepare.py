"""``uninstall-prepare``: Environments are let go, so that nothing waits for an operator that is gone."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import click

from environment_operator.api import names
from environment_operator.cli import options
from environment_operator.cli.client.connection import ENVIRONMENTS, Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.output import console, text

Object = dict[str, Any]
_TRIES = 5
_ASK = "Ask an administrator to run this command."


@click.command("uninstall-prepare")
@options.connected
@click.option("--yes", is_flag=True, help="Do not ask.")
def uninstall_prepare_command(connection: Connection, *, yes: bool) -> int:
    """Release all Environments, before the operator is removed.

    Takes away the finalizers that wait for an operator. Says how many Environments are in use, and asks first.
    Workloads run on with what they have; nothing new may use these Environments, and each can be deleted at any time.
    The operator may be up or down. Run it again after an interruption, or when Environments were created meanwhile.

    \b
    Examples:
      kubectl environment uninstall-prepare
      kubectl environment uninstall-prepare --yes
    """
    from environment_operator.cli import lookup

    held = _held(connection)
    if not held:
        console.note("nothing to do: no Environment has our finalizer")
        return Exit.DONE
    if not lookup.may(connection, "patch"):
        raise Problem(
            f"releasing {len(held)} Environments needs the verb patch on {names.CRD_NAME}, which you lack. {_ASK}"
        )
    for line in _warnings(held):
        console.note(line)
    console.confirm("Release them?", sure=yes)
    refused = _release_all(connection, held)
    new = [each["metadata"]["name"] for each in _held(connection) if each["metadata"]["name"] not in refused]
    for name in new:
        console.complain(f"{name} was created meanwhile, or has the finalizer again: run this command again")
    return Exit.REFUSED if refused or new else Exit.DONE


def _held(connection: Connection) -> list[Object]:
    """Return the Environments that have our finalizer; without their definition there are none."""
    from environment_operator.kube.errors import NotFound

    out: list[Object] = []
    with console.progress("reading Environments") as update, suppress(NotFound):
        for page in connection.pages(ENVIRONMENTS):
            out += [each for each in page["items"] if names.FINALIZER in (each["metadata"].get("finalizers") or ())]
            update(str(len(out)))
    return out


def _warnings(held: Sequence[Object]) -> Iterator[str]:
    """Yield what the user should know before agreeing."""
    from environment_operator.api.wording import in_words
    from environment_operator.cli.lookup import usage

    yield f"{len(held)} Environments have the finalizer {names.FINALIZER}."
    used = [each for each in held if _users(each)]
    if used:
        counts = [usage(each) for each in used]
        users = in_words(sum(c.get("workloads", 0) for c in counts), sum(c.get("templates", 0) for c in counts))
        yield f"{len(used)} of them are in use, by {users}, which keep running with what they have:"
        who = [f"{each['metadata']['name']}: {_users(each)}" for each in used]
        yield from (f"  {line}" for line in text.first(who))
    going = [each["metadata"]["name"] for each in held if each["metadata"].get("deletionTimestamp")]
    if going:
        yield f"{len(going)} of them are being deleted and go at once:"
        yield from (f"  {line}" for line in text.first(going))
    yield f"They get the annotation {names.ALLOW_DELETE_IN_USE}: nothing new may use them, and they can be deleted."


def _release_all(connection: Connection, held: Sequence[Object]) -> set[str]:
    """Release Environments; return the names of those that may not be, after printing why."""
    from environment_operator.kube.errors import ApiError

    refused: dict[str, str] = {}
    with console.progress("releasing Environments") as update:
        for number, each in enumerate(held, 1):
            name = each["metadata"]["name"]
            try:
                _release(connection, each)
            except ApiError as error:
                if not error.status:
                    raise
                refused[name] = error.message
            else:
                console.line(f"environment.{names.GROUP}/{name} released")
            update(f"{number} of {len(held)}")
    for line in text.grouped(refused):
        console.complain(line)
    return set(refused)


def _release(connection: Connection, found: Object) -> None:
    """Take our finalizer from one Environment as it is now, however it changes meanwhile."""
    from environment_operator.kube.errors import Conflict, NotFound

    path = f"{ENVIRONMENTS}/{found['metadata']['name']}"
    for left in reversed(range(_TRIES)):
        try:
            _let_go(connection, path, found)
        except NotFound:
            return
        except Conflict:
            if not left:
                raise
            again = connection.find(path)
            if again is None or names.FINALIZER not in (again["metadata"].get("finalizers") or ()):
                return
            found = again
        else:
            return


def _let_go(connection: Connection, path: str, found: Object) -> None:
    """Allow that an Environment goes, and take our finalizer from it.

    Of one in use the API server lets the finalizer go only when an earlier request has allowed it.
    """
    allowing = {"annotations": {names.ALLOW_DELETE_IN_USE: "true"}}
    if _users(found) and (found["metadata"].get("annotations") or {}).get(names.ALLOW_DELETE_IN_USE) != "true":
        found = connection.patch(path, {"metadata": {**_version(found), **allowing}})
    others = [each for each in found["metadata"].get("finalizers") or () if each != names.FINALIZER]
    connection.patch(path, {"metadata": {**_version(found), **allowing, "finalizers": others}})


def _version(found: Object) -> Object:
    """Return what makes a change hold only for the object as it was read."""
    return {key: found["metadata"][key] for key in ("uid", "resourceVersion")}


def _users(found: Object) -> str:
    """Return who uses an Environment in words, as the operator counted last; empty for nobody."""
    from environment_operator.api.wording import in_words
    from environment_operator.cli.lookup import usage

    counts = usage(found)
    return in_words(counts.get("workloads", 0), counts.get("templates", 0)) if counts.get("total") else ""
