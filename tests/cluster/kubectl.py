"""kubectl, always of the right cluster."""

import os
import subprocess

from cluster.errors import ClusterError
from cluster.layout import Layout

TIMEOUT_SECONDS = 300


def run(
    layout: Layout, *arguments: str, stdin: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run kubectl as the administrator; with `check` a failure raises with what kubectl said."""
    command = (str(layout.kubectl), f"--kubeconfig={layout.kubeconfig}", *arguments)
    try:
        done = subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            env=_environment(layout),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        message = f"kubectl {' '.join(arguments)}: {error}"
        raise ClusterError(message) from error
    if check and done.returncode:
        message = f"kubectl {' '.join(arguments)} failed:\n{done.stderr.strip()}"
        raise ClusterError(message)
    return done


def _environment(layout: Layout) -> dict[str, str]:
    """Return the environment without personal preferences and shared caches."""
    ours = {
        "KUBECONFIG": str(layout.kubeconfig),
        "KUBECACHEDIR": str(layout.kubectl_cache),
        "KUBERC": "off",
    }
    return {**os.environ, **ours}
