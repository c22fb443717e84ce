"""What ``create`` makes of options and of workloads."""

from typing import Any, get_args

import click
import pytest

from builders import KINDS, pod_template, workload
from environment_operator.api import names, v1alpha1
from environment_operator.api.security import User
from environment_operator.api.tools import ToolType
from environment_operator.cli import apply, spec_options
from environment_operator.cli.commands.create import create_command
from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.from_workload import lift
from environment_operator.cli.local_admission import admitted, published
from environment_operator.injection.context import Project

JOB = KINDS["jobs.batch"]
GIVEN = {"scope": {"projects": ["vision"]}, "architecture": "Standard", "workloadTypes": ["Training"]}
CONTAINER: dict[str, Any] = {
    "name": "main",
    "image": "registry.example/train:1",
    "imagePullPolicy": "Always",
    "command": ["python"],
    "args": ["train.py"],
    "workingDir": "/work",
    "stdin": True,
    "tty": True,
    "env": [
        {"name": "DATA", "value": "/data"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}},
    ],
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"add": ["SYS_PTRACE"]}},
    "readinessProbe": {"httpGet": {"port": 8080}},
    "resources": {"limits": {"cpu": "1"}},
}


def job(pod: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    """Return a Job with a container, where None takes a field away."""
    made = workload("Job", "train", "vision")
    fields = {key: value for key, value in {**CONTAINER, **container}.items() if value is not None}
    made["spec"]["template"]["spec"] = {"containers": [fields], "restartPolicy": "Never", **(pod or {})}
    return made


def test_options_become_a_spec() -> None:
    """Each option goes to its field; what was not given is left out, what was denied is not."""
    assert {
        "scope": {"departments": ["ml"], "projects": ["vision"]},
        "displayName": "Jupyter",
        "architecture": "Standard",
        "workloadTypes": ["Training"],
        "image": "a:1",
        "tty": False,
        "endpoint": {"port": 80, "protocol": "GRPC"},
        "tools": [{"name": "lab", "type": "JupyterNotebook"}, {"name": "x", "type": "Custom", "containerPort": 9}],
        "command": ["bash", "-c", "a b"],
        "env": [{"name": "A", "value": "b=c"}, {"name": "B", "value": ""}, {"name": "C", "required": True}],
        "user": {"source": "Custom", "uid": 0},
        "security": {"capabilities": ["KILL"], "runAsNonRoot": False},
    } == spec_options.spec(
        {
            "departments": ("ml",),
            "projects": ("vision",),
            "display_name": "Jupyter",
            "description": "",
            "architecture": "Standard",
            "types": ("Training",),
            "image": "a:1",
            "tty": False,
            "endpoint": "80/grpc",
            "tools": ("lab=JupyterNotebook", "x=Custom:9"),
            "command": "bash -c 'a b'",
            "env": ("A=b=c", "B=", "C"),
            "uid": 0,
            "capabilities": ("KILL",),
            "run_as_non_root": False,
        }
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tools": ("lab",)}, "NAME=TYPE"),
        ({"tools": ("lab=Custom:x",)}, "is not a port. Write a number"),
        ({"endpoint": "http"}, "is not a port. Write a number"),
        ({"command": "'open"}, "--command"),
    ],
)
def test_options_that_cannot_be_read(given: dict[str, Any], words: str) -> None:
    """A value that cannot be read is refused with the option's name or form."""
    with pytest.raises(Problem, match=words):
        spec_options.spec(given)


def test_what_is_missing() -> None:
    """Image, workload type and scope are needed."""
    assert ["--image", "--type", "--project, --department or --cluster-wide"] == spec_options.missing(
        spec_options.spec({})
    )
    assert [] == spec_options.missing(spec_options.spec({"image": "a", "types": ("Training",), "cluster_wide": True}))


def test_choices_are_those_of_the_models() -> None:
    """The values that options offer are those that the API knows."""
    source = get_args(User.model_fields["source"].annotation)

    assert get_args(v1alpha1.Architecture) == spec_options.ARCHITECTURES
    assert get_args(v1alpha1.Framework) == spec_options.FRAMEWORKS
    assert get_args(v1alpha1.WorkloadType) == spec_options.WORKLOAD_TYPES
    assert get_args(v1alpha1.PullPolicy) == spec_options.PULL_POLICIES
    assert get_args(v1alpha1.Overridable) == spec_options.OVERRIDABLE
    assert get_args(ToolType) == spec_options.TOOL_TYPES
    assert source == spec_options.USER_SOURCES


def test_every_option_is_used() -> None:
    """No option of ``create`` is dropped on the way to the spec."""
    known = {p.name for p in create_command.params if isinstance(p, click.Option)}
    others = {
        "source",
        "dry_run",
        "output",
        "kubeconfig",
        "context",
        "request_timeout",
        "as_user",
        "as_groups",
        "kinds_file",
    }
    values = {"endpoint": "1", "tools": ("a=b:1",), "env": ("A",), "command": "x", "args": "x"}
    given = {name: values.get(name, ("x",) if name.endswith("s") else "x") for name in known - others if name}

    for name in given:
        assert spec_options.spec(given) != spec_options.spec({**given, name: None}), name


