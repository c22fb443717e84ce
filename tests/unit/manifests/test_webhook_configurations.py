"""The webhook configuration: every kind has its entry, whose expressions look at the right place."""

import json
import re
from collections import Counter
from typing import Any

import pytest
import yaml

from environment_operator.api import names
from environment_operator.kinds.harmless import APPARMOR
from environment_operator.kinds.table import BUILTIN, Kind, PodTemplate
from environment_operator.kinds.third_party import ROWS
from environment_operator.manifests import webhook_configurations
from environment_operator.manifests.match_conditions import concerns
from environment_operator.manifests.writing import HEADER, render

TABLE = (*BUILTIN, *ROWS)
OBJECTS = webhook_configurations.objects(TABLE)
ENTRIES: list[dict[str, Any]] = [entry for found in OBJECTS for entry in found["webhooks"]]
WORKLOADS = [entry for entry in ENTRIES if entry["failurePolicy"] == "Fail"]
(OWN,) = (entry for entry in ENTRIES if entry["name"].startswith(names.PLURAL))
(DEFAULTS,) = (entry for entry in ENTRIES if entry["name"].startswith("defaults."))
WORKER = (PodTemplate(path="spec.worker"),)
# What all objects may have, and one of them, which an annotation of 262,144 bytes has to hold with others.
MOST_IN_ALL, MOST_OF_ONE, MOST_OF_A_ROW = 200_000, 60_000, 4_000


def entries_of(kind: Kind) -> list[dict[str, Any]]:
    """Return the entries whose rules a kind matches."""
    return [entry for entry in WORKLOADS if any(_matches(rule, kind) for rule in entry["rules"])]


def _matches(rule: dict[str, Any], kind: Kind) -> bool:
    """Return whether a rule is about a kind."""
    there = (kind.group in rule["apiGroups"], kind.version in rule["apiVersions"], kind.plural in rule["resources"])
    return all(there)


def expression(entry: dict[str, Any]) -> str:
    """Return the only condition of an entry."""
    (condition,) = entry["matchConditions"]
    return str(condition["expression"])


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.name)
def test_every_kind_has_one_entry(kind: Kind) -> None:
    """Each kind of the table calls once to mutate and once to validate, for where its pod template is."""
    mutating, validating = entries_of(kind)
    assert (names.MUTATE, names.VALIDATE) == tuple(
        entry["clientConfig"]["service"]["path"] for entry in (mutating, validating)
    )
    assert mutating["matchConditions"] == validating["matchConditions"]
    group = f"{kind.group.replace('.', '[.]')}/.+" if kind.group else "v1"
    owners = re.search(rf"[(|]{re.escape(group)}/(?:\(([^)]*)\)|(\w+))", expression(mutating))
    assert kind.derives == (owners is not None and kind.kind in (owners[1] or owners[2]).split("|"))


@pytest.mark.parametrize("entry", WORKLOADS, ids=lambda entry: entry["name"])
def test_expressions_are_total(entry: dict[str, Any]) -> None:
    """No expression selects or indexes what may be absent, and a map or a list is only taken for one that is."""
    text = re.sub(r"'[^']*'", "''", expression(entry))
    way = r"\(?\[(\[v\]|\[[',\[\]]*\]\]\.map\(p,\[v\])\.map\(v,type\(v\)==map,"
    either = rf"\[object,oldObject\]\.map\(v,(\[?type\(v\)==map\?|{way})|optional\.ofNonZeroValue\(o\)"
    sides = re.sub(either, "SIDE", text)
    assert "[[object,oldObject].map(o,SIDE" in sides
    assert not re.search(r"\b(object|oldObject)\b", sides.replace("[object,oldObject].map(o,", "")), "may be null"
    # A step to a field, which is one of a map or none; from a table of ways, and lists of what each leads to.
    field = r"(v\.\?\w+\.orValue\(null\)|v\[\?p\[\d\]\]\.orValue\(dyn\(null\)\))"
    text = re.sub(rf"\.map\(v,type\(v\)==map,(p\[\d\]==''\?v:)?{field}\)", "", text)
    text = re.sub(r"\[\[[',\[\]]*\]\]\.map\(p,\[v\]\)", "[[v]]", text)
    text = text.replace("[p.map(v,v.map(v,v.map(v,", "[p.each(v,")
    text = re.sub(r"(?<=[\])])\.map\(v,v\.map\(v,", ".each(v,", text)
    assert {"operation"} >= set(re.findall(r"\.(?!\?)(\w+)(?!\w*\()", text)), "a selection that is not optional"
    assert {"[0]", "[1]"} >= set(re.findall(r"(?<=[\w)])\[[^\]]*\]", text))
    for call in re.finditer(r"(?<!\))\.(transformMap|map|all)\(", text):
        before = text[: call.start()]
        known = r"type\(v\)==(map|list)(&&v\.size\(\)<=\d+)?(\?(dyn\()?|&&)v$"
        fields = r"\[v\.\?\w+(\.orValue\(null\))?(,v\.\?\w+)*\](\.map\(v,v\.orValue\((null|\{\})\)\))?$"
        sure = before.endswith("[object,oldObject]") or re.search(fields, before)
        assert sure or re.search(known, before), before[-80:]


