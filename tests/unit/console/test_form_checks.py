"""What is wrong with a draft, by its fields: by our own rules, and as the API server says it."""

from typing import Any

import pytest

from builders import manifest
from environment_operator.console.forms import checks, managed
from environment_operator.kube.errors import ApiError, Cause, Conflict, Forbidden, Invalid


def at(causes: list[Cause]) -> list[str]:
    """Return the fields of what is wrong."""
    return [cause.field for cause in causes]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({}, []),
        ({"image": "Upper"}, ["spec.image"]),
        ({"image": None}, ["spec.image"]),
        ({"image": "Upper", "framework": "Other"}, ["spec.framework", "spec.image"]),
        ({"framework": "MPI"}, ["spec.framework"]),
        ({"tools": [{"name": "a", "type": "Custom"}]}, ["spec.tools[0].containerPort"]),
        ({"tools": [{"name": "a", "type": "Custom", "containerPort": "x"}]}, ["spec.tools[0].containerPort"]),
        ({"image": "0123456789abcdef" * 4}, ["spec.image"]),
        ({"shmSize": "1Gi"}, ["spec.shmSize"]),
    ],
)
def test_our_own_rules(fields: dict[str, Any], where: list[str]) -> None:
    """Everything that the models do not accept is said at its field; what only works together is said when they do."""
    found = checks.own(manifest("a", **fields))

    assert where == at(found)
    assert all(cause.message for cause in found)


@pytest.mark.parametrize("name", ["", "Upper", "a" * 64, None, 7])
def test_names(name: Any) -> None:
    """The name is checked, too."""
    assert ["metadata.name"] == at(checks.own({**manifest("a"), "metadata": {"name": name}}))


@pytest.mark.parametrize(
    ("error", "causes"),
    [
        (
            Invalid(422, "x", [Cause("spec.image", 'Invalid value: "string": write small letters')]),
            [Cause("spec.image", "write small letters")],
        ),
        (Invalid(422, "x", [Cause("spec.scope", "a"), Cause("spec.scope", "a")]), [Cause("spec.scope", "a")]),
        (Invalid(422, "everything", [Cause("", "a")]), [Cause("", "everything")]),
        (Conflict(409, 'environments "a" already exists'), ["metadata.name"]),
        (Forbidden(403, 'denied: Name it, or remove "x" from spec.scope.projects.'), ["spec.scope.projects"]),
        (Forbidden(403, "spec.tools[1].name: is taken."), [Cause("spec.tools[1].name", "is taken.")]),
        (ApiError(500, "no"), [Cause("", "no")]),
    ],
)  # fmt: skip
def test_refusals(error: ApiError, causes: list[Any]) -> None:
    """A refusal of the API server is said at the field that it is about, that it begins with, or that it names."""
    found = checks.refusal(error)

    assert causes == [
        cause if isinstance(wanted, Cause) else cause.field for cause, wanted in zip(found, causes, strict=True)
    ]


@pytest.mark.parametrize(
    ("metadata", "program"),
    [
        ({}, ""),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "a"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "a"}}, "Flux"),
        ({"labels": {"app.kubernetes.io/instance": "a"}}, ""),
        ({"managedFields": [{"manager": "argocd-controller"}]}, "Argo CD"),
        ({"managedFields": [{"manager": "kubectl-edit"}]}, ""),
    ],
)
def test_who_applies_it(metadata: dict[str, Any], program: str) -> None:
    """What Argo CD or Flux applies is known by their marks, and by the names with which they write."""
    assert program == managed.manager({"metadata": metadata})
