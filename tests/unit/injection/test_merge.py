"""The merge rules, one by one: what an Environment puts into a pod template, and what is the submitter's."""

from typing import Any

import pytest

from builders import spec
from environment_operator.api import names
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.injection.merge import Record, apply, puts, strip
from environment_operator.kinds.paths import Path, Unfit
from environment_operator.spec.fragment import render

MAIN: Path = ("spec", "containers", "main")
Object = dict[str, Any]
ALWAYS = {"image": "e:1", "imagePullPolicy": "Always"}


def merged(fields: Object, container: Object, **pod: Any) -> Object:
    """Return the pod spec after an Environment was put into a pod of one container and a sidecar."""
    template = {"spec": {"containers": [{"name": "main", **container}, {"name": "sidecar", "image": "proxy"}], **pod}}
    fragment = render(EnvironmentSpec.model_validate(spec(**fields)))
    out, record = apply(template, puts(fragment, MAIN, {("metadata", "labels"): {"l": "v"}}), MAIN)

    assert template == strip(out, record)
    assert {"name": "sidecar", "image": "proxy"} == out["spec"]["containers"][1]
    assert {"labels": {"l": "v"}} == out["metadata"]
    made: dict[str, Any] = out["spec"]
    return made


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        ([], ["FIRST", "SECOND", "THIRD", "ESCAPED"]),
        (["OWN"], ["FIRST", "SECOND", "THIRD", "ESCAPED", "OWN"]),
        (["FIRST", "OWN"], ["ESCAPED", "FIRST", "SECOND", "THIRD", "OWN"]),
        (["OWN", "FIRST"], ["ESCAPED", "OWN", "FIRST", "SECOND", "THIRD"]),
        (["THIRD", "FIRST"], ["ESCAPED", "THIRD", "FIRST", "SECOND"]),
    ],
)
def test_variables_that_refer_to_each_other(mine: list[str], expected: list[str]) -> None:
    """A variable of the Environment comes after the one it refers to, also where the workload has set that one."""
    values = {"FIRST": "1", "SECOND": "$(FIRST)", "THIRD": "$(SECOND)", "ESCAPED": "$$(FIRST)"}
    fields = {"env": [{"name": name, "value": value} for name, value in values.items()]}
    own = [{"name": name, "value": "mine"} for name in mine]
    container = merged(fields, {"image": "i", "env": own})["containers"][0]

    assert expected == [variable["name"] for variable in container["env"]]


def test_variables() -> None:
    """The Environment's variables come first, in its order; the workload's value of the same name wins in place."""
    fields = {"env": [{"name": n, "value": "env"} for n in ("A", "B", "C")]}
    mine = [{"name": "X", "value": "$(A)"}, {"name": "B", "value": "mine"}]

    assert [("A", "env"), ("C", "env"), ("X", "$(A)"), ("B", "mine")] == [
        (v["name"], v["value"]) for v in merged(fields, {"image": "i", "env": mine})["containers"][0]["env"]
    ]


def test_a_variable_has_one_value() -> None:
    """A variable that takes its value from somewhere is not given a value as well."""
    mine = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    container = merged({"env": [{"name": "A", "value": "1"}]}, {"env": [mine]})["containers"][0]

    assert [mine] == container["env"]


def test_what_is_there_already() -> None:
    """What the workload has like the Environment stays where it is and is remembered, so that it can be put back."""
    fields = {"env": [{"name": n, "value": "env"} for n in ("A", "B")], "tools": [{"name": "lab", "type": "RStudio"}]}
    mine = [{"name": "X", "value": "$(A)"}, {"name": "B", "value": "env"}]
    port = {"name": "lab", "containerPort": 8787, "protocol": "TCP"}
    container = merged(fields, {"image": "i", "env": mine, "ports": [port]})["containers"][0]

    assert (["A", "X", "B"], [port]) == ([v["name"] for v in container["env"]], container["ports"])
    template = {"spec": {"containers": [{"name": "main", "command": ["env"]}]}}
    out, record = apply(template, [((*MAIN, "command"), ["env"])], MAIN)
    assert (template, Record(((*MAIN, "command"),), {(*MAIN, "command"): ["env"]})) == (out, record)


def test_marks_are_ours() -> None:
    """What a submitter wrote where our marks are is replaced, and does not come back."""
    path = ("metadata", "labels", names.INJECTED_FROM)
    template = {"metadata": {"labels": {names.INJECTED_FROM: "false", "a": "b"}}, "spec": {"containers": []}}
    out, record = apply(template, [(path, "e")], MAIN)

    assert {"a": "b", names.INJECTED_FROM: "e"} == out["metadata"]["labels"]
    assert {"a": "b"} == strip(out, record)["metadata"]["labels"]


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        ({}, {"command": ["env"], "args": ["--env"]}),
        ({"command": ["mine"]}, {"command": ["mine"]}),
        ({"args": ["--mine"]}, {"command": ["env"], "args": ["--mine"]}),
        ({"command": ["mine"], "args": ["--mine"]}, {"command": ["mine"], "args": ["--mine"]}),
        ({"command": []}, {"command": ["env"], "args": ["--env"]}),
    ],
)
def test_command_and_arguments(mine: Object, expected: Object) -> None:
    """Command and arguments are replaced whole, never appended; arguments go only with the command they are for."""
    container = merged({"command": ["env"], "args": ["--env"]}, {"image": "i", **mine})["containers"][0]

    assert expected == {k: container[k] for k in ("command", "args") if k in container}


