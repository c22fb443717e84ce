"""The webhook role on the real API server: who is called when, and what happens while it is away or renews itself."""

import signal
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self
from urllib.error import HTTPError

import pytest
import trustme

from builders import KINDS, manifest, workload
from cluster import manifests, roles
from cluster.faults import Hold, Match, Rule
from cluster.probe import answers
from cluster.proxy import FaultProxy
from cluster.rest import Rest
from cluster.upstream import Upstream
from environment_operator.api import names
from environment_operator.injection.context import Refusal
from environment_operator.manifests import webhook_configurations
from kube import CERTIFICATE, ENVIRONMENTS, OPENER, Kube, Object, Operator, path_of

ALL_KINDS = list(KINDS.values())
DEPLOYMENT, JOB, POD_TEMPLATE = (KINDS[name] for name in ("deployments.apps", "jobs.batch", "podtemplates"))
HEAD = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
CONFIGURATION = f"{HEAD}/{webhook_configurations.called('batch')}"
Start = Callable[..., None]


@pytest.fixture
def environment(kube: Kube) -> str:
    """Return the name of an Environment."""
    name = kube.unique("env")
    kube.rest.create(ENVIRONMENTS, manifest(name))
    return name


@pytest.fixture
def existing(kube: Kube, environment: str, project: str) -> list[str]:
    """Return the URL paths of workloads of every kind that were made while the webhook was there."""
    for kind in ALL_KINDS:
        made = kube.rest.create(path_of(kind, project), workload(kind.kind, "x", project, environment))
        assert made.ok, made.message
    return [path_of(kind, project, "x") for kind in ALL_KINDS]


@pytest.fixture
def down(kube: Kube, existing: list[str]) -> Iterator[None]:  # noqa: ARG001 - made before
    """Have the webhook down."""
    kube.cluster.stop("webhook", signal.SIGKILL)
    yield
    kube.cluster.start_operator()


def test_protected_at_admission(kube: Kube, operator: Operator) -> None:
    """An Environment is protected and marked before anybody else sees it, with the controller down."""
    with operator.down():
        made = kube.rest.create(ENVIRONMENTS, manifest(kube.unique("env"))).body

    assert [names.FINALIZER] == made["metadata"]["finalizers"]
    assert "kubernetes-admin" == made["metadata"]["annotations"][names.CREATED_BY]


def test_creator(kube: Kube, environment: str) -> None:
    """Who created an Environment stays, whoever replaces it; a false creator is refused."""
    path = f"{ENVIRONMENTS}/{environment}"
    somebody = Rest(kube.cluster.kubeconfig, user="somebody", groups=("system:masters",))
    kube.until_ready(environment)
    found = kube.environment(environment)
    bare = manifest(environment) | {"metadata": {"name": environment, "resourceVersion": _version(found)}}
    replaced = somebody.replace(path, bare).body
    false = {"metadata": {"annotations": {names.CREATED_BY: "somebody"}}}
    refused = somebody.patch(path, false)
    made = somebody.create(ENVIRONMENTS, manifest(kube.unique("env"))).body
    somebody.close()

    assert "kubernetes-admin" == replaced["metadata"]["annotations"][names.CREATED_BY]
    assert [names.FINALIZER] == replaced["metadata"]["finalizers"]
    assert (403, False) == (refused.status, refused.ok)
    assert names.CREATED_BY in refused.message
    assert "somebody" == made["metadata"]["annotations"][names.CREATED_BY]


def _version(item: Object) -> str:
    """Return the resource version of an object."""
    version: str = item["metadata"]["resourceVersion"]
    return version


