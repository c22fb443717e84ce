"""``rename`` through the real kubectl: other words for people, and another name that users follow."""

from collections.abc import Mapping
from typing import Any

import pytest

from builders import manifest, workload
from cluster.faults import Hold, Match, Rule
from cluster.proxy import FaultProxy
from environment_operator.api import names
from kube import Kube, Object
from plugin import Plugin


def reference(kube: Kube, kind: str, name: str, project: str) -> str:
    """Return the Environment that a workload refers to."""
    found = kube.get(kind, name, project)
    assert found is not None
    label: str = found["metadata"]["labels"][names.REFERENCE]
    return label


def test_rename(kube: Kube, plugin: Plugin) -> None:
    """Display name and description change, or go when they are empty."""
    name = kube.unique("env")
    kube.apply(manifest(name, description="old"))
    plugin("rename", name, "--display-name", "Jupyter", "--description", "")
    spec = kube.environment(name)["spec"]

    assert ("Jupyter", False) == (spec["displayName"], "description" in spec)
    assert "nothing to change is given." in plugin.fails("rename", name, code=2)


def test_users_follow(kube: Kube, plugin: Plugin, project: str) -> None:
    """Who can change follows; who cannot is named and keeps the old one until the next run, which finishes; whoever was
    sent to the old one is sent to the new one.
    """
    old, new, other = kube.unique("old"), kube.unique("new"), kube.unique("other")
    kinds = ("Deployment", "CronJob", "PodTemplate", "Job")
    kube.apply(manifest(old), *(workload(kind, "user", project, old) for kind in kinds))
    kube.apply(manifest(other, deprecated={"message": "old", "replacedBy": old}))
    kube.until_used(old, 4)
    kube.until_ready(other)
    unasked = plugin.fails("rename", old, "--to", new, code=2)
    rehearsed = plugin("rename", old, "--to", new, "--dry-run=server", code=3)
    untouched = (kube.find(new), "deprecated" in kube.environment(old)["spec"])
    said = plugin.fails("rename", old, "--to", new, "--display-name", "New", "--yes", code=3)
    kept = kube.environment(old)["spec"]
    kube.kubectl("delete", "job", "user", "-n", project)
    finished = plugin("rename", old, "--to", new, "--display-name", "Newer")
    kube.until_gone("env", old)
    kube.until_used(new, 3)

    assert f"Deployment {project}/user\n" in unasked
    assert f"Deployment {project}/user moved (server dry run)\n" in rehearsed
    assert (None, False) == untouched
    assert f'Environment "{old}" was not deleted, these use it:\n  Job {project}/user: a Job cannot change' in said
    assert {"message": f"it was renamed to {new}", "replacedBy": new} == kept["deprecated"]
    done = (f"environment.environments.dev/{new} renamed", f'environment.environments.dev "{old}" deleted')
    assert "".join(f"{each}\n" for each in done) == finished
    assert new == kube.environment(other)["spec"]["deprecated"]["replacedBy"]
    assert ("Newer", False) == ((spec := kube.environment(new)["spec"])["displayName"], "deprecated" in spec)
    assert [new] * 3 == [reference(kube, kind, "user", project) for kind in kinds[:3]]
    kube.until_ready(other)


def test_asks_before_pods_start_anew(kube: Kube, plugin: Plugin, project: str) -> None:
    """Without a yes nothing is changed; an Environment that only templates use is renamed without a question."""
    old, new = kube.unique("old"), kube.unique("new")
    kube.apply(manifest(old), *(workload(kind, "lab", project, old) for kind in ("PodTemplate", "Deployment")))
    kube.until_used(old, 2)
    no = plugin.at_terminal("rename", old, "--to", new, typed="n\n")
    unchanged = kube.find(new)
    kube.kubectl("delete", "deployment", "lab", "-n", project)
    kube.until_used(old, 1)
    plugin("rename", old, "--to", new)

    assert (1, True) == (no.code, f"Deployment {project}/lab" in no.out)
    assert unchanged is None
    kube.until_gone("env", old)


