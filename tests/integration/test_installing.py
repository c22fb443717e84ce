"""What deploy/README.md has an administrator apply: accepted again after Kubernetes and the operator worked on it."""

import pytest
import yaml

from cluster.layout import REPO_ROOT
from cluster.manifests import FIELD_MANAGER
from environment_operator import names
from kube import Kube

DRY = ("apply", "--server-side", "--dry-run=server", "-f")


@pytest.mark.parametrize("file", ["rbac.yaml", "kinds.yaml", "policies.yaml"])
def test_applied_again(kube: Kube, file: str) -> None:
    """Whoever applied the files applies them once more to upgrade: nobody else has taken over what they set."""
    kube.kubectl(*DRY, str(REPO_ROOT / "deploy" / file), f"--field-manager={FIELD_MANAGER}")


def test_programs(kube: Kube) -> None:
    """The Pods of the two programs are allowed in their namespace, and run under the account that has the rights."""
    found = list(yaml.safe_load_all((REPO_ROOT / "deploy/operator.yaml").read_text(encoding="utf-8")))
    pods = [each["spec"]["template"] for each in found if each["kind"] == "Deployment"]
    for number, pod in enumerate(pods):
        metadata = {"name": f"program-{number}", "namespace": names.SYSTEM_NAMESPACE, **pod["metadata"]}
        item = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}
        kube.kubectl(*DRY, "-", stdin=yaml.safe_dump(item))
    kube.kubectl(*DRY, str(REPO_ROOT / "deploy/operator.yaml"))

    assert [["controller"], ["webhook"]] == [pod["spec"]["containers"][0]["args"] for pod in pods]
    assert {names.SERVICE_ACCOUNT} == {pod["spec"]["serviceAccountName"] for pod in pods}
    assert (names.SERVICE_ACCOUNT, "https") == (
        found[0]["metadata"]["name"],
        found[0]["spec"]["ports"][0]["targetPort"],
    )
