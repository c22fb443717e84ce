"""What an Argo workflow has outside its templates: for all of them, or for the pods after admission."""

import copy
from typing import Any

import pytest

from builders import around, published
from environment_operator.api import names
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.harmless import APPARMOR
from environment_operator.kinds.third_party import ROWS

Object = dict[str, Any]
UNCONFINED = {"annotations": {f"{APPARMOR}main": "unconfined"}}
WORKFLOW = next(row for row in ROWS if row.kind == "Workflow")
KNOWN = around(published(user={"source": "Custom", "uid": 1000}, security={"runAsNonRoot": True}))


def workflow(own: Object | None = None, of_the_template: Object | None = None) -> Object:
    """Return a workflow that uses the Environment, with something of its own."""
    template = {"name": "train", "container": {"command": ["train"]}, **(of_the_template or {})}
    meta = {"name": "w", "namespace": "p", "labels": {names.REFERENCE: "e"}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": meta,
        "spec": {"entrypoint": "train", "templates": [template], **(own or {})},
    }


def refusal(new: Object, old: Object | None = None) -> str:
    """Return what admission says against a workflow, empty when nothing."""
    filled = admit(WORKFLOW, new, old, KNOWN)
    return filled.refusal if filled.workload is None else approve(WORKFLOW, filled.workload, old, KNOWN).refusal


@pytest.mark.parametrize(
    ("own", "of_the_template", "said"),
    [
        ({"podSpecPatch": "hostPID: true"}, None, 'spec.podSpecPatch: "hostPID: true"'),
        (None, {"podSpecPatch": "hostPID: true"}, 'spec.templates[0].podSpecPatch: "hostPID: true"'),
        ({"templateDefaults": {"container": {"image": "mine"}}}, None, "spec.templateDefaults: "),
        ({"securityContext": {"runAsUser": 0}}, None, "spec.securityContext.runAsUser: 0"),
        ({"hostNetwork": True}, None, "spec.hostNetwork: true"),
        (None, {"sidecars": [{"name": "s", "securityContext": {"privileged": True}}]}, "sidecars[0].securityContext"),
        ({"podMetadata": UNCONFINED}, None, f'spec.podMetadata.annotations[{APPARMOR}main]: "unconfined"'),
        (None, {"metadata": UNCONFINED}, f'spec.templates[0].metadata.annotations[{APPARMOR}main]: "unconfined"'),
        ({"podMetadata": {"annotations": {"{{workflow.parameters.k}}": "unconfined"}}}, None, "parameters.k}}]: "),
        (None, {"metadata": {"annotations": {"{{inputs.parameters.k}}": "unconfined"}}}, "parameters.k}}]: "),
        ({"artifactGC": {"podSpecPatch": "hostPID: true"}}, None, 'spec.artifactGC.podSpecPatch: "hostPID: true"'),
        ({"executorPlugins": [{"spec": {"sidecar": {}}}]}, None, "spec.executorPlugins: "),
    ],
)
def test_ways_round(own: Object | None, of_the_template: Object | None, said: str) -> None:
    """What would give pods another image, user or rights is refused, wherever a workflow can say it."""
    assert said in refusal(workflow(own, of_the_template))


@pytest.mark.parametrize(
    ("own", "of_the_template"),
    [
        (None, None),
        ({"securityContext": {"runAsNonRoot": True, "fsGroupChangePolicy": "OnRootMismatch"}}, None),
        ({"hostNetwork": False, "parallelism": 3, "nodeSelector": {"pool": "gpu"}}, None),
        (None, {"sidecars": [{"name": "s", "image": "proxy"}]}),
        ({"securityContext": {"runAsUser": 0}}, {"securityContext": {"runAsNonRoot": True}}),
        ({"podMetadata": {"annotations": {f"{APPARMOR}main": "runtime/default", "note": "x"}, "labels": {}}}, None),
        ({"artifactGC": {"strategy": "OnWorkflowDeletion"}}, None),
    ],
)
def test_nothing_else(own: Object | None, of_the_template: Object | None) -> None:
    """What takes rights away, what schedules, and what a template's own context replaces, is not refused."""
    assert "" == refusal(workflow(own, of_the_template))


STORED = [
    ({"podSpecPatch": "hostPID: true"}, {"podSpecPatch": "hostIPC: true"}, "spec.podSpecPatch: "),
    ({"artifactGC": {"podSpecPatch": "x"}}, {"artifactGC": {"podSpecPatch": "y"}}, "spec.artifactGC.podSpecPatch: "),
    ({"podMetadata": UNCONFINED}, {"podMetadata": {"annotations": {f"{APPARMOR}wait": "unconfined"}}}, "wait]: "),
]


@pytest.mark.parametrize(("own", "other", "said"), STORED)
def test_what_is_stored_stays(own: Object, other: Object, said: str) -> None:
    """What was there before the Environment is no reason against another change."""
    before = admit(WORKFLOW, workflow(), None, KNOWN).workload
    assert before is not None
    before["spec"] |= own
    after = copy.deepcopy(before)
    after["spec"]["templates"][0]["container"]["command"] = ["other"]
    worse = copy.deepcopy(before)
    worse["spec"] |= other

    assert "" == refusal(after, before)
    assert said in refusal(worse, before)


@pytest.mark.parametrize(("own", "_other", "_said"), STORED)
def test_free_where_nothing_is_guarded(own: Object, _other: object, _said: object) -> None:
    """Where the Environment lets all be overridden, none of it is refused."""
    every = ["Image", "Env", "Command", "Args", "WorkingDir", "User", "Security"]
    free = around(published(user={"source": "Custom"}, overridable=every))
    filled = admit(WORKFLOW, workflow(own), None, free)

    assert filled.workload is not None, filled.refusal
    assert approve(WORKFLOW, filled.workload, None, free).workload


def test_the_kin_of_workflows() -> None:
    """Each kind that holds a workflow is validated alike, from where the workflow begins."""
    kin = [row for row in ROWS if row.configured_in == WORKFLOW.group]
    places = {row.kind: row.pod_templates[0].annotated for row in kin}
    whole = {row.pod_templates[0].patches for row in kin}

    assert ("spec.workflowSpec.podMetadata",) == places.pop("CronWorkflow")
    assert {("spec.podMetadata",)} == set(places.values())
    assert [WORKFLOW.pod_templates[0].patches] == list(whole)
