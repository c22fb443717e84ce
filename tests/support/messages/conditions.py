"""What stands in the conditions of an Environment."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

from builders import environment, known, spec
from environment_operator.api import names
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.controller import decide, status
from environment_operator.controller.index import User
from environment_operator.controller.snapshot import LiveLook, Options, Plan, Snapshot
from environment_operator.controller.usage import Known
from environment_operator.kube.errors import Cause
from environment_operator.spec import server_validation, validation
from environment_operator.spec.fragment import render
from environment_operator.spec.server_validation import Validity
from environment_operator.tools.index import Exposed

TITLE = "Conditions"
CONVERTED = True
MODULES: Collection[ModuleType] = (validation, status, server_validation)

NOW = "2026-01-01T00:00:00Z"
JOB, BASE = User("jobs.batch", "vision", "train"), User("podtemplates", "vision", "base")
LAB = {"name": "lab", "type": "JupyterNotebook"}
HEX = "0123456789abcdef" * 4
_URL = "https://tools.example.com/mine"


def decided(env: Mapping[str, Any], who: Known | None = None, **fields: Any) -> Plan:
    """Return what is done about an Environment, of which all is known but what is given otherwise."""
    defaults: dict[str, Any] = {"departments": {"vision": None}, "replacement_exists": False, "now": NOW}
    return decide.decide(Snapshot(environment=env, known=who or known(), **{**defaults, **fields}))


def deleted(**fields: Any) -> dict[str, Any]:
    """Return an Environment that is being deleted."""
    env = environment(**fields)
    env["metadata"]["deletionTimestamp"] = NOW
    return env


def released() -> dict[str, Any]:
    """Return an Environment whose finalizer was removed by way of the annotation."""
    env = environment()
    env["metadata"] |= {"finalizers": [], "annotations": {names.ALLOW_DELETE_IN_USE: "true"}}
    return env


def _is(kind: str, env: Mapping[str, Any], who: Known | None = None, **fields: Any) -> Callable[[], str]:
    """Return what makes the message of a condition."""

    def made() -> str:
        status = decided(env, who, **fields).status or {}
        (message,) = [c["message"] for c in status["conditions"] if c["type"] == kind]
        return str(message)

    return made


def _stalled(**fields: Any) -> Callable[[], str]:
    """Return what makes the message about a spec that cannot work."""
    return _is("Stalled", environment(**fields))


def _live(seconds: float, user: str | None = None) -> LiveLook:
    """Return a look at the API server some seconds after the deletion."""
    return LiveLook(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), user)


def _refused(*causes: Cause) -> str:
    """Return what is said when the API server refuses the pods."""
    found = EnvironmentSpec.model_validate(spec())
    validity = Validity(server_validation.of_pod(causes, render(found), found))
    return _is("Stalled", environment(), validity=validity)()


def _wrong_ports() -> str:
    """Return what is said of node ports that the cluster does not have."""
    connection = {"type": "NodePort", "assign": "Custom", "nodePort": 80}
    env = environment(tools=[{**LAB, "connection": connection}, {**LAB, "name": "board", "connection": connection}])
    problem = server_validation.of_node_ports(EnvironmentSpec.model_validate(env["spec"]), range(30000, 32768))
    return _is("Stalled", env, validity=Validity(problem))()


def _secrets(there: Mapping[str, Collection[str] | None], sample: int = 10) -> Callable[[], str]:
    """Return what makes the message about the pull secrets of some projects."""
    env = environment(imagePullSecrets=["hub", "own"], scope={"projects": list(there)})
    state: dict[str, Any] = {"departments": dict.fromkeys(there), "secrets": there}
    return _is("PullSecretsFound", env, options=Options(sample), **state)


def _tools(exposed: Exposed, sample: int = 10, **fields: Any) -> Callable[[], str]:
    """Return what makes the message about tools."""
    return _is("ToolsExposed", environment(**fields), exposed=exposed, options=Options(sample))


_UNKNOWN = {
    "jobs.batch": "jobs.batch cannot be listed: access is denied: 403 forbidden",
    "pods": "pods is not listed yet",
}
NOT_ALLOWED = "NotAllowedByListeners: No listeners included by this parent ref allowed this attachment."
_REFUSED = ("deployments.apps/vision/lab", "environment-tokentok-lab", NOT_ALLOWED)
_TAKEN = ("deployments.apps/speech/lab", _URL, "deployments.apps/vision/lab")
_SPEC: Mapping[str, Callable[[], str]] = {
    "an image reference that is none": _stalled(image="registry.example/Team/jupyter"),
    "an image with a long name": _stalled(image="a/" + "b" * 255),
    "an image that reads as an image ID": _stalled(image=HEX),
    "an image with an unknown digest algorithm": _stalled(image=f"a@md5:{HEX}"),
    "an image with a short digest": _stalled(image=f"a@sha256:{HEX[:-1]}"),
    "a tool with the port name of a gRPC endpoint": _stalled(
        workloadTypes=["Inference"],
        endpoint={"port": 80, "protocol": "GRPC"},
        tools=[{"name": "h2c", "type": "Custom", "containerPort": 81}],
    ),
    "a replacement that does not exist": _stalled(deprecated={"message": "It is old.", "replacedBy": "new"}),
    "too much to inject": _stalled(args=["x" * 8192] * 9),
    "no kind of workload is like that": _stalled(
        architecture="Distributed",
        framework="XGBoost",
        workloadTypes=["Inference"],
        endpoint={"port": 80, "protocol": "HTTP"},
    ),
    "a field that the operator does not know": _stalled(fromTheFuture=True),
    "a value that the operator does not know": _stalled(architecture="Round"),
    "one of many values that the operator does not know": _stalled(security={"capabilities": ["FLY"]}),
    "a field that is missing": _stalled(tools=[{"type": "Comet"}]),
    "a value that was allowed before": _stalled(workingDir="w"),
    "a text that is too long": _stalled(description="d" * 251),
    "a text that is empty": _stalled(displayName=""),
    "a list that is too long": _stalled(args=["a"] * 101),
    "a list that is empty": _stalled(workloadTypes=[]),
    "a number that is too small": _stalled(user={"source": "Custom", "uid": -1}),
    "a number that is too large": _stalled(endpoint={"port": 70000, "protocol": "HTTP"}),
    "a value of another type": _stalled(image=["a"]),
    "the API server refuses its pods": lambda: _refused(Cause("template.spec.containers[0].image", "Required value")),
    "node ports that the cluster does not have": _wrong_ports,
}
_LIFE: Mapping[str, Callable[[], str]] = {
    "it can be used": _is("Ready", environment()),
    "it is being deleted": _is("Ready", deleted(), known(JOB)),
    "it was released by uninstall-prepare": _is("Ready", released()),
    "the API server accepts its pods": _is("FragmentValid", environment()),
    "the API server could not be asked about its pods": _is(
        "FragmentValid", environment(), validity=Validity(unchecked="the API server did not answer in time")
    ),
    "it is used": _is("InUse", environment(), known(JOB, BASE)),
    "it is not used": _is("InUse", environment()),
    "whether it is used is not known": _is("InUse", environment(), known(unknown=_UNKNOWN)),
    "every project of its scope exists": _is("ScopeResolved", environment(scope={"projects": ["vision"]})),
    "a project of its scope does not exist": _is("ScopeResolved", environment(scope={"projects": ["vison"]})),
    "several projects of its scope do not exist": _is("ScopeResolved", environment(scope={"projects": [*"abcde"]})),
    "a deletion waits for users": _is("DeletionBlocked", deleted(), known(JOB, BASE)),
    "a deletion waits for many users": _is(
        "DeletionBlocked", deleted(), known(*(User("jobs.batch", "vision", f"train-{n}") for n in range(20)))
    ),
    "a deletion waits for users that may not be named": _is(
        "DeletionBlocked", deleted(), known(JOB), options=Options(sample=0)
    ),
    "a deletion waits for a user that is new": _is(
        "DeletionBlocked", deleted(), live=_live(11, 'Pod "x" in project "vision"')
    ),
    "a deletion waits for the API server": _is("DeletionBlocked", deleted()),
    "a deletion waits for the grace period": _is("DeletionBlocked", deleted(), live=_live(1)),
}
_CLUSTER: Mapping[str, Callable[[], str]] = {
    "its pull secrets are there": _secrets({"vision": ["hub", "own"]}),
    "a pull secret is missing": _secrets({"vision": ["own"]}),
    "pull secrets are missing, and a project could not be checked": _secrets(
        {"vision": ["own"], "team": [], "speech": None}
    ),
    "pull secrets are missing in projects that may not be named": _secrets({"vision": [], "team": []}, sample=0),
    "its pull secrets could not be checked": _secrets({"vision": None}),
    "its tools are exposed": _tools(Exposed(1)),
    "another workload has the address": _tools(Exposed(1, (_TAKEN,))),
    "other workloads have the addresses": _tools(Exposed(3, (_TAKEN, _TAKEN, _TAKEN))),
    "another workload, which may not be named, has the address": _tools(Exposed(1, (_TAKEN,)), sample=0),
    "other workloads, which may not be named, have the addresses": _tools(Exposed(2, (_TAKEN, _TAKEN)), sample=0),
    "nothing leads to tools": _tools(Exposed(1, (), "httproutes.gateway.networking.k8s.io is not installed")),
    "the Gateway does not take the route of a workload": _tools(Exposed(1, refused=(_REFUSED,))),
    "the Gateway does not take the routes of workloads": _tools(
        Exposed(3, refused=(_REFUSED, *((f"jobs.batch/vision/{name}", "r", "x") for name in "ab")))
    ),
    "the Gateway does not take the routes of workloads, which may not be named": _tools(
        Exposed(2, refused=(_REFUSED, ("jobs.batch/vision/a", "r", "x"))), sample=0
    ),
    "the cluster has no host for tools": _tools(Exposed(lacks={"ExternalURL": "TOOLS_URL"}), tools=[LAB]),
}
ROWS: Mapping[str, Callable[[], str]] = {**_LIFE, **_SPEC, **_CLUSTER}
NO_WAY_OUT: Collection[str] = (
    "it can be used",
    "it is being deleted",
    "the API server accepts its pods",
    "the API server could not be asked about its pods",
    "it is used",
    "it is not used",
    "every project of its scope exists",
    "a deletion waits for the API server",
    "a deletion waits for the grace period",
    "its pull secrets are there",
    "its tools are exposed",
)
