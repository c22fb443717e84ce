"""What every version stored: this one reads it, changes no pod template of it, and takes the Environment out again."""

import json
from copy import deepcopy
from typing import Any

import pytest

from builders import around
from corpus import DEPARTMENT, FOLDER, IDS, PERSON, PROJECT, Case, read, stripped, templates
from environment_operator.api import names
from environment_operator.injection import record
from environment_operator.injection.context import Project, RequestContext
from environment_operator.injection.environment_cache import publish
from environment_operator.injection.identity import Ids
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve
from environment_operator.kinds.paths import get, put
from environment_operator.kinds.pod_templates import places, reference
from environment_operator.settings import Settings
from kube import SETTINGS

Object = dict[str, Any]
VERSIONS = {file.stem: read(file) for file in sorted(FOLDER.glob("*.jsonl"))}
FOUND = [(f"{version}-{case.name}", case) for version, found in VERSIONS.items() for case in found]
CASES = [pytest.param(case, id=word) for word, case in FOUND]
CUSTOM = [pytest.param(case, id=word) for word, case in FOUND if case.row.custom]


def changed(case: Case) -> Object:
    """Return a stored workload with changes that have nothing to do with its Environment."""
    new = deepcopy(case.stored)
    new["metadata"]["labels"]["example.org/team"] = "vision"
    new["metadata"].setdefault("annotations", {})["example.org/reviewed"] = "yes"
    for path in (tuple(harmless.split(".")) for harmless in case.row.harmless if "[" not in harmless):
        if isinstance(number := get(new, path), int):
            put(new, path, not number if isinstance(number, bool) else number + 1)
    return new


def applied(case: Case) -> Object:
    """Return a stored workload after its manifest was applied again: of custom kinds lists are replaced as a whole."""
    new: Object = merged(case.stored, case.requested)
    return new