def test_goes_on_after_an_interruption(
    kube: Kube, plugin: Plugin, project: str, faults: FaultProxy, through: str
) -> None:
    """A run that was interrupted among the users is finished by the next one."""
    old, new = kube.unique("old"), kube.unique("new")
    users = [f"base-{number}" for number in range(5)]
    kube.apply(manifest(old), *(workload("PodTemplate", user, project, old) for user in users))
    kube.until_used(old, 5)
    third = faults.add(Rule(Match(methods=frozenset({"PATCH"}), path="/podtemplates/"), Hold(), skip=2))
    stopped = plugin.interrupted(third, "rename", old, "--to", new, KUBECONFIG=through)
    half = [reference(kube, "podtemplate", user, project) for user in users]
    rest = plugin("rename", old, "--to", new)

    assert 130 == stopped.code
    assert [new, new, old, old, old] == half
    assert 3 == rest.count("moved")
    assert {new} == {reference(kube, "podtemplate", user, project) for user in users}
    kube.until_gone("env", old)


def test_names_that_are_taken(kube: Kube, plugin: Plugin) -> None:
    """Another Environment is not written over, and the same name is no new one; what does not exist is said."""
    old, other = kube.unique("old"), kube.unique("other")
    kube.apply(manifest(old), manifest(other, image="other:1"))

    assert "with another spec. Choose a new name." in plugin.fails("rename", old, "--to", other, code=3)
    assert "Choose another name." in plugin.fails("rename", old, "--to", old, code=2)
    assert "there is no Environment" in plugin.fails("rename", kube.unique("none"), "--to", other, code=4)
    assert "deprecated" not in kube.environment(old)["spec"]


@pytest.mark.parametrize(
    ("edit", "why", "trains"),
    [
        ({"scope": {"projects": ["elsewhere"]}}, "it is for project/elsewhere", False),
        ({"workloadTypes": ["Training"]}, "Training", True),
        ({"image": "registry.example/team/jupyter:5"}, ".image", False),
    ],
    ids=["scope", "type", "overridden"],
)
def test_who_is_refused_stays(
    kube: Kube, plugin: Plugin, project: str, edit: Mapping[str, Any], why: str, trains: bool
) -> None:
    """A user that admission does not let follow, since the Environment was edited, is named in its words and runs on;
    the dry run refuses it as well, and does not say that the Environment would be deleted.
    """
    old, new = kube.unique("old"), kube.unique("new")
    kube.apply(manifest(old), *(workload(kind, "lab", project, old) for kind in ("Deployment", "CronJob")))
    kube.until_used(old, 2)
    kube.apply(manifest(old, **edit))
    rehearsed = plugin.run("rename", old, "--to", new, "--dry-run=server")
    untouched = kube.find(new)
    real = plugin.run("rename", old, "--to", new, "--yes")

    assert (3, 3, None) == (rehearsed.code, real.code, untouched)
    for said in (rehearsed.err, real.err):
        (line,) = (line for line in said.splitlines() if line.startswith(f"  Deployment {project}/lab: "))
        assert why in line
        assert f'Environment "{old}" was not deleted, these use it:\n' in said
    done = (f"CronJob {project}/lab moved", f"Deployment {project}/lab moved", "deleted")
    assert [trains, False, False] == [each in rehearsed.out for each in done]
    assert [trains, False, False] == [each in real.out for each in done]
    assert old == reference(kube, "deployment", "lab", project)


