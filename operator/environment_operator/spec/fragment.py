"""An Environment's spec → its fragment: what it contributes to a pod. Pure.

The fragment is a partial pod spec with one container, in the form that the API server's defaulting
leaves behind, so that comparing it with a stored pod template finds only real differences.
Identity (user.source IdPToken) and overriding come later; required variables without a value are left out.
"""

import hashlib
import json
from typing import Any, TypeVar

from environment_operator.api.probe import ReadinessProbe
from environment_operator.api.security import Security
from environment_operator.api.tools import BRACES, base_path_variable
from environment_operator.api.v1alpha1 import EnvironmentSpec, Variable
from environment_operator.kinds.paths import get
from environment_operator.spec import images

Fragment = dict[str, Any]
AnyText = TypeVar("AnyText", str, str | None)

HASH_VERSION = "v1"
HOME = "/home/environment"
HOME_VOLUME = "environment-home"

_BASELINE_CAPABILITIES = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
})  # fmt: skip
_RESTRICTED_CAPABILITIES = frozenset({"NET_BIND_SERVICE"})

_PROBE_DEFAULTS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def render(spec: EnvironmentSpec) -> Fragment:
    """Return the fragment of a spec: a partial pod spec without anything that the spec leaves open."""
    home = [{"name": HOME_VOLUME, "emptyDir": {}}] if spec.create_home_dir else []
    security = spec.security or Security()
    return _given(
        containers=[_container(spec)],
        securityContext=_pod_security_context(spec),
        imagePullSecrets=[{"name": name} for name in spec.image_pull_secrets or ()],
        volumes=home,
        hostNetwork=security.host_network,
        # With the network of the node the default finds no Service:
        # https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy
        dnsPolicy="ClusterFirstWithHostNet" if security.host_network else None,
        hostIPC=security.host_ipc,
    )


def fragment_hash(fragment: Fragment) -> str:
    """Return the hash by which two fragments differ, with the version of the hash in front."""
    return f"{HASH_VERSION}-{hashlib.sha256(canonical(fragment)).hexdigest()[:16]}"


