"""Where a cluster has its Kubernetes from, and one that stays up between runs."""

from pathlib import Path

import pytest

from builders import manifest
from cluster import Cluster, ClusterError, binaries
from cluster.rest import Rest
from cluster.source import ASSETS_VARIABLE
from kube import Kube, kept_cluster

NAMESPACE = "/api/v1/namespaces/kube-system"


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory with what tests of other controllers have, in KUBEBUILDER_ASSETS."""
    folder = tmp_path / "assets"
    folder.mkdir()
    for name in binaries.API:
        (folder / name).symlink_to(binaries.path(name))
    monkeypatch.setenv(ASSETS_VARIABLE, str(folder))
    return folder


def test_programs_that_are_given(assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the programs in KUBEBUILDER_ASSETS alone nothing is built, and Environments and their users work."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    reported: list[str] = []
    with Cluster(directory=tmp_path / "c", flavor="local", report=reported.append) as made:
        rest = Rest(made.kubeconfig)
        kube = Kube(made, rest)
        kube.apply(manifest("given"))
        kube.until_ready("given")
        rest.close()
        server = made.pid("kube-apiserver")

        assert made.pid(binaries.CONTROLLERS) is None
        assert str(assets) in Path(f"/proc/{server}/cmdline").read_text()
    assert [True] == [binaries.CONTROLLERS in line for line in reported if line.startswith("there is no")]


def test_programs_that_are_not_there(assets: Path, tmp_path: Path) -> None:
    """A directory without one of the programs is refused by its name, before anything starts."""
    (assets / "etcd").unlink()

    with pytest.raises(ClusterError, match=f"{assets} lacks etcd: add them, or unset it"):
        Cluster(directory=tmp_path / "c", flavor="local").up()


def test_a_cluster_that_stays(tmp_path: Path) -> None:
    """A second run finds the cluster of the first, with the operator running anew."""
    seen = []
    for _ in range(2):
        with kept_cluster(tmp_path / "c") as made:
            rest = Rest(made.kubeconfig)
            seen.append((rest.get(NAMESPACE).body["metadata"]["uid"], made.pid("kube-apiserver"), made.pid("operator")))
            rest.close()
    made.down()

    assert seen[0][:2] == seen[1][:2]
    assert None not in {seen[0][2], seen[1][2]}
    assert seen[0][2] != seen[1][2]
