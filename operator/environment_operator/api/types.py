"""Field types shared by the models: bounded strings, numbers and lists, with the CRD's list types."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from environment_operator.api.rules import Grammar, Rules

MAX_ITEMS = 100
MAX_ID = 2**31 - 1

# The grammar of image references: https://github.com/distribution/reference/blob/main/reference.go
# Written once for the API server (RE2) and for Python.
_ALNUM = "[a-z0-9]+"
_SEPARATOR = r"(?:[._]|__|[-]+)"
_PATH_COMPONENT = f"{_ALNUM}(?:{_SEPARATOR}{_ALNUM})*"
_DOMAIN_COMPONENT = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_DOMAIN_COMPONENT}(?:\.{_DOMAIN_COMPONENT})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?"
_TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
IMAGE_PATTERN = f"((?:{_DOMAIN}/)?{_PATH_COMPONENT}(?:/{_PATH_COMPONENT})*)(?::({_TAG}))?(?:@({_DIGEST}))?"

SUBDOMAIN_PATTERN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"

IMAGE = Grammar(
    IMAGE_PATTERN,
    "Write [registry/]name[:tag][@digest], such as registry.example/team/jupyter:4.2: a name in small letters, "
    "without spaces and without https://.",
)
DNS_LABEL = Grammar(
    "[a-z0-9]([-a-z0-9]*[a-z0-9])?", "Write small letters, digits and -, with a letter or digit first and last."
)
SUBDOMAIN = Grammar(
    SUBDOMAIN_PATTERN,
    "Write small letters, digits, - and ., with a letter or digit first and last and on both sides of each period.",
)
LABEL_VALUE = Grammar(
    "[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?",
    "Write letters, digits, -, _ and ., with a letter or digit first and last.",
)
KEY = Grammar("[-._a-zA-Z0-9]+", "Write letters, digits, -, _ or periods.")
VARIABLE = Grammar("[-._a-zA-Z][-._a-zA-Z0-9]*", "Write letters, digits, -, _ and ., with no digit first.")
ABSOLUTE_PATH = Grammar("/.*", "Write an absolute path on one line, such as /work.")
PORT_NAME = Grammar(
    "([0-9]+-)*[0-9]*[a-z]([a-z0-9]|-[a-z0-9])*",
    "Write small letters, at least one, digits and -, with a letter or digit first and last and no two - in a row.",
)


def string(longest: int, pattern: str | None = None, shortest: int = 1) -> Any:
    """Return string constraints: length in characters, and an optional pattern."""
    return StringConstraints(min_length=shortest, max_length=longest, pattern=pattern)


DnsLabel = Annotated[str, string(63), DNS_LABEL]
Subdomain = Annotated[str, string(253), SUBDOMAIN]
EnvironmentName = Annotated[str, string(63), SUBDOMAIN]
LabelValue = Annotated[str, string(63), LABEL_VALUE]
KeyName = Annotated[str, string(253), KEY]
VariableName = Annotated[str, string(253), VARIABLE]
AbsolutePath = Annotated[str, string(1024), ABSOLUTE_PATH]
ToolName = Annotated[str, string(15), PORT_NAME]
ImageReference = Annotated[str, string(1024), IMAGE]
Line = Annotated[str, string(1024)]
Text = Annotated[str, string(250)]
Argument = Annotated[str, string(8192, shortest=0)]
Port = Annotated[int, Field(ge=1, le=65535)]
Id = Annotated[int, Field(ge=0, le=MAX_ID, json_schema_extra={"format": "int64"})]
Seconds = Annotated[int, Field(ge=1, le=86400)]

Capability = Literal[
    "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN",
    "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE",
    "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST",
    "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT",
    "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME",
    "SYS_TTY_CONFIG", "WAKE_ALARM",
]  # fmt: skip


def items(most: int = MAX_ITEMS, least: int = 0, *, list_type: str = "atomic", key: str | None = None) -> Any:
    """Return list constraints with the merge strategy that server-side apply uses.

    Args:
        most: the greatest number of items.
        least: the smallest number of items.
        list_type: ``atomic``, ``set`` or ``map``.
        key: for ``map``, the field whose value is unique.
    """
    extra: dict[str, Any] = {"x-kubernetes-list-type": list_type}
    if key is not None:
        extra["x-kubernetes-list-map-keys"] = key.split()
    return Field(min_length=least, max_length=most, json_schema_extra=extra)


class Model(BaseModel):
    """A frozen part of the API: camelCase outside, unknown fields refused, absent fields left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    @model_validator(mode="after")
    def _keeps_rules(self) -> Self:
        """Check the rules that the API server evaluates, as for what was stored before there was one."""
        rules = self.model_config.get("json_schema_extra")
        if isinstance(rules, Rules):
            rules.check(self)
        return self

    def plain(self) -> dict[str, Any]:
        """Return the object as users write it: plain data without what was not given."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")