@pytest.mark.parametrize("entry", WORKLOADS, ids=lambda entry: entry["name"])
def test_workloads_are_refused_without_the_operator(entry: dict[str, Any]) -> None:
    """An entry for workloads fails closed, only for those with the reference, outside of the system's namespaces."""
    (selector,) = entry["objectSelector"]["matchExpressions"]
    (namespaces,) = entry["namespaceSelector"]["matchExpressions"]
    assert "Fail" == entry["failurePolicy"]
    assert (names.REFERENCE, "Exists") == (selector["key"], selector["operator"])
    assert {"kube-system", names.SYSTEM_NAMESPACE} == set(namespaces["values"])
    assert "environment-operator" in entry["name"]


def test_environments_are_not() -> None:
    """Environments can be written without the operator: the policies are their gate."""
    assert ("Ignore", [names.PLURAL]) == (OWN["failurePolicy"], OWN["rules"][0]["resources"])


def test_one_object_a_group() -> None:
    """Each API group, and each bundle, has one object of each sort, with the label by which the operator finds them."""
    found = [(each["kind"], each["metadata"]["name"]) for each in OBJECTS]
    rules = [rule for each in OBJECTS for entry in each["webhooks"] for rule in entry["rules"]]

    assert len(found) == len(set(found)) == 2 * len({each.configured_in for each in TABLE}) + 2
    assert {each.group for each in TABLE} | {names.GROUP} == {group for rule in rules for group in rule["apiGroups"]}
    assert [names.WEBHOOK_LABELS] * len(found) == [each["metadata"]["labels"] for each in OBJECTS]


def test_defaults() -> None:
    """Default Environments come before all others, for who refers to none, and stop nothing; each kind has a rule."""
    first = min(each["metadata"]["name"] for each in OBJECTS if each["kind"].startswith("Mutating"))
    assert webhook_configurations.DEFAULTS == first
    assert ("Ignore", names.DEFAULT) == (DEFAULTS["failurePolicy"], DEFAULTS["clientConfig"]["service"]["path"])
    assert [{"key": names.REFERENCE, "operator": "DoesNotExist"}] == DEFAULTS["objectSelector"]["matchExpressions"]
    for kind in TABLE:
        rules = [r for r in DEFAULTS["rules"] if kind.group in r["apiGroups"] and kind.plural in r["resources"]]
        assert (not kind.template and not kind.instead) == bool(rules), kind.name
    pairs = {(group, name) for rule in DEFAULTS["rules"] for group in rule["apiGroups"] for name in rule["resources"]}
    assert ("", "services") not in pairs


def test_bundles() -> None:
    """Kinds of a bundle have one list of what is harmless, and none of their pod templates stands in another one's."""
    for name in {each.bundle for each in TABLE if each.bundle}:
        same = [each for each in TABLE if each.configured_in == name]
        ways = {row.steps for each in same for row in each.pod_templates}
        nested = {way for way in ways for other in ways if way != other and way[: len(other)] == other}

        assert 1 == len({each.harmless for each in same}), name
        assert set() == nested, name


# Which controllers make objects of kinds of other groups, with the labels of their own.
MADE_BY = {
    ("TrainJob", "JobSet"), ("InferenceService", "Service"), ("LLMInferenceService", "LeaderWorkerSet"),
    ("DisaggregatedSet", "LeaderWorkerSet"), ("DynamoComponentDeployment", "LeaderWorkerSet"),
    ("RoleBasedGroup", "LeaderWorkerSet"), ("DynamoGraphDeployment", "PodCliqueSet"), ("Workflow", "RayJob"),
    ("RayJob", "RayCluster"), ("DaskJob", "DaskCluster"), ("CronWorkflow", "Workflow"), ("ScaledJob", "Job"),
    ("Rollout", "ReplicaSet"), ("PodClique", "Pod"), ("PathwaysJob", "JobSet"),
}  # fmt: skip


@pytest.mark.parametrize(("maker", "made"), sorted(MADE_BY))
def test_what_a_controller_makes_is_not_asked_about(maker: str, made: str) -> None:
    """An entry names the owners that its kinds have, so that what they make is stored while the operator is down."""
    kind = next(each for each in TABLE if each.kind == made)
    assert re.search(rf"[(|/]{maker}[|)]", expression(entries_of(kind)[0]))


def test_an_added_kind_may_own_any() -> None:
    """What a controller of an administrator's own kind makes calls no webhook, for any kind."""
    own = Kind(group="example.org", version="v1", kind="Sweep", plural="sweeps")
    (kind,) = (each for each in TABLE if each.kind == "RayJob")

    assert "example[.]org/.+/Sweep|" in concerns((kind,), (*TABLE, own))


def sizes(objects: list[dict[str, Any]]) -> Counter[str]:
    """Return how many characters the objects of each kind take, as they are written."""
    found = Counter[str]()
    for each in objects:
        found[each["kind"]] += len(render([each]))
    return found


