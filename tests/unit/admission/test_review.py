"""Admission: what is answered to which review, and that nothing is allowed that was not understood."""

import asyncio
import base64
import dataclasses
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import jsonpatch
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from builders import KINDS, around, environment, published, spec, workload
from environment_operator.admission import review
from environment_operator.admission.review import lifecycle_problem
from environment_operator.admission.server import LARGEST, Webhook
from environment_operator.api import names
from environment_operator.injection import limits
from environment_operator.injection.context import Outcome, Refusal
from environment_operator.kube.errors import ApiError, NotFound
from environment_operator.kube.objects import Whole
from environment_operator.settings import Settings

Object = dict[str, Any]
Client = TestClient[web.Request, web.Application]
JUPYTER = published("jupyter")
DEPLOYMENT = workload("Deployment", "d", "team", "jupyter")
OWNER = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "1", "controller": True}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 0.5]) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "x/y", "~z", ""]), inner),
    max_leaves=12,
)


def a_review(new: object = None, *, kind: str = "deployments.apps", operation: str = "CREATE", **fields: Any) -> Object:
    """Return an AdmissionReview as the API server sends it."""
    resource, _, group = kind.partition(".")
    request = {
        "uid": "7",
        "resource": {"group": group, "version": "v1", "resource": resource},
        "operation": operation,
        "namespace": "team",
        "userInfo": {"username": "alice"},
        "object": new,
        **fields,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def answer(sent: Object, stage: review.Stage) -> Object:
    """Return the AdmissionReview with which one of the webhooks answers."""
    request = review.read(json.dumps(sent).encode())
    return review.decided(request, KINDS, around(JUPYTER, user="alice"), stage).review


def respond(sent: Object) -> Object:
    """Return the response to a review."""
    answered = answer(sent, review.MUTATE)
    assert ("admission.k8s.io/v1", "AdmissionReview") == (answered["apiVersion"], answered["kind"])
    response: Object = answered["response"]
    assert "7" == response["uid"]
    return response


def patched(sent: Object) -> Object:
    """Return the object as the API server stores it after the response."""
    response = respond(sent)
    assert response["allowed"] is True
    if "patch" not in response:
        plain: Object = sent["request"]["object"]
        return plain
    assert "JSONPatch" == response["patchType"]
    done: Object = jsonpatch.apply_patch(sent["request"]["object"], json.loads(base64.b64decode(response["patch"])))
    return done


def test_workload_is_filled_in() -> None:
    """The patch makes of a workload what injection says."""
    container = patched(a_review(DEPLOYMENT))["spec"]["template"]["spec"]["containers"][0]
    assert JUPYTER.fragment["containers"][0]["image"] == container["image"]
    assert "jupyter" in json.dumps(patched(a_review(DEPLOYMENT))["metadata"]["annotations"])


def test_refusal() -> None:
    """A refusal is in words, with code 403."""
    response = respond(a_review(workload("Deployment", "d", "team", "nowhere")))
    assert response["allowed"] is False
    assert 403 == response["status"]["code"]
    assert 'Environment "nowhere" does not exist' in response["status"]["message"]
    assert "patch" not in response


def test_nothing_to_do() -> None:
    """A workload without a reference is allowed as it is."""
    assert {"uid": "7", "allowed": True} == respond(a_review(workload("Deployment", "d", "team")))


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
def test_other_operations(operation: str) -> None:
    """What stores no object is allowed untouched, with or without an object."""
    assert {"uid": "7", "allowed": True} == respond(a_review(operation=operation))
    assert {"uid": "7", "allowed": True} == respond(a_review(DEPLOYMENT, operation=operation, oldObject=DEPLOYMENT))


@pytest.mark.parametrize(
    ("kind", "extra"), [("widgets.example.org", {}), ("deployments.apps", {"subResource": "scale"})]
)
def test_unknown_kind(kind: str, extra: Object) -> None:
    """A kind without a row is refused, and so is a subresource: nobody knows what is in it."""
    response = respond(a_review(DEPLOYMENT, kind=kind, **extra))
    assert response["allowed"] is False
    assert "kinds table" in response["status"]["message"]


def test_derived() -> None:
    """What a workload made is not touched, although it carries the label."""
    pod = workload("Pod", "p", "team", "jupyter")
    pod["metadata"]["ownerReferences"] = [OWNER]
    assert {"uid": "7", "allowed": True} == respond(a_review(pod, kind="pods"))


@pytest.mark.parametrize(
    ("kind", "was", "label", "expected"),
    [
        ("Deployment", [], "jupyter", "cannot become owned by a controller"),
        ("Deployment", [], None, ""),
        ("Deployment", [OWNER], "jupyter", ""),
        ("Pod", [], "jupyter", ""),
    ],
)
def test_taken_by_a_controller(kind: str, was: list[Object], label: str | None, expected: str) -> None:
    """A workload whose template can change does not become a controller's, which is not validated; a Pod is adopted."""
    old, new = (workload(kind, "w", "team", label) for _ in range(2))
    old["metadata"]["ownerReferences"], new["metadata"]["ownerReferences"] = was, [OWNER]
    plural = {"Deployment": "deployments.apps", "Pod": "pods"}[kind]
    response = respond(a_review(new, kind=plural, operation="UPDATE", oldObject=old))

    assert (expected == "") is response["allowed"]
    assert expected in response.get("status", {}).get("message", "")


@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
def test_left_alone_by_a_controller(kind: str) -> None:
    """What loses the controller that made it loses reference, record and tools; in the end nobody has put them back."""
    old, new = (workload(kind, "w", "team", "jupyter") for _ in range(2))
    old["metadata"]["ownerReferences"] = [OWNER]
    new["metadata"] |= {"annotations": {names.RECORD: "{}", names.TOOLS: "{}", "mine": "stays"}, "finalizers": ["a/b"]}
    sent = a_review(new, kind=f"{kind.lower()}s{'.apps' * (kind != 'Pod')}", operation="UPDATE", oldObject=old)
    found = patched(sent)
    last = review.decided(
        review.read(json.dumps(sent).encode()), KINDS, around(JUPYTER, user="alice"), review.VALIDATE
    ).review
    sent["request"]["object"] = found
    done = review.decided(
        review.read(json.dumps(sent).encode()), KINDS, around(JUPYTER, user="alice"), review.VALIDATE
    ).review

    assert {"mine": "stays"} == found["metadata"]["annotations"]
    assert names.REFERENCE not in found["metadata"]["labels"]
    assert (["a/b"], new["spec"]) == (found["metadata"]["finalizers"], found["spec"])
    assert (False, True) == (last["response"]["allowed"], done["response"]["allowed"])


@pytest.mark.parametrize("name", ["../../pods?x=", "..", "A", "a/b", "", "a" * 254])
def test_what_cannot_be_a_name(name: str) -> None:
    """What cannot be the name of an Environment or of a service account is not asked for."""
    new = workload("Deployment", "d", "team", name)
    new["spec"]["template"]["spec"]["serviceAccountName"] = name
    request = review.read(json.dumps(a_review(new)).encode())

    assert frozenset() == review.wanted(request, KINDS)
    assert review.accounts(request, KINDS) <= {"default"}


@pytest.mark.parametrize(("number", "stages"), [(300, ()), (301, ("mutate",)), (601, ("mutate", "validate"))])
@pytest.mark.parametrize("stage", [review.MUTATE, review.VALIDATE])
def test_size_is_found_out_once(stage: review.Stage, number: int, stages: tuple[str, ...]) -> None:
    """Whether a workload is too large is known before anything is read; after other webhooks it may be larger."""
    new = workload("Deployment", "d", "team", "jupyter")
    new["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": f"V{n}", "value": "1"} for n in range(number)]
    request = review.read(json.dumps(a_review(new)).encode())
    excess = review.excess(request, KINDS, stage)
    known = dataclasses.replace(around(JUPYTER, user="alice"), excess=excess)
    decided = review.decided(request, KINDS, known, stage)

    assert (stage in stages) == bool(excess)
    assert (stage in stages) == (decided.reason == Refusal.TOO_LARGE)
    assert excess == (decided.review["response"]["status"]["message"] if excess else "")


