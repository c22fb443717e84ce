"""Rights that people need: what the security document says how to give works as it stands there."""

import re
import shlex
from pathlib import Path

from cluster import Cluster
from environment_operator.api import names
from kube import Kube
from people import DEPARTMENTS, PLURAL, Person, unique
from plugin import Plugin

TEXT = (Path(__file__).parents[3] / "deploy/security.md").read_text(encoding="utf-8")
SECTION = TEXT.split("## Who may do what")[1].split("\n## ")[0]
PROJECTS = f"{names.PROJECTS}.{names.GROUP}"


def test_as_documented(kube: Kube, cluster: Cluster, plugin: Plugin) -> None:
    """Each command and manifest of the document gives what it says; without them the plugin says what is missing."""
    ada, anybody = Person(cluster, "ada"), Person(cluster, unique("somebody"))
    refused = plugin.fails("list", f"--as={anybody.name}", code=3)
    assert "--clusterrole=environment-viewer" in refused
    assert f"--user={anybody.name}" in refused
    kube.until_project("vision")
    commands = [
        line for block in re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL) for line in block.splitlines()
    ]
    ((question, asking),) = re.findall(r"`echo '({.*})' \| kubectl (.*)`", SECTION)
    (manifest,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)

    for command in commands:
        kube.kubectl(*shlex.split(command)[1:])
    kube.kubectl("apply", "-f", "-", stdin=manifest)

    anybody.await_right("list", PLURAL)
    ada.await_right("create", PLURAL)
    ada.await_right(names.PUBLISH, PLURAL, namespace="vision")
    assert not ada.may(names.PUBLISH, PLURAL)
    ada.await_right(names.PUBLISH, DEPARTMENTS, name="imaging")
    assert "true" == kube.kubectl(*shlex.split(asking), stdin=question)
    assert "false" == kube.kubectl(*shlex.split(asking.replace("=ada", f"={anybody.name}")), stdin=question)
    ada.await_right(names.ASSIGN, DEPARTMENTS, name="imaging")
    ada.await_right(names.ENFORCE, PROJECTS, name="vision")
    assert not ada.may(names.ENFORCE, PROJECTS, name="other")
    kube.kubectl("delete", "namespace", "vision", "--wait=false")
    kube.kubectl("delete", "clusterrolebinding", "environment-viewers", "ada-writes", "imaging-lead")
    kube.kubectl("delete", "clusterrole", "imaging-lead")
