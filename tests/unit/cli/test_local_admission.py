"""What would be: workloads with the source of each value, and whether an Environment may be used."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from builders import KINDS, environment, workload
from environment_operator.api import names
from environment_operator.cli import checking, provenance
from environment_operator.cli.local_admission import admitted, published
from environment_operator.injection.context import Project
from environment_operator.injection.identity import Ids

DEPLOYMENT = KINDS["deployments.apps"]
# PyYAML itself does not bring these line breaks back.
TEXT = st.text(st.characters(exclude_characters="\x85\u2028\u2029"))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


def notes(text: str) -> dict[str, str]:
    """Return the note of each line, by what stands on it."""
    return {
        line.partition("  #")[0].strip(" -"): line.rpartition("# ")[2] for line in text.splitlines() if "  # " in line
    }


def test_each_value_has_its_source() -> None:
    """Values of the Environment, of the person's identity, of the operator and of the workload are distinguished."""
    tool = {"name": "web", "type": "MLflow", "connection": {"type": "ClusterIP"}}
    known = published(
        environment("lab", user={"source": "IdPToken"}, env=[{"name": "DATA", "value": "/data"}], tools=[tool])
    )
    asked = workload("Deployment", "notebook", "vision", "lab")
    asked["spec"]["template"]["spec"]["containers"][0] = {"name": "main", "env": [{"name": "MINE", "value": "1"}]}
    outcome = admitted(DEPLOYMENT, asked, [known], Project("vision"), Ids(7, 8))
    assert outcome.workload is not None, outcome.refusal
    noted = notes(
        provenance.annotated(outcome.workload, provenance.sources(DEPLOYMENT, outcome.workload, ["lab"]), "workload")
    )

    assert {names.TOOLS: "operator", names.RECORD: "operator"}.items() <= {
        line.partition(":")[0]: note for line, note in noted.items()
    }.items()
    assert {
        "image: registry.example/team/jupyter:4.2": "Environment lab",
        "name: DATA": "Environment lab",
        "value: /data": "Environment lab",
        "name: MINE": "workload",
        "value: '1'": "workload",
        "runAsUser: 7": "identity",
        "runAsGroup: 8": "identity",
        f"{names.INJECTED_FROM}: lab": "operator",
        f"{names.REFERENCE}: lab": "workload",
        "replicas: 1": "workload",
    }.items() <= noted.items()


@given(st.dictionaries(TEXT, PLAIN, max_size=4))
def test_notes_change_nothing(item: dict[str, Any]) -> None:
    """With notes on its lines it is the same YAML, for any values."""
    assert item == yaml.safe_load(provenance.annotated(item, {}, "workload"))


def case(namespace: dict[str, str] | None = None, workloads: Any = (), *, whole: bool = False, **spec: Any) -> Any:
    """Return a question about an Environment with some fields, in a project with labels."""
    level = {"podSecurity": spec.pop("level", "restricted")}
    return checking.Case(
        environment=environment("lab", status=level, **spec),
        others=(),
        project="vision",
        namespace=None if namespace is None else {"metadata": {"labels": namespace}},
        workloads=workloads,
        whole=whole,
    )


def with_image(image: str) -> dict[str, Any]:
    """Return a workload with an image of its own."""
    made = workload("Deployment", "a", "vision")
    made["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return made


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (case(), ""),
        (case({}, scope={"projects": ["vision"]}), ""),
        (case({}, scope={"projects": ["speech"]}), 'project "vision" is not among project/speech'),
        (case({names.DEPARTMENT: "ml"}, scope={"departments": ["ml"]}), ""),
        (case({names.DEPARTMENT: "hr"}, scope={"departments": ["ml"]}), 'of department "hr"'),
        (case({"pod-security.kubernetes.io/enforce": "baseline"}, level="privileged"), "enforces baseline"),
        (case({"pod-security.kubernetes.io/enforce": "baseline"}, level="baseline"), ""),
        (case({"pod-security.kubernetes.io/enforce": "nonsense"}, level="privileged"), ""),
        (case({}, image="a" * 64), "it cannot be used: InvalidImage"),
        (case({}, [(DEPLOYMENT, workload("Deployment", "a", "vision"))]), ""),
        (case({}, [(DEPLOYMENT, workload("Deployment", "a", "vision"))], workloadTypes=["Training"]), "Deployment a: "),
        (
            case(
                {}, [(DEPLOYMENT, workload("Deployment", "a", "vision"))], architecture="Distributed", framework="MPI"
            ),
            "it is for Distributed workloads",
        ),
        (case({}, [(DEPLOYMENT, workload("Deployment", "a", "vision"))], whole=True), ""),
        (case({}, [(DEPLOYMENT, with_image("other:1"))], whole=True), "other:1"),
    ],
)
def test_check(asked: checking.Case, words: str) -> None:
    """Every reason is said: scope, level, what is wrong with it, type, architecture, and what admission would say."""
    found = "; ".join(checking.reasons(asked))

    assert bool(words) == bool(found)
    assert words in found


def test_several_reasons_at_once() -> None:
    """A check does not end at the first reason."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    found = list(checking.reasons(case(labels, scope={"projects": ["speech"]}, level="baseline")))

    assert 2 == len(found)


ODD: list[Any] = [None, 7, "x", [8080], {"a": 1}]
POD = {
    "containers": [
        {
            "name": "main",
            "image": "i:1",
            "imagePullPolicy": "Always",
            "args": ["b"],
            "env": [{"name": "A", "value": "$(B)"}],
            "ports": [{"name": "lab", "containerPort": 1}],
            "securityContext": {"runAsUser": 1, "capabilities": {"add": ["X"]}},
            "volumeMounts": [{"name": "v", "mountPath": "/m"}],
        }
    ],
    "volumes": [{"name": "v", "emptyDir": {}}],
    "imagePullSecrets": [{"name": "s"}],
    "securityContext": {"supplementalGroups": [1]},
}


def spoilt(item: Any) -> Iterator[Any]:
    """Yield an object with something odd in the place of each of its parts in turn."""
    yield from copy.deepcopy(ODD)
    for key, value in item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ():
        for odd in spoilt(value):
            out = copy.copy(item)
            out[key] = odd
            yield out


def test_malformed_workloads() -> None:
    """For any workload the result is shown, or why there is none."""
    tools = [{"name": "lab", "type": "JupyterNotebook"}]
    more: Any = {"imagePullSecrets": ["hub"], "createHomeDir": True, "overridable": ["Image", "Env"]}
    env = published(environment("env", tools=tools, env=[{"name": "A", "value": "1"}], **more))
    asked = workload("Deployment", "lab", "vision", "env")
    for spec in spoilt({"template": {"spec": POD}}):
        outcome = admitted(DEPLOYMENT, {**asked, "spec": spec}, [env], Project("vision"))
        if outcome.workload is not None:
            assert provenance.sources(DEPLOYMENT, outcome.workload)
        assert outcome.workload or outcome.refusal


def test_malformed_environments() -> None:
    """Any Environment of a file is used, or the message gives the reason why not."""
    made = environment("env", deprecated={"message": "m", "replacedBy": "x"}, imagePullSecrets=["hub"])
    for spec in spoilt(made["spec"]):
        assert published({**made, "spec": spec}, ["x"]).name
    assert published({"metadata": {"generation": "x"}}).problem
