"""The definition of Environments goes and comes again, or becomes stricter: the operator goes on in the same processes.

A cluster of its own, since all Environments go with it.
"""

import json
from functools import partial

import pytest

from builders import manifest, workload
from cluster.faults import Answer, Match, Rule
from cluster.layout import REPO_ROOT
from environment_operator.api import names
from environment_operator.manifests.crd import definition
from kube import ENVIRONMENTS, Kube, Object, Operator

DEFINITION = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{names.CRD_NAME}"
WATCHES = Match(path=f"{ENVIRONMENTS}$", query="watch=true")
KINDS = Match(path=f"^/apis/{names.API_VERSION}$")


@pytest.fixture
def used(kube: Kube, project: str) -> str:
    """Return the name of an Environment that a PodTemplate uses."""
    return kube.in_use("PodTemplate", "user", project)


def undefine(kube: Kube, used: str) -> None:
    """Delete the definition; it goes when the Environment in use is released, by order."""
    kube.kubectl("delete", "crd", names.CRD_NAME, "--wait=false")
    kube.until_condition(used, "DeletionBlocked", "True", "Used")
    kube.kubectl("annotate", "env", used, f"{names.ALLOW_DELETE_IN_USE}=true")
    kube.until("the definition to be gone", lambda: kube.rest.get(DEFINITION).status == 404)


def define(kube: Kube) -> None:
    """Have the definition, as when installing."""
    kube.kubectl("apply", "--server-side", "-f", str(REPO_ROOT / "crds/environments.environments.dev.yaml"))
    kube.until_established(names.CRD_NAME)
    # It is established a moment before it is served.
    kube.until("Environments to be served", lambda: kube.rest.get(ENVIRONMENTS).ok)


def works(kube: Kube, project: str, used: str) -> None:
    """Require that an Environment made anew has its old user, is guarded, and can be used."""
    kube.apply(manifest(used))
    # The controller asks for them every ten seconds.
    kube.until_used(used, 1)
    kube.until_ready(used)

    assert [names.FINALIZER] == kube.environment(used)["metadata"]["finalizers"]
    assert "is used by 1 template" in kube.refused("delete", "env", used)
    kube.apply(workload("Job", used, project, used))
    kube.until_used(used, 2)
    kube.kubectl("delete", "job", used, "-n", project)
    kube.until_used(used, 1)


def test_goes_and_comes(kube: Kube, operator: Operator, project: str, used: str) -> None:
    """The same processes go on when the definition goes, refuse new references, and work as before when it is back."""
    before = [operator.pid, kube.cluster.pid("webhook")]
    for _ in range(2):
        undefine(kube, used)
        kube.until("the controller's watch to end", lambda: not any(map(WATCHES, operator.proxy.watches())))
        late = json.dumps(workload("PodTemplate", "late", project, used))
        assert "does not exist" in kube.refused("apply", "-f", "-", stdin=late)
        kube.kubectl("label", "podtemplate", "user", "-n", project, "a=b", "--overwrite")
        define(kube)
        works(kube, project, used)

    assert before == [operator.pid, kube.cluster.pid("webhook")]


def test_watch_that_is_not_found(kube: Kube, operator: Operator, project: str, used: str) -> None:
    """A watch that is not found, as it happens while the definition goes, does not end the controller."""
    before = operator.pid
    rule = operator.proxy.add(Rule(WATCHES, Answer(404)))
    operator.proxy.end_watches(WATCHES)
    assert rule.await_hit()
    rule.remove()
    works(kube, project, used)

    assert before == operator.pid


def test_comes_late(kube: Kube, operator: Operator, project: str, used: str) -> None:
    """A controller that starts before there is the definition works as soon as there is, also when lists lag behind."""
    undefine(kube, used)
    operator.stop()
    rule = operator.proxy.add(Rule(KINDS, Answer(404)))
    operator.start(await_ready=False)
    before = operator.pid
    define(kube)
    assert rule.await_hit()
    rule.remove()
    works(kube, project, used)

    assert before == operator.pid


URL = {"name": "w", "type": "Comet", "connection": {"type": "ExternalURL", "url": "javascript:alert(1)"}}
# What an earlier definition took, the field that the status and a refusal name, and what to write there.
LOOSER: dict[str, tuple[Object, str, str]] = {
    "a text": ({"tools": [URL]}, "spec.tools[0].connection.url", "begins with https://"),
    "fields together": ({"tty": True}, "spec.tty", "Set stdin: true too"),
    "fields of an item": ({"env": [{"name": "A"}]}, "spec.env[0].value", "or set required: true"),
}


def earlier() -> Object:
    """Return a definition that has the fields of today's and none of its rules in CEL."""
    made: Object = json.loads(json.dumps(definition()), object_hook=_without_rules)
    return made


def _without_rules(node: Object) -> Object:
    """Return a part of a definition without its rules."""
    return {key: value for key, value in node.items() if key != "x-kubernetes-validations"}


def _accepted(kube: Kube, name: str, change: Object) -> bool:
    """Return whether the API server accepts a change of an Environment."""
    return kube.rest.patch(f"{ENVIRONMENTS}/{name}", change).ok


