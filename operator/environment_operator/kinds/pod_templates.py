"""Where the pod templates of an object are, and how each is read and set. Pure.

For every kind the packages above see pod templates as Kubernetes has them: metadata and a pod spec.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from environment_operator.api import names
from environment_operator.kinds.paths import NODE, Item, Path, Unfit, get, is_nameless, keys, printed
from environment_operator.kinds.table import Kind, PodTemplate, steps

Template = dict[str, Any]
# The key of a validated pod template under which is what stands elsewhere in the object, each by its path there.
OUTSIDE = "outside"
_At = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A pod template in one object.

    Args:
        key: its name in the record: the keys that lead to it, with the names of list items; ``.`` for the object.
        row: what the kinds table says of it.
        role: what a label calls its pods.
        at: keys and positions that lead to it.
    """

    key: str
    row: PodTemplate
    role: str
    at: _At

    def template(self, item: Item) -> Template:
        """Return the pod template.

        Raises:
            Unfit: something else than an object stands there.
        """
        found: Any = item
        for step in self.at:
            found = found[step]
        if not isinstance(found, dict):
            raise Unfit(self.key.replace("/", "."))
        return found if self.row.spec else {"spec": found}

    def to_validate(self, item: Item) -> Template:
        """Return the pod template with what the object says of its pods elsewhere.

        That is what holds for all templates, where this one says nothing itself, and what the object has next to it.

        Raises:
            Unfit: as for `template`.
        """
        template = self.template(item)
        spec = template.get("spec")
        outside = {path: _reached(item, self._outside(path)) for path in self.row.outside}
        out = {**template, OUTSIDE: outside} if outside else template
        return {**out, "spec": {**self._inherited(item), **spec}} if isinstance(spec, dict) else out

    def _inherited(self, item: Item) -> Template:
        """Return what holds for the pods of all templates that say nothing themselves."""
        above = _reached(item, self._outside(self.row.inherits))
        found = {key: get(above, tuple(key.split("."))) for key in self.row.inherited}
        return {key: value for key, value in found.items() if value is not None}

    def _outside(self, path: str) -> _At:
        """Return what a path next to the template is: of a list that leads to the template, the same item."""
        at: list[str | int] = []
        for key, field in steps(path):
            at.append(key)
            at += [self.at[len(at)]] if field else []
        return tuple(at)

    def replace(self, item: Item, template: Template) -> None:
        """Set the pod template; an object that is a pod itself becomes it."""
        value = template if self.row.spec else template["spec"]
        if not self.at:
            _become(item, value)
            return
        self.holder(item)[self.at[-1]] = value

    def holder(self, item: Item) -> Any:
        """Return what the pod template stands in, such as the spec of a Job; a pod stands in itself."""
        found: Any = item
        for step in self.at[:-1]:
            found = found[step]
        return found

    @property
    def metadata(self) -> Path | None:
        """Where labels and annotations of the pods are in the template, None when nothing keeps them."""
        inner = {"metadata": ("metadata",), ".": (), "": None}[self.row.metadata]
        return inner if self.row.spec or inner is None else ("spec", *inner)

    def words(self, path: Path, item: Item) -> str:
        """Return a path in the template as kubectl prints it, from the object on.

        Args:
            path: the path.
            item: the object; a path in the validated template may lead to what stands elsewhere in it.
        """
        if path[:1] == (OUTSIDE,):
            return _printed_from(item, self._outside(path[1]), path[2:])
        if path[1] in self.row.inherited and get(self.template(item), path[:2]) is None:
            return _printed_from(item, self._outside(self.row.inherits), path[1:])
        inner = path if self.row.spec or path[:1] != ("spec",) else path[1:]
        return _printed_from(item, self.at, inner)


def _reached(item: Any, at: _At) -> Any:
    """Return what keys and positions lead to, None when nothing is there."""
    for step in at:
        item = item[step] if isinstance(step, int) else item.get(step) if isinstance(item, dict) else None
        if item is None:
            return None
    return item


def _printed_from(item: Item, at: _At, path: Path) -> str:
    """Return a path as kubectl prints it, which begins where keys and positions in an object lead to."""
    outer = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in at)
    return f"{outer}.{printed(path, _reached(item, at))}".removeprefix(".")


def places(kind: Kind, item: Item, *, every: bool = False) -> tuple[Place, ...]:
    """Return the pod templates that an object has.

    Args:
        kind: its row in the kinds table.
        item: the object.
        every: also those whose pods are not for an Environment.
    """
    return tuple(_places(kind, item, every=every))


