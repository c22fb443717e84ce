"""Registry mirrors: the image of an Environment is its own by both references."""

from typing import Any

import pytest
import yaml

from builders import around, spec, workload
from cluster.layout import REPO_ROOT
from environment_operator.injection.context import Published
from environment_operator.injection.environment_cache import publish
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.table import BUILTIN
from environment_operator.settings import Settings
from environment_operator.spec import images

Object = dict[str, Any]
(DEPLOYMENT,) = (kind for kind in BUILTIN if kind.kind == "Deployment")
DECLARED = "registry.example/team/jupyter:4.2"
PULLED = "mirror.example/cache/team/jupyter:4.2"
KNOWN: Published = publish(
    "e", 1, spec(), lambda _: False, mirrors=Settings(image_mirrors="registry.example=mirror.example/cache").mirrors
)
CATALOGUE = [
    made
    for file in sorted((REPO_ROOT / "deploy/catalogue").glob("*.yaml"))
    if (made := yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)).get("kind") == "Environment"
]


def deployment(image: str | None) -> Object:
    """Return a Deployment that refers to the Environment, with an image of its own where one is given."""
    made = workload("Deployment", "w", "p", "e")
    container = made["spec"]["template"]["spec"]["containers"][0]
    container.pop("image", None)
    return {**made, **({"spec": with_image(made["spec"], image)} if image else {})}


def with_image(found: Object, image: str) -> Object:
    """Return the spec of a Deployment with an image."""
    found["template"]["spec"]["containers"][0]["image"] = image
    return found


def image_of(item: Object) -> Any:
    """Return the image of the main container."""
    return item["spec"]["template"]["spec"]["containers"][0].get("image")


@pytest.mark.parametrize("own", [None, DECLARED, PULLED])
def test_pulled_from_the_mirror(own: str | None) -> None:
    """The image is pulled from the mirror, also where the submitter wrote it as declared; undone, it is as written."""
    new, known = deployment(own), around(KNOWN)
    stored = admit(DEPLOYMENT, new, None, known)
    assert stored.workload is not None, stored.refusal
    assert PULLED == image_of(stored.workload)
    assert approve(DEPLOYMENT, stored.workload, None, known).workload is not None

    again = admit(DEPLOYMENT, deployment(own), stored.workload, known)
    assert stored.workload == again.workload
    free = deployment(own)
    del free["metadata"]["labels"]
    left = admit(DEPLOYMENT, free if own else with_image_of(stored.workload), stored.workload, known)
    assert left.workload is not None, left.refusal
    assert (own or "mine:1") == image_of(left.workload)


def with_image_of(stored: Object) -> Object:
    """Return a stored Deployment without its reference, for which an image has to be given."""
    item = deployment("mine:1")
    del item["metadata"]["labels"]
    return {**item, "metadata": {**item["metadata"], "annotations": stored["metadata"].get("annotations", {})}}


def test_another_image_is_another() -> None:
    """An image that is neither of both is refused as ever."""
    filled = admit(DEPLOYMENT, deployment("other.example/x:1"), None, around(KNOWN))
    assert filled.workload is not None

    assert f'"{PULLED}" from Environment "e"' in approve(DEPLOYMENT, filled.workload, None, around(KNOWN)).refusal


@pytest.mark.parametrize("made", CATALOGUE, ids=lambda made: made["metadata"]["name"])
def test_the_catalogue_without_a_way_out(made: Object) -> None:
    """With one mirror for each public registry no image of the catalogue is pulled from outside."""
    hosts = ("docker.io", "ghcr.io", "nvcr.io", "quay.io")
    setting = Settings(image_mirrors=",".join(f"{host}=mirror.example/{host}" for host in hosts))
    pulled = images.mirrored(made["spec"]["image"], setting.mirrors)

    assert pulled.startswith("mirror.example/")
    assert images.problem(pulled) is None


@pytest.mark.parametrize("wrong", ["docker.io", "docker.io=", "docker.io=a,", "docker.io=a b", "a=b=c"])
def test_setting(wrong: str) -> None:
    """A setting that is no list of pairs is refused at the start."""
    with pytest.raises(ValueError, match="image_mirrors"):
        Settings(image_mirrors=wrong)
