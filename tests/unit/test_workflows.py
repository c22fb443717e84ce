"""What an Argo workflow says beside its templates: for all of them, or about the pods after admission."""

import copy
from typing import Any

import pytest

from builders import around, published
from environment_operator import names
from environment_operator.approval import approve
from environment_operator.inject import admit
from environment_operator.third_party import ROWS

Object = dict[str, Any]
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
        ({"podSpecPatch": "hostPID: true"}, None, "podSpecPatch is 'hostPID: true'"),
        (None, {"podSpecPatch": "hostPID: true"}, "spec.templates.train.podSpecPatch is 'hostPID: true'"),
        ({"templateDefaults": {"container": {"image": "mine"}}}, None, "templateDefaults is"),
        ({"securityContext": {"runAsUser": 0}}, None, "securityContext.runAsUser is 0"),
        ({"hostNetwork": True}, None, "hostNetwork is True"),
        (None, {"sidecars": [{"name": "s", "securityContext": {"privileged": True}}]}, "sidecars.s.securityContext"),
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
    ],
)
def test_nothing_else(own: Object | None, of_the_template: Object | None) -> None:
    """What takes rights away, what schedules, and what a template's own context replaces, is not refused."""
    assert "" == refusal(workflow(own, of_the_template))


def test_what_is_stored_stays() -> None:
    """A patch that was there before the guard is no reason against another change."""
    before = admit(WORKFLOW, workflow(), None, KNOWN).workload
    assert before is not None
    before["spec"]["podSpecPatch"] = "hostPID: true"
    after = copy.deepcopy(before)
    after["metadata"]["labels"]["team"] = "a"
    worse = copy.deepcopy(before)
    worse["spec"]["podSpecPatch"] = "hostIPC: true"

    assert "" == refusal(after, before)
    assert "podSpecPatch is 'hostIPC: true'" in refusal(worse, before)
