"""The tools of a workload at admission: written down, put right, never taken from a request, gone with it."""

import copy
import json
from typing import Any

import pytest

from builders import KINDS, around, published, workload
from environment_operator.api import names
from environment_operator.injection.context import Outcome, Published, RequestContext
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.injection.warnings import on_spec
from environment_operator.kinds.table import Kind
from environment_operator.tools import addresses
from environment_operator.tools.addresses import Routing
from third_party import FILLED, LABELS, row_of, user

Object = dict[str, Any]
DEPLOYMENT, JOB, TEMPLATE = (KINDS[name] for name in ("deployments.apps", "jobs.batch", "podtemplates"))
PATH = Routing("tools.example.com")
LAB: Object = {"name": "lab", "type": "JupyterNotebook"}
WANDB: Object = {
    "name": "wandb",
    "type": "WeightsAndBiases",
    "connection": {"type": "ExternalURL", "url": "https://wandb.ai"},
}
CUSTOM: Object = {**LAB, "connection": {"type": "ExternalURL", "assign": "Custom"}}
VARIABLE = "ENVIRONMENT_TOOL_LAB_BASE_PATH"


def environment(*tools: Object, name: str = "e", **fields: Any) -> Published:
    """Return an Environment with tools."""
    return published(name, tools=list(tools), **fields)


def known(*environments: Published, **fields: Any) -> RequestContext:
    """Return what is known in a cluster with a host for tools."""
    return around(*environments, routing=PATH, **fields)


def made(kind: Kind = DEPLOYMENT, **asked: str) -> Object:
    """Return a workload that asks for these addresses."""
    new = workload(kind.kind, "w", "team", "e")
    if asked:
        new["metadata"]["annotations"] = {f"{names.CUSTOM_TOOL}{tool}": wish for tool, wish in asked.items()}
    return new


def outcome(kind: Kind, new: Object, old: Object | None, about: RequestContext) -> Outcome:
    """Send a request through both webhooks."""
    filled = admit(kind, new, old, about)
    return filled if filled.workload is None else approve(kind, filled.workload, old, about)


def stored(kind: Kind, new: Object, old: Object | None, about: RequestContext) -> Object:
    """Return what is stored of a request that passes."""
    found = outcome(kind, new, old, about)
    assert found.workload is not None, found.refusal
    return copy.deepcopy(found.workload)


def tools(item: Object) -> Object:
    """Return what is written about the tools of a workload, empty for nothing."""
    found: Object = json.loads(item["metadata"].get("annotations", {}).get(names.TOOLS, "{}"))
    return found


def variables(item: Object) -> Object:
    """Return the variables of the main container of a Deployment, Job or PodTemplate."""
    template = item.get("template") or item["spec"]["template"]
    return {v["name"]: v.get("value", "") for v in template["spec"]["containers"][0].get("env", ())}


def test_written() -> None:
    """What is written is enough to expose the tools: the token, the labels of the pods, ports and addresses."""
    found = stored(DEPLOYMENT, made(), None, known(environment(LAB)))

    assert {
        "env": "e",
        "token": "tokentok",
        "pods": {names.TOKEN: "tokentok"},
        "tools": {
            "lab": {"type": "ExternalURL", "port": 8888, "url": "https://tools.example.com/environments/tokentok.lab"}
        },
    } == tools(found)


def test_variable_first() -> None:
    """The base path comes before the Environment's variables, which may refer to it; its own of that name stays."""
    env = [{"name": "URL", "value": f"$({VARIABLE})/lab"}]
    found = stored(DEPLOYMENT, made(), None, known(environment(LAB, env=env)))
    own = stored(DEPLOYMENT, made(), None, known(environment(LAB, env=[{"name": VARIABLE, "value": "/own"}])))

    assert [VARIABLE, "URL"] == list(variables(found))
    assert {VARIABLE: "/own"} == variables(own)