def test_only_those_who_refer_call(kube: Kube, environment: str, project: str) -> None:
    """Objects without a reference cause no call; those with one only when the reference or what runs changes."""
    path = path_of(DEPLOYMENT, project)
    before = kube.admissions().total()
    kube.rest.create(path, workload("Deployment", "free", project))
    kube.rest.patch(f"{path}/free", {"spec": {"replicas": 3}})
    assert before == kube.admissions().total()
    assert kube.rest.create(path, workload("Deployment", "bound", project, environment)).ok
    created = kube.admissions().total()
    assert created > before
    kube.kubectl("scale", "deployment", "bound", "-n", project, "--replicas=0")
    kube.kubectl("rollout", "restart", "deployment/bound", "-n", project)
    kube.kubectl("label", "deployment", "bound", "-n", project, "a=b")
    # The ReplicaSets have the label of the pods, not the reference; nobody asks about them.
    assert created == kube.admissions().total()
    kube.kubectl("set", "env", "deployment/bound", "-n", project, "A=1")
    changed = kube.admissions().total()
    assert changed > created
    kube.kubectl("label", "deployment", "bound", "-n", project, f"{names.REFERENCE}-")
    assert kube.admissions().total() > changed


CONCERNS_THE_REFERENCE: dict[str, Object] = {
    "refresh": {"annotations": {names.REFRESH: "1"}},
    "removed": {"labels": {names.REFERENCE: None}},
    "switched": {"labels": {names.REFERENCE: "other"}},
    "role": {"labels": {f"{names.ROLE_REFERENCE}worker": "other"}},
    "record": {"annotations": {names.RECORD: "forged"}},
    "tools": {"annotations": {names.TOOLS: "forged"}},
    "address of a tool": {"annotations": {f"{names.CUSTOM_TOOL}lab": "/mine"}},
}


@pytest.mark.usefixtures("down")
def test_reference_without_the_webhook(existing: list[str], kube: Kube) -> None:
    """With the webhook down, what concerns the reference is refused, in the name of the webhook."""
    for path in existing:
        for what, metadata in CONCERNS_THE_REFERENCE.items():
            refused = kube.rest.patch(path, {"metadata": metadata})
            assert not refused.ok, what
            assert f".environment-operator.{names.GROUP}" in refused.message


@pytest.mark.usefixtures("down")
def test_life_without_the_webhook(existing: list[str], kube: Kube, environment: str, project: str) -> None:
    """With the webhook down nothing new may refer; what exists changes and goes, and others notice nothing."""
    for kind, path in zip(ALL_KINDS, existing, strict=True):
        head = path_of(kind, project)
        assert not kube.rest.create(head, workload(kind.kind, "y", project, environment)).ok
        assert kube.rest.create(head, workload(kind.kind, "free", project)).ok
        assert kube.rest.patch(path, {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}).ok
        assert kube.rest.delete(path).ok


