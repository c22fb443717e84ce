"""What deploy/README.md has an administrator apply: accepted again after Kubernetes and the operator worked on it."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cluster import Cluster, roles
from cluster.layout import REPO_ROOT
from cluster.manifests import FIELD_MANAGER
from cluster.rest import Rest
from environment_operator.api import names
from kube import Kube

# Configuration of the API server and of Kustomize, which are no objects.
NO_OBJECTS = ("authentication.yaml", "kustomization.yaml")
# https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set
MOST_OF_AN_ANNOTATION = 262_144
DRY = ("apply", "--server-side", "--dry-run=server", "-f")


@pytest.mark.parametrize("file", ["rbac.yaml", "kinds.yaml", "policies.yaml"])
def test_applied_again(kube: Kube, file: str) -> None:
    """Whoever applied the files applies them once more to upgrade: nobody else has taken over what they set."""
    kube.kubectl(*DRY, str(REPO_ROOT / "deploy" / file), f"--field-manager={FIELD_MANAGER}")


MANIFESTS = sorted(
    path
    for pattern in ("crds/*.yaml", "deploy/*.yaml")
    for path in REPO_ROOT.glob(pattern)
    if path.name not in NO_OBJECTS
)
SIDES = {
    "a client's, as Argo CD's default sync": ("apply",),
    "the server's, by a third manager": ("apply", "--server-side", "--field-manager=third"),
    "the server's, by a fourth manager": ("apply", "--server-side", "--field-manager=fourth"),
}


@pytest.fixture(scope="module")
def programs(cluster: Cluster, rest: Rest) -> Iterator[None]:
    """Have applied what the cluster of the tests has in another way: the programs, which have no image here."""
    hands, files = Kube(cluster, rest), ("operator.yaml", "ingresses.yaml")
    chosen = [option for file in files for option in ("-f", str(REPO_ROOT / "deploy" / file))]
    hands.kubectl("apply", "--server-side", f"--field-manager={FIELD_MANAGER}", *chosen)
    yield
    hands.kubectl("delete", "--wait=false", *chosen)


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_every_way_of_applying(kube: Kube, path: Path, side: str) -> None:
    """Each manifest is accepted in every way of applying it, also by who did not apply it before."""
    objects = list(yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
    for entry in (entry for each in objects for entry in each.get("webhooks", ())):
        # As the cluster of the tests has it.
        where = entry["clientConfig"].pop("service")["path"]
        entry["clientConfig"]["url"] = f"{roles.admission_url(kube.cluster.layout)}{where}"
    kube.kubectl(*SIDES[side], "--dry-run=server", "-f", "-", stdin=yaml.safe_dump_all(objects))

    assert all(len(json.dumps(each)) < MOST_OF_AN_ANNOTATION for each in objects)


def test_programs(kube: Kube) -> None:
    """The Pods of the two programs are allowed in their namespace, and run under the account that has the rights."""
    found = list(yaml.load_all((REPO_ROOT / "deploy/operator.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader))
    pods = [each["spec"]["template"] for each in found if each["kind"] == "Deployment"]
    for number, pod in enumerate(pods):
        metadata = {"name": f"program-{number}", "namespace": names.SYSTEM_NAMESPACE, **pod["metadata"]}
        item = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}
        kube.kubectl(*DRY, "-", stdin=yaml.safe_dump(item))
    kube.kubectl(*DRY, str(REPO_ROOT / "deploy/operator.yaml"))

    assert [["controller"], ["webhook"]] == [pod["spec"]["containers"][0]["args"] for pod in pods]
    assert {names.SERVICE_ACCOUNT} == {pod["spec"]["serviceAccountName"] for pod in pods}
    (service,) = (each for each in found if each["kind"] == "Service")
    assert (names.SERVICE_ACCOUNT, "https") == (
        service["metadata"]["name"],
        service["spec"]["ports"][0]["targetPort"],
    )


def test_upgrading_from_one_object(kube: Kube) -> None:
    """The command of the document deletes the webhooks of the earlier name, and no others."""
    kinds = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
    text = (REPO_ROOT / "deploy/README.md").read_text("utf-8").split("## Upgrading")[1].split("\n## ")[0]
    ((command,),) = [block.splitlines() for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)]
    before = configurations(kube)
    for kind in kinds:
        metadata = {"name": names.SERVICE_ACCOUNT, "labels": names.WEBHOOK_LABELS}
        kube.apply({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": metadata})
    assert {f"{kind.lower()}.admissionregistration.k8s.io/{names.SERVICE_ACCOUNT}" for kind in kinds} == (
        configurations(kube) - before
    )

    kube.kubectl(*shlex.split(command)[1:])

    assert before == configurations(kube)


def configurations(kube: Kube) -> set[str]:
    """Return the names of our webhook configurations."""
    labels = ",".join(f"{key}={value}" for key, value in names.WEBHOOK_LABELS.items())
    kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
    return set(kube.kubectl("get", kinds, "-l", labels, "-o", "name").split())
