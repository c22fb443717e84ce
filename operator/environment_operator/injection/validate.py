"""Whether a workload may be stored as it is after every other webhook: the last word of admission. Pure.

New references are validated by the Environments as they are now. What is stored already is validated by
itself alone: an update may leave a guarded path as it is stored, also when the Environment has changed or gone.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

from environment_operator.api import names
from environment_operator.injection import comparison, expansion, limits, merge, messages, overrides, record
from environment_operator.injection.comparison import Right, Violation
from environment_operator.injection.context import Object, Outcome, Published, Refusal, Refused, RequestContext, refused
from environment_operator.injection.eligibility import check_templates, usable
from environment_operator.injection.identity import Ids
from environment_operator.injection.merge import Put
from environment_operator.injection.mutate import is_new_reference
from environment_operator.injection.overrides import LEAVES
from environment_operator.injection.projection import fit, fit_ids
from environment_operator.injection.record import Entry
from environment_operator.injection.starts import leave_out
from environment_operator.injection.workload_tools import Master
from environment_operator.kinds.harmless import runs_differently
from environment_operator.kinds.paths import Path, Unfit, get, is_nameless, put, remove
from environment_operator.kinds.pod_templates import Place, Template, first, named, places, reference, within
from environment_operator.kinds.table import Kind
from environment_operator.tools import addresses
from environment_operator.tools.addresses import BadAddress, Tools


def new_references(kind: Kind, new: Object, old: Object | None) -> frozenset[str]:
    """Return the names of the Environments that a request refers to anew.

    Args:
        kind: row of the workload's kind.
        new: the object as requested.
        old: the object as stored; None on CREATE.
    """
    before = {place.key: place for place in places(kind, old)} if old else {}
    changed = (place for place in places(kind, new) if is_new_reference(old, new, place, before))
    return frozenset(filter(None, (reference(new, place.role) for place in changed)))


def approve(kind: Kind, new: Object, old: Object | None, around: RequestContext) -> Outcome:
    """Return whether a workload may be stored.

    Args:
        kind: its row in the kinds table.
        new: the object as it would be stored.
        old: the object as stored; None on CREATE.
        around: what is known around the request; Environments as the API server has them now.
    """
    try:
        limits.check(kind, new, old, limits.ROOM, around.excess)
        check_templates(kind, new, old)
        approval = _Approval(kind, new, old, around)
        wrong = [words for place in places(kind, new) for words in approval.check(place)]
        wrong += approval.check_tools()
    except (Refused, BadAddress) as why:
        return refused(why)
    except Unfit as unfit:
        return Outcome(None, messages.unfit(kind, unfit))
    return Outcome(None, messages.several(wrong), reason=Refusal.OVERRIDE) if wrong else Outcome(new)


class _Approval:
    """One request on its way.

    Args:
        kind: the row of the workload's kind.
        new: the object as it would be stored.
        old: the object as stored.
        around: what is known around the request.
    """

    def __init__(self, kind: Kind, new: Object, old: Object | None, around: RequestContext) -> None:
        self.kind, self.new, self.old, self.around = kind, new, old, around
        self._entries, self._stored = record.aligned(kind, new), record.trusted(kind, old)
        self._old_places = {place.key: place for place in places(kind, old)} if old else {}
        self._last: tuple[Path, list[Put], Template] | None = None
        self._usable: set[str] = set()

    @cached_property
    def _changed(self) -> frozenset[str]:
        """The pod templates whose pods run something else than what is stored."""
        return runs_differently(self.kind, self.new, self.old) if self.old else frozenset()

    def check(self, place: Place) -> Iterator[str]:
        """Yield what is wrong with one pod template, in words.

        Raises:
            Refused: its Environment may not be used, or was not injected.
        """
        name, entry = reference(self.new, place.role), self._entries.get(place.key)
        if not name:
            return
        if is_new_reference(self.old, self.new, place, self._old_places):
            if self.around.may_come(name) and entry is None:
                return
            self._check_reference(name)
            if entry is None or entry.env != name:
                raise Refused(messages.not_injected(name), Refusal.NOT_INJECTED)
            locked, right = self._of_the_environment(place, entry)
        elif stored := self._stored.get(place.key):
            if entry is None:
                raise Refused(messages.taken_away(stored.env), Refusal.NOT_INJECTED)
            locked, right = self._of_what_is_stored(place, entry, stored)
        else:
            return
        template = place.to_validate(self.new)
        right = replace(
            right,
            inline=place.row.inline,
            adds=place.row.adds,
            patches=place.row.patches,
            annotations=_annotations(place),
            annotated=place.row.annotated,
            theirs=_theirs(place, template, entry),
        )
        for violation in overrides.violations(locked, template, right):
            before = self._old_places.get(place.key)
            had = before and violation.given == get(before.to_validate(self.old or {}), violation.path)
            yield _in_words(violation, entry.env, place, self.new, entry.main, is_old=bool(had) and self._is_refresh)

    def _check_reference(self, name: str) -> None:
        """Refuse an Environment that may not be used; most templates of a workload refer to the same one."""
        if name not in self._usable:
            usable(self.around, name, self.kind, self.new)
            self._usable.add(name)

    @property
    def _is_refresh(self) -> bool:
        """Whether the request asks for today's Environment."""
        path = ("metadata", "annotations", names.REFRESH)
        return bool(get(self.new, path) != get(self.old or {}, path))

    def check_tools(self) -> Iterator[str]:
        """Yield what is wrong with where the tools are.

        Raises:
            Refused: admission did not write that.
            BadAddress: the submitter asks for an address that cannot be given.
        """
        tools, entry = self._tools()
        text = tools.text() if tools and tools.tools and not self.kind.template else ""
        if text != addresses.written(self.new) and entry:
            raise Refused(messages.not_injected(entry.env), Refusal.NOT_INJECTED)
        before = addresses.read(addresses.written(self.old or {}))
        for name, address in tools.tools.items() if text and tools else ():
            known = before.tools.get(name) if before else None
            if address.asked in self.around.taken and (known is None or known.asked != address.asked):
                yield messages.taken(name, address.asked, self.around.taken[address.asked])

    def _tools(self) -> tuple[Tools | None, Entry | None]:
        """Return the tools as they should be, and the record of the pod template that has them."""
        place = first(self.kind, self.new)
        entry = self._entries.get(place.key) if place else None
        if place is None or entry is None or not reference(self.new, place.role):
            return None, None
        master = Master(self.kind, self.new, place, self.around.routing)
        is_new = is_new_reference(self.old, self.new, place, self._old_places)
        if self.old and (not is_new or self._sibling(place, entry)):
            known = is_new or place.key in self._stored
            return (master.kept(self.old, entry), entry) if known else (None, None)
        environment = self.around.as_of(entry.env, entry.generation)
        return (master.opened_before(environment, entry.token), entry) if environment else (None, None)

    def _of_the_environment(self, place: Place, entry: Entry) -> tuple[tuple[str, ...], Right]:
        """Return what is guarded of a new reference, and what the Environment injects where nothing else is."""
        if sibling := self._sibling(place, entry):
            key, stored = sibling
            base = _moved(self._old_places[key].to_validate(self.old or {}), stored.main, entry.main)
            base = self._renewed(place, base, entry, stored)
            if self.around.ids and stored.by:
                base = _with_ids(place, base, entry.main, self.around.ids)
            return stored.locked, Right(base, entry.main, entry.record.put)
        environment = self.around.as_of(entry.env, entry.generation)
        if environment is None or environment.spec is None or environment.hash != entry.hash:
            raise Refused(messages.changed(entry.env), Refusal.CHANGED)
        ids, locked = self._ids(environment), environment.locked
        # A record that admission did not write came with a reference that another webhook set too late.
        if (entry.locked, entry.by) != (locked, self.around.user if ids else ""):
            raise Refused(messages.not_injected(entry.env), Refusal.NOT_INJECTED)
        fragment = fit(environment, ids, place.row, strict=self.around.strict_groups)[0]
        leave_out(place, self.new, entry.main, fragment, environment)
        template = place.template(self.new)
        puts = expansion.expanded(self.new, template, merge.puts(fragment, entry.main, {}), entry.main, {}).puts
        return locked, Right(self._alone(entry, puts), entry.main, frozenset(path for path, _ in puts))

    def _alone(self, entry: Entry, puts: list[Put]) -> Template:
        """Return a pod template with nothing but what is injected; most templates of a workload receive the same."""
        if self._last is None or self._last[:2] != (entry.main, puts):
            self._last = (entry.main, puts, merge.filled(_empty(entry), puts))
        return self._last[2]

    def _renewed(self, place: Place, base: Template, entry: Entry, stored: Entry) -> Template:
        """Return a stored pod template with what was expanded there as the variables of this one are now."""
        texts = {within(stored.main, entry.main, path): text for path, text in stored.record.texts.items()}
        return expansion.renewed(self.new, place.template(self.new), base, entry.main, texts)

    def _sibling(self, place: Place, entry: Entry) -> tuple[str, Entry] | None:
        """Return another pod template that had the Environment, when this one was not there before."""
        if place.key in self._old_places:
            return None
        return next(((k, e) for k, e in self._stored.items() if e.env == entry.env), None)

    def _ids(self, environment: Published) -> Ids:
        """Return the ids that the pods are to have: the submitter's, where the Environment says so; a template none."""
        return self.around.ids if environment.is_personal and not self.kind.template else Ids()

    def _of_what_is_stored(self, place: Place, entry: Entry, stored: Entry) -> tuple[tuple[str, ...], Right]:
        """Return what is guarded of a stored reference, and the stored pod template."""
        before = self._old_places[place.key].to_validate(self.old or {})
        base = _moved(before, stored.main, entry.main)
        base = self._renewed(place, base, entry, stored)
        if self.around.ids and entry.by == self.around.user and place.key in self._changed:
            base = _with_ids(place, base, entry.main, self.around.ids)
        injected = frozenset(within(stored.main, entry.main, path) for path in stored.record.put)
        locked = tuple(item for item in stored.locked if not _is_missed(item, before, stored))
        return locked, Right(base, entry.main, injected)


