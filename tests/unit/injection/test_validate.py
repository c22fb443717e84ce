"""The last word of admission: new references by the Environment, stored ones by themselves, after any other webhook."""

import copy
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from builders import KINDS, around, published, template_path, workload
from environment_operator.api import names
from environment_operator.injection import record
from environment_operator.injection.context import Outcome, RequestContext
from environment_operator.injection.identity import Ids
from environment_operator.injection.mutate import admit
from environment_operator.injection.validate import approve, new_references
from environment_operator.kinds.harmless import APPARMOR
from environment_operator.kinds.paths import get
from environment_operator.kinds.table import Kind, PodTemplate
from unit.injection.test_laws import ANY, CONTAINERS, JSON, RECORDS, Server, requested, unnamed

Object = dict[str, Any]
Later = Callable[[Object], None]
DEPLOYMENT, JOB, POD, TEMPLATE = (KINDS[name] for name in ("deployments.apps", "jobs.batch", "pods", "podtemplates"))
# A kind with a list of pod templates, and one whose container stands alone next to others.
MANY = Kind(
    group="example.org", version="v1", kind="Many", plural="manies",
    pod_templates=(PodTemplate(path="spec.parts[name].template", role="*"),),
)  # fmt: skip
ALONE = Kind(
    group="example.org", version="v1", kind="Alone", plural="alones",
    pod_templates=(PodTemplate(path="spec.part", spec="", inline=("model",), metadata="."),),
)  # fmt: skip
STRICT: Object = {
    "user": {"source": "Custom", "uid": 1000},
    "security": {"runAsNonRoot": True},
    "command": ["env"],
    "workingDir": "/env",
    "env": [{"name": "A", "value": "env"}],
    "overridable": [],
}
PERSONAL: Object = {"user": {"source": "IdPToken"}}
ANN: Object = {"user": "ann", "ids": Ids(1001, 1001, (7,))}
BOB: Object = {"user": "bob", "ids": Ids(1002)}


def nothing(_item: Object) -> None:
    """Do nothing."""


def outcome(kind: Kind, new: Object, old: Object | None, known: RequestContext, later: Later = nothing) -> Outcome:
    """Send a request through both webhooks, with another one between them."""
    filled = admit(kind, new, old, known)
    if filled.workload is None:
        return filled
    later(filled.workload)
    return approve(kind, filled.workload, old, known)


def stored(kind: Kind, new: Object, known: RequestContext, later: Later = nothing) -> Object:
    """Return what is stored of a request that passes."""
    found = outcome(kind, new, None, known, later)
    assert found.workload is not None, found.refusal
    return copy.deepcopy(found.workload)


def refusal(kind: Kind, new: Object, old: Object | None, known: RequestContext, later: Later = nothing) -> str:
    """Return the words with which a request is refused, empty when it passes."""
    return outcome(kind, new, old, known, later).refusal


def made(kind: Kind = DEPLOYMENT, reference: str | None = "e", **container: Any) -> Object:
    """Return a workload whose container has these fields and nothing else."""
    new = workload(kind.kind, "w", "team", reference)
    spec(new)["containers"] = [{"name": "main", **container}]
    return new


def spec(item: Object) -> Object:
    """Return the pod spec of a built-in workload."""
    kind = next(kind for kind in KINDS.values() if kind.kind == item["kind"])
    found: Object = get(item, (*template_path(kind), "spec"))
    return found


def main(item: Object) -> Object:
    """Return the main container of a built-in workload."""
    return next(c for c in spec(item)["containers"] if c["name"] == "main")


def changed(item: Object, change: Later) -> Object:
    """Return a changed copy."""
    out = copy.deepcopy(item)
    change(out)
    return out


def entry(item: Object) -> Object:
    """Return the record of the only pod template."""
    found: Object = json.loads(item["metadata"]["annotations"][names.RECORD])
    return next(iter(found.values()))


def forged(item: Object, **fields: Any) -> Object:
    """Return a copy whose record says something else."""
    out = copy.deepcopy(item)
    records = json.loads(item["metadata"]["annotations"][names.RECORD])
    out["metadata"]["annotations"][names.RECORD] = json.dumps({k: {**v, **fields} for k, v in records.items()})
    return out


