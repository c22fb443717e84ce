"""Where a kind's controller has its own idea of command, ports and DNS."""

import copy
from pathlib import Path
from typing import Any

import pytest

from builders import KINDS, around, published, workload
from environment_operator.api import names
from environment_operator.injection.context import Outcome
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.paths import get
from environment_operator.kinds.table import Kind
from environment_operator.kinds.third_party import ROWS
from third_party import FILLED, at, containers, row_of, user

Object = dict[str, Any]
START = {"command": ["python"], "args": ["train.py"]}
KINDS_DOCUMENT = (Path(__file__).parents[3] / "crds/kinds.md").read_text(encoding="utf-8")
# sample: which of its main containers, in the order of `FILLED`, the controller starts itself
OWN: dict[str, tuple[int, ...]] = {
    "mpijob-v1": (1,),
    "mpijob-v2beta1": (1,),
    "raycluster": (0, 1, 2),
    "rayjob": (0, 1, 2, 3),
    "raycronjob": (0, 1, 2, 3),
    "rayservice": (0, 1, 2),
    "inferenceservice": (0,),
    "workflow": (0,),
    "cronworkflow": (0,),
    "workflowtemplate": (0,),
    "clusterworkflowtemplate": (0,),
}


def environment(kind: Kind, **fields: Any) -> Any:
    """Return an Environment that a kind may use."""
    serving = {"workloadTypes": ["Inference"], "endpoint": {"port": 8080, "protocol": "HTTP"}}
    distributed = {"architecture": "Distributed", "framework": kind.framework} if kind.framework else {}
    more = serving if kind.types == ("Inference",) else {}
    return published("e", **{"image": "env:1", **more, **distributed, **fields})


def asked(word: str) -> Object:
    """Return a sample whose containers say nothing of what they run."""
    made = user(word, "w", "team", "e")
    for container in containers(word, made):
        container.pop("command", None)
    return made


def admitted(kind: Kind, new: Object, known: Any) -> Outcome:
    """Return what becomes of an object, which passes both webhooks, twice, and is as before without the reference."""
    outcome = admit(kind, new, None, around(known))
    assert outcome.workload is not None, outcome.refusal
    assert approve(kind, outcome.workload, None, around(known)).workload is not None
    assert outcome.workload == admit(kind, new, outcome.workload, around()).workload
    return outcome


@pytest.mark.parametrize("word", FILLED)
def test_command_goes_where_the_container_says_what_runs(word: str) -> None:
    """Command and arguments go into every main container but those that the controller starts, with a warning each."""
    outcome = admitted(row_of(word), asked(word), environment(row_of(word), **START))
    assert outcome.workload is not None
    found = containers(word, outcome.workload)

    own = OWN.get(word, ())
    expected = [None if n in own else ["python", "train.py"] for n in range(len(found))]
    assert expected == [c["command"] + c["args"] if "command" in c else c.get("args") for c in found]
    assert len(own) == sum("command and args left out of" in warning for warning in outcome.warnings)


@pytest.mark.parametrize("word", sorted(OWN))
@pytest.mark.parametrize("field", ["Command", "Args"])
def test_guarded_command_is_not_lost(word: str, field: str) -> None:
    """Where command or arguments must not be overridden, they are not left out: such an Environment is refused."""
    kind = row_of(word)
    known = environment(kind, **START, overridable=[f for f in ("Command", "Args", "Env") if f != field])
    outcome = admit(kind, asked(word), None, around(known))

    if kind.kind == "MPIJob":
        assert outcome.workload is not None, outcome.refusal
        assert approve(kind, outcome.workload, None, around(known)).workload is not None
    else:
        assert f"does not allow {field} to be overridden" in outcome.refusal


@pytest.mark.parametrize(
    ("word", "command", "annotation", "goes"),
    [
        ("raycluster", ["ray start --head --block"], "", True),
        ("raycluster", ["python"], "ray.io/overwrite-container-cmd", True),
        ("raycluster", ["python"], "example.com/other", False),
        ("mpijob-v2beta1", ["/usr/sbin/sshd", "-De"], "", True),
    ],
)
def test_command_that_starts_the_same_itself(word: str, command: list[str], annotation: str, goes: bool) -> None:
    """A command that is, or that the object says to be, what the controller would start goes in."""
    new = asked(word)
    new["metadata"]["annotations"] = {annotation: "true"} if annotation else {}
    outcome = admitted(row_of(word), new, environment(row_of(word), command=command))
    assert outcome.workload is not None

    assert {str(command) if goes else "None"} == {str(c.get("command")) for c in containers(word, outcome.workload)}


@pytest.mark.parametrize(
    ("word", "path", "value", "roles"),
    [
        ("volcano-job", "plugins", {"ray": []}, ("head", "worker")),
        ("trainingruntime", "mlPolicy", {"mpi": {}}, ("node",)),
    ],
)
def test_where_the_object_says_so(word: str, path: str, value: Object, roles: tuple[str, ...]) -> None:
    """Where a plugin or a policy of the object starts the containers of some roles, the others run the command."""
    new = asked(word)
    new["spec"][path] = value
    outcome = admitted(row_of(word), new, environment(row_of(word), **START))
    assert outcome.workload is not None
    found = [c for c in containers(word, outcome.workload) if "command" not in c]

    assert len(found) == sum(f"/{role}" in str(t) or role in t for t in _names(word, new) for role in roles)
    assert len(found) == sum("left out of" in warning for warning in outcome.warnings)
    assert found


