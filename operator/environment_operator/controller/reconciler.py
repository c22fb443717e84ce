"""One Environment: gather what is known, decide, act. Nothing else."""

import logging
from datetime import UTC, datetime
from typing import Any

from environment_operator.api import names
from environment_operator.api.lifecycle import is_terminating
from environment_operator.api.references import used
from environment_operator.api.wording import named
from environment_operator.controller.cache import World
from environment_operator.controller.decide import decide, wants_live_look
from environment_operator.controller.snapshot import LiveLook, Options, Plan, Snapshot, is_validated
from environment_operator.controller.usage import is_hour_old
from environment_operator.kinds.table import Kind, is_derived
from environment_operator.kube import events
from environment_operator.kube.client import DEFINITIONS, Cluster
from environment_operator.kube.errors import ApiError, Conflict, NotFound
from environment_operator.kube.events import Notice, rfc3339
from environment_operator.kube.informer import State
from environment_operator.metrics import WRITES
from environment_operator.spec.server_validation import Validity
from environment_operator.spec.server_validator import Validator

logger = logging.getLogger(__name__)


class Reconciler:
    """Brings Environments to where they should be.

    Args:
        cluster: the API server.
        world: what is known.
        options: settings that decisions depend on.
    """

    def __init__(self, cluster: Cluster, world: World, options: Options) -> None:
        self._cluster, self._world, self._options = cluster, world, options
        self._reminders: set[str] = set()
        self._validator = Validator(cluster, options.node_ports)

    def remind(self, name: str) -> None:
        """Have the Events of the troubles of an Environment posted again at its next turn; one that exists stays."""
        self._reminders.add(name)

    async def reconcile(self, name: str) -> Plan | None:
        """Do what there is to do about one Environment; return what that was, None when it is gone.

        Raises:
            ApiError: something could not be done; what was done stays right.
        """
        environment = self._world.environments.get(name)
        if environment is None:
            return None
        plan = decide(await self._gather(environment))
        self._reminders.discard(name)
        try:
            await self._act(environment, plan)
        except NotFound:
            self._world.delete(name)
        return plan

    async def _gather(self, environment: dict[str, Any]) -> Snapshot:
        """Return everything that the decision needs."""
        name, now = environment["metadata"]["name"], _now()
        known = self._world.known(name)
        live = await self._look(name) if wants_live_look(environment, known) else None
        replacement = (environment["spec"].get("deprecated") or {}).get("replacedBy", "")
        return Snapshot(
            environment=environment,
            known=known,
            departments=self._world.departments,
            replacement_exists=replacement in self._world.environments,
            now=now,
            live=live,
            options=self._options,
            secrets=self._world.secrets,
            exposed=self._world.exposures.of(name),
            hour_passed=is_hour_old(environment.get("status") or {}, now),
            validity=await self._validity(environment),
            reminded=name in self._reminders,
        )

    async def _validity(self, environment: dict[str, Any]) -> Validity | None:
        """Return what the API server says of the pods, None when it was asked about this generation before."""
        if is_terminating(environment) or is_validated(environment):
            return None
        return await self._validator.validate(environment["spec"])

    async def _look(self, name: str) -> LiveLook:
        """Ask the API server for users of every kind, one after the other, until there is one.

        Its clock is read before the first list: whoever comes while the lists are made may be missing in them.
        """
        now = await self._check_kinds()
        for kind, informer in zip(self._world.kinds.values(), self._world.informers.values(), strict=True):
            if informer.state is State.ABSENT:
                continue
            if user := await self._live_user(kind, informer.path, name):
                return LiveLook(now, user)
        return LiveLook(now)

    async def _check_kinds(self) -> datetime:
        """Have the API server confirm that the cluster has the kinds that we watch; return its clock before that.

        Raises:
            Conflict: one came or changed a moment ago.
        """
        token, now = "", None
        while True:
            page = await self._cluster.page(DEFINITIONS, token=token)
            now = now or page.now
            changed = next((item.name for item in page.items if not self._world.discovery.knows(item)), "")
            if changed:
                raise Conflict(0, f'CustomResourceDefinition "{changed}" was created or changed a moment ago')
            token = page.next
            if not token:
                return now

    async def _live_user(self, kind: Kind, path: str, name: str) -> str | None:
        """Return a user of one kind, in words."""
        token = ""
        # A label for one role names the Environment where the main one, by which users are found, names another.
        selector = names.REFERENCE if kind.roles else f"{names.REFERENCE}={name}"
        while True:
            page = await self._cluster.page(path, selector, token)
            for item in page.items:
                known = used(item.labels, item.annotations.record, roles=bool(kind.roles))
                if name in known and not is_derived(item.owner_references, self._world.kinds.values()):
                    return named(kind.kind, item.namespace, item.name)
            token = page.next
            if not token:
                return None

    async def _act(self, environment: dict[str, Any], plan: Plan) -> None:
        """Carry out the plan: first the finalizer, then status and Events, last the release."""
        if plan.add_finalizer:
            environment = await self._patch(environment, "finalizer", _finalizer_added(environment))
        if plan.status is not None:
            meta = environment["metadata"]
            stored = await self._cluster.apply_status(meta["name"], meta["uid"], plan.status)
            self._wrote({**environment, "status": plan.status}, stored)
            WRITES.labels("status").inc()
        for notice in plan.notices:
            await self._post(environment, notice)
        if plan.release:
            await self._patch(environment, "finalizer", _finalizer_removed(environment))
            logger.info("released %s", environment["metadata"]["name"])

    async def _patch(self, environment: dict[str, Any], what: str, patch: list[dict[str, Any]]) -> dict[str, Any]:
        """Apply a JSON patch that holds only for the state of the object that was decided on; return it as stored."""
        meta = environment["metadata"]
        test = {"op": "test", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]}
        patched = await self._cluster.patch_environment(meta["name"], [test, *patch])
        WRITES.labels(what).inc()
        if names.FINALIZER in patched["metadata"].get("finalizers", ()):
            self._wrote(patched, patched)
        return patched

    def _wrote(self, expected: dict[str, Any], stored: dict[str, Any]) -> None:
        """Take in what a write has made; decide again only when another client's change came with it."""
        if _is_as_expected(expected, stored):
            self._world.environments.put(stored)
        else:
            self._world.update(stored)

    async def _post(self, environment: dict[str, Any], notice: Notice) -> None:
        """Post an Event; a failure holds nothing up."""
        meta = environment["metadata"]
        try:
            await events.post(self._cluster, _about(environment), notice, meta["generation"])
        except ApiError as error:
            logger.warning('Environment "%s": no Event was created: %s', meta["name"], error)


