"""The part of the kubernetes library that reads kubeconfigs and opens connections, without the rest of it.

``import kubernetes`` also imports every API, pydantic, requests and a websocket client: half a second of CPU in each
command, for nothing that we use. So its packages are entered without running their ``__init__``, and what renews a
token of OpenID Connect is imported when one is renewed. The modules are the library's own, unchanged. They are private
to us: ``import kubernetes`` elsewhere in the same program still gives the whole library.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import LazyLoader, find_spec, module_from_spec
from types import ModuleType
from typing import Any, NamedTuple

_PACKAGES = ("kubernetes", "kubernetes.client", "kubernetes.config", "kubernetes.utils", "requests_oauthlib")
_LATER = ("oauthlib.oauth2",)


class Library(NamedTuple):
    """The modules that we use.

    Args:
        kube_config: ``kubernetes.config.kube_config``.
        in_cluster: ``kubernetes.config.incluster_config``.
        rest: ``kubernetes.client.rest``.
        settings: the class ``kubernetes.client.Configuration``.
        error: the class ``kubernetes.config.ConfigException``.
    """

    kube_config: Any
    in_cluster: Any
    rest: Any
    settings: Any
    error: type[Exception]


@cache
def library() -> Library:
    """Return the modules, imported at the first call."""
    with _bare_packages():
        from kubernetes.client.configuration import Configuration

        # What kube_config imports by name, and calls only to renew a token.
        client = {"Configuration": Configuration, "ApiClient": _later("kubernetes.client", "ApiClient")}
        vars(sys.modules["kubernetes.client"]).update(client)
        session = _later("requests_oauthlib", "OAuth2Session")
        vars(sys.modules["requests_oauthlib"]).update(OAuth2Session=session)
        from kubernetes.client import rest
        from kubernetes.config import incluster_config, kube_config

    return Library(kube_config, incluster_config, rest, Configuration, kube_config.ConfigException)


@contextmanager
def _bare_packages() -> Iterator[None]:
    """Let modules be imported without the packages that they are in; afterwards all is as before."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in _PACKAGES}
    for name in _PACKAGES:
        sys.modules[name] = _unread(name)
    for name in _LATER:
        if name not in sys.modules:
            _defer(name)
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] in _PACKAGES]:
            del sys.modules[name]
        sys.modules.update(before)


def _unread(name: str) -> ModuleType:
    """Return a module whose code has not been run."""
    spec = find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(name)
    return module_from_spec(spec)


def _defer(name: str) -> None:
    """Have a module run when something of it is asked for: https://docs.python.org/3/library/importlib.html."""
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name)
    spec.loader = LazyLoader(spec.loader)
    sys.modules[name] = module = module_from_spec(spec)
    package, _, last = name.rpartition(".")
    setattr(sys.modules[package], last, module)
    spec.loader.exec_module(module)


def _later(module: str, name: str) -> Callable[..., Any]:
    """Return what calls something of a module that is imported then."""

    def call(*arguments: Any, **named: Any) -> Any:
        return getattr(import_module(module), name)(*arguments, **named)

    return call
