"""One person's requests, however large and however many, do not keep others from being admitted.

Each attack is sent in a loop by somebody who may create and change workloads in one namespace, over one connection or
several, while somebody else creates an ordinary Pod in another. Everything is a dry run: what counts is what admission
takes. Who reaches the port of the webhook sends the same there, without any right.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from warnings import catch_warnings

import psutil
import pytest
from urllib3 import PoolManager

from builders import KINDS, manifest, workload
from cluster import Cluster, roles
from cluster.probe import answers
from cluster.rest import Reply, Rest
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, path_of
from people import DRY_RUN, Person, bind, create, project, role, unique
from samples import sample
from third_party import install, path, uninstall

Object = dict[str, Any]
People = tuple[tuple[Person, str], tuple[Person, str]]
# So many seconds an ordinary Pod waits at most, while one sends, and while several do, each with a review under way.
SECONDS, LONGEST, AT_ONCE = 2, 1.0, 3.0
# On a machine that is busy with other things, an ordinary Pod takes as long without an attack: so many are sent, and so
# many times longer it may take then.
QUIET, SLOWER = 10, 3
CONNECTIONS = 4
# Of one review, in seconds of the processor, with any other load.
MOST = 1.0
KNOWN, UNKNOWN = "the-environment", "nobody-has-this-name"
MAIN = "spec", "containers", "main"


def pod(of: str = KNOWN, metadata: Object | None = None, **spec: Any) -> Object:
    """Return a Pod that refers to an Environment, with more of its metadata and spec."""
    made = workload("Pod", "attack", "", of)
    made["metadata"].update(metadata or {})
    made["spec"].update(spec)
    return made


def deployment(of: str = KNOWN, metadata: Object | None = None, **spec: Any) -> Object:
    """Return a Deployment that refers to an Environment and makes no Pod, with more of its metadata and pod spec."""
    made = workload("Deployment", "attack", "", of)
    made["metadata"].update(metadata or {})
    made["spec"] |= {"replicas": 0}
    made["spec"]["template"]["spec"].update(spec)
    return made


def variables(number: int) -> list[Object]:
    """Return variables."""
    return [{"name": f"V{n}", "value": "1"} for n in range(number)]


def doubling(number: int) -> list[Object]:
    """Return variables of which each has the value of the one before it twice; the Environment uses the last one."""
    rest = ({"name": f"V{n}", "value": f"$(V{n - 1})$(V{n - 1})"} for n in range(1, number))
    return [{"name": "V0", "value": "ab"}, *rest]


def record(paths: int, *main: str, key: str = ".") -> Object:
    """Return metadata with a forged record that names very many variables: each is looked for among all."""
    put = [[*main, "env", f"N{n}"] for n in range(paths)]
    entry = {"v": 1, "env": "e", "generation": 1, "hash": "h", "token": "tokentok", "main": main, "put": put}
    return {"annotations": {names.RECORD: json.dumps({key: entry})}}


def forged(paths: int, number: int, of: str = UNKNOWN) -> Object:
    """Return a Pod of very many variables with a forged record."""
    return pod(of, record(paths, *MAIN), containers=[{"name": "main", "env": variables(number)}])


def forged_later(paths: int, number: int) -> Object:
    """Return a Deployment of very many variables with a forged record."""
    found = record(paths, *MAIN, key="spec/template")
    return deployment(metadata=found, containers=main(env=variables(number)))


def workflow(templates: int, of: str = KNOWN) -> Object:
    """Return a Workflow of very many templates."""
    made = sample("workflow", "attack", "")
    made["metadata"]["labels"] = {names.REFERENCE: of}
    made["spec"]["templates"] = [{"name": f"t{n}", "container": {"command": ["x"]}} for n in range(templates)]
    return made


def labels(number: int) -> Object:
    """Return a JobSet with a label for each of very many roles, those that it has not among them."""
    made = sample("jobset", "attack", "")
    labels = {f"{names.ROLE_REFERENCE}r{n}": f"{UNKNOWN}-{n}" for n in range(number)}
    made["metadata"]["labels"] = {names.REFERENCE: UNKNOWN, **labels}
    return made


def groups(number: int) -> Object:
    """Return a JobSet of very many roles, each with an Environment of its own."""
    made = labels(number)
    job = made["spec"]["replicatedJobs"][0]
    made["spec"]["replicatedJobs"] = [{**job, "name": f"r{n}"} for n in range(number)]
    return made


def main(**fields: Any) -> list[Object]:
    """Return the only container of a Pod."""
    return [{"name": "main", "image": "a:1", **fields}]


TOO_MUCH = f"remove the label {names.REFERENCE}"
# What is sent, and what the refusal says.
ATTACKS: dict[str, tuple[Callable[[], Object], str]] = {
    "forged record, 10,000 variables": (lambda: forged(5_000, 10_000), TOO_MUCH),
    "forged record, 30,000 variables": (lambda: forged(15_000, 30_000), TOO_MUCH),
    "forged record that is within the limits": (lambda: forged(300, 290, KNOWN), ""),
    "variables that double each other": (lambda: pod(containers=main(env=doubling(200))), ""),
    "8,000 containers": (lambda: pod(containers=[{"name": f"c{n}", "image": "a:1"} for n in range(8_000)]), TOO_MUCH),
    "8,000 init containers": (lambda: pod(initContainers=[{"name": f"c{n}"} for n in range(8_000)]), TOO_MUCH),
    "30,000 volumes": (lambda: pod(volumes=[{"name": f"v{n}", "emptyDir": {}} for n in range(30_000)]), TOO_MUCH),
    "30,000 ports": (lambda: pod(containers=main(ports=[{"containerPort": n} for n in range(30_000)])), TOO_MUCH),
    "500,000 arguments": (lambda: pod(containers=main(args=[""] * 500_000)), TOO_MUCH),
    "60,000 annotations": (lambda: pod(metadata={"annotations": {f"a{n}": "" for n in range(60_000)}}), TOO_MUCH),
    "6,000 templates": (lambda: workflow(6_000), TOO_MUCH),
    "as many templates as the definition allows": (lambda: workflow(200), ""),
    "3,000 labels for roles": (lambda: labels(3_000), "has no effect"),
    "200 roles, each with its Environment": (lambda: groups(200), TOO_MUCH),
}
# What is stored, what replaces it, and what the refusal says.
UPDATES: dict[str, tuple[Callable[[], Object], Callable[[], Object], str]] = {
    "a forged record, 10,000 variables": (deployment, lambda: forged_later(5_000, 10_000), TOO_MUCH),
    "a forged record that is within the limits": (
        lambda: deployment(containers=main(env=variables(250))), lambda: forged_later(300, 280), "",
    ),
    "variables that double each other": (deployment, lambda: deployment(containers=main(env=doubling(200))), ""),
    "4,000 containers": (
        deployment, lambda: deployment(containers=[{"name": f"c{n}", "image": "a:1"} for n in range(4_000)]), TOO_MUCH,
    ),
    "6,000 templates": (lambda: workflow(1), lambda: workflow(6_000), TOO_MUCH),
}  # fmt: skip


class Port:
    """The port of the webhook, for somebody who reaches it without any right."""

    def __init__(self, cluster: Cluster) -> None:
        self._url = roles.admission_url(cluster.layout)
        self._pool = PoolManager(cert_reqs="CERT_NONE", maxsize=CONNECTIONS)

    def send(self, method: str, path: str, body: bytes) -> Reply:
        """Make a request; what the webhook says of a review stands where the API server's words are."""
        with catch_warnings(action="ignore"):
            answer = self._pool.request(method, f"{self._url}{path}", body=body)
        said = (
            json.loads(answer.data)["response"] if answer.status == 200 else {"status": {"message": str(answer.data)}}
        )
        return Reply(answer.status, {"message": said.get("status", {}).get("message", "")})


