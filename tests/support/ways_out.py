"""Refusals of admission, each with the changes that its message names as ways out.

The texts are in ``messages``; here is what their readers do then, with any wording.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from builders import workload
from environment_operator.api import names
from environment_operator.injection import limits
from environment_operator.injection.context import Project
from environment_operator.injection.identity import Ids
from messages.stage import Change, annotated, changed, labelled, made, main, pod, refresh
from pairs import EXAMPLES, custom, security
from third_party import user

Object = dict[str, Any]
IMAGE = "registry.example/team/jupyter:4.2"
LAB = {"name": "lab", "type": "JupyterNotebook"}
FREE_LAB = {**LAB, "connection": {"type": "NodePort", "assign": "Custom"}}


@dataclass(frozen=True)
class Refused:
    """A request that is refused, and what mends it.

    Args:
        new: the workload.
        fields: fields of its Environment.
        changes: changes of the workload, each of which is a way out.
        others: fields of the Environment, each a way out by changing it or using another one.
        before: the workload as it was created, with the Environment as it was then; None for a creation.
        was: fields of the Environment at that time, None for those of now.
        again: True when the workload is to be deleted and created again.
        known: what else is known around the request.
    """

    new: Object
    fields: Object = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    others: tuple[Object, ...] = ()
    before: Object | None = None
    was: Object | None = None
    again: bool = False
    known: Object = field(default_factory=dict)


def sets(**fields: Any) -> Change:
    """Return the change that sets fields of the main container."""
    return lambda item: main(item).update(copy.deepcopy(fields))


def drops(*keys: str) -> Change:
    """Return the change that removes fields of the main container."""

    def change(item: Object) -> None:
        for key in keys:
            del main(item)[key]

    return change


def unlabelled(key: str = names.REFERENCE) -> Change:
    """Return the change that removes a label."""
    return lambda item: item["metadata"]["labels"].pop(key)


def unannotated(key: str) -> Change:
    """Return the change that removes an annotation."""
    return lambda item: item["metadata"]["annotations"].pop(key)


def of(word: str, *changes: Change, reference: str = "jupyter") -> Object:
    """Return a sample of a kind of another project that refers to the Environment."""
    return changed(user(word, "w", "team", reference), *changes)


def becomes(other: Object) -> Change:
    """Return the change to another object."""

    def change(item: Object) -> None:
        item.clear()
        item.update(copy.deepcopy(other))

    return change


def at(path: str, value: Any) -> Change:
    """Return the change that sets a value at the keys of a path, or removes it where the value is None."""

    def change(item: Object) -> None:
        *way, last = path.split(".")
        node: Any = item
        for key in way:
            node = node[int(key)] if key.isdigit() else node.setdefault(key, {})
        if value is None:
            node.pop(last, None)
        else:
            node[last] = copy.deepcopy(value)

    return change


def overrides(name: str, given: Object, fields: Object) -> dict[str, Refused]:
    """Return what is refused because the main container has a value of its own: without it, or where it may be."""
    others = ({**fields, "overridable": [name]},)
    guarded = {**fields, "overridable": []}
    return {f"override of {name}": Refused(made(**given), guarded, (drops(*given),), others)}


def distributed(framework: str, **fields: Any) -> Object:
    """Return fields of an Environment for distributed workloads."""
    return {"architecture": "Distributed", "framework": framework, **fields}


def of_pair(name: str) -> dict[str, Refused]:
    """Return what is refused because two settings do not go together: without the workload's, or without the other."""
    found = {}
    for number, example in enumerate(EXAMPLES[name]):
        new = made("Pod")
        pod(new).update(copy.deepcopy(example.pod))
        main(new).update(copy.deepcopy(example.main))
        pod(new)["containers"] += copy.deepcopy(example.others)
        plain = changed(made("Pod"), partial(_extend, _bare(example.others)))
        free = "User" if "user" in example.fields else "Security"
        found[f"pair {name} {number}"] = Refused(
            new, {**example.fields, "overridable": []}, (becomes(plain),),
            ({**example.fields, "overridable": [free]},),
        )  # fmt: skip
    return found


def _extend(others: list[Object], item: Object) -> None:
    """Give a workload further containers."""
    pod(item)["containers"].extend(others)


def _bare(others: tuple[Object, ...]) -> list[Object]:
    """Return containers without what contradicts."""
    return [{key: each[key] for key in ("name", "image")} for each in others]


