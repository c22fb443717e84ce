"""An AdmissionReview in, its answer out. Pure.

What cannot be read raises `Malformed` and is answered with HTTP 400, so that the failure policy decides: nothing
here says ``allowed`` about a request that it did not understand.
"""

import base64
import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import to_json

from environment_operator.api import names
from environment_operator.api.lifecycle import is_released
from environment_operator.api.types import SUBDOMAIN_PATTERN
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.injection import limits, messages, ownership
from environment_operator.injection.context import Outcome, Refusal, RequestContext
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve, new_references
from environment_operator.injection.warnings import on_spec
from environment_operator.kinds.paths import Unfit, get
from environment_operator.kinds.pod_templates import Place, Template, account, containers, places
from environment_operator.kinds.table import Kind
from environment_operator.kube.errors import OperatorError

Object = dict[str, Any]
Table = Mapping[str, Kind]
# Which webhook is called: the one before all others, which injects, or the one after them.
Stage = Literal["mutate", "validate"]
MUTATE: Stage = "mutate"
VALIDATE: Stage = "validate"
_LONGEST = 253
# So much of a review has the uid of its request.
HEAD = 1024
# More changed items of a list than these are one step of a patch.
_MANY = 10
_REMOVE = "Remove the annotation: it is set automatically."
# What pydantic's parser has to say of values in values.
_TOO_DEEP = "recursion limit exceeded"


class Malformed(OperatorError):
    """This is no AdmissionReview; the text says what is wrong with it."""


class TooLarge(OperatorError):
    """This AdmissionReview is not decoded; the text says why.

    Args:
        uid: which request it holds.
        most: how much it may have of something, such as ``200000 values``.
    """

    def __init__(self, uid: str, most: str) -> None:
        super().__init__(messages.too_large(most))
        self.uid = uid


class _Resource(BaseModel):
    """Which resource a request is about, in the version of the rule that matched."""

    group: str = ""
    resource: str


class _UserInfo(BaseModel):
    """Who makes the request."""

    username: str = ""
    extra: dict[str, list[str]] = Field(default_factory=dict)