@pytest.fixture
def stored_before(kube: Kube, project: str) -> dict[str, str]:
    """Return Environments in use that an earlier definition took, by what is wrong with them; then today's comes."""
    made = {case: kube.unique("old") for case in LOOSER}
    for name in made.values():
        kube.apply(manifest(name), workload("Deployment", name, project, name))
        kube.until_used(name, 1)
    kube.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(earlier()))
    for case, name in made.items():
        change = {"spec": LOOSER[case][0]}
        kube.until("the earlier definition", partial(_accepted, kube, name, change))
    kube.kubectl(
        "apply", "--server-side", "--force-conflicts", "-f", str(REPO_ROOT / "crds/environments.environments.dev.yaml")
    )
    refused = manifest(kube.unique("other"), **LOOSER["a text"][0])
    kube.until("today's definition", lambda: not kube.rest.create(f"{ENVIRONMENTS}?dryRun=All", refused).ok)
    return made


def test_stricter_than_what_is_stored(kube: Kube, project: str, stored_before: dict[str, str]) -> None:
    """What an earlier definition took is stalled with field and way out; who uses it goes on, and nobody comes anew."""
    deployments = f"/apis/apps/v1/namespaces/{project}/deployments"
    for case, name in stored_before.items():
        _, field, way_out = LOOSER[case]
        message = kube.until_condition(name, "Stalled", "True", "InvalidSpec")["message"]
        assert message.startswith(f"{field}: ")
        assert way_out in message

        late = kube.refused("create", "-f", "-", stdin=json.dumps(workload("Job", name, project, name)))
        assert field in late
        kube.kubectl("scale", "deployment", name, "--replicas=0", "-n", project)
        variable = [{"name": "main", "env": [{"name": "MINE", "value": "1"}]}]
        change = {"spec": {"template": {"spec": {"containers": variable}}}}
        changed = kube.rest.patch(f"{deployments}/{name}", change, "strategic")
        assert changed.ok, changed.message


def test_what_is_stored_can_be_mended(kube: Kube, project: str, stored_before: dict[str, str]) -> None:
    """Its status is written as ever; it is ready once it is corrected, and goes when nobody uses it."""
    first, *others = stored_before.values()
    kube.until_condition(first, "Stalled", "True", "InvalidSpec")
    mended = kube.rest.patch(f"{ENVIRONMENTS}/{first}", {"spec": {"tools": None}})
    assert mended.ok, mended.message
    kube.until_ready(first)
    for name in others:
        kube.kubectl("delete", "deployment", name, "-n", project)
        kube.until_used(name, 0)
        kube.kubectl("delete", "env", name)


FUTURE = "fromTheFuture"


def newer() -> Object:
    """Return a definition with a field that this operator does not know."""
    made = definition()
    (version,) = made["spec"]["versions"]
    fields = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    fields[FUTURE] = {"type": "string", "maxLength": 9}
    return made


def _refused(kube: Kube, name: str, project: str) -> str:
    """Return what a new reference is refused with."""
    return kube.refused("create", "-f", "-", stdin=json.dumps(workload("Job", name, project, name)))


def _refused_at_first(kube: Kube, name: str, project: str) -> bool:
    """Return whether the mutating call refuses a new reference, by what is in memory; the validating one would read."""
    before = kube.admissions()
    _refused(kube, name, project)
    return (kube.admissions() - before)["mutate refused"] == 1


def made_of_newer(kube: Kube, known: str) -> str:
    """Return the name of an Environment that was made, with its field, at once after the newer definition came.

    The API server keeps the watches of before for a second or more, and leaves the field out of what they bring. No
    event follows: what is missing is listed when they end.
    """
    name, field = kube.unique("new"), {"spec": {FUTURE: "x"}}
    kube.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(newer()))
    path = f"{ENVIRONMENTS}/{known}"
    kube.until("the newer definition", lambda: FUTURE in kube.rest.patch(f"{path}?dryRun=All", field).body["spec"])
    kube.apply(manifest(name, **field["spec"]))
    return name


def with_todays(kube: Kube, name: str) -> None:
    """Have today's definition again, by which an Environment has no field of the newer one."""
    kube.kubectl(
        "apply", "--server-side", "--force-conflicts", "-f", str(REPO_ROOT / "crds/environments.environments.dev.yaml")
    )
    kube.until("today's definition", lambda: FUTURE not in kube.environment(name)["spec"])


def test_newer_than_the_operator(kube: Kube, project: str, used: str) -> None:
    """With a newer definition only what has one of its fields is stalled; with the one before it is ready again."""
    name = made_of_newer(kube, used)
    message = kube.until_condition(name, "Stalled", "True", "InvalidSpec")["message"]
    refused = _refused(kube, name, project)
    kube.apply(workload("Job", used, project, used))
    kube.until_used(used, 2)
    with_todays(kube, name)

    assert f"spec.{FUTURE}: unknown field" in message
    assert f"spec.{FUTURE}: unknown field" in refused
    kube.until_ready(name)


def test_newer_than_admission(kube: Kube, operator: Operator, project: str, used: str) -> None:
    """Nobody comes to what has a field of a newer definition, from the first moment on, also with no controller."""
    with operator.down():
        name = made_of_newer(kube, used)
        at_once = _refused(kube, name, project)
        kube.until("admission to have it in memory", lambda: _refused_at_first(kube, name, project))
        with_todays(kube, name)
        job = json.dumps(workload("Job", name, project, name))
        kube.until(
            "it to be usable", lambda: not kube.cluster.kubectl("apply", "-f", "-", input=job, check=False).returncode
        )

    assert f"spec.{FUTURE}: unknown field" in at_once
