"""When an asset was used last → the annotation that keeps it. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from environment_operator.api import names

_FIELD = "usageTimes.lastUsedByWorkload"


def last_use(asset: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return the metadata that say when an asset was used last, none when it never was.

    Args:
        asset: the asset.
        notes: takes what could not be carried over.
    """
    times = asset.get("usageTimes")
    given = times.get("lastUsedByWorkload") if isinstance(times, Mapping) else None
    if given in (None, ""):
        return {}
    try:
        moment = datetime.fromisoformat(str(given))
        # Times of Run:ai's API are UTC, as its timestamps say.
        stamp = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        notes.append(f'{_FIELD}: "{str(given)[:60]}" is not a time and was left out')
        return {}
    return {"annotations": {names.LAST_USED: stamp.strftime("%Y-%m-%dT%H:%M:%SZ")}}
