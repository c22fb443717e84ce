"""Environments of deploy/catalogue on a node, with images of the same name, user, entrypoint and programs.

A program stands for the one of its name: it takes the same arguments and serves the same path on the same port, so a
Pod is ready only where the Environment's user, arguments, ports and probe fit together.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from cluster import Cluster, images
from cluster.images import Image
from cluster.layout import REPO_ROOT
from cluster.rest import Rest
from cluster.waiting import TIMEOUT
from kube import Kube

FOLDER = REPO_ROOT / "deploy" / "catalogue"
# serve PORT PATH: says there who it is.
SERVE = """#!/bin/sh
mkdir -p "$(dirname "/tmp/www$2")"
echo "$(id -u):$(id -g) $(pwd)" > "/tmp/www$2"
exec httpd -f -p "$1" -h /tmp/www
"""
PASS_ON = '#!/bin/sh\nexec "$@"\n'
TINI = '#!/bin/sh\n[ "$1 $2" = "-g --" ] && shift 2 && exec "$@"\n'
NOTEBOOK = """#!/bin/sh
for each; do case $each in --ServerApp.base_url=*) echo "${each#*=}" > /tmp/base;; esac; done
exec serve 8888 "$(cat /tmp/base)api"
"""
HEALTH = '#!/bin/sh\nexec wget -qO- "http://127.0.0.1:8888$(cat /tmp/base)api"\n'
TENSORBOARD = """#!/bin/sh
for each; do case $each in --port=*) port=${each#*=};; --path_prefix=*) base=${each#*=};; esac; done
exec serve "$port" "$base/data"
"""
MLFLOW = """#!/bin/sh
for each; do case $each in --port=*) port=${each#*=};; esac; done
exec serve "$port" "$MLFLOW_STATIC_PREFIX/health"
"""
CODE_SERVER = '#!/bin/sh\n[ "$1" = --bind-addr ] && exec serve "${2#*:}" /healthz\n'


@dataclass(frozen=True)
class Stand:
    """What stands for the image of an Environment.

    Args:
        says: who the process is, and its working directory.
        page: where it says so: port and path, in the words of a shell in the container.
        user: the user of the image.
        entrypoint: its entrypoint.
        programs: the programs in it by path.
    """

    says: str
    page: str
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    programs: dict[str, str] = field(default_factory=dict)


STANDS = {
    "jupyter-minimal": Stand(
        "1000:100 /home/jovyan", "8888$ENVIRONMENT_TOOL_LAB_BASE_PATH/api", "1000", ("tini", "-g", "--", "start.sh"),
        {"/bin/tini": TINI, "/bin/start.sh": PASS_ON, "/bin/start-notebook.py": NOTEBOOK,
         "/etc/jupyter/docker_healthcheck.py": HEALTH},
    ),
    "code-server": Stand(
        "1000:1000 /home/coder", "8080/healthz", "1000", ("/usr/bin/entrypoint.sh", "--bind-addr", "0.0.0.0:8080", "."),
        {"/usr/bin/entrypoint.sh": CODE_SERVER},
    ),
    "rstudio": Stand("0:0 /", "8787/page", "", ("/init",), {"/init": "#!/bin/sh\nexec serve 8787 /page\n"}),
    "tensorboard": Stand(
        "0:0 /", "6006$ENVIRONMENT_TOOL_TENSORBOARD_BASE_PATH/data", programs={"/bin/tensorboard": TENSORBOARD}
    ),
    "mlflow": Stand("0:0 /", "5000$ENVIRONMENT_TOOL_MLFLOW_BASE_PATH/health", programs={"/bin/mlflow": MLFLOW}),
}  # fmt: skip
WORKLOAD = """apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, labels: {environments.dev/environment: NAME}}
spec:
  selector: {matchLabels: {app: NAME}}
  template: {metadata: {labels: {app: NAME}}, spec: {containers: [{name: main}]}}
"""


def manifest(name: str) -> dict[str, Any]:
    """Return an Environment of the catalogue."""
    made: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return made


@pytest.fixture(scope="module")
def running(cluster: Cluster, rest: Rest) -> Iterator[str]:
    """Have a workload of six lines of each Environment; return their project."""
    kube, project = Kube(cluster, rest), Kube.unique("catalogue")
    rest.create("/api/v1/namespaces", {"metadata": {"name": project}})
    for name, stand in STANDS.items():
        files = {"/bin/serve": SERVE, **stand.programs}
        images.load(cluster.layout, Image(manifest(name)["spec"]["image"], stand.user, stand.entrypoint, files))
        kube.kubectl("apply", "-f", str(FOLDER / f"{name}.yaml"))
        kube.kubectl("apply", "-n", project, "-f", "-", stdin=WORKLOAD.replace("NAME", name))
    yield project
    kube.kubectl("delete", "deployments", "--all", "-n", project)
    rest.delete(f"/api/v1/namespaces/{project}")


@pytest.mark.parametrize("name", STANDS)
def test_it_runs(kube: Kube, running: str, name: str) -> None:
    """The Pod becomes ready, as the user and in the folder of the image, and answers at the path of its tool."""
    kube.kubectl("rollout", "status", f"deployment/{name}", "-n", running, TIMEOUT)
    asks = f'wget -qO- "http://127.0.0.1:{STANDS[name].page}"'
    answer = kube.kubectl("exec", f"deployment/{name}", "-n", running, "--", "/bin/sh", "-c", asks)

    assert STANDS[name].says == answer.strip()
