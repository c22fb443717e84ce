"""kubectl for tests: objects as dicts, refusals as text, and waiting for what must come true."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener
from uuid import uuid4

import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from builders import manifest, workload
from cluster import Cluster
from cluster.proxy import FaultProxy
from cluster.rest import Rest
from cluster.upstream import Upstream
from cluster.waiting import PATIENCE_SECONDS, until
from environment_operator.admission.certificate_rotation import NAME
from environment_operator.api import names
from environment_operator.kinds.table import Kind

Object = dict[str, Any]
SETTINGS = {
    "GRACE_SECONDS": "1",
    "RETRY_SECONDS": "0.5",
    "GATHER_SECONDS": "0.1",
    "TOOLS_URL": "https://tools.example.com",
    "TOOLS_GATEWAY": "gateways/shared",
}
OPERATOR_ENV = {f"ENVIRONMENT_OPERATOR_{name}": value for name, value in SETTINGS.items()}
ADMISSIONS = "environment_operator_admissions_total"
OPENER = build_opener(ProxyHandler({}))
ENVIRONMENTS = f"/apis/{names.API_VERSION}/{names.PLURAL}"
# Where admission keeps its certificate and its authority.
CERTIFICATE = f"/api/v1/namespaces/{names.SYSTEM_NAMESPACE}/secrets/{NAME}"


def minor(rest: Rest) -> int:
    """Return the minor version of Kubernetes that the API server has."""
    return int(rest.get("/version").body["minor"].rstrip("+"))


def path_of(kind: Kind, namespace: str, name: str = "") -> str:
    """Return the URL path of the objects of a kind in a namespace, or of one."""
    head, _, plural = kind.path.rpartition("/")
    return f"{head}/namespaces/{namespace}/{plural}{f'/{name}' if name else ''}"


@contextmanager
def fresh_cluster(directory: Path, **choices: Any) -> Iterator[Cluster]:
    """Have a cluster with the operator, and waits that are short, so that tests are.

    What each of the settings is for is tested where it matters, with the time that it needs.
    """
    with Cluster(directory=directory, operator_env=OPERATOR_ENV, controllers=True, **choices) as made:
        yield made


@contextmanager
def kept_cluster(directory: Path) -> Iterator[Cluster]:
    """Have a cluster that stays up between runs, made when there is none, with the operator of today's code."""
    made = Cluster(directory=directory, operator_env=OPERATOR_ENV, controllers=True)
    if made.layout.record.exists():
        made.stop_operator()
    made.up()
    yield made
    # What ran during the tests spoke to the API server through a proxy that is gone.
    made.stop_operator()
    made.start_operator()


@contextmanager
def behind_proxy(cluster: Cluster) -> Iterator["Operator"]:
    """Have all that the controller says to the API server go through a proxy."""
    with FaultProxy(Upstream.of(cluster.kubeconfig)) as proxy:
        cluster.servers["operator"] = proxy.url
        made = Operator(cluster, proxy)
        made.restart()
        yield made
        made.stop()
        del cluster.servers["operator"]


@dataclass(frozen=True)
class Operator:
    """The operator of the cluster, behind the proxy."""

    cluster: Cluster
    proxy: FaultProxy

    @property
    def pid(self) -> int | None:
        """Its process, None when it does not run."""
        return self.cluster.pid("operator")

    def stop(self, sig: int = signal.SIGTERM) -> None:
        """Stop it and wait for its end; admission stays."""
        self.cluster.stop("operator", sig)

    def start(self, *, await_ready: bool = True, **env: object) -> None:
        """Start it unless it runs; settings by their names."""
        variables = {f"ENVIRONMENT_OPERATOR_{name.upper()}": str(value) for name, value in env.items()}
        self.cluster.start_operator(variables, await_ready=await_ready)

    def restart(self, **env: object) -> None:
        """Stop it and start it, with these settings."""
        self.stop()
        self.start(await_ready=True, **env)

    @contextmanager
    def down(self, sig: int = signal.SIGTERM) -> Iterator[None]:
        """Have it down for a while; it runs for the tests that follow, also after a failure."""
        self.stop(sig)
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def anew(self, **env: object) -> Iterator[None]:
        """Have it run with these settings for a while, and then as before."""
        try:
            self.restart(**env)
            yield
        finally:
            self.restart()