def test_braces() -> None:
    """The variable is one in command and arguments, too, with braces."""
    found = stored(DEPLOYMENT, made(), None, known(environment(LAB, args=[f"--base=${{{VARIABLE}}}"])))

    assert [f"--base=$({VARIABLE})"] == found["spec"]["template"]["spec"]["containers"][0]["args"]


BOARD = "https://wandb.example/${TEAM}/${PROJECT}"
AWAY: Object = {"name": "board", "type": "WeightsAndBiases", "connection": {"type": "ExternalURL", "url": BOARD}}
TEAM = [{"name": "TEAM", "value": "our team"}]
PROJECT = {"name": "PROJECT", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}


@pytest.mark.parametrize(
    ("env", "own", "expected"),
    [
        ([*TEAM, PROJECT], [], "https://wandb.example/our%20team/team"),
        ([*TEAM, PROJECT], [{"name": "TEAM", "value": "a/b"}], "https://wandb.example/a/b/team"),
        (TEAM, [{"name": "PROJECT", "value": "own"}], "https://wandb.example/our%20team/own"),
        (TEAM, [{"name": "TEAM", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}], BOARD),
        ([{"name": "TEAM", "value": "$(PROJECT)-a"}], [], BOARD),
    ],
)
def test_variables_in_urls(env: list[Object], own: list[Object], expected: str) -> None:
    """A variable in a URL is its value in the container, the workload's own first; what has none stays, with a warning.

    It is looked up once: what is stored stays, though the variable is changed later.
    """
    about, new = known(environment(AWAY, env=env)), made()
    new["spec"]["template"]["spec"]["containers"][0]["env"] = own
    found = stored(DEPLOYMENT, new, None, about)
    assert expected == tools(found)["tools"]["board"]["url"]
    warned = [
        words for words in admit(DEPLOYMENT, new, None, about).warnings if 'tool "board": its URL has ${' in words
    ]
    assert ("${" in expected) == bool(warned)
    later = copy.deepcopy(found)
    later["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "MORE", "value": "1"})

    assert tools(found) == tools(stored(DEPLOYMENT, later, found, known()))


@pytest.mark.parametrize(
    ("url", "value", "expected"),
    [
        ("${X}", "https://board.example:8443/a", "https://board.example:8443/a"),
        ("${X}/${X}", "https://board.example", "https://board.example/https%3A//board.example"),
        ("https://${X}/runs", "board.example:8443", "https://board.example:8443/runs"),
        ("https://board.example/${X}", "our team", "https://board.example/our%20team"),
        (
            "https://board.example/?of=${X}",
            "https://a.example/b&c",
            "https://board.example/?of=https://a.example/b%26c",
        ),
        ("https://board.example/#${X}", "a b", "https://board.example/#a%20b"),
        ("${X}", "javascript:alert(1)", None),
        ("${X}://board.example", "file", None),
        ("https://${X}", "me@evil.example", None),
        ("https://${X}", "a.example\n\x1b[2J", None),
        ("${X}", "/board", None),
    ],
)
def test_variable_anywhere_in_a_url(url: str, value: str, expected: str | None) -> None:
    """A variable may be a whole address or a host; it is encoded in the path only, and the whole is one of the web."""
    board = {**AWAY, "connection": {"type": "ExternalURL", "url": url}}
    new = made()
    new["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "X", "value": value}]

    outcome = admit(DEPLOYMENT, new, None, known(environment(board)))

    assert (expected is None) == ("is not a web address" in outcome.refusal), outcome.refusal
    assert expected is None or expected == tools(outcome.workload or {})["tools"]["board"]["url"]


@pytest.mark.parametrize("custom", [False, True])
@pytest.mark.parametrize("own", [[], [{"name": "TEAM", "value": "ours"}]])
def test_variables_changed_by_another_webhook(own: list[Object], custom: bool) -> None:
    """A webhook that comes after ours may add or change a variable of a URL: the URL stays, the workload is stored."""
    lab = {**CUSTOM, "connection": {**CUSTOM["connection"], "url": "/${TEAM}-lab"}}
    about, new = known(environment(lab if custom and own else LAB, AWAY)), made()
    container = new["spec"]["template"]["spec"]["containers"][0]
    container["env"] = own
    filled = admit(DEPLOYMENT, new, None, about).workload
    assert filled is not None
    written = tools(filled)
    listed = filled["spec"]["template"]["spec"]["containers"][0].setdefault("env", [])
    listed[:] = [each for each in listed if each["name"] != "TEAM"] + [{"name": "TEAM", "value": "theirs"}]
    found = approve(DEPLOYMENT, filled, None, about)
    assert "" == found.refusal
    assert written == tools(found.workload or {})
    forged = {**written, "tools": {**written["tools"], "board": {"type": "ExternalURL", "url": "https://evil.example"}}}
    filled["metadata"]["annotations"][names.TOOLS] = json.dumps(forged)

    assert "was not injected" in approve(DEPLOYMENT, filled, None, about).refusal


def test_base_path_in_a_url() -> None:
    """The path of another tool is a variable in URLs as it is in command and arguments; nobody is warned of it."""
    board = {**AWAY, "connection": {**AWAY["connection"], "url": f"https://board.example/?of=${{{VARIABLE}}}"}}
    env = environment(LAB, board)
    found = stored(DEPLOYMENT, made(), None, known(env))

    assert "https://board.example/?of=/environments/tokentok.lab" == tools(found)["tools"]["board"]["url"]
    assert env.spec is not None
    assert [] == [words for words in on_spec(env.spec) if VARIABLE in words]


def test_long_values_in_a_url() -> None:
    """However often a URL has a variable, and however long that is, the address is one that programs take."""
    url = f"https://x.example/{'${A}' * 200}"
    wandb = {**WANDB, "connection": {"type": "ExternalURL", "url": url}}
    new = made()
    new["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "a" * 100_000}]
    found = admit(DEPLOYMENT, new, None, known(environment(wandb)))

    assert url == tools(found.workload or {})["tools"]["wandb"]["url"]
    assert any("Give that variable" in warning for warning in found.warnings)


def test_variable_in_a_default() -> None:
    """A URL that holds when the submitter says nothing may have a variable, too; it has to be one that can be had."""
    lab = {**CUSTOM, "connection": {**CUSTOM["connection"], "url": "/${NAME}-lab"}}
    found = stored(DEPLOYMENT, made(), None, known(environment(lab, env=[{"name": "NAME", "value": "ada"}])))
    assert "https://tools.example.com/ada-lab" == tools(found)["tools"]["lab"]["url"]
    refused = outcome(DEPLOYMENT, made(), None, known(environment(lab))).refusal

    assert '"/${NAME}-lab" is not a URL for tools' in refused


def test_templates() -> None:
    """A template has no tools, and an empty base path, so that what refers to the variable works."""
    found = stored(TEMPLATE, made(TEMPLATE), None, known(environment(CUSTOM)))

    assert ({}, {VARIABLE: ""}) == (tools(found), variables(found))
    assert found == stored(TEMPLATE, copy.deepcopy(found), found, known(environment(CUSTOM)))


def test_brought() -> None:
    """What a request brings is thrown away, on CREATE and on UPDATE, also where the Environment has no tools."""
    forged = made()
    forged["metadata"]["annotations"] = {names.TOOLS: tools_of_another()}
    plain = stored(DEPLOYMENT, forged, None, known(environment()))
    before = stored(DEPLOYMENT, made(), None, known(environment(LAB)))
    changed = copy.deepcopy(before)
    changed["metadata"]["annotations"][names.TOOLS] = tools_of_another()

    assert {} == tools(plain)
    assert before == stored(DEPLOYMENT, changed, before, known())


def tools_of_another() -> str:
    """Return what admission wrote on another workload."""
    other = stored(DEPLOYMENT, made(), None, known(environment(LAB), token="otherone"))
    return str(other["metadata"]["annotations"][names.TOOLS])


def test_written_by_another_webhook() -> None:
    """What another webhook writes there in between is refused."""
    about = known(environment(LAB))
    filled = admit(DEPLOYMENT, made(), None, about).workload
    assert filled is not None
    filled["metadata"]["annotations"][names.TOOLS] = tools_of_another()

    assert "was not injected" in approve(DEPLOYMENT, filled, None, about).refusal


def test_again() -> None:
    """Applying again changes nothing, though the Environment is gone and the cluster's host another one."""
    before = stored(DEPLOYMENT, made(lab="/mine"), None, known(environment(CUSTOM)))
    elsewhere = around(routing=Routing("other.example"))

    assert before == stored(DEPLOYMENT, made(lab="/mine"), before, elsewhere)


def test_reference_removed() -> None:
    """With the reference goes all that is written about tools; what the submitter asked for stays his."""
    before = stored(DEPLOYMENT, made(lab="/mine"), None, known(environment(CUSTOM)))
    freed, plain = copy.deepcopy(before), made(lab="/mine")
    for item in (freed, plain):
        del item["metadata"]["labels"][names.REFERENCE]
    freed["spec"]["template"]["spec"]["containers"][0]["image"] = "mine:1"
    plain["spec"]["template"]["spec"]["containers"][0]["image"] = "mine:1"

    assert plain == stored(DEPLOYMENT, freed, before, known())


def test_another_url() -> None:
    """A URL that changes takes the base path with it, in what was injected alone; a Job would need new pods."""
    about = known(environment(CUSTOM))
    before = stored(DEPLOYMENT, made(lab="/mine"), None, about)
    after = stored(DEPLOYMENT, made(lab="/other"), before, known())
    job = stored(JOB, made(JOB, lab="/mine"), None, about)

    assert ({VARIABLE: "/mine"}, {VARIABLE: "/other"}) == (variables(before), variables(after))
    assert (
        "The URL of a tool of a Job cannot change after creation"
        in outcome(JOB, made(JOB, lab="/other"), job, known()).refusal
    )
    own = made(lab="/mine")
    own["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": VARIABLE, "value": "/own"}]
    kept = stored(DEPLOYMENT, own, None, about)
    own["metadata"]["annotations"][f"{names.CUSTOM_TOOL}lab"] = "/other"
    assert {VARIABLE: "/own"} == variables(stored(DEPLOYMENT, own, kept, known()))


def test_locked_variables() -> None:
    """A URL can be changed where variables may not be overridden: the base path is none of the Environment's."""
    strict = environment(CUSTOM, env=[{"name": "A", "value": "1"}], overridable=[])
    before = stored(DEPLOYMENT, made(lab="/mine"), None, known(strict))

    assert "/other" == variables(stored(DEPLOYMENT, made(lab="/other"), before, known()))[VARIABLE]


def test_taken() -> None:
    """An address that another workload has is refused, but not to whom it is stored for."""
    url = "https://tools.example.com/mine"
    free, taken = known(environment(CUSTOM)), known(environment(CUSTOM), taken={url: "jobs.batch/x/y has it"})
    before = stored(DEPLOYMENT, made(lab="/mine"), None, free)

    said = outcome(DEPLOYMENT, made(lab="/mine"), None, taken).refusal
    assert f'tool "lab" cannot have {url}: jobs.batch/x/y has it. Set annotation' in said
    assert before == stored(DEPLOYMENT, made(lab="/mine"), before, taken)


def test_refused_annotations_do_not_block() -> None:
    """What is stored and could not be asked for today blocks no update; what is new is validated."""
    before = stored(DEPLOYMENT, made(), None, known(environment(LAB)))
    before["metadata"]["annotations"][f"{names.CUSTOM_TOOL}lab"] = "nonsense"
    again = copy.deepcopy(before)

    assert before == stored(DEPLOYMENT, again, before, known())
    again["metadata"]["annotations"][f"{names.CUSTOM_TOOL}other"] = "nonsense"
    assert "Remove the annotation" in outcome(DEPLOYMENT, again, before, known()).refusal


def test_no_warning_that_nobody_can_act_on() -> None:
    """What the cluster has no way for is said of the Environment and by ``connect``, not of each workload."""
    balanced = {**LAB, "name": "web", "connection": {"type": "LoadBalancer"}}

    warnings = admit(DEPLOYMENT, made(), None, around(environment(LAB, balanced))).warnings
    assert [] == [each for each in warnings if "repeats" not in each]


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ([LAB], "lab: https://tools.example.com/environments/{token}.lab"),
        (
            [{**LAB, "connection": {"type": "ClusterIP"}}, WANDB],
            "lab: kubectl port-forward -n team service/environment-{token} 8888, wandb: https://wandb.ai",
        ),
    ],
)
def test_readable_addresses(tools: list[dict[str, Any]], expected: str) -> None:
    """Next to the record for programs is, for people, the address of each tool; it comes and goes with the record."""
    before = stored(DEPLOYMENT, made(), None, known(environment(*tools)))
    said = before["metadata"]["annotations"]
    read = addresses.read(said[names.TOOLS])
    assert read is not None

    assert expected.format(token=read.token) == said[names.TOOL_ADDRESSES]
    forged = copy.deepcopy(before)
    forged["metadata"]["annotations"][names.TOOL_ADDRESSES] = "lab: https://elsewhere"
    assert before == stored(DEPLOYMENT, forged, before, known())
    del forged["metadata"]["labels"][names.REFERENCE]
    assert "annotations" not in stored(DEPLOYMENT, forged, before, known())["metadata"]


