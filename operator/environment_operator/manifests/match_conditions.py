"""CEL for whether a request concerns the operator, generated from what counts of each kind. Pure.

Every expression is total: one that fails would refuse even the change of a label. Maps and lists are read once, and
those that are longer than any that admission lets grow are compared as a whole, so that no object is expensive.
https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from environment_operator.api import names
from environment_operator.kinds import further
from environment_operator.kinds.harmless import APPARMOR, PARAMETER, Node, metadata, tree
from environment_operator.kinds.table import Kind

# How many entries of a list or a map are compared one by one.
MOST = 500


def _literal(text: str) -> str:
    """Return the regular expression of a text, without a backslash, which CEL would want twice."""
    return re.sub(r"[.{]", r"[\g<0>]", text)


Steps = tuple[tuple[str, bool], ...]
# A step of a workflow may make an object of any kind: https://argo-workflows.readthedocs.io/en/latest/fields/#resourcetemplate
_WORKFLOWS = "argoproj.io"
# Whether the two sides of a pair are not the same.
_OTHER = "p, p[0] != p[1]"
# What stands for a pod template.
_MARK = Node(has_pods=True)
# Keys of ours, also of a tool, and those that give a container a profile, by their first words.
_PROFILE = APPARMOR.partition("armor")[0]
_ENTRY = f"k.matches('(^|[.]){_literal(names.GROUP)}/|^{_literal(_PROFILE)}|{_literal(PARAMETER)}')"


@dataclass(frozen=True)
class Way:
    """The way to values of an object.

    Args:
        steps: the keys, each with whether a list is there, whose items come next.
        made: CEL of what is made of a value ``v``, one after the other.
    """

    steps: Steps
    made: tuple[str, ...] = ()

    @property
    def first_list(self) -> int | None:
        """The position of the first step to a list; None without one."""
        return next((n for n, (_, is_list) in enumerate(self.steps) if is_list), None)

    @property
    def to_list(self) -> "Way | None":
        """The way to the first list; None without one."""
        return None if self.first_list is None else Way(self.steps[: self.first_list + 1])

    @property
    def after_list(self) -> "Way":
        """The way from an item of the first list."""
        return Way(self.steps[(self.first_list or 0) + 1 :], self.made)

    def as_item(self, steps: Steps) -> "Way":
        """Return the way to lists of one item, from which the steps lead to what this one leads to."""
        item = "v"
        for key, _ in reversed(steps):
            item = f"{{'{key}': {item}}}"
        return Way(self.steps, (*self.made, f"dyn([{item}])"))


def concerns(kinds: Sequence[Kind], table: Iterable[Kind]) -> str:
    """Return CEL for whether a request is about a user of its own whose reference, or what runs, is another one.

    Args:
        kinds: the rows of a family: kinds of one group with the same list of what is harmless.
        table: the kinds table: what a controller of one of these kinds made is that controller's.
    """
    # Controllers adopt Pods, and what runs of one does not change; a template that is adopted would escape us. And what
    # they made nobody has validated.
    handed = "!d[0] && d[1]" if any(not row.path for kind in kinds for row in kind.pod_templates) else "d[0] != d[1]"
    return _short(f"""[[object, oldObject].map(o, {_derived("o", _owners(kinds, tuple(table)))})].exists(d,
(!d[0] || request.operation == 'UPDATE' && !d[1]) && (request.operation == 'CREATE' || {handed}
|| {_changes(_root(kinds), in_parts=any(not kind.custom for kind in kinds))}))""")


def _short(text: str) -> str:
    """Return an expression without the spaces that it can do without: there are many, and each stands twice."""
    parts = re.split(r"('[^']*')", text)
    parts[::2] = [re.sub(r" ?([^\w\s.'\n]+) ?", r"\1", part).replace(" in[", " in [") for part in parts[::2]]
    return "".join(parts)


def _owners(kinds: Sequence[Kind], table: Sequence[Kind]) -> Iterable[Kind]:
    """Return the rows whose controllers may own objects of a family: the list of all would be in every entry."""
    if not all(kind.custom for kind in kinds):
        return table
    groups = {_WORKFLOWS, *(group for kind in kinds for group in (kind.group, *kind.made_by))}
    added = further.further(table)
    return [row for row in table if row.group in groups or row in added]


def _derived(side: str, table: Iterable[Kind]) -> str:
    """Return CEL for whether the controller of an object is of a kind in the table."""
    return f"""optional.ofNonZeroValue({side}).?metadata.?ownerReferences.orValue([]).exists(r,
r.?controller.orValue(false) && (r.?apiVersion.orValue('') + '/' + r.?kind.orValue('')).matches('{_makers(table)}'))"""


def _makers(table: Iterable[Kind]) -> str:
    """Return the regular expression of API version and kind of the controllers whose objects are theirs."""
    found = sorted({maker for row in table for maker in row.makers})
    groups = (
        f"{f'{_literal(group)}/.+' if group else 'v1'}/{_one_of([kind for _, kind in same])}"
        for group, same in groupby(found, key=lambda maker: maker[0])
    )
    return f"^({'|'.join(groups)})$"


def _one_of(kinds: Sequence[str]) -> str:
    """Return the regular expression of some kinds, in parentheses only where there are several."""
    return f"({'|'.join(kinds)})" if len(kinds) > 1 else kinds[0]


def _root(kinds: Sequence[Kind]) -> Node:
    """Return what counts of an object, with what refers to an Environment."""
    node = tree(*kinds)
    # It is never empty.
    node.below["metadata"] = replace(metadata(), has_pods=True)
    return node


def _changes(root: Node, *, in_parts: bool) -> str:
    """Return CEL for whether what counts of the object is another than before: of its pod templates, or of the rest.

    Values that are the same are seen at once, so most of the work is for those that are not. Templates are filtered in
    one place for all of which the same counts, so that the text stays short.

    Args:
        root: what counts of the object.
        in_parts: whether the containers come first, which change most often: that takes more text.
    """
    found: dict[str, tuple[Node, list[Way]]] = {}
    templates = dict(_templates(root))
    common = {_kept(node) for node in templates.values()}
    for steps, node in templates.items():
        like, made = _shared(node, common)
        found.setdefault(_kept(like), (like, []))[1].append(Way(steps, made))
    parts = (part for node, ways in found.values() for part in _filtered(ways, node, in_parts=in_parts))
    rest = f"[[object, oldObject].map(v, {_kept(_without_templates(root))})].exists({_OTHER})"
    return " || ".join((*(_differ(*part) for part in parts), rest))


def _differ(values: str, filters: Sequence[str]) -> str:
    """Return CEL for whether one of some filters leaves other values of the new object than of the old one.

    Args:
        values: CEL of lists of values of an object ``v``.
        filters: CEL of what counts of a value ``v``, each of something else.
    """
    kept = " || ".join(f"[p.map(v, v.map(v, v.map(v, {each})))].exists({_OTHER})" for each in filters)
    return f"[[object, oldObject].map(v, {values})].exists({_OTHER} && {f'({kept})' if filters[1:] else kept})"


def _filtered(ways: Sequence[Way], node: Node, *, in_parts: bool) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield CEL of lists of values that some ways from ``v`` lead to or through, with what counts of each of them."""
    to_templates = all(way.first_list is None for way in ways)
    for values, each in _found(ways, _kept(node)):
        yield values, _containers_first(node) if in_parts and to_templates else (each,)


