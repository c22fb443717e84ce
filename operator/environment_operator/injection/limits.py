"""How large a request may be, so that deciding about it takes a bounded time. Pure.

Everything that comes with a request is the submitter's, and nobody has validated it before admission: not even how long
a label is. What admission does with an object takes time in proportion to these numbers.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import zip_longest
from typing import Any

from environment_operator.api import names
from environment_operator.injection.context import Refusal, Refused
from environment_operator.kinds.paths import KEYED, NODE, Item, Unfit, get
from environment_operator.kinds.pod_templates import Place, account, places, reference
from environment_operator.kinds.table import Kind

_At = tuple[str | int, ...]

# Items of a list of pod templates, containers, variables, ports, volumes or pull secrets.
ITEMS = 300
# Objects, lists, texts and numbers in one object, but for what the API server keeps about its fields.
VALUES = 20_000
# And in a whole review: the object and the stored one, each with what is kept about its fields, which is more.
REVIEW_VALUES = 200_000
# How deep values may be in values: the limit of pydantic's parser. The API server's own is 10,000.
LEVELS = 200
# How often these hold after other webhooks had their turn, which may add to what was within them.
ROOM = 2
# Environments that one workload refers to, and service accounts of its pods: each may take a read of the API server.
ENVIRONMENTS, ACCOUNTS = 16, 32
# Paths in a record that comes with a request: an Environment injects fewer into one pod template.
PATHS = 1_000

_STRUCTURE = b',{["\\'
_TEXT = bytes(set(range(256)) - set(_STRUCTURE))


def values(body: bytes) -> int:
    """Return about how many values a JSON text has, without decoding it."""
    structure = body.translate(None, delete=_TEXT).replace(b"\\\\", b"").replace(b'\\"', b"")
    return sum(map(len, structure.split(b'"')[::2]))


def bound(body: bytes) -> int:
    """Return a number that no list in a JSON text has more items than, nor all of it more values: sooner than `values`.

    What stands between values, and what they stand in, is counted within texts, too.
    """
    return body.count(b",") + body.count(b"{") + body.count(b"[")


def check(kind: Kind, new: Item, old: Item | None, room: int = 1, known: str | None = None) -> None:
    """Validate the size of a workload; arguments as for `excess`, and what that returned, where it was asked before.

    Raises:
        Refused: it is too large.
    """
    if why := excess(kind, new, old, room) if known is None else known:
        raise Refused(why, Refusal.TOO_LARGE)


def check_made(kind: Kind, made: Item, new: Item, old: Item | None, most: int | None) -> None:
    """Validate the size of what was made of a workload that is not too large itself; errors as of `check`.

    Args:
        kind: its row in the kinds table.
        made: what was made of it, which shares with it what is as before.
        new: the workload.
        old: the workload as stored; None on CREATE.
        most: the `bound` of the review that the workload is in, where it is known.
    """
    if most is None or _grows(made, new, VALUES - most):
        check(kind, made, old)


def _grows(made: Item, before: Item, room: int) -> bool:
    """Return whether an object may have more values than another one, beyond some room, or has a list that is long.

    What both share counts for nothing; what has moved counts.
    """
    nodes: list[tuple[Any, Any]] = [(made, before)]
    while nodes:
        node, was = nodes.pop()
        room -= len(node)
        if room < 0 or (isinstance(node, list) and len(node) > ITEMS):
            return True
        if isinstance(node, dict):
            known = was if isinstance(was, dict) else {}
            pairs: Iterable[tuple[Any, Any]] = ((value, known.get(key)) for key, value in node.items())
        else:
            pairs = zip_longest(node, was[: len(node)] if isinstance(was, list) else ())
        nodes += [(value, then) for value, then in pairs if value is not then and isinstance(value, NODE)]
    return False


def excess(kind: Kind, new: Item, old: Item | None, room: int = 1, most: int | None = None) -> str:
    """Return why a workload is too large for admission, empty when it is not.

    One that was stored as large without us may go on, but not refer to an Environment anew.

    Args:
        kind: its row in the kinds table.
        new: the workload.
        old: the workload as stored; None on CREATE.
        room: how often the limits hold: more than once after other webhooks had their turn.
        most: the `bound` of the review that the workload is in, where it is known.
    """
    why = _excess(kind, new, room, most)
    return "" if why and old and not _refers_anew(new, old) and _excess(kind, old, room, most) else why


def _refers_anew(new: Item, old: Item) -> bool:
    """Return whether a reference is another one than stored, or is to be refreshed."""
    now, before = (get(item, ("metadata", "labels")) or {} for item in (new, old))
    refresh = ("metadata", "annotations", names.REFRESH)
    differs = any(before.get(key) != value for key, value in now.items() if names.is_reference(key))
    return differs or (names.REFERENCE in now and get(new, refresh) != get(old, refresh))


def _excess(kind: Kind, item: Item, room: int, most: int | None) -> str:
    """Return what of a workload is too much, in words."""
    may_be = (most is None or most > room * ITEMS) and _may_be_too_much(item, room)
    return (_excess_of_values(kind, item, room) if may_be else "") or _excess_of_reads(kind, item)


def _may_be_too_much(item: Item, room: int) -> bool:
    """Return whether an object has a list that may be too long, or too many values: most have neither, and are done."""
    managed = get(item, ("metadata", "managedFields"))
    count = 0
    nodes: list[Any] = [item]
    while nodes:
        if (node := nodes.pop()) is managed:
            continue
        count += len(node)
        if count > room * VALUES or (isinstance(node, list) and len(node) > room * ITEMS):
            return True
        nodes += [v for v in (node.values() if isinstance(node, dict) else node) if isinstance(v, NODE)]
    return False


def _excess_of_values(kind: Kind, item: Item, room: int) -> str:
    """Return which list of a workload is too long, or that it has too many values; empty when neither."""
    lists = {*KEYED, *(key for row in kind.pod_templates for key, field in row.steps if field)}
    count = 0
    for path, node in _nodes(item):
        count += len(node)
        if path and path[-1] in lists and isinstance(node, list) and len(node) > room * ITEMS:
            return _refusal(kind, item, f"has {len(node)} items at {_words(path)}", room * ITEMS)
        if count > room * VALUES:
            return _refusal(kind, item, "has too many values", room * VALUES)
    return ""


def _excess_of_reads(kind: Kind, item: Item) -> str:
    """Return of what a workload has too much that takes a read of the API server each, empty when it does not."""
    found = places(kind, item)
    if len(found) <= min(ENVIRONMENTS, ACCOUNTS):
        return ""
    if (number := len({reference(item, place.role) for place in found})) > ENVIRONMENTS:
        return _refusal(kind, item, f"refers to {number} Environments", ENVIRONMENTS)
    if (number := len(accounts(found, item))) > ACCOUNTS:
        return _refusal(kind, item, f"has pods of {number} service accounts", ACCOUNTS)
    return ""


def accounts(found: Iterable[Place], item: Item) -> frozenset[str]:
    """Return the service accounts of the pods of some pod templates; what is no template has none."""
    accounts_: set[str] = set()
    for place in found:
        with suppress(Unfit):
            accounts_.add(account(place.template(item)))
    return frozenset(accounts_)


def is_larger(item: Item, most: int) -> bool:
    """Return whether an object has more than some number of values."""
    count = 0
    return any((count := count + len(node)) > most for _, node in _nodes(item))


def _nodes(item: Item) -> Iterator[tuple[_At, Any]]:
    """Yield the objects and lists of an object with their paths, those above first."""
    managed = ("metadata", "managedFields")
    nodes: list[tuple[_At, Any]] = [((), item)]
    while nodes:
        path, node = nodes.pop()
        yield path, node
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        nodes += [((*path, k), v) for k, v in pairs if isinstance(v, NODE) and (*path, k) != managed]


def _words(path: _At) -> str:
    """Return a path as kubectl prints it."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def _refusal(kind: Kind, item: Item, what: str, most: int) -> str:
    """Return why a workload is refused for its size, which may come with the change that takes the label away."""
    way_out = "remove" if reference(item) else "first, in a change of its own, remove"
    return (
        f"This {kind.kind} {what}; with an Environment, at most {most} are allowed. "
        f"Split the {kind.kind}, or {way_out} the label {names.REFERENCE}."
    )
