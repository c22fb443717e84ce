"""How large a request may be, and that deciding takes time in proportion to its size."""

import gc
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import KINDS, around, published, workload
from environment_operator.admission import review
from environment_operator.api import names
from environment_operator.injection import limits
from environment_operator.injection.context import Refusal
from environment_operator.injection.eligibility import unknown
from environment_operator.injection.merge import Record, strip
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.paths import Path, put
from environment_operator.kinds.table import Kind
from third_party import row_of, user

Object = dict[str, Any]
POD = KINDS["pods"]
KNOWN = around(
    published(overridable=["Image", "Env"], security={"runAsNonRoot": True}, env=[{"name": "A", "value": "1"}])
)
MAIN: Path = ("spec", "containers", "main")


def pod(**spec: Any) -> Object:
    """Return a Pod that refers to the Environment, with more of its spec."""
    made = workload("Pod", "p", "team", "e")
    made["spec"].update(spec)
    return made


def named(number: int, **fields: Any) -> list[Object]:
    """Return items of a list, each with a name."""
    return [{"name": f"n{n}", **fields} for n in range(number)]


def main(**fields: Any) -> list[Object]:
    """Return the only container of a Pod."""
    return [{"name": "main", "image": "a:1", **fields}]


def refusal(kind: Kind, new: Object, old: Object | None = None) -> str:
    """Return why admission refuses an object, empty when it does not."""
    return admit(kind, new, old, KNOWN).refusal


MORE = limits.ITEMS + 1
LISTS: dict[str, Object] = {
    "spec.containers": pod(containers=named(MORE, image="a:1")),
    "spec.initContainers": pod(initContainers=named(MORE, image="a:1")),
    "spec.ephemeralContainers": pod(ephemeralContainers=named(MORE)),
    "spec.volumes": pod(volumes=named(MORE, emptyDir={})),
    "spec.imagePullSecrets": pod(imagePullSecrets=named(MORE)),
    "spec.containers[0].env": pod(containers=main(env=named(MORE))),
    "spec.containers[0].ports": pod(containers=main(ports=[{"containerPort": n} for n in range(MORE)])),
    "spec.containers[0].volumeMounts": pod(containers=main(volumeMounts=named(MORE))),
    "spec.initContainers[0].env": pod(initContainers=main(env=named(MORE))),
}


@pytest.mark.parametrize("path", LISTS)
def test_long_lists(path: str) -> None:
    """A list of a pod with more items than a few hundred is refused with its path, the number and the limit."""
    said = refusal(POD, LISTS[path])

    assert f"This Pod has {MORE} items at {path}; with an Environment, at most {limits.ITEMS} are allowed" in said
    assert said.endswith(f"Split the Pod, or remove the label {names.REFERENCE}.")


@pytest.mark.parametrize(("own", "variables"), [(2, 2), (limits.ITEMS - 100, 100), (limits.ITEMS - 99, 100)])
def test_long_with_what_is_injected(own: int, variables: int) -> None:
    """What is made is refused for the same lists, no matter whether the size of the review is known."""
    new = pod(containers=main(env=named(own)))
    env = [{"name": f"E{n}", "value": "1"} for n in range(variables)]
    context = around(published("e", overridable=["Image", "Env"], env=env))
    review_size = limits.bound(json.dumps(new).encode())
    outcomes = [admit(POD, new, None, each) for each in (context, replace(context, excess="", most=review_size))]

    assert outcomes[0] == outcomes[1]
    assert (own + variables > limits.ITEMS) == (outcomes[0].reason == Refusal.TOO_LARGE)


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("workflow", "spec.templates"),
        ("cronworkflow", "spec.workflowSpec.templates"),
        ("raycluster", "spec.workerGroupSpecs"),
        ("jobset", "spec.replicatedJobs"),
        ("volcano-job", "spec.tasks"),
    ],
)
def test_many_pod_templates(word: str, path: str) -> None:
    """So is one with more pod templates, for every kind that has a list of them."""
    made = user(word, "w", "team", "e")
    put(made, tuple(path.split(".")), named(MORE))

    assert f"has {MORE} items at {path}; with" in refusal(row_of(word), made)


@pytest.mark.parametrize(
    "large",
    [
        pod(containers=main(args=["x"] * limits.VALUES)),
        pod(containers=[{"name": f"n{n}", "image": "a:1", "env": named(100)} for n in range(200)]),
        {**pod(), "unknown": [[[]] * 200] * 200},
    ],
)
def test_many_values(large: Object) -> None:
    """What is large in another way is refused as well, with any names of its lists."""
    assert f"This Pod has too many values; with an Environment, at most {limits.VALUES} are allowed" in refusal(
        POD, large
    )


def test_what_the_api_server_keeps_does_not_count() -> None:
    """What it keeps about fields is none of the submitter's doing."""
    kept = pod()
    kept["metadata"]["managedFields"] = named(limits.VALUES)

    assert "" == refusal(POD, kept)