@pytest.mark.parametrize(
    ("container", "path"),
    [
        ({"image": "mine"}, 'image: "mine" overrides "registry.example/team/jupyter:4.2" from Environment "e"'),
        (
            {"command": ["mine"]},
            'command: ["mine"] overrides ["env"] from Environment "e", which does not allow Command to be overridden',
        ),
        ({"args": ["mine"]}, ""),
        (
            {"workingDir": "/mine"},
            'workingDir: "/mine" overrides "/env" from Environment "e", which does not allow WorkingDir',
        ),
        (
            {"env": [{"name": "A", "value": "mine"}]},
            'env[0] (A): "mine" overrides "env" from Environment "e", which does not allow Env to be overridden',
        ),
        ({"securityContext": {"runAsUser": 0}}, 'securityContext.runAsUser: 0 overrides 1000 from Environment "e"'),
        ({"securityContext": {"privileged": True}}, 'securityContext.privileged: true is not in Environment "e"'),
    ],
)
def test_override(container: Object, path: str) -> None:
    """An override is refused with its path, both values and the way out, at CREATE and at UPDATE."""
    known = around(published(**STRICT))
    before = stored(DEPLOYMENT, made(), known)
    update = changed(before, lambda item: main(item).update(container))

    for said in (refusal(DEPLOYMENT, made(**container), None, known), refusal(DEPLOYMENT, update, before, around())):
        assert (path == "") is (said == "")
        assert f"spec.template.spec.containers[0].{path}" in said or not path
        assert "Remove the field, or use an Environment with" in said or not path


def test_everything_at_once() -> None:
    """All overrides are in one refusal."""
    said = refusal(DEPLOYMENT, made(image="mine", workingDir="/mine"), None, around(published(**STRICT)))

    assert ["image: ", "workingDir: "] == [word for word in ("image: ", "workingDir: ", "command: ") if word in said]


def with_env(env: list[Object], item: Object) -> None:
    """Give the main container these variables."""
    main(item).update(env=env)


def test_required_variable() -> None:
    """A variable that has to be filled in is asked for at CREATE, and may not be emptied; others may be anything."""
    known = around(published(env=[{"name": "A", "required": True}]))
    before = stored(DEPLOYMENT, made(env=[{"name": "A", "value": "mine"}]), known)
    emptied, other = (changed(before, partial(with_env, env)) for env in ([], [{"name": "A", "value": "x"}]))

    assert "requires a value for variable A. Set it in env" in refusal(DEPLOYMENT, made(), None, known)
    assert "requires a value for variable A" in refusal(DEPLOYMENT, emptied, before, around())
    assert "" == refusal(DEPLOYMENT, other, before, around())


@pytest.mark.parametrize(
    "own", [{}, {"command": ["env"], "workingDir": "/env", "env": [{"name": "A", "value": "env"}]}]
)
def test_leaving_out_what_was_injected(own: Object) -> None:
    """What the Environment has comes back when an update leaves it out, also where the submitter had written it too."""
    known = around(published(**STRICT))
    new = made(**own)
    spec(new)["securityContext"] = {"runAsUser": 1000} if own else {}
    before = stored(DEPLOYMENT, new, known)
    found = outcome(DEPLOYMENT, made(), before, around())

    assert found.workload is not None, found.refusal
    assert (["env"], "/env") == (main(found.workload)["command"], main(found.workload)["workingDir"])
    assert [{"name": "A", "value": "env"}] == main(found.workload)["env"]
    assert 1000 == spec(found.workload)["securityContext"]["runAsUser"]


@pytest.mark.parametrize("by", ["annotation", "removal", "name"])
def test_another_main_container(by: str) -> None:
    """Another container does not become the main one with an image of its own, however it is made to."""
    known = around(published())
    new = made()
    spec(new)["containers"].append({"name": "other", "image": "mine"})
    before = stored(DEPLOYMENT, new, known)
    update = copy.deepcopy(before)
    first, second = spec(update)["containers"]
    if by == "annotation":
        update["metadata"]["annotations"][names.CONTAINER] = "other"
        first["image"] = "mine"
    elif by == "removal":
        spec(update)["containers"] = [second]
    else:
        spec(update)["containers"] = [{**second, "name": "main"}]

    assert '.image: "mine"' in refusal(DEPLOYMENT, update, before, known)


