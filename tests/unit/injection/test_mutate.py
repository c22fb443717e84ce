"""Admission of one workload: references, records, what is refused, and what is put back."""

import copy
import json
import math
from dataclasses import replace
from typing import Any

import pytest

import builders
from builders import KINDS, around, workload
from environment_operator.api import names
from environment_operator.credentials.copies import Secrets, Source
from environment_operator.injection.context import Outcome, Published
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve

Object = dict[str, Any]
DEPLOYMENT, JOB, POD = KINDS["deployments.apps"], KINDS["jobs.batch"], KINDS["pods"]


def published(name: str = "e", **fields: Any) -> Published:
    """Return an Environment as admission knows it."""
    types = ["Workspace", "Training"]
    return builders.published(name, **{"generation": 3, "image": "env:1", "workloadTypes": types, **fields})


def outcome(new: Object, old: Object | None = None, *known: Published) -> Outcome:
    """Admit a workload where these Environments exist."""
    kind = next(kind for kind in KINDS.values() if kind.kind == new["kind"])
    return admit(kind, new, old, around(*known))


def admitted(new: Object, old: Object | None = None, *known: Published) -> Object:
    """Return a workload that is admitted."""
    answer = outcome(new, old, *known)
    assert answer.workload is not None, answer.refusal
    return answer.workload


def made(kind: str = "Deployment", reference: str | None = "e", **container: Any) -> Object:
    """Return a workload whose container has these fields and nothing else."""
    new = workload(kind, "w", "team", reference)
    pod = new["spec"] if kind == "Pod" else new["spec"]["template"]["spec"]
    pod["containers"] = [{"name": "main", **container}]
    return new


def main(stored: Object) -> Object:
    """Return the main container of a Deployment or Job."""
    found: Object = stored["spec"]["template"]["spec"]["containers"][0]
    return found


def test_record() -> None:
    """The record has what was injected and of which generation; the pod has the Environment's name."""
    stored = admitted(made(), None, published())
    record = json.loads(stored["metadata"]["annotations"][names.RECORD])["spec/template"]

    assert (1, "e", 3, "tokentok") == tuple(record[key] for key in ("v", "env", "generation", "token"))
    assert ["spec", "containers", "main", "image"] in record["put"]
    labels = stored["spec"]["template"]["metadata"]["labels"]
    assert {"app": "x", names.INJECTED_FROM: "e", names.TOKEN: "tokentok"} == labels


def test_without_a_reference_nothing_changes() -> None:
    """A workload that refers to no Environment is admitted as it is."""
    new = made(reference=None, image="mine")

    assert new == admitted(new)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ((), 'Environment "e" does not exist. Create it'),
        ((published(problem="it is being deleted"),), "it is being deleted"),
    ],
)
def test_new_references_are_refused(known: tuple[Published, ...], expected: str) -> None:
    """A new reference to an Environment that does not exist, or that may not be used, is refused with the reason."""
    assert expected in outcome(made(), None, *known).refusal


@pytest.mark.parametrize("old", [None, "another"])
def test_dry_run_without_the_environment(old: str | None) -> None:
    """A dry run goes on without an Environment that does not exist, with an image that no registry has."""
    before = admitted(made(reference=old), None, published(old)) if old else None
    answer = admit(DEPLOYMENT, made(), before, replace(around(), dry_run=True))
    assert answer.workload is not None

    assert "environment.invalid/e" == main(answer.workload)["image"]
    assert names.RECORD not in answer.workload["metadata"].get("annotations", {})
    assert 'Environment "e" does not exist: this dry run continues without it' in answer.warnings[0]
    assert approve(DEPLOYMENT, answer.workload, before, replace(around(), dry_run=True)).workload is not None


def test_dry_run_keeps_the_submitters_image() -> None:
    """What the workload itself says stays in a dry run without its Environment."""
    answer = admit(DEPLOYMENT, made(image="mine"), None, replace(around(), dry_run=True))
    assert answer.workload is not None
    assert "mine" == main(answer.workload)["image"]