@pytest.mark.parametrize(
    "workload_of",
    [
        job(),
        job(securityContext=None, readinessProbe=None),
        job({"securityContext": {"runAsUser": 7, "runAsGroup": 8, "supplementalGroups": [9]}, "hostIPC": True}),
        job({"securityContext": {"runAsUser": 7, "fsGroup": 8}}),
        job(securityContext={"privileged": True, "allowPrivilegeEscalation": True}),
        job({"imagePullSecrets": [{"name": "hub"}], "initContainers": [{"name": "init", "image": "a"}]}),
        job(env=[{"name": "CPUS", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}, CONTAINER["env"][0]]),
        job(env=[CONTAINER["env"][0], {"name": "SUB", "value": "$(DATA)/sub"}], ports=[{"containerPort": 8080}]),
        job({"initContainers": [{"name": "i", "image": "a", "securityContext": {"privileged": True}}]}),
    ],
)
def test_lifting_loses_nothing(workload_of: dict[str, Any]) -> None:
    """Admission makes of both halves together what the workload was alone, with any part that could not be lifted."""
    both = lift(JOB, workload_of, "lab", GIVEN)
    environment = published(apply.manifest("lab", both.spec))
    outcome = admitted(JOB, both.workload, [environment], Project("vision"))

    assert "" == outcome.refusal
    assert outcome.workload is not None
    pods = outcome.workload["spec"]["template"]["spec"].get("securityContext", {})
    # Ids that may not be overridden get no groups of the image.
    assert pods.pop("supplementalGroupsPolicy", "Strict") == "Strict"
    assert _with_defaults(workload_of) == _with_defaults(outcome.workload)
    assert "image" not in both.workload["spec"]["template"]["spec"]["containers"][0]


def _with_defaults(of: dict[str, Any]) -> Any:
    """Return the pod spec with what the API server would default."""
    pod = of["spec"]["template"]["spec"]
    container = {"imagePullPolicy": "IfNotPresent", **pod["containers"][0]}
    if "readinessProbe" in container:
        handler = {"path": "/", "scheme": "HTTP", **container["readinessProbe"]["httpGet"]}
        numbers = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
        container["readinessProbe"] = {**numbers, **container["readinessProbe"], "httpGet": handler}
    return {**pod, "containers": [container]}


def test_what_is_lifted() -> None:
    """The set-up goes, resources and ports stay, and the workload refers to the Environment."""
    both = lift(JOB, job(ports=[{"containerPort": 8080}]), "lab", GIVEN)

    assert {"name": "main", "resources": {"limits": {"cpu": "1"}}, "ports": [{"containerPort": 8080}]} == (
        both.workload["spec"]["template"]["spec"]["containers"][0]
    )
    assert "lab" == both.workload["metadata"]["labels"][names.REFERENCE]
    assert {*GIVEN, "image", "imagePullPolicy", "command", "args", "workingDir", "stdin", "tty", "env", "security"} | {
        "readinessProbe"
    } == both.spec.keys()


def test_options_win_over_the_workload() -> None:
    """What the command line says stays, and what the workload says otherwise stays in the workload."""
    both = lift(JOB, job(), "lab", {**GIVEN, "workingDir": "/mine", "overridable": ["WorkingDir"]})

    assert "/mine" == both.spec["workingDir"]
    assert "/work" == both.workload["spec"]["template"]["spec"]["containers"][0]["workingDir"]


def test_nothing_to_lift() -> None:
    """A workload without a container is refused, and so is one that admission would refuse."""
    empty = workload("Job", "train", "vision")
    empty["spec"]["template"] = {**pod_template(), "spec": {"containers": []}}
    with pytest.raises(Problem, match="no container"):
        lift(JOB, empty, "lab", GIVEN)
    with pytest.raises(Problem, match="Inference"):
        lift(JOB, job(), "lab", {**GIVEN, "workloadTypes": ["Inference"], "endpoint": {"port": 1, "protocol": "HTTP"}})


@pytest.mark.parametrize(
    ("pod", "container", "where"),
    [
        ({"containers": "foo"}, {}, "spec.template.spec.containers"),
        ({}, {"securityContext": ["a"]}, "securityContext"),
        ({}, {"securityContext": {"capabilities": "x"}}, "capabilities"),
        ({}, {"env": {"a": "b"}}, "env"),
        ({"imagePullSecrets": ["foo"]}, {}, "imagePullSecrets"),
        ({"securityContext": "x"}, {}, "securityContext"),
    ],
)
def test_malformed_workloads(pod: dict[str, Any], container: dict[str, Any], where: str) -> None:
    """Where something else stands than belongs there, it is said where."""
    with pytest.raises(Problem, match=f"Job: a value of another type is at {where}. Correct it"):
        lift(JOB, job(pod, **container), "lab", GIVEN)


@pytest.mark.parametrize("field", ["annotations", "labels"])
def test_malformed_metadata(field: str) -> None:
    """Labels and annotations that say nothing yet are none; the container has to be named by a text."""
    made = job()
    made["metadata"][field] = None
    assert "lab" == lift(JOB, made, "lab", GIVEN).workload["metadata"]["labels"][names.REFERENCE]
    made["metadata"]["annotations"] = {names.CONTAINER: ["main"]}
    with pytest.raises(Problem, match=names.CONTAINER):
        lift(JOB, made, "lab", GIVEN)


def test_the_authors_part() -> None:
    """Of an Environment its author wrote labels, annotations and spec; ours and kubectl's go."""
    theirs = {"team": "a"}
    ours = {names.CREATED_BY: "ada", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    meta = {"name": "lab", "uid": "1", "labels": theirs, "annotations": {**ours, **theirs}}

    wanted = {
        **apply.manifest("lab", {"image": "a"}),
        "metadata": {"name": "lab", "labels": theirs, "annotations": theirs},
    }
    assert wanted == (apply.authored({"metadata": meta, "spec": {"image": "a"}, "status": {}}))
