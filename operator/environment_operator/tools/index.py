"""Which workloads have tools, what there is for them, and who holds which address that was asked for. Pure.

Each change is answered with the keys of the workloads that it concerns; a key is ``<kind>/<namespace>/<name>``.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from environment_operator.api import names
from environment_operator.kube.objects import Whole
from environment_operator.tools import addresses
from environment_operator.tools.addresses import Tools
from environment_operator.tools.verdicts import Refused, refusal

Keys = frozenset[str]
Place = tuple[str, str, str]
_NOBODY: Keys = frozenset()


@dataclass(frozen=True, slots=True)
class Exposed:
    """How the tools of an Environment's users are reached.

    Args:
        workloads: how many have tools.
        conflicts: who has not the address that was asked for: the workload, the address, and who has it.
        problem: why those that are to have a URL have none; empty when they have, or are to have none.
        lacks: the types of connection that the cluster has no way for, each with the setting that gives one.
        refused: the routes that the Gateway does not take.
    """

    workloads: int = 0
    conflicts: tuple[tuple[str, str, str], ...] = ()
    problem: str = ""
    lacks: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """An object that exposes tools, as it was seen last.

    Args:
        uid: its uid.
        version: its resource version.
        going: whether it is being deleted.
        body: what of it matters, as JSON.
        refused: why its Gateway does not take it; empty while it does, or has not reported yet.
    """

    uid: str
    version: str
    going: bool
    body: bytes
    refused: str

    @property
    def object(self) -> dict[str, Any]:
        """The object."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True, slots=True)