@pytest.mark.usefixtures("down")
def test_environments_without_the_webhook(kube: Kube) -> None:
    """With the webhook down Environments are written all the same; the controller protects them."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)
    kube.apply(manifest(name, workingDir="/work"))

    assert [names.FINALIZER] == kube.environment(name)["metadata"]["finalizers"]


def test_large_object(kube: Kube, environment: str, project: str) -> None:
    """An object near the size limit is injected, and its comparison costs no more than the API server grants."""
    path, large = path_of(DEPLOYMENT, project), workload("Deployment", "large", project, environment)
    container = large["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": f"V{n}", "value": "x" * 3300} for n in range(280)]
    assert kube.rest.create(path, large).ok
    assert kube.rest.patch(f"{path}/large", {"spec": {"replicas": 3}}).ok
    assert kube.rest.patch(f"{path}/large", {"metadata": {"labels": {"a": "b"}}}).ok


def test_an_answer_before_the_api_server_gives_up(kube: Kube, start: Start, project: str) -> None:
    """Where what has to be read takes too long, the refusal says so, before the time of the webhook is over."""
    name, hold = kube.unique("env"), Hold()
    with FaultProxy(Upstream.of(kube.cluster.kubeconfig)) as proxy:
        start(server=proxy.url)
        held = proxy.add(Rule(Match(path=f"{ENVIRONMENTS}/{name}"), hold))
        refused = kube.rest.create(path_of(JOB, project), workload("Job", "j", project, name)).message
        held.remove()
        counted = kube.refusals()
        kube.cluster.stop("webhook")

    assert "The API server did not answer environment-operator within 4 s. Try again." in refused
    assert {Refusal.TIMEOUT: 1} == counted


def test_a_live_read_that_takes_too_long(kube: Kube, environment: str, start: Start, project: str) -> None:
    """An Environment that is known is injected, and refused where the API server does not say in time that it is there
    still: by the validating call, in words, before the time of the webhook is over.
    """
    with FaultProxy(Upstream.of(kube.cluster.kubeconfig)) as proxy:
        start(server=proxy.url)
        held = proxy.add(Rule(Match(path=f"{ENVIRONMENTS}/{environment}$", watch=False), Hold()))
        refused = kube.rest.create(path_of(JOB, project), workload("Job", "j", project, environment)).message
        was_asked = held.await_hit()
        held.remove()
        kube.cluster.stop("webhook")

    assert was_asked
    assert "The API server did not answer environment-operator within 4 s. Try again." in refused


def test_ready_after_all_environments_are_known(kube: Kube, start: Start) -> None:
    """The webhook says that it is ready when it knows all Environments, not before."""
    url, hold = f"{kube.cluster.operator_url('webhook')}/readyz", Hold()
    with FaultProxy(Upstream.of(kube.cluster.kubeconfig)) as proxy:
        held = proxy.add(Rule(Match(path=f"{ENVIRONMENTS}$", watch=False), hold))
        start(server=proxy.url, await_ready=False)
        assert held.await_hit()
        kube.until("readiness to be denied with the reason", lambda: "not listed yet" in _said(url))
        held.remove()
        kube.until("the webhook to be ready", lambda: answers(url))
        kube.cluster.stop("webhook")


def _said(url: str) -> str:
    """Return the text of a failure, empty when there is none."""
    try:
        OPENER.open(url).close()
    except HTTPError as error:
        with error:
            return error.read().decode()
    except OSError:
        pass
    return ""


def test_wrong_path(kube: Kube, project: str) -> None:
    """The API server cannot be brought to take the answer of another path for a permission."""
    entry = kube.rest.get(CONFIGURATION).body["webhooks"][0]
    url = roles.admission_url(kube.cluster.layout)
    wrong = {
        "name": "wrong.path.example.org",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"url": f"{url}/elsewhere", "caBundle": entry["clientConfig"]["caBundle"]},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": project}},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]},
        ],
    }
    name = kube.unique("wrong")
    made = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    assert kube.rest.create(HEAD, {**made, "metadata": {"name": name}, "webhooks": [wrong]}).ok
    path = f"/api/v1/namespaces/{project}/configmaps?dryRun=All"
    try:
        kube.until(
            "a refusal because of the path",
            lambda: (
                "could not find the requested resource" in kube.rest.create(path, {"metadata": {"name": "x"}}).message
            ),
        )
    finally:
        kube.rest.delete(f"{HEAD}/{name}")


class Load:
    """Creates workloads that refer to an Environment, one after the other, without keeping them."""

    def __init__(self, kube: Kube, environment: str, project: str) -> None:
        self._rest = Rest(kube.cluster.kubeconfig)
        self._path = f"{path_of(POD_TEMPLATE, project)}?dryRun=All"
        self._body = workload("PodTemplate", "t", project, environment)
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._run)
        self.done, self.refused = 0, list[str]()

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()
        self._rest.close()

    def _run(self) -> None:
        """Create until stopped."""
        while not self._stop.is_set():
            reply = self._rest.create(self._path, self._body)
            self.done += 1
            if not reply.ok or names.RECORD not in reply.body["metadata"].get("annotations", {}):
                self.refused.append(reply.message)


def serving(kube: Kube) -> bytes:
    """Return the certificate that the webhook shows."""
    host, port = roles.admission_url(kube.cluster.layout).removeprefix("https://").split(":")
    return ssl.get_server_certificate((host, int(port))).encode()


def test_rotation_under_load(kube: Kube, environment: str, project: str, start: Start) -> None:
    """Certificates and authorities come and go under load, in seconds here, and no request is refused."""
    # What is left of a life when it is renewed, a third, is what a busy machine may be late by.
    start(forget=True, certificate_seconds=9, authority_seconds=18, certificate_check_seconds=0.3)
    manifests.await_admission(kube.cluster.layout)
    shown, trusted = set[bytes](), set[str]()

    def seen() -> bool:
        shown.add(serving(kube))
        trusted.add(kube.rest.get(CONFIGURATION).body["webhooks"][0]["clientConfig"]["caBundle"])
        return len(shown) >= 4 and len(trusted) >= 3 and load.done > 200

    with Load(kube, environment, project) as load:
        kube.until("four certificates and three bundles", seen)
    print(f"{load.done} requests, {len(shown)} certificates, {len(trusted)} bundles")  # noqa: T201

    assert [] == load.refused


def write(folder: Path, pair: trustme.LeafCert, key: trustme.LeafCert | None = None) -> str:
    """Write a certificate as a mounted Secret has it, with its key or another's; return what is shown then."""
    (folder / "tls.key").write_bytes((key or pair).private_key_pem.bytes())
    (folder / "tls.crt").write_bytes(pair.cert_chain_pems[0].bytes())
    return pair.cert_chain_pems[0].bytes().decode()


