"""The scripts for Argo CD, in the form of its repository, run by Lua 5.1 with the libraries that Argo CD opens."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa.lua51 import LuaRuntime, lua_type

from environment_operator.api.names import API_VERSION, KIND
from unit.injection.test_corpus import VERSIONS, merged

Object = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "deploy/argocd"
HEALTH = FOLDER / "environments.dev/Environment"
ACTIONS = FOLDER / "apps/Deployment/actions"
# https://github.com/argoproj/argo-cd/blob/master/util/lua/lua.go: package, base, table, and of os what is harmless.
CLOSED = ("string", "math", "io", "debug", "coroutine", "python", "dofile", "loadfile")
OF_OS = ("time", "date", "clock", "difftime")
KINDS = {"Deployment": "apps", "StatefulSet": "apps", "DaemonSet": "apps", "CronJob": "batch"}


def run(script: Path, item: Object) -> Any:
    """Return what a script makes of an object."""
    lua = LuaRuntime(register_eval=False, register_builtins=False)
    opened = lua.globals()
    opened.os = opened.package.loaded.os = lua.table_from({name: opened.os[name] for name in OF_OS})
    for name in CLOSED:
        opened[name] = None
    lua.globals().obj = lua.table_from(item, recursive=True)
    return plain(lua.execute(script.read_text(encoding="utf-8")))


def plain(value: Any) -> Any:
    """Return a value of Lua as Python has it; a table whose keys are numbers is a list."""
    if lua_type(value) != "table":
        return value
    found = {key: plain(inner) for key, inner in value.items()}
    return list(found.values()) if found and all(isinstance(key, int) for key in found) else found


def read(path: Path) -> Any:
    """Return the content of a file."""
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


@pytest.mark.parametrize("case", read(HEALTH / "health_test.yaml")["tests"], ids=lambda case: case["inputPath"])
def test_health(case: Object) -> None:
    """Each state in which an Environment can be has its health, with the words of its condition."""
    assert case["healthStatus"] == run(HEALTH / "health.lua", read(HEALTH / case["inputPath"]))


def test_health_while_reconciling() -> None:
    """What passes by itself is no failure: a sync waits for it."""
    item = read(HEALTH / "testdata/healthy_ready.yaml")
    found = {"type": "Reconciling", "status": "True", "message": "Not every kind can be listed."}
    item["status"]["conditions"].append(found)

    assert {"status": "Progressing", "message": found["message"]} == run(HEALTH / "health.lua", item)


@pytest.mark.parametrize("case", read(ACTIONS / "action_test.yaml")["actionTests"], ids=lambda case: case["action"])
def test_action(case: Object) -> None:
    """The action gives the annotation a new value, and changes nothing else."""
    found = run(ACTIONS / case["action"] / "action.lua", read(ACTIONS / case["inputPath"]))
    expected = read(ACTIONS / case["expectedOutputPath"])
    now = found["metadata"]["annotations"].pop("environments.dev/refresh")
    expected["metadata"]["annotations"].pop("environments.dev/refresh")

    assert emptied(expected) == emptied(found)
    assert "20" == now[:2]


def emptied(value: Any) -> Any:
    """Return a value whose empty lists are empty objects: a table of Lua does not distinguish them."""
    if isinstance(value, dict):
        return {key: emptied(inner) for key, inner in value.items()}
    return [emptied(inner) for inner in value] or {} if isinstance(value, list) else value


@pytest.mark.parametrize(("labels", "disabled"), [({"environments.dev/environment": "e"}, False), ({}, True)])
def test_discovery(labels: Object, disabled: bool) -> None:
    """Only what uses an Environment can be refreshed."""
    assert {"refresh": {"disabled": disabled}} == run(ACTIONS / "discovery.lua", {"metadata": {"labels": labels}})


def test_custom_kinds_drift_without_server_side_diff() -> None:
    """By Argo CD's default diff, a JSON merge patch of the manifest, every workload of a custom kind differs.

    So the document has ServerSideDiff=true, for which admission answers a dry run.
    """
    cases = [case for found in VERSIONS.values() for case in found if case.row.custom]
    same = {case.kind for case in cases if merged(case.stored, case.requested) == case.stored}

    assert set() == same


def test_every_file_is_a_case() -> None:
    """No test data lies about that no case uses."""
    used = {HEALTH / case["inputPath"] for case in read(HEALTH / "health_test.yaml")["tests"]}
    for case in read(ACTIONS / "action_test.yaml")["actionTests"]:
        used |= {ACTIONS / case["inputPath"], ACTIONS / case["expectedOutputPath"]}

    assert used == set(FOLDER.rglob("testdata/*.yaml"))


def test_config_map() -> None:
    """The ConfigMap to copy has these very scripts, for every kind that it names."""
    data = read(FOLDER / "argocd-cm.yaml")["data"]
    health, discovery, action = (
        path.read_text(encoding="utf-8")
        for path in (HEALTH / "health.lua", ACTIONS / "discovery.lua", ACTIONS / "refresh/action.lua")
    )
    actions = {"discovery.lua": discovery, "definitions": [{"name": "refresh", "action.lua": action}]}

    assert health == data["resource.customizations.health.environments.dev_Environment"]
    for kind, group in KINDS.items():
        found = yaml.load(data[f"resource.customizations.actions.{group}_{kind}"], yaml.CSafeLoader)
        assert {"mergeBuiltinActions": True, **actions} == found


BLOCKS = re.findall(r"```yaml\n(.*?)```", (FOLDER.parent / "gitops.md").read_text(encoding="utf-8"), re.DOTALL)
TEAM, OPERATOR, FLUX = (yaml.load(each, yaml.CSafeLoader) for each in BLOCKS)


def test_examples_to_copy() -> None:
    """The operator goes first, from the chart; Environments are pruned last, and the API server compares."""
    root = FOLDER.parents[1]

    assert "-2" == OPERATOR["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]
    assert (root / OPERATOR["spec"]["source"]["path"] / "Chart.yaml").exists()
    assert "ServerSideDiff=true" == TEAM["metadata"]["annotations"]["argocd.argoproj.io/compare-options"]
    assert ["PruneLast=true"] == TEAM["spec"]["syncPolicy"]["syncOptions"]


def test_what_others_write_is_overlooked() -> None:
    """What the operator and Kubernetes fill in is overlooked: it is in no manifest."""
    roles = [
        each
        for each in yaml.load_all((FOLDER.parent / "rbac.yaml").read_text("utf-8"), yaml.CSafeLoader)
        if "aggregationRule" in each
    ]
    (ignored,) = OPERATOR["spec"]["ignoreDifferences"]
    data = read(FOLDER / "argocd-cm.yaml")["data"]

    assert [(ignored["kind"], ignored["name"])] == [(each["kind"], each["metadata"]["name"]) for each in roles]
    for which in ("Mutating", "Validating"):
        key = f"resource.customizations.ignoreDifferences.admissionregistration.k8s.io_{which}WebhookConfiguration"
        assert [".webhooks[]?.clientConfig.caBundle"] == yaml.load(data[key], yaml.CSafeLoader)["jqPathExpressions"]


def test_flux_waits_for_environments() -> None:
    """The Kustomization waits, and its expressions read the conditions that the operator writes."""
    (found,) = FLUX["spec"]["healthCheckExprs"]
    kinds = {each["type"] for each in read(HEALTH / "testdata/degraded_stalled.yaml")["status"]["conditions"]}

    assert FLUX["spec"]["wait"]
    assert (API_VERSION, KIND) == (found["apiVersion"], found["kind"])
    assert kinds >= set(re.findall(r"c\.type == '(\w+)'", found["failed"] + found["current"]))
