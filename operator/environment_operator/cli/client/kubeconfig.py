"""The kubeconfig of the user, read by the kubernetes library, chosen from as kubectl does."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from environment_operator.cli.client.library import library
from environment_operator.cli.exit_codes import Exit, Problem

Object = dict[str, Any]
_DEFAULT = "~/.kube/config"


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a kubeconfig leads.

    Args:
        settings: of the library: where the API server is, and who we are.
        pool: the library's connections, of urllib3.
        context: name of the context, empty around a pod.
        namespace: the namespace that is meant where none is given.
        user: the user as the kubeconfig has it.
    """

    settings: Any
    pool: Any
    context: str
    namespace: str
    user: Object


def load(file: str, context: str) -> Reached:
    """Return where a kubeconfig leads, or the API server around our pod when there is none.

    Args:
        file: path of the kubeconfig, empty for what KUBECONFIG and the home directory say.
        context: name of the context in it, empty for the current one.

    Raises:
        Problem: it cannot be used.
    """
    settings = library().settings()
    try:
        name, place, user = _configure(settings, file, context)
    except _failures() as error:
        if context or file or not _in_pod(settings):
            raise _useless(f"{error}. Give --kubeconfig and --context, or set KUBECONFIG.") from error
        name, place, user = "", {}, {}
    namespace = place.get("namespace") or _namespace_around() or "default"
    pool = library().rest.RESTClientObject(settings).pool_manager
    return Reached(settings, pool, name, str(namespace), user)


def contexts(file: str) -> list[str]:
    """Return the names of all contexts of a kubeconfig, none when it cannot be read.

    Args:
        file: path of the kubeconfig, empty for what KUBECONFIG and the home directory say.
    """
    try:
        return [str(each.value["name"]) for each in _merged(file).config.value["contexts"]]
    except _failures():
        return []


def _configure(settings: Any, file: str, context: str) -> tuple[str, Object, Object]:
    """Have settings lead where a kubeconfig does; return the name of the context, the context and the user."""
    merged = _merged(file)
    loader = library().kube_config.KubeConfigLoader(
        merged.config,
        context or _current(merged),
        config_base_path=None,  # each file's own
        config_persister=merged.save_changes,
    )
    place = loader.current_context["context"]
    cluster = _entry(merged, "cluster", place)
    user = _entry(merged, "user", place)
    if not cluster.get("server"):
        raise _useless(f'cluster "{place["cluster"]}" has no server. Add it.')
    vars(loader).update(_certificates(merged, place))
    with _heard() as complaints:
        loader.load_and_set(settings)
    if complaints:
        hint = (user.get("exec") or {}).get("installHint") or ""
        raise _useless("\n".join(filter(None, [*(each.getMessage() for each in complaints), hint])))
    # As in Go, no proxy of the environment is in the way to our own machine.
    if not cluster.get("proxy-url") and _is_loopback(settings.host):
        settings.proxy = None
    return str(loader.current_context["name"]), place, user


def _merged(file: str) -> Any:
    """Return the library's merger of all files; a variable that is empty is as none."""
    path = file or os.environ.get("KUBECONFIG") or _DEFAULT
    merged = library().kube_config.KubeConfigMerger(path)
    if merged.config is None:
        raise library().error(f"there is none at {path}")
    return merged


def _current(merged: Any) -> str | None:
    """Return the current context: of several files kubectl takes that of the first, the library that of the last.

    https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files
    """
    named = (content.get("current-context") for content in merged.config_files.values())
    return next(filter(None, named), None)


def _entry(merged: Any, kind: str, context: Object) -> Object:
    """Return the cluster or the user of a context, empty where there is none."""
    found = merged.config[f"{kind}s"].get_with_name(context.get(kind), safe=True)
    return dict(found.value.get(kind) or {}) if found else {}


def _certificates(merged: Any, context: Object) -> dict[str, str | None]:
    """Return the user's certificate and key, for which the library looks where the cluster's kubeconfig is."""
    found = merged.config["users"].get_with_name(context.get("user"), safe=True)
    if not found or not found.value.get("user"):
        return {}
    folder = str(Path(found.path).absolute().parent)
    files = {"cert_file": "client-certificate", "key_file": "client-key"}
    return {
        field: library().kube_config.FileOrData(found["user"], key, file_base_path=folder).as_file()
        for field, key in files.items()
    }


def _failures() -> tuple[type[Exception], ...]:
    """Return what the library raises over a kubeconfig, and when it renews a token of OpenID Connect."""
    from oauthlib.oauth2 import OAuth2Error
    from urllib3.exceptions import HTTPError
    from yaml import YAMLError

    libraries = library().error, OAuth2Error, HTTPError, YAMLError
    return *libraries, OSError, ValueError, TypeError, LookupError, AttributeError


def _useless(why: str) -> Problem:
    """Return that the kubeconfig is of no use."""
    return Problem(f"the kubeconfig cannot be used: {why}", Exit.UNREACHABLE)


@contextmanager
def _heard() -> Iterator[list[logging.LogRecord]]:
    """Yield what the library only logs: that a program gave no credentials, after which it goes on without."""
    from logging.handlers import BufferingHandler

    ear = BufferingHandler(capacity=100)
    ear.setLevel(logging.ERROR)
    logging.getLogger().addHandler(ear)
    try:
        yield ear.buffer
    finally:
        logging.getLogger().removeHandler(ear)


def _is_loopback(url: str) -> bool:
    """Return whether a URL leads to our own machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _in_pod(settings: Any) -> bool:
    """Return whether there is an API server around our pod; if so the settings lead to it."""
    try:
        library().in_cluster.load_incluster_config(client_configuration=settings)
    except library().error:
        return False
    return True


def _namespace_around() -> str:
    """Return the namespace of the pod around us, empty outside of one.

    https://github.com/kubernetes/client-go/blob/v0.36.0/tools/clientcmd/client_config.go
    """
    pod = library().in_cluster
    token = Path(pod.SERVICE_TOKEN_FILENAME)
    if not (
        os.environ.get(pod.SERVICE_HOST_ENV_NAME) and os.environ.get(pod.SERVICE_PORT_ENV_NAME) and token.is_file()
    ):
        return ""
    file = token.with_name("namespace")
    return os.environ.get("POD_NAMESPACE") or (file.read_text(encoding="utf-8").strip() if file.is_file() else "")
