"""What is known around a review, put together in one place: from memory where that may be, else from the API server.

What has to be asked is asked side by side, and all of it has one deadline.
"""

import asyncio
import base64
import secrets
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import replace

from environment_operator import timing
from environment_operator.admission import review
from environment_operator.admission.live_reads import SERVES, LiveReads
from environment_operator.admission.pull_secrets import PullSecrets
from environment_operator.admission.review import Stage
from environment_operator.admission.vacancies import Vacancies
from environment_operator.api import names
from environment_operator.injection.context import Project, Published, RequestContext
from environment_operator.injection.environment_cache import Catalog, publish
from environment_operator.injection.identity import Keys, ids
from environment_operator.kube.client import ENVIRONMENTS, Cluster
from environment_operator.kube.errors import NotFound
from environment_operator.kube.informer import Informer
from environment_operator.kube.objects import invalid_fragment
from environment_operator.metrics import ENVIRONMENTS as ENVIRONMENTS_GAUGE
from environment_operator.metrics import LIVE_READS
from environment_operator.settings import Settings
from environment_operator.spec.projects import ProjectIndex, ProjectSink
from environment_operator.spec.server_validator import Validator

# The API server gives up after the timeout of the webhook, and then nobody says why.
SECONDS = names.WEBHOOK_SECONDS - 1
# What the API server has to say of the pods of an Environment is only a warning.
_VALIDATION = 2.0
Found = Mapping[str, Published | None]


