"""The rounds: Environments are deleted while users come, some twenty side by side."""

import asyncio
from collections.abc import Callable

from builders import KINDS, manifest, workload
from cluster.rest import Reply
from environment_operator.api import names
from law7 import script
from law7.connection import Connection, Object
from law7.history import late, violations, waits
from law7.script import CREATED, FRESH, ROUTES, STALE, SWITCHED, Round, Terms, User
from law7.slowness import REGISTRATION, Slowness, mark
from law7.stage import PROGRAMS, Stage
from law7.summary import Tally
from law7.witness import ENVIRONMENTS, PATHS, Witness

ANCHOR, LAST = "anchor", "last"
Say = Callable[[str], None]


async def play(stage: Stage, terms: Terms, say: Say) -> Tally:
    """Play all rounds; return their outcomes."""
    tally, rounds = Tally(), script.rounds(terms)
    async with stage.connection() as connection, Slowness() as slowness, asyncio.TaskGroup() as tasks:
        witness = Witness(connection)
        watches = await witness.begin(tasks)
        player = Player(connection, witness, tally, terms)
        for known in (ANCHOR, *(each.name for each in rounds if each.known)):
            await player.publish(known)
        await asyncio.to_thread(stage.split)
        await player.await_webhooks(stage, slowness)
        say("the rounds begin")
        await player.play(rounds, say)
        await player.finish()
        for watch in watches:
            watch.cancel()
    tally.replicas = {PROGRAMS[which]: stage.asked(which) for which in (FRESH, STALE)}
    tally.stored_late, tally.waits = list(late(witness.changes)), list(waits(witness.changes))
    tally.violations += violations(witness.changes)
    return tally


