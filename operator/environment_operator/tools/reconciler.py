"""The tools of one workload: make what exposes them, and hold the addresses that were asked for. Nothing else.

An address is held by a Lease whose name follows from it, so that the API server lets one workload have it. It is let go
when nothing leads there any more.
"""

import logging
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any

from environment_operator.api import names
from environment_operator.kinds.table import Kind, api_version
from environment_operator.kube import events, worker
from environment_operator.kube.client import LEASES, Cluster
from environment_operator.kube.errors import ApiError, Conflict, NotFound, Reason
from environment_operator.kube.events import Notice
from environment_operator.kube.informer import Informer, State
from environment_operator.kube.objects import WholeItem
from environment_operator.metrics import WRITES
from environment_operator.tools import addresses
from environment_operator.tools.cache import Exposures
from environment_operator.tools.index import Claim, Place, asked_by, claim_name
from environment_operator.tools.objects import Workload, exposed, is_right, not_exposed, taken, wanted, without_url
from environment_operator.tools.selection import Selection, needs_look
from environment_operator.tools.verdicts import route_refused

logger = logging.getLogger(__name__)
Object = dict[str, Any]


# How often it is asked again whose Pods the name of a workload selects.
_OWNED_SECONDS = 600.0


class _NoPods(Conflict):
    """A workload has no Pods yet, and only these would show that its name selects no others."""