def test_only_the_master() -> None:
    """Of a distributed workload, the tools of its master's Environment are reached, and not those of its workers'."""
    row = row_of("pytorchjob")
    fields = {"architecture": "Distributed", "framework": "PyTorch"}
    master, worker = environment(LAB, **fields), environment({**LAB, "name": "board"}, name="f", **fields)
    new = user("pytorchjob", "w", "team", "e")
    new["metadata"]["labels"][f"{names.ROLE_REFERENCE}worker"] = "f"
    found = stored(row, new, None, known(master, worker))
    roles = found["spec"]["pytorchReplicaSpecs"]

    assert ["lab"] == list(tools(found)["tools"])
    assert [{VARIABLE}, {"ENVIRONMENT_TOOL_BOARD_BASE_PATH"}] == [
        {v["name"] for v in roles[role]["template"]["spec"]["containers"][0]["env"]} for role in ("Master", "Worker")
    ]


# The labels that the controllers of the kinds give the pods that have the tools.
JOB_OF_JOBSET = {"jobset.sigs.k8s.io/job-index": "0", "batch.kubernetes.io/job-completion-index": "0"}
REPLICA = {"training.kubeflow.org/replica-index": "0"}
SERVING: dict[str, dict[str, str]] = {
    "pytorchjob": {"training.kubeflow.org/replica-type": "master", **REPLICA},
    "tfjob": {"training.kubeflow.org/replica-type": "chief", **REPLICA},
    "xgboostjob": {"training.kubeflow.org/replica-type": "master", **REPLICA},
    "jaxjob": {"training.kubeflow.org/replica-type": "worker", **REPLICA},
    "paddlejob": {"training.kubeflow.org/replica-type": "master", **REPLICA},
    "mpijob-v1": {"training.kubeflow.org/replica-type": "launcher"},
    "mpijob-v2beta1": {"training.kubeflow.org/job-role": "launcher"},
    "trainjob": {
        "jobset.sigs.k8s.io/jobset-name": "{name}", "jobset.sigs.k8s.io/replicatedjob-name": "node", **JOB_OF_JOBSET
    },
    "jobset": {"jobset.sigs.k8s.io/replicatedjob-name": "driver", **JOB_OF_JOBSET},
    "leaderworkerset": {"leaderworkerset.sigs.k8s.io/worker-index": "0"},
    "volcano-job": {"volcano.sh/task-spec": "master", "volcano.sh/task-index": "0"},
    "raycluster": {"ray.io/node-type": "head"},
    "rayjob": {"ray.io/node-type": "head"},
    "rayservice": {"ray.io/node-type": "head"},
    "notebook": {"notebook-name": "{name}"},
    "inferenceservice": {"component": "predictor"},
    "inferenceservice-custom": {"component": "predictor"},
    "knative-service": {},
    "workflow": {},
    "cronworkflow": {},
    "volcano-cronjob": {"volcano.sh/task-spec": "master", "volcano.sh/task-index": "0"},
    "raycronjob": {"ray.io/node-type": "head"},
    "llminferenceservice": {"app.kubernetes.io/name": "{name}", "kserve.io/component": "workload"},
    "rollout": {},
    "cloneset": {},
    "scaledjob": {},
    "sandbox": {},
    "daskcluster": {"dask.org/component": "scheduler"},
    "daskjob": {"dask.org/component": "job-runner", "dask.org/cluster-name": "{name}"},
    "elasticjob": {
        "elasticjob.dlrover/name": "{name}", "elasticjob.dlrover/replica-type": "worker",
        "elasticjob.dlrover/rank-index": "0",
    },
    "disaggregatedset": {
        "disaggregatedset.x-k8s.io/role": "prefill", "leaderworkerset.sigs.k8s.io/worker-index": "0"
    },
    "dynamographdeployment": {"nvidia.com/dynamo-component": "frontend"},
    "podcliqueset": {"app.kubernetes.io/part-of": "{name}", "grove.io/podclique": "{name}-0-prefill"},
    "pathwaysjob": {
        "jobset.sigs.k8s.io/jobset-name": "{name}", "jobset.sigs.k8s.io/replicatedjob-name": "pathways-head",
        "jobset.sigs.k8s.io/job-index": "0",
    },
    "stormservice": {"role-name": "prefill"},
    "rolebasedgroup": {"rbg.workloads.x-k8s.io/role-name": "router"},
    "modelserving": {"modelserving.volcano.sh/role": "prefill", "modelserving.volcano.sh/entry": "true"},
}  # fmt: skip


