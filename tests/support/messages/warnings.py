"""Of what admission warns who applies a workload or an Environment."""

from collections.abc import Callable, Collection, Mapping
from types import ModuleType

TITLE = "Admission warnings"
CONVERTED = False
MODULES: Collection[ModuleType] = ()
NO_WAY_OUT: Collection[str] = ()
ROWS: Mapping[str, Callable[[], str]] = {}
