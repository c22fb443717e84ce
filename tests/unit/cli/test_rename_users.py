"""Which users follow an Environment to another name, and what the new one is."""

from typing import Any

import jsonpatch
import pytest

from builders import KINDS, manifest
from environment_operator.api import names
from environment_operator.cli.rename_users import deprecation, is_successor, moved, obstacle, successor

DEPLOYMENT, JOB = KINDS["deployments.apps"], KINDS["jobs.batch"]
OWNER = {"kind": "Notebook", "name": "n", "controller": True}


@pytest.mark.parametrize(
    ("kind", "meta", "personal", "said"),
    [
        (DEPLOYMENT, {}, False, ""),
        (DEPLOYMENT, {"ownerReferences": [{**OWNER, "controller": False}]}, False, ""),
        (JOB, {}, False, "a Job cannot change"),
        (DEPLOYMENT, {"deletionTimestamp": "2026-01-01T00:00:00Z"}, False, "it is being deleted"),
        (DEPLOYMENT, {"ownerReferences": [OWNER]}, False, "Notebook n made it"),
        (DEPLOYMENT, {}, True, "the ids of its submitter"),
    ],
)
def test_obstacles(kind: Any, meta: dict[str, Any], personal: bool, said: str) -> None:
    """What cannot change, is going, belongs to a controller or would run with the ids of who moves it stays."""
    why = obstacle(kind, {"metadata": meta}, personal=personal, name="new")

    assert said in why
    assert bool(said) == bool(why)


def test_labels_that_move() -> None:
    """Every label that refers to the old one moves, the main one and those of roles; all others stay; and one that was
    changed meanwhile is left alone.
    """
    role, other = f"{names.ROLE_REFERENCE}worker", f"{names.ROLE_REFERENCE}launcher"
    labels = {names.REFERENCE: "old", role: "old", other: "another", "app": "old"}
    patch = moved({"metadata": {"labels": labels}}, "old", "new")

    assert {"metadata": {"labels": {names.REFERENCE: "new", role: "new", other: "another", "app": "old"}}} == (
        jsonpatch.apply_patch({"metadata": {"labels": labels}}, patch)
    )
    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch({"metadata": {"labels": {**labels, role: "third"}}}, patch)


def test_successor() -> None:
    """The new one is the old one with other words; it has the deprecation of its author, but not that of a renaming."""
    old = manifest("old", description="a")
    authors = {"message": "use cpus", "replacedBy": "cpu"}

    assert manifest("new", displayName="New") == successor(old, "new", {"displayName": "New", "description": None})
    assert manifest("new") == successor(manifest("old", deprecated=deprecation("new")), "new", {})
    assert manifest("new", deprecated=authors) == successor(manifest("old", deprecated=authors), "new", {})


def test_an_earlier_run_is_recognised() -> None:
    """What an earlier run made is the successor with any display name; another set-up is none."""
    wanted = successor(manifest("old", deprecated=deprecation("new")), "new", {})

    assert is_successor(manifest("new", displayName="N", deprecated={"message": "x"}), wanted)
    assert not is_successor(manifest("new", image="other:1"), wanted)
