"""``uninstall-prepare`` through the real kubectl, with the operator up and down, and the whole of uninstalling.

A cluster of its own, since all Environments are let go.
"""

import re
import subprocess
from collections.abc import Iterator

import pytest

from builders import manifest, workload
from cluster.faults import Hold, Match, Rule
from cluster.layout import REPO_ROOT
from cluster.manifests import await_admission
from cluster.proxy import FaultProxy
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Operator
from plugin import Plugin

UNINSTALLING = (REPO_ROOT / "deploy/README.md").read_text().split("## Uninstalling")[1].split("\n## ")[0]
UNINSTALL, KEEP = (block.splitlines() for block in re.findall(r"```console\n(.*?)```", UNINSTALLING, re.DOTALL))
DEFINITION = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{names.CRD_NAME}"


@pytest.fixture
def used(kube: Kube, project: str) -> Iterator[str]:
    """Return the name of an Environment that a Deployment and a PodTemplate use; all are guarded again afterwards."""
    name = kube.unique("env")
    kube.apply(manifest(name), *(workload(kind, "lab", project, name) for kind in ("Deployment", "PodTemplate")))
    kube.until_used(name, 2)
    yield name
    if kube.rest.get(ENVIRONMENTS).ok:
        run(kube, KEEP[0])


@pytest.fixture
def down(kube: Kube, operator: Operator, used: str) -> Iterator[str]:
    """Stop both roles for a test, once there is an Environment in use; return its name."""
    kube.cluster.stop_operator()
    yield used
    operator.start()
    await_admission(kube.cluster.layout)


def run(kube: Kube, line: str) -> None:
    """Run a line of the documentation."""
    done = subprocess.run(
        line, shell=True, cwd=REPO_ROOT, env=Plugin(kube.cluster).variables(), capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert 0 == done.returncode, f"{line}: {done.stdout}{done.stderr}"


def protected(kube: Kube) -> set[str]:
    """Return the Environments that have our finalizer."""
    items = kube.rest.get(ENVIRONMENTS).body["items"]
    return {each["metadata"]["name"] for each in items if names.FINALIZER in each["metadata"].get("finalizers", ())}


def test_asks_first(kube: Kube, plugin: Plugin, used: str) -> None:
    """It says how many Environments are in use and by how many; without a yes nothing changes."""
    off = plugin.run("uninstall-prepare")
    no = plugin.at_terminal("uninstall-prepare", typed="n\n")

    assert (2, True) == (off.code, "Give --yes" in off.err)
    assert 1 == no.code
    assert "1 of them are in use, by 1 workload and 1 template, which keep running" in no.out
    assert f"{used}: 1 workload and 1 template" in no.out
    assert used in protected(kube)
    assert names.ALLOW_DELETE_IN_USE not in kube.environment(used)["metadata"]["annotations"]


def test_with_the_operator_up(kube: Kube, plugin: Plugin, project: str, used: str) -> None:
    """The operator does not put the finalizers back and says so; nothing new may use what is not guarded, until
    the annotation is taken away.
    """
    out = plugin("uninstall-prepare", "--yes")
    kube.until_condition(used, "Ready", "False", "Released")
    kube.apply(manifest(used, description="edited"))
    kube.until("the edit to be seen", lambda: kube.status(used)["observedGeneration"] == 2)
    new = kube.refused("apply", "-f", "-", stdin=str(workload("Job", "late", project, used)))
    again = plugin.run("uninstall-prepare", "--yes")

    assert f"environment.environments.dev/{used} released\n" in out
    assert set() == protected(kube)
    assert f"Remove its annotation {names.ALLOW_DELETE_IN_USE}" in new
    assert (0, "nothing to do: no Environment has our finalizer\n") == (again.code, again.err)
    run(kube, KEEP[0])
    kube.until_ready(used)
    assert used in protected(kube)


def test_interrupted_with_the_operator_down(
    kube: Kube, plugin: Plugin, down: str, faults: FaultProxy, through: str
) -> None:
    """After an interruption it goes on; one that waits to be deleted goes, and one in use is let go by two requests."""
    going = kube.unique("env")
    many = [kube.unique("many") for _ in range(5)]
    held = [manifest(name) for name in (*many, going)]
    for each in held:
        each["metadata"]["finalizers"] = [names.FINALIZER]
    kube.apply(*held)
    kube.kubectl("delete", "env", going, "--wait=false")
    before = protected(kube)
    third = faults.add(Rule(Match(methods=frozenset({"PATCH"}), path=ENVIRONMENTS), Hold(), skip=2))
    stopped = plugin.interrupted(third, "uninstall-prepare", "--yes", KUBECONFIG=through)
    half = protected(kube)
    rest = plugin("uninstall-prepare", "--yes")

    assert 130 == stopped.code
    assert set() < half < before
    assert {f"environment.{names.GROUP}/{name} released" for name in half} == set(rest.splitlines())
    assert set() == protected(kube)
    assert kube.find(going) is None
    assert [None] == [kube.environment(down)["metadata"].get("finalizers")]
    kube.kubectl("delete", "env", *many)


def test_who_may_not_publish(kube: Kube, plugin: Plugin, used: str) -> None:
    """Who may change Environments but not publish is refused, with the Environments' names; who may not, at once."""
    author = kube.unique("author")
    role = ("--clusterrole=environment-author", f"--user={author}")
    kube.kubectl("create", "clusterrolebinding", author, *role)
    kube.until("the right", lambda: plugin.run("list", "--as", author).code == 0)
    said = plugin.fails("uninstall-prepare", "--yes", "--as", author, code=3)

    assert "error: " in said
    assert used in said
    assert "publish" in said
    assert used in protected(kube)
    viewer = kube.unique("viewer")
    kube.kubectl("create", "clusterrolebinding", viewer, "--clusterrole=environment-viewer", f"--user={viewer}")
    kube.until("the right", lambda: plugin.run("list", "--as", viewer).code == 0)
    (line,) = plugin.fails("uninstall-prepare", "--yes", "--as", viewer, code=3).splitlines()
    assert f"needs the verb patch on {names.CRD_NAME}, which you lack. Ask an administrator" in line


def test_uninstalling(kube: Kube, plugin: Plugin, project: str, used: str) -> None:
    """The documented commands, in their order, with the operator up: nothing is stuck, and the workloads are there."""
    late = kube.unique("env")
    prepare, *others = UNINSTALL
    run(kube, prepare)
    kube.apply(manifest(late))
    refused = plugin.run("describe", late)
    for line in others[:1]:
        run(kube, line)
    kube.kubectl("delete", "crd", names.CRD_NAME, "--wait=false")
    kube.until("the definition to wait", lambda: kube.find(used) is None)
    kube.cluster.stop_operator()
    run(kube, prepare)
    kube.until("the definition to be gone", lambda: kube.rest.get(DEFINITION).status == 404)

    assert "nothing to do" in plugin.run("uninstall-prepare", "--yes").err
    assert "this cluster has no Environments. Install the operator" in plugin.fails("list", code=4)
    assert 0 == refused.code
    assert [] == [kind for kind in ("deployment", "podtemplate") if kube.get(kind, "lab", project) is None]
    run(kube, others[2])
    kube.kubectl("scale", "deployment/lab", "--replicas=2", "-n", project)
