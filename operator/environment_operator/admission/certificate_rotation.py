"""The certificate in service: shared by all replicas in a Secret, renewed, trusted by the API server, no restart.

Each replica reads the Secret every few seconds. Whichever finds that something is due writes it, and the API server
lets only one of them succeed; the others take what they find. Then each sees to it that the API server trusts it. The
certificate is for the hosts at which the webhook configurations have the API server call.
"""

import asyncio
import logging
import ssl
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from environment_operator.admission.certificates import Bundle, Pair, Terms, called_at, renew
from environment_operator.api import names
from environment_operator.kube.client import Cluster
from environment_operator.kube.errors import ApiError, Conflict, NotFound
from environment_operator.metrics import CERTIFICATE_END

logger = logging.getLogger(__name__)

NAME = "environment-operator-webhook"
_SECRETS = f"/api/v1/namespaces/{names.SYSTEM_NAMESPACE}/secrets"
_CONFIGURATIONS = tuple(
    f"/apis/admissionregistration.k8s.io/v1/{which}webhookconfigurations" for which in ("validating", "mutating")
)
_OURS = ",".join(f"{key}={value}" for key, value in names.WEBHOOK_LABELS.items())
_TRIES = 5
_RETRY = 2.0


class Certificates:
    """Keeps a TLS context in service.

    Args:
        cluster: the API server.
        terms: what certificates are wanted.
        pause: seconds between two looks.
        client_authority: file with the authority whose certificates clients must have; None to ask for none.
    """

    def __init__(self, cluster: Cluster, terms: Terms, pause: float, client_authority: Path | None = None) -> None:
        self._cluster, self._terms, self._pause = cluster, terms, pause
        self._bundle: Bundle | None = None
        self._logged = ""
        self.context = tls(client_authority)
        self.settled = asyncio.Event()

    async def run(self) -> None:
        """Look, again and again, until cancelled."""
        while True:
            pause = self._pause
            try:
                await self._look()
            except ApiError as error:
                self._log(f"the certificate is not renewed, or not trusted by the API server yet: {error}")
                pause = min(pause, _RETRY)
            else:
                self._log("")
            await asyncio.sleep(pause)

    async def _look(self) -> None:
        """Agree on a bundle with the other replicas, serve with it, and have it trusted."""
        configurations = await self._configurations()
        self._terms = replace(self._terms, hosts=called_at(each for found in configurations.values() for each in found))
        bundle = await self._agree()
        if self._bundle is None or bundle.serving.certificate != self._bundle.serving.certificate:
            self._serve(bundle.serving)
        self._bundle = bundle
        try:
            await self._have_trusted(bundle, configurations)
        finally:
            # Whoever applies the configuration later finds a server that waits for it.
            self.settled.set()

    async def _agree(self) -> Bundle:
        """Return the bundle that all replicas use, which is renewed here if nobody else was faster."""
        for _ in range(_TRIES):
            try:
                return await self._renew()
            except Conflict:
                continue
        raise ApiError(
            0, f'Secret "{NAME}" in namespace "{names.SYSTEM_NAMESPACE}" was changed by others {_TRIES} times in a row'
        )

    async def _renew(self) -> Bundle:
        """Return the stored bundle, after having stored what was due.

        A Secret that was deleted or damaged is written again from memory: the API server trusts that.
        """
        secret = await self._stored()
        stored = Bundle.of_data(secret.get("data") or {}) if secret else None
        bundle = renew(stored or self._bundle, self._terms, datetime.now(UTC))
        if bundle is stored:
            return bundle
        if secret is None:
            await self._cluster.create(_SECRETS, _secret(bundle, {"name": NAME}))
        else:
            meta = {key: secret["metadata"][key] for key in ("name", "resourceVersion")}
            await self._cluster.replace(f"{_SECRETS}/{NAME}", _secret(bundle, meta))
        logger.info("a certificate was created for %s", ", ".join(self._terms.hosts))
        return bundle

    async def _stored(self) -> dict[str, Any] | None:
        """Return the Secret, None when there is none."""
        try:
            return await self._cluster.get(f"{_SECRETS}/{NAME}")
        except NotFound:
            return None

    def _serve(self, pair: Pair) -> None:
        """Have new connections served with a certificate; those that are open stay as they are."""
        load(self.context, pair.key_pem + pair.certificate_pem)
        CERTIFICATE_END.set(pair.ends.timestamp())
        logger.info("serving with a certificate that is valid until %s", pair.ends)

    async def _configurations(self) -> dict[str, list[dict[str, Any]]]:
        """Return our webhook configurations, by the URL path of their kind."""
        query = f"labelSelector={quote(_OURS)}"
        return {path: (await self._cluster.get(f"{path}?{query}"))["items"] for path in _CONFIGURATIONS}

    async def _have_trusted(self, bundle: Bundle, configurations: dict[str, list[dict[str, Any]]]) -> None:
        """See to it that the API server trusts every authority of the bundle."""
        trusted = b64encode(bundle.trusted).decode()
        for path, found in configurations.items():
            if not found:
                raise NotFound(404, f"{path}: no configuration has the label {_OURS}. Apply deploy/webhooks.yaml.")
            for configuration in found:
                if patch := _trust(configuration, trusted):
                    name = configuration["metadata"]["name"]
                    await self._cluster.patch(f"{path}/{name}", patch)
                    logger.info("%s: the API server trusts %d certificate authorities", name, len(bundle.authorities))

    def _log(self, what: str) -> None:
        """Log what is wrong, once."""
        if what and what != self._logged:
            logger.warning(what)
        self._logged = what


def tls(client_authority: Path | None) -> ssl.SSLContext:
    """Return a TLS context without a certificate; with an authority, for clients that have one of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if client_authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority)
    return context


def load(context: ssl.SSLContext, pem: bytes) -> None:
    """Have new connections served with a key and its certificates, in one text.

    Raises:
        SSLError: they do not fit.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder, "pair.pem")
        file.touch(mode=0o600)
        file.write_bytes(pem)
        context.load_cert_chain(file)


def _secret(bundle: Bundle, meta: dict[str, Any]) -> dict[str, Any]:
    """Return the Secret for a bundle."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**meta, "namespace": names.SYSTEM_NAMESPACE},
        "type": "kubernetes.io/tls",
        "data": bundle.as_data(),
    }


def _trust(configuration: dict[str, Any], trusted: str) -> list[dict[str, Any]]:
    """Return the patch after which every webhook trusts these authorities, empty when every one does."""
    entries = configuration.get("webhooks") or ()
    changes = [
        {"op": "add", "path": f"/webhooks/{number}/clientConfig/caBundle", "value": trusted}
        for number, entry in enumerate(entries)
        if entry["clientConfig"].get("caBundle") != trusted
    ]
    version = configuration["metadata"]["resourceVersion"]
    test = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
    return [test, *changes] if changes else []
