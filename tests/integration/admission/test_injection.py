"""Injection at the real API server: its defaulting and its controllers in the loop, and life without the operator.

- goldens through the real webhook;
- the laws, with the API server's own defaulting;
- applying again, creating and using at once;
- what goes on while the operator is down, and what is refused then.
"""

import base64
import copy
import json
import re
import ssl
import urllib.request
from collections.abc import Iterator
from typing import Any

import jsonpatch
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from builders import KINDS, manifest, template_path, workload
from cluster import Cluster, roles
from environment_operator.api import names
from environment_operator.kinds.paths import get, put, remove
from environment_operator.kinds.table import Kind
from golden import Case, cases
from kube import ENVIRONMENTS, Kube, Object, Operator, path_of
from unit.injection.test_laws import CONTAINERS, SPECS

KEPT = {names.ALLOW_DELETE_IN_USE: "true"}
CHANGEABLE = [kind for kind in KINDS.values() if not kind.template_immutable]


def call(cluster: Cluster, new: Object, old: Object | None, kind: Kind) -> Object:
    """Send an AdmissionReview to the running webhook; return what becomes of the object, or the refusal."""
    request = {
        "uid": "u",
        "resource": {"group": kind.group, "version": kind.version, "resource": kind.plural},
        "operation": "CREATE" if old is None else "UPDATE",
        "object": new,
        "oldObject": old,
    }
    body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()
    url = f"{roles.admission_url(cluster.layout)}{names.MUTATE}"
    context = ssl._create_unverified_context()  # noqa: SLF001 - the API server verifies; here the answer counts
    with urllib.request.urlopen(urllib.request.Request(url, body), context=context) as reply:
        return _result(new, json.load(reply)["response"])


def _result(new: Object, response: Object) -> Object:
    """Return the object that an admission response makes of another, or the refusal."""
    if not response["allowed"]:
        return {"refusal": response["status"]["message"]}
    patch = json.loads(base64.b64decode(response.get("patch", "W10=")))
    made: Object = jsonpatch.apply_patch(new, patch)
    return made


def alike(result: Object) -> Any:
    """Return a result without what differs from run to run: generations and tokens."""
    text = re.sub(r'\\"generation\\":\d+', r"\"generation\":0", json.dumps(result, sort_keys=True))
    before = (r'\\"token\\":\\"', r'workload\\?": ?\\?"', "/environments/")
    text = re.sub(f"({'|'.join(before)})[a-z0-9]{{8}}", r"\g<1>tokentok", text)
    return json.loads(text)


@pytest.fixture
def published(kube: Kube, request: pytest.FixtureRequest) -> Iterator[Case]:
    """Have exactly the Environments of a golden case."""
    case: Case = request.param
    text = (case.path / "environment.yaml").read_text()
    made = [e for e in yaml.safe_load_all(text) if e]
    for environment in made:
        environment["metadata"] = {"name": environment["metadata"]["name"], "annotations": KEPT}
        assert kube.rest.create(ENVIRONMENTS, environment).ok
    yield case
    for environment in made:
        kube.rest.delete(f"{ENVIRONMENTS}/{environment['metadata']['name']}")
        kube.until_gone("env", environment["metadata"]["name"])


@pytest.mark.xdist_group("golden")
@pytest.mark.parametrize("published", cases(), indirect=True, ids=lambda case: case.path.name)
def test_golden_through_the_webhook(cluster: Cluster, kube: Kube, published: Case) -> None:
    """What the running webhook makes of a request is what the file says."""
    case = published
    want = alike(case.want)
    # The webhook hears of an Environment a moment after the API server has it.
    kube.until("the webhook to know", lambda: want == alike(call(cluster, case.new, case.old, case.kind)))


