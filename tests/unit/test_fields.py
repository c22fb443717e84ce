"""A field of the spec is declared once: whoever adds one finds here what else depends on it, or says why nothing does.

The fields are those of the models, with values that the models take.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path as File
from typing import Any, get_args

import click
import pytest
import yaml

from assets import FULL
from builders import environment
from environment_operator.api.v1alpha1 import Overridable
from environment_operator.cli import spec_options
from environment_operator.cli.commands.create import create_command
from environment_operator.cli.output import describe
from environment_operator.cli.runai.asset import imported
from environment_operator.cli.users import Users
from environment_operator.injection import overrides
from environment_operator.injection.overrides import in_short, locked
from environment_operator.manifests.policies import running
from fields import Path, Spec, built, changed, dotted, fragment_of, leaves, paths, reaches, whole

FIELDS = list(leaves())
API = (File(__file__).parents[2] / "crds/README.md").read_text(encoding="utf-8")
# What stands in place of something else in a full asset.
META = {**FULL["meta"], "name": "My Lab", "scope": "department", "departmentName": "research"}
DISTRIBUTED = {"training": True, "distributed": True, "distFramework": "pytorch"}
ASSETS = [
    FULL,
    {**FULL, "meta": {**META, "workloadSupportedTypes": DISTRIBUTED}},
    {"meta": {**META, "scope": "cluster"}, "spec": {**FULL["spec"], "environmentVariables": [{"name": "A"}]}},
]
IMPORTED = {path for found in imported(ASSETS, {"4501": "vision"}) for path in paths(found.manifest["spec"])}
NOW = datetime(2026, 1, 2, tzinfo=UTC)
# What is for people, or decides who may use the Environment, and so adds nothing to a pod. How a tool is connected is
# decided for each workload.
NOT_IN_A_POD = (
    "displayName", "description", "scope", "architecture", "framework", "workloadTypes", "tools.connection",
    "env.description", "env.required", "overridable", "deprecated",
)  # fmt: skip
# What a pod has of an Environment, and a workload may change all the same.
FREE = ("endpoint", "imagePullPolicy", "imagePullSecrets", "tools", "stdin", "tty", "createHomeDir", "readinessProbe")
# What no option of `create` says: it is written in an editor or in YAML.
ONLY_IN_YAML = (
    "tools.connection", "env.valueFrom", "env.description", "security.seccompProfile", "security.hostIPC",
    "security.hostNetwork", "readinessProbe", "deprecated",
)  # fmt: skip
# What an asset of Run:ai has nothing like.
NOT_IN_RUNAI = (
    "imagePullSecrets", "deprecated", "env.valueFrom.secretKeyRef.optional", "env.valueFrom.configMapKeyRef.optional",
    "security.seccompProfile.localhostProfile", "readinessProbe.tcpSocket", "readinessProbe.grpc",
    "readinessProbe.exec", "tools.connection.nodePort",
)  # fmt: skip
# What `describe` leaves to `get -o yaml`.
NOT_DESCRIBED = ("tools.connection.nodePort", "env.required")
# Nobody can change these of a Pod that runs: https://kubernetes.io/docs/concepts/workloads/pods/#pod-update-and-replacement
# An ephemeral container has its own, as a debugger needs them.
FIXED_IN_A_POD = ("Command", "Args", "Env", "WorkingDir")


def is_listed(path: Path, listed: Collection[str]) -> bool:
    """Return whether a field, or what holds it, is in a list."""
    return any(dotted(path[:length]) in listed for length in range(1, len(path) + 1))


def under(paths_: Iterable[Path]) -> set[str]:
    """Return the names of fields and of all that hold them."""
    return {dotted(path[:length]) for path in paths_ for length in range(1, len(path) + 1)}


@pytest.mark.parametrize("listed", [NOT_IN_A_POD, FREE, ONLY_IN_YAML, NOT_IN_RUNAI, NOT_DESCRIBED])
def test_what_is_listed_exists(listed: tuple[str, ...]) -> None:
    """The reviewed lists of this module name fields of the models, each once."""
    assert set(listed) <= under(FIELDS)
    assert len(listed) == len(set(listed))


def forgotten(has: Callable[[Path], bool], listed: Collection[str]) -> list[str]:
    """Return the fields that have something and are listed as without it, or neither have it nor are listed."""
    return [dotted(path) for path in FIELDS if has(path) is is_listed(path, listed)]


def test_it_is_in_the_fragment() -> None:
    """Each field changes what an Environment puts into a pod, unless it is reviewed that it does not."""
    found = forgotten(lambda path: reaches(path, fragment_of), NOT_IN_A_POD)
    assert [] == found, "render it, or list it in NOT_IN_A_POD"


@pytest.mark.parametrize("field", sorted({path[0] for path in FIELDS if not is_listed(path, NOT_IN_A_POD)}))
def test_it_has_an_override_rule(field: str) -> None:
    """What is put into a pod is locked while nothing may be overridden, unless it is reviewed that it is free."""
    closed = changed(whole(), ("overridable",), [])
    without = changed(closed, (field,), None)
    is_locked = field == "image" or set(locked(built(without))) < set(locked(built(closed)))

    assert is_locked is (field not in FREE), "give it a rule in overrides, or list it in FREE"


def test_every_field_that_may_be_overridden_is_locked_when_it_may_not() -> None:
    """Each choice of ``overridable`` is one that the rules know, in the order of the models."""
    assert set(get_args(Overridable)) == set(in_short(locked(built(changed(whole(), ("overridable",), [])))).split(","))
    assert {*get_args(Overridable)} - {"Env"} == {*overrides._RULES}  # noqa: SLF001 - the table itself


@pytest.mark.parametrize("rule", get_args(Overridable))
def test_it_has_a_policy_for_pods_that_run(rule: str) -> None:
    """Each override rule has its twin among the policies of running Pods, where what it is about can change there."""
    texts = [validation.expression for policy in running.policies() for validation in policy.validations]
    has_twin = any(f"'{rule}' in variables.guarded" in text for text in texts)

    assert has_twin is (rule not in FIXED_IN_A_POD), "give it a policy in running, or list it in FIXED_IN_A_POD"


@pytest.mark.parametrize("rule", get_args(Overridable))
def test_it_is_in_the_reference_of_overriding(rule: str) -> None:
    """Each override rule is in the API reference's table of what may be overridden."""
    table = API.partition("| field | ")[2].partition("\n\n")[0]

    assert any(f"`{rule}`" in line.split("|")[1] for line in table.splitlines()[2:])


