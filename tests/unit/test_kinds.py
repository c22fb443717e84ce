"""The kinds table, and what counts as derived."""

import pytest

from environment_operator.kinds import BUILTIN, is_derived
from environment_operator.settings import Settings

DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "controller": True}


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (DEPLOYMENT, True),
        (DEPLOYMENT | {"apiVersion": "apps/v1beta1"}, True),
        (DEPLOYMENT | {"controller": False}, False),
        (DEPLOYMENT | {"apiVersion": "example.org/v1"}, False),
        ({"apiVersion": "v1", "kind": "Node", "name": "n", "controller": True}, False),
        ({"apiVersion": "v1", "kind": "ReplicationController", "name": "r", "controller": True}, True),
    ],
)
def test_derived(owner: dict[str, object], expected: bool) -> None:
    """An object is derived when its controller is of a kind in the table, whatever the version."""
    assert expected is is_derived([owner], BUILTIN)


def test_rows_from_a_file(tmp_path, monkeypatch) -> None:
    """Rows of the file come after the built-in ones."""
    file = tmp_path / "kinds.yaml"
    file.write_text("- {group: example.org, version: v1, kind: Widget, plural: widgets}\n")
    monkeypatch.setenv("ENVIRONMENT_OPERATOR_KINDS_FILE", str(file))

    assert "widgets.example.org" == Settings().kinds()[-1].name
    assert "/apis/example.org/v1/widgets" == Settings().kinds()[-1].path


def test_row_twice(tmp_path, monkeypatch) -> None:
    """A row for a kind that is there already is refused with its file."""
    file = tmp_path / "kinds.yaml"
    file.write_text("- {group: apps, version: v1, kind: Deployment, plural: deployments}\n")
    monkeypatch.setenv("ENVIRONMENT_OPERATOR_KINDS_FILE", str(file))

    with pytest.raises(ValueError, match="twice"):
        Settings().kinds()
