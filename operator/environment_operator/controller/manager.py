"""The role that keeps status and finalizers right: the watches, the queue and the workers, put together."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import kopf

from environment_operator import health, timing
from environment_operator.api import names
from environment_operator.controller import kopf_handlers
from environment_operator.controller.cache import World
from environment_operator.controller.reconciler import Reconciler
from environment_operator.controller.snapshot import Options
from environment_operator.controller.status import is_in_trouble
from environment_operator.controller.usage import is_hour_old
from environment_operator.credentials.reconciler import Publisher
from environment_operator.kube import worker
from environment_operator.kube.client import Cluster
from environment_operator.kube.elector import Elector, Times, identity
from environment_operator.kube.errors import ApiError
from environment_operator.kube.events import rfc3339
from environment_operator.kube.workqueue import WorkQueue
from environment_operator.settings import Settings
from environment_operator.tools.cache import Exposures
from environment_operator.tools.reconciler import Exposer

logger = logging.getLogger(__name__)


class Controller:
    """The role that keeps status and finalizers right.

    Args:
        cluster: the API server.
        settings: the settings.
    """

    def __init__(self, cluster: Cluster, settings: Settings) -> None:
        times = Times(timing.LEASE_SECONDS, timing.LEASE_RENEW_SECONDS, timing.LEASE_RETRY_SECONDS)
        self._elector = Elector(cluster, names.CONTROLLER_LEASE, identity(), times)
        cluster = cluster.fenced(self._elector.leads)
        self._cluster, self._settings = cluster, settings
        self._queue = WorkQueue("environment", timing.RATE, timing.RETRY_SECONDS, time.monotonic)
        publish = partial(
            Publisher, cluster, rate=timing.RATE, longest=timing.RETRY_SECONDS, audit=timing.RESYNC_SECONDS
        )
        exposing = WorkQueue("tools", timing.RATE, timing.RETRY_SECONDS, time.monotonic)
        expose = partial(Exposures, cluster, settings.ways, exposing, timing.RETRY_SECONDS)
        self._world = World(
            cluster,
            settings.kinds(),
            self._queue,
            longest=timing.RETRY_SECONDS,
            expose=expose,
            publish=publish if settings.registry_credentials else None,
        )
        self._exposer = Exposer(cluster, self._world.exposures, self._world.kinds, self._world.informers)
        options = Options(
            settings.usage_sample, settings.grace, settings.cluster_name, settings.node_ports, settings.mirrors
        )
        self._reconciler = Reconciler(cluster, self._world, options)
        self._watched, self._settled = asyncio.Event(), asyncio.Event()

    def _why_not_ready(self) -> str:
        """Return why the role is not ready: it is when everything that exists is known."""
        return "" if self._settled.is_set() else "still listing"

    async def run(self) -> None:
        """Run until a signal stops kopf, or a part fails."""
        async with asyncio.TaskGroup() as tasks, health.serve(self._settings, self._why_not_ready):
            # Before kopf starts: when it stops, it waits 5 s for every task that was made after it.
            parts = [tasks.create_task(run()) for run in (*self._world.parts, self._audit_for_ever)]
            parts += [tasks.create_task(self._elector.while_leading(run)) for run in self._writers]
            electing = tasks.create_task(self._elect())
            await self._kopf()
            electing.cancel()
            for part in parts:
                part.cancel()

    @property
    def _writers(self) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
        """What runs side by side in the replica that leads: all that writes."""
        each = (self._work, self._exposer.run) * timing.WORKERS
        publishing = (self._world.publisher.run,) if self._world.publisher else ()
        return (self._begin, *each, *publishing)

    async def _elect(self) -> None:
        """Have one replica lead, this one when everything that exists is known."""
        await self._settled.wait()
        await self._elector.run()

    async def _begin(self) -> None:
        """Enqueue everything: what the last leader was about to do is not known."""
        self._world.enqueue_all()
        self._world.exposures.enqueue(self._world.exposures.ledger.keys(), background=True)
        await asyncio.Event().wait()

    async def _kopf(self) -> None:
        """Watch Environments until a signal comes."""
        registry = kopf_handlers.registry(self._cluster, self._world, self._watched.set)
        await kopf.operator(registry=registry, settings=kopf_handlers.settings(), clusterwide=True, standalone=True)

    async def _audit_for_ever(self) -> None:
        """Find out what exists, then have the workers begin: a decision from half a list would be taken back.

        What changes from the list on is watched: the list is made when a watch begins, the first one and each after a
        gap, and after some time in any case.
        """
        await self._watched.wait()
        await self._audit()
        for informer in self._world.all_informers:
            await informer.settled.wait()
        self._settled.set()
        logger.info("ready: %d Environments", len(self._world.environments))
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(timing.RESYNC_SECONDS):
                    await self._watched.wait()
            await self._audit()

    async def _audit(self) -> None:
        """List all Environments until that succeeds: a deletion that the watch lost is found here."""
        self._watched.clear()
        for pause in kopf_handlers.Endless():
            try:
                await self._list()
            except ApiError as error:
                logger.warning("Environments could not be listed, and are listed again in %g s: %s", pause, error)
                await asyncio.sleep(pause)
            else:
                return

    async def _list(self) -> None:
        """Take in every Environment, and forget those that are not in the list and are no newer."""
        seen: set[str] = set()
        reached = 0
        now = rfc3339(datetime.now(UTC))
        async for page, version in self._cluster.environments():
            reached = int(version)
            for environment in page:
                name = environment["metadata"]["name"]
                self._world.update(environment, listed=True)
                seen.add(name)
                if troubled := is_in_trouble(environment):
                    self._reconciler.remind(name)
                if troubled or is_hour_old(environment.get("status") or {}, now):
                    self._world.enqueue([name], background=True)
        self._world.resync(seen, reached)

    async def _work(self) -> None:
        """Reconcile one Environment after the other."""
        name = 'Environment "{}"'.format
        await worker.work(self._queue, self._reconcile, about=name)

    async def _reconcile(self, name: str) -> float:
        """Reconcile one Environment, and enqueue it for later where that is due; return how long it is held."""
        plan = await self._reconciler.reconcile(name)
        if plan and plan.again:
            self._queue.add(name, plan.again.total_seconds())
        return timing.GATHER_SECONDS if plan and plan.status is not None else 0.0
