"""The values of the chart: every group of kinds and every setting is among them, or has a place of its own."""

import yaml

from environment_operator.kinds.third_party import ROWS
from environment_operator.manifests import chart_values
from environment_operator.settings import Settings

# What the chart decides by itself: ports and addresses of the Pods, and files that it mounts.
OWN = {"http_address", "https_address", "https_client_ca", "https_certificate", "kinds_file"}


def test_every_group_of_kinds() -> None:
    """Each API group of another project can be switched off."""
    assert {row.group for row in ROWS} == chart_values.GROUPS.keys()


def test_every_setting() -> None:
    """Each setting of the operator is a value, or one of those that the chart decides by itself."""
    assert Settings.model_fields.keys() == OWN | set(chart_values.SETTINGS.values())


def test_values_are_as_the_table_says() -> None:
    """The file has every value under its path, with its default, and nothing else."""
    found = yaml.load(chart_values.values_yaml(), yaml.CSafeLoader)
    for value in chart_values.VALUES:
        *above, last = value.path.split(".")
        node = found
        for key in above:
            node = node[key]
        assert value.default == node.pop(last), value.path

    assert [] == [key for key, left in found.items() if any(_leaves(left))]


def _leaves(node: object) -> list[object]:
    """Return what is left of some values besides empty maps."""
    return [leaf for inner in node.values() for leaf in _leaves(inner)] if isinstance(node, dict) else [node]
