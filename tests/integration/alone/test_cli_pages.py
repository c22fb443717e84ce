"""Lists of the plugin that are longer than a page.

In a cluster of its own, since so many Environments take long to be let go.
"""

import json

from builders import manifest
from kube import ENVIRONMENTS, Kube
from plugin import Plugin


def test_more_than_a_page(kube: Kube, plugin: Plugin) -> None:
    """Lists that come in several pages are whole and in order, whichever form is asked for."""
    word = kube.unique("page")
    many = [f"{word}-{number:04}" for number in range(505)]
    for made in map(manifest, many):
        assert kube.rest.create(ENVIRONMENTS, made).ok
    asked = ("--filter", f"environment={word}-*")
    listed = [line.rpartition("/")[2] for line in plugin("list", *asked, "-o", "name").splitlines()]
    dated = plugin("list", *asked, "--columns", "environment,updated", "--no-headers").splitlines()
    whole = json.loads(plugin("list", *asked, "-o", "json"))["items"]

    assert many == listed
    assert many == [line.split()[0] for line in dated]
    assert all(line.split()[1:] for line in dated)
    assert many == [each["metadata"]["name"] for each in whole]
