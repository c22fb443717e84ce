"""What kubectl shows: columns, short name, category, and waiting."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from builders import manifest, workload
from cluster.layout import REPO_ROOT
from cluster.waiting import TIMEOUT
from kube import Kube

WIDE = {
    "displayName": "Jupyter",
    "description": "Notebooks for everybody",
    "scope": {"departments": ["ml"], "projects": ["a", "b", "c"]},
    "architecture": "Distributed",
    "framework": "PyTorch",
    "workloadTypes": ["Workspace", "Training"],
    "tools": [{"name": "lab", "type": "JupyterNotebook"}, {"name": "board", "type": "TensorBoard"}],
}

DEPLOY = REPO_ROOT / "deploy"
WIDEST = 200


@pytest.fixture
def ordinary(kube: Kube) -> Iterator[list[str]]:
    """Return the names of ordinary Environments: the README's, the examples' and the catalogue, in one cluster."""
    made: dict[str, dict[str, Any]] = {}
    for given in documented():
        name = given["metadata"]["name"]
        given["metadata"]["name"] = f"{name}-2" if name in made else name
        made[given["metadata"]["name"]] = given
    kube.apply(*made.values())
    for name in made:
        kube.until_ready(name)
    yield list(made)
    kube.kubectl("delete", "environments", *made)


def documented() -> Iterator[dict[str, Any]]:
    """Yield every Environment that the documents and the manifests have."""
    text = (REPO_ROOT / "README.md").read_text(encoding="utf-8")
    texts = [path.read_text(encoding="utf-8") for path in sorted(DEPLOY.glob("*/*.yaml"))]
    for each in (*re.findall(r"```yaml\n(.*?)```", text, re.DOTALL), *texts):
        yield from (found for found in yaml.safe_load_all(each) if found and found.get("kind") == "Environment")


def row(kube: Kube, *arguments: str) -> dict[str, str]:
    """Return the one row of a table, by column."""
    head, line = kube.kubectl("get", *arguments).splitlines()
    starts = [i for i, c in enumerate(head) if c != " " and (i == 0 or head[i - 3 : i] == "   ")]
    cells = [(head[a:b].strip(), line[a:b].strip()) for a, b in zip(starts, [*starts[1:], None], strict=True)]
    return dict(cells)


def test_columns(kube: Kube, project: str) -> None:
    """``kubectl get`` shows who may use it, what it is, and how much it is used."""
    name = kube.unique("env")
    kube.apply(manifest(name), workload("Job", "j", project, name), workload("PodTemplate", "t", project, name))
    kube.until_used(name, 2)
    kube.kubectl("replace", "-f", "-", stdin=yaml.safe_dump(manifest(name, **WIDE)))
    kube.until("the status of the edit", lambda: kube.status(name)["observedGeneration"] == 2)
    shown = row(kube, "environments", name)

    assert shown.pop("AGE")
    assert {
        "NAME": name,
        "SCOPE": "department/ml,+3",
        "IMAGE": "registry.example/team/jupyter:4.2",
        "ARCHITECTURE": "Distributed",
        "TYPES": "Workspace,Training",
        "TOOLS": "lab,board",
        "WORKLOADS": "1",
        "TEMPLATES": "1",
        "READY": "True",
    } == shown


def test_wide_fits(kube: Kube, ordinary: list[str]) -> None:
    """For ordinary names ``-o wide`` takes at most 200 characters, all of them in one table."""
    lines = kube.kubectl("get", "environments", *ordinary, "-o", "wide").splitlines()

    assert len(ordinary) + 1 == len(lines)
    assert max(map(len, lines)) <= WIDEST


def test_short_name_and_category(kube: Kube) -> None:
    """``env`` is the short name, ``ml`` the category."""
    name = kube.unique("env")
    kube.apply(manifest(name))

    assert f"environment.environments.dev/{name}\n" == kube.kubectl("get", "env", name, "-o", "name")
    assert name in kube.kubectl("get", "ml")


def test_wait(kube: Kube) -> None:
    """``kubectl wait`` understands the condition and the deletion."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.kubectl("wait", "--for=condition=Ready", f"env/{name}", TIMEOUT)
    kube.kubectl("delete", "env", name, "--wait=false")

    kube.kubectl("wait", "--for=delete", f"env/{name}", TIMEOUT)
