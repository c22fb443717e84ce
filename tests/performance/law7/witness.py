"""Watches everything that the law is about: what it has seen is the evidence."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from builders import KINDS
from environment_operator.api import names
from law7.connection import Connection
from law7.history import Change

Object = dict[str, Any]
PATHS = {KINDS[name].kind: KINDS[name].path for name in ("pods", "jobs.batch", "podtemplates")}
ENVIRONMENTS = f"/apis/{names.API_VERSION}/{names.PLURAL}"
SECONDS = 180


class Witness:
    """Remembers each change, and knows what there is now.

    Args:
        connection: the API server.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._news = asyncio.Condition()
        self.changes: list[Change] = []
        self.environments: dict[str, Object] = {}
        self._users: dict[str, tuple[str, str]] = {}

    async def begin(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Begin to watch; return the tasks that do so until they are cancelled."""
        watches = [(names.KIND, ENVIRONMENTS, ""), *((kind, path, names.REFERENCE) for kind, path in PATHS.items())]
        return [tasks.create_task(self._watch(*each, await self._list(*each))) for each in watches]

    def users(self, environment: str) -> frozenset[str]:
        """Return the URL paths of those who use an Environment."""
        return frozenset(path for path, name in self._users.values() if name == environment)

    def used(self, environment: str) -> int:
        """Return how many users the status of an Environment counts; -1 when it has none."""
        status = self.environments.get(environment, {}).get("status", {})
        return int(status.get("usage", {}).get("total", -1))

    async def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait until something holds, as far as is seen from here.

        Raises:
            TimeoutError: it does not come true.
        """
        try:
            async with self._news, asyncio.timeout(SECONDS):
                await self._news.wait_for(condition)
        except TimeoutError:
            raise TimeoutError(f"gave up after {SECONDS} s waiting for {what}") from None

    async def _list(self, kind: str, path: str, selector: str) -> str:
        """Take in what there is; return the version of the list."""
        query = f"?labelSelector={selector}" if selector else ""
        found = (await self._connection.get(f"{path}{query}")).body
        await self._see(kind, path, ((item, True) for item in found["items"]))
        return str(found["metadata"]["resourceVersion"])

    async def _watch(self, kind: str, path: str, selector: str, version: str) -> None:
        """Take in what changes."""
        async for event in self._connection.watch(path, selector, version):
            await self._see(kind, path, [(event["object"], event["type"] != "DELETED")])

    async def _see(self, kind: str, path: str, items: Iterable[tuple[Object, bool]]) -> None:
        """Take in objects, each with whether it is there."""
        async with self._news:
            for item, exists in items:
                if kind == names.KIND:
                    self._see_environment(item, exists=exists)
                elif not any(owner.get("controller") for owner in item["metadata"].get("ownerReferences", ())):
                    self._see_user(kind, path, item, exists=exists)
            self._news.notify_all()

    def _see_environment(self, item: Object, *, exists: bool) -> None:
        """Take in an Environment."""
        name = item["metadata"]["name"]
        self.changes.append(_change(names.KIND, item, name, user=False, exists=exists))
        if exists:
            self.environments[name] = item
        else:
            self.environments.pop(name, None)

    def _see_user(self, kind: str, path: str, item: Object, *, exists: bool) -> None:
        """Take in a user; one that is derived is not given here."""
        meta = item["metadata"]
        name = meta["labels"][names.REFERENCE]
        self.changes.append(_change(kind, item, name, user=True, exists=exists))
        if exists:
            head, _, plural = path.rpartition("/")
            self._users[meta["uid"]] = (f"{head}/namespaces/{meta['namespace']}/{plural}/{meta['name']}", name)
        else:
            self._users.pop(meta["uid"], None)


def _change(kind: str, item: Object, name: str, *, user: bool, exists: bool) -> Change:
    """Return what an event says."""
    meta = item["metadata"]
    place = f"{meta['namespace']}/" if "namespace" in meta else ""
    what = f"{kind} {place}{meta['name']}"
    terminating = "deletionTimestamp" in meta
    now = asyncio.get_running_loop().time()
    return Change(int(meta["resourceVersion"]), what, meta["uid"], name, user, exists, terminating, now)
