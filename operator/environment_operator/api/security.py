"""Who the process runs as, and what it may do."""

from typing import Annotated, Literal

from pydantic import Field

from environment_operator.api.rules import Rule, with_rules
from environment_operator.api.types import Capability, Id, Line, Model, items


class User(Model):
    """Who the process runs as."""

    model_config = with_rules(
        Rule(
            "self.source == 'Custom' || (!has(self.uid) && !has(self.gid) && !has(self.supplementalGroups))",
            "uid, gid and supplementalGroups are for source Custom only. Set source: Custom, or remove them.",
            ".source",
            holds=lambda s: s.source == "Custom" or [s.uid, s.gid, s.supplemental_groups] == [None] * 3,
        )
    )

    source: Literal["Image", "IdPToken", "Custom"] = Field(
        description="Image: the user of the image, and nothing else may be set. IdPToken: the ids in the identity "
        "token of the submitter. Custom: the ids given here."
    )
    uid: Id | None = Field(None, description="User id of the process. Only with source Custom.")
    gid: Id | None = Field(None, description="Primary group id of the process. Only with source Custom.")
    supplemental_groups: Annotated[list[Id], items(32, list_type="set")] | None = Field(
        None, description="Further group ids of the process. Only with source Custom."
    )


class SeccompProfile(Model):
    """The system calls that the container may make."""

    model_config = with_rules(
        Rule(
            "has(self.localhostProfile) == (self.type == 'Localhost')",
            "localhostProfile belongs to type Localhost, and only to it. Add it, or remove it with another type.",
            ".type",
            holds=lambda s: (s.localhost_profile is not None) == (s.type == "Localhost"),
        )
    )

    type: Literal["RuntimeDefault", "Unconfined", "Localhost"] = Field(
        description="RuntimeDefault, Unconfined, or Localhost for a profile stored on the nodes."
    )
    localhost_profile: Line | None = Field(
        None, description="Path of the profile below the kubelet's seccomp folder. Only with type Localhost."
    )


class Security(Model):
    """Security settings of the container and of the pod. When present, settings left out are guarded as unset."""

    capabilities: Annotated[list[Capability], items(41, list_type="set")] | None = Field(
        None,
        description="Linux capabilities to add, without the CAP_ prefix. "
        "They give a process that does not run as root nothing.",
    )
    allow_privilege_escalation: bool | None = Field(
        None, description="False: a process cannot gain more privileges than its parent."
    )
    read_only_root_filesystem: bool | None = Field(
        None, description="True: the root filesystem of the container cannot be written."
    )
    run_as_non_root: bool | None = Field(None, description="True: the container does not start as uid 0.")
    seccomp_profile: SeccompProfile | None = Field(None, description="The system calls that the container may make.")
    host_ipc: bool | None = Field(None, alias="hostIPC", description="True: share the IPC namespace of the node.")
    host_network: bool | None = Field(None, description="True: share the network of the node.")