class Exposer:
    """Brings what exposes tools to where it should be.

    Args:
        cluster: the API server.
        exposures: what is known of tools and of what exposes them.
        kinds: the kinds table, by name.
        informers: the informer of each kind, by the same names.
    """

    def __init__(
        self, cluster: Cluster, exposures: Exposures, kinds: Mapping[str, Kind], informers: Mapping[str, Informer]
    ) -> None:
        self._cluster, self._kinds, self._informers = cluster, kinds, informers
        self._known, self._ledger, self._queue = exposures, exposures.ledger, exposures.queue

    async def run(self) -> None:
        """Expose the tools of one workload after the other, until cancelled."""
        name = "the tools of {}".format
        await worker.work(self._queue, self._expose, about=name)

    async def _expose(self, key: str) -> float:
        """Expose the tools of one workload; it is not held afterwards."""
        await self.expose(key)
        return 0.0

    async def expose(self, key: str) -> None:
        """Do what there is to do about one workload, which may be gone.

        Raises:
            ApiError: something could not be done; what was done stays right.
        """
        kind = key.partition("/")[0]
        # Of a kind that was taken out of the table nothing is exposed any more.
        if (kind in self._kinds and not self._is_known(kind)) or not self._known.claims.listed:
            return
        workload = self._workload(key)
        notices: list[Notice] = []
        mine = await self._hold(workload, notices) if workload else frozenset()
        targets = self._possible(wanted(workload, self._known.ways, mine)) if workload else []
        unowned = None
        if workload and targets and needs_look(workload):
            targets, unowned = await self._owned(workload, targets)
        failed, wrote = await self._make(workload, targets) if workload else (None, False)
        failed = failed or unowned
        if workload:
            notices += self._notices(workload, failed, wrote=wrote)
            for notice in notices:
                await self._post(workload, notice)
        await self._clear(key, {_place(target) for target in targets})
        if failed:
            raise failed
        await self._let_go(key, workload)

    def _is_known(self, kind: str) -> bool:
        """Return whether all objects of a kind are known, and admission is asked about them.

        It is not about those of a version that the kinds table does not have: what these say of tools is anybody's.
        """
        mirror = self._informers.get(kind)
        return bool(mirror and mirror.listed and self._kinds[kind].has(mirror.path))

    async def _post(self, workload: Workload, notice: Notice) -> None:
        """Post an Event; a failure holds nothing up."""
        try:
            await events.post(self._cluster, workload.reference, notice, "")
        except ApiError as error:
            logger.warning("%s: no Event was created: %s", workload.key, error)

    def _workload(self, key: str) -> Workload | None:
        """Return a workload as it is known, None when it is gone or has no tools."""
        found = self._ledger.find(key)
        if found is None:
            return None
        kind, namespace, name = key.split("/", 2)
        row, version = self._kinds[kind], api_version(self._informers[kind].path)
        return Workload(kind, version, row.kind, namespace, name, *found)

    def _possible(self, targets: list[Object]) -> list[Object]:
        """Return what of some objects is of kinds that can be made now."""
        ready = {kind: mirror.path for kind, mirror in self._known.mirrors.items() if mirror.state is State.SYNCED}
        return [
            {**target, "apiVersion": api_version(path)} for target in targets if (path := ready.get(target["kind"], ""))
        ]

    async def _owned(self, workload: Workload, targets: list[Object]) -> tuple[list[Object], ApiError | None]:
        """Return what may be there of a workload whose Pods its name alone selects, and what stands against the rest.

        What is there stays while there are no Pods, as when it is suspended. Whose they are is asked again later.
        """
        some, other = await Selection(self._cluster, self._kinds.values(), workload).owned()
        if other:
            why = f'Pod "{other}" has the labels of its Pods and is not one of them. Give the workload another name.'
            return [], Conflict(0, why)
        self._queue.add(workload.key, _OWNED_SECONDS, background=True)
        there = [target for target in targets if _place(target) in self._ledger.made(workload.key)]
        if some or len(there) == len(targets):
            return targets, None
        return there, _NoPods(0, "it has no Pods yet")

    async def _hold(self, workload: Workload, notices: list[Notice]) -> frozenset[str]:
        """Return the addresses that a workload asked for and holds; of the others, report who has them."""
        mine, forged = set(), addresses.forged(workload.tools, self._known.ways.routing)
        for asked in asked_by(workload.tools):
            claim = self._ledger.claims.get(asked)
            if claim is None and forged:
                notices.append(Notice("Warning", Reason.NOT_EXPOSED, forged))
                continue
            claim = claim or await self._claim(workload, asked)
            if claim.uid == workload.uid:
                mine.add(asked)
                continue
            if claim.key == workload.key:
                continue
            # Whoever it was may be gone; who is there gives it back when it does not ask any more.
            if (self._ledger.find(claim.key) or ("",))[0] != claim.uid:
                self._known.enqueue(frozenset({claim.key}))
            notices.append(Notice("Warning", Reason.ADDRESS_TAKEN, taken(asked, claim.key)))
        return frozenset(mine)

    async def _claim(self, workload: Workload, asked: str) -> Claim:
        """Return who holds an address that nobody was known to hold: this workload, unless another one came first."""
        name = claim_name(asked)
        meta = {
            "name": name,
            "labels": {names.CLAIM: "address", "app.kubernetes.io/managed-by": names.FIELD_MANAGER},
            "annotations": {names.CLAIM: asked, names.EXPOSES: workload.key},
        }
        lease = {"metadata": meta, "spec": {"holderIdentity": workload.uid}}
        try:
            stored = await self._cluster.create(LEASES, lease)
            WRITES.labels("claim").inc()
        except Conflict:
            stored = await self._cluster.get(f"{LEASES}/{name}")
        self._known.enqueue(self._ledger.hold(WholeItem.model_validate(stored).metadata) - {workload.key})
        if asked not in self._ledger.claims:
            raise Conflict(0, f'Lease "{name}" is not that of {asked}. Delete it.')
        return self._ledger.claims[asked]

    async def _make(self, workload: Workload, targets: list[Object]) -> tuple[ApiError | None, bool]:
        """Make what is not as it is to be; return the first failure, and whether anything was written."""
        failed, wrote = None, False
        for target in targets:
            seen = self._ledger.made(workload.key).get(_place(target))
            if seen and (seen.going or is_right(target, seen.object)):
                continue
            try:
                wrote |= await self._apply(workload, target, known=seen is not None)
            except ApiError as error:
                failed = failed or error
        return failed, wrote

    async def _apply(self, workload: Workload, target: Object, *, known: bool) -> bool:
        """Have one object be as it is to be; say whether that took writing.

        Raises:
            Conflict: another client has an object of that name.
        """
        path = self._path(_place(target))
        if not known and (there := await self._there(path)):
            if not _is_of(workload, there):
                raise Conflict(
                    0, f'{target["kind"]} "{target["metadata"]["name"]}" was not made by the operator. Delete it.'
                )
            self._see(target["kind"], there)
            if is_right(target, there):
                return False
        try:
            self._see(target["kind"], await self._cluster.apply(path, target))
        except ApiError as error:
            seen = self._ledger.made(workload.key).get(_place(target))
            if error.status != HTTPStatus.UNPROCESSABLE_ENTITY or seen is None:
                raise
            # What others wrote there does not go with ours: it has to be made from the beginning.
            await self._cluster.delete(path, seen.uid)
            raise Conflict(error.status, error.message) from error
        WRITES.labels("tools").inc()
        return True

    async def _there(self, path: str) -> Object | None:
        """Return an object, None when there is none."""
        try:
            return await self._cluster.get(path)
        except NotFound:
            return None

    def _path(self, place: Place) -> str:
        """Return the URL path of an object, in the version in which its kind is served."""
        kind, namespace, name = place
        head, _, plural = self._known.mirrors[kind].path.rpartition("/")
        return f"{head}/namespaces/{namespace}/{plural}/{name}"

    def _see(self, kind: str, stored: Object) -> None:
        """Take in an object as the API server has it now."""
        self._ledger.update(kind, WholeItem.model_validate(stored).metadata)

    def _notices(self, workload: Workload, failed: ApiError | None, *, wrote: bool) -> list[Notice]:
        """Return what people read on a workload about its tools."""
        made = {(kind, name): seen.object for (kind, _, name), seen in self._ledger.made(workload.key).items()}
        found = []
        if wrote and (where := exposed(workload, made)):
            found.append(Notice("Normal", Reason.EXPOSED, where))
        if failed and not isinstance(failed, _NoPods):
            found.append(Notice("Warning", Reason.NOT_EXPOSED, not_exposed(str(failed))))
        urls = [n for n, a in workload.tools.tools.items() if a.port and a.type == "ExternalURL"]
        if wrote and urls and self._known.ways.route and (why := self._known.no_routes):
            found.append(Notice("Warning", Reason.NO_ROUTES, without_url(urls, why)))
        return [*found, *self._refused(workload)]

    def _refused(self, workload: Workload) -> list[Notice]:
        """Return what people read on a workload about the routes that the Gateway does not take."""
        routes = [(name, seen.refused) for (_, _, name), seen in self._ledger.made(workload.key).items()]
        return [
            Notice("Warning", Reason.ROUTE_REFUSED, route_refused(workload.key, name, why))
            for name, why in routes
            if why
        ]

    async def _clear(self, key: str, targets: Collection[Place]) -> None:
        """Delete what is not to be there.

        Raises:
            Conflict: something of it is still there.
        """
        for place, seen in list(self._ledger.made(key).items()):
            if place in targets or self._known.mirrors[place[0]].state is not State.SYNCED:
                continue
            try:
                await self._cluster.delete(self._path(place), seen.uid)
                WRITES.labels("tools").inc()
                await self._cluster.get(self._path(place))
            except NotFound:
                self._ledger.delete(*place)
            else:
                raise Conflict(0, f'{place[0]} "{place[2]}" still exists')

    async def _let_go(self, key: str, workload: Workload | None) -> None:
        """Give back the addresses that are not asked for any more, and those of a workload that had the name before."""
        uid = workload.uid if workload else ""
        asked = asked_by(workload.tools) if workload else ()
        for address, claim in self._ledger.claims_of(key).items():
            if claim.uid == uid and address in asked:
                continue
            if any(not mirror.in_step for mirror in self._known.mirrors.values()):
                raise Conflict(0, f"{address} is kept: whether something leads there is not known")
            try:
                await self._cluster.delete(f"{LEASES}/{claim.name}", claim.lease)
                WRITES.labels("claim").inc()
            except NotFound:
                pass
            self._known.enqueue(self._ledger.release(claim.name) - {key})
            self._queue.add(key)


def _place(target: Object) -> Place:
    """Return kind, namespace and name of an object."""
    return target["kind"], target["metadata"]["namespace"], target["metadata"]["name"]


def _is_of(workload: Workload, there: Object) -> bool:
    """Return whether an object was made for a workload."""
    meta = there["metadata"]
    owners = [owner["uid"] for owner in meta.get("ownerReferences") or ()]
    return workload.uid in owners or (meta.get("annotations") or {}).get(names.EXPOSES) == workload.key
