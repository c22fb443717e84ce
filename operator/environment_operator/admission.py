"""An AdmissionReview in, its answer out. Pure.

Whatever cannot be read raises `Malformed` and is answered with HTTP 400, so that the failure policy decides: nothing
here says ``allowed`` about a request that it did not understand.
"""

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import jsonpatch
from pydantic import BaseModel, Field, ValidationError, model_validator

from environment_operator import names
from environment_operator.errors import OperatorError
from environment_operator.index import references
from environment_operator.inject import Outcome, Published, admit
from environment_operator.kinds import Kind, is_derived

Object = dict[str, Any]
Find = Callable[[str], Published | None]


class Malformed(OperatorError):
    """This is no AdmissionReview; the text says what is wrong with it."""


class _Resource(BaseModel):
    """Which resource a request is about, in the version of the rule that matched."""

    group: str = ""
    resource: str


class _UserInfo(BaseModel):
    """Who makes the request."""

    username: str = ""


class Request(BaseModel):
    """What is read of a request; the objects stay plain data."""

    uid: str = Field(min_length=1)
    resource: _Resource
    sub_resource: str = Field("", alias="subResource")
    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    user: _UserInfo = Field(default_factory=_UserInfo, alias="userInfo")
    new: Object | None = Field(None, alias="object")
    old: Object | None = Field(None, alias="oldObject")

    @model_validator(mode="after")
    def _complete(self) -> "Request":
        """Require the objects that the operation has."""
        if self.writes and self.new is None:
            raise ValueError(f"{self.operation} without an object")
        if self.operation == "UPDATE" and self.old is None:
            raise ValueError("UPDATE without an oldObject")
        return self

    @property
    def writes(self) -> bool:
        """Whether the request stores an object."""
        return self.operation in ("CREATE", "UPDATE")

    @property
    def name(self) -> str:
        """The full name of the kind, as in the kinds table; a subresource is of no kind in it."""
        resource = f"{self.resource.resource}/{self.sub_resource}" if self.sub_resource else self.resource.resource
        return f"{resource}.{self.resource.group}" if self.resource.group else resource


class _Review(BaseModel):
    """The envelope."""

    api_version: Literal["admission.k8s.io/v1"] = Field(alias="apiVersion")
    kind: Literal["AdmissionReview"]
    request: Request


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request.

    Args:
        review: the AdmissionReview to send.
        result: one word for it: ``allowed``, ``changed`` or ``refused``.
    """

    review: Object
    result: str


def read(body: bytes) -> Request:
    """Return the request in the body of a webhook call.

    Raises:
        Malformed: there is none.
    """
    try:
        return _Review.model_validate_json(body).request
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(map(str, first["loc"]))
        raise Malformed(f"this is no AdmissionReview: {f'{path}: ' if path else ''}{first['msg']}") from None


def wanted(request: Request) -> frozenset[str]:
    """Return the names of the Environments that the object refers to, which deciding may take."""
    return references(_labels(request.new)) if request.new else frozenset()


def answer(request: Request, table: Iterable[Kind], find: Find, token: str) -> Answer:
    """Return the answer to a request.

    Args:
        request: the request.
        table: the kinds table.
        find: gives an Environment by name.
        token: 8 characters for a workload that has none yet.
    """
    if not request.writes or request.new is None:
        return _accepted(request, Outcome(None))
    outcome = _outcome(request, request.new, tuple(table), find, token)
    return _refused(request, outcome) if outcome.workload is None else _accepted(request, outcome)


def _outcome(request: Request, new: Object, table: tuple[Kind, ...], find: Find, token: str) -> Outcome:
    """Return what becomes of an object that is to be stored."""
    if request.name == names.CRD_NAME:
        return environment(new, request.old, request.user.username)
    kind = next((row for row in table if row.name == request.name), None)
    if kind is None:
        return Outcome(
            None, f"{request.name} is not in the kinds table of this operator: add a row, or take the rule away"
        )
    if is_derived((new.get("metadata") or {}).get("ownerReferences") or (), table):
        return Outcome(new)
    return admit(kind, new, request.old, find, token)


def environment(new: Object, old: Object | None, user: str) -> Outcome:
    """Return what becomes of an Environment: protected from the beginning, and marked with who created it.

    Args:
        new: the Environment as requested; it is not changed.
        old: the Environment as stored; None on CREATE.
        user: who makes the request.
    """
    creator = user if old is None else _annotations(old).get(names.CREATED_BY, "")
    given = _annotations(new).get(names.CREATED_BY, "")
    if given and given != creator:
        return Outcome(None, _not_the_creator(given, creator))
    meta = dict(new.get("metadata") or {})
    finalizers = list(meta.get("finalizers") or ())
    if names.FINALIZER not in finalizers and not meta.get("deletionTimestamp"):
        meta["finalizers"] = [*finalizers, names.FINALIZER]
    if creator:
        meta["annotations"] = {**_annotations(new), names.CREATED_BY: creator}
    return Outcome({**new, "metadata": meta})


def _not_the_creator(given: str, creator: str) -> str:
    """Return why a value of the annotation is refused."""
    known = f"it was {creator!r}" if creator else "for this one nobody is known"
    return (
        f"the annotation {names.CREATED_BY} says who created the {names.KIND}, {known}, not {given!r}: "
        "leave the annotation out, it is filled in"
    )


def _accepted(request: Request, outcome: Outcome) -> Answer:
    """Return the answer that allows a request, with the patch where the object changes."""
    response: Object = {"uid": request.uid, "allowed": True}
    if outcome.warnings:
        response["warnings"] = list(outcome.warnings)
    patch = jsonpatch.make_patch(request.new, outcome.workload).patch if outcome.workload else []
    if patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
    return Answer(_review(response), "changed" if patch else "allowed")


def _refused(request: Request, outcome: Outcome) -> Answer:
    """Return the answer that refuses a request."""
    status = {"code": 403, "reason": "Forbidden", "message": outcome.refusal}
    response: Object = {"uid": request.uid, "allowed": False, "status": status}
    if outcome.warnings:
        response["warnings"] = list(outcome.warnings)
    return Answer(_review(response), "refused")


def _review(response: Object) -> Object:
    """Return the envelope of an answer."""
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def _labels(item: Object) -> dict[str, str]:
    """Return the labels of an object."""
    return (item.get("metadata") or {}).get("labels") or {}


def _annotations(item: Object) -> dict[str, str]:
    """Return the annotations of an object."""
    return (item.get("metadata") or {}).get("annotations") or {}
