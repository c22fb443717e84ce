"""The status of an Environment: what the operator observed, written by it alone.

Conditions follow https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md:
``Ready`` summarises, ``Reconciling`` and ``Stalled`` are present only while true.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from environment_operator.api.types import Model, items, string

Count = Annotated[int, Field(ge=0)]
Message = Annotated[str, string(32768, shortest=0)]
ReasonName = Annotated[str, string(1024, "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
Name = Annotated[str, string(316)]
Short = Annotated[str, string(4096, shortest=0)]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Condition(Model):
    """One aspect of the state, as metav1.Condition."""

    type: Name = Field(
        description="Ready, Reconciling, Stalled, InUse, ScopeResolved, PullSecretsFound, Warnings or DeletionBlocked."
    )
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: ReasonName = Field(description="Why, in one word.")
    message: Message = Field(description="Why, in words, and what to do.")
    last_transition_time: Timestamp = Field(description="When the status last changed.")
    observed_generation: Count = Field(description="The generation of the Environment that this was said of.")


class KindCount(Model):
    """How many users of one kind there are."""

    group: Name | Literal[""] = Field(description="API group of the kind; empty for the core group.")
    kind: Name = Field(description="The kind.")
    count: Count = Field(description="How many objects of the kind use the Environment.")


class UserReference(Model):
    """A workload or template that uses the Environment."""

    group: Name | Literal[""] = Field(description="API group of the kind; empty for the core group.")
    kind: Name = Field(description="The kind.")
    namespace: Name | Literal[""] = Field(description="The project; empty for a cluster-scoped template.")
    name: Name = Field(description="The name.")


class Usage(Model):
    """How many objects use the Environment."""

    total: Count = Field(description="All users: workloads and templates.")
    workloads: Count = Field(description="Users that run pods.")
    templates: Count = Field(description="Users that workloads are made from.")
    outdated: Count | None = Field(
        None, description="Users that have something else than today's set-up and can be refreshed."
    )
    out_of_scope: Count = Field(description="Users in projects that the scope no longer includes.")
    by_kind: Annotated[list[KindCount], items(list_type="map", key="group kind")] | None = Field(
        None, description="Users of each kind."
    )


class PulledImage(Model):
    """An image by the two references that it has where a mirror stands for its registry."""

    declared: Short = Field(description="The reference in spec.image.")
    pulled: Short = Field(description="The reference that pods have.")


class EnvironmentStatus(Model):
    """What the operator observed."""

    observed_generation: Annotated[int, Field(json_schema_extra={"format": "int64"})] = Field(
        description="The generation that this status describes; -1 before the first look."
    )
    last_update_time: Timestamp | None = Field(
        None, description="When the Environment was last changed; changes by the operator do not count."
    )
    last_used_time: Timestamp | None = Field(
        None,
        description="When the Environment was used last: when its last user went, or while there are users a time "
        "that is brought up to date about once an hour. Absent when nobody used it yet.",
    )
    conditions: Annotated[list[Condition], items(16, list_type="map", key="type")] | None = Field(
        None, description="Ready, and what else is to be said."
    )
    usage: Usage | None = Field(None, description="How many objects use the Environment. Absent while unknown.")
    workloads: Annotated[list[UserReference], items()] | None = Field(
        None, description="A sorted sample of the workloads that use it."
    )
    templates: Annotated[list[UserReference], items()] | None = Field(
        None, description="A sorted sample of the templates that use it."
    )
    truncated: bool | None = Field(None, description="True: the samples do not name every user.")
    fragment: dict[str, Any] | None = Field(
        None,
        description="What the Environment contributes to a pod: a partial pod spec.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True, "x-kubernetes-map-type": "atomic"},
    )
    image: PulledImage | None = Field(
        None, description="The image by both of its references, where a registry mirror stands for that of the spec."
    )
    fragment_hash: Name | None = Field(None, description="Hash of the fragment, with the version of the hash.")
    pod_security: Literal["privileged", "baseline", "restricted"] | None = Field(
        None,
        description="The strictest Pod Security Standard that allows this fragment; a pod may need more for the rest.",
    )
    scope: Short | None = Field(None, description="The scope in short.")
    tools: Short | None = Field(None, description="The tools in short.")
    types: Short | None = Field(None, description="The workload types in short.")
    cluster: Name | None = Field(None, description="Name of the cluster, where the operator was given one.")
