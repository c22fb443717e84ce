"""What an Environment contributes to the pods of one place, as far as the kind has a place for it. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from environment_operator.api import names
from environment_operator.injection import overrides
from environment_operator.injection.context import Published, RequestContext
from environment_operator.injection.identity import Ids
from environment_operator.injection.merge import Put
from environment_operator.injection.messages import NODE_NETWORK
from environment_operator.injection.overrides import IDS, POD_IDS
from environment_operator.injection.record import Entry
from environment_operator.kinds.paths import Path, Unfit, copied, get
from environment_operator.kinds.pod_templates import Place, Template, account, containers
from environment_operator.kinds.table import PodTemplate

Fragment = dict[str, Any]
_CONTAINER = "container"
_SECRETS = "imagePullSecrets"
_CONTEXTS = {"securityContext", f"{_CONTAINER}.securityContext"}


def fit(environment: Published, ids: Ids, row: PodTemplate, *, strict: bool = False) -> tuple[Fragment, list[str]]:
    """Return what goes into a pod template, and the fields for which it has no place.

    Args:
        environment: the Environment.
        ids: the ids of the submitter, where the Environment takes them from there.
        row: what the kinds table says of the pod template.
        strict: True to keep groups of the image from guarded ids, where the kind has a place for that.
    """
    fragment = copied(dict(environment.fragment))
    if ids:
        fragment["securityContext"] = {**fragment.get("securityContext", {}), **ids.security_context()}
    if not row.pod_ids:
        _move_ids(fragment)
    elif strict and environment.spec and "User" in environment.locked and "securityContext" in fragment:
        # Without it the runtime adds the groups that the image's /etc/group gives the user:
        # https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#supplementalgroupspolicy
        fragment["securityContext"]["supplementalGroupsPolicy"] = "Strict"
    if row.one_port:
        _leave_one_port(fragment, environment)
    for field in row.omits:
        _remove(fragment, field)
    _order_ports(fragment, environment, row)
    return fragment, [*_misfits(fragment, row), *_not_held(environment, row)]


def _not_held(environment: Published, row: PodTemplate) -> Iterator[str]:
    """Yield the fields of an Environment with rules for security contexts, where pods get theirs from elsewhere."""
    if environment.spec is None:
        return
    if set(row.lacks) >= _CONTEXTS:
        yield from (field.lower() for field in ("User", "Security") if field in environment.locked)
    elif row.node_network and "Security" in environment.locked and not environment.fragment.get("hostNetwork"):
        yield NODE_NETWORK


def fit_ids(ids: Ids, row: PodTemplate) -> tuple[Fragment, list[str]]:
    """Return what a person's ids alone contribute, and the fields for which there is no place; as `fit`."""
    fragment: Fragment = {"securityContext": ids.security_context(), "containers": [{}]}
    if not row.pod_ids:
        _move_ids(fragment)
    return fragment, _misfits(fragment, row)


def marks(place: Place, entry: Entry) -> dict[Path, dict[str, str]]:
    """Return the labels and annotations of the pods: from where they are, whose they are, what is guarded."""
    if place.metadata is None:
        return {}
    labels = {names.INJECTED_FROM: entry.env, names.TOKEN: entry.token}
    said = guarded(place, entry)
    annotations = {(*place.metadata, "annotations"): {names.GUARDED: said}} if said else {}
    return {(*place.metadata, "labels"): labels, **annotations}


def guarded(place: Place, entry: Entry) -> str:
    """Return what a running pod says of what is guarded: the container, and the fields; empty for nothing."""
    fields = overrides.in_short(entry.locked)
    listed = entry.main[1] == "containers" and entry.main[-1]
    return f"{listed or place.row.container};{fields}" if fields else ""


def unite_secrets(fragment: Fragment, place: Place, template: Template, main: Path, around: RequestContext) -> None:
    """Add the pull secrets that nobody has to name, where the kind has a place for any.

    Those are the ones published for the image, and those of the service account, which pods that name any do not get.

    Args:
        fragment: what goes into the pod template; it is changed.
        place: the place of the pod template.
        template: the pod template as the submitter wrote it.
        main: path of the main container.
        around: what is known around the request.

    Raises:
        Unfit: the image is no text.
    """
    if _SECRETS in place.row.lacks:
        return
    image = get(template, (*main, "image")) or fragment["containers"][0].get("image", "")
    if not isinstance(image, str):
        raise Unfit(".".join((*main, "image")))
    listed = [secret["name"] for secret in fragment.get(_SECRETS, ())]
    listed += [known.name for known in around.secrets.published if known.serves(image)]
    if listed and not get(template, ("spec", _SECRETS)):
        listed += around.account_secrets.get(account(template), ())
    if listed:
        fragment[_SECRETS] = [{"name": name} for name in dict.fromkeys(listed)]


