"""The webhook, started anew with other settings."""

from collections.abc import Callable, Iterator

import pytest

from cluster import manifests
from kube import CERTIFICATE, Kube

Start = Callable[..., None]


@pytest.fixture
def start(kube: Kube) -> Iterator[Start]:
    """Return what starts the webhook anew, with other settings; afterwards it runs as before."""
    stored = kube.rest.get(CERTIFICATE).body["data"]

    def anew(*, forget: bool = False, server: str | None = None, await_ready: bool = True, **settings: object) -> None:
        kube.cluster.stop("webhook")
        if forget:
            kube.rest.delete(CERTIFICATE)
        env = {f"ENVIRONMENT_OPERATOR_{name.upper()}": str(value) for name, value in settings.items()}
        kube.cluster.start_operator(env, server, await_ready=await_ready)

    yield anew
    anew(forget=kube.rest.get(CERTIFICATE).body.get("data") != stored)
    manifests.await_admission(kube.cluster.layout)
