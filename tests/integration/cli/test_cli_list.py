"""``kubectl environment list`` through the real kubectl."""

import csv
import io
import json
import re
import subprocess
from typing import Any

import pytest
import yaml

from builders import manifest, workload
from environment_operator.api import names
from environment_operator.cli.output.columns import COLUMNS
from kube import Kube
from plugin import Plugin

MANY = [f"p{number}" for number in range(6)]


@pytest.fixture
def three(kube: Kube, project: str) -> dict[str, str]:
    """Return three Environments by what is special about them; one has a user."""
    made = {word: kube.unique(word) for word in ("everywhere", "here", "elsewhere")}
    kube.apply(
        manifest(made["everywhere"], description='=cmd, "quoted"\nand größer'),
        manifest(
            made["here"], scope={"projects": [project]}, image="registry.example/other/tool:1", overridable=["Image"]
        ),
        manifest(made["elsewhere"], scope={"projects": MANY}),
        workload("Job", "train", project, made["here"]),
    )
    for name in made.values():
        kube.until_ready(name)
    kube.until_used(made["here"], 1)
    return made


def plain(out: str) -> list[str]:
    """Return the lines of a terminal without colours, and without the progress that made way for them."""
    return re.sub(r".*\x1b\[K|\x1b\[[0-9;]*m", "", out).splitlines()


def names_of(out: str) -> set[str]:
    """Return the names that ``-o name`` printed."""
    return {line.rpartition("/")[2] for line in out.splitlines()}


def as_rows(out: str) -> dict[str, dict[str, str]]:
    """Return CSV as a spreadsheet reads it, by name."""
    return {row["Environment"]: row for row in csv.DictReader(io.StringIO(out, newline=""))}


def test_table(plugin: Plugin, three: dict[str, str]) -> None:
    """The table has the twelve columns of the original, in a pipe as plain text; ``wide`` has ours too."""
    head = plugin("list").splitlines()[0]
    wide = plugin("list", "-o", "wide").splitlines()[0]
    row = next(line for line in plugin("list").splitlines() if line.startswith(three["here"]))

    assert [c.title.upper() for c in COLUMNS[:12]] == [part.strip() for part in head.split("   ") if part.strip()]
    assert [c.title.upper() for c in COLUMNS] == [part.strip() for part in wide.split("   ") if part.strip()]
    assert "registry.example/other/tool:1" in row
    assert "\x1b" not in row


def test_csv_opens_in_a_spreadsheet(plugin: Plugin, three: dict[str, str]) -> None:
    """Quotes, newlines and letters come back; a formula comes as text; no scope is shortened."""
    shown = as_rows(plugin("list", "-o", "csv"))

    assert '\'=cmd, "quoted"\nand größer' == shown[three["everywhere"]]["Description"]
    assert ",".join(f"project/{name}" for name in MANY) == shown[three["elsewhere"]]["Scope"]
    assert ("1", "0") == tuple(shown[three["here"]][title] for title in ("Workloads", "Templates"))
    assert shown[three["here"]]["Creation time"]


def test_csv_for_programs_and_for_spreadsheets(plugin: Plugin, three: dict[str, str]) -> None:
    """CSV begins with its first title, with ``--bom`` with the mark that some spreadsheets need."""
    only = ("--filter", f"environment={three['here']}", "--columns", "environment")
    bare = plugin("list", "-o", "csv", *only)

    assert f"Environment\r\n{three['here']}\r\n" == bare
    assert f"\ufeff{bare}" == plugin("list", "-o", "csv", "--bom", *only)
    assert "--bom is for -o csv only" in plugin.fails("list", "--bom", code=2)


def test_columns_from_cells_and_objects_agree(kube: Kube, plugin: Plugin, three: dict[str, str]) -> None:
    """A column says the same whether it was read of the API server's table or of the whole object."""
    every = ",".join(column.title for column in COLUMNS)
    cells = as_rows(plugin("list", "-o", "csv", "--columns", every, "--filter", f"environment={three['here']}"))
    place = kube.environment(three["here"])["spec"]["scope"]["projects"][0]
    whole = as_rows(plugin("list", "-o", "csv", "--columns", every, "-n", place))

    assert cells[three["here"]] == whole[three["here"]]