class Player:
    """Plays rounds.

    Args:
        connection: the API server.
        witness: sees what comes of it.
        tally: where it is counted.
        terms: how much of it.
    """

    def __init__(self, connection: Connection, witness: Witness, tally: Tally, terms: Terms) -> None:
        self._connection, self._witness, self._tally, self._terms = connection, witness, tally, terms

    async def publish(self, name: str) -> None:
        """Create an Environment and wait until it is protected."""
        _sent(await self._connection.create(ENVIRONMENTS, manifest(name)))
        await self._witness.until(f"{name} to be protected", lambda: self._protected(name))

    async def await_webhooks(self, stage: Stage, slowness: Slowness) -> None:
        """Return when the API server calls the slow webhooks, and the stale replica where it should."""
        for body in slowness.configurations():
            _sent(await self._connection.create(f"{REGISTRATION}/{body['kind'].lower()}s", body))
        witnesses = [_user("PodTemplate", "probe", project, ANCHOR, {"mutating": 0}) for project in ROUTES]
        async with asyncio.timeout(60):
            while not (all(slowness.asked.values()) and _both(stage.asked(STALE))):
                for body in witnesses:
                    _sent(await self._connection.create(f"{_place(body)}?dryRun=All", body))

    async def play(self, rounds: tuple[Round, ...], say: Say) -> None:
        """Play rounds, so many side by side."""
        width, done = asyncio.Semaphore(self._terms.width), 0

        async def one(each: Round) -> None:
            nonlocal done
            async with width:
                await self._round(each)
            done += 1
            if done % self._terms.width == 0:
                say(f"{done} of {len(rounds)} rounds")

        async with asyncio.TaskGroup() as tasks:
            for each in rounds:
                tasks.create_task(one(each))

    async def finish(self) -> None:
        """Return when the witness has seen everything up to now: when it has seen what comes after it."""
        await self.publish(LAST)
        for kind in PATHS:
            body = _user(kind, LAST, next(iter(ROUTES)), LAST, {})
            _sent(await self._connection.create(_place(body), body))
        await self._witness.until("the last users", lambda: len(PATHS) == len(self._witness.users(LAST)))

    async def _round(self, each: Round) -> None:
        """Play one round, and tidy up."""
        if not each.known:
            await self.publish(each.name)
        for number, user in enumerate(each.users):
            await self._prepare(each, number, user)
        start = asyncio.get_running_loop().time() + each.lead
        async with asyncio.TaskGroup() as tasks:
            deletion = tasks.create_task(self._delete_at(start, each.name))
            for number, user in enumerate(each.users):
                tasks.create_task(self._use_at(start + user.start, each, number, user))
        if deletion.result() and each.stay is not None and self._witness.users(each.name):
            await _until(start + self._terms.grace + each.stay)
            self._tally.held += not self._gone(each.name)
        await self._clear(each.name)

    async def _prepare(self, each: Round, number: int, user: User) -> None:
        """Create the object of a user that exists before it becomes one of this Environment."""
        if user.way != CREATED:
            before = ANCHOR if user.way == SWITCHED else None
            body = _user(user.kind, f"{each.name}-{number}", user.project, before, {})
            _sent(await self._connection.create(_place(body), body))

    async def _use_at(self, moment: float, each: Round, number: int, user: User) -> None:
        """Have a user come at a moment."""
        await _until(moment)
        body = _user(user.kind, f"{each.name}-{number}", user.project, each.name, dict(user.sleeps))
        path = f"{_place(body)}/{body['metadata']['name']}"
        if user.way == CREATED:
            reply = await self._connection.create(_place(body), body)
        else:
            meta = {key: body["metadata"][key] for key in ("labels", "annotations")}
            reply = await self._connection.merge(path, {"metadata": meta})
        self._tally.take(reply)
        if reply.ok and each.stay is None:
            await self._connection.delete(path)

    async def _delete_at(self, moment: float, name: str) -> bool:
        """Delete an Environment at a moment; return whether that was accepted."""
        await _until(moment)
        reply = await self._connection.delete(f"{ENVIRONMENTS}/{name}")
        self._tally.deletions += reply.ok
        self._tally.too_late += not reply.ok
        return reply.ok

    async def _clear(self, name: str) -> None:
        """Delete users until the Environment is gone, and that, too, if it was in use when its turn was."""
        while not self._gone(name):
            await self._clear_on(name)

    async def _clear_on(self, name: str) -> None:
        """Take one step towards the end of an Environment; a user whose request was given up may still turn up."""
        witness = self._witness
        if users := witness.users(name):
            for user in users:
                await self._connection.delete(user)
            await witness.until(f"the users of {name} to go", lambda: not users & witness.users(name))
        elif self._terminating(name):
            await witness.until(f"{name} to be gone", lambda: self._gone(name) or bool(witness.users(name)))
        else:
            await witness.until(f"{name} to count no users", lambda: not witness.used(name))
            if (await self._connection.delete(f"{ENVIRONMENTS}/{name}")).ok:
                await witness.until(f"{name} to be deleted", lambda: self._terminating(name))

    def _protected(self, name: str) -> bool:
        """Return whether an Environment has our finalizer."""
        found = self._witness.environments.get(name, {}).get("metadata", {})
        return names.FINALIZER in found.get("finalizers", ())

    def _terminating(self, name: str) -> bool:
        """Return whether an Environment is being deleted, or gone."""
        return self._gone(name) or "deletionTimestamp" in self._witness.environments[name]["metadata"]

    def _gone(self, name: str) -> bool:
        """Return whether an Environment is gone."""
        return name not in self._witness.environments


def _user(kind: str, name: str, project: str, environment: str | None, sleeps: dict[str, float]) -> Object:
    """Return the object of a user, or of somebody who is not one yet; what a Job makes has the label, too."""
    body = workload(kind, name, project, environment)
    marks = mark(sleeps)
    body["metadata"]["labels"] |= marks.get("labels", {})
    body["metadata"]["annotations"] = marks.get("annotations", {})
    if kind == "Job" and environment:
        body["spec"]["template"]["metadata"]["labels"] |= {names.REFERENCE: environment}
    return body


def _place(body: Object) -> str:
    """Return the URL path of the kind of an object in its namespace."""
    row = next(row for row in KINDS.values() if row.kind == body["kind"])
    head, _, plural = row.path.rpartition("/")
    return f"{head}/namespaces/{body['metadata']['namespace']}/{plural}"


def _both(asked: dict[str, int]) -> bool:
    """Return whether a replica was asked by both of our webhooks."""
    return {"mutate", "validate"} <= {what.split()[0] for what, count in asked.items() if count}


def _sent(reply: Reply) -> None:
    """Require that a request passed."""
    if not reply.ok:
        raise RuntimeError(reply.message)


async def _until(moment: float) -> None:
    """Return at a moment of the loop's clock."""
    await asyncio.sleep(moment - asyncio.get_running_loop().time())
