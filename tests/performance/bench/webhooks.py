"""The webhooks that ours is compared with: handlers that do nothing, and one in Go as Kubeflow's PodDefaults is."""

import base64
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import trustme

from cluster import binaries
from cluster.record import free_port
from cluster.rest import Rest
from cluster.waiting import until

Object = dict[str, Any]
GROUP = "bench.example.org"
EMPTY, PODDEFAULTS = f"{GROUP}/empty", f"{GROUP}/poddefaults"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
BOTH, FIRST = ("Mutating", "Validating"), ("Mutating",)
_VERSIONS = {"apiVersions": ["v1"]}
PODS: Object = {"apiGroups": [""], "resources": ["pods"], "operations": ["CREATE"], **_VERSIONS}
DEPLOYMENTS: Object = {"apiGroups": ["apps"], "resources": ["deployments"], "operations": ["UPDATE"], **_VERSIONS}


@contextmanager
def empty_handlers(rest: Rest, project: str) -> Iterator[psutil.Process]:
    """Have the API server call handlers that do nothing, both of them, in a process of their own as ours are."""
    command = [sys.executable, str(Path(__file__).with_name("empty.py")), "{certificate}", "{port}"]
    with _called(rest, project, EMPTY, command, BOTH, (PODS, DEPLOYMENTS)) as process:
        yield process


@contextmanager
def poddefaults(rest: Rest, project: str, kubeconfig: Path) -> Iterator[psutil.Process]:
    """Have the API server call the webhook in Go, which has one object to inject in the project."""
    binaries.ensure(["poddefaults"], lambda line: print(line, flush=True))  # noqa: T201 - a build takes a minute
    assert rest.create(DEFINITIONS, _definition()).ok
    objects = f"/apis/{GROUP}/v1/namespaces/{project}/poddefaults"
    spec = {"selector": {"matchLabels": {PODDEFAULTS: "yes"}}, "env": [{"name": "A", "value": "1"}]}
    until("the objects to be served", lambda: rest.create(objects, _object("PodDefault", "bench", spec=spec)).ok)
    program = str(binaries.path("poddefaults"))
    command = [program, "-certificate={certificate}", "-port={port}", f"-kubeconfig={kubeconfig}"]
    try:
        with _called(rest, project, PODDEFAULTS, command, FIRST, (PODS,)) as process:
            yield process
    finally:
        rest.delete(f"{DEFINITIONS}/poddefaults.{GROUP}")


@contextmanager
def _called(
    rest: Rest, project: str, label: str, command: Sequence[str], webhooks: Sequence[str], rules: Sequence[Object]
) -> Iterator[psutil.Process]:
    """Run a program that serves webhooks, and have the API server call it for requests about objects with a label."""
    authority, port, name = trustme.CA(), free_port(), label.replace("/", ".")
    with TemporaryDirectory() as folder:
        certificate = Path(folder, "pair.pem")
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        arguments = [part.format(certificate=certificate, port=port) for part in command]
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(arguments, stderr=log)
        paths = [f"{ADMISSION}/{each.lower()}webhookconfigurations" for each in webhooks]
        try:
            for each, path in zip(webhooks, paths, strict=True):
                assert rest.create(path, _configuration(each, label, port, authority, rules)).ok
            until(f"{name} to be called", lambda: rest.create(*_probe(project, label)).ok)
            yield psutil.Process(process.pid)
        finally:
            for path in paths:
                rest.delete(f"{path}/{name}")
            process.terminate()
            process.wait()


def _configuration(which: str, label: str, port: int, authority: trustme.CA, rules: Sequence[Object]) -> Object:
    """Return the configuration of a webhook for requests about objects with a label."""
    name = label.replace("/", ".")
    entry = {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "clientConfig": {
            "url": f"https://127.0.0.1:{port}/{which.lower()}",
            "caBundle": base64.b64encode(authority.cert_pem.bytes()).decode(),
        },
        "objectSelector": {"matchExpressions": [{"key": label, "operator": "Exists"}]},
        "sideEffects": "None",
        "rules": list(rules),
    }
    kind = f"{which}WebhookConfiguration"
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "webhooks": [entry],
    }


def _definition() -> Object:
    """Return the definition of the objects that the webhook in Go injects."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    spec = {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": "poddefaults", "singular": "poddefault", "kind": "PodDefault"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    }
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**head, "metadata": {"name": f"poddefaults.{GROUP}"}, "spec": spec}


def _object(kind: str, name: str, **fields: Any) -> Object:
    """Return an object of our group."""
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name}, **fields}


def _probe(project: str, label: str) -> tuple[str, Object]:
    """Return the creation of a Pod that a webhook is asked about."""
    spec = {"containers": [{"name": "main", "image": "a"}]}
    pod = {"metadata": {"name": "probe", "labels": {label: "yes"}}, "spec": spec}
    return f"/api/v1/namespaces/{project}/pods?dryRun=All", pod
