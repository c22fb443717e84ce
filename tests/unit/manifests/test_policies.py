"""The admission policies as data: for which kinds, for which requests, and that no expression can fail."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import builders
from environment_operator.api import names
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.injection import overrides
from environment_operator.kinds.table import BUILTIN, Kind
from environment_operator.manifests.policies import objects

FURTHER = (
    Kind(group="kubeflow.org", version="v1", kind="Notebook", plural="notebooks"),
    Kind(group="kubeflow.org", version="v1", kind="PyTorchJob", plural="pytorchjobs"),
    Kind(group="trainer.kubeflow.org", version="v1alpha1", kind="Runtime", plural="runtimes", template=True),
)
POLICIES = {
    each["metadata"]["name"]: each["spec"] for each in objects((*BUILTIN, *FURTHER)) if "Binding" not in each["kind"]
}
BINDINGS = {
    each["spec"]["policyName"]: each["spec"] for each in objects((*BUILTIN, *FURTHER)) if "Binding" in each["kind"]
}
# What may be selected without a question: the request always has these, and the name is there where they are used.
CERTAIN = (
    r"\b(request\.(operation|namespace|kind\.(kind|group)|userInfo(\.username)?)|variables\.\w+"
    r"|oldObject\.metadata(\.name)?)"
)
EACH = r"\[object, oldObject\]\.map\(o, optional\.ofNonZeroValue\((o|dyn\(o\))\)"
SIDES = r"optional\.ofNonZeroValue\((dyn\()?(object|oldObject)\)?\)"


def expressions(spec: dict[str, Any]) -> Iterator[str]:
    """Yield every expression of a policy, without its texts."""
    found = [each["expression"] for key in ("matchConditions", "variables", "validations") for each in spec[key]]
    said = [each["messageExpression"] for each in spec["validations"]]
    for each in (*found, *said):
        yield re.sub(r"'(\\.|[^'\\])*'", "''", each)


@pytest.mark.parametrize("name", POLICIES)
def test_expressions_are_total(name: str) -> None:
    """No expression selects or indexes what may be absent: every step is optional, from the object on."""
    for expression in expressions(POLICIES[name]):
        text = re.sub(CERTAIN, "CERTAIN", re.sub(SIDES, "SIDE", re.sub(EACH, "EACH", expression)))
        assert not re.search(r"\b(object|oldObject)\b", text), "an object that may be null"
        assert [] == re.findall(r"\.(?!\?)\w+\b(?!\()", text), expression
        # A place in a list of names whose length was asked first, and one of the two sides.
        assert {"CERTAIN[0]", "p[0]"} >= {re.sub(r"\d+", "0", i) for i in re.findall(r"\w+\[(?!\?)[^\]]*\]", text)}, (
            expression
        )


@pytest.mark.parametrize("name", POLICIES)
def test_bound(name: str) -> None:
    """Each policy has its binding; one that refuses does so when it cannot be evaluated, too."""
    assert {"Deny": "Fail", "Warn": "Ignore"}[BINDINGS[name]["validationActions"][0]] == POLICIES[name]["failurePolicy"]


def test_enforced_kinds() -> None:
    """A reference is demanded of every kind of a table that runs pods, further ones included, and of no template."""
    constraints = POLICIES[f"{names.GROUP}-enforce"]["matchConstraints"]
    found = {
        (group, version, plural)
        for rule in constraints["resourceRules"]
        for group in rule["apiGroups"]
        for version in rule["apiVersions"]
        for plural in rule["resources"]
    }

    assert {(kind.group, kind.version, kind.plural) for kind in (*BUILTIN, *FURTHER) if not kind.template} == found
    assert {"Namespaced"} == {rule["scope"] for rule in constraints["resourceRules"]}


def test_reads_what_admission_writes() -> None:
    """The policies of running Pods can read every field that admission names as guarded."""
    security, user = {"allowPrivilegeEscalation": False}, {"source": "Custom", "uid": 1}
    everything = {"command": ["a"], "args": ["b"], "workingDir": "/c", "env": [{"name": "D", "value": "d"}]}
    spec = builders.spec(**everything, security=security, user=user, overridable=[])
    fields = overrides.in_short(overrides.locked(EnvironmentSpec.model_validate(spec)))
    variables = {v["name"]: v["expression"] for v in POLICIES[f"{names.GROUP}-pod-image"]["variables"]}
    (form,) = re.findall(r"matches\('(.*)'\)", variables["readable"])

    assert 7 == len(fields.split(","))
    assert re.fullmatch(form, f"main;{fields}")
    assert not re.fullmatch(form, f"main;{fields},Other")


def test_kinds_with_a_status() -> None:
    """Of every kind of the API server's own that has a status, the status can change nothing else; others see to it."""
    constraints = POLICIES[f"{names.GROUP}-workload-status"]["matchConstraints"]
    found = {
        f"{plural}.{rule['apiGroups'][0]}" for rule in constraints["resourceRules"] for plural in rule["resources"]
    }

    assert found == {f"{kind.plural}/status.{kind.group}" for kind in BUILTIN if kind.kind != "PodTemplate"}
    assert names.REFERENCE == constraints["objectSelector"]["matchExpressions"][0]["key"]