def test_given_certificate(kube: Kube, environment: str, project: str, start: Start, tmp_path: Path) -> None:
    """A certificate of others is served and renewed from its files; nothing is written, a wrong one changes nothing."""
    authority = trustme.CA()
    first, second, third = (authority.issue_cert("127.0.0.1") for _ in range(3))
    shown = write(tmp_path, first)
    bundle = b64encode(authority.cert_pem.bytes()).decode()
    start(https_certificate=tmp_path, certificate_check_seconds=0.3)
    for path, found in manifests.configurations(kube.rest).items():
        for number in range(len(found["webhooks"])):
            change = {"op": "replace", "path": f"/webhooks/{number}/clientConfig/caBundle", "value": bundle}
            assert kube.rest.patch(path, [change], "json").ok
    path = f"{path_of(JOB, project)}?dryRun=All"
    kube.until("admission by it", lambda: kube.rest.create(path, workload("Job", "j", project, environment)).ok)
    before = _version(kube.rest.get(CERTIFICATE).body), _versions(kube)

    assert shown == serving(kube).decode()
    renewed = write(tmp_path, second)
    kube.until("the renewed one", lambda: renewed == serving(kube).decode())
    write(tmp_path, third, first)
    log = kube.cluster.layout.log("webhook")
    kube.until("the wrong one to be named", lambda: f"the certificate in {tmp_path} cannot be read" in log.read_text())
    assert renewed == serving(kube).decode()
    assert kube.rest.create(path, workload("Job", "j", project, environment)).ok
    assert before == (_version(kube.rest.get(CERTIFICATE).body), _versions(kube))


def test_what_was_lost_is_put_back(kube: Kube, environment: str, project: str, start: Start) -> None:
    """A deleted Secret is written again with the same authority, and a lost caBundle is put back, by itself."""
    start(certificate_check_seconds=0.3)
    before = kube.rest.get(CERTIFICATE).body["data"]["ca.crt"]
    kube.rest.delete(CERTIFICATE)
    for path, found in manifests.configurations(kube.rest).items():
        lost = [{"op": "remove", "path": f"/webhooks/{n}/clientConfig/caBundle"} for n in range(len(found["webhooks"]))]
        assert kube.rest.patch(path, lost, "json").ok
    kube.until("the Secret to be back", lambda: kube.rest.get(CERTIFICATE).ok)
    path = f"{path_of(JOB, project)}?dryRun=All"
    kube.until("admission to be back", lambda: kube.rest.create(path, workload("Job", "j", project, environment)).ok)

    assert before == kube.rest.get(CERTIFICATE).body["data"]["ca.crt"]


def test_replicas_share(kube: Kube, start: Start) -> None:
    """A restart takes the certificate that is there: nothing is written."""
    before = (_version(kube.rest.get(CERTIFICATE).body), _versions(kube))
    start()
    assert before == (_version(kube.rest.get(CERTIFICATE).body), _versions(kube))


def _versions(kube: Kube) -> list[str]:
    """Return the resource versions of the webhook configurations."""
    return [_version(found) for found in manifests.configurations(kube.rest).values()]
