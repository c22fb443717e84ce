"""The words of refusals: each names the object, the reason and the way out. Pure."""

from collections.abc import Iterable

from environment_operator import names
from environment_operator.kinds import Kind


def immutable(kind: Kind, name: str, before: str) -> str:
    """Return why the reference of a kind whose template cannot change stays as it is."""
    change = f"now uses {before!r}" if before else "uses no Environment"
    wish = f"use {name!r}" if name else "use none"
    return f"a {kind.kind} cannot change after its creation: it {change}; to {wish}, delete it and create it again"


def misfits(name: str, kind: Kind, fields: Iterable[str]) -> str:
    """Return why an Environment cannot go into a kind."""
    return f"the Environment {name!r} sets {', '.join(fields)}, for which a {kind.kind} has no place: use another one"


def no_ids(name: str, user: str) -> str:
    """Return why somebody without ids cannot use an Environment that takes them from the token."""
    return (
        f"the Environment {name!r} takes user and groups from the identity token, and that of {user!r} has none: "
        "submit it as a person whose token has them, or use an Environment with user.source Custom"
    )


def not_the_submitter(name: str, submitter: str, user: str) -> str:
    """Return why somebody without ids cannot change what runs as somebody else."""
    return (
        f"the pods run with the ids of {submitter!r}, because the Environment {name!r} takes them from the identity "
        f"token, and the token of {user!r} has none: let {submitter!r} make this change"
    )


def no_role(kind: Kind, label: str, roles: Iterable[str]) -> str:
    """Return why a label for a role is refused."""
    listed = ", ".join(roles)
    has = f"its roles are: {listed}" if listed else "it has none"
    return f"the label {label} names no role of this {kind.kind}: {has}"


def no_template(kind: Kind) -> str:
    """Return why a reference of an object without a pod template is refused."""
    where = " or ".join(row.path for row in kind.pod_templates)
    return f"the {kind.kind} has no pod template at {where}: give it one"


def no_container(chosen: str, listed: Iterable[str]) -> str:
    """Return why no container can receive the Environment."""
    wish = f"the annotation {names.CONTAINER} names {chosen!r}" if chosen else "a container is missing"
    return f"{wish}; the containers are: {', '.join(listed) or 'none'}"


def no_image(container: str) -> str:
    """Return why a container without an image is refused."""
    return f"the container {container!r} has no image of its own: give it one"