def test_what_a_project_may_use(plugin: Plugin, project: str, three: dict[str, str]) -> None:
    """``-n`` shows what the project may use, and nothing else; ``-A`` all."""
    here = names_of(plugin("list", "-n", project, "-o", "name"))
    everywhere = names_of(plugin("list", "-A", "-o", "name"))

    assert {three["everywhere"], three["here"]} == here & set(three.values())
    assert set(three.values()) <= everywhere


def test_department(kube: Kube, plugin: Plugin, project: str) -> None:
    """A project may use what its department may use."""
    name, department = kube.unique("env"), kube.unique("department")
    kube.kubectl("label", "namespace", project, f"{names.DEPARTMENT}={department}")
    kube.apply(manifest(name, scope={"departments": [department]}))

    assert name in names_of(plugin("list", "-n", project, "-o", "name"))


def test_filter_search_and_sort(plugin: Plugin, three: dict[str, str]) -> None:
    """Rows are chosen by globs and by text, a filter reads all of a shortened scope, and order is as asked."""
    ours = ("--filter", f"environment={three['here']}", "--filter", f"environment={three['everywhere']}")

    assert {three["elsewhere"]} <= names_of(plugin("list", "--filter", f"scope=project/{MANY[-1]}", "-o", "name"))
    assert {three["everywhere"]} == names_of(plugin("list", *ours, "--search", "GRÖSSER", "-o", "name")) or {
        three["everywhere"]
    } == names_of(plugin("list", *ours, "--search", "GRÖßER", "-o", "name"))
    for order, first in (("workloads", "everywhere"), ("workloads:desc", "here")):
        listed = plugin("list", *ours, "--sort", order, "--sort", "environment", "-o", "name")
        assert three[first] in listed.splitlines()[0]


def test_filters_on_every_column(plugin: Plugin, three: dict[str, str]) -> None:
    """Each column can be filtered by what it shows, and all of them together."""
    every = ("--columns", ",".join(column.title for column in COLUMNS), "-o", "csv")
    (shown,) = as_rows(plugin("list", *every, "--filter", f"environment={three['here']}")).values()
    asked = [argument for title, value in shown.items() for argument in ("--filter", f"{title}={value}")]

    assert len(COLUMNS) == len(shown)
    assert {three["here"]} == names_of(plugin("list", "-o", "name", *asked))
    assert "" == plugin("list", "-o", "name", *asked[:-1], f"{COLUMNS[-1].title}=never")


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_whole_objects(plugin: Plugin, three: dict[str, str], form: str, read: Any) -> None:
    """``-o json`` and ``yaml`` give a List of Environments that can be applied."""
    out = read(plugin("list", "-o", form, "--filter", f"environment={three['here']}"))

    assert ("List", "v1", [three["here"]]) == (
        out["kind"],
        out["apiVersion"],
        [item["metadata"]["name"] for item in out["items"]],
    )
    assert {names.API_VERSION} == {item["apiVersion"] for item in out["items"]}


def test_no_headers_and_nothing_found(plugin: Plugin, three: dict[str, str]) -> None:
    """Titles can be left out; nothing found is said on standard error, so that a pipe stays empty."""
    chosen = ("--filter", f"environment={three['here']}", "--columns", "environment", "--no-headers")
    nothing = plugin.run("list", "--filter", "environment=nobody-has-this")

    assert f"{three['here']}\n" == plugin("list", *chosen)
    assert f"{three['here']}\r\n" == plugin("list", *chosen, "-o", "csv")
    assert (0, "", "no Environments found\n") == (nothing.code, nothing.out, nothing.err)


def test_at_a_terminal(plugin: Plugin, three: dict[str, str]) -> None:
    """At a terminal the table has colours, unless they are not wanted."""
    chosen = ("list", "--filter", f"environment={three['here']}", "--columns", "environment,ready")

    assert "\x1b[" in plugin.at_terminal(*chosen).out
    assert "\x1b[3" not in plugin.at_terminal(*chosen, NO_COLOR="1").out