def person_with(kube: Kube, *grants: str) -> str:
    """Return a person who may read Environments and users, and has some more rights, as ``VERB,VERB:RESOURCE``."""
    person = kube.unique("person")
    read = ("get,list,watch:environments.environments.dev", "get,list:deployments.apps", "get,list:jobs.batch")
    for number, (verbs, _, resource) in enumerate(grant.partition(":") for grant in (*read, *grants)):
        name = f"{person}-{number}"
        kube.kubectl("create", "clusterrole", name, f"--verb={verbs}", f"--resource={resource}")
        kube.kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", f"--user={person}")
    last, _, resource = grants[-1].partition(":")
    asked = ("auth", "can-i", last.rpartition(",")[2], resource, "--all-namespaces", f"--as={person}")
    kube.until("the rights of a person", lambda: "yes" in kube.cluster.kubectl(*asked, check=False).stdout)
    return person


CHANGES, PATCHES = "create,patch,publish:environments.environments.dev", "patch:deployments.apps"


@pytest.mark.parametrize(
    ("grants", "used", "lacks"),
    [
        ((PATCHES, CHANGES), True, "delete"),
        ((PATCHES, CHANGES), False, "delete"),
        (("delete:environments.environments.dev", CHANGES), True, "patch"),
    ],
    ids=["delete-used", "delete-unused", "patch"],
)
def test_a_dry_run_lacks_the_same_rights(
    kube: Kube, plugin: Plugin, project: str, grants: tuple[str, ...], used: bool, lacks: str
) -> None:
    """Who may not move a user, or not delete the Environment, is refused in a dry run as in the real run."""
    old, new = kube.unique("old"), kube.unique("new")
    kube.apply(manifest(old), *([workload("Deployment", "lab", project, old)] if used else []))
    kube.until_used(old, int(used))
    person = person_with(kube, *grants)
    rehearsed = plugin.run("rename", old, "--to", new, "--dry-run=server", "--as", person)
    untouched = kube.find(new)
    real = plugin.run("rename", old, "--to", new, "--yes", "--as", person)

    assert (3, 3, None) == (rehearsed.code, real.code, untouched)
    assert [True, True] == [lacks in ran.err for ran in (rehearsed, real)]
    assert [lacks == "delete" and used] * 2 == [
        f"Deployment {project}/lab moved" in ran.out for ran in (rehearsed, real)
    ]
    assert [False, False] == ["deleted" in ran.out for ran in (rehearsed, real)]


def test_a_dry_run_needs_the_right_to_publish(kube: Kube, plugin: Plugin, project: str) -> None:
    """A deletion needs the right to publish, also where an earlier run has done all that comes before it."""
    old, new = kube.unique("old"), kube.unique("new")
    done = {"message": f"it was renamed to {new}", "replacedBy": new}
    kube.apply(manifest(old), manifest(new), workload("Deployment", "lab", project, old))
    kube.apply(manifest(old, deprecated=done))
    kube.until_used(old, 1)
    person = person_with(kube, "patch:deployments.apps", "patch,delete:environments.environments.dev")
    rehearsed = plugin.run("rename", old, "--to", new, "--dry-run=server", "--as", person)
    real = plugin.run("rename", old, "--to", new, "--yes", "--as", person)

    assert (3, 3) == (rehearsed.code, real.code)
    assert [True, True] == ['"publish"' in ran.err for ran in (rehearsed, real)]
    assert [False, False] == ["deleted" in ran.out for ran in (rehearsed, real)]


def test_what_a_controller_made(kube: Kube, plugin: Plugin, project: str) -> None:
    """What a controller of another kind made is left to that one."""
    old, new = kube.unique("old"), kube.unique("new")
    kube.apply(manifest(old))
    owner: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner", "namespace": project}}
    kube.apply(owner)
    found = kube.get("configmap", "owner", project)
    assert found is not None
    made = workload("Deployment", "made", project, old)
    made["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": found["metadata"]["uid"], "controller": True}
    ]
    kube.apply(made)
    kube.until_used(old, 1)

    assert f"Deployment {project}/made: ConfigMap owner made it" in plugin.fails("rename", old, "--to", new, code=3)