def opened(kind: Kind, item: Item) -> Item:
    """Return an object whose pod templates may be replaced; it shares with the one given what they hold, and the rest.

    Args:
        kind: its row in the kinds table.
        item: the object; it is not changed.
    """
    out = {**item}
    for place in places(kind, item, every=True):
        theirs: Any = item
        ours: Any = out
        for step in place.at:
            if ours[step] is theirs[step] and isinstance(theirs[step], NODE):
                ours[step] = theirs[step].copy()
            theirs, ours = theirs[step], ours[step]
    return out


def first(kind: Kind, item: Item) -> Place | None:
    """Return the first pod template that an object has, None for none; arguments as for `places`."""
    return next(_places(kind, item), None)


def _places(kind: Kind, item: Item, *, every: bool = False) -> Iterator[Place]:
    """Yield the pod templates that an object has; arguments as for `places`."""
    for row in kind.pod_templates:
        for way, at, found in _found(item, row):
            if every or _is_meant(row, found):
                role = row.role if row.named_at is None else way[row.named_at].lower()
                yield Place("/".join(way) or ".", row, role, at)


def main(place: Place, template: Template, chosen: str = "", known: Collection[str] = ()) -> Path | None:
    """Return the path of the container that receives an Environment, None when the chosen one is not there.

    Args:
        place: the place of the template.
        template: the pod template.
        chosen: the container that the submitter named; empty for the usual one.
        known: the containers that the submitter wrote, of which the first is the usual one; empty where nobody knows.
    """
    for key in place.row.inline:
        found = get(template, ("spec", key))
        if (isinstance(found, dict) or (place.row.optional and found is None)) and chosen in ("", key):
            return ("spec", key)
    listed = named(place, template)
    name = chosen or _usual(place, template, listed, known)
    return ("spec", "containers", name) if name in listed else None


def named(place: Place, template: Template, key: str = "containers") -> dict[str, Item]:
    """Return the containers in a list of a pod template by their keys; arguments as for `containers`."""
    found = containers(place, template, key)
    return dict(zip(keys(found, key), found, strict=True))


def main_of(place: Place, item: Item, chosen: str) -> Path | None:
    """Return the path of the container that receives an Environment, None when the chosen one is not there.

    Args:
        place: the place of the pod template.
        item: the object, which may name the usual one in a field of its kind.
        chosen: the container that the submitter named for the Environment; empty for the usual one.
    """
    template = place.template(item)
    name = get(item, tuple(place.row.main_at.split("."))) if place.row.main_at else ""
    usual = name if isinstance(name, str) and name in named(place, template) else ""
    several = len(containers(place, template)) > 1
    return main(place, template, chosen or usual, written(place, item) if several else ())


def _usual(place: Place, template: Template, listed: Mapping[str, Item], known: Collection[str]) -> str:
    """Return the key of the main container: that of kubectl, of the kind, the one that serves, or the first."""
    metadata = place.metadata if place.metadata is not None else ("metadata",)
    default = get(template, (*metadata, "annotations", names.DEFAULT_CONTAINER))
    by_name = next((name for name in (default, place.row.container) if name and name in listed), None)
    if by_name is not None:
        return str(by_name)
    serving = [name for name, container in listed.items() if place.row.main_by_port and container.get("ports")]
    theirs = [name for name in listed if name in known]
    return next(iter([*serving, *theirs, *listed]), "")


def written(place: Place, item: Item) -> frozenset[str]:
    """Return the names of the containers that people wrote; none where the API server does not say.

    It keeps whose fields are whose before it asks webhooks, so what another webhook added a moment ago is not there:
    https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    """
    way = tuple(f"f:{step}" for step in (*place.at, place.row.spec, "containers") if step)
    managers = get(item, ("metadata", "managedFields"))
    fields = (get(each, ("fieldsV1", *way)) for each in (managers if isinstance(managers, list) else ()))
    keys_ = (key for found in fields if isinstance(found, dict) for key in found)
    return frozenset(filter(None, (_called(key) for key in keys_)))


def _called(key: str) -> str:
    """Return the name in the key of an item, as the API server writes it in the fields of a manager; empty for none."""
    try:
        return str(json.loads(key.removeprefix("k:"))["name"])
    except (ValueError, KeyError, TypeError):
        return ""


def alike(place: Place, template: Template, found: Path) -> list[Path]:
    """Return the containers without names among which nothing says which one is the main one; none when something does.

    Args:
        place: the place of the template.
        template: the pod template.
        found: the container that is taken for the main one.
    """
    if found[1:2] != ("containers",) or not found[2].startswith("["):
        return []
    nameless = {name: c for name, c in named(place, template).items() if is_nameless(name)}
    serving = [name for name, container in nameless.items() if place.row.main_by_port and container.get("ports")]
    return [] if serving == [found[2]] else [("spec", "containers", name) for name in nameless]


