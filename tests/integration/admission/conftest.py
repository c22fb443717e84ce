"""The webhook, started anew with other settings."""

from collections.abc import Callable, Iterator

import pytest

from cluster import manifests
from environment_operator.admission.certificate_rotation import NAME
from environment_operator.api import names
from kube import Kube

Start = Callable[..., None]
SECRET = f"/api/v1/namespaces/{names.SYSTEM_NAMESPACE}/secrets/{NAME}"


@pytest.fixture
def start(kube: Kube) -> Iterator[Start]:
    """Return what starts the webhook anew, with other settings; afterwards it runs as before."""
    stored = kube.rest.get(SECRET).body["data"]

    def anew(*, forget: bool = False, server: str | None = None, await_ready: bool = True, **settings: object) -> None:
        kube.cluster.stop("webhook")
        if forget:
            kube.rest.delete(SECRET)
        env = {f"ENVIRONMENT_OPERATOR_{name.upper()}": str(value) for name, value in settings.items()}
        kube.cluster.start_operator(env, server, await_ready=await_ready)

    yield anew
    anew(forget=kube.rest.get(SECRET).body.get("data") != stored)
    manifests.await_admission(kube.cluster.layout)
