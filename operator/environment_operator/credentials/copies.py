"""Registry credentials: what is published to which project, and which image it is for. Pure.

Sources are Secrets of the operator's namespace. What a project gets is a copy by the same name, which says whose copy
it is and where it belongs; a Secret without both is not the operator's and is left alone.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from environment_operator.api import names
from environment_operator.api.v1alpha1 import Scope
from environment_operator.api.wording import cut
from environment_operator.kube.objects import Metadata, Whole
from environment_operator.spec import images, scope

TYPE = "kubernetes.io/dockerconfigjson"
KEY = ".dockerconfigjson"
# The name under which kubelet looks for the credentials of Docker Hub, besides the one in image references.
_EXAMPLES = f'Set {names.SCOPE} to {{"projects": ["vision"]}}, {{"departments": ["imaging"]}} or {{"cluster": true}}.'
_HUB, _HUB_KEY = "docker.io", "index.docker.io"


@dataclass(frozen=True, slots=True)
class Source:
    """Credentials to publish.

    Args:
        name: name of the Secret, and of its copies.
        mark: what its copies say that they are copies of: the Secret in this very state.
        scope: who gets them; None when that cannot be read.
        registries: what they are for, as kubelet reads the keys of ``auths``.
        payload: the data as the API server has it.
        problem: why nothing can be published, empty when it can: then copies stay as they are.
    """

    name: str
    mark: str = ""
    scope: Scope | None = None
    registries: tuple[str, ...] = ()
    payload: str = field(default="", repr=False)
    problem: str = ""

    def is_for(self, project: str, department: str | None) -> bool:
        """Return whether a project of a department gets them."""
        return self.scope is not None and scope.includes(self.scope, project, department)

    def serves(self, image: str) -> bool:
        """Return whether kubelet would use them for an image."""
        target = images.repository(image)
        return bool(target) and any(_matches(registry, target) for registry in self.registries)


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy in a project.

    Args:
        uid: which object it is.
        version: its resource version.
        mark: what it is a copy of.
    """

    uid: str
    version: str
    mark: str


@dataclass(frozen=True, slots=True)
class Steps:
    """What there is to do in a project.

    Args:
        create: credentials that it lacks.
        update: copies that are out of step, each with what it is to be.
        withdraw: names of copies that it is not to have any more.
        taken: credentials that it cannot get, because it has a Secret of its own by that name.
    """

    create: tuple[Source, ...] = ()
    update: tuple[tuple[Source, Copy], ...] = ()
    withdraw: tuple[tuple[str, Copy], ...] = ()
    taken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Secrets:
    """What admission knows of the Secrets of a project.

    Args:
        unseen: why those that were to be looked for could not be; empty when they could.
        missing: names that were looked for in vain.
        published: credentials that the project has, or is about to get.
    """

    unseen: str = ""
    missing: Collection[str] = ()
    published: tuple[Source, ...] = ()


class Sources:
    """The credentials to publish, filled by a informer as its sink.

    Args:
        changed: is called after every change.
        payload: False where the values themselves are not needed: then they are not kept.
    """

    def __init__(self, changed: Callable[[], None] = lambda: None, *, payload: bool = False) -> None:
        self.by_name: dict[str, Source] = {}
        self._changed, self._payload = changed, payload

    def put(self, item: Metadata) -> None:
        """Remember credentials."""
        if not isinstance(item, Whole):
            raise TypeError(type(item))
        found = source(item)
        self.by_name[item.name] = found if self._payload else replace(found, payload="")
        self._changed()

    def delete(self, item: Metadata) -> None:
        """Forget credentials."""
        self.by_name.pop(item.name, None)
        self._changed()

    def resync(self, seen: Collection[tuple[str, str]]) -> None:
        """Forget what a complete list does not have."""
        listed = {name for _, name in seen}
        self.by_name = {name: found for name, found in self.by_name.items() if name in listed}
        self._changed()

    def moved(self) -> None:
        """Have everybody look again: what is known may be complete now."""
        self._changed()

    def due(self, project: str, department: str | None) -> list[Source]:
        """Return the credentials that a project gets, by name."""
        listed = (self.by_name[name] for name in sorted(self.by_name))
        return [s for s in listed if not s.problem and s.is_for(project, department)]


def source(secret: Whole) -> Source:
    """Return the credentials in a Secret."""
    mark = f"{secret.namespace}/{secret.name} {secret.uid} {secret.resource_version}"
    found, why = _scope(secret.annotations.scope)
    payload = secret.data.get(KEY, "")
    registries = _registries(payload)
    if secret.type != TYPE:
        why = f'type: "{secret.type}" is not {TYPE}. Delete the Secret, and create it with that type.'
    elif not why and not registries:
        why = f"data[{KEY}]: there is no registry in auths. Write it as docker login does."
    return Source(secret.name, mark, found, registries, payload, why)