def test_main_container_moves() -> None:
    """Another container may become the main one: then the Environment goes into it."""
    before = stored(DEPLOYMENT, made(), around(published(**STRICT)))
    renamed = changed(made(), lambda item: main(item).update(name="other"))
    found = outcome(DEPLOYMENT, renamed, before, around())

    assert found.workload is not None, found.refusal
    assert ["env"] == spec(found.workload)["containers"][0]["command"]


@pytest.mark.parametrize(
    "change",
    [
        lambda item: item["spec"].update(replicas=7, paused=True),
        lambda item: spec(item).update(nodeSelector={"pool": "gpu"}, tolerations=[{"operator": "Exists"}]),
        lambda item: spec(item)["containers"].append({"name": "more", "image": "more", "command": ["x"]}),
        lambda item: main(item).update(resources={"limits": {"cpu": 1}}, args=["mine"]),
        lambda item: main(item)["env"].append({"name": "MORE", "value": "x"}),
        lambda item: spec(item).update(securityContext={}),
    ],
)
def test_nothing_else_is_refused(change: Later) -> None:
    """Scaling, scheduling, further containers, resources and variables are nobody's business, with nothing known."""
    before = stored(DEPLOYMENT, made(), around(published(**STRICT)))

    assert "" == refusal(DEPLOYMENT, changed(before, change), before, around())


def sidecar(item: Object) -> None:
    """Add what a service mesh adds: a proxy in front with a user of its own, and an init container with rights."""
    where = spec(item)
    where["containers"].insert(0, {"name": "proxy", "image": "proxy", "securityContext": {"runAsUser": 1337}})
    rights = {"runAsUser": 0, "capabilities": {"add": ["NET_ADMIN"]}}
    where["initContainers"] = [*where.get("initContainers", ()), {"name": "set-up", "securityContext": rights}]


@pytest.mark.parametrize("kind", [POD, DEPLOYMENT], ids=lambda kind: kind.kind)
def test_sidecar_of_another_webhook(kind: Kind) -> None:
    """Containers that another webhook adds are not validated; the same ones of the submitter are."""
    known = around(published(**STRICT))
    its_own = changed(made(kind), sidecar)
    its_own["metadata"]["annotations"] = {names.CONTAINER: "main"}

    assert "" == refusal(kind, made(kind), None, known, sidecar)
    assert "containers[0].securityContext.runAsUser: 1337" in refusal(kind, its_own, None, known)


def test_sidecar_stays_as_it_is() -> None:
    """Once it is stored, nobody gives a container of another webhook further rights; without a change it passes."""
    before = stored(DEPLOYMENT, made(), around(published(**STRICT)), sidecar)
    more = changed(before, lambda item: spec(item)["containers"][0]["securityContext"].update(privileged=True))

    assert "" == refusal(DEPLOYMENT, changed(before, lambda item: main(item).update(args=["x"])), before, around())
    assert "" == refusal(DEPLOYMENT, made(), before, around(), sidecar)
    assert "containers[0].securityContext.privileged" in refusal(DEPLOYMENT, more, before, around())


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (lambda item: main(item).update(image="mirror/x"), 'containers[0].image: "mirror/x"'),
        (
            lambda item: main(item).update(securityContext={"privileged": True}),
            "containers[0].securityContext.privileged: true",
        ),
        (
            lambda item: main(item).pop("workingDir"),
            'containers[0].workingDir: "/env" from Environment "e" was removed by another webhook',
        ),
        (
            lambda item: spec(item).pop("securityContext"),
            'securityContext.runAsUser: 1000 from Environment "e" was removed',
        ),
        (lambda item: item["metadata"]["annotations"].clear(), "was not injected"),
        (lambda item: main(item).update(resources={"limits": {"cpu": 1}}), ""),
    ],
)
def test_another_webhook_after_ours(later: Later, expected: str) -> None:
    """What another webhook does to guarded paths is refused like anybody's, also what it takes away."""
    found = refusal(DEPLOYMENT, made(), None, around(published(**STRICT)), later)

    assert expected in found
    assert (expected == "") is (found == "")


def test_record_taken_away() -> None:
    """A webhook that takes the record away from a stored workload is refused: nothing would be guarded any more."""
    before = stored(DEPLOYMENT, made(), around(published(**STRICT)))
    update = changed(before, lambda item: main(item).update(args=["x"]))

    found = refusal(DEPLOYMENT, update, before, around(), lambda item: item["metadata"]["annotations"].clear())
    assert "was removed by another webhook" in found


