"""Who has tools, what there is for them, who holds which address; and whom each change concerns."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from environment_operator.api import names
from environment_operator.kube.objects import Whole
from environment_operator.tools.addresses import Address, Tools
from environment_operator.tools.index import Ledger, claim_name

URL = "https://tools.example.com/x"
ASKING = Tools(env="e", token="t", tools={"lab": Address(type="ExternalURL", port=1, url=URL, custom=True)}).text()
PLAIN = Tools(env="e", token="t", tools={"lab": Address(type="ClusterIP", port=1)}).text()
A, B = "jobs.batch/team/a", "jobs.batch/team/b"


def lease(key: str, uid: str, asked: str = URL, name: str = "") -> Whole:
    """Return a Lease of an address."""
    annotations = {names.CLAIM: asked, names.EXPOSES: key}
    meta = {"name": name or claim_name(asked), "uid": f"lease-{uid}", "annotations": annotations}
    return Whole.model_validate({**meta, "spec": {"holderIdentity": uid}})


def service(key: str, version: str = "1", namespace: str = "team") -> Whole:
    """Return a Service that exposes a workload."""
    meta = {"name": "s", "namespace": namespace, "uid": "u", "resourceVersion": version}
    return Whole.model_validate({**meta, "annotations": {names.EXPOSES: key}, "spec": {"type": "ClusterIP"}})


def test_workloads() -> None:
    """A workload concerns itself when it comes, changes and goes; what is as before concerns nobody."""
    ledger = Ledger()

    assert [{A}, set(), {A}, {A}, set()] == [
        ledger.put(A, "1", PLAIN), ledger.put(A, "1", PLAIN), ledger.put(A, "2", ASKING), ledger.put(A, "2", ""),
        ledger.put(A, "2", ""),
    ]  # fmt: skip
    assert set() == ledger.keys()


def test_lost() -> None:
    """What a complete list of a kind does not have is lost; other kinds are not."""
    ledger = Ledger()
    for key in (A, B, "pods/team/a"):
        ledger.put(key, "1", PLAIN)

    assert {B} == ledger.lost("jobs.batch", {("team", "a")})


def test_waiting() -> None:
    """Who asks for an address is concerned when somebody else gets it, and when it is given back."""
    ledger = Ledger()
    ledger.put(A, "1", ASKING)
    ledger.put(B, "2", ASKING)

    assert {A, B} == ledger.hold(lease(A, "1"))
    assert set() == ledger.hold(lease(A, "1"))
    assert [(B, URL, A)] == ledger.conflicts("e")
    assert {A, B} == ledger.release(claim_name(URL))
    assert [] == ledger.conflicts("e")
    assert {} == ledger.claims_of(A)


def test_leases_of_others() -> None:
    """A Lease whose name is not that of its address holds nothing."""
    ledger = Ledger()

    assert set() == ledger.hold(lease(A, "1", name="mine"))
    assert {} == ledger.claims


def test_another_one_has_the_name() -> None:
    """An address that a workload held which is gone is not held by another one of its name, and nobody conflicts."""
    ledger = Ledger()
    ledger.put(A, "2", ASKING)
    ledger.hold(lease(A, "1"))

    assert ["1"] == [claim.uid for claim in ledger.claims_of(A).values()]
    assert [] == ledger.conflicts("e")


def test_what_is_made() -> None:
    """An object concerns its workload when it comes, changes and goes, and nobody when it is as it was."""
    ledger = Ledger()

    assert [{A}, set(), {A}, {A}, set()] == [
        ledger.update("Service", service(A)), ledger.update("Service", service(A)),
        ledger.update("Service", service(A, "2")),
        ledger.delete("Service", "team", "s"), ledger.delete("Service", "team", "s"),
    ]  # fmt: skip
    assert {} == ledger.made(A)


def test_moved() -> None:
    """An object that says that it is another workload's concerns both; one that says nothing is nobody's."""
    ledger = Ledger()
    ledger.update("Service", service(A))

    assert {A, B} == ledger.update("Service", service(B, "2"))
    assert {B} == ledger.update("Service", service("", "3"))
    assert set() == ledger.keys()


def test_other_namespaces() -> None:
    """Nobody has anything made or deleted in another namespace by what he writes on his own objects."""
    ledger = Ledger()

    assert set() == ledger.update("Service", service(A, namespace="elsewhere"))
    assert {} == ledger.made(A)


@given(st.text(max_size=300))
def test_names_of_leases(asked: str) -> None:
    """The name of a Lease is one that the API server accepts, for any address."""
    assert claim_name(asked).isascii()
    assert 45 == len(claim_name(asked))


KEYS, UIDS = st.sampled_from([A, B]), st.sampled_from(["1", "2"])
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, UIDS, st.sampled_from([ASKING, PLAIN, ""])),
        st.tuples(st.just("hold"), KEYS, UIDS),
        st.tuples(st.just("release")),
        st.tuples(st.just("see"), st.sampled_from([A, B, ""]), UIDS),
        st.tuples(st.just("miss")),
    ),
    max_size=20,
)  # fmt: skip


def replay(ledger: Ledger, event: tuple[str, ...]) -> None:
    """Give a ledger one event."""
    what, *rest = event
    if what == "put":
        ledger.put(*rest)
    elif what == "hold":
        ledger.hold(lease(*rest))
    elif what == "release":
        ledger.release(claim_name(URL))
    elif what == "see":
        ledger.update("Service", service(*rest))
    else:
        ledger.delete("Service", "team", "s")


@given(EVENTS)
def test_level_based(events: list[tuple[Any, ...]]) -> None:
    """What is known depends on what is there, not on how it came to be."""
    ledger, fresh = Ledger(), Ledger()
    last: dict[str, tuple[str, ...]] = {}
    for event in events:
        replay(ledger, event)
        kind = {"hold": "claim", "release": "claim", "see": "made", "miss": "made"}.get(
            event[0], event[1:2] and event[1]
        )
        last[str(kind)] = event
    for event in last.values():
        replay(fresh, event)

    def known(one: Ledger) -> str:
        made = {key: [seen.body.decode() for seen in one.made(key).values()] for key in (A, B)}
        claims = {key: sorted(one.claims_of(key)) for key in (A, B)}
        return json.dumps([sorted(one.keys()), made, claims, one.conflicts("e"), sorted(one.users("e"))])

    assert known(fresh) == known(ledger)