def test_warnings() -> None:
    """Warnings of injection reach the submitter."""
    new = workload("Deployment", "d", "team", "jupyter")
    new["spec"]["template"]["metadata"]["labels"][names.REFERENCE] = "jupyter"
    assert f"metadata.labels[{names.REFERENCE}] is ignored" in " ".join(respond(a_review(new))["warnings"])


def test_unicode_and_nulls() -> None:
    """Any text passes unharmed, and null counts as absent."""
    new = workload("Deployment", "d", "team", "jupyter")
    new["metadata"] |= {"annotations": {"näme/🦊": "…\u0000'\"\\"}, "ownerReferences": None}
    new["spec"]["template"]["spec"]["volumes"] = None
    assert "…\u0000'\"\\" == patched(a_review(new))["metadata"]["annotations"]["näme/🦊"]
    bare = {"metadata": {"name": "x", "labels": None, "annotations": None}, "spec": None}
    assert patched(a_review(bare)) == bare
    assert patched(a_review({"metadata": None})) == {"metadata": None}


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


VALUES = st.recursive(
    NUMBERS | st.text() | st.none(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)
)


@given(VALUES)
def test_what_is_read_is_exact(value: object) -> None:
    """Fields that nobody knows, numbers of any size and any text come out of a review as they went into it."""
    request = review.read(json.dumps(a_review({"unknown": value})).encode())

    assert json.dumps({"unknown": value}) == json.dumps(request.new)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.0", "1.0"),
        ("-0.0", "-0.0"),
        ("1e+21", "1e+21"),
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ('{"a":1,"a":2}', '{"a": 2}'),
        ('"\\ud83e\\udd8a"', '"\\ud83e\\udd8a"'),
        ("[" * 150 + "]" * 150, "[" * 150 + "]" * 150),
    ],
)
def test_what_is_read_as_it_is_written(text: str, expected: str) -> None:
    """A number keeps its kind and all digits, of two fields of a name the last one counts, as for the API server."""
    request = review.read(json.dumps(a_review({"unknown": 7})).replace("7}", f"{text}}}").encode())

    assert f'{{"unknown": {expected}}}' == json.dumps(request.new)


