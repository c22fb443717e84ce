"""Which container receives the Environment: the one that is named, that of kubectl, of the kind, the first."""

import copy
from typing import Any

import pytest

from builders import KINDS, around, published, workload
from environment_operator.api import names
from environment_operator.injection.context import Outcome
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.table import Kind
from third_party import row_of, user

Object = dict[str, Any]
POD, DEPLOYMENT, KNATIVE = KINDS["pods"], KINDS["deployments.apps"], row_of("knative-service")
DATA = [{"name": "DATA", "value": "/data"}]
FREE = around(published(env=DATA, overridable=["Image", "Env"]))
SERVES: Object = {"workloadTypes": ["Inference"], "endpoint": {"port": 8080, "protocol": "HTTP"}}
SERVING = around(published(env=DATA, **SERVES))
PROXY: Object = {"name": "proxy", "image": "proxy:1"}
MAIN: Object = {"name": "main", "image": "mine:1"}


def pod(*containers: Object, **annotations: str) -> Object:
    """Return a Pod of some containers that refers to the Environment."""
    made = workload("Pod", "p", "team", "e")
    made["spec"]["containers"] = copy.deepcopy(list(containers))
    made["metadata"]["annotations"] = {
        {"ours": names.CONTAINER, "kubectl": names.DEFAULT_CONTAINER}[word]: value
        for word, value in annotations.items()
    }
    return made


def written(made: Object, *containers: str) -> Object:
    """Return an object with what the API server keeps of who wrote its containers."""
    fields: Object = {f'k:{{"name":"{name}"}}': {".": {}} for name in containers}
    spec: Object = {"f:spec": {"f:containers": fields}}
    managed = spec if made["kind"] == "Pod" else {"f:spec": {"f:template": spec}}
    made["metadata"]["managedFields"] = [{"manager": "kubectl", "fieldsV1": managed}, {"manager": "other"}]
    return made


def deployment(*containers: Object, **annotations: str) -> Object:
    """Return a Deployment of such Pods; what kubectl goes by is on the Pods."""
    inner, made = pod(*containers, **annotations), workload("Deployment", "d", "team", "e")
    own = inner["metadata"]["annotations"]
    made["metadata"]["annotations"] = {key: value for key, value in own.items() if key == names.CONTAINER}
    made["spec"]["template"]["metadata"]["annotations"] = own
    made["spec"]["template"]["spec"] = inner["spec"]
    return made


def receives(kind: Kind, made: Object) -> list[str]:
    """Return the names of the containers that have the variable after both webhooks."""
    stored = admit(kind, made, None, FREE).workload
    assert stored is not None
    assert approve(kind, stored, None, FREE).workload == stored
    spec = stored["spec"] if kind is POD else stored["spec"]["template"]["spec"]
    return [c["name"] for c in spec["containers"] if c.get("env")]


@pytest.mark.parametrize(("kind", "make"), [(POD, pod), (DEPLOYMENT, deployment)])
@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, "proxy"),
        ({"kubectl": "main"}, "main"),
        ({"kubectl": "nobody"}, "proxy"),
        ({"kubectl": "main", "ours": "proxy"}, "proxy"),
        ({"kubectl": "proxy", "ours": "main"}, "main"),
    ],
)
def test_the_named_one(kind: Kind, make: Any, annotations: dict[str, str], expected: str) -> None:
    """Our annotation comes first, then kubectl's as far as it names one, then the first container."""
    assert [expected] == receives(kind, make(PROXY, MAIN, **annotations))


@pytest.mark.parametrize(("kind", "make"), [(POD, pod), (DEPLOYMENT, deployment)])
def test_a_proxy_that_another_webhook_put_first(kind: Kind, make: Any) -> None:
    """What nobody wrote is not the first one, though Image may be overridden."""
    assert ["main"] == receives(kind, written(make(PROXY, MAIN), "main"))
    assert ["proxy"] == receives(kind, written(make(PROXY, MAIN), "main", "proxy"))