def defaults(row: PodTemplate, entry: Entry, declared: object = None) -> dict[Path, Any]:
    """Return what counts as unset in a main container, by path: what the kind's own webhook puts there by default.

    And an image as its Environment declares it: by that reference, too, it is the one that is pulled from a mirror.

    Args:
        row: what the kinds table says of the pod template.
        entry: what is said of the pod template in the record.
        declared: the image as it is declared; without it, as it was before.
    """
    image = (*entry.main, "image")
    known = {image: entry.record.was.get(image) if declared is None else declared}
    return {(*entry.main, *key.split(".")): value for key, value in row.defaults.items()} | known


def own_ports(place: Place, template: Template, main: Path) -> dict[int, str]:
    """Return the ports that a submitter declares where only one may be: number and name; none where many may.

    Args:
        place: the place of the pod template.
        template: the pod template without anything of the Environment's.
        main: path of the main container.
    """
    if not place.row.one_port:
        return {}
    found = [*containers(place, template), *(get(template, ("spec", key)) for key in place.row.inline)]
    return {number: name for one in (get(template, main), *found) for number, name in _ports(one).items()}


def of_one_port(place: Place, template: Template, puts: list[Put], main: Path) -> list[Put]:
    """Return what goes into a pod template, without the endpoint's port where the submitter serves on another one.

    That may be one of another container, too.
    """
    if not own_ports(place, template, main):
        return puts
    mine = _ports(get(template, main))
    return [(path, v) for path, v in puts if path[-2:-1] != ("ports",) or v.get("containerPort") in mine]


def _ports(container: Any) -> dict[int, str]:
    """Return the numbers and names of the ports of a container."""
    ports = _items(container, "ports") if isinstance(container, dict) else []
    return {p["containerPort"]: str(p.get("name") or "") for p in ports if isinstance(p.get("containerPort"), int)}


def is_id(path: Path) -> bool:
    """Return whether a path leads to an id of the pod or of a container."""
    return path[-2:-1] == ("securityContext",) and path[-1] in POD_IDS


def _misfits(fragment: Fragment, row: PodTemplate) -> list[str]:
    """Return the fields of a fragment for which there is no place."""
    container = fragment["containers"][0]
    variables = [v["name"] for v in container.get("env", ()) if v["name"] in row.reserved_variables]
    ports = [p["containerPort"] for p in container.get("ports", ()) if p["containerPort"] in row.reserved_ports]
    return [
        *(field for field in row.lacks if _has(_node(fragment, field), _keys(field))),
        *(f"{_CONTAINER}.env[{name}]" for name in variables),
        *(f"{_CONTAINER}.ports[{number}]" for number in ports),
    ]


def _move_ids(fragment: Fragment) -> None:
    """Set user and group on the container instead of the pod."""
    pod, container = fragment.get("securityContext", {}), fragment["containers"][0]
    found = {key: pod.pop(key) for key in IDS if key in pod}
    if found:
        container["securityContext"] = {**container.get("securityContext", {}), **found}
    if not pod:
        fragment.pop("securityContext", None)


def _leave_one_port(fragment: Fragment, environment: Published) -> None:
    """Leave the port of the endpoint out of all ports."""
    endpoint = environment.spec.endpoint if environment.spec else None
    container = fragment["containers"][0]
    ports = [port for port in container.get("ports", ()) if endpoint and port["containerPort"] == endpoint.port]
    if ports:
        container["ports"] = ports
    else:
        container.pop("ports", None)


def _order_ports(fragment: Fragment, environment: Published, row: PodTemplate) -> None:
    """Put the port of the tool first to which the kind's own pages are to lead, where it has such."""
    ranks = {tool: rank for rank, tool in enumerate(row.first_tools)}
    tools = (environment.spec.tools or ()) if environment.spec and ranks else ()
    found = {tool.port: ranks[tool.type] for tool in reversed(tools) if tool.type in ranks}
    if found:
        fragment["containers"][0].get("ports", []).sort(key=lambda port: found.get(port["containerPort"], len(ranks)))


def _items(container: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects in a list of a submitter's container."""
    found = container.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _node(fragment: Fragment, field: str) -> Any:
    """Return where the keys of a field begin."""
    return fragment["containers"][0] if field.startswith(f"{_CONTAINER}.") else fragment


def _keys(field: str) -> tuple[str, ...]:
    """Return the keys of a field."""
    return tuple(field.removeprefix(f"{_CONTAINER}.").split("."))


def _has(node: Any, keys: tuple[str, ...]) -> bool:
    """Return whether something stands at the end of the keys, in any item of the lists on the way."""
    if isinstance(node, list):
        return any(_has(item, keys) for item in node)
    if not keys:
        return bool(node)
    return isinstance(node, dict) and keys[0] in node and _has(node[keys[0]], keys[1:])


def _remove(fragment: Fragment, field: str) -> None:
    """Take a field out, if it is there."""
    keys = _keys(field)
    node = _node(fragment, field)
    for key in keys[:-1]:
        node = node.get(key, {})
    node.pop(keys[-1], None)
