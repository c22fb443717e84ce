"""What the API server makes of a draft: asked by a dry run first, stored when nothing speaks against it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environment_operator.cli import apply, difference
from environment_operator.cli.client.connection import ENVIRONMENTS, Connection
from environment_operator.cli.exit_codes import Problem
from environment_operator.console.forms import checks
from environment_operator.kube.errors import ApiError, Cause, NotFound

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Review:
    """The result of a draft.

    Args:
        causes: why it is refused, by its fields; none when it is not.
        lines: what would change, as a unified diff.
        outdated: who would be outdated, in words; empty for a new Environment.
        theirs: the Environment as another person changed it meanwhile, None without a change.
        stored: whether it was stored.
        is_accepted: whether the API server was asked and accepts it as it is.
    """

    causes: Sequence[Cause] = ()
    lines: Sequence[str] = ()
    outdated: str = ""
    theirs: Object | None = None
    stored: bool = False
    is_accepted: bool = False


def review(connection: Connection, wanted: Object, before: Object | None, *, store: bool) -> Review:
    """Have the API server validate a draft, and store it where that is wanted and nothing speaks against it.

    Args:
        connection: the API server.
        wanted: the draft.
        before: the Environment that it changes, as it was read; None for a new one.
        store: whether to store it.
    """
    try:
        return _reviewed(connection, wanted, before, store=store)
    except apply.Overtaken:
        return Review(theirs=connection.find(f"{ENVIRONMENTS}/{wanted['metadata']['name']}"))
    except NotFound as error:
        return Review([Cause("", error.message)])
    except ApiError as error:
        if not error.status:
            raise
        return Review(checks.refusal(error))
    except Problem as error:
        return Review([checks.at_field(Cause("", str(error)))])


def _reviewed(connection: Connection, wanted: Object, before: Object | None, *, store: bool) -> Review:
    """As `review`, what is refused raised."""
    if before is None:
        apply.create(connection, wanted, "none" if store else "server")
        return Review(stored=store, is_accepted=True)
    after = apply.change(connection, before, wanted, dry_run=not store)
    return Review(
        (),
        difference.lines(before, after),
        difference.outdated(connection, before, after),
        stored=store,
        is_accepted=True,
    )


def carried(before: Mapping[str, Any] | None) -> str:
    """Return what a page carries of the Environment that it changes."""
    return json.dumps(before and {k: _meta(v) if k == "metadata" else v for k, v in before.items() if k != "status"})


def _meta(metadata: Mapping[str, Any]) -> Object:
    """Return metadata without what only the API server needs."""
    return {key: value for key, value in metadata.items() if key != "managedFields"}
