"""The cluster on which the rounds are played: two replicas of our webhook, one of which stops hearing of anything."""

import copy
import re
import signal
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families

from cluster import Cluster, manifests
from cluster.faults import Answer, Delay, Match, Rule
from cluster.probe import client_context
from cluster.proxy import FaultProxy
from cluster.rest import Rest
from cluster.upstream import Upstream
from environment_operator.api import names
from law7.connection import Connection
from law7.script import FRESH, ROUTES, SLOW_LISTS, STALE, Terms

Object = dict[str, Any]
REQUEST_SECONDS = 10
PROGRAMS = {FRESH: "webhook", STALE: "stale-webhook"}
OPENER = build_opener(ProxyHandler({}))
ALL_ENVIRONMENTS = f"/{names.PLURAL}$"


class Stage:
    """The cluster, inside of ``with``.

    Args:
        directory: where it lives.
        terms: the grace period, and how slow the lists are.
    """

    def __init__(self, directory: Path, terms: Terms) -> None:
        self._lists = terms.lists
        self._exit = ExitStack()
        self.cluster = Cluster(
            directory=directory,
            flavor="local",
            apiserver_args=(f"--request-timeout={REQUEST_SECONDS}s",),
            operator_env={"ENVIRONMENT_OPERATOR_GRACE_SECONDS": str(terms.grace)},
        )

    def __enter__(self) -> Self:
        """Bring the cluster up, the controller behind a proxy that can make its lists slow."""
        with ExitStack() as undone:
            undone.enter_context(self.cluster)
            upstream = Upstream.of(self.cluster.kubeconfig)
            self._controllers, self._stale = (undone.enter_context(FaultProxy(upstream)) for _ in range(2))
            slow = Match(query=f"labelSelector=.*{SLOW_LISTS}", watch=False)
            self._controllers.add(Rule(slow, Delay(self._lists)))
            self.cluster.stop("operator", signal.SIGKILL)
            self.cluster.start_operator(server=self._controllers.url)
            self._rest = Rest(self.cluster.kubeconfig)
            undone.callback(self._rest.close)
            self._exit = undone.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Take the cluster down."""
        self._exit.close()

    def connection(self) -> Connection:
        """Return a connection of the administrator."""
        context = client_context(self.cluster.layout.pki, "admin")
        return Connection(Upstream.of(self.cluster.kubeconfig).server, context)

    def split(self) -> None:
        """Have the API server ask, by the namespace, a second replica, which has heard of nothing since just before."""
        self._exit.callback(self.cluster.stop, PROGRAMS[STALE])
        url = self.cluster.start_webhook(PROGRAMS[STALE], self._stale.url)
        self._stale.add(Rule(Match(path=ALL_ENVIRONMENTS), Answer(503)))
        self._stale.end_watches(Match(path=ALL_ENVIRONMENTS))
        for project, (first, last) in ROUTES.items():
            labels = {_label("mutating"): first, _label("validating"): last}
            self._rest.create("/api/v1/namespaces", {"metadata": {"name": project, "labels": labels}})
        for path, found in manifests.configurations(self._rest).items():
            which = "mutating" if "mutating" in path else "validating"
            found["webhooks"] = [part for entry in found["webhooks"] for part in _parts(entry, which, url)]
            answer = self._rest.replace(path, found)
            if not answer.ok:
                raise RuntimeError(f"the webhooks cannot be split: {answer.message}")

    def asked(self, which: str) -> Counter[str]:
        """Return how often a replica was asked, by webhook and result."""
        with OPENER.open(f"{self.cluster.operator_url(PROGRAMS[which])}/metrics") as answer:
            families = text_string_to_metric_families(answer.read().decode())
        samples = (sample for family in families for sample in family.samples)
        found = Counter[str]()
        for sample in samples:
            if sample.name == "environment_operator_admissions_total":
                found[f"{sample.labels['webhook']} {sample.labels['result']}"] += int(sample.value)
        return found


def _label(which: str) -> str:
    """Return the label that says which replica is asked in a namespace."""
    return f"route.example.org/{which}"


def _parts(entry: Object, which: str, url: str) -> Iterable[Object]:
    """Return an entry of a configuration, split in two where it depends on the namespace."""
    if not entry.get("namespaceSelector"):
        return (entry,)
    stale = copy.deepcopy(entry)
    stale["name"] = f"{STALE}-{entry['name']}"
    stale["clientConfig"]["url"] = re.sub("^https://[^/]+", url, entry["clientConfig"]["url"])
    for part, operator in ((entry, "NotIn"), (stale, "In")):
        expression = {"key": _label(which), "operator": operator, "values": [STALE]}
        part["namespaceSelector"]["matchExpressions"].append(expression)
    return entry, stale