class _User:
    """A workload with tools, and what is asked of it again and again.

    Args:
        uid: its uid.
        text: what admission wrote about its tools.
        env: the Environment that they are from.
        asked: the addresses that it asks for.
        routed: whether a tool is to have a URL.
    """

    uid: str
    text: str
    env: str
    asked: tuple[str, ...]
    routed: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Who holds an address.

    Args:
        key: the workload.
        uid: its uid, since another one may have its name later.
        name: name of the Lease.
        lease: uid of the Lease.
    """

    key: str
    uid: str
    name: str
    lease: str


def claim_name(asked: str) -> str:
    """Return the name of the Lease of an address: no two Leases, and so no two workloads, have the same."""
    return f"tool-{hashlib.sha256(asked.encode()).hexdigest()[:40]}"


class Ledger:
    """What is known, readable from all sides."""

    def __init__(self) -> None:
        self._workloads: dict[str, _User] = {}
        self._made: defaultdict[str, dict[Place, Seen]] = defaultdict(dict)
        self._exposed: dict[Place, str] = {}
        self.claims: dict[str, Claim] = {}
        self._claimed: dict[str, str] = {}
        self._held: defaultdict[str, set[str]] = defaultdict(set)
        self._of_environment: defaultdict[str, set[str]] = defaultdict(set)
        self._asking: defaultdict[str, set[str]] = defaultdict(set)

    def __len__(self) -> int:
        """Return how many workloads have tools."""
        return len(self._workloads)

    def keys(self) -> Keys:
        """Return every workload that has tools, or something that is left of them."""
        return frozenset({*self._workloads, *self._made, *self._held})

    def find(self, key: str) -> tuple[str, Tools] | None:
        """Return the uid of a workload and its tools, None when it has none."""
        known = self._workloads.get(key)
        tools = addresses.read(known.text) if known else None
        return (known.uid, tools) if known and tools else None

    def put(self, key: str, uid: str, text: str) -> Keys:
        """Remember a workload with what admission wrote about its tools; without any it is forgotten."""
        before = self._workloads.get(key)
        if (before.uid, before.text) == (uid, text) if before else not text:
            return _NOBODY
        self._forget(key)
        if tools := addresses.read(text):
            routed = any(a.port and a.type == "ExternalURL" for a in tools.tools.values())
            self._workloads[key] = _User(uid, text, tools.env, tuple(asked_by(tools)), routed)
            self._of_environment[tools.env].add(key)
            for asked in self._workloads[key].asked:
                self._asking[asked].add(key)
        return frozenset({key})

    def lost(self, kind: str, seen: Collection[tuple[str, str]]) -> Keys:
        """Return the workloads of a kind that a complete list no longer has.

        Args:
            kind: full name of the kind.
            seen: namespace and name of every object in the list.
        """
        own = (key for key in self._workloads if key.startswith(f"{kind}/"))
        return frozenset(key for key in own if tuple(key.split("/", 2)[1:]) not in seen)

    def made(self, key: str) -> Mapping[Place, Seen]:
        """Return what there is for a workload, by kind, namespace and name."""
        return self._made.get(key, {})

    def update(self, kind: str, item: Whole) -> Keys:
        """Remember an object that exposes tools; one that is as it was seen last concerns nobody."""
        place = (kind, item.namespace, item.name)
        key = item.annotations.exposes
        if key.split("/")[1:2] != [item.namespace]:
            return self.delete(kind, item.namespace, item.name)
        body = {
            "metadata": {
                "labels": item.labels,
                "annotations": {names.EXPOSES: key},
                "ownerReferences": item.owner_references,
                "name": item.name,
                "namespace": item.namespace,
            },
            "spec": item.spec,
        }
        going, refused = bool(item.deletion_timestamp), refusal(item.status, item.generation)
        now = Seen(item.uid, item.resource_version, going, json.dumps(body).encode(), refused)
        if self._made.get(key, {}).get(place) == now:
            return _NOBODY
        lost = self.delete(*place) if self._exposed.get(place, key) != key else _NOBODY
        self._made[key][place] = now
        self._exposed[place] = key
        return lost | {key}

    def delete(self, kind: str, namespace: str, name: str) -> Keys:
        """Forget an object that exposes tools."""
        key = self._exposed.pop((kind, namespace, name), None)
        if key is None:
            return _NOBODY
        self._made[key].pop((kind, namespace, name), None)
        if not self._made[key]:
            del self._made[key]
        return frozenset({key})

    def miss_all_but(self, kind: str, seen: Collection[tuple[str, str]]) -> Keys:
        """Forget the objects of a kind that a complete list no longer has."""
        gone = [place for place in self._exposed if place[0] == kind and place[1:] not in seen]
        return _NOBODY.union(*(self.delete(*place) for place in gone))

    def hold(self, item: Whole) -> Keys:
        """Remember who holds an address; all who ask for it are concerned."""
        asked = item.annotations.claim
        if item.name != claim_name(asked):
            return _NOBODY
        claim = Claim(item.annotations.exposes, str(item.spec.get("holderIdentity") or ""), item.name, item.uid)
        if self.claims.get(asked) == claim:
            return _NOBODY
        lost = self.release(item.name)
        self.claims[asked] = claim
        self._claimed[item.name] = asked
        self._held[claim.key].add(asked)
        return frozenset({claim.key, *self._asking.get(asked, ()), *lost})

    def release(self, name: str) -> Keys:
        """Forget a Lease; who held the address, and all who ask for it, are concerned."""
        asked = self._claimed.pop(name, None)
        if asked is None:
            return _NOBODY
        key = self.claims.pop(asked).key
        _discard(self._held, key, asked)
        return frozenset({key, *self._asking.get(asked, ())})

    def release_all_but(self, seen: Collection[str]) -> Keys:
        """Forget the Leases that a complete list no longer has."""
        return _NOBODY.union(*(self.release(name) for name in list(self._claimed) if name not in seen))

    def claims_of(self, key: str) -> dict[str, Claim]:
        """Return the addresses that a workload holds, or one did that had its name."""
        return {asked: self.claims[asked] for asked in sorted(self._held.get(key, ()))}

    def environment(self, key: str) -> str:
        """Return the Environment that a workload has its tools from, empty for none."""
        known = self._workloads.get(key)
        return known.env if known else ""

    def users(self, environment: str) -> Collection[str]:
        """Return the workloads with tools of an Environment."""
        return self._of_environment.get(environment, ())

    def is_routed(self, environment: str) -> bool:
        """Return whether a tool of an Environment's users is to have a URL."""
        return any(self._workloads[key].routed for key in self.users(environment))

    def conflicts(self, environment: str) -> list[tuple[str, str, str]]:
        """Return who has no address because another workload holds it: the workload, the address, the other one."""
        pairs = ((key, asked) for key in self.users(environment) for asked in self._workloads[key].asked)
        found = ((key, asked, self.claims[asked].key) for key, asked in pairs if asked in self.claims)
        return sorted(conflict for conflict in found if conflict[0] != conflict[2])

    def refused(self, environment: str) -> list[Refused]:
        """Return which routes of an Environment's users their Gateway does not take."""
        found = ((key, place, seen) for key in self.users(environment) for place, seen in self.made(key).items())
        return sorted((key, name, seen.refused) for key, (_, _, name), seen in found if seen.refused)

    def _forget(self, key: str) -> None:
        """Take a workload out, if it is there."""
        known = self._workloads.pop(key, None)
        if known is None:
            return
        _discard(self._of_environment, known.env, key)
        for asked in known.asked:
            _discard(self._asking, asked, key)


def asked_by(tools: Tools) -> list[str]:
    """Return the addresses that a workload with some tools asks for."""
    return [address.asked for address in tools.tools.values() if address.asked]


def _discard(index: defaultdict[str, set[str]], value: str, key: str) -> None:
    """Take a key out of an index, and the entry with its last one."""
    index[value].discard(key)
    if not index[value]:
        del index[value]
