"""Faults by the dozen, drawn from a seed, while users come and go: afterwards the status is that of a fresh start."""

from collections.abc import Callable
from random import Random

import pytest

from builders import manifest
from cluster.faults import WRITES, Act, Answer, Delay, Drop, EndWatch, Half, Match, Repeat, Rule
from cluster.proxy import FaultProxy
from flow import Flow, until_counted
from kube import ENVIRONMENTS, Kube, Operator

LISTS = Match(methods=frozenset({"GET"}), path="/(podtemplates|environments|namespaces)$", watch=False)
WATCHES = Match(path="/(podtemplates|environments|namespaces)$", watch=True)
ENVIRONMENT_WRITES = Match(methods=WRITES.methods, path=f"{ENVIRONMENTS}/")
FAULTS: dict[str, Callable[[Random], tuple[Match, Act]]] = {
    "slow": lambda chance: (ENVIRONMENT_WRITES, Delay(chance.uniform(0.1, 1))),
    "conflict": lambda _: (ENVIRONMENT_WRITES, Answer(409, "Conflict")),
    "throttled": lambda _: (ENVIRONMENT_WRITES, Answer(429, "TooManyRequests", headers=(("Retry-After", "1"),))),
    "broken": lambda _: (ENVIRONMENT_WRITES, Answer(500)),
    "unanswered": lambda _: (ENVIRONMENT_WRITES, Drop()),
    "half a write": lambda _: (ENVIRONMENT_WRITES, Half()),
    "half a list": lambda _: (LISTS, Half()),
    "no list": lambda chance: (LISTS, chance.choice([Answer(410, "Expired"), Answer(500), Answer(403, "Forbidden")])),
    "watch that ends": lambda chance: (WATCHES, EndWatch(after=chance.randrange(5), abrupt=chance.random() < 0.5)),
    "watch that is too old": lambda chance: (WATCHES, EndWatch(after=chance.randrange(5), expired=True)),
    "events twice": lambda _: (WATCHES, Repeat()),
}


def trouble(proxy: FaultProxy, flow: Flow, chance: Random) -> None:
    """Have every kind of fault happen a few times, in an order of its own, and watches end meanwhile."""
    for what in chance.sample(sorted(FAULTS), len(FAULTS)):
        match, act = FAULTS[what](chance)
        proxy.add(Rule(match, act, times=chance.randint(1, 4)))
        proxy.end_watches(WATCHES, EndWatch(expired=chance.random() < 0.3, abrupt=chance.random() < 0.5))
        flow.await_changes(25)


@pytest.mark.parametrize("seed", [1, 2])
def test_as_after_a_fresh_start(operator: Operator, kube: Kube, proxy: FaultProxy, seed: int) -> None:
    """After faults of requests and watches users are counted right in the end: a fresh start changes nothing."""
    names = [kube.unique("env") for _ in range(5)]
    pid = operator.pid
    with Flow(kube, names) as flow:
        for name in names:
            assert kube.rest.create(ENVIRONMENTS, manifest(name)).ok
        trouble(proxy, flow, Random(seed))
    happened = {type(rule.rule.act).__name__ for rule in proxy.rules if rule.applied}
    proxy.clear()
    until_counted(kube, flow)
    same_process = pid == operator.pid
    before = [kube.environment(name)["metadata"]["resourceVersion"] for name in names]
    operator.restart()
    kube.apply(manifest(last := kube.unique("env")))
    kube.until_ready(last)

    assert same_process
    assert {"Answer", "EndWatch", "Half", "Repeat"} <= happened
    assert before == [kube.environment(name)["metadata"]["resourceVersion"] for name in names]
