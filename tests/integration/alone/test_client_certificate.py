"""With an authority for client certificates admission answers the API server alone."""

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

import pytest

from builders import manifest
from cluster import Cluster
from cluster.rest import Rest
from cluster.roles import admission_url
from environment_operator.admission.certificates import Terms, renew
from environment_operator.api import names
from kube import ENVIRONMENTS, OPERATOR_ENV
from people import sent

PLUGINS = ("MutatingAdmissionWebhook", "ValidatingAdmissionWebhook")
API = "apiserver.config.k8s.io/v1"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster whose API server shows a certificate to webhooks, and whose webhook asks for one."""
    state, folder = tmp_path_factory.mktemp("cluster") / "state", tmp_path_factory.mktemp("admission")
    configuration = configured(folder, state.resolve() / "pki")
    arguments = (f"--admission-control-config-file={configuration}",)
    env = {**OPERATOR_ENV, "ENVIRONMENT_OPERATOR_HTTPS_CLIENT_CA": f"{state.resolve()}/pki/ca.crt"}
    with Cluster(directory=state, operator_env=env, controllers=True, apiserver_args=arguments) as made:
        yield made


def configured(folder: Path, pki: Path) -> Path:
    """Write the AdmissionConfiguration of an API server, and the kubeconfig in it."""
    user = {"client-certificate": f"{pki}/admin.crt", "client-key": f"{pki}/admin.key"}
    kubeconfig = {"apiVersion": "v1", "kind": "Config", "users": [{"name": "*", "user": user}]}
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    inner = {"apiVersion": API, "kind": "WebhookAdmissionConfiguration", "kubeConfigFile": f"{folder}/kubeconfig"}
    plugins = [{"name": name, "configuration": inner} for name in PLUGINS]
    content = {"apiVersion": API, "kind": "AdmissionConfiguration", "plugins": plugins}
    (folder / "admission.yaml").write_text(json.dumps(content))
    return folder / "admission.yaml"


def status(url: str, pair: tuple[Path, Path] | None) -> int | None:
    """Return with which status a review without content is answered to who has a pair; None when it is not answered."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if pair:
        context.load_cert_chain(*pair)
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
    try:
        return int(opener.open(url, data=b"{}").status)
    except HTTPError as error:
        return error.code
    except OSError:
        return None


def foreign(folder: Path) -> tuple[Path, Path]:
    """Return a certificate that another authority signed, and its key."""
    day = timedelta(days=1)
    pair = renew(None, Terms(hosts=("nobody",), certificate=day, authority=day, settle=day), datetime.now(UTC)).serving
    (folder / "foreign.crt").write_bytes(pair.certificate_pem)
    (folder / "foreign.key").write_bytes(pair.key_pem)
    return folder / "foreign.crt", folder / "foreign.key"


def test_only_the_api_server(cluster: Cluster, rest: Rest, tmp_path: Path) -> None:
    """The API server is answered, and who else has a certificate of the authority; with another or none nobody is."""
    made = sent(rest.create(ENVIRONMENTS, manifest("env")))
    assert "kubernetes-admin" == made["metadata"]["annotations"][names.CREATED_BY]

    url, pki = f"{admission_url(cluster.layout)}{names.MUTATE}", cluster.layout.pki
    assert 400 == status(url, (pki / "admin.crt", pki / "admin.key"))
    assert status(url, None) is None
    assert status(url, foreign(tmp_path)) is None
