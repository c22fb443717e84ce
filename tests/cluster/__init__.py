"""A real Kubernetes API for tests, without Docker: `python -m cluster up`."""

from cluster.api import Cluster
from cluster.errors import ClusterError

__all__ = ["Cluster", "ClusterError"]
