"""Of what admission warns who applies a workload or an Environment."""

from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any

from builders import around, spec
from builders import environment as applied
from environment_operator.admission.review import environment
from environment_operator.api import names
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.credentials.copies import Secrets
from environment_operator.injection import expansion, warnings
from environment_operator.injection import messages as refusals
from environment_operator.injection.context import Project
from environment_operator.injection.environment_cache import publish
from environment_operator.tools.addresses import Routing
from messages.stage import TABLE, Change, annotated, changed, jupyter, made, main, pod, refresh, stored
from messages.stage import warnings as warned

TITLE = "Admission warnings"
CONVERTED = True
MODULES: Collection[ModuleType] = (warnings, expansion)
NO_WAY_OUT: Collection[str] = (
    "the Environment is deprecated, with nothing in its place",
    "the object was saved with an earlier generation",
    "the Environment of a backup is created by somebody else",
)

_Rows = Mapping[str, Callable[[], str]]
_CUSTOM = {"user": {"source": "Custom", "uid": 1000}}
_TOOL = {"name": "board", "type": "WeightsAndBiases"}


def _first(*changes: Change, holding: str = "", **fields: Any) -> str:
    """Return the first warning, with some words, for a new workload of an Environment with some fields."""
    return next(each for each in warned(changed(made(), *changes), jupyter(**fields)) if holding in each)


def _of_spec(**fields: Any) -> str:
    """Return the first warning for who writes an Environment."""
    return warnings.on_spec(EnvironmentSpec.model_validate(spec(**fields)))[0]


def _board(url: str) -> dict[str, Any]:
    """Return the field of an external tool."""
    return {"tools": [{**_TOOL, "connection": {"type": "ExternalURL", "url": url}}]}


def _restored() -> str:
    """Return the warning for an object that was saved with an earlier generation."""
    saved = changed(stored(made(), jupyter(image="old")), lambda item: item["metadata"].update(name="again"))
    return next(each for each in warned(saved, jupyter(image="new", generation=2)) if "saved" in each)


def _serves(protocol: str, own: Mapping[int, str]) -> str:
    """Return the warning for a workload with a port of its own where only one may be."""
    endpoint = {"port": 8080, "protocol": protocol}
    return warnings.on_ports(jupyter(workloadTypes=["Inference"], endpoint=endpoint), own)[0]


_WORKLOADS: _Rows = {
    "the Environment is deprecated": lambda: warnings.on_use(
        publish("jupyter", 1, spec(deprecated={"message": "Python 3.9 ends.", "replacedBy": "new"}), lambda _: True),
        around(),
    )[0],
    "the Environment is deprecated, with nothing in its place": lambda: _first(deprecated={"message": "it ends"}),
    "the object was saved with an earlier generation": _restored,
    "the workload repeats the image": lambda: warned(made(image="a"), jupyter(image="a"))[0],
    "the workload repeats what may be overridden": lambda: warned(made(command=["a"]), jupyter(command=["a"]))[0],
    "a dry run with an Environment that does not exist": lambda: warned(made(), dry_run=True)[0],
    "the pods need a weaker Pod Security Standard": lambda: warned(
        made(), jupyter(security={"hostNetwork": True}), project=Project("team", None, "restricted")
    )[0],
    "variables of envFrom have the names of the Environment's": lambda: _first(
        lambda item: main(item).update(envFrom=[{"configMapRef": {"name": "c"}}]), env=[{"name": "A", "value": "a"}]
    ),
    "the same, and variables may not be overridden": lambda: _first(
        lambda item: main(item).update(envFrom=[{"configMapRef": {"name": "c"}}]),
        env=[{"name": "A", "value": "a"}],
        overridable=[],
    ),
    "the label is on the pod template": lambda: _first(
        lambda item: item["spec"]["template"]["metadata"]["labels"].update({names.REFERENCE: "jupyter"})
    ),
    "a serving workload has another port": lambda: _serves("HTTP", {9000: ""}),
    "a port for gRPC has another name": lambda: _serves("GRPC", {8080: "http"}),
    "a pull secret is missing": lambda: warned(
        made(), jupyter(imagePullSecrets=["hub"]), project=Project("team"), secrets=Secrets(missing={"hub"})
    )[0],
    "a pull secret could not be checked": lambda: warned(
        made(),
        jupyter(imagePullSecrets=["hub"]),
        project=Project("team"),
        secrets=Secrets('project "team" does not let environment-operator read its Secrets'),
    )[0],
    "a variable of the working directory is not known": lambda: _first(
        lambda item: main(item).update(env=[{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
        workingDir="/home/$(X)",
    ),
    "the home directory would be the root": lambda: _first(
        lambda item: main(item).update(env=[{"name": "HOME", "value": "/"}]), createHomeDir=True
    ),
    "the home directory is not known": lambda: _first(
        lambda item: main(item).update(
            env=[{"name": "HOME", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
        ),
        createHomeDir=True,
    ),
    "the home directory is in a volume of the workload": lambda: _first(
        lambda item: pod(item).update(volumes=[{"name": "data", "emptyDir": {}}]),
        lambda item: main(item).update(volumeMounts=[{"name": "data", "mountPath": "/data"}]),
        createHomeDir=True,
        env=[{"name": "HOME", "value": "/data/me"}],
    ),
    "the URL of a tool has a variable that is not known": lambda: warned(
        made(), jupyter(**_board("https://board.example/${TEAM}")), routing=Routing("tools.example.com")
    )[0],
    "a controller went, and the label with it": lambda: refusals.left_alone(TABLE["Deployment"]),
}

_ENVIRONMENTS: _Rows = {
    "a variable looks like a secret": lambda: _of_spec(env=[{"name": "API_KEY", "value": "x"}]),
    "capabilities without root": lambda: _of_spec(security={"capabilities": ["CHOWN"]}, **_CUSTOM),
    "capabilities where root is not allowed": lambda: _of_spec(
        security={"capabilities": ["CHOWN"], "runAsNonRoot": True}, **_CUSTOM
    ),
    "root is not allowed, and the image decides": lambda: _of_spec(security={"runAsNonRoot": True}),
    "an id above those of user namespaces": lambda: _of_spec(user={"source": "Custom", "uid": 70_000}),
    "the home directory is the root": lambda: _of_spec(createHomeDir=True, env=[{"name": "HOME", "value": "/"}]),
    "the home directory is relative": lambda: _of_spec(createHomeDir=True, env=[{"name": "HOME", "value": "home"}]),
    "the command has a variable that the Environment has not": lambda: _of_spec(command=["run", "${PROJECT}"]),
    "the working directory has a variable that the Environment has not": lambda: _of_spec(workingDir="/home/$(NAME)"),
    "the URL of a tool shows a secret": lambda: _of_spec(**_board("https://board.example/${API_KEY}")),
    "the URL of a tool has a variable that the Environment has not": lambda: _of_spec(
        **_board("https://board.example/${TEAM}")
    ),
    "the Environment of a backup is created by somebody else": lambda: environment(
        changed(applied("jupyter"), annotated(names.CREATED_BY, "ann")), None, "bob"
    ).warnings[0],
    "the API server refuses the pods of the Environment": lambda: environment(
        changed(applied("jupyter"), refresh), None, "bob", 'spec.env[0].name: Invalid value: "a b". Correct the field.'
    ).warnings[0],
}

ROWS: _Rows = {**_WORKLOADS, **_ENVIRONMENTS}