def _in_words(violation: Violation, environment: str, place: Place, item: Object, main: Path, *, is_old: bool) -> str:
    """Return a violation as a person reads it."""
    field, where = violation.field, place.words(violation.path, item)
    if field == "Required":
        return messages.not_filled_in(where, environment, violation.path[-1])
    if field == "Env":
        where = f"{where} ({violation.path[-1]})"
    if violation.given is None:
        return messages.missing(where, environment, violation.expected)
    if is_old and field in LEAVES:
        return messages.repeated(where, environment, field, violation.expected, item)
    alone = len(named(place, place.template(item))) <= 1 or violation.path[:-1] != main
    return messages.override(where, environment, field, violation.given, violation.expected, alone=alone)


def _is_missed(item: str, before: Template, stored: Entry) -> bool:
    """Return whether a variable that has to be filled in has no value in what is stored: then it needs none now."""
    return item.startswith(overrides.REQUIRED) and bool(
        overrides.violations([item], before, Right(before, stored.main))
    )


def _theirs(place: Place, template: Template, entry: Entry) -> frozenset[str]:
    """Return the names of the containers that another webhook added after the Environment was injected.

    Some kinds name containers afterwards: where more than the main one had no name, nobody knows who added which.
    """
    nameless = sum(map(is_nameless, entry.seen))
    if nameless > 1 or (nameless and entry.main[-1] in entry.seen):
        return frozenset()
    found = {**named(place, template), **named(place, template, "initContainers")}
    # Some kinds rename the main container afterwards: it is the same one.
    return frozenset(found) - {*entry.seen, entry.main[-1]}


