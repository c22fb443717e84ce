"""Faults: after any fault of the operator, the API server or a watch, the status is right in the end.

A proxy stands between the operator and the API server where the fault is one of the connection.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest

from builders import manifest, workload
from cluster.faults import WRITES, After, Answer, Before, EndWatch, Hold, Match, Rule
from cluster.manifests import await_admission
from cluster.proxy import FaultProxy
from cluster.traffic import Request
from environment_operator.api import names
from kube import Kube, Operator

LISTS_OF_JOBS = Match(path="/apis/batch/v1/jobs$", watch=False)
LISTS_OF_ENVIRONMENTS = Match(path="/environments$", watch=False)
WATCHES_OF_ENVIRONMENTS = Match(path="/environments$", watch=True)
WATCHES_OF_JOBS = Match(path="/apis/batch/v1/jobs$", watch=True)


@pytest.fixture
def environment(kube: Kube) -> str:
    """Return the name of an Environment."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    return name


def counted_right(kube: Kube, name: str, users: int) -> None:
    """Wait until an Environment is ready, protected, and its users counted."""
    kube.until_ready(name)
    kube.until_used(name, users)
    assert [names.FINALIZER] == kube.environment(name)["metadata"]["finalizers"]


def story(kube: Kube, name: str, project: str) -> Iterator[int | None]:
    """Live through the life of an Environment; yield after each step how many users it has, None when it goes."""
    kube.apply(manifest(name, scope={"projects": [project]}))
    yield 0
    kube.apply(workload("Job", name, project, name))
    yield 1
    kube.kubectl("delete", "job", name, "-n", project)
    yield 0
    kube.kubectl("delete", "env", name, "--wait=false")
    yield None


@dataclass
class Reaper:
    """Kills the operator over each of its writes, and starts it again when asked.

    A write that was kept from the API server is tried again; that second try is let through.
    """

    operator: Operator
    before: bool
    kills: int = 0
    spared: str = ""

    def __call__(self, request: Request) -> bool:
        """Kill the operator over a write; return whether the write may pass."""
        pid = self.operator.pid
        if pid is None or request.path == self.spared:
            self.spared = ""
            return True
        os.kill(pid, signal.SIGKILL)
        self.kills += 1
        self.spared = request.path if self.before else ""
        return False

    def revive(self) -> None:
        """Start the operator again if it was killed."""
        if not self.operator.pid:
            self.operator.start(await_ready=False)


@pytest.mark.parametrize("moment", [Before, After])
def test_killed_at_every_write(operator: Operator, kube: Kube, project: str, proxy: FaultProxy, moment: type) -> None:
    """Killed right before or right after each of its writes, the operator finishes the story all the same."""
    name, reaper = kube.unique("env"), Reaper(operator, moment is Before)
    proxy.add(Rule(Match(methods=WRITES.methods, path=f"/environments/{name}"), moment(reaper)))
    for users in story(kube, name, project):
        kube.until(f"{users} users", lambda: _counted(kube, name, users, reaper))  # noqa: B023 - used at once

    # We may have had the event of the last write before the operator, which is killed over it then.
    kube.until("a kill over every write", lambda: 4 <= reaper.kills)


def _counted(kube: Kube, name: str, users: int | None, reaper: Reaper) -> bool:
    """Return whether a step has its effect; start the operator again when it was killed over it."""
    reaper.revive()
    found = kube.find(name)
    total: int | None = (found or {}).get("status", {}).get("usage", {}).get("total")
    return total == users


def test_api_server_restarted(operator: Operator, kube: Kube, environment: str, project: str) -> None:
    """After a crash of the API server the same operator process goes on, and counts right."""
    kube.apply(workload("Job", "before", project, environment))
    counted_right(kube, environment, 1)
    pid = operator.pid
    kube.cluster.stop("kube-apiserver", signal.SIGKILL)
    kube.cluster.start("kube-apiserver")
    kube.apply(workload("Job", "after", project, environment))
    counted_right(kube, environment, 2)

    assert pid == operator.pid


def test_only_the_controller_is_behind_the_proxy(kube: Kube, environment: str, proxy: FaultProxy) -> None:
    """However the processes are stopped and started, the proxy carries the controller's watches and nobody else's."""
    kube.cluster.stop_operator()
    kube.cluster.start_operator()
    await_admission(kube.cluster.layout)
    counted_right(kube, environment, 0)

    assert 1 == len([watch for watch in proxy.watches() if WATCHES_OF_ENVIRONMENTS(watch)])


