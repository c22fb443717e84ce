"""What exposes the tools of a workload: Services, and routes or Ingresses, as plain data. Pure.

All of it is in the workload's namespace and owned by it, so that it goes with the workload. It stays while there are no
pods.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environment_operator.api import names
from environment_operator.api.wording import cut, named_by_key, quoted
from environment_operator.kinds.table import Resource
from environment_operator.tools.addresses import Address, Location, Routing, Tools, is_assigned

Object = dict[str, Any]

ASK_FOR_ANOTHER = f"Ask for another one with the annotation {names.CUSTOM_TOOL}<tool>."
_NETWORKING, _GATEWAY = "networking.k8s.io", "gateway.networking.k8s.io"
SERVICES = Resource(group="", version="v1", kind="Service", plural="services")
ROUTES = Resource(group=_GATEWAY, version="v1", also=("v1beta1",), kind="HTTPRoute", plural="httproutes")
INGRESSES = Resource(group=_NETWORKING, version="v1", kind="Ingress", plural="ingresses")
# All that is made, or was while the settings were others.
RESOURCES = (SERVICES, ROUTES, INGRESSES)
# Lists whose items others may add to, by the keys of theirs; and maps that are one value.
_SHARED = {"ports": ("port", "protocol"), "ownerReferences": ("uid",)}
_WHOLE = frozenset({"selector"})


@dataclass(frozen=True, slots=True)
class Ways:
    """By which ways tools are reached in this cluster.

    Args:
        gateway: namespace and name of the Gateway, and of its listener where one is meant, with slashes between them;
            empty for none.
        ingress_class: class of the Ingresses that are made instead; empty for none.
        routing: where URLs are.
    """

    gateway: str = ""
    ingress_class: str = ""
    routing: Routing = Routing()  # noqa: RUF009 - it is frozen

    @property
    def route(self) -> Resource | None:
        """What leads a URL to a tool; None where nothing does."""
        return ROUTES if self.gateway else INGRESSES if self.ingress_class else None

    @property
    def lacks(self) -> dict[str, str]:
        """The types of connection that there is no way for, each with the setting that gives one."""
        url = {} if self.route else {"ExternalURL": "TOOLS_URL"}
        return url if self.routing.load_balancers else {**url, "LoadBalancer": "TOOLS_LOAD_BALANCERS"}


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload with tools.

    Args:
        kind: full name of its kind.
        api_version: its API version.
        kind_name: what the kind is called in an object.
        namespace: its namespace.
        name: its name.
        uid: its uid.
        tools: its tools.
    """

    kind: str
    api_version: str
    kind_name: str
    namespace: str
    name: str
    uid: str
    tools: Tools

    @property
    def key(self) -> str:
        """What names it among all workloads."""
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def reference(self) -> Object:
        """It as an Event refers to it."""
        head = {"apiVersion": self.api_version, "kind": self.kind_name}
        return {**head, "namespace": self.namespace, "name": self.name, "uid": self.uid}

    @property
    def base(self) -> str:
        """How the names of what is made for it begin."""
        return f"environment-{self.tools.token}"


def wanted(workload: Workload, ways: Ways, mine: Collection[str]) -> list[Object]:
    """Return what is to exist for a workload.

    Args:
        workload: the workload.
        ways: by which ways tools are reached.
        mine: the addresses that were asked for and that it holds.
    """
    ready = {n: a for n, a in workload.tools.tools.items() if a.port and _is_theirs(workload.tools.token, n, a, mine)}
    if not workload.tools.pods or not workload.tools.token:
        return []
    found = list(_services(workload, ways, ready))
    routed = [(name, address, to) for name, address in ready.items() if (to := address.at)]
    if ways.gateway:
        found += [route for name, a, to in routed for route in _routes(workload, ways, name, a, to)]
    elif ways.ingress_class:
        found += [_ingress(workload, ways.ingress_class, name, a.port, to) for name, a, to in routed]
    return found


def _is_theirs(token: str, tool: str, address: Address, mine: Collection[str]) -> bool:
    """Return whether an address is the workload's: what was asked for it holds, and what was assigned has its token."""
    if address.custom:
        return not address.asked or address.asked in mine
    return not address.url or is_assigned(address.url, token, tool)


def is_right(target: Object, seen: Mapping[str, Any]) -> bool:
    """Return whether an object has all that it is to have; what others added to it is theirs."""
    return all(_covers(key, target[key], seen.get(key)) for key in ("metadata", "spec"))


def _covers(key: str, target: Any, seen: Any) -> bool:
    """Return whether a value has all that it is to have."""
    if isinstance(target, dict) and isinstance(seen, dict) and key not in _WHOLE:
        return all(_covers(inner, value, seen.get(inner)) for inner, value in target.items())
    if isinstance(target, list) and isinstance(seen, list):
        if by := _SHARED.get(key):
            there = {tuple(item.get(field) for field in by): item for item in seen}
            return all(_covers("", item, there.get(tuple(item.get(field) for field in by))) for item in target)
        return len(target) == len(seen) and all(_covers("", *pair) for pair in zip(target, seen, strict=True))
    return bool(target == seen)


def exposed(workload: Workload, made: Mapping[tuple[str, str], Object]) -> str:
    """Return where each tool is reached, for an Event; empty when none is.

    Args:
        workload: the workload.
        made: what there is for it, by kind and name.
    """
    tools = workload.tools.tools.items()
    where = [f"{name}: {there}" for name, address in tools if (there := _where(workload, name, address, made))]
    return f"{'; '.join(where)}; see kubectl environment connect." if where else ""


def taken(asked: str, holder: str) -> str:
    """Return that another workload has an address.

    Args:
        asked: the address.
        holder: key of that workload.
    """
    return f"{asked} is taken by {named_by_key(holder)}. {ASK_FOR_ANOTHER}"