@pytest.mark.parametrize(
    ("fields", "mine", "expected"),
    [
        ({"image": "e:1"}, {}, ("e:1", "IfNotPresent")),
        ({"image": "e"}, {"imagePullPolicy": "IfNotPresent"}, ("e", "Always")),
        ({"image": "e:1", "imagePullPolicy": "Never"}, {"imagePullPolicy": "Always"}, ("e:1", "Always")),
        (
            {"image": "e", "imagePullPolicy": "Always"},
            {"image": "m:1", "imagePullPolicy": "IfNotPresent"},
            ("m:1", "IfNotPresent"),
        ),
        (
            {"image": "e:1", "imagePullPolicy": "Always"},
            {"image": "e:1", "imagePullPolicy": "IfNotPresent"},
            ("e:1", "Always"),
        ),
    ],
    ids=["left out", "defaulted", "given", "own image", "same image"],
)
def test_image_and_its_pull_policy(fields: Object, mine: Object, expected: tuple[str, str]) -> None:
    """The policy goes with the image it is for; a policy that the API server defaulted counts as unset."""
    container = merged(fields, mine)["containers"][0]

    assert expected == (container["image"], container["imagePullPolicy"])


def test_ports() -> None:
    """Ports differ by number and protocol; a name that is taken is not given twice."""
    fields = {
        "tools": [{"name": "lab", "type": "JupyterNotebook"}, {"name": "x", "type": "Custom", "containerPort": 9}]
    }
    mine = [{"name": "lab", "containerPort": 1}, {"containerPort": 9, "protocol": "UDP"}]

    assert [
        *mine,
        {"containerPort": 8888, "protocol": "TCP"},
        {"name": "x", "containerPort": 9, "protocol": "TCP"},
    ] == merged(fields, {"ports": mine})["containers"][0]["ports"]


@pytest.mark.parametrize(
    ("field", "odd"),
    [("ports", [8080]), ("ports", "x"), ("ports", 7), ("image", 7), ("env", "x")],
)
def test_what_belongs_elsewhere(field: str, odd: object) -> None:
    """Where something else stands than belongs there, the error says where."""
    fields = {"tools": [{"name": "lab", "type": "JupyterNotebook"}], "env": [{"name": "A", "value": "1"}]}
    with pytest.raises(Unfit, match=rf"^spec\.containers\.main\.{field}$"):
        merged(fields, {"image": "i", "imagePullPolicy": "Always", field: odd})


def test_pull_secrets() -> None:
    """Secrets to pull with are united, the workload's own first."""
    pod = merged({"imagePullSecrets": ["a", "b"]}, {}, imagePullSecrets=[{"name": "b"}, {"name": "c"}])

    assert [{"name": "b"}, {"name": "c"}, {"name": "a"}] == pod["imagePullSecrets"]


def test_security_contexts() -> None:
    """Security contexts are merged leaf by leaf, on the level where Kubernetes reads them; false is a value."""
    fields = {
        "user": {"source": "Custom", "uid": 1000, "gid": 100},
        "security": {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "capabilities": ["CHOWN"]},
    }
    mine = {"securityContext": {"runAsNonRoot": False, "capabilities": {"drop": ["ALL"]}}}
    pod = merged(fields, mine, securityContext={"runAsUser": 5})

    assert {"runAsUser": 5, "runAsGroup": 100} == pod["securityContext"]
    assert {
        "runAsNonRoot": False,
        "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]},
        "allowPrivilegeEscalation": False,
    } == pod["containers"][0]["securityContext"]


def test_home_directory() -> None:
    """The home directory is a volume of its own next to the workload's."""
    pod = merged(
        {"createHomeDir": True}, {"volumeMounts": [{"name": "d", "mountPath": "/data"}]}, volumes=[{"name": "d"}]
    )

    assert ["d", "environment-home"] == [v["name"] for v in pod["volumes"]]
    assert ["/data", "/home/environment"] == [m["mountPath"] for m in pod["containers"][0]["volumeMounts"]]


def test_record_is_plain_data_without_values() -> None:
    """A record survives being written and read, and holds no value of the Environment."""
    fragment = render(EnvironmentSpec.model_validate(spec(env=[{"name": "A", "value": "secret-looking"}])))
    _, record = apply({"spec": {"containers": [{"name": "main"}]}}, puts(fragment, MAIN, {}), MAIN)

    assert record == Record.from_json(record.as_json())
    assert "secret-looking" not in str(record.as_json())


@pytest.mark.parametrize(
    "raw", [{}, {"put": 1}, {"put": [[]]}, {"put": [[1]]}, {"put": [], "was": [1]}, {"put": [["a"]], "was": 5}]
)
def test_what_is_not_a_record(raw: Object) -> None:
    """Any text that is no record counts as none."""
    with pytest.raises(ValueError, match=r"not a record|unpack"):
        Record.from_json(raw)
