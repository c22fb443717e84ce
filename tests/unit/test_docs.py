"""The documentation is complete: what users can meet is explained where they would look."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from assets import FULL
from environment_operator.api import names
from environment_operator.api.tools import DEFAULT_PORTS
from environment_operator.cli import reference
from environment_operator.cli.exit_codes import Exit
from environment_operator.cli.kubectl_flags import as_click
from environment_operator.cli.main import COMMANDS, cli
from environment_operator.kinds.table import BUILTIN, Kind
from environment_operator.kinds.third_party import ROWS
from environment_operator.kube.errors import Reason
from environment_operator.manifests import observability
from environment_operator.manifests.generate import documents, main
from environment_operator.settings import Settings
from environment_operator.spec.validation import validate

ROOT = Path(__file__).parents[2]
# What stands where: each document with the most lines that it may have, and its sections.
DOCUMENTS: dict[str, tuple[int, tuple[str, ...]]] = {
    "README.md": (120, ("Before and after", "Try it", "Install", "Features", "How it works")),
    "crds/README.md": (
        200,
        (
            "Fields of an Environment",
            "Who may use it, and what may be overridden",
            "User and groups",
            "Labels and annotations",
            "When something is refused or stalled",
        ),
    ),
    "crds/kinds.md": (200, ("Kinds", "Further kinds")),
    "operator/README.md": (120, ("The two paths", "Packages", "The plugin", "What is promised, and how it is kept")),
    "operator/cli.md": (600, ("A tour", "Habits of kubectl", "Commands", "Exit codes")),
    "operator/runai.md": (60, ()),
    "deploy/README.md": (100, ("The image", "Upgrading", "Uninstalling", "Releasing")),
    "deploy/catalogue/README.md": (60, ("Your mirror, scope and tags",)),
    "deploy/console.md": (80, ("Who can reach it", "In the cluster")),
    "deploy/chart/README.md": (80, ("Values",)),
    "deploy/configuration.md": (120, ("Settings",)),
    "deploy/observability.md": (150, ("Metrics", "Logs", "Runbooks")),
    "deploy/gitops.md": (120, ("Order", "Argo CD", "Flux", "Deletion, backup and migration")),
    "deploy/tools.md": (100, ("Reaching a tool", "URLs for tools")),
    "deploy/registry-credentials.md": (80, ()),
    "deploy/identity-tokens.md": (60, ()),
    "deploy/enforcement.md": (60, ()),
    "deploy/security.md": (
        200,
        ("Who may do what", "What the operator may do", "Pods that run", "Threat model"),
    ),
    "tests/README.md": (120, ("First steps", "Rings", "Kinds of other projects", "The cluster")),
}
TEXTS = {path: (ROOT / path).read_text(encoding="utf-8") for path in DOCUMENTS}
README, API, KINDS, INSIDE = (TEXTS[p] for p in ("README.md", "crds/README.md", "crds/kinds.md", "operator/README.md"))
CONFIGURATION, PLUGIN, RUNAI = (TEXTS[p] for p in ("deploy/configuration.md", "operator/cli.md", "operator/runai.md"))
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]+))?\)")
SETTLED = {"Exposed", "Accepted", "Available", "Terminating", "Unused", "Resolved", "ReleasedInUse"}


@pytest.mark.parametrize("path", DOCUMENTS)
def test_what_stands_where(path: str) -> None:
    """Each document has its sections, and no more lines than somebody reads."""
    most, sections = DOCUMENTS[path]

    assert len(TEXTS[path].splitlines()) <= most
    assert set(sections) <= set(re.findall(r"^## (.+)$", TEXTS[path], re.MULTILINE))


def test_no_document_is_left_out() -> None:
    """Every document of the repository is in the table."""
    found = {
        str(path.relative_to(ROOT))
        for top in (".", "crds", "deploy", "deploy/catalogue", "deploy/chart", "operator", "tests")
        for path in (ROOT / top).glob("*.md")
    }

    assert set(DOCUMENTS) == found


def anchors(text: str) -> set[str]:
    """Return the anchors that a renderer of Markdown gives the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_link_leads_somewhere(path: str) -> None:
    """Each link to a file of the repository finds it, and the heading that it names."""
    for target, anchor in LINK.findall(TEXTS[path]):
        if not target.startswith("https://"):
            file = (ROOT / path).parent / target if target else ROOT / path
            assert file.exists(), target
            assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), f"{target}#{anchor}"


def test_the_reference_of_the_plugin_is_fresh() -> None:
    """The reference of the plugin is what its commands say now."""
    assert reference.document() == PLUGIN


GENERATED = documents()


@pytest.mark.parametrize("path", GENERATED)
def test_generated_files_are_fresh(path: str) -> None:
    """What is generated is what the code says now."""
    assert GENERATED[path] == (ROOT / path).read_text(encoding="utf-8")


def test_every_trouble_is_explained() -> None:
    """Each reason that asks something of a user is in the API reference, with what to do."""
    assert [] == [str(r) for r in Reason if r not in SETTLED and f"| `{r}` |" not in API]


