"""What GitOps tools make of Environments and of what uses them, by the requests that they send."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from builders import manifest, unset_deployment, workload
from cluster.layout import REPO_ROOT
from kube import Kube
from third_party import environment, install, uninstall, user

Object = dict[str, Any]
# https://argo-cd.readthedocs.io/en/stable/user-guide/diff-strategies/#server-side-diff
ARGO = "argocd-controller"
DOCUMENT = (REPO_ROOT / "deploy/gitops.md").read_text(encoding="utf-8")
# What a backup leaves out of an object: https://velero.io/docs/main/restore-reference/
OF_THE_CLUSTER = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")


@pytest.fixture
def both(kube: Kube, project: str) -> list[Object]:
    """Return an Environment that is not there yet, and a Deployment that takes its image from it."""
    name = kube.unique("env")
    return [
        manifest(name, env=[{"name": "A", "value": "b"}], user={"source": "Custom", "uid": 1000}),
        unset_deployment("lab", project, name),
    ]


@pytest.fixture
def job(kube: Kube, project: str) -> Iterator[list[Object]]:
    """Return an Environment that is not there yet, and a workload of a custom kind that uses it."""
    installed = install(kube.rest, "pytorchjob")
    name = kube.unique("env")
    yield [environment(name, "pytorchjob"), user("pytorchjob", "train", project, name)]
    uninstall(kube.rest, installed)


@pytest.mark.parametrize("way", [(), ("--server-side", f"--field-manager={ARGO}")], ids=["client", "server"])
@pytest.mark.parametrize("objects", ["both", "job"])
def test_server_side_diff(kube: Kube, request: pytest.FixtureRequest, objects: str, way: tuple[str, ...]) -> None:
    """Argo CD's diff by a dry run on the API server is empty, of custom kinds too, in either way of applying."""
    found: list[Object] = request.getfixturevalue(objects)
    text = yaml.safe_dump_all(found)
    kube.kubectl("apply", *way, "-f", "-", stdin=text)
    kube.until_used(found[0]["metadata"]["name"], 1)

    kube.kubectl("diff", "--server-side", "--force-conflicts", f"--field-manager={ARGO}", "-f", "-", stdin=text)


def saved(kube: Kube, kind: str, name: str, namespace: str = "") -> Object:
    """Return an object as a backup has it: with its status, and without what the cluster gave it."""
    found = kube.get(kind, name, namespace)
    assert found
    return {**found, "metadata": {k: v for k, v in found["metadata"].items() if k not in OF_THE_CLUSTER}}


def test_restored_in_alphabetical_order(kube: Kube, both: list[Object], project: str) -> None:
    """Deployments come before Environments: they are refused with what to do, and are there after the second try."""
    name = both[0]["metadata"]["name"]
    kube.apply(*both)
    kube.until_used(name, 1)
    backup = [saved(kube, "deployment", "lab", project), saved(kube, "environment", name)]
    kube.kubectl("delete", "deployment", "lab", "-n", project)
    kube.until_used(name, 0)
    kube.kubectl("delete", "environment", name)

    text = yaml.safe_dump_all(backup)
    refusal = kube.refused("create", "-f", "-", stdin=text)
    kube.cluster.kubectl("create", "-f", "-", input=text, check=False)

    assert f'Environment "{name}" does not exist' in refusal
    assert "apply the set again" in refusal
    kube.until_used(name, 1)
    restored = kube.environment(name)
    assert backup[1]["spec"] == restored["spec"]
    assert backup[1]["status"]["fragmentHash"] == restored["status"]["fragmentHash"]
    assert (
        backup[0]["spec"]["template"]["spec"] == saved(kube, "deployment", "lab", project)["spec"]["template"]["spec"]
    )


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Job", "CronJob"])
def test_finding_what_was_stored_without_admission(kube: Kube, project: str, kind: str) -> None:
    """The command of the document finds what has the label and no record, and nothing that was injected."""
    name, word = kube.unique("env"), kube.unique("w")
    kube.apply(manifest(name))
    # In this namespace no webhook is called, as nowhere before they are installed.
    kube.apply(workload(kind, word, "kube-system", name), workload(kind, word, project, name))
    (command,) = re.findall(r"```console\n(kubectl get .* -o go-template=.*)\n```", DOCUMENT)
    found = kube.kubectl(*shlex.split(command)[1:]).splitlines()
    kube.kubectl("delete", kind, word, "-n", "kube-system")

    assert [f"{kind} kube-system/{word}"] == [line for line in found if word in line]
