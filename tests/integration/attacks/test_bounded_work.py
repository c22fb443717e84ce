"""One person's requests, however large and however many, do not keep others from being admitted.

Each attack is sent in a loop by somebody who may create workloads in one namespace, while somebody else creates an
ordinary Pod in another. Everything is a dry run: what counts is what admission takes.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from builders import KINDS, manifest, workload
from cluster.probe import answers
from cluster.rest import Reply, Rest
from environment_operator import names
from kube import ENVIRONMENTS, Kube, path_of
from people import DRY_RUN, Person, bind, create, project, role, unique
from samples import sample
from third_party import install, path, uninstall

Object = dict[str, Any]
SECONDS, LONGEST = 4, 1.0
# On a machine that is busy with other things, an ordinary Pod takes as long without an attack: so many are sent, and so
# many times longer it may take then.
QUIET, SLOWER = 10, 3
KNOWN, UNKNOWN = "the-environment", "nobody-has-this-name"


def pod(of: str = KNOWN, metadata: Object | None = None, **spec: Any) -> Object:
    """Return a Pod that refers to an Environment, with more of its metadata and spec."""
    made = workload("Pod", "attack", "", of)
    made["metadata"].update(metadata or {})
    made["spec"].update(spec)
    return made


def variables(number: int) -> list[Object]:
    """Return variables."""
    return [{"name": f"V{n}", "value": "1"} for n in range(number)]


def forged(paths: int, number: int, of: str = UNKNOWN) -> Object:
    """Return a Pod of very many variables with a record that names others: each is looked for among all."""
    main = ["spec", "containers", "main"]
    put = [[*main, "env", f"N{n}"] for n in range(paths)]
    entry = {"v": 1, "env": "e", "generation": 1, "hash": "h", "token": "tokentok", "main": main, "put": put}
    record = {"annotations": {names.RECORD: json.dumps({".": entry})}}
    return pod(of, record, containers=[{"name": "main", "env": variables(number)}])


def workflow(templates: int, of: str = KNOWN) -> Object:
    """Return a Workflow of very many templates."""
    made = sample("workflow", "attack", "")
    made["metadata"]["labels"] = {names.REFERENCE: of}
    made["spec"]["templates"] = [{"name": f"t{n}", "container": {"command": ["x"]}} for n in range(templates)]
    return made


def roles(number: int) -> Object:
    """Return a JobSet with a label for each of very many roles, those that it has not among them."""
    made = sample("jobset", "attack", "")
    labels = {f"{names.ROLE_REFERENCE}r{n}": f"{UNKNOWN}-{n}" for n in range(number)}
    made["metadata"]["labels"] = {names.REFERENCE: UNKNOWN, **labels}
    return made


def groups(number: int) -> Object:
    """Return a JobSet of very many roles, each with an Environment of its own."""
    made = roles(number)
    job = made["spec"]["replicatedJobs"][0]
    made["spec"]["replicatedJobs"] = [{**job, "name": f"r{n}"} for n in range(number)]
    return made


def main(**fields: Any) -> list[Object]:
    """Return the only container of a Pod."""
    return [{"name": "main", "image": "a:1", **fields}]


TOO_MUCH = f"leave out the label {names.REFERENCE}"
# What is sent, and what the refusal says.
ATTACKS: dict[str, tuple[Callable[[], Object], str]] = {
    "forged record, 10,000 variables": (lambda: forged(5_000, 10_000), TOO_MUCH),
    "forged record, 30,000 variables": (lambda: forged(15_000, 30_000), TOO_MUCH),
    "forged record that is within the limits": (lambda: forged(300, 300, KNOWN), ""),
    "8,000 containers": (lambda: pod(containers=[{"name": f"c{n}", "image": "a:1"} for n in range(8_000)]), TOO_MUCH),
    "8,000 init containers": (lambda: pod(initContainers=[{"name": f"c{n}"} for n in range(8_000)]), TOO_MUCH),
    "30,000 volumes": (lambda: pod(volumes=[{"name": f"v{n}", "emptyDir": {}} for n in range(30_000)]), TOO_MUCH),
    "30,000 ports": (lambda: pod(containers=main(ports=[{"containerPort": n} for n in range(30_000)])), TOO_MUCH),
    "500,000 arguments": (lambda: pod(containers=main(args=[""] * 500_000)), TOO_MUCH),
    "60,000 annotations": (lambda: pod(metadata={"annotations": {f"a{n}": "" for n in range(60_000)}}), TOO_MUCH),
    "6,000 templates": (lambda: workflow(6_000), TOO_MUCH),
    "as many templates as the definition allows": (lambda: workflow(200), ""),
    "3,000 labels for roles": (lambda: roles(3_000), "names no role"),
    "200 roles, each with its Environment": (lambda: groups(200), TOO_MUCH),
}


@dataclass
class Attack:
    """Sends the same request again and again, until it is told to stop."""

    rest: Rest
    path: str
    body: bytes
    stopped: threading.Event = field(default_factory=threading.Event)
    replies: list[tuple[float, Reply]] = field(default_factory=list)

    def run(self) -> None:
        """Send."""
        while not self.stopped.is_set():
            begin = time.monotonic()
            reply = self.rest.send("POST", self.path, self.body)
            self.replies.append((time.monotonic() - begin, reply))

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Send while entered; the first request was answered before."""
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            thread.join()


