"""Whether a workload may be stored as it is after every other webhook: the last word of admission. Pure.

New references are judged by the Environments as they are now. What is stored already is judged by itself alone: an
update may leave a guarded path as it is stored, whatever became of the Environment.
"""

from collections.abc import Iterator
from typing import Any

from environment_operator import guards, merge, names, record
from environment_operator.fitting import fit
from environment_operator.guards import Violation
from environment_operator.identity import Ids
from environment_operator.inject import Object, Outcome, is_new_reference
from environment_operator.kinds import Kind
from environment_operator.paths import Unfit, copied, get, put
from environment_operator.places import Place, Template, containers, places, reference
from environment_operator.record import Entry
from environment_operator.rules import Around, Refused


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


def approve(kind: Kind, new: Object, old: Object | None, around: Around) -> Outcome:
    """Return whether a workload may be stored.

    Args:
        kind: its row in the kinds table.
        new: the object as it would be stored.
        old: the object as stored; None on CREATE.
        around: what is known around the request; Environments as the API server has them now.
    """
    approval = _Approval(kind, new, old, around)
    try:
        wrong = [words for place in places(kind, new) for words in approval.judge(place)]
    except Refused as refused:
        return Outcome(None, str(refused))
    except Unfit as unfit:
        return Outcome(None, f"the {kind.kind} has no object at {unfit}: correct it")
    return Outcome(None, "; ".join(wrong)) if wrong else Outcome(new)


class _Approval:
    """One request on its way.

    Args:
        kind: the row of the workload's kind.
        new: the object as it would be stored.
        old: the object as stored.
        around: what is known around the request.
    """

    def __init__(self, kind: Kind, new: Object, old: Object | None, around: Around) -> None:
        self.kind, self.new, self.old, self.around = kind, new, old, around
        self._entries, self._stored = record.aligned(kind, new), record.aligned(kind, old) if old else {}
        self._old_places = {place.key: place for place in places(kind, old)} if old else {}

    def judge(self, place: Place) -> Iterator[str]:
        """Yield what is wrong with one pod template, in words.

        Raises:
            Refused: its Environment may not be used, or was not put in.
        """
        name = reference(self.new, place.role)
        entry = self._entries.get(place.key)
        if not name:
            return
        is_new = is_new_reference(self.old, self.new, place, self._old_places)
        if is_new:
            self.around.usable(name, self.kind, self.new)
            if entry is None or entry.env != name:
                raise Refused(_not_put_in(name))
        if entry:
            base = self._base(place, entry) if is_new else self._stored_base(place, entry)
            for violation in _violations(place, place.template(self.new), entry, base):
                stored = None if is_new else get(self._before(place), violation.path)
                if violation.given is None or violation.given != stored:
                    yield guards.in_words(violation, entry.env, place.words(violation.path))

    def _before(self, place: Place) -> Template:
        """Return the stored pod template of a place."""
        return self._old_places[place.key].template(self.old or {})

    def _base(self, place: Place, entry: Entry) -> Template:
        """Return what the Environment puts into a pod template that has nothing else."""
        sibling = next(
            (k for k, e in self._stored.items() if e.record.put and e.env == entry.env and k in self._old_places), None
        )
        if sibling and place.key not in self._old_places:
            before = self._old_places[sibling].template(self.old or {})
            main = self._stored[sibling].main
            return _moved(before, main, entry.main)
        environment = self.around.as_of(entry.env, entry.generation)
        if environment is None:
            raise Refused(f"the Environment {entry.env!r} was changed a moment ago: try again")
        ids = self.around.ids if entry.by else Ids()
        fragment, _ = fit(environment, ids, place.row)
        puts = merge.puts(fragment, entry.main, {})
        return merge.apply(_empty(entry), puts, entry.main)[0]

    def _stored_base(self, place: Place, entry: Entry) -> Template:
        """Return the stored pod template, with the ids of the person who changes it where they are a person's."""
        before = self._before(place)
        stored = self._stored.get(place.key)
        base = _moved(before, stored.main, entry.main) if stored else before
        if not entry.by or not self.around.ids:
            return base
        base = copied(base)
        for key, value in self.around.ids.security_context().items():
            put(base, ("spec", "securityContext", key), value)
        return base


def _violations(place: Place, template: Template, entry: Entry, base: Template) -> list[Violation]:
    """Return what breaks a guard; containers that another webhook added are not judged."""
    listed = {str(c.get("name", "")) for c in containers(place, template)}
    theirs = frozenset(listed - set(entry.seen)) if entry.seen else frozenset[str]()
    return guards.violations(entry.locked, template, base, entry.main, theirs)


def _empty(entry: Entry) -> Template:
    """Return a pod template with nothing but the main container."""
    if entry.main[1] == "containers":
        return {"spec": {"containers": [{"name": entry.main[-1]}]}}
    return {"spec": {entry.main[1]: {}}}


def _moved(template: Template, before: tuple[str, ...], now: tuple[str, ...]) -> Template:
    """Return a pod template whose main container is called as it is now."""
    main: dict[str, Any] | None = get(template, before)
    if before == now or main is None:
        return template
    out = copied(template)
    put(out, now, {**main, "name": now[-1]})
    return out


def _not_put_in(name: str) -> str:
    """Return why a reference that admission did not see is refused."""
    return (
        f"the Environment {name!r} was not put in: the label {names.REFERENCE} came after the operator had its turn; "
        "have the webhook that sets it run before, or set the label yourself"
    )
