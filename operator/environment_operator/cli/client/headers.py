"""The headers of a request by which it is said who acts, and for whom. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from environment_operator.cli.exit_codes import Exit, Problem

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# What may stand in the name of a header besides letters, digits and what is never escaped, but for the sign of escapes.
_IN_NAMES = "!#$&'*+^`|"


def impersonation(user: Mapping[str, Any], name: str, groups: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the headers that say as whom to act; each thing that is asked for takes the place of the kubeconfig's.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation

    Args:
        user: the user as the kubeconfig has it.
        name: the user who is asked for, empty for none.
        groups: the groups that are asked for, none for the kubeconfig's.

    Raises:
        Problem: there is no user to whom the groups and the rest belong.
    """
    name, groups = name or user.get("as") or "", groups or user.get("as-groups") or ()
    uid, extra = user.get("as-uid") or "", user.get("as-user-extra") or {}
    if not name and (groups or uid or extra):
        raise Problem("groups, a uid or more of a user to impersonate are given, and no user. Give --as.", Exit.USAGE)
    if not isinstance(groups, Sequence) or isinstance(groups, str) or not isinstance(extra, Mapping):
        raise Problem(
            "the kubeconfig cannot be used: as-groups is no list, or as-user-extra has none. Write lists.",
            Exit.UNREACHABLE,
        )
    named = [("User", [name]), ("Uid", [uid]), ("Group", groups)]
    further = [(f"Extra-{quote(str(key), _IN_NAMES)}", values) for key, values in extra.items()]
    yield from ((f"Impersonate-{key}", str(value)) for key, values in [*named, *further] for value in values if value)


def sendable(name: str, value: str) -> str:
    """Return the value of a header so that it is sent in UTF-8, as kubectl does: the client sends Latin-1.

    Raises:
        Problem: it cannot be sent; it may be a secret, so it is not said.
    """
    bare = value.strip()
    if _CONTROL.search(bare):
        why = "there is a line break in it, or another control character"
        raise Problem(
            f"the header {name.title()} cannot be sent: {why}. Correct the kubeconfig, --as or --as-group.",
            Exit.UNREACHABLE,
        )
    return bare.encode("utf-8", "surrogateescape").decode("latin-1")