class Request(BaseModel):
    """What is read of a request; the objects stay plain data."""

    uid: str = Field(min_length=1)
    resource: _Resource
    sub_resource: str = Field("", alias="subResource")
    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    namespace: str = ""
    dry_run: bool = Field(default=False, alias="dryRun")
    user: _UserInfo = Field(default_factory=_UserInfo, alias="userInfo")
    new: Object | None = Field(None, alias="object")
    old: Object | None = Field(None, alias="oldObject")
    most: int | None = None  # the `limits.bound` of the review

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
        reason: why it was refused, in a word; empty when it was not.
    """

    review: Object
    result: str
    reason: str = ""


def read(body: bytes) -> Request:
    """Return the request in the body of a webhook call.

    Raises:
        Malformed: there is none.
        TooLarge: it has too many values to be decoded while others wait, or values in values to be decoded at all.
    """
    if len(body) > limits.REVIEW_VALUES and limits.values(body) > limits.REVIEW_VALUES:
        if found := uid(body[:HEAD]):
            raise TooLarge(found, f"{limits.REVIEW_VALUES} values")
        raise Malformed("this is no AdmissionReview: it has too many values")
    try:
        request = _Review.model_validate_json(body).request
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if _TOO_DEEP in first["msg"] and (found := uid(body[:HEAD])):
            raise TooLarge(found, f"{limits.LEVELS} levels of nesting") from None
        path = ".".join(map(str, first["loc"]))
        raise Malformed(f"this is no AdmissionReview: {f'{path}: ' if path else ''}{first['msg']}") from None
    request.most = limits.bound(body)
    return request


def uid(head: bytes) -> str:
    """Return which request the first `HEAD` bytes of an AdmissionReview name, empty where they name none.

    The API server writes the fields in this order: https://pkg.go.dev/k8s.io/api/admission/v1#AdmissionReview
    """
    found = re.search(rb'"request":\s*{\s*"uid":\s*"([-0-9A-Za-z]{1,64})"', head)
    return found[1].decode() if found else ""


def excess(request: Request, table: Table, stage: Stage) -> str:
    """Return why a workload is too large to decide about it, empty when it is not; arguments as for `decided`."""
    kind, new, room = row(request, table), request.new, limits.ROOM if stage == VALIDATE else 1
    return limits.excess(kind, new, request.old, room, request.most) if kind and new is not None else ""


def wanted(request: Request, table: Table) -> frozenset[str]:
    """Return the names of the Environments that deciding takes: those of new references.

    Args:
        request: the request; its workload is not too large.
        table: the kinds table, by full name.
    """
    kind, new = row(request, table), request.new
    return _names(new_references(kind, new, request.old)) if kind and new is not None else frozenset()


def accounts(request: Request, table: Table) -> frozenset[str]:
    """Return the service accounts of the pods of a workload."""
    return _names(account(template) for _, template in _templates(request, table))


def _names(found: Iterable[str]) -> frozenset[str]:
    """Return those that can be names: the API server has not validated them yet, and paths are made of them."""
    return frozenset(name for name in found if len(name) <= _LONGEST and re.fullmatch(SUBDOMAIN_PATTERN, name))


def images(request: Request, table: Table) -> frozenset[str]:
    """Return the images of the containers of a workload, as far as it names any."""
    found = (c.get("image") for place, template in _templates(request, table) for c in _containers(place, template))
    return frozenset(image for image in found if isinstance(image, str))


def _templates(request: Request, table: Table) -> Iterator[tuple[Place, Template]]:
    """Yield the pod templates of a workload; one that is none is refused elsewhere."""
    kind = row(request, table)
    for place in places(kind, request.new) if kind and request.new else ():
        with suppress(Unfit):
            yield place, place.template(request.new or {})


def _containers(place: Place, template: Template) -> Iterator[Object]:
    """Yield the containers of a pod template that may be the main one."""
    with suppress(Unfit):
        yield from containers(place, template)
    for key in place.row.inline:
        found = get(template, ("spec", key))
        if isinstance(found, dict):
            yield found


def decided(request: Request, table: Table, around: RequestContext, stage: Stage) -> Answer:
    """Return the answer of one of the two webhooks.

    Args:
        request: the request.
        table: the kinds table, by full name.
        around: what is known around the request.
        stage: which webhook is called.
    """
    if not request.writes or request.new is None:
        return answer(request, Outcome(None), allowed=True)
    if request.name == names.CRD_NAME and stage == MUTATE:
        return answer(request, environment(request.new, request.old, around.user, around.invalid))
    if request.name not in table:
        return answer(request, Outcome(None, messages.no_row(request.name)))
    kind = row(request, table)
    return answer(request, _of_workload(request, kind, table, around, stage) if kind else Outcome(request.new))


def _of_workload(request: Request, kind: Kind, table: Table, around: RequestContext, stage: Stage) -> Outcome:
    """Return what becomes of a workload; into one whose controller comes or goes nothing is injected."""
    new = request.new or {}
    if request.old is not None:
        if why := ownership.given_away(kind, new, table.values()):
            return Outcome(None, why)
        if ownership.is_left_alone(new, request.old, table.values()):
            return ownership.left_alone(kind, new, is_last=stage == VALIDATE)
    decide = approve if stage == VALIDATE else admit
    return decide(kind, new, request.old, around)


def row(request: Request, table: Table) -> Kind | None:
    """Return the row of a workload that is a user itself, None for any other object."""
    kind = table.get(request.name)
    sides = (request.new, request.old or request.new)
    return None if kind is None or all(ownership.is_made(side, table.values()) for side in sides) else kind


def refused(uid: str, message: str, reason: Refusal) -> Answer:
    """Return the answer that a request is refused.

    Args:
        uid: which request.
        message: why, in words.
        reason: why, in a word.
    """
    status = {"code": 403, "reason": "Forbidden", "message": message}
    return Answer(_review({"uid": uid, "allowed": False, "status": status}), "refused", reason)


def lifecycle_problem(meta: Object) -> str:
    """Return why an Environment takes no new references for another reason than its spec, empty when it does.

    Args:
        meta: its metadata, as the API server has it now.
    """
    if "deletionTimestamp" in meta:
        return messages.DELETED
    if names.FINALIZER not in meta.get("finalizers", ()):
        return messages.RELEASED if is_released({"metadata": meta}) else messages.UNPROTECTED
    return ""


def written_spec(request: Request) -> Object:
    """Return the spec that a request gives an Environment, empty when it writes none or leaves it as it is."""
    if request.name != names.CRD_NAME or not request.writes:
        return {}
    spec = (request.new or {}).get("spec")
    return spec if isinstance(spec, dict) and spec != (request.old or {}).get("spec") else {}


def environment(new: Object, old: Object | None, user: str, invalid: str = "") -> Outcome:
    """Return what becomes of an Environment: protected from the beginning, and marked with who created it.

    The finalizer is put back when a change drops it, unless the Environment may be deleted although it is used.

    Args:
        new: the Environment as requested; it is not changed.
        old: the Environment as stored; None on CREATE.
        user: who makes the request.
        invalid: why the API server refuses its pods, empty when it does not.
    """
    creator = user if old is None else _annotations(old).get(names.CREATED_BY, "")
    given = _annotations(new).get(names.CREATED_BY, "")
    if given and given != creator and old is not None:
        return Outcome(None, _not_the_creator(given, creator))
    replaced = [_replaced(given, creator)] if given and given != creator else []
    meta = dict(new.get("metadata") or {})
    finalizers = list(meta.get("finalizers") or ())
    released = old is not None and is_released(new)
    if names.FINALIZER not in finalizers and not meta.get("deletionTimestamp") and not released:
        meta["finalizers"] = [*finalizers, names.FINALIZER]
    if creator:
        meta["annotations"] = {**_annotations(new), names.CREATED_BY: creator}
    return Outcome({**new, "metadata": meta}, warnings=(*replaced, *_unusable(invalid), *_advice(new, old)))


def _advice(new: Object, old: Object | None) -> tuple[str, ...]:
    """Return what the author of an Environment should know, when the spec is another one."""
    if (old and old.get("spec") == new.get("spec")) or limits.is_larger(new, limits.VALUES):
        return ()
    try:
        return tuple(on_spec(EnvironmentSpec.model_validate(new.get("spec"))))
    except ValidationError:
        return ()


def _unusable(invalid: str) -> Iterator[str]:
    """Yield that no workload can have an Environment, where the API server refuses its pods."""
    if invalid:
        yield f"{messages.UNUSABLE}: {invalid}"


def _replaced(given: str, creator: str) -> str:
    """Return that an Environment that another person had created is now the one's who creates it, as from a backup."""
    return f'metadata.annotations[{names.CREATED_BY}]: "{given}" is replaced by "{creator}", who creates this one.'


