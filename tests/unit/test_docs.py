"""The documentation is complete: what users can meet is explained where they would look."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel

from environment_operator import metrics, names
from environment_operator.api.tools import DEFAULT_PORTS
from environment_operator.cli.main import COMMANDS, cli
from environment_operator.cli.problems import Exit
from environment_operator.errors import Reason
from environment_operator.generate import documents, main, render
from environment_operator.judge import judge
from environment_operator.kinds import BUILTIN, Kind
from environment_operator.runai.shape import EnvironmentAsset
from environment_operator.settings import Settings
from environment_operator.third_party import ROWS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEPLOYING = (ROOT / "deploy/README.md").read_text(encoding="utf-8")
INSIDE = (ROOT / "operator/README.md").read_text(encoding="utf-8")
SETTLED = {"Exposed", "Available", "Terminating", "Unused", "Resolved", "ReleasedInUse"}


@pytest.mark.parametrize("path", documents())
def test_generated_files_are_fresh(path: str) -> None:
    """What is generated is what the code says now."""
    assert render(documents()[path]) == (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("reason", [r for r in Reason if r not in SETTLED])
def test_every_trouble_is_explained(reason: Reason) -> None:
    """Each reason that asks something of a user is in the README, with what to do."""
    assert f"| `{reason}` |" in README


@pytest.mark.parametrize("name", [v for k, v in vars(names).items() if isinstance(v, str) and f"{names.GROUP}/" in v])
def test_every_label_and_annotation_is_explained(name: str) -> None:
    """Each label, annotation and finalizer that works today is in the README's table."""
    assert name == names.API_VERSION or f"| `{name}" in README


@pytest.mark.parametrize("setting", Settings.model_fields)
def test_every_setting_is_explained(setting: str) -> None:
    """Each setting is in the operator's README."""
    assert f"`{setting.upper()}`" in INSIDE


@pytest.mark.parametrize("metric", [m for m in vars(metrics).values() if isinstance(m, Counter | Gauge | Histogram)])
def test_every_metric_is_explained(metric: Counter | Gauge | Histogram) -> None:
    """Each metric is in the operator's README, once, under the name that is exported."""
    described = next(iter(metric.describe()))
    suffix = "_total" if described.type == "counter" else ""
    assert 1 == len(re.findall(rf"^\| `{described.name}{suffix}[`{{]", INSIDE, re.MULTILINE))


def fields(model: type[BaseModel]) -> Iterator[str]:
    """Yield the names of all fields of an asset, those of its parts included."""
    for field in model.model_fields.values():
        yield str(field.alias)
        for part in (field.annotation, *get_args(field.annotation), *map(first, get_args(field.annotation))):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from fields(part)


def first(annotation: Any) -> Any:
    """Return what a list is of, None for anything else."""
    return next(iter(get_args(annotation)), None)


# What Run:ai's API gives besides what the importer reads.
ANSWERED = (
    "clusterId", "createdBy", "createdAt", "updatedBy", "updatedAt", "deletedAt", "deletedBy", "updateCount", "id",
    "kind", "tenantId", "autoDelete", "private", "usedBy", "usageTimes", "compliance", "status", "statusInfo",
    "initialDelaySeconds", "periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold",
)  # fmt: skip


@pytest.mark.parametrize("field", sorted({*fields(EnvironmentAsset), *ANSWERED} - {"meta", "spec"}))
def test_every_field_of_an_asset_is_mapped(field: str) -> None:
    """Whoever arrives from Run:ai finds what becomes of each field of an environment asset."""
    section = README.partition("## Arriving from Run:ai\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    assert any(re.search(rf"`(\w+\.)*{field}(\.\w+)*`", cell) for cell in cells)


@pytest.mark.parametrize("room", sorted(p.stem for p in (ROOT / "operator/environment_operator").iterdir()))
def test_every_room_is_explained(room: str) -> None:
    """Each room of the code is in the operator's README."""
    assert room.startswith("__") or f"`{room}`" in INSIDE


@pytest.mark.parametrize("row", BUILTIN, ids=lambda row: row.name)
def test_every_built_in_kind_is_explained(row: Kind) -> None:
    """Each kind of Kubernetes has a line in the README, with its types, and whether it can be distributed."""
    table = README[README.index("| built into Kubernetes |") :].split("\n\n")[0]
    (line,) = [line for line in table.splitlines() if row.kind in line.split(" | ")[0].strip("| ").split(", ")]

    assert f"| {', '.join(row.types)} |" in line
    assert bool(row.indexed) is ("Indexed" in line)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.template], ids=lambda row: row.name)
