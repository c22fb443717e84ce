"""``$(NAME)`` where Kubernetes expands none, and where the home directory is. Pure.

The kubelet expands variables in command, arguments and other variables alone. Of the rest, admission expands what it
knows, so that probes, the working directory and the mount of the home are where the process has them.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from environment_operator.injection import merge
from environment_operator.injection.merge import Put, Template
from environment_operator.kinds.paths import Index, Path, copied, get, keys, put
from environment_operator.kinds.pod_templates import account
from environment_operator.spec.fragment import HOME_VOLUME

Values = Mapping[str, str | None]
# As the kubelet reads it, a doubled dollar sign before the bracket standing for itself:
# https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
_REFERENCE = re.compile(r"\$(\$\()|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")
# What is expanded here leads to a place, and Linux has no longer paths. Values that refer to each other would double
# with each variable, and hold up the admission of everybody long before a process could have them.
_LONGEST, _MOST = 4096, 50
# Where a container has a text that the kubelet leaves as it is written.
_TEXTS: tuple[Path, ...] = (
    ("workingDir",),
    ("readinessProbe", "httpGet", "path"),
    ("readinessProbe", "grpc", "service"),
)
_HOME: Path = ("spec", "volumes", HOME_VOLUME)


@dataclass(frozen=True, slots=True)
class Expanded:
    """What is put into a pod template, expanded.

    Args:
        puts: the values by path.
        texts: what was expanded, by path, as it was written.
        warnings: what could not be expanded.
    """

    puts: list[Put]
    texts: Mapping[Path, str]
    warnings: tuple[str, ...] = ()


def expanded(
    item: Mapping[str, Any], template: Template, puts: list[Put], main: Path, texts: Mapping[Path, str]
) -> Expanded:
    """Return what is put into a pod template, with the variables that the main container will have.

    Args:
        item: the object.
        template: its pod template as the submitter wrote it.
        puts: the values by path.
        main: path of the main container.
        texts: of stored values, what was expanded before, as it was written.
    """
    written = [(path, _rewritten(path, value, texts)) for path, value in puts]
    found = {where: text for path, value in written for where, text in _found(path, value, main)}
    if not found and all(path != _HOME for path, _ in written):
        return Expanded(puts, {})
    variables = [pair for pair in written if pair[0][:-1] == (*main, "env")]
    known = _known(item, template, _merged(template, variables, main))
    pairs = [
        (path, _rewritten(path, value, {w: _expand(t, known)[0] for w, t in found.items()})) for path, value in written
    ]
    homed, why = _at_home(pairs, template, main, known)
    unknown = (_unknown(where, text, known) for where, text in found.items())
    return Expanded(homed, found, tuple(filter(None, (*unknown, why))))


def of_what_is_there(texts: Mapping[Path, str], paths: Iterable[Path]) -> dict[Path, str]:
    """Return the texts that are part of what was injected at some paths."""
    there = set(paths)
    return {
        where: text for where, text in texts.items() if any(where[:end] in there for end in range(1, len(where) + 1))
    }


def renewed(
    item: Mapping[str, Any], template: Template, base: Template, main: Path, texts: Mapping[Path, str]
) -> Template:
    """Return a stored pod template with what was expanded there as the variables are now.

    Args:
        item: the object as requested.
        template: its pod template.
        base: the stored pod template, in which the main container has the same path; it is not changed.
        main: path of the main container.
        texts: what was expanded, as it was written.
    """
    known = values(item, template, main) if texts else {}
    out, index = {**base}, Index()
    for path, text in texts.items():
        if get(out, path) is not None:
            put(out, path, _expand(text, known)[0], index=index)
    return out


def variables_in(text: str) -> list[str]:
    """Return the names of the variables that a text refers to."""
    return [name for _, name in _REFERENCE.findall(text) if name]


def values(item: Mapping[str, Any], template: Template, main: Path) -> dict[str, str | None]:
    """Return the variables of the main container as the process has them, None where only the node knows the value.

    Args:
        item: the object.
        template: its pod template.
        main: path of the main container.
    """
    return _known(item, template, get(template, (*main, "env")))


def _known(item: Mapping[str, Any], template: Template, listed: Any) -> dict[str, str | None]:
    """Return the values of a list of variables; the rest as for `values`."""
    found: dict[str, str | None] = {}
    for variable in listed if isinstance(listed, list) else ():
        if isinstance(variable, dict):
            found[str(variable.get("name"))] = _value(variable, item, template, found)
    return found


def _merged(template: Template, variables: list[Put], main: Path) -> Any:
    """Return the variables of the main container as they will be: without its own, or with all, nothing is merged."""
    own = get(template, (*main, "env"))
    if not own:
        return list(dict(variables).values())
    there = set(keys(own, "env")) if isinstance(own, list) else ()
    if all(path[-1] in there for path, _ in variables):
        return own
    return get(merge.apply(template, variables, main)[0], (*main, "env"))


def _value(variable: Mapping[str, Any], item: Mapping[str, Any], template: Template, before: Values) -> str | None:
    """Return the value of a variable, which may refer to those before it."""
    if variable.get("valueFrom"):
        field = get(variable, ("valueFrom", "fieldRef", "fieldPath"))
        return _field(item, template, str(field or ""))
    text, unknown = _expand(str(variable.get("value") or ""), before)
    return None if unknown else text


def _field(item: Mapping[str, Any], template: Template, field: str) -> str | None:
    """Return a field of the pods that is the same for all of them and known before they are made."""
    if field == "spec.serviceAccountName":
        return account(template)
    is_pod = item.get("kind") == "Pod" and field == "metadata.name"
    known = get(item, tuple(field.split("."))) if is_pod or field == "metadata.namespace" else None
    return str(known) if known else None


def _expand(text: str, known: Values) -> tuple[str, list[str]]:
    """Return a text with the values of its variables, and the names of those that are not known and stay as written.

    Where the text has too many, or would be longer than any path, none is known.
    """
    if "$(" not in text:
        return text, []
    if len(text) > _LONGEST or text.count("$(") > _MOST:
        return text, variables_in(text[:_LONGEST])[:1] or ["…"]
    used = variables_in(text)
    if sum(len(known.get(name) or "") for name in used) > _LONGEST:
        return text, used
    unknown = [name for name in used if known.get(name) is None]

    def value(match: re.Match[str]) -> str:
        found = known.get(match[2])
        return match[1] or (match[0] if found is None else found)

    return _REFERENCE.sub(value, text), unknown


def _found(path: Path, value: Any, main: Path) -> Iterator[tuple[Path, str]]:
    """Yield the texts of a value that have variables, each with where it is."""
    for way in _TEXTS if path[:-1] == main else ():
        text = get({path[-1]: value}, way) if way[0] == path[-1] else None
        if isinstance(text, str) and _REFERENCE.search(text):
            yield (*main, *way), text


def _rewritten(path: Path, value: Any, texts: Mapping[Path, str]) -> Any:
    """Return a value with other texts, by where they are."""
    here = {where[len(path) :]: text for where, text in texts.items() if where[: len(path)] == path}
    if () in here:
        return here[()]
    out = copied(value) if here else value
    for way, text in here.items():
        if get(out, way) is not None:
            put(out, way, text)
    return out


def _unknown(where: Path, text: str, known: Values) -> str:
    """Return that a text has variables whose values nobody knows before the pod runs, empty when it has none."""
    listed = ", ".join(f"$({name})" for name in dict.fromkeys(_expand(text, known)[1]))
    return (
        f"{'.'.join(where[3:] or where[-1:])}: {listed} stays as written, because its value is not known. {_GIVE}"
        if listed
        else ""
    )


_GIVE = "Give that variable a plain value."


def _at_home(puts: list[Put], template: Template, main: Path, known: Values) -> tuple[list[Put], str]:
    """Return the values with the mount of the home where the process has it, and why there is none, if so.

    There is none where the submitter's own volume is, or above: it would hide what they keep there.
    """
    if all(path != _HOME for path, _ in puts):
        return puts, ""
    given = known.get("HOME")
    place = _normal(given) if given and given.startswith("/") else ""
    taken = next((path for path in _own_places(template, main) if _holds(path, place)), "") if place else ""
    if place.strip("/") and not taken:
        return [_moved(path, value, main, place) for path, value in puts], ""
    theirs = HOME_VOLUME in [mount.get("name") for mount in _items(template, (*main, "volumeMounts"))]
    rest = [(p, v) for p, v in puts if not _is_mount(p, v, main) and (p != _HOME or theirs)]
    if taken:
        return rest, "" if _normal(taken) == place else _inside(place, taken)
    return rest, f"createHomeDir: no volume is mounted, because HOME is {_words(given)}. Set HOME to a path below /."


def _inside(place: str, taken: str) -> str:
    """Return that the home is in a volume of the workload."""
    why = f"because the workload has one at {taken}"
    return f"createHomeDir: no volume is mounted at {place}, {why}. Make the directory there."


def _words(given: str | None) -> str:
    """Return a value of HOME in words."""
    return "not known before the pod runs" if given is None else f'"{given}"'


def _moved(path: Path, value: Any, main: Path, place: str) -> Put:
    """Return the mount of the home with another path, and every other value as it is."""
    if not _is_mount(path, value, main):
        return path, value
    return (*path[:-1], place), {**value, "mountPath": place}


def _is_mount(path: Path, value: Any, main: Path) -> bool:
    """Return whether a value is the mount of the home."""
    return path[:-1] == (*main, "volumeMounts") and isinstance(value, dict) and value.get("name") == HOME_VOLUME


def _own_places(template: Template, main: Path) -> Iterator[str]:
    """Yield where the submitter's volumes are in the main container."""
    yield from (str(mount.get("mountPath") or "") for mount in _items(template, (*main, "volumeMounts")))
    yield from (str(device.get("devicePath") or "") for device in _items(template, (*main, "volumeDevices")))


def _holds(path: str, place: str) -> bool:
    """Return whether a place is at a path or below it."""
    return bool(path) and f"{place}/".startswith(f"{_normal(path).rstrip('/')}/")


def _normal(path: str) -> str:
    """Return a path as the container has it: a relative one is below /, as the kubelet reads it."""
    return posixpath.normpath(f"/{path.lstrip('/')}")


def _items(template: Template, path: Path) -> Iterable[dict[str, Any]]:
    """Return the objects in a list."""
    found = get(template, path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