def _not_the_creator(given: str, creator: str) -> str:
    """Return why a value of the annotation is refused."""
    known = f'it was created by "{creator}"' if creator else "it is not known who created it"
    return f'metadata.annotations[{names.CREATED_BY}]: "{given}" did not create this {names.KIND}, {known}. {_REMOVE}'


def answer(request: Request, outcome: Outcome, *, allowed: bool = False) -> Answer:
    """Return the answer: allowed, with the patch where the object changes; or refused."""
    if outcome.workload is None and not allowed:
        return refused(request.uid, outcome.refusal, outcome.reason)
    response: Object = {"uid": request.uid, "allowed": True}
    if outcome.warnings:
        response["warnings"] = list(outcome.warnings)
    patch = [] if outcome.workload is None else list(_patch(request.new, outcome.workload, ""))
    if patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(to_json(patch)).decode()
    return Answer(_review(response), "changed" if patch else "allowed")


def _patch(old: Any, new: Any, path: str) -> Iterator[Object]:
    """Yield the steps of a JSON patch from one value to another.

    A list of another length is replaced as a whole: looking for what has moved takes the square of its length. So is
    one of which many items change, as those of a long Workflow do: a step for each is longer. What both share is the
    same.
    """
    if old is new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from ({"op": "remove", "path": f"{path}/{_token(key)}"} for key in old if key not in new)
        for key, value in new.items():
            if key not in old:
                yield {"op": "add", "path": f"{path}/{_token(key)}", "value": value}
            elif old[key] is not value:
                yield from _patch(old[key], value, f"{path}/{_token(key)}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and not _changes_much(old, new):
        for place, (before, now) in enumerate(zip(old, new, strict=True)):
            yield from _patch(before, now, f"{path}/{place}")
    elif old != new or type(old) is not type(new):
        yield {"op": "replace", "path": path, "value": new}


def _changes_much(old: list[Any], new: list[Any]) -> bool:
    """Return whether many items of a list change."""
    return len(new) > _MANY and sum(map(operator.ne, old, new)) > _MANY


def _token(key: str) -> str:
    """Return a key as a JSON pointer has it: https://www.rfc-editor.org/rfc/rfc6901#section-3."""
    return key.replace("~", "~0").replace("/", "~1")


def _review(response: Object) -> Object:
    """Return the envelope of an answer."""
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def _annotations(item: Object) -> dict[str, str]:
    """Return the annotations of an object."""
    return (item.get("metadata") or {}).get("annotations") or {}
