"""The ids of a person, from the claims that came with the request. Pure.

The API server maps claims of an identity token to ``userInfo.extra``, where every value is a list of strings:
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environment_operator.api import names
from environment_operator.api.types import MAX_ID

Extra = Mapping[str, Sequence[str]]
_DECIMAL = re.compile("0|[1-9][0-9]{0,9}")
_SHOWN = 40


class _BadClaim(Exception):
    """A claim holds something else than ids; the text says which and what it holds."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Under which keys of ``userInfo.extra`` the ids are."""

    uid: str = names.UID_KEY
    gid: str = names.GID_KEY
    groups: str = names.GROUPS_KEY


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids that a person has; partial claims give partial ids.

    Args:
        uid: user id.
        gid: primary group id.
        groups: further group ids.
        problem: why there are none, where a claim holds something else; it matters only to who needs ids.
    """

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] = ()
    problem: str = ""

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return (self.uid, self.gid, self.groups) != (None, None, ())

    def security_context(self) -> dict[str, Any]:
        """Return them as a pod's security context holds them."""
        fields = {"runAsUser": self.uid, "runAsGroup": self.gid, "supplementalGroups": list(self.groups) or None}
        return {key: value for key, value in fields.items() if value is not None}


def ids(extra: Extra, keys: Keys) -> Ids:
    """Return the ids in the claims of a request, all absent when there are none, or when one is no id.

    Args:
        extra: ``userInfo.extra``.
        keys: where the ids are.
    """
    try:
        return Ids(_one(extra, keys.uid), _one(extra, keys.gid), _numbers(extra, keys.groups))
    except _BadClaim as bad:
        return Ids(problem=str(bad))


def _one(extra: Extra, key: str) -> int | None:
    """Return the only id of a claim, None when there is none."""
    found = _numbers(extra, key)
    if len(found) > 1:
        raise _BadClaim(f"{key} holds {len(found)} ids; it can hold one")
    return found[0] if found else None


def _numbers(extra: Extra, key: str) -> tuple[int, ...]:
    """Return the ids of a claim: one in each string, or several with commas between them."""
    words = [word.strip() for text in extra.get(key, ()) for word in text.split(",")]
    return tuple(dict.fromkeys(_number(key, word) for word in words if word))


def _number(key: str, word: str) -> int:
    """Return one id; zeros in front could mean another base."""
    if not _DECIMAL.fullmatch(word) or int(word) > MAX_ID:
        raise _BadClaim(f'{key} holds "{word[:_SHOWN]}", which is not an id from 0 to {MAX_ID}')
    return int(word)
