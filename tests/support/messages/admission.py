"""With what admission refuses a workload or an Environment."""

from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any

from builders import environment as applied
from environment_operator.admission.review import environment, lifecycle_problem
from environment_operator.api import names
from environment_operator.injection import eligibility, limits, ownership
from environment_operator.injection import messages as refusals
from environment_operator.injection.context import Project
from environment_operator.injection.identity import Keys, ids
from environment_operator.tools import addresses
from environment_operator.tools.addresses import BadAddress, Routing
from messages.stage import (
    TABLE,
    Object,
    annotated,
    changed,
    jupyter,
    labelled,
    made,
    main,
    pod,
    refresh,
    refusal,
    stored,
)
from samples import sample

TITLE = "Admission refusals"
CONVERTED = True
MODULES: Collection[ModuleType] = (refusals, eligibility, limits)
NO_WAY_OUT: Collection[str] = ("there are more refusals than are listed",)

_Rows = Mapping[str, Callable[[], str]]
_ADMIN, _HOST = {"user": {"source": "Custom", "uid": 1000}}, Routing("tools.example.com")
_ANN = {"user": "ann", "ids": ids({Keys().uid: ["1001"]}, Keys())}
_PERSONAL = {"user": {"source": "IdPToken"}}


def _two(**other: Any) -> Object:
    """Return a workload with a second container."""
    return changed(made(), lambda item: pod(item)["containers"].append({"name": "proxy", **other}))


def _sample(word: str, *changes: Callable[[Object], None]) -> Object:
    """Return a workload of a kind of another project that uses the Environment."""
    return changed(sample(word, "w", "team"), labelled(names.REFERENCE, "jupyter"), *changes)


def _given_tool(**wishes: str) -> str:
    """Return why a workload of an Environment with a tool whose address is asked for is refused."""
    custom = {"name": "lab", "type": "JupyterNotebook", "connection": {"type": "ExternalURL", "assign": "Custom"}}
    port = {"name": "port", "type": "TensorBoard", "connection": {"type": "NodePort", "assign": "Custom"}}
    item = changed(made(), *(annotated(f"{names.CUSTOM_TOOL}{tool}", wish) for tool, wish in wishes.items()))
    return refusal(item, jupyter(tools=[custom, port]), routing=_HOST)


def _addresses(url: str) -> str:
    """Return why a tool outside of the cluster cannot have an address."""
    tool = addresses.Address(type="ExternalURL", url=url)
    try:
        addresses.settled(addresses.Tools(env="jupyter", token="t", tools={"board": tool}), {}, None, _HOST)
    except BadAddress as error:
        return str(error)
    raise AssertionError("it has")


def _twice() -> str:
    """Return why two tools of a workload cannot have the same address."""
    custom = {"type": "Custom", "containerPort": 80, "connection": {"type": "ExternalURL", "assign": "Custom"}}
    tools = [{"name": name, **custom, "containerPort": port} for name, port in (("lab", 80), ("other", 81))]
    item = changed(made(), *(annotated(f"{names.CUSTOM_TOOL}{tool['name']}", "/a") for tool in tools))
    return refusal(item, jupyter(tools=tools), routing=_HOST)


