"""A cluster without a way out: images of Environments are pulled from a mirror, and everybody sees by which name."""

from collections.abc import Iterator

import pytest

from builders import manifest, workload
from cluster import Cluster
from cluster.manifests import await_admission
from kube import Kube, Operator
from plugin import Plugin

DECLARED, PULLED = "registry.example/team/jupyter:4.2", "mirror.example/cache/team/jupyter:4.2"
SETTING = {"ENVIRONMENT_OPERATOR_IMAGE_MIRRORS": "registry.example=mirror.example/cache,docker.io=mirror.example/hub"}


@pytest.fixture
def mirrored(cluster: Cluster, operator: Operator) -> Iterator[None]:
    """Have both roles run with mirrors for a while."""
    cluster.stop_operator()
    cluster.start_operator(SETTING)
    await_admission(cluster.layout)
    yield
    cluster.stop_operator()
    operator.start()
    await_admission(cluster.layout)


@pytest.mark.usefixtures("mirrored")
def test_mirror(kube: Kube, plugin: Plugin, project: str) -> None:
    """Status, workload and plugin name the mirror's image; one that is written as declared is replaced, too."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)
    assert {"declared": DECLARED, "pulled": PULLED} == kube.status(name)["image"]
    for own in ({}, {"image": DECLARED}):
        made = workload("Pod", kube.unique("pod"), project, name)
        made["spec"]["containers"][0] = {"name": "main", **own}
        reply = kube.rest.create(f"/api/v1/namespaces/{project}/pods", made)
        assert reply.ok, reply.message
        assert PULLED == reply.body["spec"]["containers"][0]["image"]

    assert PULLED in plugin("render", name, "-n", project)
