"""What this process knows and what it enqueues: the indices with the informers that fill them.

Every change ends as names of Environments in the work queue; nobody else writes to the indices.
"""

from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any

from environment_operator.api import names
from environment_operator.api.references import used
from environment_operator.controller.discovery import Discovery
from environment_operator.controller.index import EnvironmentIndex, UsageIndex, User
from environment_operator.controller.usage import Known
from environment_operator.credentials.reconciler import Publisher
from environment_operator.kinds.table import Kind, Resource, is_derived
from environment_operator.kube.client import Cluster
from environment_operator.kube.informer import Informer
from environment_operator.kube.objects import Metadata
from environment_operator.kube.workqueue import WorkQueue
from environment_operator.metrics import ENVIRONMENTS
from environment_operator.spec.projects import ProjectIndex
from environment_operator.tools.cache import Exposures
from environment_operator.tools.objects import ROUTES

Expose = Callable[[Callable[[Iterable[str]], None]], Exposures]
Publish = Callable[[Mapping[str, str | None], Callable[[Iterable[str]], None]], Publisher]


class World:
    """Everything known.

    Args:
        cluster: the API server.
        table: the kinds table.
        queue: where Environments wait that may have to change.
        longest: the longest pause in seconds between two tries of an informer.
        expose: makes what is known of tools, from what enqueues the Environments that it concerns.
        publish: makes what publishes registry credentials, from the departments of the projects and from what enqueues
            those whose Secrets came or went; None when nothing is published.
    """

    def __init__(
        self,
        cluster: Cluster,
        table: tuple[Kind, ...],
        queue: WorkQueue,
        *,
        longest: float,
        expose: Expose,
        publish: Publish | None = None,
    ) -> None:
        self.kinds = {kind.name: kind for kind in table}
        self.environments, self.projects, self.usage = EnvironmentIndex(), ProjectIndex(), UsageIndex()
        self._queue = queue
        self.namespaces = Informer(cluster, "namespaces", _ProjectSink(self), "/api/v1/namespaces", longest=longest)
        self.informers = {
            kind.name: Informer(
                cluster, kind.name, _UserSink(self, kind), "" if kind.custom else kind.path,
                selector=names.REFERENCE, longest=longest,
            )
            for kind in table
        }  # fmt: skip
        self.exposures = expose(self.enqueue)
        custom: dict[str, Resource] = {name: kind for name, kind in self.kinds.items() if kind.custom}
        mirrors = dict(self.informers)
        if routes := self.exposures.mirrors.get(ROUTES.kind):
            custom[ROUTES.name], mirrors[ROUTES.name] = ROUTES, routes
        self.publisher = publish(self.projects.departments, self._enqueue_pullers) if publish else None
        self.discovery = Discovery(cluster, custom, mirrors, self.enqueue_all, longest)

    @property
    def all_informers(self) -> tuple[Informer, ...]:
        """The informers of the kinds table, of what exposes tools, of the definitions and of the projects."""
        return (*self.informers.values(), *self.exposures.informers, self.discovery.mirror, self.namespaces)

    @property
    def parts(self) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
        """What runs side by side in every replica, and writes nothing."""
        always = (self.informers[kind.name].run for kind in self.kinds.values() if not kind.custom)
        publishing = self.publisher.mirrors if self.publisher else ()
        return (*always, *self.discovery.parts, *self.exposures.parts, self.namespaces.run, *publishing)

    @property
    def departments(self) -> Mapping[str, str | None] | None:
        """The department of each project; None while the projects are not known."""
        return self.projects.departments if self.namespaces.listed else None

    @property
    def secrets(self) -> Mapping[str, Collection[str] | None] | None:
        """The names of the Secrets of each project, as `Publisher.known`; None when nobody looks."""
        return self.publisher.known if self.publisher else None

    def known(self, environment: str) -> Known:
        """Return what is known of one Environment's users; which kinds there are is part of it."""
        kinds = (*self.informers.values(), self.discovery.mirror)
        return Known(
            users=self.usage.users(environment),
            kinds=self.kinds,
            unknown={r.name: r.in_words for r in kinds if not r.in_step},
            blind=frozenset(r.name for r in self.informers.values() if not r.listed),
        )

    def update(self, environment: Mapping[str, Any], *, listed: bool = False) -> None:
        """Take in an Environment as the API server has it; in the background when a list has it: nobody changed it."""
        self.enqueue(self.environments.put(environment, listed=listed), background=listed)
        ENVIRONMENTS.set(len(self.environments))

    def delete(self, name: str) -> None:
        """Take in that an Environment is gone."""
        self.enqueue(self.environments.delete(name))
        ENVIRONMENTS.set(len(self.environments))

    def resync(self, seen: Collection[str], version: int) -> None:
        """Take in that a complete list, of a resource version, has these Environments alone."""
        self.enqueue(self.environments.resync(seen, version))
        ENVIRONMENTS.set(len(self.environments))

    def enqueue_all(self) -> None:
        """Enqueue every Environment, in the background."""
        self.enqueue(self.environments.names(), background=True)

    def enqueue(self, environments: Iterable[str], *, background: bool = False) -> None:
        """Enqueue Environments; those that do not exist are left alone.

        Args:
            environments: their names.
            background: whether what an event brings comes before them: so does what a first list or an audit finds.
        """
        for name in environments:
            if name in self.environments:
                self._queue.add(name, background=background)

    def enqueue_used(self, environments: Iterable[str], *, background: bool = False) -> None:
        """Enqueue Environments whose users changed; one that lost its last at once, since it may be deleted."""
        changed = list(environments)
        self.enqueue(changed, background=background)
        for name in changed:
            if name in self.environments and not self.usage.users(name):
                self._queue.add(name, urgent=True, background=background)

    def _enqueue_pullers(self, secrets: Iterable[str]) -> None:
        """Enqueue the Environments that name one of some Secrets; with none given, those that name any."""
        self.enqueue(self.environments.concerned([("secret", name) for name in secrets] or [("secret", "")]))

    def project_moved(self, name: str) -> None:
        """Enqueue a project for its registry credentials."""
        if self.publisher:
            self.publisher.look(name, background=not self.namespaces.listed)