@pytest.mark.parametrize(
    "environment", [published(problem="it is being deleted"), published(scope={"projects": ["other"]})]
)
def test_dry_run_with_an_unusable_environment(environment: Published) -> None:
    """An Environment that is there and may not be used refuses a dry run as it refuses the request."""
    real = admit(DEPLOYMENT, made(), None, around(environment))
    assert real.workload is None
    assert real.refusal == admit(DEPLOYMENT, made(), None, replace(around(environment), dry_run=True)).refusal


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "CronJob"])
@pytest.mark.parametrize("fields", [{"description": "new"}, {"displayName": "N"}, {"deprecated": {"message": "old"}}])
def test_refresh_without_a_change(kind: str, fields: Object) -> None:
    """A refresh with the same hash leaves the pod template alone, also later on; the object's record moves on."""
    new = workload(kind, "w", "team", "e")
    stored, later = admitted(new, None, published()), published(generation=4, **fields)
    asked = copy.deepcopy(stored)
    asked["metadata"]["annotations"][names.REFRESH] = "now"
    refreshed = admitted(asked, stored, later)
    scaled = admitted({**copy.deepcopy(refreshed), "spec": {**refreshed["spec"], "paused": True}}, refreshed, later)

    assert stored["spec"] == refreshed["spec"]
    assert {**stored["spec"], "paused": True} == scaled["spec"]
    assert '"generation":4' in refreshed["metadata"]["annotations"][names.RECORD]


def test_refresh_with_a_change() -> None:
    """A refresh with another hash, or other overridable fields, reaches the pod template."""
    stored = admitted(made(), None, published())
    asked = copy.deepcopy(stored)
    asked["metadata"]["annotations"][names.REFRESH] = "now"

    assert "env:2" == main(admitted(asked, stored, published(generation=4, image="env:2")))["image"]
    guarded = admitted(asked, stored, published(generation=4, overridable=["Image"]))
    assert stored["spec"] != guarded["spec"]


@pytest.mark.parametrize(
    ("today", "expected"),
    [(published(generation=9), 0), (published(generation=9, image="env:2"), 1), (published("other"), 0)],
)
def test_restored(today: Published, expected: int) -> None:
    """A saved workload that comes back is warned of when its Environment has other values today."""
    saved = admitted(made(), None, published())
    saved["metadata"]["labels"][names.REFERENCE] = today.name
    warnings = [each for each in outcome(saved, None, today).warnings if "since this object was saved" in each]

    assert expected == len(warnings)
    assert all("not those of generation 3" in each for each in warnings)


def test_stored_references_are_not_refused() -> None:
    """A stored workload can be changed though its Environment is gone, and keeps what was injected."""
    stored = admitted(made(), None, published())
    scaled = copy.deepcopy(stored) | {"spec": {**stored["spec"], "replicas": 5}}

    assert scaled == admitted(scaled, stored)


def test_container() -> None:
    """The Environment goes into the container that the annotation names; an unknown one is refused with the list."""
    new = made(image="mine")
    new["spec"]["template"]["spec"]["containers"].append({"name": "second"})
    new["metadata"]["annotations"] = {names.CONTAINER: "second"}
    stored = admitted(new, None, published())
    new["metadata"]["annotations"] = {names.CONTAINER: "third"}

    assert ["mine", "env:1"] == [c["image"] for c in stored["spec"]["template"]["spec"]["containers"]]
    assert 'there is no container "third". Use one of: main, second.' in outcome(new, None, published()).refusal


def record(**fields: Any) -> str:
    """Return the text of a record for a Deployment, with some fields set."""
    whole = {
        "env": "e",
        "generation": 3,
        "hash": "v1-x",
        "token": "tokentok",
        "main": ["spec", "containers", "main"],
        "put": [],
        **fields,
    }
    return json.dumps({"spec/template": whole})


BROKEN = {
    "no JSON": "{",
    "no object": "[]",
    "null": "null",
    "no entry": '{"spec/template": 5}',
    "incomplete": '{"spec/template": {"put": [["a"]]}}',
    "deeper than a parser goes": "[" * 100_000,
    "infinite generation": record(generation=math.inf),
    "token that is no label value": record(token="x y"),
    "no token": record(token=None),
    "paths of numbers": record(put=[[1]]),
    "empty path": record(put=[[]]),
    "values without paths": record(was=[5]),
}


@pytest.mark.parametrize("record", BROKEN.values(), ids=BROKEN)
def test_broken_record(record: str) -> None:
    """A record that is none is thrown away, on CREATE and on UPDATE."""
    new = made()
    new["metadata"]["annotations"] = {names.RECORD: record}
    plain = admitted(made(), None, published())

    assert plain == admitted(new, None, published())
    assert "annotations" not in admitted(made(image="mine"), new)["metadata"]


def test_forged_record() -> None:
    """A forged record cannot make an update strip or inject anything of the Environment's."""
    stored = admitted(made(), None, published(workingDir="/env"))
    forged = copy.deepcopy(stored)
    records = json.loads(forged["metadata"]["annotations"][names.RECORD])
    records["spec/template"] |= {"put": [], "env": "other", "hash": "v1-forged"}
    forged["metadata"]["annotations"][names.RECORD] = json.dumps(records)
    forged["spec"]["template"]["metadata"]["annotations"][names.RECORD] = json.dumps(records["spec/template"])

    assert stored == admitted(forged, stored)


