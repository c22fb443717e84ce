"""One cluster as the page reads and writes it: with the user's rights, by the plugin's own client, in threads."""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from threading import Thread
from typing import TypeVar

from environment_operator.cli import fetch, lookup
from environment_operator.cli.client.connection import Connection
from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.output import console
from environment_operator.cli.output.columns import Column
from environment_operator.console.table import Snapshot
from environment_operator.kube.errors import ApiError

T = TypeVar("T")
# So long a request may take, unless the user has another wish.
SECONDS = 30.0
# So old may be what is shown without reading it again, and so long a page waits before it shows what was there.
_FRESH_SECONDS = 4.0
_PATIENCE_SECONDS = 0.4
# From here on an HTTP status says that the API server cannot answer now: 429 and 5xx.
_OVERLOADED = 429


class Cluster:
    """A cluster with the rights of one user; it remembers what this user read last.

    Args:
        connection: the API server.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._projects: dict[str, str | None] | None = None
        self._last: Snapshot | None = None
        self._reading: asyncio.Task[Snapshot] | None = None
        self._columns: frozenset[Column] = frozenset()

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

    async def projects(self) -> dict[str, str | None] | None:
        """Return all projects with their departments; None when the user may not list them, or they cannot be read."""
        if self._projects is None:
            with contextlib.suppress(ApiError, Problem):
                self._projects, _ = await self.ask(lookup.projects)
        return self._projects

    async def department(self, project: str) -> str | None:
        """Return the department of a project, None for none."""
        known = await self.projects()
        if known is not None:
            return known.get(project)
        return (await self.ask(lambda connection: lookup.department(connection, project)))[0]

    async def read(self, columns: Collection[Column]) -> Snapshot:
        """Return the Environments; what was there before, where the API server is slow or fails.

        Args:
            columns: which values.

        Raises:
            ApiError: they cannot be read, and were not before, or may not be any more.
            Problem: the kubeconfig cannot be used.
        """
        wanted, last = frozenset(columns), self._last
        if last is None or not wanted <= last.columns:
            return await asyncio.shield(self._reads(wanted))
        if last.error is None and (datetime.now(UTC) - last.at).total_seconds() < _FRESH_SECONDS:
            return last
        reading = self._reads(wanted)
        done, _ = await asyncio.wait({reading}, timeout=_PATIENCE_SECONDS)
        return reading.result() if done else replace(last, is_late=True)

    def forget(self) -> None:
        """Have the Environments read again before they are shown: something of them was changed here."""
        self._last = None

    def _reads(self, columns: frozenset[Column]) -> "asyncio.Task[Snapshot]":
        """Return the reading that goes on already, where it has the columns, else a new one."""
        if self._reading is None or self._reading.done() or not columns <= self._columns:
            self._columns = columns
            self._reading = asyncio.create_task(self._read(columns))
            # Nobody may be there any more to take what it raises.
            self._reading.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._reading

    async def _read(self, columns: frozenset[Column]) -> Snapshot:
        """Read the Environments, and remember them."""
        try:
            found, _ = await self.ask(lambda connection: fetch.rows(connection, columns, lambda _: None).rows)
        except ApiError as error:
            last = self._last
            if last is None or not columns <= last.columns or 0 < error.status < _OVERLOADED:
                raise
            self._last = replace(last, error=error)
        else:
            self._last = Snapshot(self.name, found, columns, datetime.now(UTC))
        return self._last


async def apart(call: Callable[[], T], warn: Callable[[str], None]) -> T:
    """Return what a call gives that waits for others, from a thread that nobody waits for when the process ends.

    Args:
        call: it.
        warn: takes the warnings that it would print.
    """
    out: Future[T] = Future()

    def run() -> None:
        try:
            with console.heard(warn):
                out.set_result(call())
        except BaseException as error:  # noqa: BLE001 - who awaits it gets it
            out.set_exception(error)

    Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(out)
