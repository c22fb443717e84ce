"""Who may use an Environment: its scope, the projects there are, and the short texts for the columns. Pure."""

from collections.abc import Iterable, Mapping

from environment_operator.api.v1alpha1 import EnvironmentSpec, Scope

_SHOWN = 3


def includes(scope: Scope, project: str, department: str | None) -> bool:
    """Say whether a project of a department may use the Environment."""
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
    """Return the scope for the column: ``cluster``, or the departments and projects."""
    return "cluster" if scope.cluster else _shortened(_places(scope))


def in_full(scope: Scope) -> str:
    """Return the scope with every department and project that it names."""
    return "the whole cluster" if scope.cluster else ", ".join(_places(scope))


def tools_in_words(spec: EnvironmentSpec) -> str:
    """Return the names of the tools for the column."""
    return ",".join(tool.name for tool in spec.tools or ())


def _places(scope: Scope) -> list[str]:
    """Return the departments and projects, each with what it is."""
    return [f"department/{d}" for d in scope.departments or ()] + [f"project/{p}" for p in scope.projects or ()]


def _shortened(words: list[str]) -> str:
    """Return the first few words and how many more there are."""
    more = len(words) - _SHOWN
    return ",".join(words[:_SHOWN]) + (f",+{more}" if more > 0 else "")
