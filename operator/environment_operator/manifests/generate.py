"""Write the definition, policies, webhook configurations, rights on kinds, their chart, and the table of metrics.

``python -m environment_operator.manifests.generate``: what is written comes from code alone, so the same code writes
the same bytes. With ``--kinds`` the rows of a file come to those of the operator, and only what depends on them is
written, for the plain manifests and as values of the chart.
"""

import argparse
from pathlib import Path

from environment_operator.api import names
from environment_operator.kinds.table import Kind
from environment_operator.manifests import chart, observability, rbac, webhook_configurations
from environment_operator.manifests.crd import definition
from environment_operator.manifests.policies import objects
from environment_operator.manifests.writing import render
from environment_operator.settings import table

_KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


def documents() -> dict[str, str]:
    """Return the text of each generated file, by its path below the root."""
    rows, crd = table(None), f"{names.CRD_NAME}.yaml"
    return {
        f"crds/{crd}": render([definition()]),
        "crds/kustomization.yaml": render([{**_KUSTOMIZATION, "resources": [crd]}]),
        **of_kinds(rows),
        **chart.files(rows),
    }


def of_kinds(rows: tuple[Kind, ...]) -> dict[str, str]:
    """Return the plain manifests that depend on the kinds table."""
    return {
        "deploy/policies.yaml": render(objects(rows)),
        "deploy/webhooks.yaml": render(webhook_configurations.objects(rows)),
        "deploy/kinds.yaml": render(rbac.objects(rows)),
    }


def with_further(file: Path) -> dict[str, str]:
    """Return what goes with the rows of a file: plain manifests, and values of the chart.

    Raises:
        ValueError: the file holds no such rows.
    """
    rows = table(file)
    return {**of_kinds(rows), "values.yaml": chart.further(rows, file.read_text(encoding="utf-8"))}


def main() -> None:
    """Write every generated file below ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(), help="root of the tree to write to")
    parser.add_argument("--kinds", type=Path, help="YAML list of further rows, as for the setting KINDS_FILE")
    given = parser.parse_args()
    try:
        made = with_further(given.kinds) if given.kinds else documents()
    except ValueError as error:
        parser.error(str(error))
    for path, content in made.items():
        (given.out / path).parent.mkdir(parents=True, exist_ok=True)
        (given.out / path).write_text(content, encoding="utf-8")
    if not given.kinds:
        text = Path(observability.PATH).read_text(encoding="utf-8")
        (given.out / observability.PATH).write_text(observability.document(text), encoding="utf-8")


if __name__ == "__main__":
    main()
