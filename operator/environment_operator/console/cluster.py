"""One cluster as the page reads and writes it: with the user's rights, by the plugin's own client, in threads."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from threading import Thread
from time import monotonic
from typing import TypeVar

from environment_operator.cli import fetch, lookup
from environment_operator.cli.client.connection import ENVIRONMENTS, Connection
from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.output import console
from environment_operator.cli.output.columns import COLUMNS, Row
from environment_operator.console.listing import Begun, Listing
from environment_operator.console.table import Snapshot
from environment_operator.kube.errors import ApiError

T = TypeVar("T")
# So long a request may take, unless the user has another wish.
SECONDS = 30.0
# So long a page waits for the name of its reader.
_PATIENCE_SECONDS = 0.2
# So long the projects are taken for those that there are.
_PROJECTS_SECONDS = 60


class Cluster:
    """A cluster with the rights of one user.

    Args:
        connection: the API server.
        shared: what others read of the Environments, None to remember what this user reads.
    """

    def __init__(self, connection: Connection, shared: Listing | None = None) -> None:
        self.connection = connection
        self._is_shared = shared is not None
        self._listing = shared or Listing()
        self._projects: dict[str, str | None] | None = None
        self._projects_at = 0.0
        self._user: asyncio.Task[str] | None = None

    @property
    def name(self) -> str:
        """The name of the context."""
        return self.connection.context

    async def ask(self, call: Callable[[Connection], T]) -> tuple[T, list[str]]:
        """Return what a call gives, and the warnings that came with it."""
        warnings: list[str] = []
        connection = self.connection.heard_by(warnings.append)
        return await apart(lambda: call(connection), warnings.append), warnings

    @property
    def asked(self) -> str:
        """The name of the context that was asked for, empty for the current one; the kubeconfig is not needed."""
        return self.connection.asked

    async def user(self) -> str:
        """Return the name by which the API server knows the user; empty while it does not say so."""
        if self._user is None or (self._user.done() and not self._user.result()):
            self._user = asyncio.create_task(self._named())
        done, _ = await asyncio.wait({self._user}, timeout=_PATIENCE_SECONDS)
        return self._user.result() if done else ""

    async def _named(self) -> str:
        """Ask the API server for the name of the user; empty where it cannot be asked."""
        with contextlib.suppress(ApiError, Problem):
            return (await self.ask(lookup.user_name))[0]
        return ""

    async def projects(self) -> dict[str, str | None] | None:
        """Return all projects with their departments; None when the user may not list them, or they cannot be read."""
        if self._projects is None or monotonic() - self._projects_at > _PROJECTS_SECONDS:
            with contextlib.suppress(ApiError, Problem):
                self._projects, _ = await self.ask(lookup.projects)
                self._projects_at = monotonic()
        return self._projects

    async def department(self, project: str) -> str | None:
        """Return the department of a project, None for none."""
        known = await self.projects()
        if known is not None:
            return known.get(project)
        return (await self.ask(lambda connection: lookup.department(connection, project)))[0]

    async def read(self, enough: int = 0) -> Snapshot:
        """Return the Environments; what was there before, where the API server is slow or fails.

        Args:
            enough: so many of them, in the order of names, will do while the others are being read; 0 for all.

        Raises:
            ApiError: they cannot be read, and were not before, or may not be any more.
            Problem: the kubeconfig cannot be used.
        """
        if self._is_shared:
            # Whoever may list them may see what another one listed: the API server has the word on that.
            await self.ask(lambda connection: connection.get(ENVIRONMENTS, limit="1"))
        return await self._listing.read(self._read, enough)

    def forget(self) -> None:
        """Have the Environments read again before they are shown: something of them was changed here."""
        self._listing.forget()

    async def _read(self, begun: Begun) -> Snapshot:
        """Read the Environments; give the first page of many at once."""
        call_soon, at = asyncio.get_running_loop().call_soon_threadsafe, datetime.now(UTC)

        def read(connection: Connection) -> list[Row]:
            rows: list[Row] = []
            for listed in fetch.growing(connection, COLUMNS):
                rows = listed.rows
                if listed.remaining:
                    call_soon(begun, Snapshot(connection.context, tuple(rows), at, remaining=listed.remaining))
            return rows

        rows, _ = await self.ask(read)
        return Snapshot(self.name, rows, at)


async def apart(call: Callable[[], T], warn: Callable[[str], None]) -> T:
    """Return what a call gives that waits for others, from a thread that nobody waits for when the process ends.

    Args:
        call: it.
        warn: takes the warnings that it would print.
    """
    out: Future[T] = Future()

    # Who waited may be gone when it comes; then nobody takes it.
    out.set_running_or_notify_cancel()

    def run() -> None:
        try:
            with console.heard(warn):
                out.set_result(call())
        except BaseException as error:  # noqa: BLE001 - who awaits it gets it
            out.set_exception(error)

    Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(out)