def test_create_has_an_option() -> None:
    """Each field is set by an option of ``create``, unless it is reviewed that it is written in YAML."""
    made = set(paths(spec_options.spec(_options())))
    assert [] == forgotten(lambda path: path in made, ONLY_IN_YAML), "give it an option, or list it in ONLY_IN_YAML"


def _options() -> dict[str, Any]:
    """Return a value for each option of ``create``."""
    texts = {"endpoint": "80/GRPC", "tools": "lab=Custom:80", "env": "A=1"}
    found: dict[str, Any] = {}
    for option in (each for each in create_command.params if isinstance(each, click.Option) and each.name):
        value = True if option.is_flag else texts.get(option.name, "a")
        found[option.name] = (value,) if option.multiple else value
    return {**found, "env": ("A=1", "B")}


def test_the_importer_has_it() -> None:
    """Each field comes over from an asset of Run:ai, unless it is reviewed that an asset has nothing like it."""
    assert [] == forgotten(lambda path: path in IMPORTED, NOT_IN_RUNAI), "import it, or list it in NOT_IN_RUNAI"


def test_describe_shows_it() -> None:
    """Each field changes what ``describe`` shows, unless it is reviewed that it does not."""
    found = forgotten(lambda path: reaches(path, _described), NOT_DESCRIBED)
    assert [] == found, "describe it, or list it in NOT_DESCRIBED"


def _described(spec: Spec) -> str:
    """Return the description of an Environment with a spec."""
    shown = yaml.safe_dump(fragment_of(spec))
    item = {**environment(), "spec": spec}
    return describe.description(describe.Known(item, Users((), ()), {}, [], shown, "here", NOW))