def not_exposed(why: str) -> str:
    """Return that the tools of a workload are not exposed.

    Args:
        why: our own words, which end with the way out, or those of the API server.
    """
    what = f"Tools are not exposed: {why}"
    return what if why.endswith(".") else f"{cut(what, 250)}. See the log of {names.SERVICE_ACCOUNT}."


def without_url(tools: Sequence[str], why: str) -> str:
    """Return that nothing leads from the URLs of some tools to them.

    Args:
        tools: their names.
        why: what the cluster lacks.
    """
    have = "Tool {} has" if len(tools) == 1 else "Tools {} have"
    return f"{have.format(quoted(tools))} no URL: {cut(why)}. Use kubectl environment connect --forward."


def _where(workload: Workload, tool: str, address: Address, made: Mapping[tuple[str, str], Object]) -> str:
    """Return where one tool is reached, empty when it is nowhere."""
    if not address.port:
        return address.web
    if address.web and any((route.kind, f"{workload.base}-{tool}") in made for route in (ROUTES, INGRESSES)):
        return address.web
    if service := made.get(("Service", f"{workload.base}-node-port")):
        ports = {port["port"]: port.get("nodePort") for port in service["spec"]["ports"]}
        if address.type == "NodePort" and address.port in ports:
            return f"port {ports[address.port]} of every node"
    if address.type == "LoadBalancer" and ("Service", f"{workload.base}-load-balancer") in made:
        return f"port {address.port} of the load balancer of Service {workload.base}-load-balancer"
    service = made.get(("Service", workload.base))
    there = service and address.port in [port["port"] for port in service["spec"]["ports"]]
    return f"{workload.base}.{workload.namespace}.svc:{address.port} in the cluster" if there else ""


def _services(workload: Workload, ways: Ways, ready: Mapping[str, Address]) -> Iterator[Object]:
    """Yield a Service for all tools, and those for the ones that are reached from outside by a Service of their own."""
    kinds = {"NodePort": "-node-port", **({"LoadBalancer": "-load-balancer"} if ways.routing.load_balancers else {})}
    if ready:
        yield _service(workload, "", "ClusterIP", ready)
    for kind, suffix in kinds.items():
        if own := {name: address for name, address in ready.items() if address.type == kind}:
            yield _service(workload, suffix, kind, own)


def _service(workload: Workload, suffix: str, kind: str, tools: Mapping[str, Address]) -> Object:
    """Return a Service; two tools on one port are one port of it."""
    ports: dict[int, Object] = {}
    for name, address in tools.items():
        port = {"name": name, "port": address.port, "targetPort": address.port, "protocol": "TCP"}
        ports.setdefault(address.port, port)
        if kind == "NodePort" and address.node_port:
            ports[address.port]["nodePort"] = address.node_port
    spec = {"type": kind, "selector": selector(workload), "ports": list(ports.values())}
    return _object(workload, "v1", "Service", suffix, spec)


def selector(workload: Workload) -> dict[str, str]:
    """Return the labels of the pods that have the tools of a workload."""
    return {key: value.replace("{name}", workload.name) for key, value in workload.tools.pods.items()}


def _routes(workload: Workload, ways: Ways, tool: str, address: Address, to: Location) -> Iterator[Object]:
    """Yield the route of a tool, and that of its readable alias, which leads there."""
    namespace, name, *listener = ways.gateway.split("/")
    parent = {"group": _GATEWAY, "kind": "Gateway", "namespace": namespace, "name": name}
    parent |= {"sectionName": listener[0]} if listener else {}
    backend = {"backendRefs": [{"kind": "Service", "name": workload.base, "port": address.port, "weight": 1}]}
    rules = {to.host: [{**_match(to.path or "/"), **backend}]}
    if ways.routing.host and not address.custom:
        path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": to.path or "/"}
        redirect = {"hostname": to.host, "path": path, "statusCode": 302}
        filters = {"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}
        alias = ways.routing.alias(workload.namespace, workload.kind, workload.name, tool)
        rules.setdefault(ways.routing.host, []).append({**_match(alias), **filters})
    for number, (host, listed) in enumerate(rules.items()):
        spec = {"parentRefs": [parent], "hostnames": [host], "rules": listed}
        yield _object(workload, f"{_GATEWAY}/v1", "HTTPRoute", f"-{tool}{'-alias' if number else ''}", spec)


def _match(path: str) -> Object:
    """Return which requests a rule is about."""
    return {"matches": [{"path": {"type": "PathPrefix", "value": path}}]}


def _ingress(workload: Workload, ingress_class: str, tool: str, port: int, to: Location) -> Object:
    """Return the Ingress of a tool."""
    backend = {"service": {"name": workload.base, "port": {"number": port}}}
    paths = [{"path": to.path or "/", "pathType": "Prefix", "backend": backend}]
    spec = {"ingressClassName": ingress_class, "rules": [{"host": to.host, "http": {"paths": paths}}]}
    return _object(workload, f"{_NETWORKING}/v1", "Ingress", f"-{tool}", spec)


def _object(workload: Workload, version: str, kind: str, suffix: str, spec: Object) -> Object:
    """Return an object that is the workload's; its controller we are not, so we do not say so."""
    owner = {"apiVersion": workload.api_version, "kind": workload.kind_name, "name": workload.name, "uid": workload.uid}
    metadata = {
        "name": f"{workload.base}{suffix}",
        "namespace": workload.namespace,
        "labels": {names.TOKEN: workload.tools.token, "app.kubernetes.io/managed-by": names.FIELD_MANAGER},
        "annotations": {names.EXPOSES: workload.key},
        "ownerReferences": [owner],
    }
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
