"""Settings, read once from the environment at start and passed down."""

import logging
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, SSLError
from typing import Annotated

from pydantic import AfterValidator, DirectoryPath, Field, FilePath, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from environment_operator.api import names
from environment_operator.kinds import further
from environment_operator.kinds.table import BUILTIN, Kind
from environment_operator.kinds.third_party import ROWS
from environment_operator.tools.addresses import Routing
from environment_operator.tools.objects import Ways

logger = logging.getLogger(__name__)

PREFIX = "ENVIRONMENT_OPERATOR_"
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<each>\*\.)?(?P<host>{_LABEL}(\.{_LABEL})*)(?P<base>/[a-z0-9]([-a-z0-9]{{0,61}}[a-z0-9])?)?"
)
_HOST = re.compile(r"[-.a-z0-9]*|\[[0-9a-f:.]+\]", re.IGNORECASE)
_GATEWAY = r"^([-a-z0-9]+/[-.a-z0-9]+(/[-.a-z0-9]+)?)?$"
_KEY = r"[^\s,]+"
_PREFIX = r"[-._:a-z0-9]+(/[-._a-z0-9]+)*"
_MIRRORS = rf"^({_PREFIX}={_PREFIX}(,{_PREFIX}={_PREFIX})*)?$"


def _authority(file: Path) -> Path:
    """Return the path of a file that holds certificates in PEM."""
    try:
        SSLContext(PROTOCOL_TLS_SERVER).load_verify_locations(file)
    except SSLError:
        raise ValueError("the file has no certificate in PEM") from None
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    return file


def _address(text: str) -> str:
    """Return an address to listen on: a host, which may be left out, and a port."""
    host, colon, port = text.rpartition(":")
    if not (colon and _HOST.fullmatch(host) and port.isascii() and port.isdecimal() and int(port) < 2**16):
        raise ValueError("this is no address. Use :8080, 127.0.0.1:8080 or [::1]:8080")
    return text


def listening(address: str) -> tuple[str | None, int]:
    """Return host and port of an address to listen on; no host for all of the machine, IPv4 and IPv6."""
    host, _, port = address.rpartition(":")
    return host.strip("[]") or None, int(port)


def _tools_url(url: str) -> str:
    """Return a URL below which tools have theirs, or an empty text."""
    if url and not _URL.fullmatch(url):
        raise ValueError(
            "this is no URL for tools. Use https://tools.example.com or https://*.tools.example.com, "
            "with one path segment at most, such as https://tools.example.com/environments"
        )
    return url