def not_published(found: Source) -> str:
    """Return why the credentials in a Secret are not published, and the way out."""
    return f"Not published: {found.problem}"


def name_taken(name: str, project: str) -> str:
    """Return that credentials are not published to a project, which has a Secret of their name."""
    return f'Not published to project "{project}": it has a Secret "{name}" of its own. Rename one of them.'


def copy(secret: Metadata) -> Copy | None:
    """Return what a Secret in a project is a copy of, None when it is the project's own."""
    mark = secret.annotations.published_from
    is_here = secret.labels.get(names.PUBLISHED_TO) == secret.namespace
    is_ours = is_here and mark.startswith(f"{names.SYSTEM_NAMESPACE}/{secret.name} ")
    return Copy(secret.uid, secret.resource_version, mark) if is_ours else None


def copied(found: Source, project: str, before: Copy | None = None) -> dict[str, Any]:
    """Return the Secret that a project gets; with the copy that is there, the merge patch that brings it into step."""
    meta = {"labels": {names.PUBLISHED_TO: project}, "annotations": {names.PUBLISHED_FROM: found.mark}}
    data = {KEY: found.payload}
    if before:
        return {"metadata": {**meta, "uid": before.uid, "resourceVersion": before.version}, "data": data}
    name = {"name": found.name, "namespace": project}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {**name, **meta}, "type": TYPE, "data": data}


def steps(
    project: str,
    department: str | None,
    sources: Mapping[str, Source],
    there: Mapping[str, Copy | None],
    written: Mapping[str, Copy],
) -> Steps:
    """Return what there is to do in a project.

    Args:
        project: its name.
        department: its department.
        sources: the credentials to publish, by name.
        there: the Secrets of the project by name, each with what it is a copy of.
        written: the copies as they were after our last write, by name; one that is not like that was changed since.
    """
    mine = {name: s for name, s in sources.items() if not s.problem and s.is_for(project, department)}
    held = {name for name, s in sources.items() if s.problem}
    stale = ((s, c) for n, s in mine.items() if (c := there.get(n)) and (c.mark != s.mark or c != written.get(n)))
    return Steps(
        create=tuple(s for name, s in mine.items() if name not in there),
        update=tuple(stale),
        withdraw=tuple((n, c) for n, c in there.items() if c and n not in mine and n not in held),
        taken=tuple(name for name in mine if name in there and there[name] is None),
    )


def _scope(text: str) -> tuple[Scope | None, str]:
    """Return the scope in an annotation, and why there is none."""
    if not text:
        return None, f"annotation {names.SCOPE} is missing, which says who gets them. {_EXAMPLES}"
    try:
        found = Scope.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "rule":
            why = "has to name either the cluster, or departments and projects"
            return None, f"annotation {names.SCOPE} {why}. {_EXAMPLES}"
        where = ".".join(map(str, first["loc"]))
        wrong = f"{where}: {first['msg']}" if where else first["msg"]
        return None, f"annotation {names.SCOPE} cannot be read: {cut(wrong)}. {_EXAMPLES}"
    return found, ""


def _registries(payload: str) -> tuple[str, ...]:
    """Return what a Docker configuration has credentials for; nothing when it cannot be read."""
    try:
        auths = json.loads(b64decode(payload))["auths"].keys()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ()
    return tuple(sorted(filter(None, map(_registry, auths))))


def _registry(key: str) -> str:
    """Return a key of ``auths`` as kubelet reads it, without scheme and version of the API; empty for nonsense.

    Source: https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/credentialprovider/keyring.go (Add).
    """
    try:
        split = urlsplit(key if key.startswith(("https://", "http://")) else f"https://{key}")
    except ValueError:
        return ""
    path = split.path[3:] if split.path.startswith(("/v1/", "/v2/")) else split.path
    return split.netloc.rpartition("@")[2] + ("" if path == "/" else path)


def _matches(registry: str, target: str) -> bool:
    """Return whether credentials for a registry are for a repository; each part of the host may have wildcards.

    Source: https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/credentialprovider/keyring.go (URLsMatch).
    """
    if registry == _HUB_KEY:
        registry = _HUB
    (host, port, path), (its_host, its_port, its_path) = _split(registry), _split(target)
    parts, its_parts = host.split("."), its_host.split(".")
    if port != its_port or len(parts) != len(its_parts) or not its_path.startswith(path):
        return False
    return all(fnmatchcase(its, part.replace("[", "[[]")) for part, its in zip(parts, its_parts, strict=True))


def _split(location: str) -> tuple[str, str, str]:
    """Return host, port and path of a registry or a repository."""
    address, slash, path = location.partition("/")
    bracket = address.rfind("]")
    host, _, port = address[bracket + 1 :].partition(":")
    return address[: bracket + 1] + host, port, f"{slash}{path}"
