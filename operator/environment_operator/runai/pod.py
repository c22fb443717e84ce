"""The spec of an asset → what an Environment puts into a pod. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from environment_operator.api.types import Capability
from environment_operator.runai import tools, words

Object = dict[str, Any]
Asset = Mapping[str, Any]
Places = Mapping[str, str]

# What an inference workload cannot have: the group of the spec, and the field.
NOT_FOR_INFERENCE = (
    ("security", "hostIPC"),
    ("security", "hostNetwork"),
    ("security", "allowPrivilegeEscalation"),
    ("", "tty"),
    ("", "stdin"),
)
_AS_IT_IS = ("image", "imagePullPolicy", "workingDir", "stdin", "tty", "createHomeDir")
_SECURITY = {
    "allowPrivilegeEscalation": "allowPrivilegeEscalation",
    "readOnlyRootFilesystem": "readOnlyRootFilesystem",
    "runAsNonRoot": "runAsNonRoot",
    "hostIpc": "hostIPC",
    "hostNetwork": "hostNetwork",
}
_CARRIED = frozenset({
    *_AS_IT_IS, *_SECURITY, "command", "args", "environmentVariables", "connections", "uidGidSource", "runAsUid",
    "runAsGid", "supplementalGroups", "overrideUidGidInWorkspace", "capabilities", "seccompProfileType", "probes",
})  # fmt: skip
_DEFAULT_OVERRIDABLE = ["Command", "Args", "Env"]


def spec(given: Asset, places: Places, notes: list[str]) -> Object:
    """Return the fields of the spec that an asset sets.

    Args:
        given: the asset's spec.
        places: names for ids.
        notes: takes what could not be carried over.
    """
    notes += [f"spec.{key} was not carried over" for key, v in given.items() if v is not None and key not in _CARRIED]
    if not given.get("image"):
        notes.append("the asset has no image: give it one")
    variables = [_variable(each, places, notes) for each in given.get("environmentVariables") or ()]
    env = [each for each in variables if each]
    out: Object = {key: given[key] for key in _AS_IT_IS if given.get(key) is not None}
    if out.get("tty"):
        out["stdin"] = True
    out |= _commands(given, frozenset(each["name"] for each in env), notes)
    out |= {"env": env} if env else {}
    out |= tools.tools(given.get("connections") or (), notes)
    out |= _user(given, notes)
    out |= _security(given, notes)
    return out | _probe((given.get("probes") or {}).get("readiness"))


def _commands(given: Asset, known: frozenset[str], notes: list[str]) -> Object:
    """Return command and arguments as lists; ``${NAME}`` stays, an Environment reads it as Run:ai does."""
    split: Object = {}
    for field in ("command", "args"):
        if line := given.get(field):
            try:
                split[field] = words.words(line)
            except ValueError as error:
                notes.append(f"spec.{field} could not be split into words ({error}) and became one")
                split[field] = [line]
    if words.runs_shell(split.get("command", ())):
        return split
    for field, found in split.items():
        for text in found:
            notes += [f"spec.{field}: nothing sets ${{{name}}}" for name in words.unknown_variables(text, known)]
    return split


def _variable(given: Asset, places: Places, notes: list[str]) -> Object | None:
    """Return a variable; one that a policy would have added and that was taken away is left out."""
    name = str(given.get("name"))
    if given.get("exclude"):
        notes.append(f"variable {name}: exclude was not carried over, there are no policies to add it")
        return None
    described = {"description": given["description"]} if given.get("description") else {}
    return {"name": name, **_value(name, given, places, notes), **described}


def _value(name: str, given: Asset, places: Places, notes: list[str]) -> Object:
    """Return the value of a variable, where it comes from, or that each workload has to give it."""
    if credential := given.get("credential"):
        asset = str(credential["assetId"])
        if asset not in places:
            notes.append(f"variable {name}: credential {asset} became a Secret of this name: say --map {asset}=SECRET")
        return {"valueFrom": {"secretKeyRef": {"name": places.get(asset, asset), "key": credential["key"]}}}
    if config := given.get("configMap"):
        return {"valueFrom": {"configMapKeyRef": {"name": config["name"], "key": config["key"]}}}
    if field := given.get("podFieldRef"):
        return {"valueFrom": {"fieldRef": {"fieldPath": field["path"]}}}
    return {"value": given["value"]} if given.get("value") else {"required": True}


def _user(given: Asset, notes: list[str]) -> Object:
    """Return who the process runs as, and whether a workload may say otherwise."""
    source = words.USERS.get(given.get("uidGidSource") or "")
    groups = [int(group) for group in str(given.get("supplementalGroups") or "").split(",") if group.strip()]
    ids = {"uid": given.get("runAsUid"), "gid": given.get("runAsGid"), "supplementalGroups": groups or None}
    ids = {key: value for key, value in ids.items() if value is not None}
    if source != "Custom":
        if ids:
            notes.append("runAsUid, runAsGid and supplementalGroups were left out: they are for uidGidSource custom")
        return {"user": {"source": source}} if source else {}
    may = given.get("overrideUidGidInWorkspace")
    if not ids and not may:
        notes.append("uidGidSource custom was left out: it gives no ids, and none may be given")
        return {}
    overridable = {"overridable": [*_DEFAULT_OVERRIDABLE, "User"]} if may else {}
    return {"user": {"source": source, **ids}, **overridable}


def _security(given: Asset, notes: list[str]) -> Object:
    """Return the security settings."""
    out: Object = {ours: given[theirs] for theirs, ours in _SECURITY.items() if given.get(theirs) is not None}
    capabilities = [str(each).removeprefix("CAP_") for each in given.get("capabilities") or ()]
    known = set(Capability.__args__)  # type: ignore[attr-defined]
    notes += [f"capability {each} is not known and was left out" for each in capabilities if each not in known]
    if kept := [each for each in capabilities if each in known]:
        out["capabilities"] = kept
    profile = given.get("seccompProfileType")
    if profile == "Localhost":
        notes.append("seccompProfileType Localhost was left out: it names no profile")
    elif profile:
        out["seccompProfile"] = {"type": profile}
    return {"security": out} if out else {}


def _probe(given: Asset | None) -> Object:
    """Return the readiness probe."""
    if not given:
        return {}
    handler = (given.get("handler") or {}).get("httpGet") or {}
    plain: Callable[[Asset], Object] = lambda of: {k: v for k, v in of.items() if v is not None}  # noqa: E731
    numbers = plain({key: value for key, value in given.items() if key != "handler"})
    return {"readinessProbe": {"httpGet": plain(handler), **numbers}} if handler else {}
