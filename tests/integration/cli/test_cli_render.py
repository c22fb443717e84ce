"""``render``, ``check`` and ``diff`` through the real kubectl."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from builders import manifest, workload
from environment_operator.api import names
from kube import Kube
from plugin import Plugin


@pytest.fixture
def files(tmp_path: Path) -> Any:
    """Return a function that writes objects to a file."""

    def write(name: str, *objects: Any) -> str:
        path = tmp_path / name
        path.write_text(yaml.safe_dump_all(objects))
        return str(path)

    return write


def without_token(item: Any) -> Any:
    """Return the pod template without what is drawn anew each time."""
    template = item["spec"]["template"]
    template["metadata"]["labels"].pop(names.TOKEN)
    template["metadata"].pop("annotations")
    return template


def test_render_is_what_admission_does(kube: Kube, plugin: Plugin, project: str, files: Any) -> None:
    """What is shown for a workload is what the API server stores, with the cluster and without."""
    name = kube.unique("env")
    environment = manifest(name, env=[{"name": "DATA", "value": "/data"}], user={"source": "Custom", "uid": 7})
    asked = workload("Deployment", "lab", project, name)
    kube.apply(environment)
    kube.until_ready(name)
    shown = [
        yaml.safe_load(plugin("render", name, "-f", files("workload.yaml", asked))),
        yaml.safe_load(
            plugin(
                "render",
                "--environment",
                files("e.yaml", environment),
                "-f",
                files("w.yaml", asked),
                KUBECONFIG="/none",
            )
        ),
    ]
    stored = kube.kubectl("apply", "--dry-run=server", "-o", "yaml", "-f", "-", stdin=yaml.safe_dump(asked))
    real = without_token(yaml.safe_load(stored))["spec"]

    for template in map(without_token, shown):
        container = template["spec"]["containers"][0]
        assert container.items() <= real["containers"][0].items()
        assert template["spec"]["securityContext"] == real["securityContext"]


def test_render_fragment(kube: Kube, plugin: Plugin) -> None:
    """Without a workload it is what the Environment puts into a pod, as in its status."""
    name = kube.unique("env")
    kube.apply(manifest(name))
    kube.until_ready(name)

    assert kube.status(name)["fragment"] == yaml.safe_load(plugin("render", name))


def test_render_says_why_not(kube: Kube, plugin: Plugin, project: str, files: Any) -> None:
    """A workload that would be refused is refused in admission's own words."""
    name = kube.unique("env")
    kube.apply(manifest(name, workloadTypes=["Training"]))
    asked = files("workload.yaml", workload("Deployment", "lab", project))
    refused = kube.refused("apply", "-f", "-", stdin=yaml.safe_dump(workload("Deployment", "lab", project, name)))
    said = plugin.fails("render", name, "-f", asked, code=3).removeprefix("error: ").strip()

    assert said
    assert said in refused
    assert "Give its NAME" in plugin.fails("render", code=2)


def training(main: str, role: str) -> Any:
    """Return a PyTorchJob whose workers have an Environment of their own."""
    template = {"spec": {"containers": [{"name": "pytorch"}]}}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": "t", "labels": {names.REFERENCE: main, f"{names.ROLE_REFERENCE}worker": role}},
        "spec": {"pytorchReplicaSpecs": {"Master": {"template": template}, "Worker": {"template": template}}},
    }


def both_of(files: Any, environments: list[Any]) -> list[str]:
    """Return the options that take each of some Environments from a file of its own."""
    return [f"--environment={files(f'{number}.yaml', each)}" for number, each in enumerate(environments)]