def test_every_kind_is_explained(row: Kind) -> None:
    """Each third-party kind has a line in the README, with its group, its types and its roles."""
    lines = [line for line in README.splitlines() if re.match(rf"\| [^|]*\b{row.kind}\b[^|]* \| {row.group} \|", line)]
    (line,) = [line for line in lines if "names of" in line or "*" not in row.roles]

    assert f"| {', '.join(row.types)} |" in line
    assert (f"Distributed, {row.framework}" if row.framework else "Standard").lower() in line.lower()
    assert [] == [role for role in row.roles if role != "*" and f"`{role}`" not in line]


@pytest.mark.parametrize("row", [row for row in ROWS if row.template], ids=lambda row: row.name)
def test_every_template_is_explained(row: Kind) -> None:
    """Each third-party template is named in the README."""
    assert re.search(rf"Templates, from which[^|]*\b{row.kind}\b", README)


def test_further_kinds(tmp_path, monkeypatch) -> None:
    """The example of a row works as it stands: what is generated from it has its webhook and its rights."""
    (block,) = re.findall(r"```yaml\n(- group.*?)```", DEPLOYING, re.DOTALL)
    file = tmp_path / "kinds.yaml"
    file.write_text(block)
    monkeypatch.setattr("sys.argv", ["generate", "--kinds", str(file), "--out", str(tmp_path)])
    main()

    assert {"kinds.yaml", "policies.yaml", "webhooks.yaml"} == {path.name for path in (tmp_path / "deploy").iterdir()}
    for name in ("kinds", "policies", "webhooks"):
        assert "experiments" in (tmp_path / f"deploy/{name}.yaml").read_text()


def plugin_rows() -> dict[str, str]:
    """Return the lines of the README's table of the plugin's commands."""
    section = README[README.index("## kubectl environment") :]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return {name: row for row in rows for name in COMMANDS if re.search(rf"`{name}[ `]", row.split(" | ")[0])}


def flags(command: click.Command) -> set[str]:
    """Return the options of a command as they are documented: the long name where there is one, but -n, -A and -o."""
    options = [p.opts for p in command.params if isinstance(p, click.Option)]
    return {next((o for o in opts if o in ("-n", "-A", "-o", "-f")), opts[-1]) for opts in options}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_plugin_is_explained(name: str) -> None:
    """Each command of the plugin is in the README, with each of its options and none that it does not have."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    shared = set(re.findall(r"`(--[a-z-]+)`", README[README.index("All commands that") :].split("\n\n")[0]))
    told = set(re.findall(r"(?<![\w-])(--?[A-Za-z][a-z-]*)", plugin_rows()[name].split(" | ")[2]))

    assert flags(command) - shared == told


@pytest.mark.parametrize("code", Exit)
def test_every_exit_code_is_explained(code: Exit) -> None:
    """Each exit code of the plugin is in the README."""
    assert f"| {code:d} | " in README


@pytest.mark.parametrize("room", sorted(p.stem for p in (ROOT / "operator/environment_operator/cli").iterdir()))
def test_every_room_of_the_plugin_is_explained(room: str) -> None:
    """Each room of the plugin is in the operator's README."""
    assert room.startswith("__") or f"`{room}`" in INSIDE


def test_default_ports_are_published() -> None:
    """The README's table of default ports is that of the code."""
    header, _, ports = README[README.index("| JupyterNotebook") :].splitlines()[:3]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (header, ports)]

    assert {name: str(port) for name, port in DEFAULT_PORTS.items()} == dict(zip(*cells, strict=True))


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
def test_every_example_works(block: str) -> None:
    """Each Environment in the README is one that can work."""
    example = yaml.safe_load(block)

    assert None is judge(example["spec"], replacement_exists=False).stalled
    assert names.KIND == example["kind"]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"[`\n]make ([a-z-]+)", README))))
def test_every_command_exists(target: str) -> None:
    """Each make target that the documentation names is in the Makefile."""
    assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
