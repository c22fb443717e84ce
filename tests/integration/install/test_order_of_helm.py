"""The order in which Helm sends an Environment and its users: each way of the document for GitOps, by Helm itself."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders import manifest, workload
from cluster.helm import helm
from kube import Kube

Object = dict[str, Any]
Install = Callable[..., str]
HOOK = {"helm.sh/hook": "pre-install"}


@pytest.fixture
def install(kube: Kube, project: str, tmp_path: Path) -> Iterator[Install]:
    """Return what installs, or upgrades, a release of some objects, and says why it could not."""
    where = (f"--namespace={project}", f"--kubeconfig={kube.cluster.kubeconfig}")
    names = set[str]()

    def run(name: str, *objects: Object) -> str:
        chart = tmp_path / name
        (chart / "templates").mkdir(parents=True, exist_ok=True)
        (chart / "Chart.yaml").write_text(f"{{apiVersion: v2, name: {name}, version: 1.0.0}}\n")
        (chart / "templates/all.yaml").write_text(yaml.safe_dump_all(objects))
        names.add(name)
        done = helm("upgrade", "--install", name, str(chart), *where, check=False)
        return done.stderr if done.returncode else ""

    yield run
    for name in names:
        helm("uninstall", name, *where, check=False)


def both(kube: Kube, project: str, **annotations: str) -> tuple[Object, Object]:
    """Return an Environment that is not there yet, and a Deployment that takes its image from it."""
    environment = manifest(kube.unique("env"), scope={"projects": [project]})
    environment["metadata"]["annotations"] = annotations
    lab = workload("Deployment", "lab", project, environment["metadata"]["name"])
    lab["spec"] |= {"replicas": 0}
    lab["spec"]["template"]["spec"]["containers"] = [{"name": "main"}]
    return environment, lab


def test_one_release(kube: Kube, project: str, install: Install) -> None:
    """Helm sends kinds that it does not know last, so one release of both is refused."""
    environment, lab = both(kube, project)

    assert f'Environment "{environment["metadata"]["name"]}" does not exist' in install("both", environment, lab)


def test_a_release_of_its_own(kube: Kube, project: str, install: Install) -> None:
    """With the Environment in a release that is installed first, both are installed, and edits reach it."""
    environment, lab = both(kube, project)
    name = environment["metadata"]["name"]
    assert install("first", environment) == install("second", lab) == ""
    environment["spec"]["image"] = "registry.example/team/jupyter:5"

    assert install("first", environment) == ""
    assert "registry.example/team/jupyter:5" == kube.environment(name)["spec"]["image"]
    assert kube.get("deployment", "lab", project)


def test_hook(kube: Kube, project: str, install: Install) -> None:
    """As a hook before the installation the Environment comes first; a later edit does not reach it."""
    environment, lab = both(kube, project, **HOOK)
    name, image = environment["metadata"]["name"], environment["spec"]["image"]
    assert install("both", environment, lab) == ""
    environment["spec"]["image"] = "registry.example/team/jupyter:5"

    assert install("both", environment, lab) == ""
    assert image == kube.environment(name)["spec"]["image"]


def test_hook_at_upgrades(kube: Kube, project: str, install: Install) -> None:
    """As a hook before upgrades, too, Helm would delete the Environment first, which is refused while it is used."""
    environment, lab = both(kube, project, **{"helm.sh/hook": "pre-install,pre-upgrade"})
    name = environment["metadata"]["name"]
    assert install("both", environment, lab) == ""
    kube.until_used(name, 1)

    assert f'Environment "{name}" is used by 1 workload' in install("both", environment, lab)