def test_roles(kube: Kube, plugin: Plugin, project: str, files: Any) -> None:
    """Environments for single roles are injected and validated like the main one, with the cluster and without."""
    main, role, small = kube.unique("main"), kube.unique("role"), kube.unique("small")
    fields: Any = {"architecture": "Distributed", "framework": "PyTorch", "workloadTypes": ["Training"]}
    environments = [manifest(main, **fields, image="main:1"), manifest(role, **fields, image="role:1")]
    kube.apply(*environments, manifest(small))
    asked = files("job.yaml", training(main, role))
    shown = [
        plugin("render", "-f", asked),
        plugin("render", main, "-f", files("other.yaml", training("one", role))),
        plugin("render", *both_of(files, environments), "-f", asked, KUBECONFIG="/none"),
    ]
    both = plugin("render", main, "-f", asked, "-f", files("other.yaml", training("one", role)))
    unknown, unfit = (files(f"{each}.yaml", training(main, each)) for each in ("nobody", small))

    for each in shown:
        replicas = yaml.safe_load(each)["spec"]["pytorchReplicaSpecs"]
        assert ["main:1", "role:1"] == [r["template"]["spec"]["containers"][0]["image"] for r in replicas.values()]
        assert f"image: role:1  # Environment {role}" in " ".join(each.split()).replace(" # ", "  # ")
    assert "".join(shown[:2]) == both
    assert "yes" in plugin("check", main, "-n", project, "-f", asked)
    assert 'Environment "nobody" does not exist' in plugin("check", main, "-n", project, "-f", unknown, code=1)
    assert f'"{small}" cannot be used: it is for' in plugin("check", main, "-n", project, "-f", unfit, code=1)
    assert 'Environment "nobody" does not exist' in plugin.fails("render", main, "-f", unknown, code=3)


def test_what_is_no_workload(plugin: Plugin, tmp_path: Path) -> None:
    """Files that hold something else are refused in words."""
    file = tmp_path / "file.yaml"
    for text in (
        "[]",
        "7",
        "a: [",
        "{metadata: {labels: [a]}}",
        "{metadata: 1}",
        "[" * 5000,
        "a: 2026-99-99",
        "{metadata: {name: [a]}}",
        "{metadata: {labels: {a: 1}}}",
    ):
        file.write_text(text)
        assert str(file) in plugin.fails("render", "--environment", str(file), code=2)


def test_render_in_a_project(kube: Kube, plugin: Plugin, project: str, files: Any, config: Any) -> None:
    """A workload without a namespace is rendered for the project that is given, else for that of the context."""
    name = kube.unique("env")
    kube.apply(manifest(name, scope={"projects": [project]}))
    asked = workload("Deployment", "lab", project, name)
    del asked["metadata"]["namespace"]
    inside = config(lambda content: content["contexts"][0]["context"].update(namespace=project))
    command = ("render", "-f", files("workload.yaml", asked))
    given = plugin(*command, "-n", project)

    assert name == yaml.safe_load(given)["metadata"]["labels"][names.REFERENCE]
    assert without_token(yaml.safe_load(given)) == without_token(yaml.safe_load(plugin(*command, KUBECONFIG=inside)))
    assert f"it is for project/{project}" in plugin.fails(*command, code=3)
    assert f"it is for project/{project}" in plugin.fails(*command, "-n", "elsewhere", code=3, KUBECONFIG=inside)


def test_check(kube: Kube, plugin: Plugin, project: str, files: Any) -> None:
    """The exit code answers, and every reason is printed."""
    name, elsewhere = kube.unique("env"), kube.unique("env")
    kube.apply(manifest(name, scope={"projects": [project]}, workloadTypes=["Training"], imagePullSecrets=["hub"]))
    kube.apply(manifest(elsewhere, scope={"projects": ["elsewhere"]}))
    lacking = plugin("check", name, "-n", project, code=1)
    kube.kubectl("create", "secret", "generic", "hub", "-n", project)

    assert f"no: the project {project} has no Secret hub to pull the image with: create it\n" == lacking
    assert f"yes: {name} may be used in {project}\n" == plugin("check", name, "-n", project, "--kind", "job")
    assert "workload types Training" in plugin("check", name, "-n", project, "--kind", "Deployment", code=1)
    assert f'spec.scope: project "{project}" is not among project/elsewhere.' in plugin(
        "check", elsewhere, "-n", project, code=1
    )
    job, lab = (files(f"{kind}.yaml", workload(kind, "user", project)) for kind in ("Job", "Deployment"))
    assert "yes" in plugin("check", name, "-f", job)
    assert "workload types Training" in plugin("check", name, "-f", lab, "-f", job, code=1)
    assert 'kind "Secret" cannot use an Environment' in plugin.fails("check", name, "--kind", "Secret", code=2)