@pytest.mark.parametrize("stage", [review.MUTATE, review.VALIDATE])
async def test_depth(client: Client, stage: review.Stage) -> None:
    """What has more levels than are read is refused with the limit and the way out, by its uid."""
    request = json.dumps(a_review({"unknown": 7})).replace("7}", f"{'[' * 250}{']' * 250}}}")
    response = (await (await client.post(f"/{stage}", data=request)).json())["response"]

    assert ("7", False) == (response["uid"], response["allowed"])
    assert f"more than {limits.LEVELS} levels" in response["status"]["message"]


@given(JSON, JSON)
def test_patch_is_exact(before: object, after: object) -> None:
    """The patch leads from any object to any other, with numbers, booleans and odd keys kept apart."""
    request = review.read(json.dumps(a_review({"it": before})).encode())
    response = review.answer(request, Outcome({"it": after})).review["response"]
    patch = json.loads(base64.b64decode(response["patch"])) if "patch" in response else []
    assert json.dumps({"it": after}, sort_keys=True) == json.dumps(
        jsonpatch.apply_patch({"it": before}, patch), sort_keys=True
    )


@pytest.mark.parametrize("value", [2**70, -(2**70), 1e22, 0.1, -0.0, 1.0, 'é\u2028 "\\\x00\x7f', "\U0001f600", "</a>"])
def test_values_are_written_as_they_are(value: object) -> None:
    """Large numbers, floats and any text come back from the patch as they were read."""
    request = review.read(json.dumps(a_review({"it": value})).encode())
    response = review.answer(request, Outcome({"copy": (request.new or {})["it"]})).review["response"]
    patch = json.loads(base64.b64decode(response["patch"]))

    assert repr(value) == repr(patch[-1]["value"])


