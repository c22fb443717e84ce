"""Who may use an Environment: its scope, the projects there are, and the short texts for the columns. Pure."""

from collections.abc import Iterable, Mapping

from environment_operator.api.v1alpha1 import EnvironmentSpec, Scope

# So many characters the columns have, so that all columns together fit 200.
_SCOPE_ROOM, _TOOLS_ROOM = 21, 14


def includes(scope: Scope, project: str, department: str | None) -> bool:
    """Return whether a project of a department may use the Environment."""
    return bool(scope.cluster) or project in (scope.projects or ()) or department in (scope.departments or ())


def out_of_scope(scope: Scope, projects: Iterable[str], departments: Mapping[str, str | None]) -> int:
    """Return how many users are in projects that the scope does not include.

    Args:
        scope: the scope.
        projects: the project of each user; empty for a cluster-scoped template, which needs cluster scope.
        departments: the department of each project that exists.
    """
    return sum(not includes(scope, p, departments.get(p)) for p in projects)


def unknown_projects(scope: Scope, departments: Mapping[str, str | None]) -> list[str]:
    """Return the projects that the scope names and that do not exist, sorted."""
    return sorted(p for p in scope.projects or () if p not in departments)


def in_words(scope: Scope) -> str:
    """Return the scope for the column: ``cluster``, or the places as ``department/ml,project/a,b``."""
    if scope.cluster:
        return "cluster"
    return _shortened([*_grouped("department", scope.departments), *_grouped("project", scope.projects)], _SCOPE_ROOM)


def in_full(scope: Scope) -> str:
    """Return the scope with every department and project that it names."""
    return "the whole cluster" if scope.cluster else ", ".join(_places(scope))


def tools_in_words(spec: EnvironmentSpec) -> str:
    """Return the names of the tools for the column, empty without tools."""
    return _shortened([tool.name for tool in spec.tools or ()], _TOOLS_ROOM)


def _places(scope: Scope) -> list[str]:
    """Return the departments and projects, each with what it is."""
    return [f"department/{d}" for d in scope.departments or ()] + [f"project/{p}" for p in scope.projects or ()]


def _grouped(kind: str, given: Iterable[str] | None) -> list[str]:
    """Return names of one kind, the first of them with that kind."""
    return [name if position else f"{kind}/{name}" for position, name in enumerate(given or ())]


def _shortened(words: list[str], room: int) -> str:
    """Return as many words as there is room for, at least one, and how many more there are."""
    texts = (_first(words, shown) for shown in range(len(words), 0, -1))
    return next((text for text in texts if len(text) <= room), _first(words, 1))


def _first(words: list[str], shown: int) -> str:
    """Return the first words and how many more there are."""
    more = len(words) - shown
    return ",".join(words[:shown]) + (f",+{more}" if more > 0 else "")