def _containers_first(node: Node) -> tuple[str, ...]:
    """Return CEL of what counts of a pod template ``v``: of its containers, and then of the rest."""
    pods = node.below.get("spec") or Node()
    lists = {key: below for key, below in pods.below.items() if below and below.is_list}
    texts = {_kept(below) for below in lists.values()}
    if len(texts) != 1:
        return (_kept(node),)
    there = ", ".join(f"v.?{key}" for key in sorted(lists))
    containers = f"type(v) == map ? [{there}].map(v, v.orValue(null)).map(v, {texts.pop()}) : v"
    rest = replace(pods, below={**pods.below, **dict.fromkeys(lists, _MARK)})
    return (
        f"type(v) == map ? [v.?spec.orValue(null)].map(v, {containers}) : v",
        _kept(replace(node, below={**node.below, "spec": rest})),
    )


def _shared(node: Node, common: Collection[str]) -> tuple[Node, tuple[str, ...]]:
    """Return what counts of a pod template, preferably the same as of others, and what makes one like them of it."""
    bare = replace(node, below={key: below for key, below in node.below.items() if below is not None})
    whole = Node({"metadata": metadata(), "spec": node}, has_pods=True, is_template=True)
    without = f"type(v) == map ? v.transformMap(k, v, {_counts(node)}v) : v"
    for other, made in ((bare, without), (whole, "dyn({'spec': v})")):
        if other.below != node.below and _kept(other) in common:
            return other, (made,)
    return node, ()


