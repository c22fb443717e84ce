"""Caddy as the proxy of a Gateway, configured from the routes that its controller accepted.

The controllers of gateways bring proxies of their own, such as Envoy, which no module has; what they would configure
there follows from the routes alone.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from cluster import processes
from cluster.layout import Layout
from cluster.processes import Program
from cluster.record import free_port
from kube import Object

NAME = "caddy"
# Service and port of a project → where on this machine what stands for its Pods listens.
Backends = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class Caddy:
    """A proxy that runs.

    Args:
        port: where it listens for clients.
        admin: where it listens for configurations.
    """

    port: int
    admin: int

    def load(self, routes: Iterable[Object], backends: Backends) -> None:
        """Have it serve these routes and nothing else."""
        body = json.dumps(configuration(self.port, self.admin, routes, backends))
        connection = HTTPConnection("127.0.0.1", self.admin)
        connection.request("POST", "/load", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()

    def get(self, host: str, path: str) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body of what a client gets for a host and a path."""
        connection = HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


@contextmanager
def caddy(layout: Layout) -> Iterator[Caddy]:
    """Have Caddy run, with nothing to serve yet."""
    made = Caddy(free_port(), free_port())
    file = layout.root / "caddy.json"
    file.write_text(json.dumps(configuration(made.port, made.admin, (), lambda _service, _port: [])))
    program = str(Path(sys.executable).with_name(NAME))
    home = {"HOME": str(layout.root), "XDG_DATA_HOME": str(layout.root), "XDG_CONFIG_HOME": str(layout.root)}
    processes.start(layout, Program(NAME, (program, "run", "--config", str(file)), home))
    try:
        yield made
    finally:
        processes.stop(layout, NAME)


def configuration(port: int, admin: int, routes: Iterable[Object], backends: Backends) -> Object:
    """Return the configuration that serves some HTTPRoutes: https://caddyserver.com/docs/json/."""
    rules = [(host, rule) for route in routes for host in route["spec"]["hostnames"] for rule in route["spec"]["rules"]]
    # Of several paths that match the longest one counts.
    rules.sort(key=lambda each: -len(_path(each[1])))
    served = [
        {"match": [_match(host, _path(rule))], "handle": _handlers(rule, backends), "terminal": True}
        for host, rule in rules
    ]
    nothing = {"handle": [{"handler": "error", "status_code": 404}]}
    server = {
        "listen": [f"127.0.0.1:{port}"],
        "automatic_https": {"disable": True},
        "routes": [*served, nothing],
    }
    return {"admin": {"listen": f"127.0.0.1:{admin}"}, "apps": {"http": {"servers": {"gateway": server}}}}


def _path(rule: Object) -> str:
    """Return the prefix of the paths that a rule is for, without a slash at its end."""
    (match,) = rule["matches"]
    assert match["path"]["type"] == "PathPrefix"
    return str(match["path"]["value"]).rstrip("/")


def _match(host: str, path: str) -> Object:
    """Return which requests are meant: a prefix counts in whole parts of a path."""
    return {"host": [host], **({"path": [path, f"{path}/*"]} if path else {})}


def _handlers(rule: Object, backends: Backends) -> list[Object]:
    """Return what becomes of a request: it goes to a Service, or is redirected."""
    if filters := rule.get("filters"):
        (redirect,) = (each["requestRedirect"] for each in filters)
        new = redirect["path"]["replacePrefixMatch"].rstrip("/")
        to = {"Location": [f"http://{redirect['hostname']}{new}{{http.request.uri}}"]}
        return [
            {"handler": "rewrite", "strip_path_prefix": _path(rule)},
            {"handler": "static_response", "status_code": redirect["statusCode"], "headers": to},
        ]
    (backend,) = rule["backendRefs"]
    upstreams = [{"dial": each} for each in backends(backend["name"], backend["port"])]
    # Until kube-proxy has written the rules of a Service somebody else may answer at its address: who asks again has to
    # connect again.
    transport = {"protocol": "http", "keep_alive": {"enabled": False}}
    return [{"handler": "reverse_proxy", "transport": transport, "upstreams": upstreams}]
