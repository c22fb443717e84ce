"""The examples in the help of each command of the plugin, each run as it stands there."""

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders import manifest, workload
from cluster import Cluster
from cluster.rest import Rest
from cluster.waiting import PATIENCE_SECONDS
from environment_operator.api import names
from environment_operator.cli.main import COMMANDS
from kube import ENVIRONMENTS, Kube, Operator
from plugin import Plugin, browser

REFERENCE = (Path(__file__).parents[3] / "operator/cli.md").read_text(encoding="utf-8")
PROJECT = "vision"
TOOLS = [{"name": "lab", "type": "JupyterNotebook"}]
SCOPE = {"projects": [PROJECT, "default"]}
JUPYTER = manifest("jupyter", workloadTypes=["Workspace", "Training"], tools=TOOLS, scope=SCOPE)
TRAINER = manifest("trainer", workloadTypes=["Training"])
MADE = ("jupyter", "trainer", "jupyter-gpu", "jupyter-4", "lab")
ASSET = {"meta": {"name": "lab", "scope": "project", "projectId": 4501}, "spec": {"image": "registry.example/lab:1"}}
READY = '{"status": {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}}'
# What would release every Environment of the cluster has a cluster of its own.
ALONE = "uninstall-prepare"
# Create what others of their examples create, or take it away.
FRESH = {"create", "copy", "delete", "rename", "import"}
UNUSED = {*FRESH, "edit"}
CHANGING = (*sorted(UNUSED), "run")
READING = tuple(name for name in COMMANDS if name not in (*CHANGING, ALONE))

Start = Callable[[str], "subprocess.Popen[str]"]


def examples(name: str) -> list[str]:
    """Return the examples of a command, as its section of the reference shows them."""
    section = REFERENCE.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    return "".join(re.findall(r"```console\n(.*?)```", section, re.DOTALL)).replace("\\\n", "").splitlines()


class Stage:
    """What the examples speak of: a project, Environments, and workloads in it."""

    def __init__(self, kube: Kube, command: str) -> None:
        self._kube = kube
        self._command = command

    def set_up(self) -> None:
        """Have what the examples of the command need, and nothing that they make."""
        self._kube.until_project(PROJECT)
        if self._command not in ("create", "import"):
            self._kube.apply(JUPYTER, TRAINER)
            for name in ("jupyter", "trainer"):
                self._kube.until_ready(name)
        if self._command not in UNUSED:
            self._kube.apply(*(workload("Deployment", name, PROJECT, "jupyter") for name in ("notebook", "viewer")))
            self._kube.until_used("jupyter", 2)
            self._kube.until("the routes", lambda: 2 == len(self._routes()))

    def _routes(self) -> list[Any]:
        """Return the HTTPRoutes of the workloads."""
        return self._kube.objects("httproute", PROJECT, labels=names.TOKEN)

    def clear(self) -> None:
        """Take away the workloads, then the Environments."""
        for place in (PROJECT, "default"):
            kinds = "deployments,statefulsets,jobs"
            self._kube.kubectl("delete", kinds, "-n", place, "--all", "--cascade=foreground", "--wait=true")
        for name in MADE:
            if self._kube.find(name):
                self._kube.until_used(name, 0)
                self._kube.rest.delete(f"{ENVIRONMENTS}/{name}")
        for name in MADE:
            self._kube.until_gone("env", name)


