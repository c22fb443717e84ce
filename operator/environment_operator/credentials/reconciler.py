"""Publishes registry credentials to the projects that let the operator, and knows which Secrets these have.

A project is reconciled when its credentials, its department, its Secrets or what lets the operator may have changed.
Whether it lets us, the API server's authorizer says, asked about ourselves: no right on RoleBindings shows that. That
something changed, RoleBindings of one name say at once, which are all that we may see; others are found by the audit.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from environment_operator.api import names
from environment_operator.credentials import copies
from environment_operator.credentials.copies import Copy, Source, Sources
from environment_operator.credentials.project_secrets import Holdings, path
from environment_operator.kube import events, worker
from environment_operator.kube.client import Cluster
from environment_operator.kube.errors import ApiError, Conflict, Reason
from environment_operator.kube.events import Notice
from environment_operator.kube.informer import Informer
from environment_operator.kube.objects import Metadata
from environment_operator.kube.workqueue import WorkQueue
from environment_operator.metrics import PUBLISHED, WRITES

logger = logging.getLogger(__name__)

_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/rolebindings"
_WORKERS = 4
# The API server itself learns a moment later that a RoleBinding is gone.
_LATER = 3.0
# No projects, but in the queue like these: for what cannot be published, and for what concerns every project.
_OWN, _NEWS = "", "*"
_GATHERED = 0.2


class Publisher:
    """Keeps copies in step.

    Args:
        cluster: the API server.
        departments: the department of each project.
        moved: is called with the names of Secrets that came or went in a project, and without any for all of them.
        rate: how many projects are reconciled a second.
        longest: the longest pause in seconds between two tries.
        audit: seconds after which every project is enqueued anyway.

    Attributes:
        known: the names of the Secrets of each project, None where they may not be seen; without those not read.
    """

    def __init__(
        self,
        cluster: Cluster,
        departments: Mapping[str, str | None],
        moved: Callable[[Iterable[str]], None],
        *,
        rate: float,
        longest: float,
        audit: float,
    ) -> None:
        self._cluster, self._departments, self._moved = cluster, departments, moved
        self._longest, self._audit_seconds = longest, audit
        self._queue = WorkQueue("registry-credentials", rate, longest, time.monotonic)
        self._sources = Sources(self._look_again, payload=True)
        self._mirror = Informer(
            cluster, "registry credentials", self._sources, path(names.SYSTEM_NAMESPACE),
            selector=names.CREDENTIALS, whole=True, longest=longest,
        )  # fmt: skip
        self._bindings = _Bindings(self.look)
        self._hints = Informer(
            cluster, "rolebindings", self._bindings, _BINDINGS, only=names.CREDENTIALS_ROLE, longest=longest
        )
        self._projects: dict[str, Holdings] = {}
        self.known: dict[str, Collection[str] | None] = {}
        self._reported: set[str] = set()
        self._logged: dict[str, str] = {}

    @property
    def mirrors(self) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
        """What runs side by side in every replica, and writes nothing."""
        return self._mirror.run, self._hints.run

    def look(self, project: str, delay: float = 0.0, *, background: bool = False) -> None:
        """Enqueue a project."""
        if project != names.SYSTEM_NAMESPACE:
            self._queue.add(project, delay, background=background)

    def _look_again(self) -> None:
        """Enqueue every project that has anything of ours, or may."""
        for project in (*self._projects, _OWN):
            self._queue.add(project)

    async def run(self) -> None:
        """Publish to projects until cancelled; what was known of them is forgotten then: nobody looks any more."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._audit())
                for _ in range(_WORKERS):
                    tasks.create_task(self._work(tasks))
        finally:
            self._projects.clear()
            self.known.clear()

    async def _audit(self) -> None:
        """Enqueue every project, again and again: what lets us need not be a RoleBinding of the usual name."""
        while True:
            for project in self._departments:
                self.look(project, background=True)
            await asyncio.sleep(self._audit_seconds)

    async def _work(self, tasks: asyncio.TaskGroup) -> None:
        """Publish to one project after the other."""
        name = 'publishing registry credentials to project "{}"'.format
        await worker.work(self._queue, lambda key: self._publish(key, tasks), about=name, retry=self._report)

    async def _publish(self, key: str, tasks: asyncio.TaskGroup) -> float:
        """Do what a key of the queue stands for; it is not held afterwards."""
        await self._turn(key, tasks)
        self._logged.pop(key, None)
        return 0.0

    async def _turn(self, name: str, tasks: asyncio.TaskGroup) -> None:
        """Do what a key of the queue stands for."""
        if name == _NEWS:
            self._moved(())
        elif name == _OWN:
            await self._post_problems()
        else:
            await self._look(name, tasks)

    async def _look(self, name: str, tasks: asyncio.TaskGroup) -> None:
        """Do what there is to do in one project.

        Raises:
            ApiError: something could not be done; what was done stays right.
        """
        exists = name in self._departments
        if not exists or not await self._cluster.may("create", "secrets", name):
            await self._leave(name, exists=exists)
            return
        if name not in self._projects:
            self._projects[name] = Holdings(self._cluster, name, self._seen, self._longest)
            self._projects[name].start(tasks)
            PUBLISHED.set(len(self._projects))
            logger.info('project "%s": registry credentials are published', name)
        project = self._projects[name]
        if project.mirror.in_step and self._mirror.in_step:
            await self._act(name, project)

    async def _leave(self, name: str, *, exists: bool) -> None:
        """Know no more of a project, which may not let us any more; its copies stay, for we may not delete them.

        Raises:
            ApiError: it has the RoleBinding all the same, so the API server may not know yet.
        """
        is_news = self.known.get(name, ...) is not None if exists else name in self.known
        self.known.pop(name, None)
        if exists:
            self.known[name] = None
        if project := self._projects.pop(name, None):
            await project.stop()
            PUBLISHED.set(len(self._projects))
            logger.info('project "%s": registry credentials are no longer published', name)
        if is_news:
            self._queue.add(_NEWS, _GATHERED)
        if exists and name in self._bindings.projects:
            role = f'"{names.CREDENTIALS_ROLE}"'
            raise ApiError(0, f"RoleBinding {role} does not grant ClusterRole {role} to {names.OPERATOR_USER}")

    def _seen(self, project: str, changed: Iterable[str]) -> None:
        """Take in that Secrets of a project came, went or changed."""
        self.look(project)
        if project in self._projects and self._projects[project].mirror.listed:
            self.known[project] = self._projects[project].there.keys()
        if listed := list(changed):
            self._moved(listed)
        else:
            self._queue.add(_NEWS, _GATHERED)

    async def _act(self, name: str, project: Holdings) -> None:
        """Create, bring into step and withdraw; what fails holds nothing else up.

        Raises:
            ApiError: the last one.
        """
        sources, failed = self._sources.by_name, None
        wanted = copies.steps(name, self._departments.get(name), sources, project.there, project.written)
        writes = [
            *(partial(self._write, project, found) for found in wanted.create),
            *(partial(self._write, project, found, before) for found, before in wanted.update),
            *(partial(self._withdraw, project, gone, before) for gone, before in wanted.withdraw),
        ]
        for write in writes:
            try:
                await write()
            except ApiError as error:
                failed = error
        for taken in wanted.taken:
            await self._post(sources[taken], Reason.NAME_TAKEN, copies.name_taken(taken, name))
        if failed:
            raise failed

    async def _write(self, project: Holdings, found: Source, before: Copy | None = None) -> None:
        """Create a copy, or bring it into step; what is there is changed only in the state that was read."""
        body = copies.copied(found, project.name, before)
        if before is None:
            made = await self._cluster.create(path(project.name), body)
        else:
            made = await self._changed(project, found, before, body)
        if before is None or before.version != made["metadata"]["resourceVersion"]:
            self._wrote("published to", found.name, project.name)
        project.wrote(Metadata.model_validate(made["metadata"]))

    async def _changed(self, project: Holdings, found: Source, before: Copy, body: Mapping[str, Any]) -> dict[str, Any]:
        """Bring a copy into step; return it. One that cannot be changed is made anew, unless that would be refused."""
        try:
            return await self._cluster.merge(path(project.name, found.name), body)
        except ApiError as error:
            if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
        fresh = copies.copied(found, project.name, None)
        unnamed = {**fresh["metadata"], "name": None, "generateName": f"{found.name}-"}
        await self._cluster.create(f"{path(project.name)}?dryRun=All", {**fresh, "metadata": unnamed})
        await self._withdraw(project, found.name, before)
        return await self._cluster.create(path(project.name), fresh)

    async def _withdraw(self, project: Holdings, name: str, before: Copy) -> None:
        """Delete a copy, unless it is another Secret by now."""
        await self._cluster.delete(path(project.name, name), before.uid, before.version)
        self._wrote("deleted in", name, project.name)
        project.delete(Metadata(name=name, uid=before.uid))

    async def _post_problems(self) -> None:
        """Post an Event about what cannot be published, and why."""
        for found in self._sources.by_name.values():
            if found.problem:
                await self._post(found, Reason.INVALID_CREDENTIALS, copies.not_published(found))

    async def _post(self, found: Source, reason: Reason, message: str) -> None:
        """Post an Event about credentials, once."""
        if (posted := f"{found.mark} {message}") in self._reported:
            return
        namespace, _, rest = found.mark.partition("/")
        name, uid, version = rest.split(" ")
        about = {"apiVersion": "v1", "kind": "Secret", "namespace": namespace, "name": name, "uid": uid}
        notice = Notice("Warning", reason, message)
        await events.post(self._cluster, {**about, "resourceVersion": version}, notice, version)
        self._reported.add(posted)
        logger.warning('Secret "%s" in namespace "%s": %s', name, namespace, message)

    def _wrote(self, what: str, name: str, project: str) -> None:
        """Count and log a write."""
        WRITES.labels("secret").inc()
        logger.info('Secret "%s" was %s project "%s"', name, what, project)

    def _report(self, project: str, error: ApiError) -> None:
        """Log why a project is published to again, once."""
        if self._logged.get(project) != str(error):
            level = logging.INFO if isinstance(error, Conflict) else logging.WARNING
            logger.log(level, 'registry credentials of project "%s" are published again: %s', project, error)
        self._logged[project] = str(error)


class _Bindings:
    """The projects with a RoleBinding of the usual name; the sink of these bindings."""

    def __init__(self, look: Callable[..., None]) -> None:
        self.projects: set[str] = set()
        self._look = look

    def put(self, item: Metadata) -> None:
        """A project has one, new or changed."""
        self.projects.add(item.namespace)
        self._look(item.namespace)

    def delete(self, item: Metadata) -> None:
        """A project has none any more."""
        self.projects.discard(item.namespace)
        self._look(item.namespace, _LATER)

    def resync(self, seen: Collection[tuple[str, str]]) -> None:
        """Only these projects have one."""
        gone = self.projects - {namespace for namespace, _ in seen}
        self.projects -= gone
        for project in gone:
            self._look(project, _LATER)

    def moved(self) -> None:
        """Do nothing: what is known stays known."""
