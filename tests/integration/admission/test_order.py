"""An Environment and what uses it in one set of manifests: orders of applying, dry runs, backups, deletion."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from builders import manifest, unset_deployment
from cluster.rest import Reply
from environment_operator.api import names
from environment_operator.cli.client import responses
from kube import ENVIRONMENTS, Kube, Operator
from plugin import Plugin

Object = dict[str, Any]


@pytest.fixture
def both(kube: Kube, project: str) -> list[Object]:
    """Return an Environment that is not there yet, and a Deployment that takes its image from it."""
    name = kube.unique("env")
    return [manifest(name, scope={"projects": [project]}), unset_deployment("lab", project, name)]


def written(folder: Path, *objects: Object) -> str:
    """Return the file of some objects, in order."""
    (folder / "both.yaml").write_text(yaml.safe_dump_all(objects))
    return str(folder / "both.yaml")


def said(reply: Reply) -> str:
    """Return the warnings of a reply, as people read them."""
    return " ".join(map(responses.warning, reply.warnings))


def deployed(kube: Kube, lab: Object) -> Object | None:
    """Return the Deployment, None while there is none."""
    return kube.get("deployment", lab["metadata"]["name"], lab["metadata"]["namespace"])


@pytest.mark.parametrize("command", [("apply", "--server-side", "--dry-run=server"), ("apply", "--dry-run=server")])
def test_dry_run_of_both(kube: Kube, both: list[Object], tmp_path: Path, command: tuple[str, ...]) -> None:
    """A dry run of both passes with a warning, in either order, as Flux makes it first; nothing is stored."""
    for objects in (both, both[::-1]):
        done = kube.cluster.kubectl(*command, "-f", written(tmp_path, *objects))
        assert f'Environment "{both[0]["metadata"]["name"]}" does not exist: this dry run continues' in done.stderr

    assert None is deployed(kube, both[1])
    assert None is kube.find(both[0]["metadata"]["name"])


def test_diff_of_both(kube: Kube, both: list[Object], tmp_path: Path) -> None:
    """``kubectl diff`` shows both, and fails for no other reason than that they differ."""
    done = kube.cluster.kubectl("diff", "-f", written(tmp_path, *both), check=False)

    assert 1 == done.returncode, done.stderr
    assert "+kind: Deployment" in done.stdout
    assert "+kind: Environment" in done.stdout


def test_real_request_without_the_environment(kube: Kube, both: list[Object]) -> None:
    """What is stored is refused while the Environment is not there, with what to do when it comes with the set."""
    said = kube.refused("apply", "-f", "-", stdin=yaml.safe_dump(both[1]))

    assert f'Environment "{both[0]["metadata"]["name"]}" does not exist' in said
    assert "Create it, or correct label" in said
    assert "part of the same set of manifests, apply the set again" in said


@pytest.mark.parametrize("as_list", [True, False])
def test_user_first(kube: Kube, both: list[Object], as_list: bool) -> None:
    """With the user first the Environment is created all the same, and the second time everything is."""
    documents = [{"apiVersion": "v1", "kind": "List", "items": both[::-1]}] if as_list else both[::-1]
    text = yaml.safe_dump_all(documents)
    kube.refused("apply", "-f", "-", stdin=text)

    kube.kubectl("apply", "-f", "-", stdin=text)

    assert deployed(kube, both[1])


@pytest.mark.parametrize(("options", "passes"), [({}, False), ({"sortOptions": {"order": "fifo"}}, True)])
def test_kustomize(kube: Kube, both: list[Object], tmp_path: Path, options: Object, passes: bool) -> None:
    """Kustomize sends kinds that it does not know last; with fifo as they are listed, so that one pass is enough."""
    for name, each in zip(("environment.yaml", "lab.yaml"), both, strict=True):
        (tmp_path / name).write_text(yaml.safe_dump(each))
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    listed = {"resources": ["environment.yaml", "lab.yaml"], **options}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({**head, **listed}))

    first = kube.cluster.kubectl("apply", "-k", str(tmp_path), check=False)
    assert passes is (first.returncode == 0), first.stderr
    kube.kubectl("apply", "-k", str(tmp_path))

    assert deployed(kube, both[1])


def test_saved_environment(kube: Kube, both: list[Object]) -> None:
    """An Environment saved with another creator is created again, as that of who creates it, with a warning."""
    name = both[0]["metadata"]["name"]
    saved = {**both[0], "metadata": {"name": name, "annotations": {names.CREATED_BY: "who-left"}}}
    created = kube.rest.create(ENVIRONMENTS, saved)

    assert created.ok, created.message
    me = created.body["metadata"]["annotations"][names.CREATED_BY]
    assert "who-left" != me
    assert f'"who-left" is replaced by "{me}"' in said(created)
    assert "did not create this Environment" in kube.refused("apply", "-f", "-", stdin=yaml.safe_dump(saved))


def test_restored_workload(kube: Kube, both: list[Object], project: str) -> None:
    """A saved workload that is restored after an edit of its Environment gets today's values, with a warning."""
    kube.apply(*both)
    saved = json.loads(kube.kubectl("get", "deployment", "lab", "-n", project, "-o", "json"))
    kube.kubectl("delete", "deployment", "lab", "-n", project)
    name = both[0]["metadata"]["name"]
    assert kube.rest.patch(f"{ENVIRONMENTS}/{name}", {"spec": {"image": "registry.example/team/jupyter:5"}}).ok
    for field in ("resourceVersion", "uid"):
        del saved["metadata"][field]

    path = f"/apis/apps/v1/namespaces/{project}/deployments"
    dry = f"{path}?dryRun=All"
    kube.until("admission to know the edit", lambda: "has changed" in said(kube.rest.create(dry, saved)))
    restored = kube.rest.create(path, saved)

    assert restored.ok, restored.message
    assert f'Environment "{name}" has changed since this object was saved' in said(restored)
    assert "registry.example/team/jupyter:5" == restored.body["spec"]["template"]["spec"]["containers"][0]["image"]


