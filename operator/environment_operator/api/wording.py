"""How messages name objects, list names, and shorten what others said. Pure."""

from collections.abc import Sequence

# How many names a message lists, and how many characters of another program's words it has room for.
NAMES, CHARACTERS = 3, 120


def few(items: Sequence[str], most: int = NAMES) -> str:
    """Return the first items, and how many more there are, such as ``a, b and 2 more``."""
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more} more" if more > 0 else "")


def quoted(items: Sequence[str], most: int = NAMES) -> str:
    """Return the first names in quotes, and how many more there are."""
    return few([f'"{item}"' for item in items], most)


def cut(text: str, longest: int = CHARACTERS) -> str:
    """Return what another program said, not longer than a message has room for, and without its period."""
    return text.rstrip(".") if len(text) <= longest else f"{text[: longest - 1]}…"


def named(kind: str, namespace: str, name: str) -> str:
    """Return an object as messages name it, such as ``Job "train" in project "team-a"``.

    Args:
        kind: its kind, or the full name of that, such as ``jobs.batch``.
        namespace: its namespace, empty for a cluster-scoped one.
        name: its name.
    """
    return f'{kind} "{name}"' + (f' in project "{namespace}"' if namespace else "")


def named_by_key(key: str) -> str:
    """Return a workload that is given as the full name of its kind, namespace and name, with slashes between them."""
    kind, namespace, name = key.split("/", 2)
    return named(kind, namespace, name)


def in_words(workloads: int, templates: int) -> str:
    """Return the number of users, such as ``2 workloads and 1 template``."""
    parts = [
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((workloads, "workload"), (templates, "template"))
        if count
    ]
    return " and ".join(parts) or "nobody"