@pytest.fixture(scope="module")
def environment(cluster: Any, rest: Rest) -> Iterator[str]:  # noqa: ARG001 - it runs
    """Return an Environment that everybody may use, for every kind of the attacks."""
    assert rest.create(ENVIRONMENTS, manifest(KNOWN, overridable=["Command", "Args", "Env"])).ok
    yield KNOWN
    rest.delete(f"{ENVIRONMENTS}/{KNOWN}")


@pytest.fixture(scope="module")
def kinds(rest: Rest) -> Iterator[None]:
    """Have the kinds of the attacks installed."""
    found = install(rest, "workflow", "jobset")
    yield
    uninstall(rest, found)


@pytest.fixture(scope="module")
def people(cluster: Any, rest: Rest, kinds: None) -> tuple[tuple[Person, str], tuple[Person, str]]:  # noqa: ARG001
    """Return somebody who attacks and somebody else, each with a namespace in which they may create workloads."""
    submitter = unique("submitter")
    create(rest, role(submitter, *((group, "*", ["create"], ()) for group in ("", "argoproj.io", "jobset.x-k8s.io"))))
    made = []
    for word in ("attacker", "neighbour"):
        person, where = Person(cluster, unique(word)), project(rest)
        create(rest, bind(person, submitter, where))
        person.await_right("create", "pods", namespace=where)
        made.append((person, where))
    return made[0], made[1]


@pytest.mark.parametrize("attack", ATTACKS)
def test_others_are_admitted(
    kube: Kube, environment: str, people: tuple[tuple[Person, str], tuple[Person, str]], attack: str
) -> None:
    """An ordinary Pod is admitted within a second, and probes are answered, while an attack goes on."""
    (attacker, theirs), (neighbour, ours) = people
    build, expected = ATTACKS[attack]
    body = build()
    body["metadata"]["namespace"] = theirs
    where = path_of(KINDS["pods"], theirs) if body["kind"] == "Pod" else path(body)
    going = Attack(attacker.rest, f"{where}{DRY_RUN}", json.dumps(body).encode())
    ordinary = workload("Pod", "ordinary", ours, environment)
    programs = [psutil.Process(kube.cluster.pid(name) or 0) for name in ("webhook", "kube-apiserver")]
    quiet = [admitted(neighbour.rest, ours, ordinary) for _ in range(QUIET)]
    took, probed = [], []
    with going.going_on(), used(attack, programs, going, took):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end or not going.replies:
            took.append(admitted(neighbour.rest, ours, ordinary))
            probed.append(answers(f"{kube.cluster.operator_url('webhook')}/livez"))

    assert {True} == set(probed)
    assert [] == [reply.message for _, reply in going.replies if not is_expected(reply, expected)]
    assert max(LONGEST, SLOWER * max(quiet)) >= percentile(took, 99)


def admitted(rest: Rest, namespace: str, item: Object) -> float:
    """Return how many seconds it takes until a Pod is admitted."""
    begin = time.monotonic()
    reply = rest.create(f"{path_of(KINDS['pods'], namespace)}{DRY_RUN}", item)
    assert reply.ok, reply.message
    return time.monotonic() - begin


def is_expected(reply: Reply, expected: str) -> bool:
    """Say whether a request was refused with some words, or accepted where there are none."""
    return expected in reply.message if expected else reply.ok


@contextmanager
def used(attack: str, programs: list[psutil.Process], going: Attack, took: list[float]) -> Iterator[None]:
    """Print what an attack cost: how long others waited, and what the programs took meanwhile."""
    begin, before = time.monotonic(), [sum(p.cpu_times()[:2]) for p in programs]
    yield
    passed = time.monotonic() - begin
    cores = [(sum(p.cpu_times()[:2]) - b) / passed for p, b in zip(programs, before, strict=True)]
    memory = [p.memory_info().rss / 2**20 for p in programs]
    each = " ".join(
        f"{n} {c:.2f} cores {m:.0f} MB" for n, c, m in zip(("webhook", "api server"), cores, memory, strict=True)
    )
    sizes = f"{len(going.body) / 1000:.0f} kB x{len(going.replies)} of {max(t for t, _ in going.replies):.2f} s"
    waits = f"p50 {percentile(took, 50):.3f} p99 {percentile(took, 99):.3f} s of {len(took)}"
    sys.stdout.write(f"{attack:40} {sizes:26} ordinary {waits}; webhook, API server {each}\n")


def percentile(found: list[float], percent: int) -> float:
    """Return the value below which so many percent are."""
    return sorted(found)[min(len(found) - 1, len(found) * percent // 100)]
