"""What an asset has to look like to be read at all. Pure."""

import json
from typing import Any

from environment_operator.cli.runai.part import shown

_DEEPEST = 32


def problem(asset: Any) -> str:
    """Return why something cannot be read as an asset, with the field and what was given; empty when it can."""
    if _is_deep(asset, _DEEPEST):
        return f"it is nested deeper than {_DEEPEST} levels: give an asset as Run:ai's API does"
    try:
        # Python's parser takes halves of characters, and numbers without end.
        json.dumps(asset, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        return f"it holds what is no text or no number: {error}"
    if not isinstance(asset, dict):
        return f"it is no object, but {shown(asset)}"
    wrong = [key for key in ("meta", "spec") if not isinstance(asset.get(key), dict)]
    if not wrong and not (isinstance(asset["meta"].get("name"), str) and asset["meta"]["name"]):
        return f"meta.name is {_given(asset['meta'], 'name')}: give it a name"
    return "; ".join(f"{key} is {_given(asset, key)}, and has to be an object" for key in wrong)


def _given(of: dict[str, Any], key: str) -> str:
    """Return what stands in a field."""
    return "missing" if of.get(key) is None else shown(of[key])


def _is_deep(value: Any, left: int) -> bool:
    """Return whether data is nested deeper than so many levels."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return left == 0 or any(_is_deep(each, left - 1) for each in inner)