def test_copy() -> None:
    """A copy of an admitted workload receives today's Environment, not what the original had."""
    original = admitted(
        made(env=[{"name": "MINE", "value": "1"}]), None, published(env=[{"name": "OLD", "value": "1"}])
    )
    copied = admitted(original, None, published(env=[{"name": "NEW", "value": "1"}]))

    assert ["NEW", "MINE"] == [v["name"] for v in main(copied)["env"]]


def test_replace() -> None:
    """A replace with the submitter's manifest, without record and without what was injected, changes nothing."""
    stored = admitted(made(), None, published(env=[{"name": "A", "value": "1"}]))

    assert stored == admitted(made(), stored)


def test_override() -> None:
    """What an update sets to another value is the submitter's from then on; it stays when the rest is injected."""
    stored = admitted(made(), None, published(workingDir="/env"))
    changed = copy.deepcopy(stored)
    main(changed)["workingDir"] = "/mine"
    kept = admitted(changed, stored)
    record = json.loads(kept["metadata"]["annotations"][names.RECORD])["spec/template"]

    assert ("/mine", "env:1") == (main(kept)["workingDir"], main(kept)["image"])
    assert ["spec", "containers", "main", "workingDir"] not in record["put"]


def test_rollout_undo() -> None:
    """An old revision brings the submitter's part back; the Environment's part stays as it is now."""
    first = admitted(made(args=["one"]), None, published(env=[{"name": "OLD", "value": "1"}]))
    edited = copy.deepcopy(first)
    main(edited)["args"] = ["two"]
    edited["metadata"]["annotations"][names.REFRESH] = "1"
    second = admitted(edited, first, published(env=[{"name": "NEW", "value": "1"}]))
    undone = copy.deepcopy(second)
    undone["spec"]["template"] = copy.deepcopy(first["spec"]["template"])
    stored = admitted(undone, second)

    assert ["one"] == main(stored)["args"]
    assert ["NEW"] == [v["name"] for v in main(stored)["env"]]
    assert second["metadata"] == stored["metadata"]


def test_refresh() -> None:
    """A new value of the refresh annotation injects today's Environment; the same value injects nothing."""
    stored = admitted(made(), None, published(workingDir="/old"))
    refreshed = copy.deepcopy(stored)
    refreshed["metadata"]["annotations"][names.REFRESH] = "now"
    after = admitted(refreshed, stored, published(workingDir="/new"))

    assert "/new" == main(after)["workingDir"]
    assert after == admitted(after, after, published(workingDir="/newer"))


def test_removed_reference_needs_an_image() -> None:
    """A reference that supplied the image can be removed only together with giving the container an image."""
    stored = admitted(made(), None, published())
    freed = copy.deepcopy(stored)
    del freed["metadata"]["labels"][names.REFERENCE]

    assert 'missing, and no Environment gives container "main" one' in outcome(freed, stored).refusal
    main(freed)["image"] = "mine"
    assert "mine" == main(admitted(freed, stored))["image"]


@pytest.mark.parametrize("kind", ["Job", "Pod"])
def test_template_that_cannot_change(kind: str) -> None:
    """Where the template cannot change, neither can the reference: the refusal says to create it again."""
    stored = admitted(made(kind), None, published())
    freed, switched, refreshed = (copy.deepcopy(stored) for _ in range(3))
    del freed["metadata"]["labels"][names.REFERENCE]
    switched["metadata"]["labels"][names.REFERENCE] = "f"
    refreshed["metadata"]["annotations"][names.REFRESH] = "1"

    assert "and create it again" in outcome(freed, stored).refusal
    assert 'To use Environment "f"' in outcome(switched, stored, published("f")).refusal
    assert f"a {kind} cannot change" in outcome(refreshed, stored, published()).refusal


def test_renamed_container() -> None:
    """When the main container is renamed, the Environment's part moves with it."""
    stored = admitted(made(), None, published(workingDir="/env"))
    renamed = made()
    main(renamed)["name"] = "other"
    after = admitted(renamed, stored)

    assert ("other", "env:1", "/env") == tuple(main(after)[key] for key in ("name", "image", "workingDir"))


def test_label_on_the_template() -> None:
    """A reference on the pod template has no effect, and a warning names where it belongs."""
    new = made(reference=None, image="mine")
    new["spec"]["template"]["metadata"]["labels"][names.REFERENCE] = "e"
    answer = outcome(new, None, published())

    assert new == answer.workload
    assert "spec.template.metadata.labels" in answer.warnings[0]


