"""Completion through the real kubectl, and by the scripts for shells."""

import shutil
import subprocess
from pathlib import Path

import pytest

from builders import manifest, workload
from cluster.waiting import PATIENCE_SECONDS
from environment_operator.api import names
from environment_operator.cli.main import COMMANDS
from kube import Kube
from plugin import Plugin


def completed(plugin: Plugin, *words: str) -> tuple[dict[str, str], str]:
    """Return what kubectl's own completion offers after ``kubectl environment``, with its help, and its directive."""
    command = [str(plugin.cluster.layout.kubectl), "__complete", "environment", *words]
    out = subprocess.run(command, env=plugin.variables(), capture_output=True, text=True, check=True).stdout
    *lines, directive = out.splitlines()
    return {value: text for value, _, text in (line.partition("\t") for line in lines)}, directive


def test_commands(plugin: Plugin) -> None:
    """All commands are offered with what they do."""
    offered, directive = completed(plugin, "")

    assert COMMANDS.keys() == offered.keys()
    assert all(offered.values())
    assert ":4" == directive


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("list", "--col"), "--columns"),
        (("list", "--columns", "environment,im"), "environment,image"),
        (("list", "-o", ""), "csv"),
        (("create", "x", "--type", "work"), "workspace"),
        (("completion", ""), "fish"),
        (("list", "--filter", "im"), "image="),
        (("check", "x", "--kind", "depl"), "deployment"),
        (("refresh", "depl"), "deployment/"),
        (("list", "--sort", "workloads:"), "workloads:desc"),
        (("create", "x", "--tool", "lab=ju"), "lab=JupyterNotebook"),
        (("list", "--context", "te"), "test-cluster"),
    ],
)
def test_options_and_values(plugin: Plugin, words: tuple[str, ...], value: str) -> None:
    """Options, their values, and columns are offered."""
    assert value in completed(plugin, *words)[0]


def test_names_in_the_cluster(kube: Kube, plugin: Plugin, project: str) -> None:
    """Environments and projects of the cluster are offered."""
    name = kube.unique("env")
    kube.apply(manifest(name))

    assert [name] == list(completed(plugin, "describe", name[:-2])[0])
    assert [project] == list(completed(plugin, "list", "-n", project[:-2])[0])
    kube.kubectl("label", "namespace", project, f"{names.DEPARTMENT}={name}")
    assert [name] == list(completed(plugin, "create", "x", "--department", name[:-2])[0])


def test_tools_of_a_workload(kube: Kube, plugin: Plugin, project: str) -> None:
    """The tools of a workload are offered."""
    name = kube.unique("env")
    tools = [{"name": "lab", "type": "JupyterNotebook"}, {"name": "board", "type": "TensorBoard"}]
    kube.apply(manifest(name, tools=tools), workload("Deployment", "w", project, name))

    assert ["lab"] == list(completed(plugin, "connect", "deployment/w", "-n", project, "l")[0])
    assert ["lab"] == list(completed(plugin, "connect", "deployment", "w", "-n", project, "l")[0])


def test_further_kinds(plugin: Plugin, tmp_path: Path) -> None:
    """Kinds that a file has further are offered, too."""
    file = tmp_path / "kinds.yaml"
    file.write_text("[{group: example.org, version: v1, kind: Widget, plural: widgets, types: [Training]}]")

    assert ["widget/"] == list(completed(plugin, "refresh", "--kinds-file", str(file), "wid")[0])


def test_workloads_in_a_project(kube: Kube, plugin: Plugin, project: str) -> None:
    """Workloads that have an Environment are offered with their kind, and a kind is to be gone on with."""
    name = kube.unique("env")
    kube.apply(manifest(name), workload("Deployment", "lab", project, name), workload("Deployment", "plain", project))

    assert ["deployment/lab"] == list(completed(plugin, "connect", "-n", project, "deployment/")[0])
    assert ["lab"] == list(completed(plugin, "connect", "-n", project, "deployment", "")[0])
    assert ["lab"] == list(completed(plugin, "refresh", "-n", project, "deployment", "l")[0])
    assert ({"deployment/"}, ":6") == (set((of := completed(plugin, "connect", "depl"))[0]), of[1])
    assert {} == completed(plugin, "connect", "-n", project, "secret/")[0]


def test_no_cluster_no_names(plugin: Plugin) -> None:
    """Without an API server nothing is offered, and nothing is said."""
    command = ["kubectl_complete-environment", "describe", ""]
    done = subprocess.run(command, env=plugin.variables(KUBECONFIG="/none"), capture_output=True, text=True, check=True)

    assert (":4\n", "") == (done.stdout, done.stderr)


def test_files(plugin: Plugin) -> None:
    """Where a file is wanted, the shell is asked to complete files."""
    assert ":0" == completed(plugin, "diff", "-f", "")[1]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(plugin: Plugin, shell: str) -> None:
    """The script of each shell completes the plugin."""
    script = plugin("completion", shell)

    assert "_KUBECTL_ENVIRONMENT_COMPLETE" in script
    assert "kubectl-environment" in script


def test_bash(plugin: Plugin) -> None:
    """Bash itself takes the script, and what it asks for is answered."""
    program = (
        "source <(kubectl environment completion bash) && COMP_WORDS=(kubectl-environment des) COMP_CWORD=1 && "
        '_kubectl_environment_completion kubectl-environment && echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", program], env=plugin.variables(), capture_output=True, text=True, check=False)

    assert "describe\n" == done.stdout, done.stderr


@pytest.mark.parametrize(
    ("line", "offered"),
    [("kubectl-environment des", "describe"), ("kubectl-environment list --columns env", "environment")],
)
@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
def test_fish(plugin: Plugin, line: str, offered: str) -> None:
    """Fish itself takes the script, and what it asks for is answered."""
    program = f"kubectl environment completion fish | source; complete -C '{line}'"
    done = subprocess.run(
        [str(shutil.which("fish")), "-c", program], env=plugin.variables(), capture_output=True, text=True, check=False
    )

    assert offered == done.stdout.split("\t")[0].strip(), done.stderr


ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1='> '; autoload -U compinit; compinit -u; source <(kubectl environment completion zsh); print rea''dy"
while zpty -r shell line; do [[ $line == *ready* ]] && break; done
zpty -w -n shell $'kubectl-environment des\\t'
zpty -r shell seen '*describe*' && print -r -- $seen
"""


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh(plugin: Plugin) -> None:
    """Zsh itself, at a terminal, takes the script and completes a word."""
    command = [str(shutil.which("zsh")), "-f", "-c", ZSH]
    done = subprocess.run(
        command,
        env=plugin.variables(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
        stdin=subprocess.DEVNULL,
    )

    assert "kubectl-environment describe" in done.stdout, done.stderr
