"""The kinds table, and what counts as derived."""

from pathlib import Path

import pytest

from environment_operator.app import main
from environment_operator.kinds.table import BUILTIN, is_derived
from environment_operator.kinds.third_party import ROWS
from environment_operator.settings import Settings, table

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
    """An object is derived when its controller is of a kind in the table, in any version."""
    assert expected is is_derived([owner], BUILTIN)


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        (
            "ENVIRONMENT_OPERATOR_USAGE_SAMPLE",
            "x",
            'are wrong. ENVIRONMENT_OPERATOR_USAGE_SAMPLE: "x" is not allowed: Input should',
        ),
        ("ENVIRONMENT_OPERATOR_TOOLS_URL", "https://tools.example.com", "TOOLS_URL needs TOOLS_GATEWAY or"),
        ("ENVIRONMENT_OPERATOR_HTTPS_CLIENT_CA", "/none", '"/none" is not allowed: Path does not point to a file'),
        ("ENVIRONMENT_OPERATOR_HTTPS_CLIENT_CA", __file__, "the file has no certificate in PEM. Correct it."),
        ("KUBECONFIG", "/none", "no API server is known: Invalid kube-config file"),
    ],
)
def test_what_keeps_it_from_starting(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str) -> None:
    """A wrong setting and a missing kubeconfig end the program with one line that names them."""
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr("sys.argv", ["environment-operator", "webhook"])
    with pytest.raises(SystemExit) as ended:
        main()

    assert expected in str(ended.value)
    assert "\n" not in str(ended.value)


@pytest.mark.parametrize(("kind", "expected"), [("SparkApplication", False), ("ScheduledSparkApplication", True)])
def test_what_spark_makes(kind: str, expected: bool) -> None:
    """The Pod of a driver may use an Environment itself; a scheduled run is its schedule's affair."""
    owner = {"apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": kind, "name": "s", "controller": True}

    assert expected is is_derived([owner], ROWS)


def test_rows_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the file come after the built-in ones."""
    file = tmp_path / "kinds.yaml"
    file.write_text("- {group: example.org, version: v1, kind: Widget, plural: widgets}\n")
    monkeypatch.setenv("ENVIRONMENT_OPERATOR_KINDS_FILE", str(file))

    assert "widgets.example.org" == Settings().kinds()[-1].name
    assert "/apis/example.org/v1/widgets" == Settings().kinds()[-1].path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- {group: apps, version: v1, kind: Deployment, plural: deployments}", "row 1: deployments.apps is built in"),
        ("- &w {group: example.org, version: v1, kind: W, plural: ws}\n- *w", "row 2: ws.example.org is built in, or"),
        ("group: example.org", "is no list, but dict. Write a list of rows, one for each kind."),
        ("- {", "is no YAML: "),
        ("- 5", "row 1: Input should be"),
        ("- {group: example.org, version: v1, kind: W}", "row 1: plural: Field required"),
        (
            "- {group: g.org, version: v1, kind: W, plural: ws, pod_templates: [{path: 'spec.[0]'}]}",
            "row 1: pod_templates.0.path: String should match pattern",
        ),
        ("- {group: g.org, version: v1, kind: W, plural: ws, suspend: x}", "row 1: suspend: Extra inputs are not"),
        ("- {group: g.org, version: v1, kind: W, plural: ws, types: [Batch]}", "types.0: Input should be 'Workspace'"),
    ],
)
def test_wrong_rows(tmp_path: Path, text: str, expected: str) -> None:
    """What is wrong with the file is said: which file, which row, which field, what was given."""
    file = tmp_path / "kinds.yaml"
    file.write_text(text)

    with pytest.raises(ValueError, match=r"kinds\.yaml") as refused:
        table(file)
    assert expected in str(refused.value)


def test_own_row_for_a_known_kind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A row of the file takes the place of ours for the same kind, and the log says so."""
    file = tmp_path / "kinds.yaml"
    file.write_text("- {group: ray.io, version: v9, kind: RayCluster, plural: rayclusters}\n")
    with caplog.at_level("INFO"):
        rows = [row for row in table(file) if row.name == "rayclusters.ray.io"]

    assert ["v9"] == [row.version for row in rows]
    assert "its row of rayclusters.ray.io replaces the built-in row" in caplog.text


def test_wrong_rows_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program does not start with a wrong file: it ends with what is wrong, in one line."""
    file = tmp_path / "kinds.yaml"
    file.write_text("- {group: example.org, version: v1, kind: W}")
    monkeypatch.setenv("ENVIRONMENT_OPERATOR_KINDS_FILE", str(file))
    monkeypatch.setattr("sys.argv", ["environment-operator", "controller"])

    with pytest.raises(SystemExit, match=r"kinds\.yaml, row 1: plural: Field required"):
        main()
