"""``run``: which kind a workload becomes, and that admission takes its manifest as it is."""

from typing import Any

import pytest

from builders import KINDS, spec
from environment_operator.api import names
from environment_operator.cli import local_admission, new_workload
from environment_operator.cli.exit_codes import Problem
from environment_operator.cli.new_workload import Wish
from environment_operator.injection.context import Project
from environment_operator.kinds.further import with_own
from environment_operator.kinds.table import BUILTIN

TABLE = (*BUILTIN, *with_own(()))
DISTRIBUTED = {"architecture": "Distributed", "workloadTypes": ["Training"]}
ENDPOINT = {"port": 8080, "protocol": "HTTP"}
WISH = Wish(
    "train", "team", "e", args=("--epochs=3",), gpus=1, cpu="500m", memory="8Gi", volumes=[("data", "/data")],
    env={"SEED": "1"},
)  # fmt: skip


def environment(**fields: Any) -> dict[str, Any]:
    """Return an Environment."""
    return {"metadata": {"name": "e", "generation": 1}, "spec": spec(**fields)}


@pytest.mark.parametrize(
    ("fields", "installed", "expected"),
    [
        ({"workloadTypes": ["Workspace", "Training"]}, (), "StatefulSet"),
        ({"workloadTypes": ["Training"]}, (), "Job"),
        ({"workloadTypes": ["Inference"], "endpoint": ENDPOINT}, (), "Deployment"),
        ({"workloadTypes": ["Inference"], "endpoint": ENDPOINT}, ("InferenceService",), "InferenceService"),
        ({**DISTRIBUTED, "framework": "PyTorch"}, ("PyTorchJob", "MPIJob"), "PyTorchJob"),
        ({**DISTRIBUTED, "framework": "MPI"}, ("PyTorchJob", "MPIJob"), "MPIJob"),
        ({**DISTRIBUTED, "framework": "Any"}, (), "Job"),
    ],
)
def test_the_kind_follows_from_the_types(fields: dict[str, Any], installed: tuple[str, ...], expected: str) -> None:
    """The first workload type decides, and of the kinds that fit the first that the cluster has; admission takes what
    is written, and sets the image.
    """
    of = environment(**fields)
    kind = new_workload.kind_of(of["spec"], TABLE, lambda each: each.kind in installed)
    wanted = new_workload.manifest(kind, WISH, of["spec"])
    outcome = local_admission.admitted(kind, wanted, [local_admission.published(of)], Project("team"))

    assert expected == kind.kind
    assert "image" not in str(wanted)
    assert "" == (outcome.refusal or "")
    assert of["spec"]["image"] in str(outcome.workload)


def test_no_kind_for_a_framework() -> None:
    """Where the cluster has no kind of the framework, the message names the ways out."""
    fields = environment(**DISTRIBUTED, framework="TensorFlow")["spec"]
    table = [kind for kind in TABLE if kind.custom]
    with pytest.raises(Problem, match=r"no kind for TensorFlow .* --kind"):
        new_workload.kind_of(fields, table, lambda _: False)


def test_what_is_written() -> None:
    """What was given stands where Kubernetes has it, and nothing that the Environment gives."""
    made = new_workload.manifest(KINDS["jobs.batch"], WISH, spec())
    pod = made["spec"]["template"]["spec"]

    assert {names.REFERENCE: "e", "app.kubernetes.io/name": "train"} == made["metadata"]["labels"]
    assert "Never" == pod["restartPolicy"]
    assert [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}] == pod["volumes"]
    assert [
        {
            "name": "train",
            "args": ["--epochs=3"],
            "env": [{"name": "SEED", "value": "1"}],
            "resources": {
                "requests": {"cpu": "500m", "memory": "8Gi"},
                "limits": {"cpu": "500m", "memory": "8Gi", "nvidia.com/gpu": "1"},
            },
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }
    ] == pod["containers"]
    assert {"containers": [{"name": "w"}]} == new_workload.manifest(KINDS["pods"], Wish("w", "team", "e"), spec())[
        "spec"
    ]


def test_a_kind_that_is_not_written() -> None:
    """A kind that needs more than this command asks for is refused with the way out."""
    with pytest.raises(Problem, match=r'kind "CronJob" is not written by this command. Apply a manifest'):
        new_workload.manifest(KINDS["cronjobs.batch"], WISH, spec())


def test_required_variables() -> None:
    """What an Environment requires and nobody gave is asked for, with its description."""
    env = [
        {"name": "TEAM", "required": True, "description": "Who pays"},
        {"name": "SEED", "required": True},
        {"name": "FREE"},
        {"name": "SET", "required": True, "value": "x"},
    ]

    assert {"TEAM": "Who pays"} == new_workload.missing({"env": env}, {"SEED": "1"})


@pytest.mark.parametrize(
    ("found", "runs"),
    [
        ({"spec": {"replicas": 2}, "status": {"readyReplicas": 1}}, None),
        ({"spec": {"replicas": 2}, "status": {"readyReplicas": 2}}, True),
        ({"spec": {}, "status": {"active": 1}}, None),
        ({"spec": {}, "status": {"active": 1, "ready": 1}}, True),
        ({"spec": {}, "status": {"phase": "Running"}}, True),
        ({"spec": {}, "status": {"phase": "Failed"}}, False),
        ({"spec": {}, "status": {"conditions": [{"type": "Failed", "status": "True"}]}}, False),
        ({"spec": {}, "status": {"conditions": [{"type": "Running", "status": "True"}]}}, True),
        ({"spec": {}}, None),
    ],
)
def test_whether_it_runs(found: dict[str, Any], runs: bool | None) -> None:
    """A workload runs when its pods are ready, and has failed when it says so."""
    assert runs is new_workload.state(found)[1]
