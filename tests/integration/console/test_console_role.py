"""The page in the cluster: whoever brings a token does what the API server says, and nobody else anything."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
import trustme
import yaml
from playwright.sync_api import Browser, Page, expect

from builders import manifest
from cluster import Cluster, kubeconfig
from cluster.issuer import AUDIENCE, Issuer
from cluster.layout import REPO_ROOT
from cluster.proxy import FaultProxy
from cluster.record import free_port
from cluster.rest import Rest
from cluster.waiting import until
from environment_operator.api import names
from environment_operator.settings import PREFIX
from kube import Kube
from people import AUTHOR, PLURAL, RBAC, REVIEWS, VIEWER, create, unique
from web import picture

CONFIGURATION = REPO_ROOT / "deploy" / "authentication.yaml"
ENVIRONMENTS = f"/apis/{names.API_VERSION}/{names.PLURAL}"
KINDS = f"/api/v1/namespaces/{names.SYSTEM_NAMESPACE}/configmaps/{names.KINDS}"
OPENER = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class Console:
    """The role as a process, with TLS, and what it printed.

    Args:
        port: where it serves.
        http: where its probes are.
        log: what it printed.
    """

    port: int
    http: int
    log: Path

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> str:
        """What it serves with now."""
        return ssl.get_server_certificate(("127.0.0.1", self.port))

    def status(self, path: str = "/console/environments", **headers: str) -> int:
        """Return how a request is answered."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection("127.0.0.1", self.port, context=context)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST" if "Origin" in given else "GET", path, headers=given)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status


@pytest.fixture(scope="module")
def issuer(cluster: Cluster) -> Iterator[Issuer]:
    """Return an identity provider whose tokens the API server accepts by the text in deploy/."""
    if cluster.flavor != "local":
        pytest.skip("only the authentication of an API server of our own can be configured")
    configuration = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    (provider,) = configuration["jwt"]
    with Issuer() as made:
        provider["issuer"] = {"url": made.url, "audiences": [AUDIENCE], "certificateAuthority": made.authority}
        cluster.authenticate(configuration)
        yield made
        cluster.authenticate({"jwt": []})


@pytest.fixture(scope="module")
def console(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """Return the role as it runs in a Pod: with a certificate, and a kubeconfig that says nothing about who acts."""
    with started(tmp_path_factory.mktemp("console"), kubeconfig.cluster_of(cluster.kubeconfig)) as made:
        yield made


@contextmanager
def started(folder: Path, cluster: dict[str, Any], **settings: Any) -> Iterator[Console]:
    """Have the role run, and end it.

    Args:
        folder: for its files.
        cluster: the cluster of its kubeconfig.
        settings: further settings and times.
    """
    written(folder, certificate())
    made = Console(free_port(), free_port(), folder / "log")
    with made.log.open("wb") as log:
        given = variables(cluster, folder, made, **settings)
        process = subprocess.Popen(command(), env=given, stdout=log, stderr=log)
    until("the console to be ready", lambda: ready(made, process))
    yield made
    process.terminate()

    assert 0 == process.wait(60)


def certificate() -> dict[str, bytes]:
    """Return the files of a Secret with a new certificate."""
    pair = trustme.CA().issue_cert("127.0.0.1")
    chain = b"".join(each.bytes() for each in pair.cert_chain_pems)
    return {"tls.crt": chain, "tls.key": pair.private_key_pem.bytes()}


def written(folder: Path, files: dict[str, bytes]) -> None:
    """Write files."""
    for name, content in files.items():
        (folder / name).write_bytes(content)


def command() -> list[str]:
    """Return how the role is started, with times of the tests."""
    return [sys.executable, "-m", "cluster.tuned", "console"]


def variables(
    cluster: dict[str, Any], folder: Path, of: Console, user: dict[str, str] | None = None, **settings: Any
) -> dict[str, str]:
    """Return the environment of the process."""
    content = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "nobody"}}],
        "users": [{"name": "nobody", "user": user}] if user else [],
        "current-context": "c",
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(content))
    ours = {
        "HTTPS_ADDRESS": f"127.0.0.1:{of.port}",
        "HTTP_ADDRESS": f"127.0.0.1:{of.http}",
        "HTTPS_CERTIFICATE": folder,
    }
    given = {f"{PREFIX}{name}": str(value) for name, value in {**ours, **settings}.items()}
    paths = {"PATH": os.defpath, "PYTHONPATH": str(REPO_ROOT / "tests")}
    return {**paths, "KUBECONFIG": str(folder / "kubeconfig"), "HOME": str(folder), **given}


