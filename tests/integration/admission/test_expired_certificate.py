"""The certificate of admission expires: what is refused then, what goes on, and that it comes back by itself."""

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from builders import workload
from cluster import manifests
from cluster.faults import WRITE_METHODS, Answer, Match, Rule
from cluster.proxy import FaultProxy
from cluster.upstream import Upstream
from environment_operator.admission.certificates import Bundle, Terms, renew
from kube import CERTIFICATE, Kube

Start = Callable[..., None]
WHAT_IS_RENEWED = Match(methods=WRITE_METHODS, path="/secrets|webhookconfigurations/")
WHO = "jobs.environment-operator.environments.dev"


@pytest.fixture
def used(kube: Kube, project: str) -> str:
    """Return the name of an Environment that a Deployment of the project uses."""
    return kube.in_use("Deployment", "user", project)


def refusal(kube: Kube, project: str, environment: str) -> str:
    """Return what a new reference is refused with; empty when it is not."""
    job = json.dumps(workload("Job", "j", project, environment))
    done = kube.cluster.kubectl("create", "--dry-run=server", "-f", "-", input=job, check=False)
    return done.stderr if done.returncode else ""


def trust(kube: Kube, change: Callable[[bytes], bytes]) -> None:
    """Change which authorities the API server trusts; it opens new connections by them."""
    for path, found in manifests.configurations(kube.rest).items():
        bundles = [b64decode(each["clientConfig"]["caBundle"]) for each in found["webhooks"]]
        changes = [
            {"op": "replace", "path": f"/webhooks/{n}/clientConfig/caBundle", "value": b64encode(change(old)).decode()}
            for n, old in enumerate(bundles)
        ]
        assert kube.rest.patch(path, changes, "json").ok


def end(kube: Kube) -> float:
    """Return when the certificate expires, by the metric that the alert asks for."""
    (sample,) = kube.metric("environment_operator_certificate_end_seconds", "webhook")
    return float(sample.value)


def goes_on(kube: Kube, project: str) -> None:
    """Require that what runs goes on, and that objects without the label notice nothing."""
    kube.kubectl("scale", "deployment/user", "--replicas=2", "-n", project)
    kube.kubectl("rollout", "restart", "deployment/user", "-n", project)
    kube.kubectl("label", "deployment/user", "a=b", "-n", project)
    kube.apply(workload("Deployment", "unlabelled", project))
    image = '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"other"}]}}}}'
    kube.kubectl("patch", "deployment/unlabelled", "-n", project, "-p", image)
    kube.kubectl("delete", "deployment/user", "-n", project)


def test_nothing_can_be_written(kube: Kube, used: str, project: str, start: Start) -> None:
    """A certificate that cannot be renewed expires: references are refused in these words, until it can be."""
    with FaultProxy(Upstream.of(kube.cluster.kubeconfig)) as proxy:
        start(server=proxy.url, forget=True, certificate_seconds=9, certificate_check_seconds=0.3)
        manifests.await_admission(kube.cluster.layout)
        denied = proxy.add(Rule(WHAT_IS_RENEWED, Answer(403, "Forbidden")))
        assert denied.await_hit()
        kube.until("the certificate to have expired", lambda: end(kube) < time.time())
        trust(kube, lambda old: old + b"\n")
        kube.until("a refusal", lambda: "certificate has expired" in refusal(kube, project, used))
        refused = refusal(kube, project, used)
        goes_on(kube, project)
        log = kube.cluster.layout.log("webhook").read_text()
        denied.remove()
        kube.until("a new reference to be admitted", lambda: not refusal(kube, project, used))
        kube.cluster.stop("webhook")

    assert WHO in refused
    assert "the certificate is not renewed, or not trusted by the API server yet" in log


def test_expired_while_the_operator_was_down(kube: Kube, used: str, project: str, start: Start) -> None:
    """An operator that comes back after certificate and authority expired makes others, and all is as before."""
    kube.cluster.stop_operator()
    day = timedelta(days=1)
    old = renew(None, Terms(("127.0.0.1",), day, day, day), datetime.now(UTC) - 9 * day)
    assert kube.rest.patch(CERTIFICATE, {"data": old.as_data()}).ok
    trust(kube, lambda _: old.trusted)
    refused = refusal(kube, project, used)
    goes_on(kube, project)
    start()
    kube.until("a new reference to be admitted", lambda: not refusal(kube, project, used))
    now = Bundle.of_data(kube.rest.get(CERTIFICATE).body["data"])

    assert WHO in refused
    assert now is not None
    assert old.authorities[0] not in now.authorities
    assert end(kube) > time.time()
