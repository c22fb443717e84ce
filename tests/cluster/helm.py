"""Helm on our chart, and the plain manifests that come of it: `python -m cluster.helm` writes them."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from cluster import binaries
from cluster.errors import ClusterError
from cluster.layout import REPO_ROOT

CHART = REPO_ROOT / "deploy/chart"
RELEASE, NAMESPACE = "environment-operator", "environments-system"
# The plain manifests, each with the values that its template needs in addition to the defaults.
INGRESSES = ("--set=tools.ingressClass=any", "--set=tools.url=https://tools.example.com")
CONSOLE = ("--set=console.enabled=true", "--set=console.certificate=environment-operator-console")
PLAIN: Mapping[str, tuple[str, ...]] = {"operator": (), "rbac": (), "ingresses": INGRESSES, "console": CONSOLE}
HEADER = "# Written by `make manifests` from the chart; do not edit.\n"


def helm(
    *arguments: str, env: Mapping[str, str] | None = None, check: bool = True
) -> "subprocess.CompletedProcess[str]":
    """Run helm with nothing of the user's around it; with `check` a failure raises with what helm said."""
    binaries.ensure(["helm"], _say)
    command = [str(binaries.path("helm")), *arguments]
    with tempfile.TemporaryDirectory() as home:
        places = {f"HELM_{each}_HOME": home for each in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run(
            command, env={**os.environ, **places, **(env or {})}, capture_output=True, text=True, check=False
        )
    if check and done.returncode:
        message = f"helm {' '.join(arguments)} failed:\n{done.stderr.strip()}"
        raise ClusterError(message)
    return done


def rendered(name: str) -> str:
    """Return a plain manifest: what a template of the chart gives with the values that it has."""
    namespace = f"--namespace={NAMESPACE}"
    out = helm(
        "template", RELEASE, str(CHART), namespace, "--no-hooks", f"--show-only=templates/{name}.yaml", *PLAIN[name]
    )
    lines = (line for line in out.stdout.splitlines() if not line.startswith("# Source: "))
    return HEADER + re.sub(r"\n+---\n", "\n---\n", "\n".join(lines).removeprefix("---\n").strip()) + "\n"


def main() -> None:
    """Write the plain manifests."""
    for name in PLAIN:
        (REPO_ROOT / f"deploy/{name}.yaml").write_text(rendered(name), encoding="utf-8")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