@pytest.fixture
def stage(kube: Kube, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Return the stage for the examples of a command that changes it; it goes with the test."""
    with standing(kube, request.getfixturevalue("command")) as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def place(rest: Rest, routes: None) -> Iterator[None]:  # noqa: ARG001 - they are served
    """Take away the project of the examples in the end; until then each stage leaves it empty."""
    yield
    rest.delete(f"/api/v1/namespaces/{PROJECT}")


@pytest.fixture(scope="module")
def shared_stage(cluster: Cluster, rest: Rest, operator: Operator) -> Iterator[None]:  # noqa: ARG001 - it runs
    """Have one stage for all commands that only read."""
    with standing(Kube(cluster, rest), "list"):
        yield


@contextmanager
def standing(kube: Kube, command: str) -> Iterator[Stage]:
    """Have what the examples of a command need."""
    made = Stage(kube, command)
    made.set_up()
    yield made
    made.clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files that the examples read."""
    job = workload("Job", "lifted", PROJECT)
    files: dict[str, Any] = {
        "environment.yaml": [JUPYTER],
        "workload.yaml": [job],
        "both.yaml": [JUPYTER, workload("Job", "both", PROJECT, "jupyter")],
    }
    for name, documents in files.items():
        (tmp_path / name).write_text(yaml.safe_dump_all(documents))
    (tmp_path / "assets.json").write_text(json.dumps(ASSET))
    (tmp_path / ".config/fish/completions").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def run(plugin: Plugin, folder: Path, config: Callable[..., str]) -> Iterator[Start]:
    """Return what starts a line in a shell, with a home, an editor, a browser and a kubeconfig of two clusters."""

    def two(content: dict[str, Any]) -> None:
        (only,) = content["contexts"]
        content["contexts"] = [only, *({**only, "name": name} for name in ("east", "west"))]

    with browser() as (opens, _):
        own = {"HOME": str(folder), "KUBE_EDITOR": "sed -i s/4.2/4.3/", "BROWSER": opens, "KUBECONFIG": config(two)}

        def start(line: str) -> "subprocess.Popen[str]":
            shell = ["bash", "-o", "pipefail", "-c", line]
            return subprocess.Popen(
                shell,
                cwd=folder,
                env=plugin.variables(**own),
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )

        yield start


@pytest.mark.parametrize("command", CHANGING)
def test_every_example_that_writes(kube: Kube, run: Start, stage: Stage, command: str) -> None:
    """Each example in the help of a command works as it stands there, with what it speaks of."""
    for number, line in enumerate(examples(command)):
        if number and command in FRESH:
            stage.clear()
            stage.set_up()
        with run(line) as running:
            if "--wait" in line and command == "run":
                becomes_ready(kube)
            out, err = ended(running)
        assert 0 == running.returncode, f"{line}: {out}{err}"


@pytest.mark.parametrize("command", READING)
@pytest.mark.usefixtures("shared_stage")
def test_every_example_that_reads(run: Start, command: str) -> None:
    """Each example in the help of a command works as it stands there, with what it speaks of."""
    for line in examples(command):
        with run(line) as running:
            if command == "ui":
                stop_when_listening(running)
            out, err = ended(running)
        # No Pod runs behind the Service: a forward begins, and ends at once.
        ends = (1, True) if "--forward" in line else (0, False)
        assert ends == (running.returncode, "port-forward has ended" in err), f"{line}: {out}{err}"


def test_every_command_has_examples() -> None:
    """The help of each command shows how it is used."""
    assert all(map(examples, COMMANDS))


def stop_when_listening(page: "subprocess.Popen[str]") -> None:
    """Press Ctrl-C once the page has printed its address."""
    assert page.stdout
    assert "The page is at http://127.0.0.1:" in page.stdout.readline()
    page.send_signal(signal.SIGINT)


def ended(running: "subprocess.Popen[str]") -> tuple[str, str]:
    """Return what a process prints until it ends; one that does not end in time is killed."""
    try:
        return running.communicate(timeout=PATIENCE_SECONDS)
    finally:
        running.kill()


def becomes_ready(kube: Kube) -> None:
    """Have the StatefulSet of an example run, where no node is."""
    kube.until("the StatefulSet", lambda: kube.get("statefulset", "notebook", PROJECT) is not None)
    patch = ("--subresource=status", "--type=merge", "-p", READY)
    kube.kubectl("patch", "statefulset", "notebook", "-n", PROJECT, *patch)


def test_examples_that_have_a_cluster_of_their_own() -> None:
    """``alone/test_cli_uninstall.py`` runs these two as they stand there."""
    assert [f"kubectl environment {ALONE}", f"kubectl environment {ALONE} --yes"] == examples(ALONE)
