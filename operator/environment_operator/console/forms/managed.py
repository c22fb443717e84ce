"""Which program applies an Environment from elsewhere, so that a change made here is undone. Pure.

Sources: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/ and
https://fluxcd.io/flux/faq/#how-can-i-tell-if-a-resource-is-managed-by-flux
"""

from collections.abc import Mapping
from typing import Any

ARGO_CD, FLUX = "Argo CD", "Flux"
_ANNOTATIONS = {"argocd.argoproj.io/tracking-id": ARGO_CD}
_LABELS = {
    "argocd.argoproj.io/instance": ARGO_CD,
    "kustomize.toolkit.fluxcd.io/name": FLUX,
    "helm.toolkit.fluxcd.io/name": FLUX,
}
# With which field manager each applies: Argo CD may track by a label that Helm sets, too.
_MANAGERS = {"argocd-controller": ARGO_CD, "kustomize-controller": FLUX, "helm-controller": FLUX}


def manager(environment: Mapping[str, Any]) -> str:
    """Return the program that applies an Environment, empty for none."""
    meta = environment["metadata"]
    marks = [
        *(_ANNOTATIONS.get(key) for key in meta.get("annotations") or ()),
        *(_LABELS.get(key) for key in meta.get("labels") or ()),
        *(_MANAGERS.get(str(entry.get("manager"))) for entry in meta.get("managedFields") or ()),
    ]
    return next(filter(None, marks), "")