def test_what_the_api_server_keeps_costs_nothing() -> None:
    """However much it keeps about fields, nothing of it is copied or compared."""

    def mutates(fields: int) -> Callable[[], object]:
        made = pod()
        made["metadata"]["managedFields"] = [{"manager": "m", "fieldsV1": {f"f:{n}": {".": {}} for n in range(fields)}}]
        request = review.Request.model_validate(
            {"uid": "u", "resource": {"resource": "pods"}, "operation": "CREATE", "object": made}
        )
        return lambda: review.decided(request, {POD.name: POD}, KNOWN, review.MUTATE)

    assert work(mutates(10)) + 100 > work(mutates(1_000))


def test_many_environments() -> None:
    """A workload refers to a bounded number of Environments, since each is read from the API server."""
    made = user("jobset", "w", "team", "e")
    number = limits.ENVIRONMENTS + 1
    made["spec"]["replicatedJobs"] = [{**made["spec"]["replicatedJobs"][0], "name": f"r{n}"} for n in range(number)]
    made["metadata"]["labels"] |= {f"{names.ROLE_REFERENCE}r{n}": f"e{n}" for n in range(number)}

    assert f"This JobSet refers to {number} Environments" in refusal(row_of("jobset"), made)


def test_many_service_accounts() -> None:
    """So with service accounts, whose pull secrets are."""
    made = user("jobset", "w", "team", "e")
    number = limits.ACCOUNTS + 1
    template = {"template": {"spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}}}
    jobs = [json.loads(json.dumps({**template, "name": f"r{n}"})) for n in range(number)]
    for n, job in enumerate(jobs):
        job["template"]["spec"]["template"]["spec"]["serviceAccountName"] = f"a{n}"
    made["spec"]["replicatedJobs"] = jobs

    assert f"This JobSet has pods of {number} service accounts" in refusal(row_of("jobset"), made)


def test_injection_does_not_exceed_the_limits() -> None:
    """What is injected counts too: so all that is stored can be updated and refreshed."""
    full = pod(containers=main(env=named(limits.ITEMS)))

    assert f"has {limits.ITEMS + 1} items at spec.containers[0].env" in refusal(POD, full)


def test_what_is_stored_goes_on() -> None:
    """A workload that was stored as large is updated and freed; it refers to nothing anew."""
    kind = KINDS["deployments.apps"]
    stored = workload("Deployment", "d", "team", "e")
    stored["spec"]["template"]["spec"]["containers"] = [*main(), *named(MORE, image="a:1")]
    for change, expected in (({}, True), ({names.REFERENCE: None}, True), ({names.REFERENCE: "other"}, False)):
        labels = {**stored["metadata"]["labels"], **change}
        new = {**stored, "metadata": {**stored["metadata"], "labels": {k: v for k, v in labels.items() if v}}}
        assert expected is ("are allowed" not in refusal(kind, new, stored))


def test_large_without_the_label() -> None:
    """A change that takes the label away and makes the workload large is refused with a way out that is one."""
    kind = KINDS["deployments.apps"]
    stored = admit(kind, workload("Deployment", "d", "team", "e"), None, KNOWN).workload
    assert stored is not None
    free = {**stored, "metadata": {**stored["metadata"], "labels": {}}}
    large = json.loads(json.dumps(free))
    large["spec"]["template"]["spec"]["containers"] = [*main(), *named(MORE, image="a:1")]

    assert "or first, in a change of its own, remove the label" in refusal(kind, large, stored)
    assert "" == refusal(kind, free, stored)


def test_the_last_word_leaves_room() -> None:
    """Other webhooks may add to what was within the limits; to very much they may not."""
    for number, expected in ((MORE, False), (2 * MORE, True)):
        large = pod(containers=[*main(), *named(number, image="a:1")])
        assert expected is ("are allowed" in approve(POD, large, None, KNOWN).refusal)


def test_the_reference_comes_first() -> None:
    """Nothing that came along is read for a reference that is refused: a record costs nothing then."""
    work(lambda: admit(POD, forged(1, 300), None, around()))  # what is cached once
    plain = work(lambda: admit(POD, forged(1, 300), None, around()))

    assert plain == work(lambda: admit(POD, forged(300, 300), None, around()))


def test_a_hint_compares_few_names() -> None:
    """However many Environments have a name like the one asked for, only a hundred are compared letter by letter."""
    many = [f"notebook-{number:05}" for number in range(10_000)]

    assert work(lambda: unknown("notebook-xxxxx", many)) < work(lambda: unknown("notebook-xxxxx", many[:100])) + 50_000


def forged(paths: int, variables: int) -> Object:
    """Return a Pod with a record that names its own variables."""
    listed = [[*MAIN, "env", f"n{n}"] for n in range(paths)]
    entry = {"v": 1, "env": "e", "generation": 1, "hash": "h", "token": "tokentok", "main": list(MAIN), "put": listed}
    made = pod(containers=main(env=named(variables)))
    made["metadata"]["annotations"] = {names.RECORD: json.dumps({".": entry})}
    return made


@pytest.mark.parametrize(("paths", "left"), [(200, 50), (limits.PATHS + 1, 250)])
def test_a_record_that_came_along(paths: int, left: int) -> None:
    """It is undone when an Environment can have injected so much, and dropped when it is longer."""
    made = admit(POD, forged(paths, 250), None, around(published())).workload

    assert made is not None
    assert left == len(made["spec"]["containers"][0].get("env", ()))


def work(decide: Callable[[], object]) -> int:
    """Return how many functions are entered or resumed while something is decided: work, on any machine."""
    count = 0

    def entered(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    # A collection in between would count what its callbacks call.
    gc.disable()
    sys.setprofile(entered)
    try:
        decide()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def strips(size: int) -> Callable[[], object]:
    """Return what takes as many variables out of a container."""
    template = {"spec": {"containers": main(env=named(size))}}
    record = Record(tuple((*MAIN, "env", f"n{n}") for n in range(size)))
    return lambda: strip(template, record)


def approves(size: int) -> Callable[[], object]:
    """Return what looks at as many containers."""
    made = admit(POD, pod(containers=[*main(), *named(size, image="a:1")]), None, KNOWN).workload
    assert made is not None
    return lambda: approve(POD, made, None, KNOWN)


def injects(size: int) -> Callable[[], object]:
    """Return what injects as many variables before as many others."""
    known = around(published(env=[{"name": f"E{n}", "value": "1"} for n in range(size)]))
    return lambda: admit(POD, pod(containers=main(env=named(size))), None, known)


def fills(size: int) -> Callable[[], object]:
    """Return what injects into as many pod templates."""
    made = user("workflow", "w", "team", "e")
    scripts = [{"name": f"t{n}", "script": {"source": "x"}} for n in range(size)]
    made["spec"]["templates"] = [*scripts, {"name": "last", "container": {"command": ["x"]}}]
    made["metadata"]["annotations"] = {names.CONTAINER: "container"}
    return lambda: admit(row_of("workflow"), made, None, KNOWN)


def keeps(size: int) -> Callable[[], object]:
    """Return what changes nothing of a stored Pod of as many variables, whose record names as many others."""
    made = forged(size, size)
    made["metadata"]["annotations"][names.RECORD] = made["metadata"]["annotations"][names.RECORD].replace('"n', '"m')
    return lambda: admit(POD, made, made, KNOWN)


@pytest.mark.parametrize("prepare", [strips, approves, injects, fills, keeps])
def test_work_grows_with_size(prepare: Callable[[int], Callable[[], object]]) -> None:
    """Twice as many variables, containers or pod templates are at most about twice the work."""
    assert 2.3 * work(prepare(45)) >= work(prepare(90))


PLAIN: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from(',{["\\a]}:')),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from(',{["\\b')), inner),
)


