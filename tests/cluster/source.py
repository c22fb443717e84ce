"""Which Kubernetes a cluster takes when nobody says: what is there comes before what has to be built. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

FLAVOR_VARIABLE = "CLUSTER"
NODE_VARIABLE = "NODE"
ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
"""Where tests of other controllers have etcd, kube-apiserver and kubectl; setup-envtest prints it."""


@dataclass(frozen=True)
class Choice:
    """The kind of cluster, and why it was taken."""

    flavor: str
    why: str


def choose(environ: Mapping[str, str], *, built: bool, docker: Callable[[], bool]) -> Choice:
    """Return which Kubernetes to take.

    Args:
        environ: the variables of the process.
        built: whether the programs of a control plane were built before.
        docker: says whether a Docker engine answers; asked only where that matters.
    """
    if flavor := environ.get(FLAVOR_VARIABLE):
        return Choice(flavor, f"{FLAVOR_VARIABLE}={flavor}")
    if environ.get(NODE_VARIABLE) == "1":
        return Choice("node", f"{NODE_VARIABLE}=1")
    if assets := environ.get(ASSETS_VARIABLE):
        return Choice("local", f"programs of {ASSETS_VARIABLE}={assets}")
    if built:
        return Choice("local", f"programs that were built before; {ASSETS_VARIABLE} is not set")
    if docker():
        return Choice("kind", f"a Docker engine answers; {ASSETS_VARIABLE} is not set")
    return Choice("local", f"it is built: {ASSETS_VARIABLE} is not set, and no Docker engine answers")