def test_expired_watch(kube: Kube, environment: str, project: str, proxy: FaultProxy) -> None:
    """When a watch ends with 410, users that came and went in the gap are counted right."""
    kube.apply(*(workload("Job", f"goes{n}", project, environment) for n in range(2)))
    counted_right(kube, environment, 2)
    hold = Hold()
    proxy.add(Rule(LISTS_OF_JOBS, hold))
    assert proxy.end_watches(WATCHES_OF_JOBS, EndWatch(expired=True)) == 1
    kube.kubectl("delete", "jobs", "--all", "-n", project)
    kube.apply(*(workload("Job", f"comes{n}", project, environment) for n in range(3)))
    hold.release.set()
    counted_right(kube, environment, 3)

    assert ["comes0", "comes1", "comes2"] == [w["name"] for w in kube.status(environment)["workloads"]]


def test_environment_of_a_gap(kube: Kube, environment: str, proxy: FaultProxy) -> None:
    """When the watch of Environments ends with 410, one that came and one that went in the gap are known at once."""
    counted_right(kube, environment, 0)
    before = _environments(kube)
    hold, came, went = Hold(), kube.unique("env"), kube.unique("env")
    kube.apply(manifest(went))
    counted_right(kube, went, 0)
    rule = proxy.add(Rule(LISTS_OF_ENVIRONMENTS, hold))
    assert proxy.end_watches(WATCHES_OF_ENVIRONMENTS, EndWatch(expired=True)) == 1
    kube.until("a list", lambda: bool(rule.applied))
    kube.kubectl("annotate", "env", went, f"{names.ALLOW_DELETE_IN_USE}=true")
    kube.kubectl("patch", "env", went, "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
    kube.kubectl("delete", "env", went)
    kube.apply(manifest(came))
    hold.release.set()

    counted_right(kube, came, 0)
    kube.until("one to be forgotten", lambda: before + 1 == _environments(kube))


def _environments(kube: Kube) -> float:
    """Return how many Environments the operator knows."""
    (found,) = kube.metric("environment_operator_environments")
    return found.value


def test_broken_watch(kube: Kube, environment: str, project: str, proxy: FaultProxy) -> None:
    """A watch that breaks off is taken up where it stopped, without another list."""
    counted_right(kube, environment, 0)
    proxy.traffic.clear()
    assert proxy.end_watches(WATCHES_OF_JOBS, EndWatch(abrupt=True)) == 1
    kube.apply(workload("Job", "j", project, environment))
    counted_right(kube, environment, 1)

    assert () == proxy.traffic.exchanges(LISTS_OF_JOBS)


@pytest.mark.parametrize("status", [403, 404])
def test_kind_that_cannot_be_listed(
    operator: Operator, kube: Kube, environment: str, project: str, proxy: FaultProxy, status: int
) -> None:
    """While a kind cannot be listed the others are counted, its users stay counted, and nothing is released."""
    unused = kube.unique("env")
    kube.apply(manifest(unused), workload("Job", "j", project, environment))
    counted_right(kube, environment, 1)
    with operator.down(signal.SIGKILL):
        rule = proxy.add(Rule(Match(path="/apis/batch/v1/jobs$"), Answer(status)))
    kube.apply(workload("Deployment", "d", project, environment))
    counted_right(kube, environment, 2)
    message = kube.until_condition(unused, "InUse", "Unknown", "UsageUnknown")["message"]
    kube.kubectl("delete", "env", unused, "--wait=false")
    kube.until_condition(unused, "DeletionBlocked", "True", "UsageUnknown")
    rule.remove()
    kube.until_gone("env", unused)

    assert "jobs.batch" in message
    assert str(status) in message
    counted_right(kube, environment, 2)


def test_burst(operator: Operator, kube: Kube, environment: str, project: str, proxy: FaultProxy) -> None:
    """500 users come and go in a burst: counted right at the end, with at most one status write a second; only that
    nobody is left, which lets a deletion go on, is written at once.
    """
    with operator.anew(gather_seconds=1):
        counted_right(kube, environment, 0)
        proxy.traffic.clear()
        path = f"/api/v1/namespaces/{project}/podtemplates"
        for n in range(500):
            assert kube.rest.create(path, workload("PodTemplate", f"t{n}", project, environment)).ok
        kube.until_used(environment, 500)
        kube.rest.delete(path)
        kube.until_used(environment, 0)
        written = [e.request.received for e in proxy.writes() if e.path.endswith(f"/{environment}/status")]

    assert len(written) >= 3
    assert min(later - earlier for earlier, later in pairwise(written[:-1])) >= 0.95