@dataclass(frozen=True)
class Kube:
    """The administrator's hands on a cluster."""

    cluster: Cluster
    rest: Rest

    @staticmethod
    def unique(word: str) -> str:
        """Return a name that no other test uses."""
        return f"{word}-{uuid4().hex[:8]}"

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it printed; a failure raises with what it said."""
        return self.cluster.kubectl(*arguments, input=stdin).stdout

    def refused(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl, which must fail, and return what it said."""
        done = self.cluster.kubectl(*arguments, input=stdin, check=False)
        assert done.returncode != 0, f"kubectl {' '.join(arguments)} was not refused: {done.stdout}"
        return done.stderr

    def apply(self, *objects: Object) -> None:
        """Apply objects."""
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def get(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """Return an object, or None when there is none."""
        reply = self.rest.get(self.rest.resources(kind).path(namespace, name))
        if reply.status == HTTPStatus.NOT_FOUND:
            self.rest.resources.forget()
            reply = self.rest.get(self.rest.resources(kind).path(namespace, name))
        assert reply.ok or reply.status == HTTPStatus.NOT_FOUND, reply.message
        return reply.body if reply.ok else None

    def objects(self, kind: str, namespace: str = "", labels: str = "", fields: str = "") -> list[Object]:
        """Return the objects of a kind, in a namespace or in all, which these selectors select."""
        query = urlencode({"labelSelector": labels, "fieldSelector": fields})
        reply = self.rest.get(f"{self.rest.resources(kind).path(namespace)}?{query}")
        assert reply.ok, reply.message
        head = {"apiVersion": reply.body["apiVersion"], "kind": reply.body["kind"].removesuffix("List")}
        return [{**head, **item} for item in reply.body["items"]]

    def environment(self, name: str) -> Object:
        """Return an Environment that must exist."""
        found = self.find(name)
        assert found is not None, f"there is no Environment {name}"
        return found

    def find(self, name: str) -> Object | None:
        """Return an Environment, or None when there is none."""
        reply = self.rest.get(f"{ENVIRONMENTS}/{name}")
        return reply.body if reply.ok else None

    def status(self, name: str) -> Object:
        """Return the status of an Environment, empty before the operator saw it."""
        status: Object = self.environment(name).get("status", {})
        return status

    def usage(self, name: str) -> int:
        """Return how many users the status counts; -1 while it counts none at all."""
        total: int = self.status(name).get("usage", {}).get("total", -1)
        return total

    def condition(self, name: str, kind: str) -> Object:
        """Return a condition of an Environment, empty when it is not there."""
        return next((c for c in self.status(name).get("conditions", ()) if c["type"] == kind), {})

    def until(self, what: str, condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until something holds."""
        until(what, condition, seconds=seconds)

    def until_ready(self, name: str) -> None:
        """Wait until an Environment is ready, as kubectl does: at its newest generation."""
        self.until(f"{name} to be ready", lambda: self._ready(name))

    def _ready(self, name: str) -> bool:
        """Return whether an Environment is ready at its newest generation."""
        generation = self.environment(name)["metadata"]["generation"]
        ready = self.condition(name, "Ready")
        return (ready.get("status"), ready.get("observedGeneration")) == ("True", generation)

    def until_used(self, name: str, total: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the status counts so many users."""
        self.until(f"{name} to have {total} users", lambda: self.usage(name) == total, seconds)

    def in_use(self, kind: str, name: str, project: str) -> str:
        """Return the name of a new Environment that a new workload uses, which is counted."""
        environment = self.unique("env")
        self.apply(manifest(environment), workload(kind, name, project, environment))
        self.until_used(environment, 1)
        return environment

    def until_condition(self, name: str, kind: str, status: str, reason: str) -> Object:
        """Wait until a condition of an Environment says this; return it."""
        wanted = (status, reason)
        self.until(
            f"{name} to be {kind}={status}/{reason}",
            lambda: wanted == tuple(self.condition(name, kind).get(key) for key in ("status", "reason")),
        )
        return self.condition(name, kind)

    def until_project(self, name: str) -> None:
        """Create a namespace that other tests have under this name too, once one that is being deleted is gone."""
        path = "/api/v1/namespaces"

        def is_there() -> bool:
            self.rest.create(path, {"metadata": {"name": name}})
            found = self.rest.get(f"{path}/{name}")
            return found.ok and "deletionTimestamp" not in found.body["metadata"]

        self.until(f"namespace {name} to be there", is_there)

    def until_gone(self, kind: str, name: str, namespace: str = "") -> None:
        """Wait until an object does not exist any more."""
        look = self.find if kind == "env" else lambda n: self.get(kind, n, namespace)
        self.until(f"{kind} {name} to be gone", lambda: look(name) is None)

    def events(self, name: str) -> list[Object]:
        """Return the Events about an Environment."""
        return self.objects("events", fields=f"involvedObject.kind=Environment,involvedObject.name={name}")

    def admissions(self) -> Counter[str]:
        """Return how often each webhook was called since its start, by what became of the calls."""
        found = Counter[str]()
        for sample in self.metric(ADMISSIONS, "webhook"):
            found[f"{sample.labels['webhook']} {sample.labels['result']}"] += int(sample.value)
        return found

    def refusals(self) -> Counter[str]:
        """Return how many requests admission has refused since its start, by the word for the reason."""
        found = Counter[str]()
        for sample in self.metric(ADMISSIONS, "webhook"):
            if sample.labels["result"] == "refused":
                found[sample.labels["reason"]] += int(sample.value)
        return found

    def metric(self, name: str, program: str = "operator") -> list[Sample]:
        """Return the samples of a metric of a program."""
        with OPENER.open(f"{self.cluster.operator_url(program)}/metrics") as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        return [sample for family in families for sample in family.samples if sample.name == name]

    def until_established(self, definition: str) -> None:
        """Wait until the API server serves the kind of a definition.

        `kubectl wait` fails at once when it comes before the first condition.
        """
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition}"

        def established() -> bool:
            conditions = self.rest.get(path).body.get("status", {}).get("conditions") or ()
            return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

        self.until(f"{definition} to be served", established)