def counted(value: Any) -> int:
    """Return how many commas and openings the JSON text of a value has that are not in a string."""
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if items is None else 1 + max(0, len(items) - 1) + sum(map(counted, items))


@given(PLAIN)
def test_the_bound_is_never_too_low(value: Any) -> None:
    """The number that is found without decoding is at least that of the values, with anything in strings."""
    assert counted(value) <= limits.bound(json.dumps(value).encode())


@pytest.mark.parametrize("room", [1, limits.ROOM])
@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("of", [{"name": "A"}, {"name": 'a "[{,', "value": ""}])
def test_the_bound_decides_nothing(of: dict[str, Any], more: int, room: int) -> None:
    """An object is too large or not whether the bound of its review is known or not."""
    found = pod(containers=main(env=[of] * (room * limits.ITEMS + more)))
    known = limits.bound(json.dumps(found).encode())

    assert limits.excess(POD, found, None, room) == limits.excess(POD, found, None, room, known)
    assert (more > 0) == bool(limits.excess(POD, found, None, room, known))


@given(PLAIN)
def test_values_are_counted_without_decoding(value: Any) -> None:
    """What stands in strings does not count."""
    assert counted(value) == limits.values(json.dumps(value).encode())


def test_a_review_that_is_not_decoded() -> None:
    """A review of very many values is refused before it is decoded, by the uid at its beginning."""
    body = {"request": {"uid": "the-uid", "object": {"x": [0] * limits.REVIEW_VALUES}}}
    with pytest.raises(review.TooLarge) as caught:
        review.read(json.dumps(body).encode())
    response = review.refused(caught.value.uid, str(caught.value), Refusal.TOO_LARGE).review["response"]

    assert ("the-uid", False) == (response["uid"], response["allowed"])
    assert f"more than {limits.REVIEW_VALUES} values" in response["status"]["message"]


def test_refusals_are_not_endless() -> None:
    """Of very many violations the first ones are named, and how many more there are."""
    strict = around(published(user={"source": "Custom", "uid": 1000}))
    root = named(200, image="a:1", securityContext={"runAsUser": 0})
    filled = admit(POD, pod(containers=[{"name": "main"}, *root]), None, strict).workload
    assert filled is not None
    said = approve(POD, filled, None, strict).refusal

    assert said.endswith(" And 190 more.")
