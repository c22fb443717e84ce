"""What this process knows of tools: who has some, what there is for them, and who holds which address.

Every change ends as keys of workloads in a work queue of their own, and as names of the Environments that say so.
"""

from collections.abc import Callable, Collection, Coroutine, Iterable
from http import HTTPStatus
from typing import Protocol

from environment_operator.api import names
from environment_operator.kube.client import LEASES, Cluster
from environment_operator.kube.errors import ApiError
from environment_operator.kube.informer import Informer, State
from environment_operator.kube.objects import Metadata, Whole
from environment_operator.kube.workqueue import WorkQueue
from environment_operator.metrics import EXPOSED
from environment_operator.tools.index import Exposed, Keys, Ledger
from environment_operator.tools.objects import INGRESSES, RESOURCES, ROUTES, Ways


class Enqueue(Protocol):
    """Enqueues Environments, in the background when nobody waits for them."""

    def __call__(self, environments: Iterable[str], /, *, background: bool = False) -> None:
        """Enqueue some."""


class Exposures:
    """The ledger, with the informers that fill it.

    Args:
        cluster: the API server.
        ways: by which ways tools are reached.
        queue: where workloads wait whose tools may have to be exposed otherwise.
        longest: the longest pause in seconds between two tries of a informer.
        enqueue: is called with the Environments that a change concerns.
    """

    def __init__(self, cluster: Cluster, ways: Ways, queue: WorkQueue, longest: float, enqueue: Enqueue) -> None:
        self.ways, self.queue, self.ledger, self._enqueue = ways, queue, Ledger(), enqueue
        self._cluster = cluster
        self.claims = Informer(
            cluster, "leases.coordination.k8s.io", _ClaimSink(self), LEASES,
            selector=names.CLAIM, whole=True, longest=longest,
        )  # fmt: skip
        self.mirrors = {
            made.kind: Informer(
                cluster, made.name, _MadeSink(self, made.kind), "" if made == ROUTES else made.path,
                selector=names.TOKEN, whole=True, longest=longest,
            )
            for made in RESOURCES
        }  # fmt: skip

    @property
    def informers(self) -> tuple[Informer, ...]:
        """All informers; that of routes runs by their definition."""
        return (*self.mirrors.values(), self.claims)

    @property
    def parts(self) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
        """What runs side by side."""
        elsewhere = (ROUTES.name, INGRESSES.name)
        always = (mirror.run for mirror in self.informers if mirror.name not in elsewhere)
        return (*always, self._ingresses)

    async def _ingresses(self) -> None:
        """Follow Ingresses: where routes are made instead, as far as we may still see those from before."""
        mirror = self.mirrors[INGRESSES.kind]
        try:
            if self.ways.route != INGRESSES:
                await self._cluster.get(f"{INGRESSES.path}?limit=1")
        except ApiError as error:
            if error.status == HTTPStatus.FORBIDDEN:
                mirror.rest()
                return
        await mirror.run()

    @property
    def no_routes(self) -> str:
        """Why URLs lead nowhere; empty when they lead to tools."""
        if self.ways.route is None:
            return "the cluster has no host for tools"
        mirror = self.mirrors[self.ways.route.kind]
        return "" if mirror.state is State.SYNCED else mirror.in_words

    def of(self, environment: str) -> Exposed:
        """Return how the tools of an Environment's users are reached."""
        problem = self.no_routes if self.ways.route and self.ledger.is_routed(environment) else ""
        users, conflicts = len(self.ledger.users(environment)), tuple(self.ledger.conflicts(environment))
        return Exposed(users, conflicts, problem, self.ways.lacks, tuple(self.ledger.refused(environment)))

    def update(self, kind: str, item: Metadata, *, background: bool = False) -> None:
        """Take in a workload; nothing is exposed where nothing is admitted."""
        known = item.namespace not in names.EXEMPT_NAMESPACES and item.labels.get(names.REFERENCE)
        self._put(_key(kind, item), item.uid, item.annotations.tools if known else "", background=background)

    def delete(self, kind: str, item: Metadata) -> None:
        """Take in that a workload is gone."""
        self._put(_key(kind, item), "", "")

    def resync(self, kind: str, seen: Collection[tuple[str, str]]) -> None:
        """Take in which workloads of a kind there are at most."""
        for key in self.ledger.lost(kind, seen):
            self._put(key, "", "")

    def kind_moved(self, kind: str) -> None:
        """Enqueue all workloads of a kind, and those that left something: nobody did while it was not known."""
        known = self.ledger.keys()
        self.enqueue(frozenset(key for key in known if key.startswith(f"{kind}/")), background=True)

    def enqueue(self, keys: Keys, *, background: bool = False) -> None:
        """Enqueue workloads for their tools, and the Environments that they are from."""
        for key in keys:
            self.queue.add(key, background=background)
        self._enqueue({self.ledger.environment(key) for key in keys}, background=background)

    def _put(self, key: str, uid: str, text: str, *, background: bool = False) -> None:
        """Take in what a workload says of its tools; the Environment that they were from is concerned, too."""
        before = self.ledger.environment(key)
        if changed := self.ledger.put(key, uid, text):
            self.enqueue(changed, background=background)
            self._enqueue([before], background=background)
            EXPOSED.set(len(self.ledger))


class _MadeSink:
    """Takes in what exposes tools, of one kind."""

    def __init__(self, known: Exposures, kind: str) -> None:
        self._known, self._kind = known, kind

    def put(self, item: Metadata) -> None:
        """Remember the object."""
        if isinstance(item, Whole):
            self._known.enqueue(self._known.ledger.update(self._kind, item))

    def delete(self, item: Metadata) -> None:
        """Forget the object: it has to be made again."""
        self._known.enqueue(self._known.ledger.delete(self._kind, item.namespace, item.name))

    def resync(self, seen: Collection[tuple[str, str]]) -> None:
        """Forget what is gone."""
        self._known.enqueue(self._known.ledger.miss_all_but(self._kind, seen))

    def moved(self) -> None:
        """Enqueue all workloads with tools: routes may be possible now, or no longer."""
        self._known.enqueue(self._known.ledger.keys(), background=True)


class _ClaimSink:
    """Takes in who holds which address."""

    def __init__(self, known: Exposures) -> None:
        self._known = known

    def put(self, item: Metadata) -> None:
        """Remember a claim."""
        if isinstance(item, Whole):
            self._known.enqueue(self._known.ledger.hold(item))

    def delete(self, item: Metadata) -> None:
        """Forget a claim."""
        self._known.enqueue(self._known.ledger.release(item.name))

    def resync(self, seen: Collection[tuple[str, str]]) -> None:
        """Forget what is gone."""
        self._known.enqueue(self._known.ledger.release_all_but({name for _, name in seen}))

    def moved(self) -> None:
        """Enqueue all workloads with tools: what is asked for can be given, or not."""
        self._known.enqueue(self._known.ledger.keys(), background=True)


def _key(kind: str, item: Metadata) -> str:
    """Return what names a workload."""
    return f"{kind}/{item.namespace}/{item.name}"
