"""With what the kubectl plugin ends, and of what it warns."""

from collections.abc import Callable, Collection, Mapping
from types import ModuleType

TITLE = "Errors of the plugin"
CONVERTED = False
MODULES: Collection[ModuleType] = ()
NO_WAY_OUT: Collection[str] = ()
ROWS: Mapping[str, Callable[[], str]] = {}
