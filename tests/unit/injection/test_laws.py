"""The laws of injection, with generated Environments and workloads of every built-in shape."""

import copy
import json
from collections.abc import Callable
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from builders import KINDS, around, published, template_path, workload
from environment_operator.api import names
from environment_operator.credentials.copies import Secrets, Source
from environment_operator.injection.context import Outcome, Published
from environment_operator.injection.mutate import admit
from environment_operator.kinds.paths import get
from environment_operator.kinds.table import Kind
from environment_operator.spec import images

CASES = 100
Object = dict[str, Any]
Server = Callable[[Kind, Object], Object]


def defaulted(kind: Kind, obj: Object) -> Object:
    """S: what the API server's defaulting adds to a built-in workload."""
    out = copy.deepcopy(obj)
    pod = get(out, (*template_path(kind), "spec"))
    pod.setdefault("securityContext", {})
    pod.setdefault("dnsPolicy", "ClusterFirst")
    for container in (*pod["containers"], *pod.get("initContainers", ())):
        image = container.get("image")
        policy = images.default_pull_policy(image) if image else "IfNotPresent"
        container.setdefault("imagePullPolicy", policy)
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        for port in container.get("ports", ()):
            port.setdefault("protocol", "TCP")
        for variable in container.get("env", ()):
            variable.get("valueFrom", {}).get("fieldRef", {}).setdefault("apiVersion", "v1")
            if not variable.get("valueFrom", {}).get("fieldRef", {"apiVersion": "v1"}).keys() - {"apiVersion"}:
                variable.get("valueFrom", {}).get("fieldRef", {}).pop("apiVersion", None)
    return out


def untouched(_kind: Kind, obj: Object) -> Object:
    """S of a custom kind: nothing."""
    return copy.deepcopy(obj)


EVERY_VARIABLE = [{"name": n, "value": v} for n in ("A", "B", "HOME", "PATH") for v in ("1", "x y", "$(A)")]
VARIABLES = st.lists(st.sampled_from(EVERY_VARIABLE), max_size=3, unique_by=lambda v: v["name"]).map(copy.deepcopy)
FLAGS = st.sampled_from([True, False])
SECURITY = st.fixed_dictionaries(
    {},
    optional={
        "capabilities": st.just(["CHOWN"]),
        "allowPrivilegeEscalation": FLAGS,
        "runAsNonRoot": FLAGS,
        "hostNetwork": FLAGS,
        "seccompProfile": st.just({"type": "RuntimeDefault"}),
    },
)
SPECS = st.fixed_dictionaries(
    {"image": st.sampled_from(["env:1", "env", "env@sha256:" + "a" * 64])},
    optional={
        "imagePullPolicy": st.sampled_from(["Always", "IfNotPresent", "Never"]),
        "command": st.just(["env-command"]),
        "args": st.just(["--env"]),
        "env": VARIABLES,
        "workingDir": st.just("/env"),
        "imagePullSecrets": st.just(["s1", "s2"]),
        "tools": st.just([{"name": "lab", "type": "JupyterNotebook"}]),
        "user": st.just({"source": "Custom", "uid": 1000, "supplementalGroups": [5]}),
        "security": SECURITY,
        "createHomeDir": FLAGS,
        "stdin": FLAGS,
        "readinessProbe": st.just({"httpGet": {"port": 80}}),
    },
)
CONTAINERS = st.fixed_dictionaries(
    {"name": st.just("main")},
    optional={
        "image": st.sampled_from(["mine:1", "mine", "env:1"]),
        "imagePullPolicy": st.sampled_from(["Always", "IfNotPresent"]),
        "command": st.sampled_from([["mine"], []]),
        "args": st.just(["--mine"]),
        "env": VARIABLES,
        "ports": st.sampled_from([[{"containerPort": 8888}], [{"name": "lab", "containerPort": 1}]]),
        "workingDir": st.just("/mine"),
        "securityContext": st.sampled_from([{}, {"runAsNonRoot": False}, {"capabilities": {"drop": ["ALL"]}}]),
        "unknownField": st.just({"from": "a newer Kubernetes"}),
    },
)
PODS = st.fixed_dictionaries(
    {"containers": st.tuples(CONTAINERS).map(list)},
    optional={
        "imagePullSecrets": st.sampled_from([[{"name": "s1"}], [{"name": "mine"}]]),
        "securityContext": st.sampled_from([{}, {"runAsUser": 5, "fsGroup": 7}]),
        "volumes": st.just([{"name": "mine", "emptyDir": {}}]),
        "hostNetwork": FLAGS,
        "initContainers": st.just([{"name": "init", "image": "init"}]),
    },
)
ACCOUNT = {"default": ("s2", "account")}
PUBLISHED = Secrets(published=tuple(Source(name, registries=("docker.io",)) for name in ("hub", "s1")))