def test_check_what_a_kind_has_no_place_for(kube: Kube, plugin: Plugin, project: str) -> None:
    """What admission would refuse of every object of a kind is said of the kind alone."""
    name = kube.unique("env")
    kube.apply(manifest(name, user={"source": "Custom", "uid": 7}, architecture="Distributed", framework="PyTorch"))
    said = plugin("check", name, "-n", project, "--kind", "trainjob", "--kind", "pytorchjob", code=1)

    assert ["no: TrainJob trainjob: "] == [line.partition("Environment")[0] for line in said.splitlines()]
    assert "for which a TrainJob has no field: its pods have them from a runtime" in said


def test_check_pod_security(kube: Kube, plugin: Plugin, project: str) -> None:
    """A project that enforces a stricter level than the Environment needs is a reason."""
    name = kube.unique("env")
    kube.apply(manifest(name, security={"hostNetwork": True}))
    kube.until_ready(name)
    kube.kubectl("label", "namespace", project, "pod-security.kubernetes.io/enforce=baseline")

    assert "enforces baseline" in plugin("check", name, "-n", project, code=1)


def test_diff(kube: Kube, plugin: Plugin, project: str, files: Any) -> None:
    """What would change is shown with the users that would be outdated; nothing is stored."""
    name = kube.unique("env")
    before = manifest(name, description="old", env=[{"name": "A", "value": "1"}])
    kube.apply(before, workload("Deployment", "lab", project, name))
    kube.until_ready(name)
    unchanged = plugin.run("diff", "-f", files("same.yaml", before))
    cosmetic = plugin.run(
        "diff", "-f", files("cosmetic.yaml", {**before, "spec": {**before["spec"], "description": "new"}})
    )
    without = {key: value for key, value in before["spec"].items() if key != "env"}
    removed = plugin.run(
        "diff", "-f", files("removed.yaml", {**before, "spec": without}), "-f", files("same.yaml", before)
    )

    assert (0, "") == (unchanged.code, unchanged.out)
    assert (1, True, True) == (
        cosmetic.code,
        "-  description: old" in cosmetic.out,
        "none of its users" in cosmetic.err,
    )
    assert (1, True) == (removed.code, "-    value: '1'" in removed.out)
    assert f"1 of its users would be outdated: Deployment {project}/lab" in removed.err
    assert before["spec"]["env"] == kube.environment(name)["spec"]["env"]


def test_diff_of_what_is_new_or_wrong(kube: Kube, plugin: Plugin, files: Any) -> None:
    """A new Environment is all new; what the API server would refuse is refused, of one that exists, too."""
    name, there = kube.unique("env"), kube.unique("env")
    made = manifest(there)
    kube.apply(made)
    typo = files("typo.yaml", {**made, "specc": {}})
    later = files("later.yaml", {**made, "apiVersion": f"{names.GROUP}/v9"})
    nameless = files("nameless.yaml", {**made, "metadata": {"name": ""}})

    assert f"+  name: {name}" in plugin("diff", "-f", files("new.yaml", manifest(name)), code=1)
    assert "tty needs stdin" in plugin.fails("diff", "-f", files("bad.yaml", manifest(name, tty=True)), code=3)
    assert kube.find(name) is None
    assert 'unknown field "specc"' in plugin.fails("diff", "-f", typo, code=3)
    assert f"there is a {names.KIND} of {names.GROUP}/v9 in it" in plugin.fails("diff", "-f", later, code=2)
    assert 'metadata.name: "" is no name. Write small letters' in plugin.fails("diff", "-f", nameless, code=2)


def test_what_is_printed_can_be_read(kube: Kube, plugin: Plugin, tmp_path: Path) -> None:
    """Lists as ``-o yaml`` and kubectl print them are read, in a directory, too; so are names of ``-o name``."""
    name = kube.unique("env")
    kube.apply(manifest(name, description="printed"))
    chosen = ("--filter", f"environment={name}")
    (tmp_path / "ours.yaml").write_text(plugin("list", *chosen, "-o", "yaml"))
    (tmp_path / "theirs.json").write_text(kube.kubectl("get", "env", name, name, "-o", "json"))
    (tmp_path / "notes").mkdir()
    (printed,) = plugin("list", *chosen, "-o", "name").splitlines()

    assert "" == plugin("diff", "-f", str(tmp_path))
    assert f'environment.environments.dev "{name}" deleted\n' == plugin("delete", printed)
    assert "there is no file with the suffix .json or .yaml" in plugin.fails(
        "diff", "-f", str(tmp_path / "notes"), code=2
    )