def ready(of: Console, process: "subprocess.Popen[bytes]") -> bool:
    """Return whether the console is ready; one that ended is a failure."""
    assert process.poll() is None, of.log.read_text()
    try:
        with OPENER.open(f"http://127.0.0.1:{of.http}/readyz") as answer:
            return bool(200 == answer.status)
    except OSError:
        return False


def bound(rest: Rest, user: str, role: str) -> None:
    """Give somebody a ClusterRole everywhere."""
    create(
        rest,
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": unique("binding")},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": f"idp:{user}"}],
        },
    )


@dataclass(frozen=True)
class Visitor:
    """Somebody with a token, by the page and by the API server."""

    name: str
    token: str
    rest: Rest

    def may(self, verb: str) -> bool:
        """Return what the API server says of a right on Environments."""
        kind, _, group = PLURAL.partition(".")
        spec = {"resourceAttributes": {"verb": verb, "group": group, "resource": kind}}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
        reply = self.rest.create(REVIEWS, review)
        return reply.ok and bool(reply.body["status"]["allowed"])


def visitor(cluster: Cluster, issuer: Issuer, folder: Path, role: str = "") -> Visitor:
    """Return somebody with a role, once the API server knows it."""
    name = unique("visitor")
    token = issuer.token(name)
    (folder / name).write_text(token)
    place = folder / f"{name}.kubeconfig"
    kubeconfig.write_with_token(place, admin=cluster.kubeconfig, token=folder / name, server=None)
    made = Visitor(name, token, Rest(place))
    if role:
        bound(Rest(cluster.kubeconfig), name, role)
        until(f"{name} to be {role}", lambda: made.may("list"))
    return made


def opened(chromium: Browser, console: Console, who: Visitor) -> Page:
    """Return the page as a proxy shows it to somebody: each request has the token."""
    context = chromium.new_context(
        ignore_https_errors=True, extra_http_headers={"Authorization": f"Bearer {who.token}"}
    )
    made = context.new_page()
    made.goto(f"{console.url}/console/environments")
    return made


def test_each_sees_and_does_what_the_api_server_says(
    kube: Kube, issuer: Issuer, console: Console, chromium: Browser, tmp_path: Path
) -> None:
    """An author creates, a viewer sees the button disabled with the right that is missing, a stranger sees nothing."""
    people = {role: visitor(kube.cluster, issuer, tmp_path, role) for role in (AUTHOR, VIEWER)}
    stranger = visitor(kube.cluster, issuer, tmp_path)
    name = kube.unique("env")
    kube.apply(manifest(name))
    for role, person in people.items():
        page = opened(chromium, console, person)
        page.goto(f"{console.url}/console/environments?search={name}")
        expect(page.get_by_role("row", name=name)).to_be_visible()
        expect(page.get_by_role("banner")).to_contain_text(f"Signed in as: idp:{person.name}")
        page.goto(f"{console.url}/console/new")
        button = page.get_by_role("button", name="Create", exact=True)
        assert person.may("create") is button.is_enabled(), role
        page.goto(f"{console.url}/console/environments/{name}/delete")
        assert person.may("delete") is page.get_by_role("button", name="Delete", exact=True).is_enabled(), role
        picture(page, f"console-delete-{role}")
        page.context.close()
    page = opened(chromium, console, stranger)
    expect(page.get_by_role("heading")).to_contain_text("You may not do this")

    assert [True, False, False] == [each.may("create") for each in (*people.values(), stranger)]


def test_a_form_is_sent_with_the_rights_of_its_sender(
    kube: Kube, issuer: Issuer, console: Console, chromium: Browser, tmp_path: Path
) -> None:
    """What an author creates on the page is created by the author, not by the console."""
    author = visitor(kube.cluster, issuer, tmp_path, AUTHOR)
    page = opened(chromium, console, author)
    page.goto(f"{console.url}/console/new")
    page.locator('[id="metadata.name"]').fill(kube.unique("form"))
    page.locator('[id="spec.scope.cluster"]').select_option("true")
    page.locator('[id="spec.image"]').fill("registry.example/lab:1")
    page.get_by_label("Workspace").check()
    page.get_by_role("button", name="Check", exact=True).click()

    # The author may create, and publish nowhere: the policies know who sent the form.
    expect(page.locator('[id="spec.scope.notes"] .error').first).to_contain_text(names.PUBLISH)
    page.context.close()