def account(template: Template) -> str:
    """Return the service account of the pods."""
    return str(get(template, ("spec", "serviceAccountName")) or "default")


def within(before: Path, now: Path, path: Path) -> Path:
    """Return a path that leads through the main container as the container is called now."""
    return (*now, *path[len(before) :]) if path[: len(before)] == before else path


def containers(place: Place, template: Template, key: str = "containers") -> list[Item]:
    """Return the containers in a list of a pod template.

    Args:
        place: the place of the template.
        template: the pod template.
        key: which list.

    Raises:
        Unfit: it has something else there than a list of objects.
    """
    found = get(template, ("spec", key)) or []
    if not isinstance(found, list) or not all(isinstance(container, dict) for container in found):
        raise Unfit(".".join(filter(None, (*place.key.replace("/", ".").split("."), place.row.spec, key))))
    return found


def reference(item: Mapping[str, Any], role: str = "") -> str:
    """Return the name of the Environment that the pods of a role refer to, empty for none.

    A label for one role counts only together with the main one.
    """
    labels = get(item, ("metadata", "labels")) or {}
    main_label = str(labels.get(names.REFERENCE) or "")
    own = str(labels.get(f"{names.ROLE_REFERENCE}{role}") or "") if role else ""
    return (own or main_label) if main_label else ""


def lacks_template(kind: Kind, new: Item, old: Item | None) -> bool:
    """Return whether a new reference, or one whose pod templates are removed, has none for an Environment to go into.

    Args:
        kind: the row of the object's kind.
        new: the object as requested.
        old: the object as stored; None on CREATE.
    """
    if not reference(new) or first(kind, new):
        return False
    return old is None or first(kind, old) is not None or reference(new) != reference(old)


def strays(kind: Kind, new: Item, old: Item | None) -> list[str]:
    """Return the roles of an object with a reference that its kind does not have, but those that it has had with it.

    Args:
        kind: the row of the object's kind.
        new: the object as requested.
        old: the object as stored; None on CREATE.
    """
    if not kind.roles_in or not reference(new):
        return []
    way = tuple(kind.roles_in.split("."))
    found, before = (get(item or {}, way) for item in (new, old if reference(old or {}) else None))
    if not isinstance(found, dict):
        return []
    return [role for role in found if role not in kind.spellings and role not in (before or {})]


def _is_meant(row: PodTemplate, found: Any) -> bool:
    """Return whether what stands at a place has pods for an Environment: some kinds have others, too."""
    if not row.strict and (row.spec or row.optional):
        return True
    listed = get(found, ((row.spec, "containers") if row.spec else ("containers",)))
    if row.strict:
        return isinstance(listed, list) and row.container in [c.get("name") for c in listed if isinstance(c, dict)]
    return bool(listed) or any(get(found, (key,)) is not None for key in row.inline)


def _found(
    node: Any, row: PodTemplate, step: int = 0, keys: Path = (), at: _At = ()
) -> Iterator[tuple[Path, _At, Any]]:
    """Yield where the steps of a row lead to: keys for the record, keys and positions, and what stands there."""
    if step == len(row.steps):
        yield keys, at, node
        return
    key, field = row.steps[step]
    if not isinstance(node, dict) or node.get(key) is None:
        return
    if not field:
        yield from _found(node[key], row, step + 1, (*keys, key), (*at, key))
    elif isinstance(node[key], list):
        for position, name in enumerate(_named(node[key], field, row.unnamed)):
            yield from _found(node[key][position], row, step + 1, (*keys, key, name), (*at, key, position))


def _become(item: Item, value: Item) -> None:
    """Have an object hold what another one does."""
    if item is not value:
        item.clear()
        item.update(value)


def _named(items: list[Any], field: str, unnamed: str) -> list[str]:
    """Return a name for each item of a list: that of its field, its position where it has none or another has it."""
    way = tuple(field.split("/"))
    given = [str(get(item, way) or "") if isinstance(item, dict) else "" for item in items]
    taken, seen, found = set(given), set[str](), []
    for number, name in enumerate(given):
        found.append(name if name and name not in seen else _numbered(f"{unnamed}{number}", taken))
        seen.add(name)
    return found


def _numbered(name: str, taken: set[str]) -> str:
    """Return a name made of a position as one that no item has."""
    while name in taken:
        name += "+"
    return name
