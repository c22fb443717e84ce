"""``describe``, ``workloads`` and ``templates`` through the real kubectl."""

import csv
import io
import json
from typing import Any

import pytest
import yaml

from builders import manifest, workload
from environment_operator.api import names
from environment_operator.kinds.table import BUILTIN
from environment_operator.kinds.third_party import ROWS
from kube import Kube
from plugin import Plugin

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def test_users(kube: Kube, plugin: Plugin, project: str) -> None:
    """All users are listed beyond the sample of the status, with their state; what they make is not a user."""
    name = kube.unique("env")
    kube.apply(manifest(name, env=[{"name": "DATA", "value": "/one"}]))
    jobs = [workload("Job", f"train-{number}", project, name) for number in range(12)]
    kube.apply(*jobs, workload("Deployment", "lab", project, name), workload("PodTemplate", "base", project, name))
    kube.until_used(name, 14)
    kube.apply(manifest(name, env=[{"name": "DATA", "value": "/two"}]))
    kube.until_ready(name)
    kube.apply(workload("Deployment", "fresh", project, name))
    kube.until_used(name, 15)
    listed = csv.DictReader(io.StringIO(plugin("workloads", name, "-n", project, "-o", "csv"), newline=""))
    states = {(row["Kind"], row["Name"]): row["State"] for row in listed}

    assert {("Job", f"train-{number}") for number in range(12)} | {("Deployment", "lab"), ("Deployment", "fresh")} == (
        states.keys()
    )
    assert ("outdated", "up to date") == (states["Deployment", "lab"], states["Deployment", "fresh"])
    assert "outdated, a Job cannot change" == states["Job", "train-0"]
    assert "podtemplates/base\n" == plugin("templates", name, "-n", project, "-o", "name")
    assert "PodTemplate" in plugin("templates", name, "-A", "--no-headers")
    (base,) = json.loads(plugin("templates", name, "-A", "-o", "json"))["items"]
    assert ("v1", "PodTemplate", "base") == (base["apiVersion"], base["kind"], base["metadata"]["name"])
    kinds = [each["kind"] for each in yaml.safe_load(plugin("workloads", name, "-A", "-o", "yaml"))["items"]]
    assert ["Deployment"] * 2 + ["Job"] * 12 == kinds


@pytest.mark.parametrize(
    ("command", "kind", "shown"),
    [("workloads", "Deployment", "deployments.apps"), ("templates", "PodTemplate", "podtemplates")],
)
def test_users_of_one_project(
    kube: Kube, plugin: Plugin, project: str, config: Any, command: str, kind: str, shown: str
) -> None:
    """The users in the project of the context are listed, with ``-n`` those in another one and with ``-A`` all; how
    many there are in other projects is said on standard error, and so is that there are none.
    """
    name = kube.unique("env")
    kube.apply(manifest(name), workload(kind, "lab", project, name))
    kube.until_used(name, 1)
    inside = config(lambda content: content["contexts"][0]["context"].update(namespace=project))
    ran = plugin.run(command, name)

    assert f"{shown}/lab\n" == plugin(command, name, "-o", "name", KUBECONFIG=inside)
    assert f"{shown}/lab\n" == plugin(command, name, "-n", project, "-o", "name")
    assert f"{shown}/lab\n" == plugin(command, name, "-A", "-o", "name")
    assert (0, "") == (ran.code, ran.out)
    none, more = ran.err.splitlines()
    assert f"no {command} use {name} in default" == none
    assert more.startswith("1 more in other projects: ")
    assert "exclude each other" in plugin.fails(command, name, "-A", "-n", project, code=2)


def test_lists_of_environments_have_no_namespace(kube: Kube, plugin: Plugin, project: str, config: Any) -> None:
    """``list`` shows all Environments, and ``describe`` all users, with any namespace in the context."""
    name = kube.unique("env")
    kube.apply(manifest(name, scope={"projects": [project]}), workload("Deployment", "lab", project, name))
    kube.until_used(name, 1)
    elsewhere = config(lambda content: content["contexts"][0]["context"].update(namespace="default"))

    assert name in plugin("list", "-o", "name", KUBECONFIG=elsewhere)
    assert name not in plugin("list", "-n", "default", "-o", "name", KUBECONFIG=elsewhere)
    assert "lab" in plugin("describe", name, KUBECONFIG=elsewhere).partition("Used by:")[2]


def test_kinds_that_may_not_be_read(kube: Kube, plugin: Plugin, project: str) -> None:
    """Who may not list kinds reads in one line which are left out, and how many users the operator counts."""
    name = kube.unique("env")
    kube.apply(manifest(name), workload("Deployment", "lab", project, name))
    kube.until_used(name, 1)
    role = {"rules": [{"apiGroups": [names.GROUP], "resources": [names.PLURAL], "verbs": ["get"]}]}
    meta = {"metadata": {"name": name}}
    subject = {"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
    reference = {"kind": "ClusterRole", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
    rbac = "rbac.authorization.k8s.io/v1"
    kube.apply(
        {"apiVersion": rbac, "kind": "ClusterRole", **meta, **role},
        {"apiVersion": rbac, "kind": "ClusterRoleBinding", **meta, "subjects": [subject], "roleRef": reference},
    )
    kube.until("the right to read", lambda: plugin.run("workloads", name, "-A", "--as", name).code == 0)
    described = plugin.run("describe", name, "--as", name)
    warning, count = plugin.run("workloads", name, "-A", "--as", name).err.splitlines()

    installed = {each["metadata"]["name"] for each in kube.rest.get(DEFINITIONS).body["items"]}
    there = [
        kind.name for kind in (*BUILTIN, *ROWS) if not kind.template and (not kind.custom or kind.name in installed)
    ]
    line = "Warning: users are left out of kinds that you may not list in all namespaces: "
    assert f"{line}{', '.join(there[:3])} and {len(there) - 3} more" == warning
    assert len(warning) <= 300
    assert f"workloads that use {name}: 1 by the operator's count, of which you may see 0" == count
    assert (0, True) == (described.code, "you may not list them" in described.out)
    assert "Used by:\n  1 by the operator's count, of which you may see 0\n" in described.out


def test_describe(kube: Kube, plugin: Plugin, project: str) -> None:
    """One Environment is shown with what it injects, its scope, its users and its Events."""
    name = kube.unique("env")
    kube.apply(
        manifest(name, scope={"projects": [project, "later"]}, image="registry.example/lab:1", overridable=["Image"])
    )
    kube.until_ready(name)
    kube.apply(workload("Job", "train", project, name))
    kube.until_used(name, 1)
    text = plugin("describe", name)

    for line in (
        f"project {project}\n",
        "project later (does not exist yet)",
        "image: registry.example/lab:1",
        "train",
    ):
        assert line in text


def test_nothing_of_this_name(plugin: Plugin) -> None:
    """An Environment that does not exist has its own exit code, and a hint."""
    said = 'error: there is no Environment "nobody". See kubectl environment list.\n'

    assert said == plugin.fails("describe", "nobody", code=4)
