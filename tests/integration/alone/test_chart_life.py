"""The chart's life on a cluster of its own: installed under any name in any namespace, upgraded, uninstalled in use."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders import manifest, workload
from cluster import Cluster, kubeconfig, roles
from cluster.helm import CHART, helm
from cluster.manifests import await_admission, configurations
from cluster.rest import Rest
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, fresh_cluster

Object = dict[str, Any]
RELEASE, NAMESPACE = "envs", "platform"
HOOK = "environment-operator-uninstall"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster in which nothing of ours is."""
    with fresh_cluster(tmp_path_factory.mktemp("cluster") / "state", with_operator=False) as made:
        yield made


@pytest.fixture(scope="module")
def kube(cluster: Cluster, rest: Rest) -> Kube:
    """Return the administrator's hands, once the chart is installed and the operator runs in its namespace."""
    run(cluster, "install", "--create-namespace")
    cluster.start_operator({roles.NAMESPACE_VARIABLE: NAMESPACE})
    await_admission(cluster.layout)
    return Kube(cluster, rest)


def run(cluster: Cluster, verb: str, *options: str, chart: Path = CHART) -> None:
    """Install or upgrade; no node runs the Pods, so the API server calls a process of this machine."""
    url = f"--set=webhook.url={roles.admission_url(cluster.layout)}"
    where = f"--kubeconfig={cluster.kubeconfig}"
    helm(verb, RELEASE, str(chart), f"--namespace={NAMESPACE}", where, url, *options)


def used(kube: Kube, project: str) -> tuple[str, Object]:
    """Return an Environment, and a Deployment that uses it, as it is stored."""
    name = kube.unique("env")
    kube.apply(manifest(name), workload("Deployment", name, project, name))
    kube.until_used(name, 1)
    found = kube.get("deployment", name, project)
    assert found is not None
    return name, found


def test_installed_elsewhere(kube: Kube, project: str) -> None:
    """In another namespace and under another name the operator injects, counts and protects, within its policies."""
    name, deployment = used(kube, project)
    secrets = json.loads(kube.kubectl("get", "secrets", "-n", NAMESPACE, "-o", "json"))["items"]

    assert names.RECORD in deployment["metadata"]["annotations"]
    assert [names.FINALIZER] == kube.environment(name)["metadata"]["finalizers"]
    assert "is used by 1 workload" in kube.rest.delete(f"{ENVIRONMENTS}/{name}").message
    assert "environment-operator-webhook" in {each["metadata"]["name"] for each in secrets}


def test_upgraded_in_use(kube: Kube, project: str, tmp_path: Path) -> None:
    """The chart of a next version, with other values, changes no workload, and admission goes on."""
    name, before = used(kube, project)
    trusted = bundles(kube)
    chart = shutil.copytree(CHART, tmp_path / "chart")
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    (chart / "Chart.yaml").write_text(yaml.safe_dump({**about, "version": "99.0.0", "appVersion": "99.0.0"}))
    run(kube.cluster, "upgrade", "--set=webhook.replicas=3", "--set=kinds.ray.enabled=false", chart=chart)
    after = kube.get("deployment", name, project) or {}
    program = kube.get("deployment", "environment-operator-webhook", NAMESPACE) or {}
    later = used(kube, project)[1]

    assert before["metadata"]["generation"] == after["metadata"]["generation"]
    assert before["spec"] == after["spec"]
    assert 3 == program["spec"]["replicas"]
    assert program["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":99.0.0")
    assert {key: ca for key, ca in trusted.items() if "ray" not in key} == bundles(kube)
    assert names.RECORD in later["metadata"]["annotations"]


def bundles(kube: Kube) -> dict[str, list[str]]:
    """Return the authorities that the API server trusts, by webhook configuration."""
    found = configurations(kube.rest).items()
    return {path: [entry["clientConfig"]["caBundle"] for entry in each["webhooks"]] for path, each in found}


def test_uninstalled_in_use(kube: Kube, project: str, tmp_path: Path) -> None:
    """Uninstalled while Environments are in use, nothing is stuck: they, workloads, definition and namespace go."""
    name, _ = used(kube, project)
    job = threading.Thread(target=run_hook, args=(kube, tmp_path))
    job.start()
    helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", f"--kubeconfig={kube.cluster.kubeconfig}")
    job.join()
    kube.cluster.stop_operator()

    assert {} == configurations(kube.rest)
    assert "" == kube.kubectl("get", "validatingadmissionpolicies", "-o", "name")
    assert "" == kube.kubectl("get", "deployments,jobs,services", "-n", NAMESPACE, "-o", "name")
    kube.kubectl("scale", f"deployment/{name}", "--replicas=2", "-n", project)
    kube.kubectl("set", "image", f"deployment/{name}", "main=other:1", "-n", project)
    assert name in kube.kubectl("get", "environments.environments.dev", "-o", "name")
    kube.kubectl("delete", "environments.environments.dev", "--all")
    kube.kubectl("delete", "crd", names.CRD_NAME)
    kube.kubectl("delete", "namespace", NAMESPACE)


def run_hook(kube: Kube, folder: Path) -> None:
    """Do what a node would: run the command of the hook's Pod as its account, and report that it succeeded."""
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
    selector = f"?labelSelector=batch.kubernetes.io/job-name%3D{HOOK}"
    kube.until("the Pod of the hook", lambda: bool(kube.rest.get(f"{pods}{selector}").body["items"]))
    (pod,) = kube.rest.get(f"{pods}{selector}").body["items"]
    token, config = folder / "token", folder / "kubeconfig"
    token.write_text(kube.kubectl("create", "token", pod["spec"]["serviceAccountName"], "-n", NAMESPACE))
    kubeconfig.write_with_token(config, admin=kube.cluster.kubeconfig, token=token, server=None)
    program, *arguments = pod["spec"]["containers"][0]["command"]
    command = [str(Path(sys.executable).parent / program), *arguments]
    subprocess.run(command, env={**os.environ, "KUBECONFIG": str(config)}, check=True)
    kube.rest.patch(f"{pods}/{pod['metadata']['name']}/status", {"status": {"phase": "Succeeded"}})