_OVERRIDES: _Rows = {
    "a workload has another image than its Environment": lambda: refusal(made(image="mine"), jupyter()),
    "the same, and another container could receive the Environment": lambda: refusal(
        changed(_two(image="proxy"), lambda item: main(item).update(image="mine")), jupyter()
    ),
    "a workload has another value of a variable": lambda: refusal(
        made(env=[{"name": "A", "value": "mine"}]), jupyter(env=[{"name": "A", "value": "env"}], overridable=[])
    ),
    "a workload asks for rights that its Environment does not give": lambda: refusal(
        made(securityContext={"privileged": True}), jupyter(security={"runAsNonRoot": True})
    ),
    "a workload runs as another user": lambda: refusal(made(securityContext={"runAsUser": 0}), jupyter(**_ADMIN)),
    "another webhook changes the image": lambda: refusal(
        made(), jupyter(), later=lambda item: main(item).update(image="mirror.example/jupyter:4.2")
    ),
    "another webhook removes a field": lambda: refusal(
        made(), jupyter(workingDir="/work"), later=lambda item: main(item).pop("workingDir")
    ),
    "another webhook removes a variable": lambda: refusal(
        made(), jupyter(env=[{"name": "A", "value": "env"}], overridable=[]), later=lambda item: main(item).pop("env")
    ),
    "a refresh of a workload that repeats the image of an earlier generation": lambda: refusal(
        changed(stored(made(image="old"), jupyter(image="old")), refresh),
        jupyter(image="new", generation=2),
        old=stored(made(image="old"), jupyter(image="old")),
    ),
    "a variable that has to be filled in is not": lambda: refusal(
        made(), jupyter(env=[{"name": "DATASET", "required": True}])
    ),
    "a setting of the workload conflicts with one of the Environment": lambda: refusal(
        changed(made(), lambda item: pod(item).update(hostUsers=False)),
        jupyter(security={"hostIPC": True}, overridable=[]),
    ),
    "there are more refusals than are listed": lambda: refusals.several(
        f"x{n} is wrong. Remove it." for n in range(11)
    ),
}  # fmt: skip

_OWNER = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w", "uid": "u", "controller": True}
_REFERENCES: _Rows = {
    "no Environment of that name": lambda: refusal(made()),
    "no Environment of that name, but one like it": lambda: eligibility.unknown("jupiter", {"jupyter"}),
    "the Environment is being deleted": lambda: refusal(made(), jupyter(problem=refusals.DELETED)),
    "the Environment is not protected yet": lambda: refusals.unusable("jupyter", lifecycle_problem({})),
    "the Environment may be deleted although it is used": lambda: refusals.unusable(
        "jupyter", lifecycle_problem({"annotations": {names.ALLOW_DELETE_IN_USE: "true"}})
    ),
    "the Environment is stalled": lambda: refusals.unusable(
        "jupyter", refusals.stalled("InvalidImage", 'spec.image: "a/b/c" cannot be pulled: the name is too long')
    ),
    "the project is not in scope": lambda: refusal(
        made(), jupyter(scope={"projects": ["speech"]}), project=Project("team", "vision")
    ),
    "a cluster-scoped template needs the cluster scope": lambda: refusal(
        made(), jupyter(scope={"projects": ["speech"]}), project=Project("")
    ),
    "the workload is of another type": lambda: refusal(made("Job"), jupyter(workloadTypes=["Workspace"])),
    "the label narrows the workload to another type": lambda: refusal(
        changed(made(), labelled(names.WORKLOAD_TYPE, "Inference")), jupyter(workloadTypes=["Workspace"])
    ),
    "the label names a type that the kind cannot be": lambda: refusal(
        changed(made("Job"), labelled(names.WORKLOAD_TYPE, "Inference")), jupyter()
    ),
    "the Environment is for another framework": lambda: refusal(
        _sample("pytorchjob"), jupyter(architecture="Distributed", framework="MPI", workloadTypes=["Training"])
    ),
    "the Environment is for distributed workloads": lambda: refusal(
        made(), jupyter(architecture="Distributed", framework="Any")
    ),
    "the Environment is for distributed workloads, which a Job can be": lambda: refusal(
        made("Job"), jupyter(architecture="Distributed", framework="Any")
    ),
    "a label for a role that the workload has not": lambda: refusal(
        _sample("pytorchjob", labelled(f"{names.ROLE_REFERENCE}driver", "jupyter")), jupyter()
    ),
    "a label for a role of a kind without roles": lambda: refusal(
        changed(made(), labelled(f"{names.ROLE_REFERENCE}driver", "jupyter")), jupyter()
    ),
    "a role in another spelling": lambda: refusals.stray(TABLE["PyTorchJob"], "worker"),
    "a role that there is not": lambda: refusals.stray(TABLE["PyTorchJob"], "Driver"),
    "the workload has its pod templates from another object": lambda: refusals.no_template(
        TABLE["Workflow"], {"spec": {"workflowTemplateRef": {}}}
    ),
    "the kind has no place for an Environment": lambda: refusals.no_template(TABLE["SparkApplication"], {}),
    "the workload has no pod template": lambda: refusals.no_template(TABLE["Deployment"], {}),
    "the Environment changes between the two webhooks": lambda: refusals.changed("jupyter"),
    "another webhook adds the reference after the injection": lambda: refusal(
        made(reference=None), jupyter(), later=labelled(names.REFERENCE, "jupyter")
    ),
    "another webhook removes the record": lambda: refusal(
        stored(made(), jupyter()),
        old=stored(made(), jupyter()),
        later=lambda item: item["metadata"]["annotations"].clear(),
    ),
    "the reference of a Job changes": lambda: refusal(
        changed(stored(made("Job"), jupyter()), labelled(names.REFERENCE, "torch")), old=stored(made("Job"), jupyter())
    ),
    "a Job that has none is given an Environment": lambda: refusal(
        made("Job"), jupyter(), old=made("Job", reference=None, image="a")
    ),
    "the reference of a Job is removed": lambda: refusals.immutable(TABLE["Job"], "", "jupyter"),
    "a Job is to be refreshed": lambda: refusals.immutable(TABLE["Job"], "jupyter", "jupyter"),
    "a workload with a reference gets a controller": lambda: ownership.given_away(
        TABLE["Deployment"],
        changed(made(), lambda item: item["metadata"].update(ownerReferences=[_OWNER])),
        TABLE.values(),
    ),
    "another webhook puts the label back that went with the owner": lambda: refusals.left_alone(TABLE["Deployment"]),
    "the same for a kind that cannot change": lambda: refusals.left_alone(TABLE["Job"]),
}