def test_every_label_and_annotation_is_explained() -> None:
    """Each label, annotation and finalizer that works today is in the API reference's table."""
    ours = [value for value in vars(names).values() if isinstance(value, str) and f"{names.GROUP}/" in value]
    assert [names.API_VERSION] == [name for name in ours if f"| `{name}" not in API]


def test_every_setting_is_explained() -> None:
    """Each setting is in the document on configuration."""
    assert [] == [name for name in Settings.model_fields if f"`{name.upper()}`" not in CONFIGURATION]


def test_the_table_of_metrics_is_fresh() -> None:
    """The table of metrics is what the code has now."""
    assert observability.document(TEXTS[observability.PATH]) == TEXTS[observability.PATH]
    assert observability.table() in TEXTS[observability.PATH]


def fields(value: Any) -> Iterator[str]:
    """Yield the names of all fields of an asset, those of its parts included."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield key
        yield from fields(inner)
    for inner in value if isinstance(value, list) else ():
        yield from fields(inner)


# What Run:ai's API gives besides what the importer reads.
ANSWERED = (
    "clusterId", "createdBy", "createdAt", "updatedBy", "updatedAt", "deletedAt", "deletedBy", "updateCount", "id",
    "kind", "tenantId", "autoDelete", "private", "usedBy", "usageTimes", "compliance", "status", "statusInfo",
    "initialDelaySeconds", "periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold",
)  # fmt: skip


def test_every_field_of_an_asset_is_mapped() -> None:
    """Whoever arrives from Run:ai finds what becomes of each field of an environment asset."""
    cells = " ".join(re.findall(r"^\| ([^|]+) \|", RUNAI, re.MULTILINE))
    given = sorted({*fields(FULL), *ANSWERED} - {"meta", "spec"})
    assert [] == [field for field in given if not re.search(rf"`(\w+\.)*{field}(\.\w+)*`", cells)]


def unexplained(folder: str) -> list[str]:
    """Return the packages and modules of a folder that are not in the operator's README."""
    found = sorted(path.stem for path in (ROOT / "operator/environment_operator" / folder).iterdir())
    return [module for module in found if not module.startswith("__") and f"`{module}`" not in INSIDE]


def test_every_package_is_explained() -> None:
    """Each package, and each module next to them, is in the operator's README."""
    assert [] == unexplained(".")


PROMISES = [line for line in INSIDE.partition("\n| promise |")[2].splitlines()[2:] if line.startswith("| ")]


@pytest.mark.parametrize("promise", PROMISES)
def test_every_promise_has_its_test(promise: str) -> None:
    """Each promise names the tests that show it, and they exist."""
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", promise)

    assert named
    for file, name in named:
        path = next(path for ring in ("tests/integration", "tests") if (path := ROOT / ring / file).exists())
        assert f"\ndef {name}(" in path.read_text(encoding="utf-8")


def test_pictures_are_small() -> None:
    """Each picture of a document is there, and takes at most 200 KB."""
    found = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)

    assert found
    assert [] == [path for path in found if (ROOT / path).stat().st_size > 200_000]


ATTEMPTS = [line for line in TEXTS["deploy/console.md"].splitlines() if line.count("test_console") and "|" in line]


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_every_defence_of_the_page_has_its_test(attempt: str) -> None:
    """Each attempt on the page names the tests that make it, and they exist."""
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", attempt):
        assert f"\ndef {name}(" in (ROOT / "tests/integration" / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("row", BUILTIN, ids=lambda row: row.name)
def test_every_built_in_kind_is_explained(row: Kind) -> None:
    """Each kind of Kubernetes has a line in the table of kinds, with its types, and whether it can be distributed."""
    table = KINDS[KINDS.index("| built into Kubernetes |") :].split("\n\n")[0]
    (line,) = [line for line in table.splitlines() if row.kind in line.split(" | ")[0].strip("| ").split(", ")]

    assert f"| {', '.join(row.types)} |" in line
    assert bool(row.indexed) is ("Indexed" in line)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.template], ids=lambda row: row.name)
def test_every_kind_is_explained(row: Kind) -> None:
    """Each third-party kind has a line in the table of kinds, with its group, its types and its roles."""
    lines = [line for line in KINDS.splitlines() if re.match(rf"\| [^|]*\b{row.kind}\b[^|]* \| {row.group} \|", line)]
    (line,) = [line for line in lines if "names of" in line or "*" not in row.roles]

    assert f"| {', '.join(row.types)} |" in line
    assert (f"Distributed, {row.framework}" if row.framework else "Standard").lower() in line.lower()
    assert [] == [role for role in row.roles if role != "*" and f"`{role}`" not in line]


@pytest.mark.parametrize("row", [row for row in ROWS if row.template], ids=lambda row: row.name)
def test_every_template_is_explained(row: Kind) -> None:
    """Each third-party template is named in the document on kinds."""
    assert re.search(rf"Templates, from which[^|]*\b{row.kind}\b", KINDS)


WITHOUT_TEMPLATE = (
    "SparkApplication, ScheduledSparkApplication", "FlinkDeployment", "NIMService, NIMPipeline",
    "Workspace of Kubeflow, v2", "Workspace of KAITO", "InferenceService of OME",
)  # fmt: skip