@pytest.mark.parametrize("word", [word for word in FILLED if not row_of(word).template])
def test_pods(word: str) -> None:
    """The pods with the tools are found by what the kind's controller calls its master, and by the token."""
    row = row_of(word)
    serving: Object = {"workloadTypes": ["Inference"], "endpoint": {"port": 8080, "protocol": "HTTP"}}
    fields = serving if row.types == ("Inference",) else {}
    fields |= {"architecture": "Distributed", "framework": row.framework} if row.framework else {}
    found = stored(row, user(word, "w", "team", "e"), None, known(environment(LAB, **fields)))
    ours = {} if LABELS.get(word, "labels") is None else {names.TOKEN: "tokentok"}

    assert {**ours, **SERVING[word]} == tools(found)["pods"]


def test_first_of_an_indexed_job() -> None:
    """Of an indexed Job, which is distributed, the first pod has the tools; of any other, all have."""
    indexed = made(JOB)
    indexed["spec"]["completionMode"] = "Indexed"
    distributed = environment(LAB, architecture="Distributed", framework="Any")

    first = {"batch.kubernetes.io/job-completion-index": "0"}
    assert {names.TOKEN: "tokentok", **first} == tools(stored(JOB, indexed, None, known(distributed)))["pods"]
    assert {names.TOKEN: "tokentok"} == tools(stored(JOB, made(JOB), None, known(environment(LAB))))["pods"]


def test_job_of_a_jobset_without_indices() -> None:
    """The pods of a Job that is not indexed have no index to be found by: all those of the first Job have the tools."""
    new = user("jobset", "w", "team", "e")
    new["spec"]["replicatedJobs"][0]["template"]["spec"]["completionMode"] = "NonIndexed"
    distributed = environment(LAB, architecture="Distributed", framework="Any")

    first = {"jobset.sigs.k8s.io/replicatedjob-name": "driver", "jobset.sigs.k8s.io/job-index": "0"}
    assert {names.TOKEN: "tokentok", **first} == tools(stored(row_of("jobset"), new, None, known(distributed)))["pods"]