_CONTAINERS: _Rows = {
    "the annotation names a container that there is not": lambda: refusal(
        changed(made(), annotated(names.CONTAINER, "gpu")), jupyter()
    ),
    "the annotation names a container, and there is none": lambda: refusals.no_container("gpu", ()),
    "there is no container": lambda: refusal(changed(made(), lambda item: pod(item).update(containers=[])), jupyter()),
    "two containers have no names": lambda: refusals.no_names(["spec.containers[0]", "spec.containers[1]"]),
    "another container has no image": lambda: refusal(_two(), jupyter()),
    "the image was that of the Environment, which goes": lambda: refusal(
        changed(stored(made(), jupyter()), lambda item: item["metadata"]["labels"].clear()),
        old=stored(made(), jupyter()),
    ),
    "a container without a name has no image": lambda: refusals.no_image("", "spec.containers[0]", alone=True),
    "a field has another type": lambda: refusal(changed(made(), lambda i: pod(i).update(containers=5)), jupyter()),
    "the kind has no field for what the Environment sets": lambda: refusals.misfits(
        "jupyter", TABLE["TrainJob"], ["container.workingDir"], {}
    ),
    "the runtime decides what the Environment sets": lambda: refusals.misfits(
        "jupyter", TABLE["TrainJob"], ["securityContext", "user"], {}
    ),
    "the controller decides what the Environment sets": lambda: refusals.misfits(
        "jupyter", TABLE["PathwaysJob"], [refusals.NODE_NETWORK], {}
    ),
    "the kind has that field only with a feature on": lambda: refusals.misfits(
        "jupyter", TABLE["Service"], ["hostIPC"], {"hostIPC": "kubernetes.podspec-hostipc"}
    ),
    "the controller starts the container itself, a warning": lambda: refusals.left_out(
        "jupyter", "spec.headGroupSpec.template.spec.containers[0]", "ray start", ["command"]
    ),
    "the same, and the Environment does not allow the command to be overridden": lambda: refusals.starts_itself(
        "jupyter", "spec.headGroupSpec.template.spec.containers[0]", "ray start", ["Command"]
    ),
}