@pytest.mark.parametrize(
    ("own", "expected"), [([], ["env", "account"]), ([{"name": "mine"}], ["mine", "env"]), (None, ["env", "account"])]
)
def test_secrets_of_the_service_account(own: list[Object] | None, expected: list[str]) -> None:
    """Pods that name a secret lose those of their account: these are added, unless the workload names some itself."""
    new = made(image="env:1")
    if own is not None:
        new["spec"]["template"]["spec"]["imagePullSecrets"] = own
    new["spec"]["template"]["spec"]["serviceAccountName"] = "robot"
    secrets = {"robot": ("env", "account"), "default": ("other",)}
    known = around(published(imagePullSecrets=["env"]), account_secrets=secrets)
    stored = admit(DEPLOYMENT, new, None, known).workload
    assert stored is not None

    assert expected == [secret["name"] for secret in stored["spec"]["template"]["spec"]["imagePullSecrets"]]
    assert stored == admitted(stored, stored)


HUB, TEAM = Source("hub", registries=("docker.io",)), Source("team", registries=("registry.example/team",))


@pytest.mark.parametrize(
    ("image", "named", "own", "expected"),
    [
        ("registry.example/team/a", None, None, ["team", "account"]),
        ("registry.example/other/a", None, None, None),
        ("registry.example/team/a", ["env"], None, ["env", "team", "account"]),
        ("registry.example/team/a", ["team"], None, ["team", "account"]),
        ("registry.example/team/a", None, [{"name": "mine"}], ["mine", "team"]),
        ("busybox", None, None, ["hub", "account"]),
    ],
)
def test_published_secrets(
    image: str, named: list[str] | None, own: list[Object] | None, expected: list[str] | None
) -> None:
    """What is published for the image's registry is added to what is named, and to the account's own."""
    new = made(image=None)
    if own is not None:
        new["spec"]["template"]["spec"]["imagePullSecrets"] = own
    known = around(
        published(image=image, imagePullSecrets=named),
        account_secrets={"default": ("account",)}, secrets=Secrets(published=(HUB, TEAM)),
    )  # fmt: skip
    stored = admit(DEPLOYMENT, new, None, known).workload
    assert stored is not None

    found = stored["spec"]["template"]["spec"].get("imagePullSecrets")
    assert expected == (found and [secret["name"] for secret in found])
    assert stored == admitted(stored, stored)


def test_secrets_for_the_image_that_is_pulled() -> None:
    """Where the workload has an image of its own, its registry counts, not the Environment's."""
    new = made(image="busybox")
    known = around(published(image="registry.example/team/a"), secrets=Secrets(published=(HUB, TEAM)))
    stored = admit(DEPLOYMENT, new, None, known).workload
    assert stored is not None

    assert [{"name": "hub"}] == stored["spec"]["template"]["spec"]["imagePullSecrets"]


def test_container_chosen_later() -> None:
    """Naming another container moves the Environment there; where the template cannot change, nothing moves."""
    new, pod = made(image="env:1"), made("Pod", image="env:1")
    new["spec"]["template"]["spec"]["containers"].append({"name": "second", "image": "env:1"})
    pod["spec"]["containers"].append({"name": "second", "image": "env:1"})
    known = published(workingDir="/env")
    deployment, single = (admitted(item, None, known) for item in (new, pod))
    for item in (deployment, single):
        moved = copy.deepcopy(item)
        moved["metadata"]["annotations"][names.CONTAINER] = "second"
        after = admitted(moved, item)
        containers = (after["spec"].get("template") or after)["spec"]["containers"]
        place = 0 if item is single else 1
        assert ["/env" if n == place else None for n in range(2)] == [c.get("workingDir") for c in containers]


@pytest.mark.parametrize(
    ("container", "fields", "expected"),
    [
        (
            {"image": "env:1"},
            {},
            "containers[0].image repeats its value, so a refresh after its next edit is refused",
        ),
        ({"image": "mine"}, {"overridable": ["Image"]}, ""),
        ({"image": "env:1"}, {"overridable": ["Image"]}, "so a refresh does not change what is repeated"),
        ({}, {}, ""),
        ({"command": ["a"]}, {"command": ["a"]}, "containers[0].command repeats its value"),
        ({"workingDir": "/w"}, {"workingDir": "/w"}, "containers[0].workingDir repeats"),
        ({"command": ["b"]}, {"command": ["a"]}, ""),
    ],
)
def test_repeated(container: Object, fields: Object, expected: str) -> None:
    """A workload that repeats a value of its Environment is warned of what that means; another value is none."""
    warnings = [each for each in outcome(made(**container), None, published(**fields)).warnings if "repeats" in each]

    assert (1 if expected else 0) == len(warnings)
    assert expected in "".join(warnings)


def test_saved_object_repeats_nothing() -> None:
    """What was injected before and comes along with a copy is no repetition."""
    saved = admitted(made(), None, published())
    assert [] == [each for each in outcome(saved, None, published()).warnings if "repeats" in each]
