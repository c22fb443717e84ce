"""Where the API server is, who we are there, and which way leads to it."""

import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kubernetes.aio import config
from kubernetes.aio.client import Configuration
from kubernetes.aio.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION

from environment_operator.kube.errors import NoClusterError


async def configuration() -> Configuration:
    """Return the cluster of the kubeconfig in ``KUBECONFIG`` or its usual place, else the one around the pod.

    Raises:
        NoClusterError: there is neither, or the kubeconfig cannot be used.
    """
    found = Configuration()
    try:
        if _has_kubeconfig():
            await config.load_kube_config(os.environ.get("KUBECONFIG"), client_configuration=found)
        else:
            config.load_incluster_config(client_configuration=found)
    except config.ConfigException as error:
        raise NoClusterError(f"{error}: run in a pod, or set KUBECONFIG to a usable kubeconfig") from None
    return by_proxy(found)


def by_proxy(found: Configuration) -> Configuration:
    """Return a configuration with the proxy that the process environment names for its server.

    It is looked up once: to ask the environment at each request costs more than the request.
    """
    parts = urlsplit(str(found.host))
    if not found.proxy and not proxy_bypass(parts.hostname or ""):
        found.proxy = getproxies().get(parts.scheme)
    found.client_session_kwargs = {"trust_env": False}
    return found


def _has_kubeconfig() -> bool:
    """Return whether there is a kubeconfig, or a pod around us instead."""
    return "KUBECONFIG" in os.environ or Path(KUBE_CONFIG_DEFAULT_LOCATION).expanduser().exists()
