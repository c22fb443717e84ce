"""What the API server refuses in a pod is found before anybody uses the Environment, under the author's own field."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from builders import manifest, workload
from cluster.faults import Answer, Match, Rule
from cluster.proxy import FaultProxy
from environment_operator.cli.client import responses
from kube import ENVIRONMENTS, Kube, Operator
from plugin import Plugin

Object = dict[str, Any]
SECRET = {"secretKeyRef": {"name": "s", "key": ".."}}
CONFIG = {"configMapKeyRef": {"name": "c", "key": "."}}
LABEL = {"fieldRef": {"fieldPath": "metadata.labels['a b']"}}
FIELD = {"fieldRef": {"fieldPath": "status.foo"}}
FIRST = {"name": "FIRST", "required": True}
NODE_PORT = {"type": "NodePort", "assign": "Custom", "nodePort": 80}
TOOL = {"name": "lab", "type": "JupyterNotebook"}
BOARD = {"name": "board", "type": "TensorBoard"}
PROFILE = {"type": "Localhost", "localhostProfile": "/absolute"}

# Each with a value that the schema takes and the API server refuses in a pod or a Service.
INVALID: list[tuple[Object, str]] = [
    ({"env": [FIRST, {"name": "A", "valueFrom": SECRET}]}, "spec.env[1].valueFrom.secretKeyRef.key"),
    ({"env": [FIRST, {"name": "A", "valueFrom": CONFIG}]}, "spec.env[1].valueFrom.configMapKeyRef.key"),
    ({"env": [{"name": "A", "valueFrom": LABEL}]}, "spec.env[0].valueFrom.fieldRef"),
    ({"env": [FIRST, {"name": "A", "valueFrom": FIELD}]}, "spec.env[1].valueFrom.fieldRef.fieldPath"),
    ({"tools": [BOARD, {**TOOL, "connection": NODE_PORT}]}, "spec.tools[1].connection.nodePort"),
    ({"security": {"seccompProfile": PROFILE}}, "spec.security.seccompProfile.localhostProfile"),
]
# The schema says so itself.
REFUSED: list[tuple[Object, str]] = [
    ({"tools": [{"name": "8888", "type": "JupyterNotebook"}]}, "spec.tools[0].name"),
    ({"tools": [{"name": "1-2", "type": "JupyterNotebook"}]}, "small letters, at least one"),
]


@pytest.mark.parametrize(("fields", "field"), INVALID, ids=[field for _, field in INVALID])
def test_invalid(kube: Kube, project: str, fields: Object, field: str) -> None:
    """It is Stalled with the API server's words and our field; saving warns of it, and using it says it, too."""
    name = kube.unique("env")
    reply = kube.rest.create(ENVIRONMENTS, manifest(name, **fields))
    assert reply.ok, reply.message

    message = kube.until_condition(name, "Stalled", "True", "InvalidFragment")["message"]
    kube.until_condition(name, "Ready", "False", "InvalidFragment")
    assert message.startswith(f"{field}: "), message
    warned = " ".join(map(responses.warning, reply.warnings))
    assert f"InvalidFragment, so no workload can use this Environment: {message}" in warned
    new = workload("Deployment", "w", project, name)
    path = f"/apis/apps/v1/namespaces/{project}/deployments?dryRun=All"
    kube.until("it to be refused", lambda: "InvalidFragment" in kube.rest.create(path, new).message)


def test_corrected(kube: Kube) -> None:
    """An Environment that is corrected is Ready."""
    name = kube.unique("env")
    assert kube.rest.create(ENVIRONMENTS, manifest(name, **INVALID[0][0])).ok
    kube.until_condition(name, "Stalled", "True", "InvalidFragment")
    assert kube.rest.patch(f"{ENVIRONMENTS}/{name}", {"spec": {"env": None}}).ok

    kube.until_ready(name)
    kube.until_condition(name, "FragmentValid", "True", "Accepted")
    assert {} == kube.condition(name, "Stalled")


def test_no_kind(kube: Kube, operator: Operator, tmp_path: Path) -> None:
    """An architecture, framework and type that no kind has are said to the author."""
    name, rows = kube.unique("env"), tmp_path / "kinds.yaml"
    rows.write_text("- {group: kubernetes.dask.org, enabled: false}\n")
    with operator.anew(kinds_file=rows):
        kube.apply(manifest(name, architecture="Distributed", framework="PyTorch", workloadTypes=["Workspace"]))
        condition = kube.until_condition(name, "Stalled", "True", "NoMatchingKind")
        kube.kubectl("delete", "environment", name)

    assert "no kind of workload is Distributed PyTorch and Workspace" in condition["message"]


@pytest.mark.parametrize("status", [403, 422, 429, 500])
def test_unchecked(kube: Kube, proxy: FaultProxy, status: int) -> None:
    """Where the API server cannot be asked, or another webhook refuses, the Environment is Ready and says so."""
    name = kube.unique("env")
    proxy.add(Rule(Match(path="/podtemplates"), Answer(status, "Refused", "not now")))
    # What was said of a spec before is remembered, so this one is new.
    kube.apply(manifest(name, description=name))

    kube.until_ready(name)
    kube.until_condition(name, "FragmentValid", "Unknown", "Unchecked")


@pytest.mark.parametrize(("fields", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_refused(kube: Kube, fields: Object, said: str) -> None:
    """What the schema can check is refused at once."""
    assert said in kube.rest.create(ENVIRONMENTS, manifest(kube.unique("env"), **fields)).message


@pytest.fixture
def editor(tmp_path: Path) -> str:
    """Return an editor that writes what the API server refuses, and gives up when it is opened again."""
    program, line = tmp_path / "editor", "  security: {seccompProfile: {type: Localhost, localhostProfile: /absolute}}"
    program.write_text(f"#!/bin/sh\ngrep -q seccomp $1 || sed -i 's|^spec:|spec:\\n{line}|' $1\n")
    program.chmod(0o700)
    return str(program)


def test_said_before_saving(kube: Kube, plugin: Plugin, tmp_path: Path, editor: str) -> None:
    """``copy``, ``edit``, ``check`` and ``diff`` say it before anything is saved."""
    bad, good, copy = (kube.unique("env") for _ in range(3))
    wanted = manifest(bad, security={"seccompProfile": PROFILE})
    kube.apply(wanted, manifest(good))
    (tmp_path / "env.yaml").write_text(yaml.safe_dump({**wanted, "metadata": {"name": copy}}))
    file = str(tmp_path / "env.yaml")
    said = [
        plugin.fails("copy", bad, copy, "--no-edit", code=3),
        plugin.fails("edit", good, code=3, KUBE_EDITOR=editor),
        plugin.fails("check", "-f", file, code=3),
        plugin.run("diff", "-f", file).err,
    ]

    assert [] == [each for each in said if "spec.security.seccompProfile.localhostProfile" not in each]
    assert None is kube.find(copy)
    assert "security" not in kube.environment(good)["spec"]