@pytest.mark.parametrize(("changed", "steps"), [(10, 10), (11, 1), (200, 1)])
def test_patch_of_a_long_list(changed: int, steps: int) -> None:
    """A list of which many items change is replaced in one step."""
    old = [{"name": str(n)} for n in range(200)]
    new = [{**item, "image": "a"} if n < changed else item for n, item in enumerate(old)]
    request = review.read(json.dumps(a_review({"templates": old})).encode())
    patch = list(review._patch(request.new, {"templates": new}, ""))  # noqa: SLF001 - the steps alone

    assert steps == len(patch)
    assert {"templates": new} == jsonpatch.apply_patch({"templates": old}, patch)


def env(created_by: str | None = None, **meta: Any) -> Object:
    """Return an Environment, without our finalizer unless it is given."""
    made = environment()
    del made["metadata"]["finalizers"]
    notes = {} if created_by is None else {"annotations": {names.CREATED_BY: created_by}}
    return made | {"metadata": made["metadata"] | notes | meta}


def stored(new: Object, old: Object | None = None) -> Object:
    """Return the metadata of an Environment after admission."""
    sent = a_review(new, kind=names.CRD_NAME, operation="UPDATE" if old else "CREATE", oldObject=old)
    metadata: Object = patched(sent)["metadata"]
    return metadata


def test_environment_is_protected_and_marked() -> None:
    """An Environment gets our finalizer next to others, and who created it next to other annotations."""
    made = stored(env(finalizers=["example.org/other"], annotations={"a": "b"}))
    assert ["example.org/other", names.FINALIZER] == made["finalizers"]
    assert {"a": "b", names.CREATED_BY: "alice"} == made["annotations"]


@pytest.mark.parametrize(
    ("new", "old", "creator"),
    [
        (env("alice"), None, "alice"),
        (env(), env("bob"), "bob"),
        (env("bob"), env("bob"), "bob"),
        (env(annotations=None), env("bob"), "bob"),
        (env(), env(), None),
    ],
)
def test_creator(new: Object, old: Object | None, creator: str | None) -> None:
    """Who created an Environment is stamped at creation and restored when it is dropped."""
    assert creator == (stored(new, old).get("annotations") or {}).get(names.CREATED_BY)


@pytest.mark.parametrize(("new", "old"), [(env("eve"), env("bob")), (env("alice"), env())])
def test_false_creator(new: Object, old: Object) -> None:
    """Any other value is refused, also where nobody is known: who comes later did not create it."""
    sent = a_review(new, kind=names.CRD_NAME, operation="UPDATE", oldObject=old)
    assert names.CREATED_BY in respond(sent)["status"]["message"]


def test_saved_environment() -> None:
    """Whoever creates an Environment that was saved with another creator becomes its creator, and reads so."""
    sent = a_review(env("bob"), kind=names.CRD_NAME)
    assert "alice" == stored(env("bob"))["annotations"][names.CREATED_BY]
    assert [f'metadata.annotations[{names.CREATED_BY}]: "bob" is replaced by "alice", who creates this one.'] == (
        respond(sent)["warnings"]
    )
    assert "warnings" not in respond(a_review(env("alice"), kind=names.CRD_NAME))


def test_finalizer_of_a_deleted_environment() -> None:
    """Our finalizer is put back when a replacement drops it, but not once the Environment is being deleted."""
    protected = env(finalizers=[names.FINALIZER])
    assert [names.FINALIZER] == stored(env(finalizers=None), protected)["finalizers"]
    gone = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert [] == stored(env(finalizers=[], **gone), protected)["finalizers"]


def test_finalizer_of_an_environment_that_may_go() -> None:
    """Our finalizer is not put back where it was taken away together with the protection, but always at first; nothing
    new may use such an Environment, and the refusal says what to do.
    """
    allowed: Object = {"annotations": {names.ALLOW_DELETE_IN_USE: "true"}}
    released = env(finalizers=[], **allowed)
    again = stored(env(finalizers=[]), released)

    assert [] == stored(released, env(finalizers=[names.FINALIZER], **allowed))["finalizers"]
    assert [names.FINALIZER] == stored(released)["finalizers"]
    assert [names.FINALIZER] == again["finalizers"]
    assert names.ALLOW_DELETE_IN_USE in lifecycle_problem(released["metadata"])
    assert "Try again." in lifecycle_problem(env()["metadata"])
    assert "" == lifecycle_problem(again)