def test_kinds_without_a_pod_template() -> None:
    """Each kind of workloads that has no pod template has a line with the fields to write into instead."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", KINDS[KINDS.index("| kind | instead |") :], re.MULTILINE)
    found = {kind: way for kind, way in rows[1:] if "`" in way}
    refused = {row.kind for row in ROWS if not row.pod_templates}

    assert set(WITHOUT_TEMPLATE) == found.keys()
    assert refused <= {each for kind in found for each in kind.split(", ")}


def test_further_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of a row works as it stands: what is generated from it has its webhook and its rights."""
    (block,) = re.findall(r"```yaml\n(- group.*?)```", KINDS, re.DOTALL)
    file = tmp_path / "kinds.yaml"
    file.write_text(block)
    monkeypatch.setattr("sys.argv", ["generate", "--kinds", str(file), "--out", str(tmp_path)])
    main()

    assert {"kinds.yaml", "policies.yaml", "webhooks.yaml"} == {path.name for path in (tmp_path / "deploy").iterdir()}
    assert "experiments" in (tmp_path / "values.yaml").read_text()
    for name in ("kinds", "policies", "webhooks"):
        assert "experiments" in (tmp_path / f"deploy/{name}.yaml").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_plugin_is_explained(name: str) -> None:
    """Each command of the plugin is in its reference, with each of its options."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    section = PLUGIN.partition(f"\n### {name}\n")[2].partition("\n### ")[0] + PLUGIN.partition("\n## Options of")[2]
    options = [opt for p in command.params if isinstance(p, click.Option) for opt in p.opts]

    assert [] == [opt for opt in options if not re.search(rf"^\| `[^`]*{opt}[ ,`]", section, re.MULTILINE)]


def test_every_exit_code_is_explained() -> None:
    """Each exit code of the plugin is in the plugin's reference."""
    assert [] == [code for code in Exit if f"| {code:d} | " not in PLUGIN]


def test_every_module_of_the_plugin_is_explained() -> None:
    """Each module of the plugin is in the operator's README."""
    assert [] == unexplained("cli")


STEPS = re.findall(r"^\| \d \| `([a-z_/]+)` (.+?) \|", INSIDE, re.MULTILINE)


@pytest.mark.parametrize(("module", "functions"), STEPS)
def test_every_step_of_the_two_paths_exists(module: str, functions: str) -> None:
    """The functions of the two paths are where the operator's README says."""
    code = (ROOT / f"operator/environment_operator/{module}.py").read_text(encoding="utf-8")

    for function in re.findall(r"`([\w.]+)`", functions):
        assert re.search(rf"def {function.rpartition('.')[2]}\(", code)


def test_the_two_paths_have_all_their_steps() -> None:
    """Both paths are written down from the first step to the last."""
    assert 18 == len(STEPS)


def test_default_ports_are_published() -> None:
    """The API reference's table of default ports is that of the code."""
    header, _, ports = API[API.index("| JupyterNotebook") :].splitlines()[:3]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (header, ports)]

    assert {name: str(port) for name, port in DEFAULT_PORTS.items()} == dict(zip(*cells, strict=True))


YAML = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
BLOCKS = [(path, block) for path in DOCUMENTS for block in YAML.findall(TEXTS[path])]


@pytest.mark.parametrize("block", [b for _, b in BLOCKS if f"\nkind: {names.KIND}\n" in b])
def test_every_example_works(block: str) -> None:
    """Each Environment in a document is one that can work."""
    example = yaml.load(block, yaml.CSafeLoader)

    assert None is validate(example["spec"], replacement_exists=False).stalled


def test_twenty_lines_become_six() -> None:
    """The README's two pictures of one workload are as long as it says."""
    before, after = (block for path, block in BLOCKS if path == "README.md" and "kind: Job" in block)

    assert (20, 6) == (len(before.splitlines()), len(after.splitlines()))


@pytest.mark.parametrize("target", sorted(set(re.findall(r"[`\n]make ([a-z0-9-]+)", "".join(TEXTS.values())))))
def test_every_command_exists(target: str) -> None:
    """Each make target that the documentation names is in the Makefile."""
    assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


def examples(name: str) -> list[list[str]]:
    """Return the arguments of each example of a command, as its section of the reference shows them."""
    section = PLUGIN.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    lines = "".join(re.findall(r"```console\n(.*?)```", section, re.DOTALL)).replace("\\\n", "").splitlines()
    found = [(re.search(rf"kubectl environment {name}(?: ([^|>)]*))?", line), "xargs" in line) for line in lines]
    return [[*shlex.split(each[1] or ""), *(["kind/name"] if more else [])] for each, more in found if each]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_of_a_command_is_one_that_it_takes(name: str) -> None:
    """Each example of each command is a command line that the command reads without an error."""
    parent = click.Context(cli, **cli.context_settings)
    command = cli.get_command(parent, name)
    assert command is not None
    assert examples(name)
    for arguments in examples(name):
        command.make_context(name, as_click(command.params, arguments), parent=parent)
