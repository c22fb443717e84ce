"""One asset → one Environment. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from pydantic import TypeAdapter

from environment_operator.api import names, types
from environment_operator.cli.runai import pod, shape, words
from environment_operator.cli.runai.part import FLAG, ID, TEXT, Part, shown
from environment_operator.cli.runai.usage import last_use
from environment_operator.kube.errors import OperatorError
from environment_operator.spec.validation import validate

Object = dict[str, Any]
Asset = Mapping[str, Any]
_LONGEST_TITLE, _LONGEST_TEXT = 63, 250
_PLACES: dict[str, TypeAdapter[str]] = {
    "department": TypeAdapter(types.LabelValue),
    "project": TypeAdapter(types.DnsLabel),
}
_TYPES = {"workspace": "Workspace", "training": "Training", "inference": "Inference"}


class Unreadable(OperatorError):
    """This is no asset; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one asset.

    Args:
        name: what to call it: by its name, or by its place in the document where it cannot be read.
        manifest: the Environment; empty where the asset cannot be read.
        notes: what could not be carried over, or was decided on the way.
        problem: why there is no Environment, or why it cannot work; empty when it can.
    """

    name: str
    manifest: Object
    notes: tuple[str, ...] = ()
    problem: str = ""


def imported(document: Any, places: Mapping[str, str]) -> list[Imported]:
    """Return the Environments in a document: one asset, a list of them, or the answer of Run:ai's API.

    Args:
        document: plain data of JSON.
        places: what Run:ai's ids of departments and projects, and of credentials, are called in this cluster.

    Raises:
        Unreadable: there is no asset in it. One that cannot be read among others is said in its place.
    """
    assets = document.get("entries", [document]) if isinstance(document, dict) else document
    if not isinstance(assets, list) or not assets:
        raise Unreadable("there is no asset in it. Export one with GET /api/v1/asset/environment.")
    taken: set[str] = set()
    out = []
    for number, asset in enumerate(assets, 1):
        why = shape.problem(asset)
        out.append(Imported(f"number {number}", {}, problem=f"no asset: {why}") if why else _one(asset, places, taken))
        taken.add(out[-1].name)
    return out


def _one(asset: Asset, places: Mapping[str, str], taken: set[str]) -> Imported:
    """Return what becomes of one asset."""
    notes: list[str] = []
    given = Part(asset, "", notes)
    meta = given.part("meta")
    title = meta.take("name", TEXT) or ""
    spec: Object = {
        **_title(title, meta),
        **_scope(meta, places),
        **_kinds(meta.part("workloadSupportedTypes")),
        **pod.spec(given.part("spec"), places),
    }
    _settle_inference(spec, notes)
    if untaken := list(given.untaken()):
        notes.append(f"{', '.join(untaken)}: not carried over, an Environment has nothing like it")
    name = _name(title, taken)
    manifest = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, **last_use(asset, notes)},
        "spec": spec,
    }
    return Imported(name, manifest, tuple(notes), _problem(spec))


def _problem(spec: Object) -> str:
    """Return why an Environment cannot work, empty when it can."""
    missing = [field for field in ("scope", "image") if field not in spec]
    if missing:
        return f"an Environment needs {' and '.join(f'spec.{field}' for field in missing)}: correct the asset"
    stalled = validate(spec, replacement_exists=True).stalled
    return stalled[1] if stalled else ""


def _name(title: str, taken: set[str]) -> str:
    """Return a name that no other asset of the document has."""
    wanted = words.name(title) or "environment"
    return next(name for name in _candidates(wanted) if name not in taken)


def _candidates(wanted: str) -> Iterator[str]:
    """Yield a name, then the name with numbers."""
    yield wanted
    shorter = wanted[:58].rstrip("-")
    yield from (f"{shorter}-{number}" for number in count(2))


def _title(title: str, meta: Part) -> Object:
    """Return the name that people read, and the description."""
    text = meta.take("description", TEXT) or ""
    for field, longest, found in (("name", _LONGEST_TITLE, title), ("description", _LONGEST_TEXT, text)):
        if len(found) > longest:
            meta.notes.append(f"{meta.at(field)} is longer than {longest} characters and was cut")
    out = {"displayName": title[:_LONGEST_TITLE]} if title != words.name(title) else {}
    return {**out, **({"description": text[:_LONGEST_TEXT]} if text else {})}


def _scope(meta: Part, places: Mapping[str, str]) -> Object:
    """Return the scope; none where the asset does not say whose it is."""
    scope = meta.take("scope", TEXT)
    if scope in ("department", "project"):
        return {"scope": {f"{scope}s": [place]}} if (place := _place(scope, meta, places)) else {}
    if scope in ("system", "tenant"):
        meta.notes.append(f"scope {scope} became this cluster")
    elif scope != "cluster":
        meta.notes.append(f"{meta.at('scope')} is none of system, tenant, cluster, department and project")
        return {}
    return {"scope": {"cluster": True}}


def _place(scope: str, meta: Part, places: Mapping[str, str]) -> str | None:
    """Return the department or the project that the scope is, None when it is not known."""
    kind, given = _PLACES[scope], meta.take(f"{scope}Id", ID)
    named = meta.take(f"{scope}Name", kind) if f"{scope}Name" in meta else None
    place = places.get(str(given)) or named
    if place:
        return place
    if given is None:
        meta.notes.append(f"{meta.at(f'{scope}Id')} is missing: say which {scope} in spec.scope.{scope}s")
        return None
    if (found := Part({f"{scope}Id": str(given)}, meta.path, meta.notes).take(f"{scope}Id", kind)) is not None:
        meta.notes.append(
            f"{meta.at(f'{scope}Id')} {given} was taken as the name of the {scope}: say --map {given}=NAME"
        )
    return found


def _kinds(supported: Part) -> Object:
    """Return workload types, architecture and framework."""
    found = [ours for theirs, ours in _TYPES.items() if supported.take(theirs, FLAG)]
    given = supported.take("distFramework", TEXT)
    if not supported.take("distributed", FLAG):
        if not found:
            supported.notes.append("no workload type was listed: Workspace and Training were chosen")
        if given:
            supported.leave("distFramework", "it is for distributed workloads")
        return {"architecture": "Standard", "workloadTypes": found or ["Workspace", "Training"]}
    framework = words.FRAMEWORKS.get(given or "", "Any")
    if framework == "Any":
        supported.notes.append(f"{supported.at('distFramework')} {shown(given)} is not known: any framework may use it")
    return {"architecture": "Distributed", "framework": framework, "workloadTypes": found or ["Training"]}


def _settle_inference(spec: Object, notes: list[str]) -> None:
    """Have an endpoint exactly where inference workloads need one, and nothing that they cannot have."""
    types, endpoint = spec["workloadTypes"], spec.get("endpoint")
    if "Inference" in types and endpoint is None:
        spec["workloadTypes"] = [each for each in types if each != "Inference"] or ["Workspace"]
        notes.append("Inference was left out: the asset has no connection of type ServingPort")
    if "Inference" not in spec["workloadTypes"]:
        if spec.pop("endpoint", None):
            notes.append("the serving port was left out: the asset is not for inference")
        return
    for holder, field, theirs in pod.NOT_FOR_INFERENCE:
        of = spec.get(holder, {}) if holder else spec
        if of.get(field):
            del of[field]
            notes.append(f"spec.{theirs} was left out: inference workloads cannot have it")
