"""What is known of the namespaces that are projects: their department and pod security. Pure."""

from collections.abc import Collection

from environment_operator.api import names
from environment_operator.kube.objects import Metadata


class ProjectIndex:
    """The projects and the department of each."""

    def __init__(self) -> None:
        self.departments: dict[str, str | None] = {}
        self.levels: dict[str, str] = {}

    def put(self, project: str, department: str | None, level: str = "") -> frozenset[tuple[str, str]]:
        """Remember a project; return the mentions, as in `mentions`, that now mean something else.

        Args:
            project: its name.
            department: its department.
            level: the Pod Security Standard that it enforces.
        """
        before = self.departments.get(project, ...)
        self.departments[project] = department
        self.levels[project] = level
        return frozenset() if before == department else self._changed(project, before, department)

    def delete(self, project: str) -> frozenset[tuple[str, str]]:
        """Forget a project; return the mentions that now mean something else."""
        before = self.departments.pop(project, ...)
        self.levels.pop(project, None)
        return frozenset() if before is ... else self._changed(project, before, None)

    def resync(self, seen: Collection[str]) -> frozenset[tuple[str, str]]:
        """Forget the projects that a complete list no longer has; return the mentions that changed meaning."""
        return frozenset().union(*(self.delete(p) for p in [p for p in self.departments if p not in seen]))

    @staticmethod
    def _changed(project: str, before: object, after: str | None) -> frozenset[tuple[str, str]]:
        """Return the project and the departments that it left or joined."""
        moved = {("department", d) for d in (before, after) if isinstance(d, str)}
        return frozenset({("project", project), *moved})


class ProjectSink:
    """Takes in the projects of a informer, where nobody waits for what changes."""

    def __init__(self, projects: ProjectIndex) -> None:
        self._projects = projects

    def put(self, item: Metadata) -> None:
        """Remember the project."""
        self._projects.put(item.name, item.labels.get(names.DEPARTMENT), item.labels.get(names.POD_SECURITY, ""))

    def delete(self, item: Metadata) -> None:
        """Forget the project."""
        self._projects.delete(item.name)

    def resync(self, seen: Collection[tuple[str, str]]) -> None:
        """Forget the projects that are gone."""
        self._projects.resync({name for _, name in seen})

    def moved(self) -> None:
        """Do nothing: what is known stays known."""