def merged(old: Any, new: Any) -> Any:
    """Return a value with a JSON merge patch: https://www.rfc-editor.org/rfc/rfc7386."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return deepcopy(new)
    return {**deepcopy(old), **{key: merged(old.get(key), value) for key, value in new.items()}}


def request(case: Case) -> Object:
    """Return a workload as the mutating webhook had it when it was created; built-in kinds are defaulted."""
    if case.row.custom:
        return deepcopy(case.requested)
    new = deepcopy(case.stored)
    record.forget(case.row, new)
    for place in places(case.row, new):
        template = place.template(new)
        template.clear()
        template.update(deepcopy(case.stripped[place.key]))
    return new


def known(case: Case) -> RequestContext:
    """Return what was known around that request."""
    environments = (publish(name, e["generation"], e["spec"], lambda _: True) for name, e in case.environments.items())
    token = next(iter(record.entries(case.stored).values())).token
    who: Object = {"user": PERSON, "ids": IDS} if case.name.endswith("personal") else {"ids": Ids()}
    routing = Settings(tools_url=SETTINGS["TOOLS_URL"], tools_gateway=SETTINGS["TOOLS_GATEWAY"]).routing
    return around(*environments, token=token, project=Project(PROJECT, DEPARTMENT), routing=routing, **who)


def pods(case: Case, item: Object) -> Object:
    """Return the pod templates of an object; of a Pod, whose annotations are those of the object, the spec."""
    return {key: each["spec"] if key == "." else each for key, each in templates(case.row, item).items()}


def injected(item: Object) -> dict[str, Any]:
    """Return what was injected by the record of an object."""
    return {key: entry.record.put for key, entry in record.entries(item).items()}


@pytest.mark.parametrize("case", CASES)
def test_records_are_read(case: Case) -> None:
    """Each pod template with a reference has its record, which names the Environment that it had."""
    entries = record.trusted(case.row, case.stored)
    named = {place.key: reference(case.stored, place.role) for place in places(case.row, case.stored)}

    assert named == {key: entry.env for key, entry in entries.items()}
    for entry in entries.values():
        assert case.environments[entry.env]["generation"] == entry.generation
        assert entry.record.put
        assert case.stored["metadata"]["annotations"][names.RECORD].count(entry.token) >= 1


@pytest.mark.parametrize("case", CASES)
def test_an_unrelated_update_changes_no_pod_template(case: Case) -> None:
    """A change of labels, of replicas or of a schedule makes no pod anew, though the Environment is gone."""
    new = changed(case)
    outcome = admit(case.row, new, case.stored, around())

    assert outcome.workload is not None, outcome.refusal
    assert pods(case, new) == pods(case, outcome.workload)
    assert injected(case.stored) == injected(outcome.workload)
    assert "" == approve(case.row, outcome.workload, case.stored, around()).refusal


@pytest.mark.parametrize("case", CUSTOM)
def test_the_same_manifest_changes_no_pod_template(case: Case) -> None:
    """Applying the manifest again, which takes out of a custom kind what was put into its lists, makes no pod anew."""
    outcome = admit(case.row, applied(case), case.stored, around(user=PERSON))

    assert outcome.workload is not None, outcome.refusal
    assert pods(case, case.stored) == pods(case, outcome.workload)


@pytest.mark.parametrize("case", CASES)
def test_taken_out(case: Case) -> None:
    """Without what the record says, a pod template is that of the same workload without a reference."""
    assert case.stripped == stripped(case.row, case.stored)


@pytest.mark.parametrize("case", CASES)
def test_nobody_is_outdated_by_an_upgrade(case: Case) -> None:
    """An Environment that has not changed has the hash that the version before gave it."""
    for name, environment in case.environments.items():
        made = publish(name, environment["generation"], environment["spec"], lambda _: True)
        hashes = {entry.hash for entry in record.trusted(case.row, case.stored).values() if entry.env == name}
        assert {made.hash} == hashes


@pytest.mark.parametrize("case", CASES)
def test_the_version_before_reads_what_this_one_writes(case: Case) -> None:
    """Of the same request this version makes the same record, byte for byte: so whoever goes back can read it."""
    outcome = admit(case.row, request(case), None, known(case))

    assert outcome.workload is not None, outcome.refusal
    stored, made = (item["metadata"]["annotations"] for item in (case.stored, outcome.workload))
    assert {key: stored.get(key) for key in names.WRITTEN} == {key: made.get(key) for key in names.WRITTEN}


@pytest.mark.parametrize("case", CASES)
def test_two_versions_side_by_side(case: Case) -> None:
    """While both answer, what a replica of an earlier version injected is validated by one of this version."""
    assert "" == approve(case.row, case.stored, None, known(case)).refusal


@pytest.mark.parametrize("case", CASES)
def test_what_comes_in_stays(case: Case) -> None:
    """Neither webhook changes a request or a stored object: what is made shares with them what is the same."""
    free, again = deepcopy(case.stored), applied(case)
    del free["metadata"]["labels"][names.REFERENCE]
    again["metadata"].setdefault("annotations", {})[names.REFRESH] = "again"
    updates = [(new, case.stored, known(case)) for new in (changed(case), applied(case), again, free)]
    for new, old, context in ((request(case), None, known(case)), *updates):
        before = deepcopy((new, old))
        made = admit(case.row, new, old, context).workload
        after = deepcopy(made)
        approve(case.row, made or new, old, context)

        assert before == (new, old)
        assert after == made


SHARING = [(word, case) for word, case in FOUND if case.row.custom and len(record.entries(case.stored)) > 1]


def before_sharing(case: Case) -> Object:
    """Return a stored workload, with its record as an operator reads it that knows no shared entries: without them."""
    item = deepcopy(case.stored)
    firsts: Object = {}
    for key, entry in sorted(json.loads(item["metadata"]["annotations"][names.RECORD]).items()):
        if entry not in firsts.values():
            firsts[key] = entry
    item["metadata"]["annotations"][names.RECORD] = json.dumps(firsts)
    return item


@pytest.mark.parametrize("case", [pytest.param(case, id=word) for word, case in SHARING])
def test_going_back_behind_shared_entries(case: Case) -> None:
    """Where the record of a pod template is not read, no change takes from it what it has, and none is refused."""
    old = before_sharing(case)
    marked, run = deepcopy(old), deepcopy(old)
    marked["metadata"]["labels"]["example.org/team"] = "vision"
    for place in places(case.row, run):
        if entry := record.entries(case.stored).get(place.key):
            main: Object = get(place.template(run), entry.main)
            main["env"] = [*main.get("env", ()), {"name": "MINE_ALONE", "value": "1"}]

    for new, context in ((marked, around()), (marked, known(case)), (run, known(case))):
        outcome = admit(case.row, deepcopy(new), old, context)
        assert outcome.workload is not None, outcome.refusal
        assert pods(case, new) == pods(case, outcome.workload)
        assert "" == approve(case.row, outcome.workload, old, context).refusal


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=word) for word, case in SHARING if not case.row.template_immutable]
)
def test_applied_again_behind_shared_entries(case: Case) -> None:
    """Its manifest, applied again with a refresh, has everything injected and recorded again."""
    old = before_sharing(case)
    new: Object = merged(old, case.requested)
    new["metadata"]["annotations"][names.REFRESH] = "again"
    outcome = admit(case.row, new, old, known(case))

    assert outcome.workload is not None, outcome.refusal
    assert pods(case, case.stored) == pods(case, outcome.workload)
    assert set(record.entries(case.stored)) == set(record.entries(outcome.workload))


def test_there_is_a_first_version() -> None:
    """The first version is among those that this one is held against."""
    assert "0.1.0" in VERSIONS
