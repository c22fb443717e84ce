"""The spec of an asset → what an Environment puts into a pod. Pure."""

import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import TypeAdapter
from pydantic.alias_generators import to_camel

from environment_operator.api import probe, types, v1alpha1
from environment_operator.api.types import MAX_ID, MAX_ITEMS, Capability, Id
from environment_operator.cli.runai import tools, words
from environment_operator.cli.runai.part import FLAG, ID, TEXT, Part, shown

Object = dict[str, Any]
Places = Mapping[str, str]

# What an inference workload cannot have: the group of the spec, the field, and what the asset calls it.
NOT_FOR_INFERENCE = (
    ("security", "hostIPC", "hostIpc"),
    ("security", "hostNetwork", "hostNetwork"),
    ("security", "allowPrivilegeEscalation", "allowPrivilegeEscalation"),
    ("", "tty", "tty"),
    ("", "stdin", "stdin"),
)
_IMAGE: TypeAdapter[str] = TypeAdapter(types.ImageReference)
_PULL_POLICY: TypeAdapter[str] = TypeAdapter(v1alpha1.PullPolicy)
_DIRECTORY: TypeAdapter[str] = TypeAdapter(types.AbsolutePath)
_VARIABLE: TypeAdapter[str] = TypeAdapter(types.VariableName)
_ARGUMENT: TypeAdapter[str] = TypeAdapter(types.Argument)
_TEXT: TypeAdapter[str] = TypeAdapter(types.Text)
_LINE: TypeAdapter[str] = TypeAdapter(types.Line)
_OBJECT_NAME: TypeAdapter[str] = TypeAdapter(types.Subdomain)
_KEY: TypeAdapter[str] = TypeAdapter(types.KeyName)
_ID: TypeAdapter[int] = TypeAdapter(Id)
_AS_IT_IS: dict[str, TypeAdapter[Any]] = {
    "imagePullPolicy": _PULL_POLICY,
    "workingDir": _DIRECTORY,
    "stdin": FLAG,
    "tty": FLAG,
    "createHomeDir": FLAG,
}
_HTTP: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(field.rebuild_annotation()) for name, field in probe.HttpGet.model_fields.items()
}
_NUMBERS: dict[str, TypeAdapter[Any]] = {
    to_camel(name): TypeAdapter(field.rebuild_annotation())
    for name, field in probe.ReadinessProbe.model_fields.items()
    if name.endswith(("_seconds", "_threshold"))
}
_SECURITY = {
    "allowPrivilegeEscalation": "allowPrivilegeEscalation",
    "readOnlyRootFilesystem": "readOnlyRootFilesystem",
    "runAsNonRoot": "runAsNonRoot",
    "hostIpc": "hostIPC",
    "hostNetwork": "hostNetwork",
}
_DEFAULT_OVERRIDABLE = ["Command", "Args", "Env"]
_IDS = {"runAsUid": "uid", "runAsGid": "gid"}
_MOST_GROUPS = 32


def spec(given: Part, places: Places) -> Object:
    """Return the fields of the spec that an asset sets.

    Args:
        given: the asset's spec.
        places: names for ids.
    """
    image = given.take("image", _IMAGE)
    out: Object = {"image": image} if image else {}
    out |= _present(given, _AS_IT_IS)
    if out.get("tty"):
        out["stdin"] = True
    env = _variables(given, places)
    out |= _commands(given, frozenset(each["name"] for each in env))
    out |= {"env": env} if env else {}
    out |= tools.tools(given)
    out |= _user(given)
    out |= _security(given, out.get("user", {}).get("uid"))
    return out | _probe(given.part("probes").part("readiness"))


def _present(given: Part, fields: Mapping[str, TypeAdapter[Any]]) -> Object:
    """Return the fields that are there and fit, under their own names."""
    found = {field: given.take(field, kind) for field, kind in fields.items()}
    return {field: value for field, value in found.items() if value is not None}


def _commands(given: Part, known: frozenset[str]) -> Object:
    """Return command and arguments as lists; ``${NAME}`` stays, an Environment reads it as Run:ai does."""
    split: Object = {}
    for field in ("command", "args"):
        if line := given.take(field, _ARGUMENT):
            try:
                split[field] = words.words(line)
            except ValueError as error:
                given.notes.append(f"{given.at(field)} could not be split into words ({error}) and became one")
                split[field] = [line]
            if len(split[field]) > MAX_ITEMS:
                del split[field]
                given.leave(field, f"it has more than {MAX_ITEMS} words")
    if words.runs_shell(split.get("command", ())):
        return split
    for field, found in split.items():
        for text in found:
            unknown = words.unknown_variables(text, known)
            given.notes += [f"{given.at(field)}: nothing sets ${{{name}}}" for name in unknown]
    return split


def _variables(given: Part, places: Places) -> list[Object]:
    """Return the variables, each name once."""
    out: dict[str, Object] = {}
    for each in given.parts("environmentVariables"):
        name = each.take("name", _VARIABLE)
        if name is None:
            each.drop("a variable needs a name")
        elif name in out:
            each.drop(f"there is another variable {name}")
        elif len(out) == MAX_ITEMS:
            each.drop(f"an Environment has at most {MAX_ITEMS} variables")
        elif each.take("exclude", FLAG):
            each.drop(f"exclude of variable {name} was not carried over, there are no policies to add it")
        else:
            described = each.take("description", _TEXT)
            out[name] = {"name": name, **_value(each, places), **({"description": described} if described else {})}
    return list(out.values())


