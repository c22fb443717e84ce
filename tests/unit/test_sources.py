"""Which Kubernetes the tests take, and how long it takes to build."""

from pathlib import Path

import pytest

from cluster import binaries, matrix, modules
from cluster.binaries import left
from cluster.borrowed import Kind, docker_answers
from cluster.source import choose

CASES = [
    ({}, False, False, "local", "it is built"),
    ({}, False, True, "kind", "a Docker engine answers"),
    ({}, True, True, "local", "built before"),
    ({"KUBEBUILDER_ASSETS": "/assets"}, False, True, "local", "KUBEBUILDER_ASSETS=/assets"),
    ({"KUBEBUILDER_ASSETS": "/assets", "NODE": "1"}, False, True, "node", "NODE=1"),
    ({"KUBEBUILDER_ASSETS": "/assets", "CLUSTER": "kind"}, True, False, "kind", "CLUSTER=kind"),
]


@pytest.mark.parametrize(("environ", "built", "docker", "flavor", "why"), CASES)
def test_what_is_there_comes_first(environ: dict[str, str], built: bool, docker: bool, flavor: str, why: str) -> None:
    """What was asked for, given programs, those built before, Docker, and only then a build; with the reason."""
    choice = choose(environ, built=built, docker=lambda: docker)

    assert flavor == choice.flavor
    assert why in choice.why


def engine(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program called docker into PATH."""
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_an_engine_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A docker command alone is no engine."""
    engine(tmp_path, monkeypatch, "exit 1")
    without = docker_answers()
    engine(tmp_path, monkeypatch, "exit 0")

    assert (False, True) == (without, docker_answers())


def test_where_kind_reaches_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API server in Docker reaches this machine at the gateway of its network, by the old protocol."""
    engine(tmp_path, monkeypatch, "echo fc00:f853:ccd:e793::1 172.18.0.1")

    assert "172.18.0.1" == Kind().host()


@pytest.mark.parametrize(
    ("done", "of", "seconds", "words"),
    [
        (0, 900, 5, "the time left is not known yet"),
        (300, 900, 200, "about 7 min left"),
        (899, 900, 600, "about 1 min left"),
        (950, 900, 600, "about 1 min left"),
    ],
)
def test_time_left(done: int, of: int, seconds: float, words: str) -> None:
    """While something is built, the rest is taken to go on as it went."""
    assert words == left(done, of, seconds)


def test_a_module_for_every_program() -> None:
    """Each program has one module, each module its own directory of the cache, under the version of its go.mod."""
    programs = (*binaries.API, binaries.CONTROLLERS, *binaries.NODE)
    homes = {program: modules.of(program).home.name for program in programs}

    assert {"kubernetes", "containerd"} == {home.partition("-")[0] for home in homes.values()}
    assert homes["kubelet"] == homes["etcd"]
    assert homes["containerd"].startswith(f"containerd-{modules.CONTAINERD.version}-")


def test_a_runtime_with_strict_groups() -> None:
    """The runtime of a node is one that knows supplementalGroupsPolicy."""
    major, *_ = modules.CONTAINERD.version.removeprefix("v").split(".")

    assert int(major) >= 2


def test_another_version() -> None:
    """The module of another version takes that version of everything that Kubernetes is published in."""
    found = matrix.module("v1.34.4").splitlines()
    replaced = [line.split() for line in found if "=>" in line]

    assert "require k8s.io/kubernetes v1.34.4" in found
    assert ["k8s.io/apiserver", "=>", "k8s.io/apiserver", "v0.34.4"] in replaced
    assert {"v0.34.4"} == {version for *_, version in replaced}
    assert (modules.HERE / "go.mod").read_text("utf-8").count(" => ") == len(replaced)
