"""What an asset has to look like to be read at all: every field that is read, with its type. Pure.

Fields that are not listed may be anything: they are not carried over.
"""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

_MOST_NAMED = 5
_LONGEST_SHOWN = 60
_DEEPEST = 32

Id = str | int
Text = str | None
Flag = bool | None
Number = int | None


class _Part(BaseModel):
    """A part of an asset; what is absent and what is null are the same."""

    model_config = ConfigDict(strict=True, extra="allow", alias_generator=to_camel)


class _Types(_Part):
    workspace: Flag = None
    training: Flag = None
    inference: Flag = None
    distributed: Flag = None
    dist_framework: Text = None


class _Meta(_Part):
    name: Annotated[str, Field(min_length=1)]
    description: Text = None
    scope: Text = None
    project_id: Id | None = None
    project_name: Text = None
    department_id: Id | None = None
    department_name: Text = None
    workload_supported_types: _Types | None = None


class _Credential(_Part):
    asset_id: Id
    key: str


class _ConfigMap(_Part):
    name: str
    key: str


class _FieldReference(_Part):
    path: str


class _Variable(_Part):
    name: str
    value: Text = None
    exclude: Flag = None
    description: Text = None
    credential: _Credential | None = None
    config_map: _ConfigMap | None = None
    pod_field_ref: _FieldReference | None = None


class _ServingPort(_Part):
    protocol: Text = None


class _Url(_Part):
    is_custom_url: Flag = None
    external_url: Text = None


class _NodePort(_Part):
    is_custom_port: Flag = None


class _Internal(_Part):
    tool_type: Text = None
    connection_type: Text = None
    container_port: Number = None
    serving_port_info: _ServingPort | None = None
    external_url_info: _Url | None = None
    node_port_info: _NodePort | None = None


class _External(_Part):
    tool_type: Text = None
    external_url: Text = None


class _Connection(_Part):
    name: Text = None
    is_external: Flag = None
    internal_tool_info: _Internal | None = None
    external_tool_info: _External | None = None


class _Handler(_Part):
    http_get: dict[str, Any] | None = None


class _Probe(_Part):
    handler: _Handler | None = None


class _Probes(_Part):
    readiness: _Probe | None = None


class _Spec(_Part):
    image: Text = None
    image_pull_policy: Text = None
    working_dir: Text = None
    stdin: Flag = None
    tty: Flag = None
    create_home_dir: Flag = None
    allow_privilege_escalation: Flag = None
    read_only_root_filesystem: Flag = None
    run_as_non_root: Flag = None
    host_ipc: Flag = None
    host_network: Flag = None
    command: Text = None
    args: Text = None
    environment_variables: list[_Variable] | None = None
    connections: list[_Connection] | None = None
    uid_gid_source: Text = None
    run_as_uid: Number = None
    run_as_gid: Number = None
    supplemental_groups: Annotated[str, Field(pattern=r"^( *([0-9]{1,10} *)?(,|$))*$", max_length=1000)] | None = None
    override_uid_gid_in_workspace: Flag = None
    capabilities: list[str] | None = None
    seccomp_profile_type: Text = None
    probes: _Probes | None = None


class EnvironmentAsset(_Part):
    """An asset, as far as it is read."""

    meta: _Meta
    spec: _Spec


def problem(asset: Any) -> str:
    """Return why something cannot be read as an asset, with the fields and what was given; empty when it can."""
    if _is_deep(asset, _DEEPEST):
        return f"it is nested deeper than {_DEEPEST} levels: give an asset as Run:ai's API does"
    try:
        # Python's parser takes halves of characters, and numbers without end.
        json.dumps(asset, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        return f"it holds what is no text or no number: {error}"
    try:
        EnvironmentAsset.model_validate(asset)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        more = [f"and {len(wrong) - _MOST_NAMED} more"] if len(wrong) > _MOST_NAMED else []
        return "; ".join([*(_in_words(each) for each in wrong[:_MOST_NAMED]), *more])
    return ""


def _is_deep(value: Any, left: int) -> bool:
    """Say whether data is nested deeper than so many levels."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return left == 0 or any(_is_deep(each, left - 1) for each in inner)


def _in_words(found: Any) -> str:
    """Return what is wrong with a field, and what was given."""
    field = ".".join(map(str, found["loc"])) or "it"
    if found["type"] == "missing":
        return f"{field} is missing"
    given = ascii(found["input"])
    shown = given if len(given) <= _LONGEST_SHOWN else f"{given[:_LONGEST_SHOWN]}…"
    return f"{field}: {found['msg']}, not {shown}"
