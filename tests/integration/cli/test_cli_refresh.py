"""``refresh`` through the real kubectl."""

from builders import manifest, workload
from kube import Kube
from plugin import Plugin


def test_refresh(kube: Kube, plugin: Plugin, project: str) -> None:
    """A workload with an earlier Environment gets today's; the listing says so, and it can be fed back; others that
    fail do not keep it from that.
    """
    name = kube.unique("env")
    kube.apply(manifest(name), workload("Deployment", "lab", project, name))
    kube.until_ready(name)
    kube.apply(manifest(name, env=[{"name": "NEW", "value": "1"}]))
    kube.until_ready(name)
    before = plugin("workloads", name, "-n", project, "-o", "csv")
    listed = plugin("workloads", name, "-n", project, "-o", "name").strip()
    rehearsed = plugin("refresh", listed, "-n", project, "--dry-run=server")
    unchanged = plugin("workloads", name, "-n", project, "-o", "csv")
    ran = plugin.run("refresh", "deploy/none", "train", "deploy/lab", "-n", project)
    deployment = kube.get("deployment", "lab", project)

    assert ("outdated" in before, "outdated" in unchanged) == (True, True)
    assert "deployments.apps/lab refreshed (server dry run)\n" == rehearsed
    assert (3, "deployments.apps/lab refreshed\n") == (ran.code, ran.out)
    assert ["error: deploy/none: there is", 'error: train: workload "train"'] == [
        " ".join(line.split()[:4]) for line in ran.err.splitlines() if line.startswith("error")
    ]
    assert deployment is not None
    assert [{"name": "NEW", "value": "1"}] == deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    assert "up to date" in plugin("workloads", name, "-n", project, "-o", "csv")


def test_refresh_refused(kube: Kube, plugin: Plugin, project: str) -> None:
    """What cannot change, has no Environment, does not exist or is written otherwise is refused with what to do."""
    name = kube.unique("env")
    kube.apply(manifest(name), workload("Job", "train", project, name), workload("Deployment", "plain", project))

    assert "Delete job/train and create it again." in plugin.fails("refresh", "job/train", "-n", project, code=3)
    assert "uses no Environment" in plugin.fails("refresh", "deployment/plain", "-n", project, code=3)
    assert 'there is no Deployment "none" in project' in plugin.fails(
        "refresh", "deployment/none", "-n", project, code=4
    )
    assert "Write KIND/NAME" in plugin.fails("refresh", "train", "-n", project, code=2)


def test_take(kube: Kube, plugin: Plugin, project: str) -> None:
    """A workload that repeats the image is refused after the next edit, and refreshed where that is removed."""
    name = kube.unique("env")
    kube.apply(manifest(name), workload("Deployment", "lab", project, name))
    kube.apply(manifest(name, image="registry.example/team/jupyter:5"))
    kube.until_ready(name)
    refused = plugin.fails("refresh", "deploy/lab", "-n", project, code=3)
    taken = plugin("refresh", "deploy/lab", "-n", project, "--take", "image")
    deployment = kube.get("deployment", "lab", project)

    assert f"kubectl environment refresh Deployment/lab -n {project} --take Image" in refused
    assert "deployments.apps/lab refreshed\n" == taken
    assert deployment is not None
    assert "registry.example/team/jupyter:5" == deployment["spec"]["template"]["spec"]["containers"][0]["image"]
