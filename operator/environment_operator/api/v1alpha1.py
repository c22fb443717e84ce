"""The Environment as its author writes it: ``spec`` of ``environments.dev/v1alpha1``.

Descriptions are what ``kubectl explain`` prints. Cross-field rules stand with the model they validate.
"""

from functools import reduce
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.alias_generators import to_snake

from environment_operator.api.probe import ReadinessProbe
from environment_operator.api.rules import Rule, is_one, with_rules
from environment_operator.api.security import Security, User
from environment_operator.api.tools import Tool
from environment_operator.api.types import (
    AbsolutePath,
    Argument,
    DnsLabel,
    EnvironmentName,
    ImageReference,
    KeyName,
    LabelValue,
    Line,
    Model,
    Port,
    Subdomain,
    Text,
    VariableName,
    items,
)

Architecture = Literal["Standard", "Distributed"]
Framework = Literal["PyTorch", "MPI", "TensorFlow", "XGBoost", "JAX", "Ray", "Any"]
WorkloadType = Literal["Workspace", "Training", "Inference"]
PullPolicy = Literal["Always", "IfNotPresent", "Never"]
Overridable = Literal["Image", "Command", "Args", "Env", "WorkingDir", "User", "Security"]
MOST_NAMES = 24


class Scope(Model):
    """Who may use the Environment: everybody, or the named departments and projects."""

    model_config = with_rules(
        Rule(
            "(has(self.cluster) && self.cluster) || (has(self.departments) && size(self.departments) > 0)"
            " || (has(self.projects) && size(self.projects) > 0)",
            "The scope is empty. Set cluster: true, or name at least one of departments or projects.",
            reason="FieldValueRequired",
            holds=lambda s: s.cluster or s.departments or s.projects,
        ),
        Rule(
            "!(has(self.cluster) && self.cluster) || (!has(self.departments) && !has(self.projects))",
            "cluster: true already includes every department and project. Remove departments and projects.",
            ".cluster",
            holds=lambda s: not s.cluster or (s.departments is None and s.projects is None),
        ),
    )

    cluster: bool | None = Field(None, description="True: every project of the cluster may use it.")
    departments: Annotated[list[LabelValue], items(MOST_NAMES, 1, list_type="set")] | None = Field(
        None,
        description="Departments that may use it: values of the namespace label environments.dev/department.",
    )
    projects: Annotated[list[DnsLabel], items(MOST_NAMES, 1, list_type="set")] | None = Field(
        None, description="Projects (namespaces) that may use it. They need not exist yet."
    )


class Endpoint(Model):
    """Where the workload serves requests. For inference only."""

    port: Port = Field(description="The container port that serves requests.")
    protocol: Literal["HTTP", "GRPC"] = Field(description="The protocol spoken on that port: HTTP or GRPC.")


class KeySelector(Model):
    """A key of a Secret or ConfigMap in the project of the workload."""

    name: Subdomain = Field(description="Name of the object, in the namespace of the workload.")
    key: KeyName = Field(description="Key in its data.")
    optional: bool | None = Field(None, description="True: the container starts without the variable when absent.")


class FieldSelector(Model):
    """A field of the pod itself."""

    field_path: Line = Field(description="Path of the field, such as metadata.name or status.podIP.")


class ValueSource(Model):
    """Where a variable takes its value from. Exactly one is given."""

    model_config = with_rules(
        Rule(
            "[has(self.secretKeyRef), has(self.configMapKeyRef), has(self.fieldRef)].filter(given, given).size() == 1",
            "Give exactly one of secretKeyRef, configMapKeyRef or fieldRef.",
            holds=lambda s: is_one(s.secret_key_ref, s.config_map_key_ref, s.field_ref),
        )
    )

    secret_key_ref: KeySelector | None = Field(None, description="A key of a Secret.")
    config_map_key_ref: KeySelector | None = Field(None, description="A key of a ConfigMap.")
    field_ref: FieldSelector | None = Field(None, description="A field of the pod, such as metadata.name.")


class Variable(Model):
    """An environment variable of the container."""

    model_config = with_rules(
        Rule(
            "!(has(self.value) && has(self.valueFrom))",
            "A variable has value or valueFrom, not both. Remove one of them.",
            ".valueFrom",
            holds=lambda s: s.value is None or s.value_from is None,
        ),
        Rule(
            "has(self.value) || has(self.valueFrom) || (has(self.required) && self.required)",
            "There is no value. Give value or valueFrom, or set required: true so that the submitter fills it in.",
            ".value",
            "FieldValueRequired",
            holds=lambda s: s.value is not None or s.value_from is not None or s.required,
        ),
    )

    name: VariableName = Field(description="Name of the variable.")
    value: Argument | None = Field(
        None, description="Its value. $(OTHER) refers to a variable defined before. Not for secrets: use valueFrom."
    )
    value_from: ValueSource | None = Field(None, description="Where its value comes from.")
    description: Text | None = Field(None, description="What it is for, shown to submitters.")
    required: bool | None = Field(
        None, description="True and no value here: a workload must give the value itself to be admitted."
    )


class Deprecation(Model):
    """Why and in favour of what the Environment should no longer be used."""

    message: Text = Field(description="The warning that submitters of new references get.")
    replaced_by: EnvironmentName | None = Field(None, description="Name of the Environment to use instead.")


_HAS_INFERENCE = "self.workloadTypes.exists(t, t == 'Inference')"


def _unused_by_inference(path: str) -> Rule:
    """Return the rule that a flag may not be true when Inference is listed."""
    holder, _, name = path.rpartition(".")
    present = f"has(self.{holder}) && " if holder else ""
    return Rule(
        f"!({_HAS_INFERENCE}) || !({present}has(self.{path}) && self.{path})",
        f"{name} cannot be used by inference workloads. Set it to false, or remove Inference from workloadTypes.",
        f".{path}",
        "FieldValueForbidden",
        lambda spec: "Inference" not in spec.workload_types or not reduce(_at, map(to_snake, path.split(".")), spec),
    )


