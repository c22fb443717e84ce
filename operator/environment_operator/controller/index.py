"""What is known in memory: who uses which Environment, which projects there are, which Environments. Pure.

Each index answers a change with the names of the Environments that it concerns, so that the loop reconciles
those alone. An index holds what was last seen; whether that is complete is the informers' to say.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple


class User(NamedTuple):
    """A workload or template that refers to an Environment.

    Args:
        kind: full name of its kind, such as ``jobs.batch``.
        namespace: empty for a cluster-scoped template.
        name: its name.
    """

    kind: str
    namespace: str
    name: str


class UsageIndex:
    """Who uses which Environment, readable both ways; every change costs the references of one object."""

    def __init__(self) -> None:
        self._references: defaultdict[str, dict[tuple[str, str], frozenset[str]]] = defaultdict(dict)
        self._users: defaultdict[str, dict[User, str]] = defaultdict(dict)

    def put(self, user: User, environments: Mapping[str, str]) -> frozenset[str]:
        """Remember what an object refers to; return the Environments that it came to, left, or has otherwise now.

        Args:
            user: the object.
            environments: the Environments, each with the hash of what was injected, empty for nothing.
        """
        known, now = self._references[user.kind], frozenset(environments)
        key = (user.namespace, user.name)
        before = known.get(key, frozenset())
        for left in before - now:
            self._forget(left, user)
        changed = frozenset(e for e in now if self._users[e].get(user) != environments[e])
        for name in changed:
            self._users[name][user] = environments[name]
        if now:
            known[key] = now
        else:
            known.pop(key, None)
        return (before - now) | changed

    def resync(self, kind: str, seen: Collection[tuple[str, str]]) -> frozenset[str]:
        """Forget the objects of a kind that a complete list no longer has; return the Environments they left.

        Args:
            kind: full name of the kind.
            seen: namespace and name of every object in the list.
        """
        gone = [key for key in self._references[kind] if key not in seen]
        return frozenset().union(*(self.put(User(kind, *key), {}) for key in gone))

    def users(self, environment: str) -> Mapping[User, str]:
        """Return the objects that refer to an Environment, each with the hash of what was injected."""
        return self._users.get(environment, {})

    def _forget(self, environment: str, user: User) -> None:
        """Drop one reference, and the entry of the Environment with the last one."""
        users = self._users[environment]
        users.pop(user, None)
        if not users:
            del self._users[environment]


def mentions(spec: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Return what an Environment names outside itself: projects, departments, its replacement, pull secrets.

    An empty name of a secret stands for all of them.
    """
    scope = spec.get("scope") or {}
    found = {("project", p) for p in scope.get("projects") or ()}
    found |= {("department", d) for d in scope.get("departments") or ()}
    replacement = (spec.get("deprecated") or {}).get("replacedBy")
    secrets = spec.get("imagePullSecrets") or ()
    found |= {("secret", name) for name in (*secrets, "")} if secrets else set()
    return frozenset(found | ({("environment", replacement)} if replacement else set()))


class EnvironmentIndex:
    """The Environments as last seen, kept as bytes: as dicts, 10,000 of them took 286 MB, as bytes 76."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[str, int, bytes]] = {}
        self._mentions: dict[str, frozenset[tuple[str, str]]] = {}
        self._mentioned_by: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def __contains__(self, name: str) -> bool:
        """Return whether the Environment exists."""
        return name in self._objects

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._objects)

    def names(self) -> list[str]:
        """Return the names of all."""
        return list(self._objects)

    def get(self, name: str) -> dict[str, Any] | None:
        """Return the object as last seen."""
        entry = self._objects.get(name)
        return None if entry is None else json.loads(entry[2])

    def put(self, environment: Mapping[str, Any], *, listed: bool = False) -> frozenset[str]:
        """Remember an Environment; return whom that concerns: itself, and at first sight those that name it.

        An event that is older than what is known, as after a write of our own, changes nothing. At an equal version
        what a list has counts: a watch that began under an earlier definition leaves the fields of a newer one out.

        Args:
            environment: the object.
            listed: whether a list has it, not an event or the answer to a write.
        """
        meta = environment["metadata"]
        name, uid, version = meta["name"], meta["uid"], int(meta["resourceVersion"])
        known = self._objects.get(name)
        if known and known[0] == uid and (known[1] > version or (known[1] == version and not listed)):
            return frozenset()
        now = (uid, version, json.dumps(_kept(environment)).encode())
        if known == now:
            return frozenset()
        self._objects[name] = now
        self._mention(name, mentions(environment.get("spec") or {}))
        return frozenset({name}) | (frozenset() if known else self.concerned([("environment", name)]))

    def delete(self, name: str) -> frozenset[str]:
        """Forget an Environment; return those that name it."""
        if self._objects.pop(name, None) is None:
            return frozenset()
        self._mention(name, frozenset())
        return self.concerned([("environment", name)])

    def resync(self, seen: Collection[str], version: int) -> frozenset[str]:
        """Forget the Environments that a complete list no longer has; return those that name them.

        Args:
            seen: the names in the list.
            version: its resource version; what is newer came after it.
        """
        gone = [name for name, (_, known, _) in self._objects.items() if name not in seen and known <= version]
        return frozenset().union(*map(self.delete, gone))

    def concerned(self, changed: Iterable[tuple[str, str]]) -> frozenset[str]:
        """Return the Environments that mention any of these."""
        return frozenset().union(*(self._mentioned_by.get(m, frozenset()) for m in changed))

    def _mention(self, name: str, now: frozenset[tuple[str, str]]) -> None:
        """Replace what an Environment mentions."""
        for gone in self._mentions.pop(name, frozenset()) - now:
            self._mentioned_by[gone].discard(name)
        for mention in now:
            self._mentioned_by[mention].add(name)
        self._mentions[name] = now
        if not now:
            del self._mentions[name]


def _kept(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object without what nobody here reads: of the managers, which fields they have."""
    meta = dict(environment["metadata"])
    if managers := meta.get("managedFields"):
        meta["managedFields"] = [{k: v for k, v in entry.items() if k != "fieldsV1"} for entry in managers]
    return {k: v for k, v in environment.items() if k in ("spec", "status")} | {"metadata": meta}