def _value(given: Part, places: Places) -> Object:
    """Return the value of a variable, where it comes from, or that each workload has to give it."""
    sources = (
        ("credential", "secretKeyRef", lambda part: _credential(part, places)),
        ("secret", "secretKeyRef", lambda part: part.take("name", _OBJECT_NAME)),
        ("configMap", "configMapKeyRef", lambda part: part.take("name", _OBJECT_NAME)),
    )
    for theirs, ours, named in sources:
        if theirs in given:
            part = given.part(theirs)
            name, key = named(part), part.take("key", _KEY)
            if name and key:
                return {"valueFrom": {ours: {"name": name, "key": key}}}
            part.drop("it needs a name and a key")
    if "podFieldRef" in given:
        part = given.part("podFieldRef")
        if path := part.take("path", _LINE):
            return {"valueFrom": {"fieldRef": {"fieldPath": path}}}
        part.drop("it needs a path")
    value = given.take("value", _ARGUMENT)
    if value is None and given.keys - {"name", "description", "exclude"}:
        given.notes.append(f"{given.path}: each workload has to give the value, its source was not carried over")
    return {"value": value} if value else {"required": True}


def _credential(given: Part, places: Places) -> str | None:
    """Return the name of the Secret of a credential."""
    asset = given.take("assetId", ID)
    if asset is None:
        return None
    name = places.get(str(asset), str(asset))
    if str(asset) not in places:
        given.notes.append(f"{given.path} {asset} became a Secret of this name: say --map {asset}=SECRET")
    return Part({"assetId": name}, given.path, given.notes).take("assetId", _OBJECT_NAME)


def _user(given: Part) -> Object:
    """Return who the process runs as, and whether a workload may say otherwise."""
    source = words.USERS.get(given.take("uidGidSource", TEXT) or "")
    if source is None:
        given.leave("uidGidSource", f"it is none of {', '.join(words.USERS)}")
    if source != "Custom":
        for field in (*_IDS, "supplementalGroups", "overrideUidGidInWorkspace"):
            if field != "overrideUidGidInWorkspace" or given.take(field, FLAG):
                given.leave(field, "it is for uidGidSource custom")
        return {"user": {"source": source}} if source else {}
    ids: Object = {ours: given.take(theirs, _ID) for theirs, ours in _IDS.items()}
    ids = {key: value for key, value in ids.items() if value is not None}
    if groups := _groups(given):
        ids["supplementalGroups"] = groups
    may = given.take("overrideUidGidInWorkspace", FLAG)
    if not ids and not may:
        given.leave("uidGidSource", "custom was left out, it gives no ids, and none may be given")
        return {}
    overridable = {"overridable": [*_DEFAULT_OVERRIDABLE, "User"]} if may else {}
    return {"user": {"source": source, **ids}, **overridable}


def _groups(given: Part) -> list[int]:
    """Return the ids of groups, written with commas between them."""
    out: dict[int, None] = {}
    for each in filter(None, map(str.strip, (given.take("supplementalGroups", TEXT) or "").split(","))):
        if not re.fullmatch("[0-9]{1,10}", each) or int(each) > MAX_ID or len(out) == _MOST_GROUPS:
            given.notes.append(
                f"{given.at('supplementalGroups')}: {shown(each[:20])} was left out: it is not the id of a group"
            )
        else:
            out[int(each)] = None
    return list(out)


def _security(given: Part, uid: int | None) -> Object:
    """Return the security settings."""
    found = {ours: given.take(theirs, FLAG) for theirs, ours in _SECURITY.items()}
    out: Object = {field: value for field, value in found.items() if value is not None}
    if out.get("runAsNonRoot") and uid == 0:
        del out["runAsNonRoot"]
        given.leave("runAsNonRoot", "runAsUid 0 is root")
    known = get_args(Capability)
    capabilities = [each.removeprefix("CAP_") for each in given.values("capabilities", TEXT)]
    unknown = [each for each in capabilities if each not in known]
    given.notes += [f"{given.at('capabilities')}: capability {each} is not known and was left out" for each in unknown]
    if kept := [each for each in dict.fromkeys(capabilities) if each in known]:
        out["capabilities"] = kept
    profile = given.take("seccompProfileType", TEXT)
    if profile in ("RuntimeDefault", "Unconfined"):
        out["seccompProfile"] = {"type": profile}
    elif profile is not None:
        given.leave(
            "seccompProfileType", f"{profile} names no profile" if profile == "Localhost" else "it is not known"
        )
    return {"security": out} if out else {}


def _probe(given: Part) -> Object:
    """Return the readiness probe."""
    request = _present(given.part("handler").part("httpGet"), _HTTP)
    numbers = _present(given, _NUMBERS)
    if "port" in request:
        return {"readinessProbe": {"httpGet": request, **numbers}}
    if request or numbers or any(given.untaken()):
        given.drop("it needs handler.httpGet with a port")
    return {}
