"""Users and edits at a low rate, for an hour or for some minutes: what becomes of the memory of the operator.

The operator runs as it is installed, admission included, in a namespace of its own.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from statistics import linear_regression

import psutil

from builders import manifest, workload
from cluster import Cluster
from cluster.rest import Reply, Rest
from kube import ENVIRONMENTS, Kube
from scale.parts import say

PROJECT = "hour"
TEMPLATES = f"/api/v1/namespaces/{PROJECT}/podtemplates"
NAMES = [f"hour-{number}" for number in range(20)]
PROGRAMS = ("operator", "webhook")
# So many users at most, and so many changes to one edit of an Environment.
MOST, EDIT = 200, 50


@dataclass
class Load:
    """One change after the other, drawn from a seed.

    Args:
        rest: the API server, as the administrator.
    """

    rest: Rest
    changes: int = 0
    failed: int = 0
    users: dict[str, str] = field(default_factory=dict)
    chance: Random = field(default_factory=lambda: Random(1))

    def change(self) -> None:
        """Edit an Environment, delete a user, or create one."""
        self.changes += 1
        reply = self._change()
        self.failed += not reply.ok

    def _change(self) -> Reply:
        if self.changes % EDIT == 0:
            edit = {"spec": {"workingDir": f"/work/{self.changes}"}}
            return self.rest.patch(f"{ENVIRONMENTS}/{self.chance.choice(NAMES)}", edit)
        if self.users and (len(self.users) >= MOST or self.chance.random() < 0.45):
            name = self.chance.choice(sorted(self.users))
            del self.users[name]
            return self.rest.delete(f"{TEMPLATES}/{name}")
        name, environment = f"user-{self.changes}", self.chance.choice(NAMES)
        self.users[name] = environment
        return self.rest.create(TEMPLATES, workload("PodTemplate", name, PROJECT, environment))


def hour(cluster: Cluster, rest: Rest, minutes: int, rate: float) -> None:
    """Make changes at a rate for some minutes; print the memory each minute, and its slope over the last half."""
    kube, load = Kube(cluster, rest), Load(rest)
    cluster.start_operator()
    rest.create("/api/v1/namespaces", {"metadata": {"name": PROJECT}})
    for name in NAMES:
        rest.create(ENVIRONMENTS, manifest(name))
    for name in NAMES:
        kube.until_ready(name)
    processes = {name: psutil.Process(cluster.pid(name)) for name in PROGRAMS}
    sizes: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for minute in range(minutes + 1):
        for name, process in processes.items():
            sizes[name].append(process.memory_info().rss / 2**20)
        say(f"minute {minute}: {load.changes:,} changes, {load.failed} failed; {_line(processes, sizes)}")
        if minute < minutes:
            _for_a_minute(load, rate)
    expected = Counter(load.users.values())
    kube.until("every user to be counted", lambda: expected == Counter({name: kube.usage(name) for name in NAMES}))
    for name, found in sizes.items():
        late = found[len(found) // 2 :]
        slope = linear_regression(range(len(late)), late).slope * 60
        say(f"{name}: {found[0]:.1f} MB at the start, {found[-1]:.1f} MB at the end, {slope:+.1f} MB an hour over the "
            "last half")  # fmt: skip
    if load.failed:
        raise SystemExit(f"{load.failed} of {load.changes} changes failed")


def _for_a_minute(load: Load, rate: float) -> None:
    """Make changes at a rate, as far as the API server answers in time."""
    begin = time.monotonic()
    for number in range(int(60 * rate)):
        time.sleep(max(0.0, begin + number / rate - time.monotonic()))
        if time.monotonic() > begin + 60:
            return
        load.change()
    time.sleep(max(0.0, begin + 60 - time.monotonic()))


def _line(processes: dict[str, psutil.Process], sizes: dict[str, list[float]]) -> str:
    """Return the memory and the processor's time of each program, in words."""
    used = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    return ", ".join(f"{name} {sizes[name][-1]:.1f} MB and {used[name]:.0f} s of the processor" for name in processes)