def test_a_narrow_terminal(plugin: Plugin, three: dict[str, str]) -> None:
    """At 80 columns each Environment takes one line, with what matters most; columns that are asked for stay whole or
    fold.
    """
    chosen = ("list", "--filter", f"environment={three['elsewhere']}")
    many = plugin.at_terminal(*chosen, COLUMNS="80", NO_COLOR="1").out
    few = plugin.at_terminal(*chosen, "--columns", "environment,scope", COLUMNS="40", NO_COLOR="1").out
    head, *lines = plain(many)

    assert ["Environment", "Ready", "Outdated", "Workloads", "Image"] == head.split()
    assert [[three["elsewhere"], "True", "0", "0"]] == [line.split()[:4] for line in lines]
    assert 80 >= max(map(len, [head, *lines]))
    assert ",".join(f"project/{name}" for name in MANY) not in few
    assert 40 >= max(map(len, plain(few)))


def test_several_clusters(kube: Kube, plugin: Plugin, config: Any) -> None:
    """Contexts may be repeated: the column Cluster says which, and one that cannot be read is a warning."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)

    def edit(content: dict[str, Any]) -> None:
        (context,), (cluster,) = content["contexts"], content["clusters"]
        gone = {"name": "gone", "cluster": {**cluster["cluster"], "server": "https://127.0.0.1:1"}}
        content["clusters"].append(gone)
        content["contexts"] = [
            {"name": where, "context": {**context["context"], "cluster": to}}
            for where, to in (("east", cluster["name"]), ("west", cluster["name"]), ("off", "gone"))
        ]
        content["current-context"] = "east"

    several = {"KUBECONFIG": config(edit)}
    asked = ("list", "--filter", f"environment={name}", "--columns", "environment,cluster", "--no-headers")
    both = plugin.run(*asked, "--context", "east", "--context", "west", **several)
    every = plugin.run(*asked, "--all-contexts", **several)

    assert ([[name, "east"], [name, "west"]], "") == ([line.split() for line in both.lines], both.err)
    assert (0, both.out) == (every.code, every.out)
    assert every.err.startswith('Warning: context "off" is left out: ')
    assert "cannot be reached" in plugin.fails(*asked, "--context", "off", code=5, **several)
    assert "exclude each other" in plugin.fails(*asked, "--context", "off", "--all-contexts", code=2, **several)


def test_watch(kube: Kube, plugin: Plugin, three: dict[str, str]) -> None:
    """``--watch`` prints what is there, and a new line below it when it changes."""
    command = [str(plugin.cluster.layout.kubectl), "environment", "list", "--watch"]
    chosen = ["--columns", "environment,description,image", "--filter", f"environment={three['here']}"]
    with subprocess.Popen(
        [*command, *chosen], stdout=subprocess.PIPE, text=True, env=plugin.variables(PYTHONUNBUFFERED="1")
    ) as watching:
        assert watching.stdout is not None
        header, first = watching.stdout.readline(), watching.stdout.readline()
        kube.apply(manifest(three["here"], image="registry.example/other/tool:2", overridable=["Image"]))
        changed = next(line for line in watching.stdout if "tool:2" in line)
        watching.terminate()

    assert {header.index("IMAGE")} == {line.index("registry") for line in (first, changed)}
    assert [three["here"], "registry.example/other/tool:1"] == first.split()
    assert [three["here"], "registry.example/other/tool:2"] == changed.split()


def test_rights_are_the_users_own(plugin: Plugin) -> None:
    """Who may not list Environments reads the API server's refusal, and the exit code is that of a refusal."""
    assert 'User "nobody" cannot list' in plugin.fails("list", "--as", "nobody", code=3)


def test_contexts(plugin: Plugin) -> None:
    """A context that the kubeconfig does not have, and an API server that does not answer, have their own exit code."""
    unreachable = yaml.safe_load(plugin.cluster.kubeconfig.read_text())
    unreachable["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    place = plugin.cluster.layout.root / "unreachable"
    place.write_text(yaml.safe_dump(unreachable))

    assert "nowhere" in plugin.fails("list", "--context", "nowhere", code=5)
    assert "cannot be reached" in plugin.fails("list", "--kubeconfig", str(place), "--request-timeout=5s", code=5)
