"""When the container is ready to serve: the checks of Kubernetes, under their own names."""

from typing import Annotated, Literal

from pydantic import Field

from environment_operator.api.rules import Rule, is_one, with_rules
from environment_operator.api.types import Argument, Line, Model, Port, Seconds, Subdomain, items


class HttpGet(Model):
    """An HTTP request to the container."""

    path: Argument | None = Field(None, description="Path to request. Default: /.")
    port: Port = Field(description="Port of the container.")
    host: Subdomain | None = Field(None, description="Host to connect to. Default: the address of the pod.")
    scheme: Literal["HTTP", "HTTPS"] | None = Field(None, description="HTTP (default) or HTTPS.")


class TcpSocket(Model):
    """A TCP connection to the container."""

    port: Port = Field(description="Port of the container.")
    host: Subdomain | None = Field(None, description="Host to connect to. Default: the address of the pod.")


class Grpc(Model):
    """A gRPC health check of the container."""

    port: Port = Field(description="Port of the container.")
    service: Line | None = Field(None, description="Service name in the health check request.")


class Exec(Model):
    """A command run in the container."""

    command: Annotated[list[Argument], items(least=1)] = Field(description="The command and its arguments.")


class ReadinessProbe(Model):
    """When the container is ready to serve. Exactly one check is given."""

    model_config = with_rules(
        Rule(
            "[has(self.httpGet), has(self.tcpSocket), has(self.grpc), has(self.exec)].filter(given, given).size() == 1",
            "Give exactly one of httpGet, tcpSocket, grpc or exec.",
            holds=lambda s: is_one(s.http_get, s.tcp_socket, s.grpc, s.exec),
        )
    )

    http_get: HttpGet | None = Field(None, description="Ready when the request is answered with 2xx or 3xx.")
    tcp_socket: TcpSocket | None = Field(None, description="Ready when the port accepts a connection.")
    grpc: Grpc | None = Field(None, description="Ready when the gRPC health service says SERVING.")
    exec: Exec | None = Field(None, description="Ready when the command exits with 0.")
    initial_delay_seconds: Annotated[int, Field(ge=0, le=86400)] | None = Field(
        None, description="Seconds to wait after the start before the first check."
    )
    period_seconds: Seconds | None = Field(None, description="Seconds between checks. Default: 10.")
    timeout_seconds: Seconds | None = Field(None, description="Seconds after which a check fails. Default: 1.")
    success_threshold: Seconds | None = Field(None, description="Successes in a row to become ready. Default: 1.")
    failure_threshold: Seconds | None = Field(None, description="Failures in a row to become unready. Default: 3.")
