"""The definition of Environments goes, which asks nobody, and comes again: the operator goes on in the same processes.

A cluster of its own, since all Environments go with it.
"""

import json

import pytest

from builders import manifest, workload
from cluster.faults import Answer, Match, Rule
from cluster.layout import REPO_ROOT
from environment_operator.api import names
from kube import ENVIRONMENTS, Kube, Operator

DEFINITION = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{names.CRD_NAME}"
WATCHES = Match(path=f"{ENVIRONMENTS}$", query="watch=true")
KINDS = Match(path=f"^/apis/{names.API_VERSION}$")


@pytest.fixture
def used(kube: Kube, project: str) -> str:
    """Return the name of an Environment that a PodTemplate uses."""
    name = kube.unique("env")
    kube.apply(manifest(name), workload("PodTemplate", "user", project, name))
    kube.until_used(name, 1)
    return name


def undefine(kube: Kube, used: str) -> None:
    """Delete the definition; it goes when the Environment in use is released, by order."""
    kube.kubectl("delete", "crd", names.CRD_NAME, "--wait=false")
    kube.until_condition(used, "DeletionBlocked", "True", "Used")
    kube.kubectl("annotate", "env", used, f"{names.ALLOW_DELETE_IN_USE}=true")
    kube.until("the definition to be gone", lambda: kube.rest.get(DEFINITION).status == 404)


def define(kube: Kube) -> None:
    """Have the definition, as when installing."""
    kube.kubectl("apply", "--server-side", "-f", str(REPO_ROOT / "crds"))
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
        assert "does not exist. Create it" in kube.refused("apply", "-f", "-", stdin=late)
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
