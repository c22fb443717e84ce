"""What an author or a submitter should know although nothing is refused. Pure."""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from environment_operator.api import names
from environment_operator.api.security import User
from environment_operator.api.tools import BRACES
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.injection.context import Project, Published, RequestContext
from environment_operator.injection.expansion import variables_in
from environment_operator.injection.merge import puts
from environment_operator.injection.overrides import LEAVES
from environment_operator.injection.record import Entry
from environment_operator.kinds.paths import Item, Path, get
from environment_operator.kinds.pod_templates import Place
from environment_operator.kinds.table import Kind
from environment_operator.spec.fragment import foreign_references, known_variables, pod_security

_SECRET = re.compile(r"(PASSW(OR)?D|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIALS?)($|_)", re.IGNORECASE)
# Where user namespaces are on, ids up to here exist: https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/
_LAST_ID = 65535
# The name by which Knative and KServe know a port of HTTP/2 in clear text, as gRPC needs it.
_GRPC = "h2c"
# The registry of an image that stands in for an unknown one; nothing is found there, by RFC 2606.
NO_IMAGE = "environment.invalid"
# The Pod Security Standards, from the strictest on.
_LEVELS = ("restricted", "baseline", "privileged")


def on_spec(spec: EnvironmentSpec) -> list[str]:
    """Return what the author of an Environment should know, each with the field."""
    return [*_secrets(spec), *_root(spec), *_ids(spec), *_references(spec), *_home(spec)]


def on_use(environment: Published, around: RequestContext) -> list[str]:
    """Return what the submitter of a new reference should know.

    Args:
        environment: the Environment.
        around: what is known around the request.
    """
    name, spec = environment.name, environment.spec
    out = []
    if spec and spec.deprecated:
        instead = f' Use "{spec.deprecated.replaced_by}".' if spec.deprecated.replaced_by else ""
        out.append(f'Environment "{name}" is deprecated: {spec.deprecated.message.rstrip(".")}.{instead}')
    return [*out, *_pull_secrets(environment, around)]


def on_restoring(environment: Published, saved: Entry | None) -> list[str]:
    """Return what the submitter should know whose object was saved with an earlier state of the Environment.

    Args:
        environment: the Environment.
        saved: the record that came with the object; None when there is none.
    """
    if saved is None or saved.env != environment.name or saved.hash == environment.hash:
        return []
    said = f'Environment "{environment.name}" has changed since this object was saved'
    return [f"{said}: the values of today are injected, not those of generation {saved.generation} in its record."]


def on_repeats(environment: Published, entry: Entry, where: Callable[[Path], str]) -> list[str]:
    """Return what the submitter should know whose workload repeats values of the Environment.

    Args:
        environment: the Environment.
        entry: what was injected; what is the same beforehand is remembered there.
        where: gives a path as it is in the whole object.
    """
    fields = {(*entry.main, key): field for field, key in LEAVES.items()}
    there = {path: value for path, value in entry.record.was.items() if path in fields}
    injected = dict(puts(environment.fragment, entry.main, {})) if there else {}
    same = [path for path, value in there.items() if value == injected.get(path)]
    if not same:
        return []
    guarded = set(environment.spec.overridable) if environment.spec else set()
    listed = ", ".join(where(path) for path in same)
    locked = any(fields[path] not in guarded for path in same)
    means = "a refresh after its next edit is refused" if locked else "a refresh does not change what is repeated"
    return [f'Environment "{environment.name}": {listed} repeats its value, so {means}. Remove it from the workload.']


def on_absence(name: str) -> str:
    """Return what the submitter of a dry run should know of an Environment that does not exist."""
    return (
        f'Environment "{name}" does not exist: this dry run continues without it, with an image of {NO_IMAGE} where '
        "the workload names none. Create it before, or with, the workload: otherwise the workload is refused."
    )