_SIZES: _Rows = {
    "a list has too many items": lambda: refusal(
        changed(made(), lambda item: pod(item).update(volumes=[{"name": f"v{n}"} for n in range(301)])), jupyter()
    ),
    "an object has too many values": lambda: refusal(
        changed(made(), annotated("a", "a"), lambda item: item.update(x={str(n): n for n in range(20_001)})), jupyter()
    ),
    "a workload refers to too many Environments": lambda: limits.excess(TABLE["JobSet"], _jobs(17), None),
    "the pods of a workload have too many service accounts": lambda: limits.excess(
        TABLE["JobSet"], _jobs(33, refers=False), None
    ),
    "a review has too many values": lambda: refusals.too_large(f"{limits.REVIEW_VALUES} values"),
    "a review has too many levels": lambda: refusals.too_large(f"{limits.LEVELS} levels of nesting"),
    "the record is too long": lambda: refusals.too_long(TABLE["JobSet"], 262_144),
    "the API server does not answer": lambda: refusals.too_late(9.0),
    "the default Environment of a project does not fit a workload": lambda: refusals.no_default(
        "vision", "jupyter", refusal(changed(made(), labelled(names.WORKLOAD_TYPE, "Inference")), jupyter())
    ),
    "a webhook rule for a kind without a row": lambda: refusals.no_row("widgets.example.org"),
}


def _jobs(number: int, *, refers: bool = True) -> Object:
    """Return a JobSet with some jobs, each with an Environment or a service account of its own."""
    jobs = [
        {"name": f"j{n}", "template": {"spec": {"template": {"spec": {"serviceAccountName": f"a{n}"}}}}}
        for n in range(number)
    ]
    roles = {f"{names.ROLE_REFERENCE}j{n}": f"e{n}" for n in range(number)} if refers else {}
    return {"metadata": {"labels": {names.REFERENCE: "e", **roles}}, "spec": {"replicatedJobs": jobs}}


_PEOPLE: _Rows = {
    "a pipeline uses an Environment that takes ids from the token": lambda: refusal(
        made(), jupyter(**_PERSONAL), user="system:serviceaccount:team:pipeline"
    ),
    "a claim of the token is no id": lambda: refusal(
        made(), jupyter(**_PERSONAL), user="bob", ids=ids({Keys().uid: ["abc"]}, Keys())
    ),
    "a claim of the token holds several ids": lambda: refusal(
        made(), jupyter(**_PERSONAL), user="bob", ids=ids({Keys().uid: ["1,2"]}, Keys())
    ),
    "somebody without ids changes what runs with those of another": lambda: refusal(
        changed(stored(made(), jupyter(**_PERSONAL), **_ANN), lambda item: main(item).update(args=["mine"])),
        old=stored(made(), jupyter(**_PERSONAL), **_ANN),
        user="pipeline",
    ),
}

_TOOLS: _Rows = {
    "an address is asked for a tool that there is not": lambda: _given_tool(lab="/a", port="30001", other="/b"),
    "an address is asked where there is no such tool": lambda: refusal(
        changed(made(), annotated(f"{names.CUSTOM_TOOL}lab", "/a")), jupyter(), routing=_HOST
    ),
    "a tool needs a URL": lambda: _given_tool(port="30001"),
    "a tool needs a node port": lambda: _given_tool(lab="/a"),
    "a node port outside of the range": lambda: _given_tool(lab="/a", port="80"),
    "a URL of another host": lambda: _given_tool(lab="https://elsewhere.example/a", port="30001"),
    "a variable gives the URL of a tool that is none": lambda: _addresses("ftp://board.example"),
    "two tools ask for the same address": _twice,
    "another workload has the address": lambda: refusals.taken(
        "lab", "https://tools.example.com/a", "deployments.apps/team/other has it"
    ),
    "the tool of a Job changes its URL": lambda: refusals.fixed_path(TABLE["Job"]),
}

_ENVIRONMENTS: _Rows = {
    "somebody says that another one created the Environment": lambda: _created("ann"),
    "somebody says who created it, which is not known": lambda: _created(""),
}


def _created(creator: str) -> str:
    """Return why an update that names eve as the creator is refused."""
    old = changed(applied("jupyter"), annotated(names.CREATED_BY, creator) if creator else refresh)
    return environment(changed(old, annotated(names.CREATED_BY, "eve")), old, "eve").refusal


ROWS: _Rows = {**_OVERRIDES, **_REFERENCES, **_CONTAINERS, **_SIZES, **_PEOPLE, **_TOOLS, **_ENVIRONMENTS}
