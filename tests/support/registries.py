"""Registry credentials for tests: sources in the operator's namespace, projects that let it publish, what they have."""

import json
from base64 import b64encode
from typing import Any

from cluster.rest import Rest
from cluster.waiting import until
from environment_operator.api import names
from environment_operator.credentials import copies

Object = dict[str, Any]

HOST = "registry.example"
ROLE = names.CREDENTIALS_ROLE
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def secrets(namespace: str, name: str = "") -> str:
    """Return the path of the Secrets of a namespace, or of one."""
    return f"/api/v1/namespaces/{namespace}/secrets{f'/{name}' if name else ''}"


def payload(password: str, *hosts: str) -> str:
    """Return a Docker configuration as the API server has it."""
    auth = b64encode(f"robot:{password}".encode()).decode()
    auths = {host: {"username": "robot", "password": password, "auth": auth} for host in hosts or (HOST,)}
    return b64encode(json.dumps({"auths": auths}).encode()).decode()


def secret(name: str, password: str, *hosts: str, **metadata: Any) -> Object:
    """Return a Secret with registry credentials."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, **metadata},
        "type": copies.TYPE,
        "data": {copies.KEY: payload(password, *hosts)},
    }


def source(name: str, password: str, *hosts: str, scope: Any) -> Object:
    """Return credentials to publish; a scope that is a string is written as it stands."""
    text = scope if isinstance(scope, str) else json.dumps(scope)
    return secret(
        name, password, *hosts, labels={names.CREDENTIALS: "true"}, annotations={names.SCOPE: text},
        namespace=names.SYSTEM_NAMESPACE,
    )  # fmt: skip


def put(rest: Rest, made: Object) -> None:
    """Create credentials, or replace them."""
    where = secrets(names.SYSTEM_NAMESPACE)
    reply = rest.create(where, made)
    if reply.status == 409:
        reply = rest.patch(f"{where}/{made['metadata']['name']}", made)
    assert reply.ok, reply.message


def binding(project: str, name: str = ROLE) -> Object:
    """Return the RoleBinding by which a project lets the operator."""
    account = {"kind": "ServiceAccount", "name": names.SERVICE_ACCOUNT, "namespace": names.SYSTEM_NAMESPACE}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": project},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE},
        "subjects": [account],
    }


def let(rest: Rest, project: str, name: str = ROLE) -> None:
    """Have a project let the operator."""
    reply = rest.create(f"{RBAC}/namespaces/{project}/rolebindings", binding(project, name))
    assert reply.ok, reply.message


def stop_letting(rest: Rest, project: str, name: str = ROLE) -> None:
    """Have a project not let the operator any more."""
    assert rest.delete(f"{RBAC}/namespaces/{project}/rolebindings/{name}").ok


def found(rest: Rest, project: str, name: str) -> Object:
    """Return a Secret of a project, empty when it has none."""
    reply = rest.get(secrets(project, name))
    return reply.body if reply.ok else {}


def holds(rest: Rest, project: str, name: str) -> str:
    """Return the payload of a Secret of a project, empty when it has none."""
    return str(found(rest, project, name).get("data", {}).get(copies.KEY, ""))


def until_held(rest: Rest, project: str, name: str, wanted: str) -> None:
    """Wait until a project has a Secret with a payload; an empty one stands for no Secret."""
    until(f"the Secret {project}/{name}", lambda: holds(rest, project, name) == wanted)
