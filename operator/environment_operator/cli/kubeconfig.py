"""The kubeconfig of the user, read by the kubernetes library as kubectl reads it."""

import os
from pathlib import Path
from typing import Any

from environment_operator.cli.problems import Exit, Problem

Object = dict[str, Any]


def load(file: str, context: str) -> tuple[Any, Object]:
    """Return the library's client and the context that it was made of, empty around a pod.

    Args:
        file: path of the kubeconfig, empty for what KUBECONFIG and the home directory say.
        context: name of the context in it, empty for the current one.

    Raises:
        Problem: it cannot be used.
    """
    from kubernetes import client, config

    path = file or None
    settings = client.Configuration()
    try:
        wanted = context or (None if path else _first_context())
        known, active = config.list_kube_config_contexts(path)
        config.load_kube_config(path, wanted, settings)
    except _failures() as error:
        if context or path or not _in_pod(settings):
            hint = "say which with --kubeconfig and --context, or set KUBECONFIG"
            raise Problem(f"the kubeconfig cannot be used: {error}; {hint}", Exit.UNREACHABLE) from error
        return client.ApiClient(settings), {}
    chosen = next((c for c in known if c["name"] == wanted), active) if wanted else active
    return client.ApiClient(settings), chosen


def contexts(file: str) -> list[str]:
    """Return the names of all contexts of a kubeconfig, none when it cannot be read.

    Args:
        file: path of the kubeconfig, empty for what KUBECONFIG and the home directory say.
    """
    from kubernetes import config

    try:
        known, _ = config.list_kube_config_contexts(file or None)
    except _failures():
        return []
    return [str(each["name"]) for each in known]


def _failures() -> tuple[type[Exception], ...]:
    """Return what the library raises over a kubeconfig."""
    from kubernetes.config.config_exception import ConfigException
    from yaml import YAMLError

    return ConfigException, OSError, ValueError, TypeError, YAMLError


def _first_context() -> str | None:
    """Return the current context where KUBECONFIG names several files: kubectl takes the first, the library the last.

    https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files
    """
    import yaml

    files = [Path(file) for file in os.environ.get("KUBECONFIG", "").split(os.pathsep) if file]
    if len(files) > 1:
        for file in filter(Path.is_file, files):
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            if isinstance(content, dict) and content.get("current-context"):
                return str(content["current-context"])
    return None


def _in_pod(settings: Any) -> bool:
    """Say whether there is an API server around our pod; if so the settings lead to it."""
    from kubernetes import config
    from kubernetes.config.config_exception import ConfigException

    try:
        config.load_incluster_config(client_configuration=settings)
    except ConfigException:
        return False
    return True