def _at(model: Any, field: str) -> Any:
    """Return a field of a model, None where the model is missing."""
    return getattr(model, field, None)


def _has_ids(spec: "EnvironmentSpec") -> bool:
    """Return whether an Environment with a user of its own has its ids, or lets workloads set them."""
    user = spec.user
    if user is None or user.source != "Custom" or "User" in spec.overridable:
        return True
    return any(value is not None for value in (user.uid, user.gid, user.supplemental_groups))


class EnvironmentSpec(Model):
    """The set-up that a workload receives when it names this Environment."""

    model_config = with_rules(
        Rule(
            "has(self.framework) == (self.architecture == 'Distributed')",
            "framework belongs to architecture Distributed, and only to it. Add it, or remove it with Standard.",
            ".framework",
            holds=lambda s: (s.framework is not None) == (s.architecture == "Distributed"),
        ),
        Rule(
            f"has(self.endpoint) == ({_HAS_INFERENCE})",
            "endpoint belongs to the workload type Inference, and only to it. Add it, or remove it without Inference.",
            ".endpoint",
            holds=lambda s: (s.endpoint is not None) == ("Inference" in s.workload_types),
        ),
        Rule(
            "!(has(self.tty) && self.tty) || (has(self.stdin) && self.stdin)",
            "tty needs stdin. Set stdin: true too.",
            ".tty",
            holds=lambda s: not s.tty or s.stdin,
        ),
        *map(
            _unused_by_inference,
            ("security.hostIPC", "security.hostNetwork", "security.allowPrivilegeEscalation", "stdin", "tty"),
        ),
        Rule(
            "!has(self.overridable) || !self.overridable.exists(f, f == 'User')"
            " || (has(self.user) && self.user.source == 'Custom')",
            "User can be overridable only with user.source Custom. Set that source, or remove User.",
            ".overridable",
            holds=lambda s: "User" not in s.overridable or (s.user and s.user.source == "Custom"),
        ),
        Rule(
            "!has(self.user) || self.user.source != 'Custom' || has(self.user.uid) || has(self.user.gid)"
            " || has(self.user.supplementalGroups)"
            " || (has(self.overridable) && self.overridable.exists(f, f == 'User'))",
            "source Custom has no ids. Add uid, gid or supplementalGroups, or User to overridable.",
            ".user",
            "FieldValueRequired",
            holds=_has_ids,
        ),
        Rule(
            "!(has(self.security) && has(self.security.runAsNonRoot) && self.security.runAsNonRoot"
            " && has(self.user) && has(self.user.uid) && self.user.uid == 0)",
            "uid 0 is root, and runAsNonRoot: true forbids it. Change one of them.",
            ".user.uid",
            holds=lambda s: not (s.security and s.security.run_as_non_root and s.user and s.user.uid == 0),
        ),
    )

    display_name: Annotated[Line, Field(max_length=63)] | None = Field(
        None, description="Name shown to people. To rename an Environment, edit this."
    )
    description: Text | None = Field(None, description="What it is for, shown to people.")
    scope: Scope = Field(description="Who may use it: the cluster, or departments and projects.")
    architecture: Architecture = Field(
        description="Standard: workloads of one pod template. Distributed: workloads of several roles."
    )
    framework: Framework | None = Field(
        None, description="Which distributed workloads may use it. Only and always with architecture Distributed."
    )
    workload_types: Annotated[list[WorkloadType], items(3, 1, list_type="set")] = Field(
        description="Which types of workload may use it: Workspace, Training, Inference."
    )
    endpoint: Endpoint | None = Field(
        None, description="Where the workload serves requests. Only and always when workloadTypes lists Inference."
    )
    image: ImageReference = Field(description="Image of the main container, such as registry.example/team/jupyter:4.2.")
    image_pull_policy: PullPolicy | None = Field(
        None, description="When to pull the image. Default: Always for the tag latest or none, else IfNotPresent."
    )
    image_pull_secrets: Annotated[list[Subdomain], items(list_type="set")] | None = Field(
        None, description="Names of Secrets in the project to pull with, besides the workload's own."
    )
    tools: Annotated[list[Tool], items(list_type="map", key="name")] | None = Field(
        None, description="Tools in the image that people connect to."
    )
    command: Annotated[list[Argument], items()] | None = Field(None, description="Replaces the image's entrypoint.")
    args: Annotated[list[Argument], items()] | None = Field(None, description="Replaces the image's arguments.")
    env: Annotated[list[Variable], items(list_type="map", key="name")] | None = Field(
        None, description="Variables, placed before the workload's own."
    )
    working_dir: AbsolutePath | None = Field(None, description="Working directory of the container, absolute.")
    user: User | None = Field(None, description="Who the process runs as. Left out: the workload decides.")
    security: Security | None = Field(None, description="Security settings. Left out: the workload decides.")
    stdin: bool | None = Field(None, description="True: keep standard input open.")
    tty: bool | None = Field(None, description="True: give the container a terminal. Needs stdin.")
    create_home_dir: bool | None = Field(
        None, description="True: an empty, writable home directory, named by the variable HOME."
    )
    readiness_probe: ReadinessProbe | None = Field(None, description="When the container is ready to serve.")
    overridable: Annotated[list[Overridable], items(7, list_type="set")] = Field(
        ["Command", "Args", "Env"], description="What a workload may set differently."
    )
    deprecated: Deprecation | None = Field(None, description="Set: new references get a warning to use something else.")
