"""Which kinds of the table can use an Environment by their type, architecture and framework. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.kinds.paths import get
from environment_operator.kinds.table import Framework, Kind

_SHOWN = 4


def framework(kind: Kind, item: Mapping[str, Any]) -> Framework | None:
    """Return the framework of a distributed workload, ``Any`` for all of them; None when it is a standard one."""
    if kind.framework:
        return kind.framework
    indexed = kind.indexed and get(item, tuple(kind.indexed.split("."))) == "Indexed"
    return "Any" if indexed else None


def fits(spec: EnvironmentSpec, found: Framework | None) -> bool:
    """Return whether a workload of a framework, or a standard one, has the architecture of an Environment."""
    if found is None or spec.architecture == "Standard":
        return found is None and spec.architecture == "Standard"
    return "Any" in (found, spec.framework) or found == spec.framework


def kinds_for(spec: EnvironmentSpec, table: Iterable[Kind]) -> Iterator[Kind]:
    """Yield the kinds of workloads, not of templates, of which some can use an Environment.

    Args:
        spec: the spec of the Environment.
        table: the kinds table.
    """
    return (kind for kind in table if not kind.template and not kind.instead and _can_use(spec, kind))


def in_words(kinds: Iterable[Kind]) -> str:
    """Return the first of some kinds, such as ``Job or PyTorchJob``; empty for none."""
    listed = list(dict.fromkeys(kind.kind for kind in kinds))[:_SHOWN]
    return " or ".join(filter(None, (", ".join(listed[:-1]), *listed[-1:])))


def _can_use(spec: EnvironmentSpec, kind: Kind) -> bool:
    """Return whether some object of a kind can use an Environment."""
    possible: tuple[Framework | None, ...] = (kind.framework, "Any") if kind.indexed else (kind.framework,)
    return bool(set(kind.types) & set(spec.workload_types)) and any(fits(spec, each) for each in possible)
