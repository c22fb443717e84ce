"""Webhooks of other projects as these install them: their Services lead to a port of this machine."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from cluster.record import free_port
from controllers.processes import mount, running
from controllers.programs import Controller, source
from kube import Kube, Object

HOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
NEEDED = ("Namespace", "CustomResourceDefinition", "Secret", *HOOKS)


@contextmanager
def configured(
    kube: Kube, controller: Controller, configuration: Callable[[int, Path], Object], certificate: tuple[str, str]
) -> Iterator[None]:
    """Have a controller run as its own kustomization installs it, with a configuration in a file.

    Args:
        kube: the administrator's hands.
        controller: the controller.
        configuration: returns it for the port of the webhooks and the folder of their certificate.
        certificate: namespace and name of the Secret in which the controller keeps that.
    """
    port, folder = free_port(), kube.cluster.layout.root / controller.name
    folder.mkdir(exist_ok=True)
    file = folder / "configuration.yaml"
    file.write_text(yaml.safe_dump(configuration(port, folder)))
    rendered = kube.kubectl("kustomize", str(source(controller.module) / "config/default"))
    # A megabyte of definitions.
    found = [each for each in yaml.load_all(rendered, yaml.CSafeLoader) if each["kind"] in NEEDED]
    with installed(kube, found, port), running(kube, controller, f"--config={file}"):
        mount(kube, *certificate, folder)
        yield


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