class Settings(BaseSettings):
    """Every setting; the variable is the upper-case name after ``ENVIRONMENT_OPERATOR_``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    cluster_name: str = Field("", max_length=316, description="Name of the cluster, shown in the status.")
    http_address: Annotated[str, AfterValidator(_address)] = Field(
        ":8080", description="Where /livez, /readyz and /metrics are; without a host at every address of the machine."
    )
    https_address: Annotated[str, AfterValidator(_address)] = Field(
        ":9443", description="Where admission is, or the page."
    )
    https_client_ca: Annotated[FilePath, AfterValidator(_authority)] | None = Field(
        None, description="File with the authority of client certificates; without one admission asks for none."
    )
    https_certificate: DirectoryPath | None = Field(
        None,
        description="Folder with tls.crt and tls.key, which others renew. Without one admission makes its own, and the "
        "page is served without TLS, for a proxy.",
    )
    usage_sample: Annotated[int, Field(ge=0, le=100)] = Field(
        10, description="How many workloads and how many templates the status names; 0 names none."
    )
    grace_seconds: Annotated[float, Field(ge=0)] = Field(
        10, description="How long a deleted Environment waits for users whose admission began before."
    )
    registry_credentials: bool = Field(
        default=True, description="Whether credentials are published to projects that let us, and pull secrets sought."
    )
    kinds_file: Path | None = Field(None, description="YAML list of further rows of the kinds table.")
    identity_keys: str = Field(
        f"{names.UID_KEY},{names.GID_KEY},{names.GROUPS_KEY}",
        pattern=f"^{_KEY},{_KEY},{_KEY}$",
        description="Keys of userInfo.extra that hold a person's user id, primary group id and further group ids.",
    )
    image_mirrors: str = Field(
        "",
        pattern=_MIRRORS,
        description="Registries, or paths in them, and what stands for each: docker.io=mirror.example.com/hub, with "
        "commas between them. Images of Environments are pulled from there.",
    )
    strict_groups: bool = Field(
        default=True,
        description="Whether guarded ids come with supplementalGroupsPolicy: Strict, so that no groups of the image "
        "are added. Turn it off where nodes do not know it: Kubernetes before 1.33, containerd before 2.0.",
    )
    tools_url: Annotated[str, AfterValidator(_tools_url)] = Field(
        "",
        description="Where tools have their URLs: https://tools.example.com, a path for each, or "
        "https://*.tools.example.com, a host for each; empty: they get none.",
    )
    tools_gateway: str = Field(
        "",
        pattern=_GATEWAY,
        description="Gateway of their routes, namespace/name or namespace/name/listener; empty: there are none.",
    )
    tools_ingress_class: str = Field("", description="Class of the Ingresses that are made instead of routes.")
    tools_node_ports: str = Field(
        "30000-32767",
        pattern="^[0-9]{1,5}-[0-9]{1,5}$",
        description="The node ports of the cluster, as the API server's --service-node-port-range.",
    )
    tools_load_balancers: bool = Field(default=False, description="Whether tools may have load balancers.")
    log_level: str = Field("INFO", description="Level of the log.")

    @property
    def grace(self) -> timedelta:
        """The grace period of a deletion."""
        return timedelta(seconds=self.grace_seconds)

    @property
    def mirrors(self) -> dict[str, str]:
        """What stands for registries, or for paths in them."""
        pairs = (pair.partition("=") for pair in self.image_mirrors.split(",") if pair)
        return {registry: mirror for registry, _, mirror in pairs}

    @property
    def routing(self) -> Routing:
        """Where the URLs of tools are."""
        ports = (self.node_ports.start, self.node_ports.stop - 1)
        routing = Routing(load_balancers=self.tools_load_balancers, ports=ports)
        if not (url := _URL.fullmatch(self.tools_url)):
            return routing
        base = url["base"] or routing.base
        return replace(routing, host=url["host"], scheme=url["scheme"], base=base, by_host=bool(url["each"]))

    @property
    def node_ports(self) -> range:
        """The node ports of the cluster."""
        first, _, last = self.tools_node_ports.partition("-")
        return range(int(first), int(last) + 1)

    @property
    def ways(self) -> Ways:
        """By which ways tools are reached."""
        return Ways(self.tools_gateway, self.tools_ingress_class, self.routing)

    @model_validator(mode="after")
    def _one_way(self) -> "Settings":
        """Require a host for routes, and one way to it."""
        if self.tools_gateway and self.tools_ingress_class:
            raise ValueError("TOOLS_GATEWAY and TOOLS_INGRESS_CLASS are both set. Remove one of them.")
        if bool(self.tools_url) != bool(self.tools_gateway or self.tools_ingress_class):
            raise ValueError(
                "TOOLS_URL needs TOOLS_GATEWAY or TOOLS_INGRESS_CLASS, and they need it. Set both, or none."
            )
        return self

    def kinds(self) -> tuple[Kind, ...]:
        """Return the kinds table: the built-in rows, those of third-party kinds, and those of the file.

        Raises:
            ValueError: the file does not hold rows of further kinds; the text says where and what is wrong.
        """
        return table(self.kinds_file)


def wrong(error: ValidationError) -> str:
    """Return what is wrong with the settings, each by its variable."""
    return " ".join(map(_in_words, error.errors(include_url=False)))


def _in_words(found: ErrorDetails) -> str:
    """Return what is wrong with one setting, or with several together, which say themselves what to do."""
    problem = found["msg"].removeprefix("Value error, ").removesuffix(".")
    variable = "".join(f"{PREFIX}{str(name).upper()}" for name in found["loc"])
    return f'{variable}: "{found["input"]}" is not allowed: {problem}. Correct it.' if variable else f"{problem}."


def table(file: Path | None) -> tuple[Kind, ...]:
    """Return the kinds table with the rows of a file, as `Settings.kinds`."""
    own = _rows(file) if file else ()
    for row in own:
        if isinstance(row, Kind) and row.name in {ours.name for ours in ROWS}:
            logger.info("%s: its row of %s replaces the built-in row", file, row.name)
    return (*BUILTIN, *further.with_own(own))


def _rows(file: Path) -> tuple[further.Row, ...]:
    """Return the rows of a file."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read: {error}. Correct ENVIRONMENT_OPERATOR_KINDS_FILE.") from None
    return further.rows(text, str(file))
