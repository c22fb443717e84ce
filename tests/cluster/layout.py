"""Where one test cluster keeps its files."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from cluster.errors import ClusterError

DIRECTORY_VARIABLE = "CLUSTER_DIR"
DEFAULT_DIRECTORY = ".cluster"
REPO_ROOT = Path(__file__).resolve().parents[2]
# What the commands of the tests are imported from, as PYTHONPATH.
PYTHON_PATH = os.pathsep.join(str(REPO_ROOT / "tests" / each) for each in ("", "support", "performance"))


def directory_from_environment() -> Path:
    """Return the directory named by CLUSTER_DIR, or `.cluster` here."""
    return Path(os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY)


def cache_directory() -> Path:
    """Return the per-user cache of this project; it may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "environment-operator"


@dataclass(frozen=True)
class Layout:
    """The paths inside one cluster's directory, which is absolute."""

    root: Path

    @property
    def record(self) -> Path:
        """What `up` decided: its presence says that a cluster lives here."""
        return self.root / "cluster.json"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def kubectl(self) -> Path:
        """A link to the kubectl that fits the cluster."""
        return self.root / "bin" / "kubectl"

    @property
    def kubectl_cache(self) -> Path:
        """The kubectl discovery cache: ports are reused, so it is never shared."""
        return self.root / "kubectl-cache"

    @property
    def pki(self) -> Path:
        """Certificates and keys of the control plane."""
        return self.root / "pki"

    @property
    def etcd(self) -> Path:
        """The data of etcd."""
        return self.root / "etcd"

    @property
    def node(self) -> Path:
        """What a node keeps: there is one where the cluster has a node."""
        return self.root / "node"

    @property
    def logs(self) -> Path:
        """One log per program."""
        return self.root / "logs"

    @property
    def authentication(self) -> Path:
        """Whose tokens the API server accepts in addition to its own; it reads the file again when it changes."""
        return self.root / "authentication.yaml"

    @property
    def audit(self) -> Path:
        """What the operator has asked the API server for, one request a line."""
        return self.logs / "audit.log"

    def role_kubeconfig(self, program: str) -> Path:
        """Return the kubeconfig of one of the operator's processes: its real identity."""
        return self.root / f"{program}.kubeconfig"

    @property
    def operator_token(self) -> Path:
        """The token of the operator's service account."""
        return self.root / "operator.token"

    def pid(self, program: str) -> Path:
        """Return the pid file of a program."""
        return self.root / "pids" / program

    def log(self, program: str) -> Path:
        """Return the log of a program."""
        return self.logs / f"{program}.log"

    def port(self, program: str) -> Path:
        """Return the file with the HTTP port of one of the operator's processes."""
        return self.root / f"{program}.port"

    def create(self) -> None:
        """Make the directory; refuse one that holds somebody else's files."""
        ours = {self.logs.name}
        if self.root.exists() and {path.name for path in self.root.iterdir()} - ours:
            message = f"{self.root} holds other files: give CLUSTER_DIR a directory of its own"
            raise ClusterError(message)
        for folder in ("bin", "pids", "logs", "pki", "etcd"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)

    def remove(self, *, keep_logs: bool = False) -> None:
        """Remove the directory of a cluster, all of it or all but the logs."""
        if not (keep_logs and any(self.logs.iterdir())):
            shutil.rmtree(self.root)
            return
        for path in self.root.iterdir():
            if path.is_dir() and path != self.logs:
                shutil.rmtree(path)
            elif path != self.logs:
                path.unlink()

    def lock(self) -> FileLock:
        """Return the lock that one `up`, `down`, `start` or `stop` of this directory holds."""
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        folder = cache_directory() / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"cluster-{digest}.lock", is_singleton=True)