def environment(fields: Object, name: str = "e") -> Published:
    """Return an Environment as admission knows it."""
    return published(name, **fields)


def requested(kind: Kind, pod: Object, sidecar: bool) -> Object:
    """Return a workload of a kind with a pod spec of its own."""
    made = workload(kind.kind, "w", "team", "e")
    where = get(made, template_path(kind))
    extra = [{"name": "sidecar", "image": "proxy", "env": [{"name": "A", "value": "theirs"}]}] if sidecar else []
    where["spec"] = {**copy.deepcopy(pod), "containers": copy.deepcopy(pod["containers"]) + extra}
    return made


def unnamed(pulls: bool) -> Object:
    """Return what is known around a request where there are pull secrets that nobody has to name, or are none."""
    return {"account_secrets": ACCOUNT, "secrets": PUBLISHED} if pulls else {}


def admitted(kind: Kind, new: Object, old: Object | None, found: Published | None, pulls: bool = False) -> Object:
    """Return the workload as admitted, in a project with or without pull secrets that nobody has to name."""
    outcome: Outcome = admit(kind, new, old, around(*([found] if found else []), **unnamed(pulls)))
    assert outcome.workload is not None, outcome.refusal
    return outcome.workload


ANY = (
    st.sampled_from(list(KINDS.values())), SPECS, PODS, st.booleans(), st.sampled_from([defaulted, untouched]),
    st.booleans(),
)  # fmt: skip


@settings(max_examples=CASES)
@given(*ANY)
def test_idempotent(kind: Kind, fields: Object, pod: Object, sidecar: bool, server: Server, pulls: bool) -> None:
    """Law 1: what is admitted twice is what was admitted once, and the request itself is not changed."""
    before = server(kind, requested(kind, pod, sidecar))
    asked = copy.deepcopy(before)
    once = server(kind, admitted(kind, before, None, environment(fields), pulls))
    twice = server(kind, admitted(kind, once, None, environment(fields), pulls))

    assert asked == before
    assert once == twice


@settings(max_examples=CASES)
@given(*ANY)
def test_undone_from_the_record_alone(
    kind: Kind, fields: Object, pod: Object, sidecar: bool, server: Server, pulls: bool
) -> None:
    """Law 2: when the reference goes, the workload is as without it, though the Environment is gone."""
    assume(not kind.template_immutable)
    pod = {**pod, "containers": [{"image": "mine:1", **c} for c in pod["containers"]]}
    before = server(kind, requested(kind, pod, sidecar))
    stored = server(kind, admitted(kind, before, None, environment(fields), pulls))
    freed, plain = copy.deepcopy(stored), copy.deepcopy(before)
    del freed["metadata"]["labels"][names.REFERENCE]
    del plain["metadata"]["labels"][names.REFERENCE]

    assert plain == admitted(kind, freed, stored, None)


