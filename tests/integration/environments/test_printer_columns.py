"""What kubectl shows: columns, short name, category, and waiting."""

import yaml

from builders import manifest, workload
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
        "SCOPE": "department/ml,project/a,project/b,+1",
        "IMAGE": "registry.example/team/jupyter:4.2",
        "ARCHITECTURE": "Distributed",
        "TYPES": "Workspace,Training",
        "TOOLS": "lab,board",
        "WORKLOADS": "1",
        "TEMPLATES": "1",
        "READY": "True",
    } == shown


def test_wide(kube: Kube) -> None:
    """``-o wide`` adds description, author, pod security level and how many are outdated, in 200 characters."""
    name = kube.unique("env")
    kube.apply(manifest(name, **WIDE))
    kube.until_ready(name)
    shown = row(kube, "environments", name, "-o", "wide")

    assert "Notebooks for everybody" == shown["DESCRIPTION"]
    assert "restricted" == shown["POD SECURITY"]
    assert {"CREATED BY", "OUTDATED"} <= set(shown)


def test_wide_fits(kube: Kube) -> None:
    """For ordinary names ``-o wide`` takes at most 200 characters."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)

    assert 200 >= max(map(len, kube.kubectl("get", "environments", name, "-o", "wide").splitlines()))


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
