"""Webhooks of other projects as these install them: their Services lead to a port of this machine."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kube import Kube, Object

HOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


@contextmanager
def installed(kube: Kube, found: Sequence[Object], port: int) -> Iterator[None]:
    """Apply what a controller is installed by, but for its Pod; when the controller is over, its webhooks go."""
    clients = [config for made in found for config in _clients(made)]
    for config in clients:
        config["service"]["port"] = port
    services = {(config["service"]["namespace"], config["service"]["name"]) for config in clients}
    whole = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*found, *map(_service, services)]})
    try:
        kube.kubectl("apply", "--server-side", "--force-conflicts", "--validate=ignore", "-f", "-", stdin=whole)
        yield
    finally:
        hooks = [f"{made['kind'].lower()}/{made['metadata']['name']}" for made in found if made["kind"] in HOOKS]
        kube.kubectl("delete", "--ignore-not-found", *hooks)


def _clients(made: Object) -> Iterator[Object]:
    """Yield each part of an object that has where a webhook is called."""
    yield from (entry["clientConfig"] for entry in made.get("webhooks", ()))
    conversion = made.get("spec", {}).get("conversion", {})
    if "webhook" in conversion:
        yield conversion["webhook"]["clientConfig"]


def _service(name: tuple[str, str]) -> Object:
    """Return a Service that leads to this machine, by its namespace and name."""
    meta = {"namespace": name[0], "name": name[1]}
    spec = {"type": "ExternalName", "externalName": "localhost"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}