MALFORMED = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b'{"a":' * 5000,
    json.dumps(a_review(DEPLOYMENT) | {"kind": "Pod"}).encode(),
    json.dumps(a_review(DEPLOYMENT) | {"apiVersion": "admission.k8s.io/v1beta1"}).encode(),
    json.dumps(a_review(DEPLOYMENT) | {"request": None}).encode(),
    json.dumps(a_review(DEPLOYMENT, uid="")).encode(),
    json.dumps(a_review(DEPLOYMENT, uid=7)).encode(),
    json.dumps(a_review(DEPLOYMENT, operation="PATCH")).encode(),
    json.dumps(a_review(DEPLOYMENT, resource=None)).encode(),
    json.dumps(a_review(None)).encode(),
    json.dumps(a_review([])).encode(),
    json.dumps(a_review(DEPLOYMENT, operation="UPDATE")).encode(),
    json.dumps(a_review(DEPLOYMENT, operation="UPDATE", oldObject="x")).encode(),
]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed(body: bytes) -> None:
    """What is no review is an error with a plain message, without anything of the body in it."""
    with pytest.raises(review.Malformed, match=r"^this is no AdmissionReview: [^{}]*$"):
        review.read(body)


class Server:
    """Stands in for `Cluster`: knows one Environment, and fails where the test wants it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.held = asyncio.Event()
        self.held.set()

    async def get(self, path: str) -> Object:
        """Return the Environment ``fresh``; ``broken`` cannot be read, and another path is a mistake."""
        name = path.rpartition("/")[2]
        if path == "/api/v1/namespaces/team":
            return {"metadata": {"name": "team"}}
        self.asked.append(name)
        await self.held.wait()
        if name == "broken":
            raise ApiError(0, "secret detail")
        if name == "mistake":
            raise KeyError("secret detail")
        if name != "fresh":
            raise NotFound(404, name)
        return environment("fresh")


@pytest.fixture
async def api() -> Server:
    """Return the stand-in for the API server."""
    return Server()


@pytest.fixture
async def role(api: Server) -> Webhook:
    """Return the webhook role, which knows one Environment."""
    role = Webhook(api, Settings())  # type: ignore[arg-type]
    role.lookups.catalog.put(Whole(name="jupyter", generation=1, spec=spec()))
    return role


@pytest.fixture
async def client(role: Webhook) -> AsyncIterator[Client]:
    """Return a client of the real application."""
    async with TestClient(TestServer(role.application())) as made:
        yield made


async def test_served(client: Client, api: Server) -> None:
    """A review of what is known is answered while the API server, asked for the validating call, takes its time."""
    api.held.clear()
    reply = await client.post("/mutate", json=a_review(DEPLOYMENT))
    assert (200, True) == (reply.status, (await reply.json())["response"]["allowed"])
    assert ["jupyter"] == api.asked
    api.held.set()


async def test_created_a_moment_ago(client: Client, api: Server) -> None:
    """An Environment that is not known yet is asked for, and its absence is the API server's own word."""
    for name, allowed in (("fresh", True), ("nowhere", False)):
        reply = await client.post("/mutate", json=a_review(workload("Deployment", "d", "team", name)))
        assert allowed is (await reply.json())["response"]["allowed"]
    assert ["fresh", "nowhere"] == api.asked


