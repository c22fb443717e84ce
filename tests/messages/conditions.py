"""What stands in the conditions of an Environment."""

from collections.abc import Callable, Collection, Mapping
from types import ModuleType

TITLE = "Conditions"
CONVERTED = False
MODULES: Collection[ModuleType] = ()
NO_WAY_OUT: Collection[str] = ()
ROWS: Mapping[str, Callable[[], str]] = {}