def test_without_a_token(console: Console, issuer: Issuer) -> None:
    """Nobody gets in without exactly one token; the API server decides whether it is one."""
    token = issuer.token(unique("somebody"))

    assert 401 == console.status()
    assert 401 == console.status(Authorization="Basic YTpi")
    assert 401 == console.status(Authorization=f"Bearer {token} {token}")
    # A page that begins before the API server has answered says so in its content.
    assert 401 == console.status("/console/new", Authorization="Bearer forged")
    assert 401 == console.status(X_Forwarded_Access_Token=token)
    assert 200 == console.status("/static/style.css")


def test_another_page_sends_nothing(kube: Kube, console: Console, issuer: Issuer, tmp_path: Path) -> None:
    """With the session of the proxy another page is refused, and so is a form without its token."""
    who = visitor(kube.cluster, issuer, tmp_path, AUTHOR)
    bearer = f"Bearer {who.token}"
    ours = {"Authorization": bearer, "Origin": console.url}

    assert 403 == console.status("/console/new", Authorization=bearer, Origin="https://evil.example")
    assert 403 == console.status("/console/new", **ours, Sec_Fetch_Site="cross-site")
    assert 403 == console.status("/console/new", **ours)


def test_tokens_are_nowhere(console: Console, issuer: Issuer) -> None:
    """No token that came by is in the log or in the memory of a file."""
    token = issuer.token(unique("somebody"))
    console.status(Authorization=f"Bearer {token}")
    console.status("/console/nothing", Authorization=f"Bearer {token}")

    assert token not in console.log.read_text()
    assert token.split(".")[2] not in console.log.read_text()


def test_a_renewed_certificate(cluster: Cluster, tmp_path: Path) -> None:
    """A certificate that was renewed is served without a restart; while its files do not fit, the old one is."""
    place, renewed = kubeconfig.cluster_of(cluster.kubeconfig), certificate()
    with started(tmp_path, place, CERTIFICATE_CHECK_SECONDS=0.1) as console:
        before = console.certificate
        written(tmp_path, {"tls.crt": renewed["tls.crt"]})
        until("it to be refused", lambda: "cannot be read" in console.log.read_text())
        assert before == console.certificate
        written(tmp_path, renewed)
        until("the new one", lambda: console.certificate != before)

        assert renewed["tls.crt"].decode().startswith(console.certificate)


def test_second_load(kube: Kube, issuer: Issuer, faults: FaultProxy, tmp_path: Path) -> None:
    """What one person read a moment ago is shown to another one who may list it, and to nobody else."""
    (first, second), nobody = (
        [visitor(kube.cluster, issuer, tmp_path, VIEWER) for _ in range(2)],
        visitor(kube.cluster, issuer, tmp_path),
    )
    name = kube.unique("env")
    kube.apply(manifest(name))
    with started(tmp_path, {"server": faults.url}) as console:
        for path in ("/console/environments.csv", f"/console/environments/{name}?tab=users"):
            assert 200 == console.status(path, Authorization=f"Bearer {first.token}")
        assert {"/api", "/apis", KINDS} <= {each.path for each in faults.traffic.exchanges()}
        faults.traffic.clear()
        for path in ("/console/environments.csv", f"/console/environments/{name}?tab=users"):
            assert 200 == console.status(path, Authorization=f"Bearer {second.token}")
        again = faults.traffic.exchanges()
        assert {"/api", "/apis", KINDS}.isdisjoint(each.path for each in again)
        assert ["limit=1"] == [each.query for each in again if each.path == ENVIRONMENTS]
        assert 403 == console.status("/console/environments.csv", Authorization=f"Bearer {nobody.token}")


def test_it_has_no_rights_of_its_own(cluster: Cluster, tmp_path: Path) -> None:
    """With credentials in its kubeconfig it does not start: people would act with them."""
    made = Console(free_port(), free_port(), tmp_path / "log")
    user, place = {"token": "a"}, kubeconfig.cluster_of(cluster.kubeconfig)
    done = subprocess.run(
        command(), env=variables(place, tmp_path, made, user), capture_output=True, text=True, timeout=60, check=False
    )

    assert 1 == done.returncode
    assert "the kubeconfig has credentials" in done.stderr
