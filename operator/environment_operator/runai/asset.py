"""One asset → one Environment. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from environment_operator import names
from environment_operator.errors import OperatorError
from environment_operator.judge import judge
from environment_operator.runai import pod, shape, words

Object = dict[str, Any]
Asset = Mapping[str, Any]
_LONGEST_TITLE, _LONGEST_TEXT = 63, 250
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
        raise Unreadable("there is no asset in it: export one with GET /api/v1/asset/environment")
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
    meta, given = asset["meta"], asset["spec"]
    spec: Object = {
        **_title(meta, notes),
        "scope": _scope(meta, places, notes),
        **_kinds(meta.get("workloadSupportedTypes") or {}, notes),
        **pod.spec(given, places, notes),
    }
    _settle_inference(spec, notes)
    name = _name(meta["name"], taken)
    manifest = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name},
        "spec": spec,
    }
    stalled = judge(spec, replacement_exists=True).stalled
    return Imported(name, manifest, tuple(notes), stalled[1] if stalled else "")


def _name(title: str, taken: set[str]) -> str:
    """Return a name that no other asset of the document has."""
    wanted = words.name(title) or "environment"
    return next(name for name in _candidates(wanted) if name not in taken)


def _candidates(wanted: str) -> Iterator[str]:
    """Yield a name, then the name with numbers."""
    yield wanted
    shorter = wanted[:58].rstrip("-")
    yield from (f"{shorter}-{number}" for number in count(2))


def _title(meta: Asset, notes: list[str]) -> Object:
    """Return the name that people read, and the description."""
    title, text = meta["name"], meta.get("description") or ""
    if len(title) > _LONGEST_TITLE:
        notes.append(f"meta.name is longer than {_LONGEST_TITLE} characters and was cut")
    out = {"displayName": title[:_LONGEST_TITLE]} if title != words.name(title) else {}
    return {**out, **({"description": text[:_LONGEST_TEXT]} if text else {})}


def _scope(meta: Asset, places: Mapping[str, str], notes: list[str]) -> Object:
    """Return the scope."""
    scope = meta.get("scope")
    if scope in ("department", "project"):
        given = meta.get(f"{scope}Id")
        place = places.get(str(given)) or meta.get(f"{scope}Name")
        if not place and given is None:
            notes.append(f"meta.{scope}Id is missing: say which {scope} in spec.scope.{scope}s")
            return {f"{scope}s": []}
        if not place:
            place = str(given)
            notes.append(f"meta.{scope}Id {given} was taken as the name of the {scope}: say --map {given}=NAME")
        return {f"{scope}s": [place]}
    if scope in ("system", "tenant"):
        notes.append(f"scope {scope} became this cluster")
    return {"cluster": True}


def _kinds(supported: Asset, notes: list[str]) -> Object:
    """Return workload types, architecture and framework."""
    types = [ours for theirs, ours in _TYPES.items() if supported.get(theirs)]
    if not supported.get("distributed"):
        if not types:
            notes.append("no workload type was listed: Workspace and Training were chosen")
        return {"architecture": "Standard", "workloadTypes": types or ["Workspace", "Training"]}
    framework = words.FRAMEWORKS.get(supported.get("distFramework") or "", "Any")
    if framework == "Any":
        notes.append(f"distFramework {supported.get('distFramework')!r} is not known: any framework may use it")
    return {"architecture": "Distributed", "framework": framework, "workloadTypes": types or ["Training"]}


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
    for holder, field in pod.NOT_FOR_INFERENCE:
        of = spec.get(holder, {}) if holder else spec
        if of.get(field):
            del of[field]
            notes.append(f"{field} was left out: inference workloads cannot have it")
