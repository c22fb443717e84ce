"""Which workloads have tools, what there is for them, and who holds which address that was asked for. Pure.

Each change is answered with the keys of the workloads that it concerns; a key is ``<kind>/<namespace>/<name>``.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from environment_operator import addresses, names
from environment_operator.addresses import Tools
from environment_operator.wire import Whole

Keys = frozenset[str]
Place = tuple[str, str, str]
_NOBODY: Keys = frozenset()


@dataclass(frozen=True, slots=True)
class Seen:
    """An object that exposes tools, as it was seen last.

    Args:
        uid: its uid.
        version: its resource version.
        going: whether it is being deleted.
        body: what of it matters, as JSON.
    """

    uid: str
    version: str
    going: bool
    body: bytes

    @property
    def object(self) -> dict[str, Any]:
        """The object."""
        found: dict[str, Any] = json.loads(self.body)
        return found


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
        self._workloads: dict[str, tuple[str, str]] = {}
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
        uid, text = self._workloads.get(key, ("", ""))
        tools = addresses.read(text)
        return (uid, tools) if tools else None

    def put(self, key: str, uid: str, text: str) -> Keys:
        """Remember a workload with what admission wrote about its tools; without any it is forgotten."""
        before = self._workloads.get(key)
        if before == (uid, text) or (before is None and not text):
            return _NOBODY
        self._index(key, add=False)
        if text:
            self._workloads[key] = (uid, text)
            self._index(key, add=True)
        else:
            del self._workloads[key]
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

    def see(self, kind: str, item: Whole) -> Keys:
        """Remember an object that exposes tools; one that is as it was seen last concerns nobody."""
        place = (kind, item.namespace, item.name)
        key = item.annotations.exposes
        if key.split("/")[1:2] != [item.namespace]:
            return self.miss(kind, item.namespace, item.name)
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
        now = Seen(item.uid, item.resource_version, bool(item.deletion_timestamp), json.dumps(body).encode())
        if self._made.get(key, {}).get(place) == now:
            return _NOBODY
        lost = self.miss(*place) if self._exposed.get(place, key) != key else _NOBODY
        self._made[key][place] = now
        self._exposed[place] = key
        return lost | {key}

    def miss(self, kind: str, namespace: str, name: str) -> Keys:
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
        return _NOBODY.union(*(self.miss(*place) for place in gone))

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
        self._held[key].discard(asked)
        if not self._held[key]:
            del self._held[key]
        return frozenset({key, *self._asking.get(asked, ())})

    def release_all_but(self, seen: Collection[str]) -> Keys:
        """Forget the Leases that a complete list no longer has."""
        return _NOBODY.union(*(self.release(name) for name in list(self._claimed) if name not in seen))

    def claims_of(self, key: str) -> dict[str, Claim]:
        """Return the addresses that a workload holds, or one did that had its name."""
        return {asked: self.claims[asked] for asked in sorted(self._held.get(key, ()))}

    def environment(self, key: str) -> str:
        """Return the Environment that a workload has its tools from, empty for none."""
        found = self.find(key)
        return found[1].env if found else ""

    def users(self, environment: str) -> Iterable[str]:
        """Return the workloads with tools of an Environment."""
        return self._of_environment.get(environment, ())

    def conflicts(self, environment: str) -> list[tuple[str, str, str]]:
        """Return who has no address because another workload holds it: the workload, the address, the other one."""
        found = []
        for key in self.users(environment):
            for asked in asked_by(self.find(key)):
                claim = self.claims.get(asked)
                if claim and claim.key != key:
                    found.append((key, asked, claim.key))
        return sorted(found)

    def _index(self, key: str, *, add: bool) -> None:
        """Put a workload into the indices by Environment and by address, or take it out."""
        found = self.find(key)
        if found is None:
            return
        pairs = [(self._of_environment, found[1].env), *((self._asking, asked) for asked in asked_by(found))]
        for index, value in pairs:
            if add:
                index[value].add(key)
                continue
            index[value].discard(key)
            if not index[value]:
                del index[value]


def asked_by(found: tuple[str, Tools] | None) -> list[str]:
    """Return the addresses that a workload asks for."""
    return [address.asked for address in found[1].tools.values() if address.asked] if found else []
