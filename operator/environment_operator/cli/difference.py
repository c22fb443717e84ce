"""What a change of an Environment comes to: as a diff, and for those who use it."""

from collections.abc import Mapping
from difflib import unified_diff
from typing import Any

from environment_operator.cli import apply, lookup
from environment_operator.cli.client.connection import Connection
from environment_operator.cli.local_admission import published
from environment_operator.cli.output import yaml_text
from environment_operator.cli.users import UP_TO_DATE, Users

Object = dict[str, Any]


def lines(before: Object | None, after: Object, old: str = "live", new: str = "new") -> list[str]:
    """Return a unified diff of what is the author's of an Environment, empty when nothing differs.

    Args:
        before: the Environment as it is, None when there is none.
        after: the Environment as it would be.
        old: what the first is called.
        new: what the other is called.
    """
    texts = [yaml_text.write(apply.authored(each)).splitlines() if each else [] for each in (before, after)]
    return list(unified_diff(texts[0], texts[1], old, new, lineterm=""))


def outdated(connection: Connection, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return which users have today's Environment and would not have the new one.

    Args:
        connection: the API server.
        before: the Environment as it is, whole.
        after: the Environment as it would be.
    """
    if published(dict(before)).hash == published(dict(after)).hash:
        return "none of its users would be outdated"
    return in_words(lookup.users(connection, dict(before)))


def in_words(users: Users) -> str:
    """Return which users would be outdated by an Environment that injects something else."""
    current = [str(user) for user in users.seen if user.state == UP_TO_DATE]
    listed = f": {', '.join(current)}" if current else ""
    which = f"those of its users that you may see (it has {users})" if users.unread else "its users"
    return f"{len(current) or 'none'} of {which} would be outdated{listed}"