@pytest.mark.parametrize("record", [False, True])
def test_reference_of_another_webhook(record: bool) -> None:
    """A reference that came after ours had its turn is refused, also with a record that the submitter made up."""
    known = around(published(**STRICT))
    new = made(reference=None, image="mine")
    if record:
        made_up = forged(stored(DEPLOYMENT, made(), known), locked=[], seen=["main"])
        new["metadata"]["annotations"] = made_up["metadata"]["annotations"]

    def label(item: Object) -> None:
        item["metadata"]["labels"] = {names.REFERENCE: "e"}

    assert 'Environment "e" was not injected' in approve(DEPLOYMENT, changed(new, label), None, known).refusal


@pytest.mark.parametrize(
    "fields", [{"locked": []}, {"put": []}, {"env": "other"}, {"seen": ["main", "x"]}, {"by": "root"}, {"token": "x"}]
)
def test_forged_record(fields: Object) -> None:
    """With any record that a request brings, it is validated as without it; the stored record stays."""
    before = stored(DEPLOYMENT, made(), around(published(**STRICT)))
    false = forged(before, **fields)
    evil = changed(false, lambda item: main(item).update(image="mine"))
    passed = outcome(DEPLOYMENT, false, before, around())

    assert 'containers[0].image: "mine"' in refusal(DEPLOYMENT, evil, before, around())
    assert before == passed.workload


def test_record_that_admission_did_not_write() -> None:
    """A record stored without a reference is ignored: what comes later gets the Environment's rules."""
    known, open_to_all = around(published(security={})), around(published(overridable=["Image"]))
    part = {"name": "a", "template": {"spec": {"containers": [{"name": "main", "image": "a"}]}}}
    labels = {names.REFERENCE: "e"}
    full = stored(MANY, {"metadata": {"labels": labels}, "spec": {"parts": [part]}}, open_to_all)
    unlabelled = forged(full, locked=[], token="stolen00")
    unlabelled["metadata"].pop("labels")
    new = changed(unlabelled, lambda item: item["metadata"].update(labels=labels))
    new["spec"]["parts"] = [{"name": n, "template": {"spec": {"containers": [{"name": "main"}]}}} for n in ("a", "b")]
    after = outcome(MANY, new, unlabelled, known)
    new["spec"]["parts"][1]["template"]["spec"]["containers"][0]["securityContext"] = {"privileged": True}

    assert after.workload is not None, after.refusal
    records = record.entries(after.workload).values()
    assert [(("Image", "Security"), "tokentok")] * 2 == [(entry.locked, entry.token) for entry in records]
    assert "containers[0].securityContext.privileged: true" in refusal(MANY, new, unlabelled, known)


def test_changed_between_the_webhooks() -> None:
    """With an Environment that changed during the request the submitter has to retry; no other one decides."""
    before, after = published(workingDir="/old"), published(workingDir="/new", generation=2)
    filled = admit(DEPLOYMENT, made(), None, around(before)).workload
    assert filled is not None
    both = around(after)

    assert "was changed during the request. Try again." in approve(DEPLOYMENT, filled, None, both).refusal
    recreated = around(published(workingDir="/new"))
    assert "was changed during the request. Try again." in approve(DEPLOYMENT, filled, None, recreated).refusal


def test_new_references() -> None:
    """New are the reference of a CREATE, of a label that changed, of a pod template that was not there."""
    part = {"name": "a", "template": {}}
    one = {"metadata": {"labels": {names.REFERENCE: "e"}}, "spec": {"parts": [part]}}
    two = changed(one, lambda item: item["spec"]["parts"].append({**part, "name": "b"}))
    role = changed(one, lambda item: item["metadata"]["labels"].update({f"{names.ROLE_REFERENCE}a": "f"}))

    assert {"e"} == new_references(MANY, one, None)
    assert set() == new_references(MANY, one, one)
    assert {"e"} == new_references(MANY, two, one)
    assert {"f"} == new_references(MANY, role, one)