def _templates(node: Node, steps: Steps = ()) -> Iterator[tuple[Steps, Node]]:
    """Yield the pod templates below a node, but those in another one, with the steps to each."""
    for key, below in sorted(node.below.items()):
        if below is not None and below.is_template:
            # A way leads to the items of a list.
            yield (*steps, (key, below.is_list)), replace(below, is_list=False, named="")
        elif below is not None:
            yield from _templates(below, (*steps, (key, below.is_list)))


def _without_templates(node: Node) -> Node:
    """Return a node with a mark in place of each pod template, so that it counts where they are."""
    inner = node.below.items()
    below = {key: each and (_MARK if each.is_template else _without_templates(each)) for key, each in inner}
    return replace(node, below=below)


def _collected(ways: Sequence[Way], text: str) -> str:
    """Return CEL of what counts of all values at the end of some ways from ``v``."""
    parts = [f"({values}).map(v, v.map(v, {each}))" for values, each in _found(ways, text)]
    return f"[{', '.join(f'dyn({part})' for part in parts)}]" if parts[1:] else parts[0]


def _found(ways: Sequence[Way], text: str) -> Iterator[tuple[str, str]]:
    """Yield CEL of lists of values that some ways from ``v`` lead to or through, with CEL of what counts of each ``v``.

    What does not lead to a value leads to none; a list that is too long is compared as a whole. Where some ways lead
    through a list, the values of the others are made items of one.
    """
    through = [way for way in ways if way.first_list is not None]
    if not through:
        yield _values(ways), text
        return
    rests = list(dict.fromkeys(way.after_list for way in through))
    item = next((rest.steps for rest in rests if rest.first_list is None and not rest.made), None)
    if item is None and len(through) < len(ways):
        yield from _found([way for way in ways if way.first_list is None], text)
        yield from _found(through, text)
        return
    heads = list(dict.fromkeys(way.to_list or way.as_item(item or ()) for way in ways))
    yield _values(heads), f"type(v) == list && v.size() <= {MOST} ? v.map(v, {_collected(rests, text)}) : v"


def _values(ways: Sequence[Way]) -> str:
    """Return CEL of lists of the value at the end of each way, which are empty where nothing is there."""
    found: dict[tuple[str, ...], list[list[str]]] = {}
    for way in ways:
        found.setdefault(way.made, []).append([key for key, _ in way.steps])
    parts = ((_looked_up(same), (f".map(v, v.map(v, {each}))" for each in made)) for made, same in found.items())
    return " + ".join(lists + "".join(then) for lists, then in parts)