@dataclass
class Attack:
    """Sends the same request again and again, over several connections, until it is stopped."""

    rest: Rest | Port
    method: str
    path: str
    body: bytes
    connections: int = 1
    stopped: threading.Event = field(default_factory=threading.Event)
    replies: list[tuple[float, Reply]] = field(default_factory=list)

    def run(self) -> None:
        """Send."""
        while not self.stopped.is_set():
            begin = time.monotonic()
            reply = self.rest.send(self.method, self.path, self.body)
            self.replies.append((time.monotonic() - begin, reply))

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Send while entered."""
        threads = [threading.Thread(target=self.run) for _ in range(self.connections)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            for thread in threads:
                thread.join()


@pytest.fixture(scope="module")
def environment(cluster: Any, rest: Rest) -> Iterator[str]:  # noqa: ARG001 - it runs
    """Return an Environment that everybody may use, for every kind of the attacks."""
    fields = {"overridable": ["Image", "Command", "Args", "Env"], "workingDir": "/$(V199)", "createHomeDir": True}
    assert rest.create(ENVIRONMENTS, manifest(KNOWN, **fields)).ok
    yield KNOWN
    rest.delete(f"{ENVIRONMENTS}/{KNOWN}")


@pytest.fixture(scope="module")
def kinds(rest: Rest) -> Iterator[None]:
    """Have the kinds of the attacks installed."""
    found = install(rest, "workflow", "jobset")
    yield
    uninstall(rest, found)


@pytest.fixture(scope="module")
def people(cluster: Any, rest: Rest, kinds: None) -> People:  # noqa: ARG001
    """Return somebody who attacks and somebody else, each with a namespace in which they may create workloads."""
    submitter = unique("submitter")
    groups = ("", "apps", "argoproj.io", "jobset.x-k8s.io")
    create(rest, role(submitter, *((group, "*", ["create", "update"], ()) for group in groups)))
    made = []
    for word in ("attacker", "neighbour"):
        person, where = Person(cluster, unique(word)), project(rest)
        create(rest, bind(person, submitter, where))
        person.await_right("create", "pods", namespace=where)
        made.append((person, where))
    return made[0], made[1]


@pytest.mark.parametrize("attack", ATTACKS)
def test_others_are_admitted(kube: Kube, environment: str, people: People, attack: str) -> None:
    """An ordinary Pod is admitted within a second, and probes are answered, while an attack goes on."""
    (attacker, theirs), _ = people
    build, expected = ATTACKS[attack]
    body = build()
    body["metadata"]["namespace"] = theirs
    where = path_of(KINDS["pods"], theirs) if body["kind"] == "Pod" else path(body)
    going = Attack(attacker.rest, "POST", f"{where}{DRY_RUN}", json.dumps(body).encode())

    assert [] == held_up(kube, environment, people, attack, going, expected)


@pytest.mark.parametrize("attack", UPDATES)
def test_updates_at_once(kube: Kube, environment: str, people: People, attack: str) -> None:
    """So it is while somebody changes a stored workload over and over, on several connections at once."""
    (attacker, theirs), _ = people
    before, after, expected = UPDATES[attack]
    stored, body = before(), after()
    for each in (stored, body):
        each["metadata"] |= {"namespace": theirs, "name": "stored"}
    collection = path_of(KINDS["deployments.apps"], theirs) if body["kind"] == "Deployment" else path(body)
    made = kube.rest.create(collection, stored)
    assert made.ok, made.message
    if body["kind"] != "Deployment":
        body["metadata"]["resourceVersion"] = made.body["metadata"]["resourceVersion"]
    where = f"{collection}/stored"
    going = Attack(attacker.rest, "PUT", f"{where}{DRY_RUN}", json.dumps(body).encode(), CONNECTIONS)

    try:
        assert [] == held_up(kube, environment, people, f"update: {attack}", going, expected)
    finally:
        kube.rest.delete(where)


def review(new: Object, old: Object | None = None) -> bytes:
    """Return a request for admission as whoever reaches the port can write it."""
    group, _, version = new["apiVersion"].rpartition("/")
    request = {
        "uid": "0", "resource": {"group": group, "version": version, "resource": f"{new['kind'].lower()}s"},
        "namespace": "default", "operation": "UPDATE" if old else "CREATE", "object": new, "oldObject": old,
    }  # fmt: skip
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


SHAPES: dict[str, Callable[[], Object]] = {
    **{name: build for name, (build, _) in ATTACKS.items()},
    **{f"update: {name}": after for name, (_, after, _) in UPDATES.items()},
    "20,000 managers": lambda: pod(metadata={"managedFields": [{"manager": f"m{n}"} for n in range(20_000)]}),
    "a record without an end": lambda: pod(metadata={"annotations": {names.RECORD: "[" * 1_000_000}}),
    "an image of a million letters": lambda: pod(containers=main(image="a" * 1_000_000)),
    "a reference of a million letters": lambda: pod("a." * 500_000),
    "a text of 9 MB": lambda: pod(containers=main(args=["a" * 9_000_000])),
    "lists in lists": lambda: pod(unknown=[[[]] * 100] * 400),
}


@pytest.mark.parametrize("url", [names.MUTATE, names.VALIDATE])
def test_one_review(kube: Kube, environment: str, url: str) -> None:  # noqa: ARG001 - it is referred to
    """Each review is answered, and takes a bounded time, also when nobody validated any of it."""
    process, port = psutil.Process(kube.cluster.pid("webhook") or 0), Port(kube.cluster)
    took = {}
    for name, build in SHAPES.items():
        new = build()
        for old in (None, new):
            before = sum(process.cpu_times()[:2])
            reply = port.send("POST", url, review(new, old))
            took[name, bool(old)] = sum(process.cpu_times()[:2]) - before
            assert 200 == reply.status, (name, reply.message)

    dearest = max(took, key=lambda key: took[key])
    sys.stdout.write(f"{url}: {dearest} took {took[dearest]:.2f} s\n")
    assert {} == {name: seconds for name, seconds in took.items() if seconds > MOST}


@pytest.mark.parametrize("url", [names.MUTATE, names.VALIDATE])
@pytest.mark.parametrize("shape", ["update: a forged record that is within the limits", "a text of 9 MB"])
def test_at_the_port(kube: Kube, environment: str, people: People, url: str, shape: str) -> None:
    """An ordinary Pod is admitted while somebody who reaches the port sends reviews there, several at once."""
    new = SHAPES[shape]()
    going = Attack(Port(kube.cluster), "POST", url, review(new, new), CONNECTIONS)

    assert [] == held_up(kube, environment, people, f"{url}: {shape}", going, "")


def test_the_largest_update(kube: Kube, environment: str, people: People) -> None:
    """The largest change that the API server takes is answered: with the old object it is as large as reviews get."""
    _, (_, ours) = people
    collection = path_of(KINDS["deployments.apps"], ours)
    # Less than etcd stores; a request may have 3 MiB.
    stored, larger = (deployment(environment, containers=main(args=["x" * n])) for n in (1_400_000, 3_000_000))
    for each in (stored, larger):
        each["metadata"] |= {"namespace": ours, "name": "largest"}
    made = kube.rest.create(collection, stored)
    assert made.ok, made.message
    changed = kube.rest.replace(f"{collection}/largest{DRY_RUN}", larger)
    # What stands for a sign of JSON has six, which makes of 3 MB more than is read.
    larger["spec"]["template"]["spec"]["containers"][0]["args"] = ["<" * 3_000_000]
    refused = kube.rest.replace(f"{collection}/largest{DRY_RUN}", larger)

    assert kube.rest.delete(f"{collection}/largest").ok
    assert changed.ok, changed.message
    assert "more than 8388608 bytes" in refused.message
    assert TOO_MUCH in refused.message


def held_up(kube: Kube, environment: str, people: People, attack: str, going: Attack, expected: str) -> list[str]:
    """Return what went wrong while an attack went on: who waited too long, and what was answered otherwise."""
    _, (neighbour, ours) = people
    ordinary = workload("Pod", "ordinary", ours, environment)
    programs = [psutil.Process(kube.cluster.pid(name) or 0) for name in ("webhook", "kube-apiserver")]
    quiet = [admitted(neighbour.rest, ours, ordinary) for _ in range(QUIET)]
    took: list[float] = []
    probed: list[bool] = []
    with going.going_on(), used(attack, programs, going, took):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end or not going.replies:
            took.append(admitted(neighbour.rest, ours, ordinary))
            probed.append(answers(f"{kube.cluster.operator_url('webhook')}/livez"))

    wrong = [] if all(probed) else ["a probe was not answered"]
    most = LONGEST if going.connections == 1 else AT_ONCE
    if (longest := percentile(took, 99)) > max(most, SLOWER * max(quiet)):
        wrong.append(f"an ordinary Pod took {longest:.2f} s, and {max(quiet):.2f} s before")
    return wrong + [reply.message for _, reply in going.replies if not is_expected(reply, expected)]


def admitted(rest: Rest, namespace: str, item: Object) -> float:
    """Return how many seconds it takes until a Pod is admitted."""
    begin = time.monotonic()
    reply = rest.create(f"{path_of(KINDS['pods'], namespace)}{DRY_RUN}", item)
    assert reply.ok, reply.message
    return time.monotonic() - begin


def is_expected(reply: Reply, expected: str) -> bool:
    """Return whether a request was refused with some words, or accepted where there are none."""
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