def on_pod_security(environment: Published, project: Project, place: Place, item: Item, main: Path) -> list[str]:
    """Return that the pods will be refused in their namespace for what the Environment injects, if they will.

    Args:
        environment: the Environment.
        project: where the pods are.
        place: the place of the pod template.
        item: the workload as it is to be stored: what it sets itself counts.
        main: path of the main container.
    """
    if project.level not in _LEVELS:
        return []
    pods = place.to_validate(item)
    keys = ("securityContext", "hostNetwork", "hostIPC", "hostUsers")
    effective = {"containers": [get(pods, main) or {}], **{key: get(pods, ("spec", key)) for key in keys}}
    needed = min((pod_security(dict(environment.fragment)), pod_security(effective)), key=_LEVELS.index)
    if _LEVELS.index(needed) <= _LEVELS.index(project.level):
        return []
    message = (
        f'Environment "{environment.name}" needs Pod Security Standard "{needed}", and namespace "{project.name}" '
        f'enforces "{project.level}", so the pods will be refused. Use another Environment, or ask an administrator '
        f"to change label {names.POD_SECURITY} of the namespace."
    )
    return [message]


def on_env_from(environment: Published, fragment: Mapping[str, Any], place: Place, item: Item, main: Path) -> list[str]:
    """Return that variables of the Environment win over those of the same names from ``envFrom``, if they do.

    Args:
        environment: the Environment.
        fragment: what goes into the pod template.
        place: the place of the pod template.
        item: the workload as the submitter wrote it.
        main: path of the main container.
    """
    template = place.template(item)
    if not get(template, (*main, "envFrom")):
        return []
    found = (get(template, (*main, key)) for key in ("envFrom", "env"))
    sources, own = ([one for one in each if isinstance(one, dict)] if isinstance(each, list) else [] for each in found)
    prefixes = tuple(str(one.get("prefix") or "") for one in sources)
    set_there = [one.get("name") for one in own]
    listed = [v["name"] for v in fragment["containers"][0].get("env", ()) if v["name"].startswith(prefixes)]
    names_there = [name for name in listed if name not in set_there] if prefixes else []
    if not names_there:
        return []
    way_out = "Set them in env" if environment.spec and "Env" in environment.spec.overridable else "Rename them there"
    message = (
        f'Environment "{environment.name}": its variables {", ".join(names_there)} take precedence over '
        f"{place.words((*main, 'envFrom'), item)}. {way_out} to have other values."
    )
    return [message]


def on_labels(kind: Kind, workload: Item, found: Iterable[Place]) -> Iterator[str]:
    """Yield what the submitter should know of labels that do nothing where they are.

    Args:
        kind: the row of the workload's kind.
        workload: the workload.
        found: its pod templates.
    """
    for place in found:
        labels = (*(place.metadata or ("metadata",)), "labels")
        if place.at and get(place.template(workload), (*labels, names.REFERENCE)):
            where = place.words((*labels, names.REFERENCE), workload)
            yield f"{where} is ignored. Set the label in metadata.labels of the {kind.kind} itself."


def on_ports(environment: Published, own: Mapping[int, str]) -> list[str]:
    """Return what the submitter should know of the ports that they declare where only one may be.

    Args:
        environment: the Environment.
        own: numbers and names of these ports.
    """
    endpoint = environment.spec.endpoint if environment.spec else None
    if endpoint is None or not own:
        return []
    serves = f'Environment "{environment.name}" serves {endpoint.protocol} on port {endpoint.port}'
    if endpoint.port not in own:
        given = ", ".join(map(str, own))
        return [f"{serves}, and the workload declares port {given}. Remove that port, unless the image serves there."]
    if endpoint.protocol == "GRPC" and own[endpoint.port] != _GRPC:
        return [f'{serves}, and the workload declares that port without the name "{_GRPC}". Name it so, or remove it.']
    return []


def _pull_secrets(environment: Published, around: RequestContext) -> Iterator[str]:
    """Yield which pull secrets are missing, or that nobody knows."""
    named, known, project = environment.pull_secrets, around.secrets, around.project.name
    pulls = f'Environment "{environment.name}" pulls its image with Secret'
    if named and known.unseen:
        yield f"{pulls} {_quoted(named)}, which could not be checked: {known.unseen}. Check that it exists."
    if missing := [name for name in named if name in known.missing]:
        yield (
            f'{pulls} {_quoted(missing)}, which project "{project}" does not have, so the image is pulled with the '
            "credentials of the node. Create it there."
        )