def test_last_user_goes(kube: Kube, operator: Operator, both: list[Object], tmp_path: Path) -> None:
    """A count that falls to zero is written at once, though another one was written a moment before."""
    environment, lab = both
    name, project = environment["metadata"]["name"], lab["metadata"]["namespace"]
    kube.apply(environment, lab)
    kube.until_used(name, 1)
    # The next write after this one has to wait, unless it says that nobody is left.
    with operator.anew(gather_seconds=60):
        assert kube.rest.patch(f"{ENVIRONMENTS}/{name}", {"spec": {"description": "new"}}).ok
        kube.until_ready(name)
        kube.kubectl("delete", "deployment", "lab", "-n", project)
        kube.until_used(name, 0)

    kube.kubectl("delete", "-f", written(tmp_path, environment))


def test_refused_deletion_says_as_of_when(kube: Kube, both: list[Object]) -> None:
    """The refusal says when the users were counted, and to try again where they were deleted since."""
    environment, lab = both
    kube.apply(environment, lab)
    name = environment["metadata"]["name"]
    kube.until_used(name, 1)

    refused = kube.refused("delete", "environment", name, "--wait=false")

    assert re.search(f'"{name}" is used by 1 workload as of 20[0-9T:-]+Z, .* try again if it is gone', refused)


def test_delete_both(kube: Kube, both: list[Object], tmp_path: Path) -> None:
    """Users first, then the Environment, in one command: refused at most for a moment."""
    kube.apply(*both)
    kube.until_used(both[0]["metadata"]["name"], 1)
    file = written(tmp_path, *both[::-1])
    delete = ("delete", "--ignore-not-found", "--wait=false", "-f", file)

    kube.until("both to go", lambda: kube.cluster.kubectl(*delete, check=False).returncode == 0)


@pytest.mark.parametrize(("types", "code", "said"), [(["Workspace"], 0, "yes: "), (["Training"], 1, "no: ")])
def test_check_both(plugin: Plugin, both: list[Object], tmp_path: Path, types: list[str], code: int, said: str) -> None:
    """``check -f`` takes the Environment of the file as it will be, with or without its name."""
    both[0]["spec"]["workloadTypes"] = types
    file = written(tmp_path, *both[::-1])

    assert plugin("check", "-f", file, code=code).startswith(said)
    assert plugin("check", both[0]["metadata"]["name"], "-f", file, code=code).startswith(said)


def test_diff_both(plugin: Plugin, both: list[Object], tmp_path: Path) -> None:
    """``diff -f`` shows the Environment, and validates the workloads of the file with it."""
    assert "+  image: " in plugin("diff", "-f", written(tmp_path, *both), code=1)
    both[0]["spec"]["workloadTypes"] = ["Training"]

    assert "this Deployment is Workspace or Inference" in plugin.fails("diff", "-f", written(tmp_path, *both), code=3)