def _now() -> str:
    """Return the time as Kubernetes writes it."""
    return rfc3339(datetime.now(UTC))


def _is_as_expected(expected: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Return whether nothing else is stored than what was decided on and written.

    The spec of one generation may be another one, too: with fields that a watch under an earlier definition left out.
    """
    before, now = (
        {k: v for k, v in each["metadata"].items() if k not in ("resourceVersion", "managedFields")}
        for each in (expected, stored)
    )
    return before == now and all(expected.get(part) == stored.get(part) for part in ("spec", "status"))


def _finalizer_added(environment: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the patch that puts our finalizer behind the others."""
    if environment["metadata"].get("finalizers"):
        return [{"op": "add", "path": "/metadata/finalizers/-", "value": names.FINALIZER}]
    return [{"op": "add", "path": "/metadata/finalizers", "value": [names.FINALIZER]}]


def _finalizer_removed(environment: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the patch that takes our finalizer out and leaves the others."""
    place = environment["metadata"]["finalizers"].index(names.FINALIZER)
    return [{"op": "remove", "path": f"/metadata/finalizers/{place}"}]


def _about(environment: dict[str, Any]) -> dict[str, Any]:
    """Return an Environment as an Event refers to it."""
    meta = {key: environment["metadata"][key] for key in ("name", "uid", "resourceVersion")}
    return {"apiVersion": names.API_VERSION, "kind": names.KIND, **meta}