def _annotations(place: Place) -> Path | None:
    """Return where the annotations of the pods are in a template, None when nothing keeps them."""
    return (*place.metadata, "annotations") if place.metadata is not None else None


def _empty(entry: Entry) -> Template:
    """Return a pod template with nothing but the main container."""
    if entry.main[1] == "containers":
        return {"spec": {"containers": [{"name": entry.main[-1]}]}}
    return {"spec": {entry.main[1]: {}}}


def _moved(template: Template, before: Path, now: Path) -> Template:
    """Return a pod template whose main container is called as it is now."""
    main: dict[str, Any] | None = get(template, before)
    if before == now or main is None:
        return template
    out = {**template}
    put(out, now, {**main, "name": now[-1]})
    return out


def _with_ids(place: Place, template: Template, main: Path, ids: Ids) -> Template:
    """Return a stored pod template as it is right for another person: their ids instead of those that it had."""
    out = {**template}
    for key in overrides.PERSONAL:
        path = ("spec", "securityContext", key)
        theirs = get(out, path if place.row.pod_ids else (*main, *path[1:]))
        remove(out, path)
        for container in comparison.containers(out, place.row.inline, place.row.adds):
            own = (*container, "securityContext", key)
            if theirs is not None and get(out, own) == theirs:
                remove(out, own)
    return merge.apply(out, merge.puts(fit_ids(ids, place.row)[0], main, {}), main)[0]
