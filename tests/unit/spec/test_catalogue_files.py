"""The Environments of deploy/catalogue say where they come from, can work, and warn of nothing."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from environment_operator.api import names
from environment_operator.api.tools import EXTERNAL_TOOLS, base_path_variable
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.injection.warnings import on_spec
from environment_operator.spec.validation import validate

FOLDER = Path(__file__).parents[3] / "deploy" / "catalogue"
KUSTOMIZATION = yaml.load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
OWN = {"kustomization.yaml", *KUSTOMIZATION["configurations"], "README.md"}
FILES = sorted(path for path in FOLDER.iterdir() if path.name not in OWN)
MANIFESTS: dict[str, dict[str, Any]] = {
    path.stem: yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) for path in FILES
}
LEAST = 14


def test_the_kustomization_lists_every_file() -> None:
    """What is in the folder is applied, and it is enough to be a catalogue."""
    assert sorted(path.name for path in FILES) == sorted(KUSTOMIZATION["resources"])
    assert LEAST <= len(FILES)


@pytest.mark.parametrize("name", MANIFESTS)
def test_it_is_an_environment_for_everybody(name: str) -> None:
    """Each file has one Environment of its own name, for the whole cluster, that says what it is for."""
    made = MANIFESTS[name]

    assert (names.API_VERSION, names.KIND, {"name": name}) == (made["apiVersion"], made["kind"], made["metadata"])
    assert {"cluster": True} == made["spec"]["scope"]
    assert made["spec"]["displayName"]
    assert made["spec"]["description"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_sources_are_cited(path: Path) -> None:
    """Each file cites the documents that it follows, with what is from there, and one where its tag was seen."""
    head = path.read_text(encoding="utf-8").partition("apiVersion:")[0]
    sources = re.findall(r"^# Source: https://\S+ \(.+\)$", head, re.MULTILINE)

    assert sources
    assert sources == re.findall(r"^# Source: .*$", head, re.MULTILINE)
    assert 1 == len(re.findall(r"^# Tag: https://\S+", head, re.MULTILINE))


@pytest.mark.parametrize("name", MANIFESTS)
def test_it_can_work(name: str) -> None:
    """The operator takes each one, and has nothing to warn its author of."""
    verdict = validate(MANIFESTS[name]["spec"], replacement_exists=False)

    assert verdict.stalled is None
    assert verdict.spec is not None
    assert [] == on_spec(verdict.spec)


@pytest.mark.parametrize("name", MANIFESTS)
def test_its_image_is_pinned_and_names_its_registry(name: str) -> None:
    """Each image has a tag that stays, and begins with a host, which is what a mirror takes the place of."""
    host, _, rest = MANIFESTS[name]["spec"]["image"].partition("/")

    assert "." in host
    assert re.fullmatch(r"[\w./-]+:(?!.*latest)\w[\w.-]*\d[\w.-]*", rest)


@pytest.mark.parametrize("name", MANIFESTS)
def test_every_tool_knows_its_base_url(name: str) -> None:
    """A tool with a URL is given its base path, by an argument or a variable; one that takes none needs none."""
    spec = EnvironmentSpec.model_validate(MANIFESTS[name]["spec"])
    given = [*(spec.args or ()), *(variable.value or "" for variable in spec.env or ())]
    routed = [t for t in spec.tools or () if t.connection is None or t.connection.type == "ExternalURL"]
    inside = [tool.name for tool in routed if tool.type not in EXTERNAL_TOOLS]

    assert [] == [tool for tool in inside if not any(f"$({base_path_variable(tool)})" in text for text in given)]


@pytest.mark.parametrize("name", MANIFESTS)
def test_it_is_in_the_table(name: str) -> None:
    """The README names each Environment, with all variables and Secrets that a workload has to bring."""
    (row,) = [
        line
        for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and f"`{name}`" in line.split("|")[1]
    ]
    variables = MANIFESTS[name]["spec"].get("env", ())
    secrets = {v["valueFrom"]["secretKeyRef"]["name"] for v in variables if "valueFrom" in v}

    assert [] == [v["name"] for v in variables if v.get("required") and f"`{v['name']}`" not in row]
    assert [] == [secret for secret in secrets if f"`{secret}`" not in row]
    assert [] == [kind for kind in MANIFESTS[name]["spec"]["workloadTypes"] if kind not in row]