class _UserSink:
    """Takes in the users of one kind."""

    def __init__(self, world: World, kind: Kind) -> None:
        self._world, self._kind, self._has_roles = world, kind.name, bool(kind.roles)

    def put(self, item: Metadata) -> None:
        """Remember what the object refers to; a derived one refers to nothing."""
        if is_derived(item.owner_references, self._world.kinds.values()):
            self.delete(item)
            return
        self._world.exposures.update(self._kind, item, background=self._is_first)
        self._index(item, used(item.labels, item.annotations.record, roles=self._has_roles))

    def delete(self, item: Metadata) -> None:
        """Forget the object."""
        self._world.exposures.delete(self._kind, item)
        self._index(item, {})

    def resync(self, seen: Collection[tuple[str, str]]) -> None:
        """Forget what is gone."""
        self._world.exposures.resync(self._kind, seen)
        self._world.enqueue_used(self._world.usage.resync(self._kind, seen))

    def moved(self) -> None:
        """Enqueue every Environment, and all tools: what is known of the kind may be less, or more."""
        self._world.enqueue_all()
        self._world.exposures.kind_moved(self._kind)

    def _index(self, item: Metadata, environments: Mapping[str, str]) -> None:
        """Put the object's references into the index and enqueue whom that concerns."""
        user = User(self._kind, item.namespace, item.name)
        self._world.enqueue_used(self._world.usage.put(user, environments), background=self._is_first)

    @property
    def _is_first(self) -> bool:
        """Whether what comes is of the first list: it says what is there, not what changed."""
        return not self._world.informers[self._kind].listed


class _ProjectSink:
    """Takes in the projects and their departments."""

    def __init__(self, world: World) -> None:
        self._world = world

    def put(self, item: Metadata) -> None:
        """Remember the project."""
        self._enqueue(self._world.projects.put(item.name, item.labels.get(names.DEPARTMENT)))

    def delete(self, item: Metadata) -> None:
        """Forget the project."""
        self._enqueue(self._world.projects.delete(item.name))

    def resync(self, seen: Collection[tuple[str, str]]) -> None:
        """Forget the projects that are gone."""
        self._enqueue(self._world.projects.resync({name for _, name in seen}))

    def moved(self) -> None:
        """Enqueue every Environment: which projects exist may be known now."""
        self._world.enqueue_all()

    def _enqueue(self, changed: Iterable[tuple[str, str]]) -> None:
        """Enqueue the Environments that mention what changed, and the projects for their credentials."""
        changed = list(changed)
        for kind, name in changed:
            if kind == "project":
                self._world.project_moved(name)
        first = not self._world.namespaces.listed
        self._world.enqueue(self._world.environments.concerned(changed), background=first)
