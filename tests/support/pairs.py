"""Examples of settings that do not go together, for each pair of the table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """What an Environment sets, and what contradicts it.

    Args:
        fields: fields of the Environment.
        pod: what the pod spec has.
        main: what the main container has.
        others: further containers of the pod.
        by: who refuses the two together: the API server, or the kubelet, which starts no such container.
        since: the minor version of Kubernetes that has all these fields by default.
    """

    fields: Object
    pod: Object = field(default_factory=dict)
    main: Object = field(default_factory=dict)
    others: tuple[Object, ...] = ()
    by: str = "API server"
    since: int = 0


def security(**fields: Any) -> Object:
    """Return an Environment's security."""
    return {"security": fields}


def custom(**ids: Any) -> Object:
    """Return an Environment's ids."""
    return {"user": {"source": "Custom", **ids}}


def context(**fields: Any) -> Object:
    """Return a container or a pod with a security context."""
    return {"securityContext": fields}


def sysctl(name: str, value: str) -> Object:
    """Return a pod with a sysctl."""
    return context(sysctls=[{"name": name, "value": value}])


NO_USERS, WINDOWS = {"hostUsers": False}, {"os": {"name": "windows"}}
HIGH = 70000
EXAMPLES: Mapping[str, tuple[Example, ...]] = {
    "no escalation, privileged": (
        Example(security(allowPrivilegeEscalation=False), main=context(privileged=True)),
    ),
    "no escalation, CAP_SYS_ADMIN": (
        Example(security(allowPrivilegeEscalation=False), main=context(capabilities={"add": ["CAP_SYS_ADMIN"]})),
    ),
    "not root, uid 0": (
        Example(security(runAsNonRoot=True), main=context(runAsUser=0), by="kubelet"),
        Example(security(runAsNonRoot=True), context(runAsUser=0), by="kubelet"),
    ),
    "uid 0, not root": (
        Example(custom(uid=0), main=context(runAsNonRoot=True), by="kubelet"),
        Example(custom(uid=0), context(runAsNonRoot=True), by="kubelet"),
        Example(
            custom(uid=0), by="kubelet",
            others=({"name": "other", "image": "registry.example/other:1", **context(runAsNonRoot=True)},),
        ),
    ),
    "network of the node, name of the host": (
        Example(security(hostNetwork=True), {"hostnameOverride": "other"}, since=35),
    ),
    "network of the node, sysctl": (Example(security(hostNetwork=True), sysctl("net.core.somaxconn", "9")),),
    "network of the node, another port of the node": (
        Example(security(hostNetwork=True), main={"ports": [{"containerPort": 80, "hostPort": 8080}]}),
    ),
    "network of the node, no users of the node": (Example(security(hostNetwork=True), NO_USERS),),
    "IPC of the node, no users of the node": (Example(security(hostIPC=True), NO_USERS),),
    "IPC of the node, sysctl": (Example(security(hostIPC=True), sysctl("kernel.shm_rmid_forced", "1")),),
    "high runAsUser, no users of the node": (Example(custom(uid=HIGH), NO_USERS, by="kubelet"),),
    "high runAsGroup, no users of the node": (Example(custom(gid=HIGH), NO_USERS, by="kubelet"),),
    "high supplementalGroups, no users of the node": (
        Example(custom(supplementalGroups=[HIGH]), NO_USERS, by="kubelet"),
    ),
    "hostIPC, Windows": (Example(security(hostIPC=True), WINDOWS),),
    "securityContext.runAsUser, Windows": (Example(custom(uid=7), WINDOWS),),
    "securityContext.runAsGroup, Windows": (Example(custom(gid=7), WINDOWS),),
    "securityContext.supplementalGroups, Windows": (Example(custom(supplementalGroups=[7]), WINDOWS),),
    "container.securityContext.allowPrivilegeEscalation, Windows": (
        Example(security(allowPrivilegeEscalation=False), WINDOWS),
    ),
    "container.securityContext.readOnlyRootFilesystem, Windows": (
        Example(security(readOnlyRootFilesystem=True), WINDOWS),
    ),
    "container.securityContext.seccompProfile, Windows": (
        Example(security(seccompProfile={"type": "RuntimeDefault"}), WINDOWS),
    ),
    "container.securityContext.capabilities.add, Windows": (Example(security(capabilities=["CHOWN"]), WINDOWS),),
}  # fmt: skip
# What only kinds have whose containers have the ids.
OF_CONTAINERS = {"uid 0 of the container, not root": Example(custom(uid=0), main=context(runAsNonRoot=True))}
# What no workload can have with an Environment alone, as a pod that has both, and the field that is refused there.
# Kinds whose containers have the ids have no place for an operating system: Argo's Template (workflow_types.go), the
# ServingRuntimePodSpec of KServe (servingruntime_types.go), and Knative, whose webhook refuses it (fieldmask.go).
# The policy of groups comes with the ids that it is about, and those are refused first.
NEVER_ALONE: Mapping[str, tuple[Example, str]] = {
    **{
        f"container.securityContext.{key}, Windows": (
            Example({}, WINDOWS, context(**{key: 7})), f"spec.containers[0].securityContext.{key}",
        )
        for key in ("runAsUser", "runAsGroup")
    },
    "securityContext.supplementalGroupsPolicy, Windows": (
        Example({}, {**WINDOWS, **context(supplementalGroupsPolicy="Strict")}),
        "spec.securityContext.supplementalGroupsPolicy",
    ),
}  # fmt: skip