SIZES = sizes(OBJECTS)


def test_sizes() -> None:
    """Each object fits into an annotation, and all together are small enough to be read."""
    file = render(OBJECTS)

    assert MOST_IN_ALL >= len(file)
    assert all(MOST_OF_ONE >= len(render([each])) for each in OBJECTS)
    assert all(MOST_OF_ONE >= len(json.dumps(each)) for each in OBJECTS)


@pytest.mark.parametrize("row", [{}, {"harmless": ["spec.size"]}, {"group": "batch"}], ids=str)
def test_sizes_of_further_kinds(row: dict[str, Any]) -> None:
    """A further kind adds little to each sort of object."""
    further = Kind.model_validate({"group": "example.org", "version": "v1", "kind": "Thing", "plural": "things", **row})
    after = sizes(webhook_configurations.objects((*TABLE, further)))
    for kind, before in SIZES.items():
        assert MOST_OF_A_ROW + len(HEADER) >= after[kind] - before


def test_room_for_more_rows() -> None:
    """Eight rows more have room, each of a group of its own, in the bundle of kinds of many small groups."""
    (bundled,) = (each for each in TABLE if each.kind == "StormService")
    paths = [f"spec.groups{n}[name].{at}" for n in range(4) for at in ("template", "pods.podTemplate")]
    more = [
        bundled.model_copy(
            update={
                "group": f"project-{n}.example.org",
                "plural": f"things{n}",
                "kind": f"Thing{n}",
                "makes": (),
                "pod_templates": (PodTemplate(path=path, role="*"),),
            }
        )
        for n, path in enumerate(paths)
    ]

    assert MOST_IN_ALL >= len(render(webhook_configurations.objects((*TABLE, *more))))


def test_names_are_unique() -> None:
    """Each entry has a name of its own, also when further kinds come with other places."""
    further = (
        Kind(group="example.org", version="v1", kind="Widget", plural="widgets", pod_templates=WORKER),
        Kind(group="example.org", version="v1", kind="Gadget", plural="gadgets", harmless=()),
    )
    found = [entry["name"] for each in webhook_configurations.objects((*TABLE, *further)) for entry in each["webhooks"]]
    assert 4 == sum(name.startswith(("widgets.example", "gadgets.example")) for name in found)
    assert 2 == max(found.count(name) for name in found)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_names_are_domain_names(entry: dict[str, Any]) -> None:
    """Each name is one that the API server accepts: https://datatracker.ietf.org/doc/html/rfc1123."""
    labels = entry["name"].split(".")
    assert len(entry["name"]) <= 253
    assert 3 <= len(labels)
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", label) for label in labels)


def test_large_families() -> None:
    """A family of more kinds than a name has room for is called after the first."""
    many = tuple(
        Kind(group="example.org", version="v1", kind="X", plural=f"things{n}", pod_templates=WORKER) for n in range(9)
    )
    assert "things0-and-more.example.org" in webhook_configurations.objects(many)[1]["webhooks"][0]["name"]


@pytest.mark.parametrize("entry", WORKLOADS, ids=lambda entry: entry["name"])
def test_what_is_the_same_is_seen_at_once(entry: dict[str, Any]) -> None:
    """Pod templates, or the lists that they are in, are compared as they are before anything of them is filtered."""
    rows = [row for kind in TABLE if entry in entries_of(kind) for row in kind.pod_templates]
    sides = expression(entry).split("||[[object,oldObject].map(v,")[1:]
    unfiltered = [
        side for side in sides if re.search(r"\.exists\(p,p\[0\]!=p\[1\]&&\(?\[p\.map\(v,v\.map\(v,v\.map\(v,", side)
    ]

    assert any(row.path for row in rows) == bool(unfiltered)
    assert [*unfiltered, sides[-1]] == sides


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.name)
def test_small_lists_only(kind: Kind) -> None:
    """What is read entry by entry is short, so that no object is expensive to change."""
    text = concerns((kind,), TABLE)
    for read in re.findall(r"type\(v\)==list[^?]*\?|type\(v\)==map[^?]*\?dyn\(v\.transformMap\(k,v,k\.matches", text):
        assert "v.size()<=500" in read


def test_owners_stand_once() -> None:
    """The kinds of controllers are one regular expression, which stands once in an expression."""
    text = expression(WORKLOADS[0])

    assert 1 == text.count("ownerReferences")
    assert 1 == text.count("(DaemonSet|Deployment|ReplicaSet|StatefulSet)")


def test_marks_of_the_pods() -> None:
    """What marks the pods of a template, and gives them a profile, is compared, too."""
    text = concerns((BUILTIN[4],), BUILTIN)

    assert 2 == text.count("k.matches('(^|[.])environments[.]dev/|^container[.]app|")
    assert APPARMOR.startswith("container.apparmor")


def test_yaml_is_the_objects() -> None:
    """What is written is what was generated."""
    assert OBJECTS == list(yaml.load_all(render(OBJECTS), yaml.CSafeLoader))
