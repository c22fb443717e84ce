"""What the Events about Environments and workloads say."""

from collections.abc import Callable, Collection, Mapping
from types import ModuleType

TITLE = "Events"
CONVERTED = False
MODULES: Collection[ModuleType] = ()
NO_WAY_OUT: Collection[str] = ()
ROWS: Mapping[str, Callable[[], str]] = {}