UID: Object = {"securityContext": {"runAsUser": 5}}
PORT = f"{names.CUSTOM_TOOL}lab"
ADAPT = {"user": {"source": "IdPToken"}}
PERSON = {"user": "ada", "ids": Ids(2001, 200)}
LATER = {"image": "registry.example/team/jupyter:5"}
REFUSED: Mapping[str, Refused] = {
    **overrides("Image", {"image": "mine:1"}, {}),
    **overrides("Command", {"command": ["mine"]}, {"command": ["x"]}),
    **overrides("Args", {"args": ["mine"]}, {"args": ["x"]}),
    **overrides("Env", {"env": [{"name": "A", "value": "mine"}]}, {"env": [{"name": "A", "value": "1"}]}),
    **overrides("WorkingDir", {"workingDir": "/mine"}, {"workingDir": "/x"}),
    **overrides("Security", {"securityContext": {"runAsNonRoot": False}}, security(runAsNonRoot=True)),
    **overrides("User", UID, custom(uid=7)),
    "ids with those of a token": Refused(
        made(**UID), ADAPT, (drops("securityContext"),), ({**custom(uid=7), "overridable": ["User"]},), known=PERSON
    ),
    "no ids in the token": Refused(made(), ADAPT, others=(custom(uid=7),)),
    **{key: case for name in EXAMPLES for key, case in of_pair(name).items()},
    "a refresh that meets a value of the workload": Refused(
        changed(made(image=IMAGE), refresh), LATER, (drops("image"),), ({**LATER, "overridable": ["Image"]},),
        before=made(image=IMAGE), was={},
    ),
    "a variable to be filled in": Refused(
        made(), {"env": [{"name": "A", "required": True}]}, (sets(env=[{"name": "A", "value": "1"}]),)
    ),
    "no image without the Environment": Refused(
        changed(made(), unlabelled()), changes=(sets(image="mine:1"),), before=made()
    ),
    "a sidecar without an image": Refused(
        changed(made(image=IMAGE), lambda item: pod(item)["containers"].append({"name": "side"})),
        changes=(
            lambda item: pod(item)["containers"][1].update(image="mine:1"), annotated(names.CONTAINER, "side"),
        ),
    ),
    "an unknown container": Refused(
        changed(made(), annotated(names.CONTAINER, "nobody")),
        changes=(annotated(names.CONTAINER, "main"), unannotated(names.CONTAINER)),
    ),
    "an unknown Environment": Refused(
        made(reference="nobody"), changes=(labelled(names.REFERENCE, "jupyter"), unlabelled()),
    ),
    "no role of a label": Refused(
        of("jobset", labelled(f"{names.ROLE_REFERENCE}nobody", "jupyter")), distributed("Any"),
        (unlabelled(f"{names.ROLE_REFERENCE}nobody"),),
    ),
    "a role of another spelling": Refused(
        of("pytorchjob", at("spec.pytorchReplicaSpecs.worker", {"template": {"spec": {"containers": []}}})),
        distributed("PyTorch"), (at("spec.pytorchReplicaSpecs.worker", None),),
    ),
    "templates of another object": Refused(
        of("workflow", at("spec.templates", None), at("spec.workflowTemplateRef", {"name": "t"})), {},
        (unlabelled(),),
    ),
    "another project": Refused(
        made(), {"scope": {"projects": ["other"]}},
        others=({"scope": {"projects": ["other", "team"]}}, {"scope": {"cluster": True}}),
        known={"project": Project("team")},
    ),
    "a type that the kind is not": Refused(
        changed(made(), labelled(names.WORKLOAD_TYPE, "Training")), {},
        (labelled(names.WORKLOAD_TYPE, "Workspace"), unlabelled(names.WORKLOAD_TYPE)),
    ),
    "another type": Refused(
        changed(made(), labelled(names.WORKLOAD_TYPE, "Inference")), {"workloadTypes": ["Workspace"]},
        (labelled(names.WORKLOAD_TYPE, "Workspace"),),
        ({"workloadTypes": ["Inference"], "endpoint": {"port": 8080, "protocol": "HTTP"}},),
    ),
    "another type of kind": Refused(
        workload("Job", "w", "team", "jupyter"), {"workloadTypes": ["Workspace"]},
        others=({"workloadTypes": ["Training"]},),
    ),
    "Distributed for one pod template": Refused(
        workload("Job", "w", "team", "jupyter"), distributed("Any"),
        (at("spec.completionMode", "Indexed"),), ({"architecture": "Standard"},),
    ),
    "Standard for several roles": Refused(
        of("pytorchjob"), {}, others=(distributed("PyTorch"), distributed("Any")),
    ),
    "another framework": Refused(of("pytorchjob"), distributed("MPI"), others=(distributed("PyTorch"),)),
    "no place in the kind": Refused(of("workflow"), security(hostNetwork=True), others=({},)),
    "a controller that starts its container itself": Refused(
        of("raycluster"), distributed("Ray", command=["python"], overridable=[]),
        others=(
            distributed("Ray", command=["python"], overridable=["Command"]), distributed("Ray", overridable=[]),
        ),
    ),
    "another Environment for what cannot change": Refused(
        changed(made("Pod", image=IMAGE), unlabelled()), before=made("Pod", image=IMAGE), again=True
    ),
    "too many variables": Refused(
        made(image=IMAGE, env=[{"name": f"V{n}", "value": "1"} for n in range(limits.ITEMS + 1)]),
        # One without the label is not sent to the webhook.
        changes=(sets(env=[]),),
    ),
    "a tool without its port": Refused(
        made(), {"tools": [FREE_LAB]}, (annotated(PORT, "30010"),),
    ),
    "a tool with an impossible port": Refused(
        changed(made(), annotated(PORT, "80")), {"tools": [FREE_LAB]}, (annotated(PORT, "30010"),),
    ),
    "a port of a tool that takes none": Refused(
        changed(made(), annotated(PORT, "30010")), {"tools": [LAB]}, (unannotated(PORT),), ({"tools": [FREE_LAB]},)
    ),
}  # fmt: skip