def test_pod_template_that_comes_later() -> None:
    """A pod template that comes later has what its siblings have, and may override as little as they."""

    def parts(**containers: Object) -> Object:
        listed = [{"name": n, "template": {"spec": {"containers": [c]}}} for n, c in containers.items()]
        return {"metadata": {"labels": {names.REFERENCE: "e"}}, "spec": {"parts": listed}}

    before = stored(MANY, parts(a={"name": "m"}), around(published(**STRICT)))
    later = around(published(workingDir="/new", generation=2))
    found = outcome(MANY, parts(a={"name": "m"}, b={"name": "n"}), before, later)

    assert found.workload is not None, found.refusal
    assert "/env" == found.workload["spec"]["parts"][1]["template"]["spec"]["containers"][0]["workingDir"]
    own = parts(a={"name": "m"}, b={"name": "n", "image": "mine"})
    assert 'spec.parts[1].template.spec.containers[0].image: "mine"' in refusal(MANY, own, before, later)


def test_container_that_stands_alone() -> None:
    """A container under a key of its own is validated, also when the annotation has another one chosen."""
    new: Object = {"metadata": {"labels": {names.REFERENCE: "e"}}, "spec": {"part": {"model": {}}}}
    aside = copy.deepcopy(new)
    aside["spec"]["part"] = {"model": {"securityContext": {"privileged": True}}, "containers": [{"name": "x"}]}
    aside["metadata"]["annotations"] = {names.CONTAINER: "x"}
    known = around(published(**STRICT))

    assert "" == refusal(ALONE, new, None, known)
    assert "spec.part.model.securityContext.privileged: true" in refusal(ALONE, aside, None, known)


def test_profile_by_annotation() -> None:
    """A profile that an annotation of the pods gives is one that the container has."""
    key = f"{APPARMOR}main"
    new = changed(made(), lambda item: item["spec"]["template"]["metadata"].update(annotations={key: "unconfined"}))

    assert f'spec.template.metadata.annotations[{key}]: "unconfined"' in refusal(
        DEPLOYMENT, new, None, around(published(**STRICT))
    )


def test_workload_without_a_pod_template() -> None:
    """A workload does not lose all its pod templates and keep the reference."""
    new: Object = {"metadata": {"labels": {names.REFERENCE: "e"}}, "spec": {"part": {"model": {}}}}
    before = stored(ALONE, new, around(published()))

    assert "has no pod template" in refusal(ALONE, changed(before, lambda i: i["spec"].pop("part")), before, around())


PERSON = (around(published(**PERSONAL), **ANN), around(published(**PERSONAL), **BOB))


@pytest.mark.parametrize(
    ("where", "explicit"),
    [("pod", {"runAsUser": 1001}), ("pod", {"runAsGroup": 1001}), ("pod", {"supplementalGroups": [7]}),
     ("container", {"runAsUser": 1001}), ("container", {"runAsGroup": 1001})],
)  # fmt: skip
def test_ids_of_another_person(where: str, explicit: Object) -> None:
    """Nobody has what he changes run with the ids of the submitter, wherever those had been written out."""
    ann, bob = PERSON
    new = made()
    (spec(new) if where == "pod" else main(new))["securityContext"] = explicit
    before = stored(DEPLOYMENT, new, ann)

    said = refusal(DEPLOYMENT, changed(before, lambda item: main(item).update(args=["mine"])), before, bob)
    assert f"securityContext.{next(iter(explicit))}: " in said
    assert "which does not allow User to be overridden" in said


def test_ids_of_who_changes_what_runs() -> None:
    """Who changes what runs has it run with his own ids, and none of the submitter's."""
    ann, bob = PERSON
    before = stored(DEPLOYMENT, made(), ann)
    found = outcome(DEPLOYMENT, changed(before, lambda item: main(item).update(args=["mine"])), before, bob)

    assert found.workload is not None, found.refusal
    assert {"runAsUser": 1002, "supplementalGroupsPolicy": "Strict"} == spec(found.workload)["securityContext"]
    assert "bob" == entry(found.workload)["by"]


def test_ids_stay_where_nothing_else_runs() -> None:
    """Who changes nothing that runs changes no ids; the submitter goes on, with or without his token."""
    ann, bob = PERSON
    before = stored(DEPLOYMENT, made(), ann)
    annotated = changed(before, lambda item: item["metadata"]["annotations"].update(x="y"))
    edited = changed(before, lambda item: main(item).update(args=["mine"]))

    assert annotated == outcome(DEPLOYMENT, annotated, before, bob).workload
    assert edited == outcome(DEPLOYMENT, edited, before, around(user="ann")).workload
    assert 'Make the change as "ann"' in refusal(DEPLOYMENT, edited, before, around(user="pipeline"))


