"""The steps of the form: the original's, each with the fields that belong to it. Pure.

What no step names is in the last one, so that no field is forgotten.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from environment_operator.console.forms.values import Control

_STEPS = (
    ("Scope", ("spec.scope",)),
    ("Name", ("metadata.name", "spec.displayName", "spec.description")),
    ("Image", ("spec.image", "spec.imagePullPolicy", "spec.imagePullSecrets")),
    ("Architecture and framework", ("spec.architecture", "spec.framework")),
    ("Workload types and endpoint", ("spec.workloadTypes", "spec.endpoint")),
    ("Tools and connections", ("spec.tools",)),
    ("Command and arguments", ("spec.command", "spec.args")),
    ("Variables", ("spec.env",)),
    ("Working directory", ("spec.workingDir", "spec.createHomeDir")),
    ("User and groups", ("spec.user",)),
    ("Capabilities and security", ("spec.security",)),
)
_MORE = "More"


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Args:
        title: what it is about.
        anchor: its place in the page.
        controls: its fields.
    """

    title: str
    anchor: str
    controls: tuple[Control, ...]

    @property
    def has_problems(self) -> bool:
        """Whether something is wrong in it."""
        return any(each.has_problems for each in self.controls)


def steps(form: Control) -> Iterator[Step]:
    """Yield the steps of a form, each field in one of them."""
    left = {each.at: each for part in form.parts for each in part.parts}
    for number, (title, paths) in enumerate(_STEPS, 1):
        yield Step(title, f"step-{number}", tuple(left.pop(path) for path in paths if path in left))
    yield Step(_MORE, f"step-{len(_STEPS) + 1}", tuple(left.values()))
