"""When a workload that names no Environment is given the default one of its project."""

import json
from typing import Any

import pytest

from builders import KINDS, around, published, workload
from environment_operator.admission import project_defaults, review

JUPYTER = published("jupyter")


def response(name: str, **container: str) -> Any:
    """Return the response about a Deployment in a project with a default Environment."""
    made = workload("Deployment", "d", "team")
    del made["metadata"]["labels"]
    made["spec"]["template"]["spec"]["containers"] = [{"name": "main", **container}]
    request = {
        "uid": "7",
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "operation": "CREATE",
        "namespace": "team",
        "object": made,
    }
    sent = review.read(
        json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()
    )
    return project_defaults.defaulted(sent, name, KINDS, around(JUPYTER)).review["response"]


def test_fits() -> None:
    """It gets the label, and no more: what injects comes next."""
    patch = response("jupyter")

    assert "JSONPatch" == patch["patchType"]
    assert "warnings" not in patch


@pytest.mark.parametrize(
    ("name", "container", "why"),
    [
        ("jupyter", {"image": "mine:1"}, "does not allow Image to be overridden"),
        ("nowhere", {}, 'Environment "nowhere" does not exist'),
    ],
    ids=["own image", "unknown"],
)
def test_does_not_fit(name: str, container: dict[str, str], why: str) -> None:
    """It is left alone, with a warning that says why, be it the first or the last word of admission."""
    answer = response(name, **container)

    assert answer["allowed"]
    assert "patch" not in answer
    assert why in answer["warnings"][0]


def test_none() -> None:
    """Without a default Environment nothing is said."""
    assert {"uid": "7", "allowed": True} == response("", image="mine:1")