class Lookups:
    """Knows what deciding takes: keeps Environments and projects in memory, and asks for what it does not know.

    Args:
        cluster: the API server.
        settings: the settings.
        table: the kinds table, by full name.
    """

    def __init__(self, cluster: Cluster, settings: Settings, table: review.Table) -> None:
        self._cluster, self._settings, self._table = cluster, settings, table
        self._keys = Keys(*settings.identity_keys.split(","))
        self._routing = settings.routing
        self.catalog, self._projects = Catalog(mirrors=settings.mirrors), ProjectIndex()
        longest, projects = timing.RETRY_SECONDS, ProjectSink(self._projects)
        self._environments = Informer(cluster, names.CRD_NAME, self.catalog, ENVIRONMENTS, whole=True, longest=longest)
        self._namespaces = Informer(cluster, "namespaces", projects, "/api/v1/namespaces", longest=longest)
        self._pull_secrets = PullSecrets(cluster, table, longest, published=settings.registry_credentials)
        self._live = LiveReads(self._read, self._stands)
        self._vacancies, self._validator = Vacancies(cluster), Validator(cluster, settings.node_ports)

    @property
    def parts(self) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
        """What runs side by side."""
        return self._environments.run, self._namespaces.run, *self._pull_secrets.parts

    @property
    def missing(self) -> str:
        """What is not in memory yet, in a few words; empty when everything is."""
        if not self._pull_secrets.settled:
            return "registry credentials are not listed yet"
        unlisted = next((each for each in (self._environments, self._namespaces) if not each.listed), None)
        return unlisted.in_words if unlisted else ""

    async def around(self, sent: review.Request, stage: Stage, deadline: float) -> RequestContext:
        """Return what is known around a request.

        Args:
            sent: the request.
            stage: which webhook is called.
            deadline: until when the API server may be asked, by the clock of the loop.

        Raises:
            TimeoutError: the API server has not answered everything by then.
            ApiError: it cannot be asked.
        """
        excess = review.excess(sent, self._table, stage)
        wanted = review.wanted(sent, self._table) if not excess else frozenset[str]()
        now = asyncio.get_running_loop().time()
        async with asyncio.timeout_at(deadline):
            # These go on while the rest is asked for, most of which is in memory. What the mutating call begins is to
            # serve still when the validating call comes.
            for name in wanted:
                self._live.begin(name, SERVES if stage == review.VALIDATE else SERVES / 2)
            project = await self._project(sent.namespace, wanted)
            taken, invalid = await self._taken(sent, stage), await self._invalid(sent, stage)
            found = await self._found(wanted, stage, now)
            injected = found if stage == review.MUTATE else {}
            pull_secrets, of_accounts = await self._pull_secrets.known(sent, project, injected)
        ENVIRONMENTS_GAUGE.set(len(self.catalog))
        return RequestContext(
            find=found.get,
            as_of=self._as_of(found),
            token=_token() if stage == review.MUTATE else "",
            project=project,
            user=sent.user.username,
            ids=ids(sent.user.extra, self._keys),
            known=self.catalog.names(),
            account_secrets=of_accounts,
            secrets=pull_secrets,
            routing=self._routing,
            taken=taken,
            dry_run=sent.dry_run,
            strict_groups=self._settings.strict_groups,
            excess=excess,
            most=sent.most,
            invalid=invalid,
        )

    async def default_environment(self, project: str, deadline: float) -> str:
        """Return the name of the default Environment of a project, empty for none; errors as of `around`."""
        async with asyncio.timeout_at(deadline):
            found = await self._cluster.get(f"/api/v1/namespaces/{project}")
        return str((found["metadata"].get("annotations") or {}).get(names.DEFAULT_ENVIRONMENT) or "")

    def _as_of(self, found: Found) -> Callable[[str, int], Published | None]:
        """Return what gives an Environment by name and generation: as it was found, or as it was before."""

        def as_of(name: str, generation: int) -> Published | None:
            live = found.get(name)
            return live if live and live.generation == generation else self.catalog.as_of(name, generation)

        return as_of

    async def _found(self, wanted: Collection[str], stage: Stage, now: float) -> Found:
        """Return the Environments of new references: as the API server has them where that is the last word."""
        known = {} if stage == review.VALIDATE else {name: self.catalog.find(name) for name in wanted}
        return {name: known.get(name) or await self._live.get(name, now) for name in wanted}

    def _stands(self, live: Published) -> bool:
        """Return whether an Environment that was read a moment ago may be used, and nothing newer is known."""
        known = self.catalog.find(live.name)
        if live.problem or known is None:
            return False
        return known.generation < live.generation or (known.generation, known.problem) == (live.generation, "")

    async def _read(self, name: str) -> Published | None:
        """Return an Environment as the API server has it now."""
        try:
            live = await self._cluster.get(f"{ENVIRONMENTS}/{name}")
        except NotFound:
            LIVE_READS.labels("missing").inc()
            return None
        LIVE_READS.labels("found").inc()
        meta = live["metadata"]
        known = self.catalog.as_of(name, meta["generation"], live["spec"])
        invalid = invalid_fragment(live.get("status") or {}, meta["generation"])
        exists = self.catalog.__contains__
        made = known or publish(
            name, meta["generation"], live["spec"], exists, invalid=invalid, mirrors=self.catalog.mirrors
        )
        return replace(made, problem=review.lifecycle_problem(meta) or made.problem)

    async def _project(self, name: str, wanted: Collection[str]) -> Project:
        """Return where a workload is; a namespace that is not in memory may have been created a moment ago."""
        if not name or not wanted:
            return Project(name)
        if name not in self._projects.departments:
            labels = (await self._cluster.get(f"/api/v1/namespaces/{name}"))["metadata"].get("labels") or {}
            return Project(name, labels.get(names.DEPARTMENT), labels.get(names.POD_SECURITY, ""))
        return Project(name, self._projects.departments[name], self._projects.levels[name])

    async def _taken(self, sent: review.Request, stage: Stage) -> Mapping[str, str]:
        """Return the addresses of tools that cannot be given, each with the reason."""
        return await self._vacancies.taken(sent) if stage == review.VALIDATE else {}

    async def _invalid(self, sent: review.Request, stage: Stage) -> str:
        """Return why the API server refuses the pods of an Environment that is written, if it says so in time."""
        spec = review.written_spec(sent) if stage == review.MUTATE else None
        if not spec:
            return ""
        try:
            async with asyncio.timeout(_VALIDATION):
                return (await self._validator.validate(spec)).problem
        except TimeoutError:
            return ""


def _token() -> str:
    """Return a token for a workload: 40 random bits, five of them in a character."""
    return base64.b32encode(secrets.token_bytes(5)).decode().lower()