def test_ids_of_sidecars_stay() -> None:
    """Ids that are nobody's, such as those of another webhook's container, stay when somebody else makes a change."""
    ann, bob = PERSON
    before = stored(DEPLOYMENT, made(), ann, sidecar)

    assert "" == refusal(DEPLOYMENT, changed(before, lambda item: main(item).update(args=["x"])), before, bob)


FREE_FIELDS = ["Image", "Command", "Args", "Env", "WorkingDir", "Security"]
OVERRIDABLE = st.lists(st.sampled_from(FREE_FIELDS), unique=True)


@settings(max_examples=150)
@given(*ANY, OVERRIDABLE)
def test_what_was_admitted_goes_on(
    kind: Kind, fields: Object, pod: Object, sidecar: bool, server: Server, pulls: bool, overridable: list[str]
) -> None:
    """Law 5: what passed once passes again without any Environment: as it is stored, and as it was requested."""
    new = server(kind, requested(kind, pod, sidecar))
    found = outcome(kind, new, None, around(published(**fields, overridable=overridable), **unnamed(pulls)))
    if found.workload is None:
        reject()
    before = server(kind, found.workload)

    assert "" == refusal(kind, before, before, around())
    assert "" == refusal(kind, new, before, around())
    assert "" == approve(kind, before, before, around()).refusal


@settings(max_examples=150)
@given(*ANY, OVERRIDABLE, CONTAINERS)
def test_updates_override_no_more_than_creation(
    kind: Kind,
    fields: Object,
    pod: Object,
    sidecar: bool,
    server: Server,
    pulls: bool,
    overridable: list[str],
    own: Object,
) -> None:
    """Any update of the main container passes only with what a new workload could have too."""
    environment = around(published(**fields, overridable=overridable), **unnamed(pulls))
    before = stored(kind, requested(kind, {"containers": [{"name": "main"}]}, sidecar), environment)
    update = requested(kind, {**pod, "containers": [{**own, "name": "main"}]}, sidecar)
    passed = refusal(kind, server(kind, update), before, around()) == ""

    assert passed == (refusal(kind, server(kind, update), None, environment) == "")


@settings(max_examples=100)
@given(st.sampled_from(list(KINDS.values())), RECORDS | JSON, JSON, JSON, st.booleans())
def test_any_request_gets_an_answer(
    kind: Kind, record: object, containers: object, init: object, was_there: bool
) -> None:
    """However a record or a workload is malformed, the answer is a workload or words, never a crash."""
    new = workload(kind.kind, "w", "team", "e")
    new["metadata"]["annotations"] = {names.RECORD: json.dumps({"/".join(template_path(kind)) or ".": record})}
    get(new, (*template_path(kind), "spec")).update(containers=containers, initContainers=init)
    answer = approve(kind, new, new if was_there else None, around(published(security={})))

    assert answer.workload is not None or answer.refusal


def test_kinds_without_rules_are_let_through() -> None:
    """What refers to no Environment is not validated, with any content."""
    assert "" == refusal(
        DEPLOYMENT, made(reference=None, image="x", securityContext={"privileged": True}), None, around()
    )


def test_templates_have_no_ids() -> None:
    """A template gets nobody's ids, and may have none."""
    ann, _ = PERSON
    new = made(TEMPLATE)
    assert "" == refusal(TEMPLATE, new, None, ann)
    spec(new)["securityContext"] = {"runAsUser": 1001}
    assert 'securityContext.runAsUser: 1001 is not in Environment "e"' in refusal(TEMPLATE, new, None, ann)


@pytest.mark.parametrize("kind", [JOB, POD], ids=lambda kind: kind.kind)
def test_kinds_whose_template_stays(kind: Kind) -> None:
    """A Job and a Pod are validated when they are created, like the others."""
    known = around(published(**STRICT))

    assert "" == refusal(kind, made(kind), None, known)
    assert 'containers[0].image: "mine"' in refusal(kind, made(kind, image="mine"), None, known)