def canonical(fragment: Fragment) -> bytes:
    """Return the fragment as bytes that depend on its content alone; their number is its size."""
    return json.dumps(fragment, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def port_conflict(spec: EnvironmentSpec) -> str | None:
    """Return what is wrong with the port names, which Kubernetes wants unique in a container, or None."""
    endpoint = spec.endpoint
    for tool in spec.tools or ():
        if endpoint and endpoint.protocol == "GRPC" and tool.name == "h2c" and tool.port != endpoint.port:
            return 'tool "h2c" has the name that the port of a gRPC endpoint has. Give the tool another name.'
    return None


def pod_security(fragment: Fragment) -> str:
    """Return the strictest Pod Security Standard that nothing in the fragment breaks.

    What a fragment leaves open is the workload's to set, so an empty fragment fits ``restricted``.
    Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
    """
    container, pod = (get(node, ("securityContext",)) for node in (fragment["containers"][0], fragment))
    capabilities = get(container, ("capabilities", "add"))
    added = {str(each) for each in capabilities} if isinstance(capabilities, list) else set()
    seccomp = get(container, ("seccompProfile", "type"))
    shares_host = fragment.get("hostNetwork") or fragment.get("hostIPC")
    if shares_host or seccomp == "Unconfined" or not added <= _BASELINE_CAPABILITIES:
        return "privileged"
    # Root of a namespace of its own is nobody on the node: helpers.go, k8s.io/pod-security-admission.
    own = get(container, ("runAsUser",))
    uid = get(pod, ("runAsUser",)) if own is None else own
    is_root = (uid == 0 or get(container, ("runAsNonRoot",)) is False) and fragment.get("hostUsers") is not False
    escalates = is_root or get(container, ("allowPrivilegeEscalation",)) is True
    return "baseline" if escalates or not added <= _RESTRICTED_CAPABILITIES else "restricted"


def _container(spec: EnvironmentSpec) -> dict[str, Any]:
    """Return the part of the fragment that goes into the main container."""
    home = [{"name": HOME_VOLUME, "mountPath": _home(spec)}] if spec.create_home_dir else []
    return _given(
        image=spec.image,
        imagePullPolicy=spec.image_pull_policy or images.default_pull_policy(spec.image),
        command=_expanded(spec.command, spec),
        args=_expanded(spec.args, spec),
        workingDir=_in_kubernetes(spec.working_dir, spec),
        ports=_ports(spec),
        env=_variables(spec),
        volumeMounts=home,
        securityContext=_container_security_context(spec.security or Security()),
        readinessProbe=_probe(spec.readiness_probe, spec) if spec.readiness_probe else None,
        stdin=spec.stdin,
        tty=spec.tty,
    )


def foreign_references(spec: EnvironmentSpec) -> list[str]:
    """Return the names in ``${NAME}`` of command and arguments that are no variables of the Environment, each once."""
    known = known_variables(spec)
    found = (name for word in (*(spec.command or ()), *(spec.args or ())) for name in BRACES.findall(word))
    return [name for name in dict.fromkeys(found) if name not in known]


def _expanded(words: list[str] | None, spec: EnvironmentSpec) -> list[str] | None:
    """Return command or arguments with ``${NAME}`` as Kubernetes writes it, where there is such a variable.

    A shell would find the same value.
    """
    return words and [_in_kubernetes(word, spec) for word in words]


def _in_kubernetes(text: AnyText, spec: EnvironmentSpec) -> AnyText:
    """Return a text with ``${NAME}`` as Kubernetes writes it, where there is such a variable."""
    known = known_variables(spec) if text else set()
    return text and BRACES.sub(lambda m: f"$({m[1]})" if m[1] in known else m[0], text)


def known_variables(spec: EnvironmentSpec) -> set[str]:
    """Return the names of the variables of the Environment, those with the paths of its tools among them."""
    return {v.name for v in spec.env or ()} | {base_path_variable(tool.name) for tool in spec.tools or () if tool.port}


def _home(spec: EnvironmentSpec) -> str:
    """Return where the home directory is: the Environment's own HOME if it has one, else the usual place."""
    own = [v.value for v in spec.env or () if v.name == "HOME" and v.value and v.value.startswith("/")]
    return own[0] if own else HOME


def _variables(spec: EnvironmentSpec) -> list[dict[str, Any]]:
    """Return the variables that have a value, as EnvVars."""
    variables = [_variable(v) for v in spec.env or () if v.value is not None or v.value_from]
    if spec.create_home_dir and all(v["name"] != "HOME" for v in variables):
        variables.append({"name": "HOME", "value": HOME})
    return variables


def _variable(variable: Variable) -> dict[str, Any]:
    """Return one EnvVar; the API server drops an empty value and adds the version of a field reference."""
    if variable.value_from is None:
        return _given(name=variable.name, value=variable.value)
    source = variable.value_from.plain()
    if "fieldRef" in source:
        source["fieldRef"] = {"apiVersion": "v1", **source["fieldRef"]}
    return {"name": variable.name, "valueFrom": source}


def _ports(spec: EnvironmentSpec) -> list[dict[str, Any]]:
    """Return the container ports of the endpoint and the tools, one entry a number.

    The endpoint's is the first: KServe serves on the first one that its container declares
    (https://github.com/kserve/kserve, v0.20, service_reconciler.go).
    """
    ports: dict[int, dict[str, Any]] = {}
    if spec.endpoint:
        # Knative reads the protocol from the port's name: h2c is HTTP/2 in clear text, as gRPC needs it.
        name = {"name": "h2c"} if spec.endpoint.protocol == "GRPC" else {}
        ports[spec.endpoint.port] = {**name, "containerPort": spec.endpoint.port, "protocol": "TCP"}
    for tool in spec.tools or ():
        if tool.port:
            ports.setdefault(tool.port, {"name": tool.name, "containerPort": tool.port, "protocol": "TCP"})
    return list(ports.values())


def _pod_security_context(spec: EnvironmentSpec) -> dict[str, Any]:
    """Return the ids of the process: supplemental groups exist on the pod only, so all ids are set there."""
    if spec.user is None or spec.user.source != "Custom":
        return {}
    user = spec.user
    return _given(runAsUser=user.uid, runAsGroup=user.gid, supplementalGroups=user.supplemental_groups, keep_zero=True)


def _container_security_context(security: Security) -> dict[str, Any]:
    """Return the settings that belong to the container; false is kept, it is not the same as absent."""
    capabilities = {"capabilities": {"add": list(security.capabilities)}} if security.capabilities else {}
    return {
        **capabilities,
        **_given(
            keep_zero=True,
            allowPrivilegeEscalation=security.allow_privilege_escalation,
            readOnlyRootFilesystem=security.read_only_root_filesystem,
            runAsNonRoot=security.run_as_non_root,
            seccompProfile=security.seccomp_profile.plain() if security.seccomp_profile else None,
        ),
    }


def _probe(probe: ReadinessProbe, spec: EnvironmentSpec) -> dict[str, Any]:
    """Return the probe with the numbers that the API server would add."""
    plain = {key: value for key, value in probe.plain().items() if value != 0}
    if "httpGet" in plain:
        path = _in_kubernetes(plain["httpGet"].get("path", "/"), spec)
        plain["httpGet"] = {"scheme": "HTTP", **plain["httpGet"], "path": path}
    if "grpc" in plain:
        plain["grpc"] = {"service": "", **plain["grpc"]}
    return {**_PROBE_DEFAULTS, **plain}


def _given(*, keep_zero: bool = False, **fields: Any) -> dict[str, Any]:
    """Return the fields that say something: absent and empty ones go, zero and false too unless they are kept."""
    return {k: v for k, v in fields.items() if v or (keep_zero and v is not None and v != [])}