@pytest.fixture(scope="module")
def shared(kube_of_module: Kube) -> str:
    """Return a namespace for objects that are never stored."""
    name = Kube.unique("laws")
    kube_of_module.rest.create("/api/v1/namespaces", {"metadata": {"name": name}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    kube_of_module.until("the default account", lambda: kube_of_module.rest.get(account).ok)
    return name


@pytest.fixture(scope="module")
def kube_of_module(cluster: Cluster, rest: Any, operator: Operator) -> Kube:  # noqa: ARG001 - it runs
    """Return the administrator's hands for a whole module."""
    return Kube(cluster, rest)


# Injection is the matter here, not what may be overridden.
FREE = ["Image", "Command", "Args", "Env", "WorkingDir", "Security"]


def bare(obj: Object) -> Object:
    """Return an object without what the API server says about it."""
    out = copy.deepcopy(obj)
    for key in ("uid", "creationTimestamp", "resourceVersion", "generation", "managedFields"):
        out["metadata"].pop(key, None)
    out.pop("status", None)
    return out


@pytest.mark.parametrize("kind", CHANGEABLE, ids=lambda kind: kind.kind)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=SPECS, container=CONTAINERS)
def test_laws_with_the_defaulting_of_the_api_server(
    kube_of_module: Kube, shared: str, kind: Kind, fields: Object, container: Object
) -> None:
    """Laws 1 and 2: admitted twice is admitted once, and without the reference it is as if there had never been one."""
    kube, name = kube_of_module, Kube.unique("law")
    assert kube.rest.create(ENVIRONMENTS, manifest(name, **fields, overridable=FREE)).ok
    asked = workload(kind.kind, name, shared, name)
    known = {k: v for k, v in container.items() if k != "unknownField"}
    put(asked, (*template_path(kind), "spec", "containers"), [{"image": "mine:1", **known}])
    path = path_of(kind, shared)
    reply = kube.rest.create(path, asked)
    assert reply.ok, reply.message
    stored = reply.body
    plain = copy.deepcopy(asked)
    plain["metadata"] = {"name": f"{name}-plain", "namespace": shared}
    without = kube.rest.create(f"{path}?dryRun=All", plain).body

    again = kube.rest.replace(f"{path}/{name}?dryRun=All", bare(stored)).body
    assert get(stored, template_path(kind)) == get(again, template_path(kind))
    assert stored["metadata"]["annotations"] == again["metadata"]["annotations"]
    freed = bare(stored)
    remove(freed, ("metadata", "labels", names.REFERENCE))
    undone = kube.rest.replace(f"{path}/{name}?dryRun=All", freed)
    assert undone.ok, undone.message
    assert get(without, template_path(kind)) == get(undone.body, template_path(kind))
    assert names.RECORD not in undone.body["metadata"].get("annotations", {})
    kube.rest.delete(f"{path}/{name}?propagationPolicy=Background")


def test_pods_have_it(kube: Kube, project: str) -> None:
    """A Pod that a controller makes of an admitted workload has what the Environment injects, once and for all."""
    name = kube.unique("env")
    kube.apply(manifest(name, env=[{"name": "DATA", "value": "/data"}]))
    deployment = workload("Deployment", "d", project, name)
    deployment["spec"]["template"]["spec"]["containers"] = [{"name": "main"}]
    kube.apply(deployment)
    pods = f"/api/v1/namespaces/{project}/pods?labelSelector=app%3Dx"
    kube.until("the Pod", lambda: bool(kube.rest.get(pods).body["items"]))
    pod = kube.rest.get(pods).body["items"][0]

    assert [{"name": "DATA", "value": "/data"}] == pod["spec"]["containers"][0]["env"]
    assert "registry.example/team/jupyter:4.2" == pod["spec"]["containers"][0]["image"]
    assert name == pod["metadata"]["labels"][names.INJECTED_FROM]
    kube.until_used(name, 1)


def test_created_and_used_at_once(kube: Kube, project: str) -> None:
    """An Environment can be used the moment it is created, a hundred times in a row."""
    pairs = [kube.unique("env") for _ in range(100)]
    objects = [o for n in pairs for o in (manifest(n), workload("PodTemplate", n, project, n))]
    kube.apply(*objects)
    made = kube.rest.get(f"/api/v1/namespaces/{project}/podtemplates").body["items"]

    assert set(pairs) == {t["template"]["metadata"]["labels"][names.INJECTED_FROM] for t in made}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
@pytest.mark.parametrize("way", [[], ["--server-side", "--force-conflicts"]], ids=["client", "server"])
def test_applied_again(kube: Kube, project: str, kind: Kind, way: list[str]) -> None:
    """Applying the same manifest again changes nothing, and ``kubectl diff`` sees no difference."""
    name = kube.unique("env")
    kube.apply(manifest(name, env=[{"name": "A", "value": "1"}], workingDir="/env", stdin=True))
    text = yaml.safe_dump(workload(kind.kind, "w", project, name))
    kube.kubectl("apply", *way, "-f", "-", stdin=text)
    first = kube.rest.get(path_of(kind, project, "w")).body
    # Controllers write to the object too: an apply that changed something each time would never come to rest.
    kube.until("an apply that changes nothing", lambda: _rests(kube, kind, project, text, way))
    kube.kubectl("diff", *way, "-f", "-", stdin=text)
    last = kube.rest.get(path_of(kind, project, "w")).body

    assert first["metadata"].get("generation") == last["metadata"].get("generation")
    assert get(first, template_path(kind))["spec"] == get(last, template_path(kind))["spec"]


def _rests(kube: Kube, kind: Kind, project: str, text: str, way: list[str]) -> bool:
    """Apply a manifest; say whether that left the resource version as it was."""
    before, after = (_version_after(kube, kind, project, text, arguments) for arguments in (None, way))
    return before == after


def _version_after(kube: Kube, kind: Kind, project: str, text: str, way: list[str] | None) -> str:
    """Return the resource version of an object, after an apply if there is to be one."""
    if way is not None:
        kube.kubectl("apply", *way, "-f", "-", stdin=text)
    version: str = kube.rest.get(path_of(kind, project, "w")).body["metadata"]["resourceVersion"]
    return version


def test_secrets_of_the_service_account(kube: Kube, project: str) -> None:
    """Pods that receive a pull secret keep those of their service account, which they would lose otherwise."""
    name = kube.unique("env")
    kube.apply(manifest(name, imagePullSecrets=["team"]))
    account = {"metadata": {"name": "robot"}, "imagePullSecrets": [{"name": "own"}, {"name": "team"}]}
    assert kube.rest.create(f"/api/v1/namespaces/{project}/serviceaccounts", account).ok
    job = workload("Job", "j", project, name)
    job["spec"]["template"]["spec"]["serviceAccountName"] = "robot"
    made = kube.rest.create(path_of(KINDS["jobs.batch"], project), job).body

    assert [{"name": "team"}, {"name": "own"}] == made["spec"]["template"]["spec"]["imagePullSecrets"]
