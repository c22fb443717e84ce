"""The webhook configuration: every kind has its entry, whose expressions look at the right place."""

import re
from typing import Any

import pytest

from environment_operator import names, webhooks
from environment_operator.guards import APPARMOR
from environment_operator.kinds import BUILTIN, RUNS, Kind, PodTemplate
from environment_operator.policies.policy import NEW, OLD
from environment_operator.third_party import ROWS
from environment_operator.webhooks import changed

TABLE = (*BUILTIN, *ROWS)
MUTATING, VALIDATING = (found["webhooks"] for found in webhooks.objects(TABLE))
ENTRIES: list[dict[str, Any]] = [*MUTATING[:-1], *VALIDATING, MUTATING[-1]]
WORKLOADS = ENTRIES[:-1]
WORKER = (PodTemplate(path="spec.worker"),)
MANY = PodTemplate(path="spec.parts[name].t")


def entries_of(kind: Kind) -> list[dict[str, Any]]:
    """Return the entries whose rules a kind matches."""
    return [entry for entry in ENTRIES if any(_matches(rule, kind) for rule in entry["rules"])]


def _matches(rule: dict[str, Any], kind: Kind) -> bool:
    """Say whether a rule is about a kind."""
    there = (kind.group in rule["apiGroups"], kind.version in rule["apiVersions"], kind.plural in rule["resources"])
    return all(there)


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.name)
def test_every_kind_has_one_entry(kind: Kind) -> None:
    """Each kind of the table is called for once to fill in and once to judge, for where its pod template is."""
    mutating, validating = entries_of(kind)
    assert (webhooks.MUTATE, webhooks.VALIDATE) == tuple(
        entry["clientConfig"]["service"]["path"] for entry in (mutating, validating)
    )
    assert mutating["matchConditions"] == validating["matchConditions"]
    conditions = {c["name"]: c["expression"] for c in mutating["matchConditions"]}
    assert changed(kind, TABLE) == conditions["reference-or-what-runs-changes"]
    assert kind.derives == (f"'{kind.group}/{kind.kind}'" in conditions["not-made-by-a-workload"])


@pytest.mark.parametrize("entry", WORKLOADS, ids=lambda entry: entry["name"])
def test_expressions_are_total(entry: dict[str, Any]) -> None:
    """No expression selects or indexes what may be absent: every step is optional, from the object on."""
    for condition in entry["matchConditions"]:
        text = re.sub(r"'[^']*'", "''", condition["expression"])
        text = re.sub(r"optional\.ofNonZeroValue\((object|oldObject)\)", "SIDE", text)
        assert not re.search(r"\b(object|oldObject)\b", text), "an object that may be null"
        steps = re.findall(r"\.(?!\?)(\w+)(?!\w*\()", text)
        assert {"operation"} >= set(steps), "a selection that is not optional"
        # A key of a map that the expression went through, and the beginning of what was split.
        assert {"[?key]", "[?k]", "[k]", "[0]"} >= set(re.findall(r"(?<=[\w)])\[[^\]]*\]", text))


@pytest.mark.parametrize("entry", WORKLOADS, ids=lambda entry: entry["name"])
def test_workloads_are_refused_without_the_operator(entry: dict[str, Any]) -> None:
    """An entry for workloads fails closed, only for those with the reference, outside of the system's namespaces."""
    (selector,) = entry["objectSelector"]["matchExpressions"]
    (namespaces,) = entry["namespaceSelector"]["matchExpressions"]
    assert "Fail" == entry["failurePolicy"]
    assert (names.REFERENCE, "Exists") == (selector["key"], selector["operator"])
    assert {"kube-system", names.SYSTEM_NAMESPACE} == set(namespaces["values"])
    assert "environment-operator" in entry["name"]


def test_environments_are_not() -> None:
    """Environments can be written without the operator: the policies are their gate."""
    assert ("Ignore", [names.PLURAL]) == (ENTRIES[-1]["failurePolicy"], ENTRIES[-1]["rules"][0]["resources"])


def test_names_are_unique() -> None:
    """Each entry has a name of its own, also when further kinds come with other places."""
    further = (
        Kind(group="example.org", version="v1", kind="Widget", plural="widgets", pod_templates=WORKER),
        Kind(group="example.org", version="v1", kind="Gadget", plural="gadgets", pod_templates=WORKER),
    )
    found = [entry["name"] for entry in webhooks.objects((*TABLE, *further))[0]["webhooks"]]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_names_are_domain_names(entry: dict[str, Any]) -> None:
    """Each name is one that the API server accepts: https://datatracker.ietf.org/doc/html/rfc1123."""
    labels = entry["name"].split(".")
    assert len(entry["name"]) <= 253
    assert 3 <= len(labels)
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", label) for label in labels)


def test_large_families() -> None:
    """A family of more kinds than a name has room for is called after the first."""
    many = tuple(
        Kind(group="example.org", version="v1", kind="X", plural=f"things{n}", pod_templates=WORKER) for n in range(9)
    )
    assert "things0-and-more.example.org" in webhooks.objects(many)[0]["webhooks"][0]["name"]


def _with(row: PodTemplate) -> Kind:
    """Return a kind with one pod template."""
    return Kind(group="example.org", version="v1", kind="One", plural="ones", pod_templates=(row,))


def test_everything_that_runs() -> None:
    """What an Environment fills in is among the fields that are compared."""
    assert all(f"'{field}'" in changed(_with(PodTemplate()), ()) for field in RUNS)
    assert ".?spec.?jobTemplate.?spec.?template.?spec[?key]" in changed(BUILTIN[7], ())


def test_marks_of_the_pods() -> None:
    """What marks the pods of a template, and gives them a profile, is compared too, and its controller."""
    usual, pod, many = (changed(_with(row), BUILTIN) for row in (PodTemplate(), PodTemplate(path=""), MANY))
    for mark in (names.INJECTED_FROM, names.TOKEN, names.GUARDED, APPARMOR):
        assert f"'{mark}'" in usual
        assert f"'{mark}'" in pod
        assert f"'{mark}'" in many
    assert f"['{names.GUARDED}'].map(key, i.?t.?metadata.?annotations[?key])" in many
    assert all("ownerReferences" in found for found in (usual, pod, many))


def test_what_stands_beside_a_template() -> None:
    """Containers and annotations beside a pod template, and what is deeper in what it inherits, are compared too."""
    row = PodTemplate(
        path="spec.parts[name].t", inherits="spec", patches=("patch", "late.patch"), adds=("spec.helper",),
        annotated="spec.marks",
    )  # fmt: skip
    said = changed(_with(row), ())
    helper = next(line for line in said.split("||") if ".?spec.?helper[?key]" in line)

    assert all(f"'{key}'" in helper for key in ("image", "command", "args", "env", "envFrom", "securityContext"))
    assert "'resources'" not in helper
    assert (
        f".?spec.?marks.?annotations.orValue({{}}).exists(k, (k.startsWith('{APPARMOR}') || k.contains('{{{{'))" in said
    )
    assert f"{NEW}.?spec.?late.?patch != {OLD}.?spec.?late.?patch" in said
    assert f"{NEW}.?spec.?patch != {OLD}.?spec.?patch" in said


def test_roles_that_a_kind_does_not_have() -> None:
    """A role that appears and that the kind does not have is told of."""
    tfjob = next(row for row in ROWS if row.kind == "TFJob")
    known = "['Chief', 'Master', 'Worker', 'PS', 'Evaluator']"

    assert f".exists(k, !(k in {known}) && !{OLD}.?spec.?tfReplicaSpecs[?k].hasValue())" in changed(tfjob, ())
