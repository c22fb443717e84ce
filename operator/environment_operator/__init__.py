"""Environments for AI workloads on Kubernetes: written once, used by name, guarded while in use."""

__version__ = "0.1.0"