def _quoted(listed: Iterable[str]) -> str:
    """Return names in quotes with commas between them."""
    return ", ".join(f'"{name}"' for name in listed)


def _secrets(spec: EnvironmentSpec) -> Iterator[str]:
    """Yield the variables that look like secrets in clear text."""
    for position, variable in enumerate(spec.env or ()):
        if variable.value and "$(" not in variable.value and _SECRET.search(variable.name):
            yield (
                f"spec.env[{position}].value: {variable.name} looks like a secret, and everybody who may read "
                "Environments can read it. Use valueFrom.secretKeyRef."
            )


def _root(spec: EnvironmentSpec) -> Iterator[str]:
    """Yield settings that root decides about."""
    security, user = spec.security, spec.user
    if security is None:
        return
    uid = user.uid if user and user.source == "Custom" else None
    if security.capabilities and (security.run_as_non_root or uid):
        other = "" if security.run_as_non_root else ", or set spec.user.uid to 0"
        yield f"spec.security.capabilities has no effect for a process that does not run as root. Remove it{other}."
    if security.run_as_non_root and uid is None and (user is None or user.source == "Image"):
        yield (
            "spec.security.runAsNonRoot: a container whose image runs as root, or as a user with a name instead of a "
            "number, will not start. Set spec.user.source to Custom, and spec.user.uid."
        )


def _ids(spec: EnvironmentSpec) -> Iterator[str]:
    """Yield the ids that pods with user namespaces do not have."""
    user = spec.user or User(source="Image")
    groups = [("supplementalGroups", group) for group in user.supplemental_groups or ()]
    for field, value in (("uid", user.uid), ("gid", user.gid), *groups):
        if value is not None and value > _LAST_ID:
            yield (
                f"spec.user.{field}: {value} is above {_LAST_ID}, so pods with hostUsers: false do not start. "
                f"Use an id up to {_LAST_ID}."
            )


def _home(spec: EnvironmentSpec) -> Iterator[str]:
    """Yield that the home directory has no place of its own."""
    homes = [v for v in spec.env or () if v.name == "HOME" and v.value] if spec.create_home_dir else []
    if any(not home.value or posixpath.normpath(home.value).strip("/.") == "" for home in homes):
        yield "spec.createHomeDir mounts nothing where HOME is /: it would hide the image. Set HOME to a path below /."
    if any(home.value and not home.value.startswith("/") for home in homes):
        yield "spec.createHomeDir mounts nothing where HOME is a relative path. Set HOME to a path below /."


def _texts(spec: EnvironmentSpec) -> Iterator[tuple[str, str]]:
    """Yield the texts in which admission expands variables, each with its field."""
    probe = spec.readiness_probe
    yield "spec.workingDir", spec.working_dir or ""
    yield "spec.readinessProbe.httpGet.path", (probe and probe.http_get and probe.http_get.path) or ""
    yield "spec.readinessProbe.grpc.service", (probe and probe.grpc and probe.grpc.service) or ""


def _references(spec: EnvironmentSpec) -> Iterator[str]:
    """Yield the references that nothing here replaces: in command and arguments a shell may, in URLs a workload."""
    for name in foreign_references(spec):
        yield (
            f"spec.command or spec.args has ${{{name}}}, which is not a variable of the Environment: only a shell "
            f"replaces it. Add {name} to spec.env unless a shell is meant."
        )
    known = known_variables(spec)
    for field, text in _texts(spec):
        for name in dict.fromkeys(variables_in(text)):
            if name not in known:
                yield (
                    f"{field} has $({name}), which is not a variable of the Environment: it stays as written unless "
                    f"the workload sets it. Add {name} to spec.env."
                )
    for position, tool in enumerate(spec.tools or ()):
        where = f"spec.tools[{position}].connection.url"
        for name in BRACES.findall((tool.connection and tool.connection.url) or ""):
            if _SECRET.search(name):
                yield f"{where} shows ${{{name}}} to all who may read Events. Remove it."
            elif name not in known:
                yield (
                    f"{where} has ${{{name}}}, which is not a variable of the Environment: each workload has to set "
                    f"it. Add {name} to spec.env to have one value for all."
                )