def _looked_up(ways: Sequence[list[str]]) -> str:
    """Return CEL of lists of the value at the end of each way, which is of keys only."""
    if not ways[1:]:
        return "[[v]" + "".join(f".map(v, type(v) == map, v.?{key}.orValue(null))" for key in ways[0]) + "]"
    longest = max(map(len, ways))
    table = [[""] * (longest - len(way)) + way for way in ways]
    steps = []
    for n, keys in enumerate(zip(*table, strict=True)):
        value = f"v.?{keys[0]}.orValue(null)" if len(set(keys)) == 1 else f"v[?p[{n}]].orValue(dyn(null))"
        here = f"p[{n}] == '' ? v : " if "" in keys else ""
        steps.append(f".map(v, type(v) == map, {here}{value})")
    return f"{table}.map(p, [v]{''.join(steps)})"


def _kept(node: Node) -> str:
    """Return CEL of what counts of a value ``v``."""
    if node is _MARK:
        return "dyn(0)"
    if node == Node():
        return "v"
    if node.is_list:
        each = f"v.map(v, {_kept(node.item)}){_without_named_only(node)}"
        return f"type(v) == list && v.size() <= {MOST} ? {each} : v"
    if node.is_map:
        each = f"v.transformMap(k, v, {_kept(node.item)})"
        return f"type(v) == map && v.size() <= {MOST} ? {each} : v"
    if node.is_metadata:
        entries = f"type(v) == map && v.size() <= {MOST} ? v.transformMap(k, v, {_ENTRY}, v) : v"
        maps = ", ".join(f"v.?{key}" for key in _inside(node))
        return f"type(v) == map ? [{maps}].map(v, v.orValue({{}})).map(v, {entries}) : v"
    kept = f"{_counts(node)}{_inner(node)}"
    fields = f".transformMap(k, v, {kept})" if kept != "v" else ""
    then = f"{fields}{_without_empty(node)}"
    return f"type(v) == map ? v{then} : v" if then else "v"


def _counts(node: Node) -> str:
    """Return CEL for whether anything of a field ``k`` counts, before a comma; empty where each does."""
    left_out = sorted(key for key, below in node.below.items() if below is None)
    return f"!({_is_one_of(left_out)}), " if left_out else ""


def _is_one_of(keys: list[str]) -> str:
    """Return CEL for whether a field ``k`` is one of these."""
    return f"k in {keys}" if keys[1:] else f"k == {keys[0]!r}"


def _inside(node: Node) -> list[str]:
    """Return the fields of which not everything counts, but something."""
    return sorted(key for key, below in node.below.items() if below is not None)


def _inner(node: Node) -> str:
    """Return CEL of what counts of a field ``k`` with the value ``v``."""
    texts: dict[str, list[str]] = {}
    for key in _inside(node):
        texts.setdefault(_kept(node.below[key] or Node()), []).append(key)
    inner = ((keys, f"({text})" if "?" in text else text) for text, keys in texts.items() if text != "v")
    return "".join(f"{_is_one_of(keys)} ? {text} : " for keys, text in inner) + "v"


def _without_empty(node: Node) -> str:
    """Return CEL that takes away the fields of which nothing is left; of those with pods something always is."""
    mortal = {key: below for key, below in node.below.items() if below is not None and not below.has_pods}
    marks = sorted(key for key, below in mortal.items() if below.is_metadata)
    others = sorted(mortal.keys() - marks)
    stay = [f"(!({_is_one_of(marks)}) || v != [{{}}, {{}}])"] if marks else []
    stay += [f"(!({_is_one_of(others)}) || v != {{}} && v != [])"] if others else []
    kept = stay[0][1:-1] if len(stay) == 1 else " && ".join(stay)
    return f".transformMap(k, v, {kept}, v)" if stay else ""


def _without_named_only(node: Node) -> str:
    """Return CEL that takes away the items of which nothing but the name is left."""
    mortal = node.named and not node.has_pods
    return f".filter(v, !(type(v) == map && v.all(k, k == '{node.named}')))" if mortal else ""
