"""An Environment gets another name, which its users follow."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from environment_operator.api import names
from environment_operator.cli import apply, lookup
from environment_operator.cli.client.connection import ENVIRONMENTS, JSON_PATCH, Connection
from environment_operator.cli.exit_codes import Exit, Problem
from environment_operator.cli.lookup import Referring
from environment_operator.cli.output import console, text
from environment_operator.cli.rename_users import deprecation, is_successor, moved, obstacle, successor
from environment_operator.kube.errors import ApiError, NotFound

Object = dict[str, Any]
# How long the operator may take to see that nobody uses the old one any more.
_PATIENCE_SECONDS = 60
_DRY = {"dryRun": ["All"]}


class Renaming:
    """An Environment gets another name, step by step; each step is left out when it was done before.

    Args:
        connection: the API server.
        old: the Environment.
        new: its new name.
        dry_run: whether nothing is to be changed.
        progress: takes what was done, a line each.
    """

    def __init__(
        self, connection: Connection, old: Object, new: str, *, dry_run: bool, progress: Callable[[str], None]
    ) -> None:
        self._connection, self._found, self._new, self._progress = connection, old, new, progress
        self._old: str = old["metadata"]["name"]
        self._query = {"dryRun": "All"} if dry_run else {}
        self._note = rehearsed(dry_run=dry_run)
        if new == self._old:
            raise Problem(f'--to: "{new}" is its name already. Choose another name.', Exit.USAGE)

    def carry_out(self, fields: Mapping[str, Any], *, sure: bool) -> None:
        """Do all of it.

        Raises:
            Problem: the new name is taken, or the old one still has users.
        """
        wanted = successor(apply.authored(self._found), self._new, fields)
        there = self._connection.find(f"{ENVIRONMENTS}/{self._new}")
        if there and not is_successor(there, wanted):
            raise Problem(f'Environment "{self._new}" exists, with another spec. Choose a new name.')
        users, unread = lookup.referring(self._connection, self._old)
        following, staying = self._parted(users)
        if not self._query:
            self._ask(following, sure=sure)
        if not there:
            self._connection.create(ENVIRONMENTS, wanted, fieldValidation="Strict", **self._query)
            self._report(self._new, "created")
        elif any(there["spec"].get(field) != value for field, value in fields.items()):
            self._patch(f"{ENVIRONMENTS}/{self._new}", {"spec": dict(fields)})
            self._report(self._new, "renamed")
        self._deprecate()
        staying += self._move(following, there=bool(there))
        hidden = lookup.usage(self._found).get("total", 0) - len(users)
        if unread and hidden > 0:
            staying.append(f"{hidden} that you may not list: ask a person who may")
        if staying:
            self._stays(staying)
        self._remove(len(users))

    def _parted(self, users: Sequence[Referring]) -> tuple[list[Referring], list[str]]:
        """Return the users that can follow, and in words those that cannot."""
        personal = (self._found["spec"].get("user") or {}).get("source") == "IdPToken"
        reasons = [obstacle(each.kind, each.item, personal=personal, name=self._new) for each in users]
        pairs = list(zip(users, reasons, strict=True))
        return [user for user, why in pairs if not why], [f"{user}: {why}" for user, why in pairs if why]

    def _ask(self, following: Sequence[Referring], *, sure: bool) -> None:
        """Have the user agree to what becomes of workloads that run."""
        running = [str(user) for user in following if not user.kind.template]
        if running and not sure:
            console.note(f"These get what {self._new} sets up, and start new pods:")
            for line in text.first(running):
                console.note(f"  {line}")
            console.confirm("Move them?", sure=sure)

    def _deprecate(self) -> None:
        """Have the old one, and those that send people to it, name the new one."""
        if self._found["metadata"].get("deletionTimestamp"):
            return
        wanted = deprecation(self._new)
        if self._found["spec"].get("deprecated") != wanted:
            self._patch(f"{ENVIRONMENTS}/{self._old}", {"spec": {"deprecated": wanted}})
            self._report(self._old, "deprecated")
        for each in self._connection.items(ENVIRONMENTS):
            if (each["spec"].get("deprecated") or {}).get("replacedBy") == self._old:
                name = each["metadata"]["name"]
                self._patch(f"{ENVIRONMENTS}/{name}", {"spec": {"deprecated": {"replacedBy": self._new}}})
                self._report(name, f"replaced by {self._new}")

    def _move(self, following: Sequence[Referring], *, there: bool) -> list[str]:
        """Move users; return in words those whose change is refused."""
        refused: list[str] = []
        with console.progress(f"moving users to {self._new}") as update:
            for number, user in enumerate(following, 1):
                try:
                    if there or not self._query:
                        patch = moved(user.item, self._old, self._new)
                        self._connection.patch(user.path, patch, JSON_PATCH, **self._query)
                    else:
                        # The new one does not exist. The old one has the same set-up, and a refresh is a new reference.
                        self._connection.patch(user.path, self._refreshed(), **self._query)
                except NotFound:
                    continue
                except ApiError as error:
                    if not error.status:
                        raise
                    refused.append(f"{user}: {error.message}")
                    continue
                self._progress(f"{user} moved{self._note}")
                update(f"{number} of {len(following)}")
        return refused

    def _refreshed(self) -> Object:
        """Return the patch by which a user is validated anew with the old one."""
        stamp = f"{self._new}-{self._found['metadata']['resourceVersion']}"
        return {"metadata": {"annotations": {names.REFRESH: stamp}}}

    def _stays(self, staying: Sequence[str]) -> None:
        """Raise why the old one stays."""
        listed = "".join(f"\n  {line}" for line in text.first(staying))
        raise Problem(
            f'Environment "{self._old}" was not deleted, these use it:{listed}\nRun this command again afterwards.'
        )

    def _remove(self, users: int) -> None:
        """Delete the old one, exactly this one, as soon as the operator knows that nobody uses it.

        Args:
            users: how many users would have moved, in a dry run.
        """
        if not self._found["metadata"].get("deletionTimestamp"):
            self._await_users(users if self._query else 0)
            if users and self._query:
                self._check_removal()
            else:
                uid = {"preconditions": {"uid": self._found["metadata"]["uid"]}}
                self._connection.delete(f"{ENVIRONMENTS}/{self._old}", uid | (_DRY if self._query else {}))
        self._progress(f'environment.{names.GROUP} "{self._old}" deleted{self._note}')

    def _check_removal(self) -> None:
        """Find out whether the user may delete the old one, which the API server refuses to anybody while it is used.

        Raises:
            Problem: the user may not.
        """
        if not lookup.may(self._connection, "delete", self._old):
            raise Problem(
                f'Environment "{self._old}" would stay: its deletion needs the verb delete on {names.CRD_NAME}, '
                "which you lack. Ask a person who has it."
            )
        # Who may publish it may delete it; without a change of its spec nobody has asked yet.
        if self._found["spec"].get("deprecated"):
            self._patch(f"{ENVIRONMENTS}/{self._old}", {"spec": {"deprecated": None}})

    def _await_users(self, most: int) -> None:
        """Wait until the operator counts no more users of the old one than these.

        Raises:
            Problem: it still counts more.
        """
        end = time.monotonic() + _PATIENCE_SECONDS
        with console.progress(f"waiting until nobody uses {self._old}") as update:
            while True:
                page = self._connection.get(ENVIRONMENTS, fieldSelector=f"metadata.name={self._old}")
                total = next((lookup.usage(each).get("total", 0) for each in page["items"]), 0)
                if total <= most:
                    return
                update(f"{total} users")
                left = int(end - time.monotonic())
                if left < 1:
                    left_over = f'Environment "{self._old}" was not deleted: the operator still counts {total} users'
                    raise Problem(f"{left_over}. Run this command again.")
                lookup.await_change(self._connection, self._old, page["metadata"]["resourceVersion"], left)

    def _patch(self, path: str, body: Object) -> None:
        """Change an Environment."""
        self._connection.patch(path, body, fieldValidation="Strict", **self._query)

    def _report(self, name: str, done: str) -> None:
        """Report what became of an Environment."""
        self._progress(f"{apply.FULL_NAME}/{name} {done}{self._note}")


def rehearsed(*, dry_run: bool) -> str:
    """Return the note that nothing was done yet."""
    return " (server dry run)" if dry_run else ""
