"""What the API server says about the pods of an Environment, by the field of its spec. Pure.

The schema cannot know every rule that Kubernetes has for a pod. So the API server is asked, with a PodTemplate of what
the Environment renders to.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.api.wording import cut
from environment_operator.kube.errors import Cause
from environment_operator.spec.fragment import Fragment

Object = dict[str, Any]
_NAME = "environment-"
_CONTAINER = "main"
_LONGEST = 190
# Paths in the spec of a pod, and what stands there of the spec of an Environment.
_FIELDS = (
    (r"containers\[0\]\.(image|imagePullPolicy|command|args|workingDir|stdin|tty|readinessProbe)(\b.*)", r"\1\2"),
    (r"containers\[0\]\.securityContext\.capabilities\.add(.*)", r"security.capabilities\1"),
    (r"containers\[0\]\.securityContext\.(.*)", r"security.\1"),
    (r"(hostNetwork|hostIPC)", r"security.\1"),
    (r"securityContext\.runAsUser", "user.uid"),
    (r"securityContext\.runAsGroup", "user.gid"),
    (r"securityContext\.(supplementalGroups.*)", r"user.\1"),
    (r"(imagePullSecrets\[\d+\]).*", r"\1"),
    (r"containers\[0\]\.volumeMounts.*|volumes.*", "createHomeDir"),
)
_ITEM = re.compile(r"containers\[0\]\.(env|ports)\[(\d+)\](.*)")


@dataclass(frozen=True, slots=True)
class Validity:
    """What the API server said.

    Args:
        problem: why no workload can have the Environment, empty when nothing is wrong.
        unchecked: why the API server did not say, empty when it did.
    """

    problem: str = ""
    unchecked: str = ""


def pod_template(fragment: Fragment) -> Object:
    """Return a PodTemplate with what an Environment contributes to a pod."""
    container = {"name": _CONTAINER, **fragment["containers"][0]}
    spec = {**fragment, "containers": [container]}
    return {
        "metadata": {"generateName": _NAME},
        "template": {"spec": spec},
    }


def of_node_ports(spec: EnvironmentSpec, allowed: range) -> str:
    """Return which node ports no Service can have, empty for none.

    A dry run would not find out: it does not check the range, which is a flag of the API server.

    Args:
        spec: the spec of the Environment.
        allowed: the node ports of the cluster.
    """
    ports = ((i, tool.connection.node_port) for i, tool in enumerate(spec.tools or ()) if tool.connection)
    wrong = [f"spec.tools[{i}].connection.nodePort: {port}" for i, port in ports if port and port not in allowed]
    way_out = f"Choose a port from {allowed.start} to {allowed.stop - 1}, or leave it out."
    return f"{_as_many_as_fit(wrong)} is no node port of this cluster. {way_out}" if wrong else ""


def of_pod(causes: Sequence[Cause], fragment: Fragment, spec: EnvironmentSpec) -> str:
    """Return what is wrong with the pods, in the API server's words and by our fields; empty where nothing is said."""
    ours = ((c, c.field.removeprefix("template.spec.")) for c in causes if c.field.startswith("template.spec."))
    said = list(dict.fromkeys(f"{field(path, fragment, spec)}: {cut(cause.message, _LONGEST)}" for cause, path in ours))
    return f"{_as_many_as_fit(said)}. Correct the field." if said else ""


def _as_many_as_fit(said: Sequence[str]) -> str:
    """Return as much of what is wrong as a message has room for, and how much more there is."""
    lengths = accumulate(len(one) + 2 for one in said)
    shown = max(1, sum(length <= _LONGEST for length in lengths))
    more = f" (and {len(said) - shown} more)" if len(said) > shown else ""
    return "; ".join(said[:shown]) + more


def field(path: str, fragment: Fragment, spec: EnvironmentSpec) -> str:
    """Return the field of an Environment that leads to a path in the spec of a pod; ``spec`` where none is known.

    Args:
        path: the path, such as ``containers[0].ports[0].name``.
        fragment: what the Environment renders to.
        spec: its spec.
    """
    if item := _ITEM.fullmatch(path):
        found = fragment["containers"][0].get(item[1], ())
        ours = _variable if item[1] == "env" else _port
        return f"spec.{ours(found[int(item[2])], item[3], spec)}" if int(item[2]) < len(found) else "spec"
    for pattern, there in _FIELDS:
        if re.fullmatch(pattern, path):
            own = _home(spec) if there == "createHomeDir" else ""
            return f"spec.{own or re.sub(pattern, there, path)}"
    return "spec"


def _variable(variable: Object, rest: str, spec: EnvironmentSpec) -> str:
    """Return the field of a variable; HOME may be there for the home directory alone."""
    names = [each.name for each in spec.env or ()]
    return f"env[{names.index(variable['name'])}]{rest}" if variable["name"] in names else "createHomeDir"


def _port(port: Object, rest: str, spec: EnvironmentSpec) -> str:
    """Return the field of a container port: the endpoint's, or that of a tool."""
    number = port["containerPort"]
    if spec.endpoint and spec.endpoint.port == number:
        return "endpoint.protocol" if rest == ".name" else "endpoint.port"
    position = next((i for i, tool in enumerate(spec.tools or ()) if tool.port == number), 0)
    return f"tools[{position}]{rest if rest == '.name' else '.containerPort'}"


def _home(spec: EnvironmentSpec) -> str:
    """Return the field of the variable that says where the home directory is, empty for none."""
    return next((f"env[{i}].value" for i, each in enumerate(spec.env or ()) if each.name == "HOME"), "")
