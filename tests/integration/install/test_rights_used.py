"""The operator's account has the rights that it uses and no others, as the audit log of the API server shows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from builders import workload
from cluster import Cluster
from cluster.layout import REPO_ROOT
from cluster.manifests import await_admission
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Object, Operator
from registries import let, payload, put, secrets, source, until_held
from samples import SAMPLES
from third_party import install, uninstall
from tool_users import CUSTOM, INSIDE, ROUTE, ROUTES, made, published, used

CERTIFICATE = secrets(names.SYSTEM_NAMESPACE, f"{names.SERVICE_ACCOUNT}-webhook")
MANIFESTS = ("rbac", "kinds", "ingresses")
INGRESSES = str(REPO_ROOT / "deploy/ingresses.yaml")
RENEWED: dict[str, Any] = {"certificate_seconds": 9, "authority_seconds": 90, "certificate_check_seconds": 0.3}
CREATED = 201
RBAC_GROUP = "rbac.authorization.k8s.io"
# Two projects define MPIJob.
SAMPLED = sorted(SAMPLES.keys() - {"mpijob-v2beta1"})


class Right(NamedTuple):
    """A verb on a resource, and the namespace where it is given; empty for all."""

    verb: str
    group: str
    resource: str
    namespace: str


class Log:
    """What the operator has asked the API server for since a moment, as far as it is about a resource."""

    def __init__(self, path: Path) -> None:
        self._path, self._start = path, path.stat().st_size

    def requests(self) -> list[Object]:
        """Return every request so far."""
        with self._path.open(encoding="utf-8") as lines:
            lines.seek(self._start)
            found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [each for each in found if "objectRef" in each]

    def used(self) -> set[Right]:
        """Return the rights that were used, each where it was and for all namespaces."""
        allowed = [each for each in self.requests() if _allowed(each)]
        found = {_right(each) for each in allowed}
        # Who applies what is not there needs the right to create it, too.
        found |= {_right(each)._replace(verb="create") for each in allowed if each["responseStatus"]["code"] == CREATED}
        return found | {each._replace(namespace="") for each in found}

    def refused(self) -> list[Right]:
        """Return what was asked for without the right to it."""
        return [_right(each) for each in self.requests() if not _allowed(each)]


def _right(request: Object) -> Right:
    """Return the right that a request takes."""
    what = request["objectRef"]
    sub = f"/{what['subresource']}" if "subresource" in what else ""
    return Right(request["verb"], what.get("apiGroup", ""), what["resource"] + sub, what.get("namespace", ""))


def _allowed(request: Object) -> bool:
    """Return whether a request was one that the operator may make."""
    return bool(request["annotations"]["authorization.k8s.io/decision"] == "allow")


def granted() -> set[Right]:
    """Return every right that the manifests give the operator's account; one that projects give has no namespace."""
    objects: list[Any] = []
    for name in MANIFESTS:
        objects += yaml.load_all((REPO_ROOT / f"deploy/{name}.yaml").read_text("utf-8"), yaml.CSafeLoader)
    return {
        Right(verb, group, resource, "" if place == "*" else place)
        for each in objects
        if (place := _place(each, objects))
        for rule in each["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def _place(role: Object, objects: list[Object]) -> str:
    """Return in which namespace a role is given to the operator, ``*`` for all, empty for nowhere."""
    meta = role["metadata"]
    if role["kind"] == "ClusterRole" and (
        meta["name"] == names.CREDENTIALS_ROLE or names.AGGREGATE in meta.get("labels", {})
    ):
        return "*"
    reference = {"apiGroup": RBAC_GROUP, "kind": role["kind"], "name": meta["name"]}
    bound = [
        each["metadata"].get("namespace", "*")
        for each in objects
        if each.get("roleRef") == reference and each["subjects"][0]["name"] == names.SERVICE_ACCOUNT
    ]
    return bound[0] if bound and role.get("rules") else ""


@pytest.fixture
def defined(kube: Kube) -> Iterator[None]:
    """Have every kind of the table defined, HTTPRoute, and the right to write Ingresses."""
    kube.kubectl("apply", "-f", INGRESSES)
    kube.apply(ROUTE)
    kube.until_established(ROUTES)
    found = install(kube.rest, *SAMPLED)
    yield
    uninstall(kube.rest, [*found, ROUTES])
    kube.kubectl("delete", "-f", INGRESSES)


@pytest.fixture
def log(cluster: Cluster, operator: Operator, kube: Kube, defined: None) -> Iterator[Log]:  # noqa: ARG001 - it is there
    """Return what the operator asks for from its first start on, when it has no certificate yet."""
    cluster.stop_operator()
    kube.rest.delete(CERTIFICATE)
    made = Log(cluster.layout.audit)
    operator.start(**RENEWED)
    await_admission(cluster.layout)
    yield made
    cluster.stop_operator()
    kube.rest.delete(CERTIFICATE)
    operator.start()
    await_admission(cluster.layout)


def expose(kube: Kube, project: str, kind: str) -> None:
    """Have the tools of a workload exposed, at an address that it asks for, and taken away again."""
    environment = published(kube, CUSTOM, {**INSIDE, "name": "board", "containerPort": 6006})
    name = kube.unique("w")
    kube.apply(used("Deployment", name, project, environment, lab=f"/{name}"))
    kube.until("what exposes tools", lambda: bool(made(kube, "services", project)) and bool(made(kube, kind, project)))
    kube.kubectl("label", "deployment", name, "-n", project, f"{names.REFERENCE}-")
    kube.until("neither", lambda: not made(kube, "services", project) and not made(kube, kind, project))


def distribute(kube: Kube, project: str) -> None:
    """Have registry credentials published to a project, used, changed and withdrawn."""
    name = kube.unique("hub")
    let(kube.rest, project)
    for password in ("one", "two"):
        put(kube.rest, source(name, password, scope={"projects": [project]}))
        until_held(kube.rest, project, name, payload(password))
    submit(kube, project, published(kube, imagePullSecrets=["mine"]))
    kube.rest.delete(secrets(names.SYSTEM_NAMESPACE, name))
    until_held(kube.rest, project, name, "")


def submit(kube: Kube, project: str, environment: str) -> None:
    """Have a workload of a project refer to an Environment, as a dry run."""
    sent = workload("Job", "j", project, environment)
    assert (reply := kube.rest.create(f"/apis/batch/v1/namespaces/{project}/jobs?dryRun=All", sent)).ok, reply.message


def default(kube: Kube, environment: str) -> None:
    """Have a project with a default Environment make a workload that names none."""
    name = kube.unique("defaults")
    meta = {"annotations": {names.DEFAULT_ENVIRONMENT: environment}, "labels": {names.DEFAULTS: names.ENABLED}}
    kube.rest.create("/api/v1/namespaces", {"metadata": {"name": name, **meta}})
    sent = workload("Job", "j", name, None)
    path = f"/apis/batch/v1/namespaces/{name}/jobs?dryRun=All"
    kube.until("the default to be used", lambda: names.REFERENCE in labels(kube.rest.create(path, sent).body))
    kube.rest.delete(f"/api/v1/namespaces/{name}")


def labels(stored: Object) -> Object:
    """Return the labels of what the API server made of a request."""
    found: Object = stored.get("metadata", {}).get("labels") or {}
    return found


def release(kube: Kube, project: str) -> None:
    """Have an Environment used and its deletion wait, until the user has gone."""
    environment = published(kube)
    kube.until_ready(environment)
    kube.apply(workload("Job", "user", project, environment))
    kube.until_used(environment, 1)
    kube.kubectl("delete", "job", "user", "-n", project)
    kube.until_used(environment, 0)
    kube.rest.delete(f"{ENVIRONMENTS}/{environment}")
    kube.until_gone("env", environment)


def certificate(kube: Kube) -> str:
    """Return the version of the Secret with the certificate of admission."""
    return str(kube.rest.get(CERTIFICATE).body["metadata"]["resourceVersion"])


def test_rights_suffice_and_are_used(kube: Kube, operator: Operator, project: str, log: Log) -> None:
    """In a life in which everything happens the operator asks for nothing that it may not, and uses all that it may."""
    before = certificate(kube)
    expose(kube, project, "httproutes")
    distribute(kube, project)
    default(kube, published(kube))
    release(kube, project)
    kube.until("a renewal", lambda: certificate(kube) != before)
    with operator.anew(tools_ingress_class="any", tools_gateway=""):
        expose(kube, project, "ingresses")

    assert [] == sorted(set(log.refused()))
    assert [] == sorted(granted() - log.used())
