"""What admission makes of a workload: the one function for webhook, command line and tests. Pure.

A workload holds everything that it needs after admission. On CREATE, and when its reference or the value of
``refresh`` changes, today's Environment is injected; on any other UPDATE the values that were injected before are
injected again, also when the Environment has changed or gone. Only the stored object's record is trusted: one that
comes with a request says at most what to take out of that very request.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

from environment_operator.api import names
from environment_operator.injection import (
    expansion,
    limits,
    merge,
    messages,
    one_ofs,
    pairs,
    record,
    warnings,
    workload_tools,
)
from environment_operator.injection.context import Object, Outcome, Published, Refusal, Refused, RequestContext, refused
from environment_operator.injection.eligibility import check_labels, idle_labels, usable
from environment_operator.injection.identity import Ids
from environment_operator.injection.merge import Put
from environment_operator.injection.projection import (
    defaults,
    fit,
    fit_ids,
    guarded,
    is_id,
    marks,
    of_one_port,
    own_ports,
    unite_secrets,
)
from environment_operator.injection.record import Entry
from environment_operator.injection.starts import leave_out, without_start
from environment_operator.injection.workload_tools import Master
from environment_operator.kinds.harmless import runs_differently
from environment_operator.kinds.paths import Path, Unfit, get, put
from environment_operator.kinds.pod_templates import (
    Place,
    Template,
    alike,
    main,
    main_of,
    named,
    opened,
    places,
    reference,
    within,
)
from environment_operator.kinds.table import Kind
from environment_operator.tools.addresses import BadAddress, Tools


def admit(kind: Kind, new: Object, old: Object | None, around: RequestContext) -> Outcome:
    """Return what becomes of a workload.

    Args:
        kind: its row in the kinds table.
        new: the object as requested; it is not changed.
        old: the object as stored; None on CREATE.
        around: what is known around the request.
    """
    try:
        limits.check(kind, new, old, known=around.excess)
        admission = _Admission(kind, opened(kind, new), old, around)
        admission.run()
        limits.check_made(kind, admission.workload, new, old, around.most)
    except (Refused, BadAddress) as why:
        return refused(why)
    except Unfit as unfit:
        return Outcome(None, messages.unfit(kind, unfit))
    return Outcome(admission.workload, warnings=tuple(dict.fromkeys(admission.warnings)))


def is_new_reference(old: Object | None, new: Object, place: Place, old_places: dict[str, Place]) -> bool:
    """Return whether the reference of a pod template is not as stored, or is to be refreshed; arguments as above."""
    if old is None or place.key not in old_places:
        return True
    role = place.role
    same = reference(new, role) == reference(old, role)
    return not same or _annotation(new, names.REFRESH) != _annotation(old, names.REFRESH)


class _Admission:
    """One request on its way.

    Args:
        kind: the row of the workload's kind.
        workload: the object as requested; it becomes what is to be stored.
        old: the object as stored.
        around: what is known around the request.
    """

    def __init__(self, kind: Kind, workload: Object, old: Object | None, around: RequestContext) -> None:
        self.kind, self.workload, self.old, self.around = kind, workload, old, around
        self.warnings: list[str] = []
        self._stored = record.trusted(kind, old)
        self._places = places(kind, workload)
        self._old_places = {place.key: place for place in places(kind, old)} if old else {}
        self._brought: dict[str, Entry] = {}
        self._usable: dict[str, Published] = {}
        self._entries: dict[str, Entry] = {}
        self._length = 0
        self._values: dict[str, list[Put]] = {}
        self._tools: Tools | None = None

    def run(self) -> None:
        """Decide about each pod template, then write the record.

        What the references need comes first: whoever may not have an Environment causes no further work.
        """
        check_labels(self.kind, self.workload, self.old)
        changed = [p for p in self._places if is_new_reference(self.old, self.workload, p, self._old_places)]
        for place in changed:
            self._check_reference(place)
        self._brought = self._came_along()
        self.warnings += warnings.on_labels(self.kind, self.workload, self._places)
        self.warnings += (messages.no_role(self.kind, *idle) for idle in idle_labels(self.kind, self.workload))
        record.forget(self.kind, self.workload)
        keys = {place.key for place in changed}
        for place in self._places:
            if place.key in keys:
                self._change(place)
            else:
                self._keep(place)
        self._change_hands()
        if self._stored:
            self._leave_behind()
        for place in self._places:
            if entry := self._entries.get(place.key):
                self._mark(place, entry)
        record.write(self.workload, self._entries)
        workload_tools.write(self.workload, None if self.kind.template else self._tools)
        self._check_length(record.size(self.workload) if self._entries else 0)

    def _came_along(self) -> dict[str, Entry]:
        """Return the records that come with the request: with a copy, or in the pod templates of an old revision.

        What a stored template says already does not: it may have been written there for the next person's request.
        """
        revisions = record.revisions(self.kind, self.workload)
        here = record.revisions(self.kind, self.old or {}) if self._stored else {}
        found = revisions if self._stored else {**revisions, **record.entries(self.workload)}
        return {key: e for key, e in found.items() if e != here.get(key) and e.record.longest <= limits.PATHS}

    def _check_reference(self, place: Place) -> None:
        """Refuse a new reference that cannot be, or whose Environment may not be used."""
        name = reference(self.workload, place.role)
        if self.kind.template_immutable and self.old and (name or place.key in self._stored):
            raise Refused(messages.immutable(self.kind, name, reference(self.old, place.role)))
        if name and name not in self._usable and not self.around.may_come(name):
            self._usable[name] = usable(self.around, name, self.kind, self.workload)

    def _change(self, place: Place) -> None:
        """Inject, switch, refresh or strip."""
        name = reference(self.workload, place.role)
        self._leave_submitters_part(place)
        if name and name in self._usable:
            self._inject(place, self._usable[name])
            self._require_images(place, named(place, place.template(self.workload)))
        elif name:
            self._stand_in(place, name)
        elif stored := self._stored.get(place.key):
            self._require_images(place, self._left_without_image(place, stored))

    def _stand_in(self, place: Place, name: str) -> None:
        """Let a dry run go on without its Environment; the API server refuses a container without an image."""
        self.warnings.append(warnings.on_absence(name))
        template, main_path = place.template(self.workload), self._main(place)
        if main_path[1] == "containers" and not get(template, (*main_path, "image")):
            put(template, (*main_path, "image"), f"{warnings.NO_IMAGE}/{name}")
        place.replace(self.workload, template)

    def _keep(self, place: Place) -> None:
        """Put the stored values in again where the request lacks them; what it sets otherwise is the submitter's."""
        entry = self._stored.get(place.key)
        if entry is None:
            return
        before = self._before(place.key)
        values = self._with_tools(place, entry, entry.values(before))
        self._leave_submitters_part(place)
        self._put_back(place, entry, values)
        self._values[place.key] = values

    def _change_hands(self) -> None:
        """Where what runs is another than before, take out the ids that it had, and inject those of who changes it."""
        personal = [p for p in self._places if p.key in self._values and self._stored[p.key].by]
        changed = runs_differently(self.kind, self.workload, self.old) if personal and self.old else ()
        for place in personal:
            if place.key in changed:
                entry, template = self._stored[place.key], place.template(self.workload)
                place.replace(self.workload, merge.strip(template, self._entries[place.key].record))
                self._put_back(place, *self._as_changer(place, entry, self._values[place.key]))

    def _as_changer(self, place: Place, entry: Entry, values: list[Put]) -> tuple[Entry, list[Put]]:
        """Return an entry and its values with the ids of who changes what runs: no one runs it as another person."""
        ids, user = self.around.ids, self.around.user
        if ids.problem or (not ids and user != entry.by):
            raise Refused(messages.not_the_submitter(entry.env, entry.by, user, ids.problem), Refusal.NO_IDS)
        if not ids:
            return entry, values
        fragment, misfits = fit_ids(ids, place.row)
        if misfits:
            raise Refused(messages.misfits(entry.env, self.kind, misfits, place.row.features))
        others = [(path, value) for path, value in values if not is_id(path)]
        return replace(entry, by=user), [*others, *merge.puts(fragment, entry.main, {})]

    def _before(self, key: str) -> Template:
        """Return a stored pod template."""
        return self._old_places[key].template(self.old or {})

    def _put_back(self, place: Place, entry: Entry, values: list[Put]) -> None:
        """Put values in, into the container that is the main one now."""
        template = place.template(self.workload)
        other = _annotation(self.workload, names.CONTAINER) != _annotation(self.old or {}, names.CONTAINER)
        chosen = other and not self.kind.template_immutable
        now = entry.main if get(template, entry.main) is not None and not chosen else self._main(place)
        texts = {within(entry.main, now, path): text for path, text in entry.record.texts.items()}
        moved = replace(entry, main=now, record=replace(entry.record, texts=texts))
        ours = {names.GUARDED: guarded(place, moved)}
        puts = [(within(entry.main, now, p), ours.get(p[-1], value)) for p, value in values if value is not None]
        self._apply(place, without_start(place, self.workload, now, puts), moved)

    def _leave_submitters_part(self, place: Place) -> None:
        """Take out what a copy or an old revision brought, and what still is as it was injected."""
        stored, template = self._stored.get(place.key), place.template(self.workload)
        brought = self._brought.get(place.key)
        if brought and (stored is None or not brought.is_like(stored)):
            template = merge.strip(template, brought.record)
        if stored and place.key in self._old_places:
            before = self._before(place.key)
            template = one_ofs.settled(template, stored.record, before)
            template = merge.strip(template, merge.kept(template, stored.record, before))
        place.replace(self.workload, template)

    def _leave_behind(self) -> None:
        """Take everything out of a pod template that is not for an Environment any more."""
        known = {place.key for place in self._places}
        for place in places(self.kind, self.workload, every=True):
            if place.key not in known and place.key in self._stored:
                self._leave_submitters_part(place)

    def _inject(self, place: Place, environment: Published) -> None:
        """Put an Environment in; a template that came later takes what its siblings have."""
        if sibling := self._sibling(place, environment.name):
            key, entry = sibling
            values = self._with_tools(place, entry, entry.values(self._before(key)))
            # What comes later is a change of what runs.
            self._put_back(place, *(self._as_changer(place, entry, values) if entry.by else (entry, values)))
            return
        ids, token = self._ids(environment), self._token()
        entry = Entry(
            environment.name, environment.generation, environment.hash, token, self._main(place), merge.Record(),
            environment.locked, by=self.around.user if ids else "",
        )  # fmt: skip
        self.warnings += warnings.on_use(environment, self.around)
        if self.old is None:
            self.warnings += warnings.on_restoring(environment, self._brought.get(place.key))
        self.warnings += warnings.on_ports(environment, own_ports(place, place.template(self.workload), entry.main))
        fragment, misfits = fit(environment, ids, place.row, strict=self.around.strict_groups)
        if misfits:
            raise Refused(messages.misfits(environment.name, self.kind, misfits, place.row.features))
        self.warnings += leave_out(place, self.workload, entry.main, fragment, environment)
        unite_secrets(fragment, place, place.template(self.workload), entry.main, self.around)
        workload_tools.add_variables(fragment, self._open(place, environment, entry.main))
        self.warnings += warnings.on_env_from(environment, fragment, place, self.workload, entry.main)
        puts = merge.puts(fragment, entry.main, marks(place, entry))
        self.warnings += self._apply(place, puts, entry, environment.image)
        self.warnings += warnings.on_pod_security(environment, self.around.project, place, self.workload, entry.main)
        now = self._entries[place.key]
        self.warnings += warnings.on_repeats(environment, now, lambda path: place.words(path, self.workload))

    def _open(self, place: Place, environment: Published, main: Path) -> Tools:
        """Return the tools of an Environment, those of the first pod template being the workload's."""
        if place == self._places[0]:
            self._tools = self._master.opened(environment, self._token(), main)
            self.warnings += workload_tools.advice(self._tools)
        return (
            self._tools if self._tools and self._tools.env == environment.name else workload_tools.closed(environment)
        )

    def _with_tools(self, place: Place, entry: Entry, values: list[Put]) -> list[Put]:
        """Return the stored values of a pod template with the addresses of the tools as they are asked for now."""
        if place == self._places[0] and self.old:
            self._tools = self._master.kept(self.old, entry)
        found = workload_tools.renewed(values, entry, self._tools)
        if self.kind.template_immutable and found != values:
            raise Refused(messages.fixed_path(self.kind))
        return found

    @property
    def _master(self) -> Master:
        """The pod template whose pods have the tools."""
        return Master(self.kind, self.workload, self._places[0], self.around.routing)

    def _sibling(self, place: Place, name: str) -> tuple[str, Entry] | None:
        """Return another pod template that has the Environment, when this one was not there before."""
        if self.old is None or place.key in self._old_places:
            return None
        return next(((k, e) for k, e in self._stored.items() if e.env == name and k in self._old_places), None)

    def _ids(self, environment: Published) -> Ids:
        """Return the ids that the pods receive: the submitter's, where the Environment says so; a template none."""
        if self.kind.template or not environment.is_personal:
            return Ids()
        if not self.around.ids:
            raise Refused(messages.no_ids(environment.name, self.around.user, self.around.ids.problem), Refusal.NO_IDS)
        return self.around.ids

    def _token(self) -> str:
        """Return the token of the workload: the one it has, else a new one."""
        known = (*self._entries.values(), *self._stored.values())
        return known[0].token if known else self.around.token

    def _apply(self, place: Place, puts: list[Put], entry: Entry, declared: object = None) -> tuple[str, ...]:
        """Inject values, and remember what the record is to say; return what could not be injected as it was meant."""
        before = place.template(self.workload)
        puts = of_one_port(place, before, self._agreeing(place, before, puts, entry), entry.main)
        found = expansion.expanded(self.workload, before, puts, entry.main, entry.record.texts)
        template, done = merge.apply(before, found.puts, entry.main, defaults(place.row, entry, declared))
        done = replace(done, texts=expansion.of_what_is_there(found.texts, done.put))
        place.replace(self.workload, template)
        validated = {"User", "Security"} & set(entry.locked)
        seen = (*named(place, before), *named(place, before, "initContainers")) if validated else ()
        self._entries[place.key] = replace(entry, record=done, seen=seen)
        self._length += done.length
        self._check_length(self._length)
        return found.warnings

    def _check_length(self, size: int) -> None:
        """Refuse a workload whose annotations would be longer than the API server stores."""
        if size > record.LONGEST:
            raise Refused(messages.too_long(self.kind, record.LONGEST), Refusal.TOO_LARGE)

    def _agreeing(self, place: Place, template: Template, puts: list[Put], entry: Entry) -> list[Put]:
        """Return what goes with what the submitter has; what stands next to it already stays.

        Raises:
            Refused: something does not, and may not be left out; an override is refused as one, elsewhere.
        """
        stored = self._before(place.key) if place.key in self._old_places else {}
        found = [c for c in pairs.contradictions(template, puts, entry.main) if not c.stands(stored)]
        for each in found:
            if each.pair.field in entry.locked and not each.is_override(entry.locked, self.kind):
                theirs = (place.words(each.theirs, self.workload), each.given)
                ours = (place.words(each.ours, self.workload), each.value)
                raise Refused(messages.contradiction(entry.env, each.pair.field, theirs, ours))
        return pairs.without(puts, [each for each in found if each.pair.field not in entry.locked])

    def _mark(self, place: Place, entry: Entry) -> None:
        """Write onto the pod template what has to be there; a template in which nothing else changes stays as it is."""
        template, before = place.template(self.workload), record.revisions(self.kind, self.old or {}).get(place.key)
        record.mark(self.kind, template, before if before and entry.puts_the_same(before) else entry)
        place.replace(self.workload, template)

    def _main(self, place: Place) -> Path:
        """Return the path of the container that receives the Environment, or refuse."""
        chosen, template = _annotation(self.workload, names.CONTAINER), place.template(self.workload)
        found = main_of(place, self.workload, chosen)
        found = found or (main(place, template) if self._is_chosen_somewhere else None)
        if found is None:
            raise Refused(messages.no_container(chosen, named(place, template)))
        if not chosen and (equal := alike(place, template, found)):
            raise Refused(messages.no_names(place.words(path, self.workload) for path in equal))
        return found

    @cached_property
    def _is_chosen_somewhere(self) -> bool:
        """Whether a pod template has the container that the submitter named."""
        chosen = _annotation(self.workload, names.CONTAINER)
        return any(main(place, place.template(self.workload), chosen) for place in self._places)

    def _left_without_image(self, place: Place, stored: Entry) -> dict[str, Object]:
        """Return the main container by its name when the image that it had was the Environment's."""
        image = (*stored.main, "image")
        is_ours = stored.main[1] == "containers" and image in stored.record.put and image not in stored.record.was
        listed = named(place, place.template(self.workload)) if is_ours else {}
        return {name: container for name, container in listed.items() if name == stored.main[-1]}

    def _require_images(self, place: Place, listed: Mapping[str, Object]) -> None:
        """Refuse containers without an image, but where the kind gives them one."""
        without = [name for name, container in listed.items() if not container.get("image")]
        if without and not place.row.fills_image:
            every = named(place, place.template(self.workload))
            where = place.words(("spec", "containers", without[0]), self.workload)
            raise Refused(messages.no_image(without[0], where, alone=len(every) == 1))


def _annotation(item: Object, key: str) -> str:
    """Return an annotation of an object itself, empty when it is not there."""
    return str(get(item, ("metadata", "annotations", key)) or "")