def test_kubectls_before_the_kinds() -> None:
    """Kubectl's annotation comes before the name that the kind gives its main container."""
    made = user("pytorchjob", "w", "team", "e")
    template = made["spec"]["pytorchReplicaSpecs"]["Master"]["template"]
    template["spec"]["containers"].append({"name": "mine", "image": "mine:1"})
    template["metadata"] = {"annotations": {names.DEFAULT_CONTAINER: "mine"}}
    for one in (template, made["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]):
        one["spec"]["containers"][0]["image"] = "other:1"
    fields: Object = {"architecture": "Distributed", "framework": "PyTorch", "overridable": ["Image", "Env"]}
    stored = admit(row_of("pytorchjob"), made, None, around(published(env=DATA, **fields))).workload
    assert stored is not None
    found = stored["spec"]["pytorchReplicaSpecs"]["Master"]["template"]["spec"]["containers"]

    assert [None, DATA] == [one.get("env") for one in found]


@pytest.mark.parametrize(
    ("field", "chosen", "expected"),
    [("main", "", "main"), ("helper", "", "helper"), ("nobody", "", "main"), ("helper", "main", "main")],
)
def test_the_one_that_the_object_names(field: str, chosen: str, expected: str) -> None:
    """A field of the kind comes before its usual name, as far as it names a container, and our annotation before it."""
    made = user("pathwaysjob", "w", "team", "e")
    made["spec"]["controller"]["mainContainerName"] = field
    made["metadata"]["annotations"] = {names.CONTAINER: chosen} if chosen else {}
    for container in made["spec"]["controller"]["template"]["spec"]["containers"]:
        container["image"] = "other:1"
    fields: Object = {"architecture": "Distributed", "framework": "JAX", "overridable": ["Image", "Env"]}
    stored = admit(row_of("pathwaysjob"), made, None, around(published(env=DATA, **fields))).workload
    assert stored is not None

    assert [expected] == [
        one["name"] for one in stored["spec"]["controller"]["template"]["spec"]["containers"] if one.get("env")
    ]


@pytest.mark.parametrize(
    ("containers", "guarded"), [([PROXY, {"name": "main"}], False), ([PROXY, MAIN], True)], ids=["no image", "guarded"]
)
def test_the_refusal_says_how_to_choose(containers: list[Object], guarded: bool) -> None:
    """Where the Environment goes into a proxy, the refusal says how to name another container."""
    known = around(published()) if guarded else FREE
    filled = admit(POD, pod(*containers), None, known)
    said = approve(POD, filled.workload, None, known).refusal if filled.workload else filled.refusal

    assert f"set annotation {names.CONTAINER} to" in said


def service(*containers: Object) -> Object:
    """Return a Knative Service of some containers."""
    made = user("knative-service", "w", "team", "e")
    made["spec"]["template"]["spec"]["containers"] = copy.deepcopy(list(containers))
    return made


def inner(outcome: Outcome) -> list[Object]:
    """Return the containers of a Service that was admitted."""
    assert outcome.workload is not None, outcome.refusal
    found: list[Object] = outcome.workload["spec"]["template"]["spec"]["containers"]
    return found


PORT: Object = {"ports": [{"containerPort": 8080}]}


@pytest.mark.parametrize(
    "first", [{"image": "proxy:1"}, {"name": "proxy", "image": "proxy:1"}], ids=["nameless", "named"]
)
def test_the_container_with_the_port_is_the_main_one(first: Object) -> None:
    """Named or not, and it leaves again what it was; the refusal says where it stands."""
    made = service(first, PORT)
    filled = admit(KNATIVE, made, None, SERVING)
    assert [first, DATA] == [inner(filled)[0], inner(filled)[1]["env"]]
    stored = filled.workload
    assert stored is not None
    assert approve(KNATIVE, stored, None, SERVING).workload == stored
    assert stored == admit(KNATIVE, stored, stored, SERVING).workload

    other = copy.deepcopy(stored)
    other["spec"]["template"]["spec"]["containers"][1]["image"] = "other:1"
    assert 'spec.template.spec.containers[1].image: "other:1"' in approve(KNATIVE, other, None, SERVING).refusal

    free = copy.deepcopy(stored)
    del free["metadata"]["labels"]
    free["spec"]["template"]["spec"]["containers"][1]["image"] = "mine:1"
    assert [first, {**PORT, "image": "mine:1"}] == inner(admit(KNATIVE, free, stored, SERVING))


def test_containers_of_the_same_name() -> None:
    """Where nothing says which of two without names is meant, the refusal asks for names."""
    for containers in ([{"image": "a:1"}, {"image": "b:1"}], [{**PORT, "image": "a:1"}, {**PORT, "image": "b:1"}]):
        said = admit(KNATIVE, service(*containers), None, SERVING).refusal
        where = "spec.template.spec.containers[0], spec.template.spec.containers[1]"
        assert f"{where} have no names, so it is not known which one receives the Environment. Name them" in said


def test_a_sidecar_that_the_kind_names_later() -> None:
    """It is validated as the submitter's, for it was there without a name."""
    strict = around(published(security={"runAsNonRoot": True}, **SERVES))
    root = {"image": "proxy:1", "securityContext": {"runAsNonRoot": False}}
    stored = admit(KNATIVE, service(root, PORT), None, strict).workload
    assert stored is not None
    for number, one in enumerate(stored["spec"]["template"]["spec"]["containers"]):
        one["name"] = f"user-container-{number}"

    assert "runAsNonRoot: false" in approve(KNATIVE, stored, None, strict).refusal