async def test_both_calls(client: Client, role: Webhook, api: Server) -> None:
    """Both calls of an admission take one read of what is known, begun by the first of them."""
    new = workload("Deployment", "d", "team", "fresh")
    role.lookups.catalog.put(Whole(name="fresh", generation=1, spec=spec()))
    for path in ("/mutate", "/validate"):
        await client.post(path, json=a_review(new))

    assert ["fresh"] == api.asked


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("broken", 503, "the Environment could not be read from the API server. Try again.\n"),
        ("mistake", 500, "internal error (bug in environment-operator), please report it: its log has the details\n"),
    ],
)
async def test_failure(client: Client, name: str, status: int, words: str) -> None:
    """A failure is an HTTP error that says whose fault it is, and nothing of what happened inside."""
    reply = await client.post("/mutate", json=a_review(workload("Deployment", "d", "team", name)))
    text = await reply.text()
    assert (status, words) == (reply.status, text)
    assert "allowed" not in text
    assert "secret" not in text


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
async def test_malformed_over_http(client: Client, body: bytes) -> None:
    """What is no review is answered with 400 and never allowed."""
    reply = await client.post("/mutate", data=body)
    assert 400 == reply.status
    assert "allowed" not in await reply.text()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/", 404),
        ("POST", "/mutate/x", 404),
        ("POST", "/approve", 404),
        ("GET", "/validate", 405),
        ("GET", "/mutate", 405),
    ],
)
async def test_wrong_path(client: Client, method: str, path: str, status: int) -> None:
    """Another path or method is an HTTP error, even with a good review."""
    reply = await client.request(method, path, json=a_review(DEPLOYMENT))
    assert status == reply.status
    assert "allowed" not in await reply.text()


@pytest.mark.parametrize("path", ["/mutate", "/validate"])
@pytest.mark.parametrize(("size", "said"), [(LARGEST - 5000, ""), (LARGEST + 1, f"more than {LARGEST} bytes of JSON")])
async def test_size(client: Client, path: str, size: int, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """A review of up to 8 MiB is read; a larger one is refused with limit and way out, by its uid, and logged."""
    caplog.set_level("INFO", "environment_operator")
    new = workload("Deployment", "d", "team")
    new["metadata"]["annotations"] = {"large": "x" * size}
    reply = await client.post(path, data=io.BytesIO(json.dumps(a_review(new)).encode()))
    response = (await reply.json())["response"]

    assert (200, a_review(new)["request"]["uid"], not said) == (reply.status, response["uid"], response["allowed"])
    assert said in response.get("status", {}).get("message", "")
    assert not said or f"remove the label {names.REFERENCE}" in response["status"]["message"]
    logged = [line for line in caplog.messages if line == "admission refused a request"]
    assert (1 if said else 0) == len(logged)


async def test_large_and_no_review(client: Client) -> None:
    """What is large and names no request is an HTTP error."""
    reply = await client.post("/mutate", data=io.BytesIO(b"{" * (LARGEST + 1)))
    assert 413 == reply.status
    assert "allowed" not in await reply.text()


REFUSALS: list[tuple[Refusal, Object, Object]] = [
    (Refusal.NOT_FOUND, {}, workload("Deployment", "d", "team", "nobody-has-this-name")),
    (Refusal.UNUSABLE, {"problem": "it is being deleted. Use another one."}, DEPLOYMENT),
    (Refusal.NOT_ELIGIBLE, {"workloadTypes": ["Training"]}, DEPLOYMENT),
    (Refusal.NO_IDS, {"user": {"source": "IdPToken"}}, DEPLOYMENT),
    (Refusal.INVALID, {}, {**DEPLOYMENT, "spec": {"template": {"spec": {"containers": "none"}}}}),
]


@pytest.mark.parametrize(("reason", "fields", "new"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_reason_of_a_refusal(reason: Refusal, fields: Object, new: Object) -> None:
    """A refusal is counted by a word that says why, of which there are few; what is let in has none."""
    request = review.read(json.dumps(a_review(new)).encode())
    known, usual = around(published("jupyter", **fields)), around(JUPYTER)

    assert ("refused", reason) == _counted(review.decided(request, KINDS, known, review.MUTATE))
    let_in = review.read(json.dumps(a_review(DEPLOYMENT)).encode())
    assert ("changed", "") == _counted(review.decided(let_in, KINDS, usual, review.MUTATE))


def test_reason_of_what_was_not_injected() -> None:
    """What the second webhook finds without its Environment, or with something else than that allows, has a reason."""
    request = review.read(json.dumps(a_review(DEPLOYMENT)).encode())
    assert ("refused", Refusal.NOT_INJECTED) == _counted(
        review.decided(request, KINDS, around(JUPYTER), review.VALIDATE)
    )


def _counted(found: review.Answer) -> tuple[str, str]:
    """Return what of an answer is counted."""
    return found.result, found.reason
