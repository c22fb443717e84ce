"""What admission asks the API server about pull secrets. Nothing of it is ever a reason to refuse.

The Secrets of a project are looked for by their names, and only their metadata is sent.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import replace

from environment_operator.admission import review
from environment_operator.api import names
from environment_operator.credentials import copies
from environment_operator.credentials.copies import Secrets, Source, Sources
from environment_operator.credentials.project_secrets import path
from environment_operator.injection.context import Project, Published
from environment_operator.kube.client import Cluster
from environment_operator.kube.errors import ApiError, NotFound
from environment_operator.kube.informer import Informer
from environment_operator.kube.objects import Metadata

logger = logging.getLogger(__name__)

# Long enough for what is no reason to refuse, short enough for what else a review needs.
_SECONDS = 2


class PullSecrets:
    """Knows which credentials are published, and finds out what a project has.

    Args:
        cluster: the API server.
        table: the kinds table, by full name.
        longest: the longest pause in seconds between two tries.
        published: False when nothing is published, and nothing is looked for.
    """

    def __init__(self, cluster: Cluster, table: review.Table, longest: float, *, published: bool) -> None:
        self._cluster, self._table, self._published = cluster, table, published
        self._sources = Sources()
        self._mirror = Informer(
            cluster, "registry credentials", self._sources, path(names.SYSTEM_NAMESPACE),
            selector=names.CREDENTIALS, whole=True, longest=longest,
        )  # fmt: skip

    @property
    def parts(self) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
        """What runs side by side."""
        return (self._mirror.run,) if self._published else ()

    @property
    def settled(self) -> bool:
        """Whether the credentials were listed, or could not be."""
        return not self._published or self._mirror.settled.is_set()

    async def known(
        self, sent: review.Request, project: Project, found: Mapping[str, Published | None]
    ) -> tuple[Secrets, Mapping[str, tuple[str, ...]]]:
        """Return what is known of the Secrets of a project, and the pull secrets of the workload's service accounts.

        Args:
            sent: the request.
            project: where the workload is.
            found: the Environments that are to be injected.
        """
        used = [environment for environment in found.values() if environment]
        if not used or not project.name:
            return Secrets(), {}
        named = {name for environment in used for name in environment.pull_secrets}
        due = self._sources.due(project.name, project.department)
        images = _images(used) | review.images(sent, self._table) if due else frozenset[str]()
        offered = [source for source in due if any(map(source.serves, images))]
        if not named and not offered:
            return Secrets(), {}
        secrets, accounts = await asyncio.gather(
            self._secrets(project.name, named, offered),
            self._accounts(project.name, review.accounts(sent, self._table)),
        )
        # What is about to be published to the project is not missing.
        missing = set(secrets.missing) - {source.name for source in due}
        return replace(secrets, missing=missing), accounts

    async def _secrets(self, project: str, named: Collection[str], offered: Collection[Source]) -> Secrets:
        """Return what is known of the Secrets of a project."""
        if not self._published:
            return Secrets()
        wanted = sorted({*named, *(source.name for source in offered)})
        try:
            async with asyncio.timeout(_SECONDS):
                if not await self._cluster.may("get", "secrets", project):
                    return Secrets(f'project "{project}" does not let environment-operator read its Secrets')
                metadata = await asyncio.gather(*(self._find(project, name) for name in wanted))
        except (ApiError, TimeoutError) as error:
            logger.warning('project "%s": its Secrets could not be read: %s', project, error)
            return Secrets(f'the API server did not answer for project "{project}"')
        there = dict(zip(wanted, metadata, strict=True))
        # What is not there yet is on its way; a project's own Secret of that name is not what was published.
        published = tuple(s for s in offered if (item := there[s.name]) is None or copies.copy(item))
        return Secrets(missing={name for name in named if there[name] is None}, published=published)

    async def _find(self, project: str, name: str) -> Metadata | None:
        """Return the metadata of a Secret, None when there is none."""
        try:
            return await self._cluster.metadata(path(project, name))
        except NotFound:
            return None

    async def _accounts(self, project: str, accounts: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Return the pull secrets of service accounts; an account may come later."""
        found = await asyncio.gather(*(self._account(project, name) for name in accounts))
        return dict(zip(accounts, found, strict=True))

    async def _account(self, project: str, name: str) -> tuple[str, ...]:
        """Return the pull secrets of a service account, none when there is no such account yet."""
        try:
            found = await self._cluster.get(f"/api/v1/namespaces/{project}/serviceaccounts/{name}")
        except NotFound:
            return ()
        return tuple(secret["name"] for secret in found.get("imagePullSecrets") or ())


def _images(used: Collection[Published]) -> frozenset[str]:
    """Return the images of some Environments."""
    return frozenset(environment.spec.image for environment in used if environment.spec)