def leaves(node: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Return every value of an object; items of lists are named by their name where they have one."""
    if isinstance(node, dict) and node:
        pairs = list(node.items())
    elif isinstance(node, list) and node and all(isinstance(i, dict) and "name" in i for i in node):
        pairs = [(item["name"], item) for item in node]
    else:
        return {path: node}
    return {k: v for key, child in pairs for k, v in leaves(child, (*path, key)).items()}


@settings(max_examples=CASES)
@given(*ANY)
def test_nothing_of_the_submitter_is_lost(
    kind: Kind, fields: Object, pod: Object, sidecar: bool, server: Server, pulls: bool
) -> None:
    """Law 3: every value of the submitter's that says something is still there, and lists keep their order."""
    before = server(kind, requested(kind, pod, sidecar))
    after = admitted(kind, before, None, environment(fields), pulls)
    unset: tuple[object, ...] = (False, "", [], {}, None)
    mine = {
        p: v
        for p, v in leaves(before).items()
        if v not in (*unset, "ClusterFirst") and p[-1] != "imagePullPolicy" and "ports" not in p
    }
    found = leaves(after)

    assert {} == {p: v for p, v in mine.items() if found.get(p) != v}
    for path in (("spec", "containers", "main", "env"), ("spec", "containers"), ("spec", "volumes")):
        old, new = (get(o, (*template_path(kind), *path)) or [] for o in (before, after))
        kept = [i["name"] for i in new if i["name"] in {o["name"] for o in old}]
        assert [i["name"] for i in old] == kept


@example(
    kind=KINDS["pods"],
    fields={"image": "env:1", "env": [{"name": "A", "value": "x y"}, {"name": "B", "value": "$(A)"}]},
    pod={"containers": [{"name": "main", "env": [{"name": "A", "value": "1"}]}]},
    sidecar=False, server=defaulted, pulls=False, later={"image": "env:1"},
)  # fmt: skip
@settings(max_examples=CASES)
@given(*ANY, SPECS)
def test_updates_ignore_what_became_of_the_environment(
    kind: Kind, fields: Object, pod: Object, sidecar: bool, server: Server, pulls: bool, later: Object
) -> None:
    """Laws 4 and 5: applying the submitter's part again changes nothing, with any Environment now."""
    before = server(kind, requested(kind, pod, sidecar))
    stored = server(kind, admitted(kind, before, None, environment(fields), pulls))

    assert stored == server(kind, admitted(kind, before, stored, None))
    assert stored == server(kind, admitted(kind, stored, stored, environment(later), not pulls))


@settings(max_examples=CASES)
@given(*ANY, SPECS)
def test_switching_is_taking_out_and_putting_in(
    kind: Kind, fields: Object, pod: Object, sidecar: bool, server: Server, pulls: bool, other: Object
) -> None:
    """A switched reference gives what a new workload with it would be, though the old Environment is gone."""
    assume(not kind.template_immutable)
    before = server(kind, requested(kind, pod, sidecar))
    stored = server(kind, admitted(kind, before, None, environment(fields), pulls))
    wanted = copy.deepcopy(before)
    wanted["metadata"]["labels"][names.REFERENCE] = "f"
    switched = copy.deepcopy(stored)
    switched["metadata"]["labels"][names.REFERENCE] = "f"
    new = environment(other, "f")

    assert admitted(kind, wanted, None, new, pulls) == admitted(kind, switched, stored, new, pulls)


WORD = st.sampled_from(["spec", "containers", "main", "env", "A", "metadata", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | WORD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "spec", "env", "x"]), inner),
    max_leaves=8,
)
PATH = st.lists(WORD, max_size=5)
PATHS = st.lists(PATH, max_size=4)
RECORDS = st.fixed_dictionaries(
    {
        "env": st.just("e"),
        "generation": st.just(1),
        "hash": st.just("h"),
        "token": st.just("t"),
        "put": PATHS | JSON,
        "was": st.lists(st.tuples(PATH, JSON), max_size=3) | JSON,
        "made": PATHS | JSON,
    }
)


@settings(max_examples=CASES)
@given(st.sampled_from(list(KINDS.values())), RECORDS | JSON, JSON, JSON, st.booleans())
def test_any_request_gets_an_answer(
    kind: Kind, record: object, containers: object, template: object, stored: bool
) -> None:
    """However a record or a workload is malformed, the answer is a workload or words, never a crash."""
    text = json.dumps({"/".join(template_path(kind)) or ".": record})
    new = workload(kind.kind, "w", "team", "e")
    new["metadata"]["annotations"] = {names.RECORD: text}
    get(new, (*template_path(kind), "spec"))["containers"] = containers
    broken = copy.deepcopy(new)
    if template_path(kind):
        get(broken, template_path(kind)[:-1])[template_path(kind)[-1]] = template

    for asked, old in ((new, new if stored else None), (broken, new if stored else None)):
        answer = admit(kind, asked, old, around(environment({"image": "env:1"})))
        assert answer.workload is not None or answer.refusal
