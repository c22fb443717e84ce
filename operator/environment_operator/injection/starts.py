"""Where a kind's controller starts the main container itself, and command and arguments do not go there. Pure.

`OwnStart` in the kinds table says where that is. They are left out with a warning; where the Environment does not let
them be overridden, and no other role runs them, it cannot be used there.
"""

from collections.abc import Mapping
from typing import Any

from environment_operator.injection import messages
from environment_operator.injection.context import Published, Refusal, Refused
from environment_operator.injection.merge import Put
from environment_operator.kinds.paths import Item, Path, get
from environment_operator.kinds.pod_templates import Place
from environment_operator.kinds.table import OwnStart

START = ("command", "args")
_FIELDS = ("Command", "Args")


def own_start(place: Place, item: Item, main: Path) -> OwnStart | None:
    """Return how the controller starts the main container of a pod template, None where it runs what that says.

    Args:
        place: the place of the pod template.
        item: the object.
        main: path of the main container.
    """
    start = place.row.starts
    if (
        start is None
        or (start.inline and main[1] not in start.inline)
        or (start.roles and place.role not in start.roles)
    ):
        return None
    if start.where and get(item, tuple(start.where.split("."))) is None:
        return None
    return None if start.unless and _asks(place, item, start.unless) else start


def left_out(start: OwnStart | None, container: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which of command and arguments do not go into the main container.

    Args:
        start: how the controller starts it, if it does.
        container: the part of a fragment that goes there.
    """
    found = tuple(key for key in START if container.get(key))
    words = " ".join(word for key in found for word in container[key])
    goes = start is None or (start.itself and start.itself in words) or (start.extended and found == ("args",))
    return () if goes else found


def leave_out(place: Place, item: Item, main: Path, fragment: Mapping[str, Any], environment: Published) -> list[str]:
    """Take command and arguments out of a fragment where they do not go; return the warning about it.

    Args:
        place: the place of the pod template.
        item: the object.
        main: path of the main container.
        fragment: what goes into the pod template; its container is changed.
        environment: the Environment.

    Raises:
        Refused: the Environment does not let them be overridden, and nothing else runs them.
    """
    start, container = own_start(place, item, main), fragment["containers"][0]
    keys = left_out(start, container)
    if start is None or not keys:
        return []
    guarded = environment.locked
    if not start.elsewhere and (kept := [f for f, k in zip(_FIELDS, START, strict=True) if k in keys and f in guarded]):
        why = messages.starts_itself(environment.name, place.words(main, item), start.by, kept)
        raise Refused(why, Refusal.OVERRIDE)
    for key in keys:
        del container[key]
    own = get(place.template(item), (*main, "command"))
    return [] if own else [messages.left_out(environment.name, place.words(main, item), start.by, keys)]


def without_start(place: Place, item: Item, main: Path, values: list[Put]) -> list[Put]:
    """Return stored values without the command and the arguments that do not go into the main container.

    Args:
        place: the place of the pod template.
        item: the object.
        main: path of the main container.
        values: what was injected, by path.
    """
    found = {path[-1]: value for path, value in values if path[:-1] == main and path[-1] in START}
    keys = left_out(own_start(place, item, main), found)
    return [(path, value) for path, value in values if path[:-1] != main or path[-1] not in keys]


def _asks(place: Place, item: Item, annotation: str) -> bool:
    """Return whether an annotation of the object, or of the pods, says true."""
    pods = (
        get(place.template(item), (*place.metadata, "annotations", annotation)) if place.metadata is not None else None
    )
    return "true" in {str(value).lower() for value in (pods, get(item, ("metadata", "annotations", annotation)))}
