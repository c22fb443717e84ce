"""What the API server accepts and refuses, and what it says: one accepted and one refused object for each rule."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from builders import manifest, spec
from environment_operator.api.tools import DEFAULT_PORTS
from environment_operator.api.v1alpha1 import EnvironmentSpec
from kube import ENVIRONMENTS, Kube

INFERENCE = {"workloadTypes": ["Inference"], "endpoint": {"port": 8080, "protocol": "HTTP"}}
TOOL = {"name": "t", "type": "Custom", "containerPort": 9000}
WANDB = {"name": "w", "type": "WeightsAndBiases", "connection": {"type": "ExternalURL", "url": "https://w.example/x"}}
VALUE = {"secretKeyRef": {"name": "s", "key": "k"}}
NAMES_24 = [f"p{n}" for n in range(24)]


def tools(**fields: Any) -> dict[str, Any]:
    """Return a spec with one custom tool, some of its fields set; None leaves one out."""
    return {"tools": [{k: v for k, v in {**TOOL, **fields}.items() if v is not None}]}


def variables(*env: dict[str, Any]) -> dict[str, Any]:
    """Return a spec with variables."""
    return {"env": list(env)}


# rule: (accepted fields, refused fields, what the refusal says)
RULES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "scope is not empty": ({"scope": {"cluster": True}}, {"scope": {}}, ["spec.scope", "name at least one"]),
    "scope false is empty": (
        {"scope": {"cluster": False, "projects": ["a"]}},
        {"scope": {"cluster": False}},
        ["spec.scope", "Set cluster: true"],
    ),
    "cluster scope stands alone": (
        {"scope": {"departments": ["ml"], "projects": ["a"]}},
        {"scope": {"cluster": True, "projects": ["a"]}},
        ["spec.scope.cluster", "Remove departments and projects"],
    ),
    "at most 24 projects": (
        {"scope": {"projects": NAMES_24}},
        {"scope": {"projects": [*NAMES_24, "q"]}},
        ["spec.scope.projects", "24"],
    ),
    "at most 24 departments": (
        {"scope": {"departments": NAMES_24}},
        {"scope": {"departments": [*NAMES_24, "q"]}},
        ["spec.scope.departments", "24"],
    ),
    "a project is named once": (
        {"scope": {"projects": ["a", "b"]}},
        {"scope": {"projects": ["a", "a"]}},
        ["spec.scope.projects[1]", "Duplicate"],
    ),
    "framework with Distributed": (
        {"architecture": "Distributed", "framework": "PyTorch"},
        {"architecture": "Distributed"},
        ["spec.framework", "belongs to architecture Distributed"],
    ),
    "no framework with Standard": (
        {"architecture": "Standard"},
        {"framework": "Any"},
        ["spec.framework", "remove it with Standard"],
    ),
    "a workload type": ({"workloadTypes": ["Training"]}, {"workloadTypes": []}, ["spec.workloadTypes", "at least 1"]),
    "endpoint with Inference": (INFERENCE, {"workloadTypes": ["Inference"]}, ["spec.endpoint", "belongs to the"]),
    "no endpoint without Inference": (
        {"workloadTypes": ["Training"]},
        {"endpoint": {"port": 1, "protocol": "HTTP"}},
        ["spec.endpoint", "remove it without Inference"],
    ),
    "image grammar": ({"image": "r.example:5000/a/b:1"}, {"image": "not an image"}, ["spec.image", "[registry/]name"]),
    "image is required": ({"image": "a"}, {"image": None}, ["spec.image", "Required"]),
    "tools have their own names": (
        {"tools": [TOOL, {**TOOL, "name": "u"}]},
        {"tools": [TOOL, TOOL]},
        ["spec.tools[1]", "Duplicate"],
    ),
    "a custom tool has a port": (
        tools(),
        tools(containerPort=None),
        ["spec.tools[0].containerPort", "Add containerPort"],
    ),
    "an external tool has no port": (
        {"tools": [WANDB]},
        {"tools": [{**WANDB, "containerPort": 1}]},
        ["spec.tools[0].containerPort", "Remove it"],
    ),
    "an external tool has a URL": (
        {"tools": [WANDB]},
        {"tools": [{"name": "w", "type": "Comet"}]},
        ["spec.tools[0].connection", "with url"],
    ),
    "a url is for ExternalURL": (
        tools(connection={"type": "ExternalURL", "assign": "Custom", "url": "https://a.example"}),
        tools(connection={"type": "ClusterIP", "url": "https://a.example"}),
        ["spec.tools[0].connection.url", "ExternalURL only"],
    ),
    "a url is custom": (
        tools(connection={"type": "ExternalURL", "assign": "Custom"}),
        tools(connection={"type": "ExternalURL", "assign": "Auto", "url": "https://a.example"}),
        ["spec.tools[0].connection", "assign: Custom"],
    ),
    "a node port is custom": (
        tools(connection={"type": "NodePort", "assign": "Custom", "nodePort": 30001}),
        tools(connection={"type": "NodePort", "nodePort": 30001}),
        ["spec.tools[0].connection.nodePort", "assign: Custom"],
    ),
    "custom is for URLs and node ports": (
        tools(connection={"type": "LoadBalancer"}),
        tools(connection={"type": "LoadBalancer", "assign": "Custom"}),
        ["spec.tools[0].connection.assign", "ExternalURL and NodePort"],
    ),
    "one value of a variable": (
        variables({"name": "A", "value": ""}),
        variables({"name": "A", "value": "1", "valueFrom": VALUE}),
        ["spec.env[0].valueFrom", "not both"],
    ),
    "a value of a variable": (
        variables({"name": "A", "required": True}),
        variables({"name": "A"}),
        ["spec.env[0].value", "required: true"],
    ),
    "one source of a value": (
        variables({"name": "A", "valueFrom": VALUE}),
        variables({"name": "A", "valueFrom": {**VALUE, "fieldRef": {"fieldPath": "metadata.name"}}}),
        ["spec.env[0].valueFrom", "exactly one"],
    ),
    "variables have their own names": (
        variables({"name": "A", "value": "1"}, {"name": "B", "value": "1"}),
        variables({"name": "A", "value": "1"}, {"name": "A", "value": "2"}),
        ["spec.env[1]", "Duplicate"],
    ),
    "working directory is absolute": (
        {"workingDir": "/work"},
        {"workingDir": "work"},
        ["spec.workingDir", "Write an absolute path"],
    ),
    "ids with Custom": (
        {"user": {"source": "Custom", "uid": 1000, "gid": 0, "supplementalGroups": [5]}},
        {"user": {"source": "Image", "uid": 1000}},
        ["spec.user.source", "source Custom only"],
    ),
    "Custom has ids": (
        {"user": {"source": "Custom", "gid": 5}},
        {"user": {"source": "Custom"}},
        ["spec.user", "Add uid"],
    ),
    "Custom may leave ids to the submitter": (
        {"user": {"source": "Custom"}, "overridable": ["User"]},
        {"user": {"source": "IdPToken"}, "overridable": ["User"]},
        ["spec.overridable", "only with user.source Custom"],
    ),
    "uids are valid": (
        {"user": {"source": "Custom", "uid": 2147483647}},
        {"user": {"source": "Custom", "uid": 2147483648}},
        ["spec.user.uid", "2147483647"],
    ),
    "root is not runAsNonRoot": (
        {"user": {"source": "Custom", "uid": 0}, "security": {"runAsNonRoot": False}},
        {"user": {"source": "Custom", "uid": 0}, "security": {"runAsNonRoot": True}},
        ["spec.user.uid", "Change one of them"],
    ),
    "capabilities without CAP_": (
        {"security": {"capabilities": ["NET_ADMIN", "BPF"]}},
        {"security": {"capabilities": ["CAP_NET_ADMIN"]}},
        ["spec.security.capabilities[0]", "Unsupported value"],
    ),
    "a local seccomp profile": (
        {"security": {"seccompProfile": {"type": "Localhost", "localhostProfile": "p.json"}}},
        {"security": {"seccompProfile": {"type": "Localhost"}}},
        ["spec.security.seccompProfile.type", "localhostProfile belongs to"],
    ),
    "tty needs stdin": ({"tty": True, "stdin": True}, {"tty": True}, ["spec.tty", "stdin: true"]),
    "inference without hostIPC": (
        {**INFERENCE, "security": {"hostIPC": False}},
        {**INFERENCE, "security": {"hostIPC": True}},
        ["spec.security.hostIPC", "inference"],
    ),
    "inference without hostNetwork": (
        {"security": {"hostNetwork": True}},
        {**INFERENCE, "security": {"hostNetwork": True}},
        ["spec.security.hostNetwork", "inference"],
    ),
    "inference without privilege escalation": (
        {**INFERENCE, "security": {"allowPrivilegeEscalation": False}},
        {**INFERENCE, "security": {"allowPrivilegeEscalation": True}},
        ["spec.security.allowPrivilegeEscalation", "inference"],
    ),
    "inference without stdin": (
        {**INFERENCE, "stdin": False},
        {**INFERENCE, "stdin": True},
        ["spec.stdin", "inference"],
    ),
    "inference without tty": (
        {**INFERENCE, "tty": False},
        {**INFERENCE, "stdin": True, "tty": True},
        ["spec.tty", "inference"],
    ),
    "one check of readiness": (
        {"readinessProbe": {"httpGet": {"port": 80}}},
        {"readinessProbe": {"httpGet": {"port": 80}, "exec": {"command": ["true"]}}},
        ["spec.readinessProbe", "exactly one"],
    ),
    "overridable names fields": (
        {"overridable": ["Image", "Command"]},
        {"overridable": ["Memory"]},
        ["spec.overridable[0]", "Unsupported value"],
    ),
    "description is short": ({"description": "x" * 250}, {"description": "x" * 251}, ["spec.description", "250"]),
    "display name is short": ({"displayName": "x" * 63}, {"displayName": "x" * 64}, ["spec.displayName", "63"]),
}


def one(field: str) -> Callable[[str], dict[str, Any]]:
    """Return what makes a spec of a text in a field."""
    return lambda text: {field: text}


# field: (makes a spec of a text, accepted texts, refused texts, what the refusal says)
GRAMMARS: dict[str, tuple[Callable[[str], dict[str, Any]], list[str], list[str], str]] = {
    "spec.image": (
        one("image"),
        ["a", "a/b__c:V1.0", "localhost:5000/a--b", "[fe80::1]:5000/a", f"r.example/a:1@sha256:{'0a' * 32}"],
        ["Upper", "a:", "a b", "a\n", "https://r.example/a", "a//b", "-a", "a@sha256:0", "a\u00e9", "/a"],
        "Write [registry/]name[:tag][@digest]",
    ),
    "spec.workingDir": (one("workingDir"), ["/", "/a b"], ["a", "./a", "~", "/a\nb", "/a\n", " /a"], "absolute path"),
    "spec.scope.projects[0]": (
        lambda text: {"scope": {"projects": [text]}},
        ["a", "0-a"],
        ["A", "-a", "a-", "a.b", "a_b", "a\n"],
        "Write small letters, digits and -",
    ),
    "spec.scope.departments[0]": (
        lambda text: {"scope": {"departments": [text]}},
        ["A", "a_b.c"],
        ["_a", "a.", "a b", "a/b"],
        "Write letters, digits, -, _ and .",
    ),
    "spec.imagePullSecrets[0]": (
        lambda text: {"imagePullSecrets": [text]},
        ["a", "a.b-c"],
        ["A", "a..b", ".a", "a-", "a_b", "a.-b"],
        "Write small letters, digits, - and .",
    ),
    "spec.tools[0].name": (
        lambda text: tools(name=text),
        ["lab", "a-b"],
        ["Lab", "a--b", "-a", "a-", "a.b"],
        "no two -",
    ),
    "spec.env[0].name": (
        lambda text: variables({"name": text, "value": ""}),
        ["A", "_a.b-C1"],
        ["1A", "A B", "A=", "A\n"],
        "no digit first",
    ),
    "spec.env[0].valueFrom.configMapKeyRef.key": (
        lambda text: variables({"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": text}}}),
        ["a", "A.b-c_1"],
        ["a b", "a/b", "a\n"],
        "Write letters, digits, -, _ or periods.",
    ),
    "spec.env[0].valueFrom.secretKeyRef.name": (
        lambda text: variables({"name": "A", "valueFrom": {"secretKeyRef": {"name": text, "key": "k"}}}),
        ["a.b"],
        ["A", "a_b"],
        "Write small letters, digits, - and .",
    ),
    "spec.readinessProbe.httpGet.host": (
        lambda text: {"readinessProbe": {"httpGet": {"port": 1, "host": text}}},
        ["a.example"],
        ["A.example", "a:1", "http://a"],
        "Write small letters, digits, - and .",
    ),
    "spec.deprecated.replacedBy": (
        lambda text: {"deprecated": {"message": "old", "replacedBy": text}},
        ["a.b"],
        ["A", "a/b"],
        "Write small letters, digits, - and .",
    ),
}


def dry_run(kube: Kube, accepted: bool, name: str, fields: dict[str, Any]) -> str:
    """Send an Environment to the API server without keeping it; return what it said."""
    reply = kube.rest.create(f"{ENVIRONMENTS}?dryRun=All", manifest(name, **fields))
    assert accepted is reply.ok, reply.body
    return reply.message


@pytest.mark.parametrize("rule", RULES)
def test_rule(kube: Kube, rule: str) -> None:
    """The API server accepts what follows the rule; it refuses the rest and says which field and what to do.

    The models refuse the same, for what is stored already: all but an item that is there twice.
    """
    accepted, refused, said = RULES[rule]
    dry_run(kube, True, "x", accepted)
    message = dry_run(kube, False, "x", refused)
    EnvironmentSpec.model_validate(spec(**accepted))

    assert [] == [word for word in said if word not in message], message
    if "Duplicate" not in said:
        with pytest.raises(ValidationError):
            EnvironmentSpec.model_validate(spec(**refused))


@pytest.mark.parametrize("field", GRAMMARS)
def test_grammar(kube: Kube, field: str) -> None:
    """A text is accepted or refused by the API server and in Python alike, with the field and with what to write."""
    make, accepted, refused, said = GRAMMARS[field]
    for text in accepted:
        dry_run(kube, True, "x", make(text))
        EnvironmentSpec.model_validate(spec(**make(text)))
    for text in refused:
        message = dry_run(kube, False, "x", make(text))
        assert [field, said] == [word for word in (field, said) if word in message], message
        assert len(message) <= 300, message
        with pytest.raises(ValidationError, match=re.escape(said)):
            EnvironmentSpec.model_validate(spec(**make(text)))


def test_the_name_is_a_label_value(kube: Kube) -> None:
    """A name of 63 characters is accepted, dots included; a longer one could not be a label value."""
    dry_run(kube, True, "pytorch-2.4." + "x" * 51, {})

    assert "at most 63 characters" in dry_run(kube, False, "x" * 64, {})


def test_no_replacement_by_itself(kube: Kube) -> None:
    """An Environment cannot name itself as its replacement."""
    deprecated = {"deprecated": {"message": "old", "replacedBy": "x"}}
    dry_run(kube, True, "y", deprecated)

    assert "spec.deprecated.replacedBy" in dry_run(kube, False, "x", deprecated)


def test_defaults(kube: Kube) -> None:
    """Only what is the same for everybody is filled in: what may be overridden, and a status that says unseen."""
    made = kube.rest.create(f"{ENVIRONMENTS}?dryRun=All", manifest("x")).body

    assert {**manifest("x")["spec"], "overridable": ["Command", "Args", "Env"]} == made["spec"]
    assert {"observedGeneration": -1} == made["status"]


def test_explain(kube: Kube) -> None:
    """``kubectl explain`` reads like documentation."""
    text = kube.kubectl("explain", "environment.spec.user")

    assert "Who the process runs as." in text
    assert "enum: Image, IdPToken, Custom" in text
    assert "Only with source Custom." in text


@pytest.mark.parametrize("kind", sorted(DEFAULT_PORTS))
def test_tools_have_default_ports(kube: Kube, kind: str) -> None:
    """A tool of a known type needs no port."""
    dry_run(kube, True, "x", {"tools": [{"name": "t", "type": kind}]})
