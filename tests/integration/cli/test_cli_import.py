"""``import`` through the real kubectl: what becomes of assets is what the API server accepts."""

import json
from pathlib import Path
from typing import Any

import yaml

from kube import Kube
from plugin import Plugin


def asset(name: str, **spec: Any) -> dict[str, Any]:
    """Return an asset as Run:ai's API gives it."""
    serving = {"toolType": "custom", "connectionType": "ServingPort", "containerPort": 80, "servingPortInfo": {}}
    lab = {"toolType": "jupyter-notebook", "connectionType": "ExternalUrl", "containerPort": 8888}
    types = {"workspace": True, "training": True, "inference": True}
    return {
        "meta": {"name": name, "scope": "project", "projectId": 7, "workloadSupportedTypes": types},
        "spec": {
            "image": "registry.example/lab:1",
            "command": "python -m lab",
            "uidGidSource": "custom",
            "runAsUid": 1000,
            "overrideUidGidInWorkspace": True,
            "capabilities": ["KILL"],
            "stdin": True,
            "tty": True,
            "environmentVariables": [{"name": "DATA", "value": ""}],
            "connections": [
                {"name": "serve", "internalToolInfo": serving},
                {"name": "Jupyter Lab", "internalToolInfo": lab},
            ],
            **spec,
        },
    }


def test_import(kube: Kube, plugin: Plugin, tmp_path: Path) -> None:
    """Assets become Environments that are ready; what could not be carried over is said; one that is refused does not
    keep the others away.
    """
    good, bad = kube.unique("good"), kube.unique("bad")
    file = tmp_path / "assets.json"
    file.write_text(json.dumps({"entries": [asset(bad, image="BAD image"), asset(good)]}))
    ran = plugin.run("import", str(file), "--map", "7=vision")
    kube.until_ready(good)

    assert (3, f"environment.environments.dev/{good} created\n") == (ran.code, ran.out)
    assert f"error: {bad}: " in ran.err
    assert f"{good}: spec.tty was left out: inference workloads cannot have it" in ran.err
    assert {"projects": ["vision"]} == kube.environment(good)["spec"]["scope"]


def test_import_for_gitops(kube: Kube, plugin: Plugin) -> None:
    """With ``--dry-run=client -o yaml`` the Environments are printed and none is created."""
    name = kube.unique("env")
    assets = json.dumps([asset(name), asset(f"{name} two")])
    printed = plugin("import", "-", "--dry-run=client", "-o", "yaml", stdin=assets)

    assert [name, f"{name}-two"] == [each["metadata"]["name"] for each in yaml.safe_load_all(printed)]
    assert kube.find(name) is None
    kube.kubectl("apply", "--dry-run=server", "-f", "-", stdin=printed)


def test_what_cannot_be_imported(plugin: Plugin, tmp_path: Path) -> None:
    """What is no JSON, no asset, or a map that cannot be read is refused in words."""
    file = tmp_path / "file"
    file.write_text("{}")

    assert "cannot be read as JSON" in plugin.fails("import", str(tmp_path / "none"), code=2)
    assert "number 1: no asset: meta is missing" in plugin.fails("import", str(file), code=3)
    assert "Write ID=NAME." in plugin.fails("import", str(file), "--map", "7", code=2)
