"""What the API server refuses or warns of by itself: admission policies, and the rules of the definition."""

from collections.abc import Callable, Collection, Mapping
from types import ModuleType

TITLE = "Policies"
CONVERTED = False
MODULES: Collection[ModuleType] = ()
NO_WAY_OUT: Collection[str] = ()
ROWS: Mapping[str, Callable[[], str]] = {}
