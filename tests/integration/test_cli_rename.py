"""``rename`` through the real kubectl: other words for people, and another name that users follow."""

from builders import manifest, workload
from cluster.faults import Hold, Match, Rule
from cluster.proxy import FaultProxy
from environment_operator import names
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
    assert "say the new" in plugin.fails("rename", name, code=2)


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
    assert f"{old} stays, these use it still:\n  Job {project}/user: a Job cannot change" in said
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

    assert "with another set-up: choose a new name" in plugin.fails("rename", old, "--to", other, code=3)
    assert "choose another name" in plugin.fails("rename", old, "--to", old, code=2)
    assert "there is no Environment" in plugin.fails("rename", kube.unique("none"), "--to", other, code=4)
    assert "deprecated" not in kube.environment(old)["spec"]


def test_who_is_refused_stays(kube: Kube, plugin: Plugin, project: str) -> None:
    """A user that admission does not let follow, since the scope has shrunk, is named in its words and runs on."""
    old, new = kube.unique("old"), kube.unique("new")
    kube.apply(manifest(old), workload("Deployment", "lab", project, old))
    kube.until_used(old, 1)
    kube.apply(manifest(old, scope={"projects": ["elsewhere"]}))
    said = plugin.fails("rename", old, "--to", new, "--yes", code=3)

    assert f"Deployment {project}/lab: " in said
    assert "it is for project/elsewhere" in said
    assert old == reference(kube, "deployment", "lab", project)


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