def _names(word: str, made: Object) -> list[str]:
    """Return the names of the tasks or replicated jobs that are filled in."""
    key = "tasks" if word == "volcano-job" else "replicatedJobs"
    depth = 2 if word == "volcano-job" else 4
    return [at(made, ".".join(path.split(".")[: depth + 1]))["name"] for path, _ in FILLED[word] if key in path]


def test_arguments_alone_extend_those_of_a_serving_runtime() -> None:
    """Arguments without a command are added to those of the runtime, as KServe does it."""
    kind = row_of("inferenceservice")
    outcome = admitted(kind, asked("inferenceservice"), environment(kind, args=["--more"]))
    assert outcome.workload is not None

    assert [["--more"]] * 2 == [c.get("args") for c in containers("inferenceservice", outcome.workload)]
    assert () == outcome.warnings


def test_own_script_command_stays_without_a_word() -> None:
    """A script with an interpreter of its own loses nothing, and nothing is said."""
    kind = row_of("workflow")
    outcome = admitted(kind, user("workflow", "w", "team", "e"), environment(kind, **START))
    assert outcome.workload is not None

    script = containers("workflow", outcome.workload)[0]
    assert (["python"], None) == (script["command"], script.get("args"))
    assert () == outcome.warnings


def test_new_workers_do_not_take_the_command_of_the_launcher() -> None:
    """Workers that come later take what the launcher has, but not its command."""
    kind = row_of("mpijob-v2beta1")
    later = asked("mpijob-v2beta1")
    first = copy.deepcopy(later)
    del first["spec"]["mpiReplicaSpecs"]["Worker"]
    stored = admit(kind, first, None, around(environment(kind, **START))).workload
    outcome = admit(kind, later, stored, around(environment(kind, **START)))
    assert outcome.workload is not None

    worker = containers("mpijob-v2beta1", outcome.workload)[1]
    assert ("env:1", None, None) == (worker["image"], worker.get("command"), worker.get("args"))


@pytest.mark.parametrize(
    ("tools", "own", "expected"),
    [
        (["TensorBoard", "JupyterNotebook"], [], [8888, 6006]),
        (["RStudio", "VisualStudioCode"], [], [8080, 8787]),
        (["TensorBoard", "MLflow"], [], [6006, 5000]),
        (["TensorBoard", "JupyterNotebook"], [{"containerPort": 9000}], [9000, 8888, 6006]),
    ],
)
def test_first_port_of_a_notebook(tools: list[str], own: list[Object], expected: list[int]) -> None:
    """The port to which the dashboard leads is that of what people work in, unless the submitter declares another."""
    kind, new = row_of("notebook"), asked("notebook")
    if own:
        containers("notebook", new)[0]["ports"] = own
    known = environment(kind, tools=[{"name": t.lower()[:9], "type": t} for t in tools])
    outcome = admitted(kind, new, known)
    assert outcome.workload is not None

    assert expected == [port["containerPort"] for port in containers("notebook", outcome.workload)[0]["ports"]]


def test_first_port_elsewhere_is_as_the_author_wrote() -> None:
    """Other kinds keep the order of the tools."""
    known = published("e", tools=[{"name": "board", "type": "TensorBoard"}, {"name": "lab", "type": "JupyterNotebook"}])
    outcome = admitted(KINDS["deployments.apps"], workload("Deployment", "w", "team", "e"), known)

    ports = get(outcome.workload, ("spec", "template", "spec", "containers", "main", "ports"))
    assert [6006, 8888] == [port["containerPort"] for port in ports]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, "ClusterFirstWithHostNet"),
        ({"dnsPolicy": "ClusterFirst"}, "ClusterFirstWithHostNet"),
        ({"dnsPolicy": "Default"}, "Default"),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.1"]}}, "None"),
        ({"hostNetwork": True}, "ClusterFirstWithHostNet"),
    ],
)
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_dns_with_the_network_of_the_node(kind: str, own: Object, expected: str) -> None:
    """Pods in the network of the node find Services, unless the submitter wants another DNS; it goes again with it."""
    row = next(row for row in KINDS.values() if row.kind == kind)
    new = workload(kind, "w", "team", "e")
    new["spec"]["template"]["spec"].update(own)
    stored = admitted(
        row, new, published("e", image="registry.example/team/jupyter:4.2", security={"hostNetwork": True})
    )
    assert stored.workload is not None
    freed, plain = copy.deepcopy(stored.workload), copy.deepcopy(new)
    del freed["metadata"]["labels"][names.REFERENCE], plain["metadata"]["labels"][names.REFERENCE]

    assert expected == stored.workload["spec"]["template"]["spec"]["dnsPolicy"]
    assert plain == admit(row, freed, stored.workload, around()).workload


def test_no_dns_policy_without_the_network_of_the_node() -> None:
    """An Environment that leaves the network alone leaves DNS alone."""
    outcome = admitted(
        KINDS["pods"], workload("Pod", "w", "team", "e"), published("e", security={"hostNetwork": False})
    )
    assert outcome.workload is not None

    assert "dnsPolicy" not in outcome.workload["spec"]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if any(t.starts for t in row.pod_templates)], ids=lambda row: row.name
)
def test_every_own_start_is_explained(row: Kind) -> None:
    """The table of kinds says where a controller starts the container, and what runs there."""
    table = KINDS_DOCUMENT.partition("| kind | where | what runs there |")[2].partition("\n\n")[0]
    lines = [line for line in table.splitlines() if row.kind in line.split(" | ")[0]]

    starts = {template.starts for template in row.pod_templates if template.starts}
    assert set() == {start.by for start in starts if not any(f"| {start.by}" in line for line in lines)}
