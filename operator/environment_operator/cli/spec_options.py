"""Options of ``create`` → the spec of an Environment. Pure.

What the options cannot say is said in an editor or in YAML; whether it makes sense, the API server says.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from environment_operator.cli.exit_codes import Exit, Problem

Spec = dict[str, Any]

# As in the models, which take longer to import than help may take; a test compares them.
ARCHITECTURES = ("Standard", "Distributed")
FRAMEWORKS = ("PyTorch", "MPI", "TensorFlow", "XGBoost", "JAX", "Ray", "Any")
WORKLOAD_TYPES = ("Workspace", "Training", "Inference")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
USER_SOURCES = ("Image", "IdPToken", "Custom")
TOOL_TYPES = (
    "JupyterNotebook", "VisualStudioCode", "RStudio", "PyCharm", "Matlab", "TensorBoard", "MLflow", "ChatbotUI",
    "Custom", "WeightsAndBiases", "Comet",
)  # fmt: skip
OVERRIDABLE = ("Image", "Command", "Args", "Env", "WorkingDir", "User", "Security")

# Fields that are one key of a container each.
TAKEN = ("Image", "Command", "Args", "WorkingDir")

# Options whose values go into the spec as they are, by the field.
PLAIN = {
    "displayName": "display_name",
    "description": "description",
    "architecture": "architecture",
    "framework": "framework",
    "workloadTypes": "types",
    "image": "image",
    "imagePullPolicy": "image_pull_policy",
    "imagePullSecrets": "image_pull_secrets",
    "workingDir": "working_dir",
    "stdin": "stdin",
    "tty": "tty",
    "createHomeDir": "create_home_dir",
    "overridable": "overridable",
}
_SCOPE = {"cluster": "cluster_wide", "departments": "departments", "projects": "projects"}
_USER = {"uid": "uid", "gid": "gid", "supplementalGroups": "supplemental_groups"}
_SECURITY = {
    "capabilities": "capabilities",
    "allowPrivilegeEscalation": "allow_privilege_escalation",
    "readOnlyRootFilesystem": "read_only_root_filesystem",
    "runAsNonRoot": "run_as_non_root",
}


def spec(given: Mapping[str, Any]) -> Spec:
    """Return the spec that options say; what was not given is left out.

    Args:
        given: the options by name; None, False and empty lists are not given, but a False that was said is.

    Raises:
        Problem: a value cannot be read.
    """
    out: Spec = {
        "scope": _given({"cluster": "cluster_wide", "departments": "departments", "projects": "projects"}, given)
    }
    out |= _given(PLAIN, given)
    out["endpoint"] = endpoint(given["endpoint"]) if given.get("endpoint") else None
    out["tools"] = [_tool(text) for text in given.get("tools") or ()]
    out["command"] = _words("--command", given.get("command"))
    out["args"] = _words("--args", given.get("args"))
    out["env"] = [_variable(text) for text in given.get("env") or ()]
    out["user"] = _user(given)
    out["security"] = _given(_SECURITY, given)
    return {field: value for field, value in out.items() if value not in (None, [], {})}


def missing(found: Spec) -> list[str]:
    """Return the options that are still needed."""
    needed = {"image": "--image", "workloadTypes": "--type", "scope": "--project, --department or --cluster-wide"}
    return [option for field, option in needed.items() if not found.get(field)]


def _given(fields: Mapping[str, str], given: Mapping[str, Any]) -> Spec:
    """Return the fields whose options were given; a repeated option becomes a list."""
    values = {field: given.get(option) for field, option in fields.items()}
    return {
        field: list(value) if isinstance(value, tuple) else value
        for field, value in values.items()
        if value not in (None, (), "")
    }


def _user(given: Mapping[str, Any]) -> Spec:
    """Return who the process runs as; ids alone say Custom."""
    ids = _given(_USER, given)
    source = given.get("user_source") or ("Custom" if ids else None)
    return {"source": source, **ids} if source else {}


def endpoint(text: str) -> Spec:
    """Return the endpoint of ``PORT[/PROTOCOL]``."""
    port, _, protocol = text.partition("/")
    return {"port": _port("--endpoint", text, port), "protocol": protocol.upper() or "HTTP"}


def _tool(text: str) -> Spec:
    """Return the tool of ``NAME=TYPE[:PORT]``."""
    name, equals, rest = text.partition("=")
    kind, colon, port = rest.partition(":")
    if not (equals and name and kind):
        raise Problem(f'--tool: "{text}" has no type. Write NAME=TYPE[:PORT], such as lab=JupyterNotebook.', Exit.USAGE)
    return {"name": name, "type": kind, **({"containerPort": _port("--tool", text, port)} if colon else {})}


def _variable(text: str) -> Spec:
    """Return the variable of ``NAME=VALUE``; a name alone is for each workload to fill in."""
    name, equals, value = text.partition("=")
    return {"name": name, "value": value} if equals else {"name": name, "required": True}


def _words(option: str, text: str | None) -> Sequence[str]:
    """Return the words of a command line as a shell splits them."""
    try:
        return shlex.split(text or "")
    except ValueError as error:
        raise Problem(
            f'{option}: "{text}" cannot be split into words: {error}. Write it as in a shell.', Exit.USAGE
        ) from error


def _port(option: str, text: str, port: str) -> int:
    """Return a port number."""
    if not port.isdecimal():
        raise Problem(f'{option}: "{port}" in "{text}" is not a port. Write a number.', Exit.USAGE)
    return int(port)
