"""People with real RBAC, what they send, and the Environments they write."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from subprocess import CompletedProcess
from typing import Any
from uuid import uuid4

from cluster import Cluster
from cluster.rest import Reply, Rest
from cluster.waiting import until
from environment_operator.api import names

RBAC = "rbac.authorization.k8s.io"
PLURAL = f"{names.PLURAL}.{names.GROUP}"
DEPARTMENTS = f"{names.DEPARTMENTS}.{names.GROUP}"
VIEWER, AUTHOR, ADMIN = (f"environment-{role}" for role in ("viewer", "author", "admin"))
ENVIRONMENTS = f"/apis/{names.API_VERSION}/{names.PLURAL}"
NAMESPACES = "/api/v1/namespaces"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
DRY_RUN = "?dryRun=All"

Done = CompletedProcess[str]
Object = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Somebody who is not the administrator of the cluster, with what a token says besides the name."""

    cluster: Cluster
    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""

    @cached_property
    def rest(self) -> Rest:
        """Return this person's own connection to the API server."""
        claims = {names.UID_KEY: self.uid} if self.uid else {}
        return Rest(self.cluster.kubeconfig, user=self.name, groups=self.groups, extra=claims)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> Done:
        """Run kubectl as this person; a refusal does not raise."""
        groups = [f"--as-group={group}" for group in self.groups]
        return self.cluster.kubectl(*arguments, f"--as={self.name}", *groups, input=stdin, check=False)

    def may(self, verb: str, resource: str, namespace: str = "", name: str = "") -> bool:
        """Return whether this person has a right on ``resource.group``; without a namespace, in all of them."""
        kind, _, group = resource.partition(".")
        attributes = {"verb": verb, "group": group, "resource": kind, "namespace": namespace, "name": name}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        return bool(sent(self.rest.create(REVIEWS, review))["status"]["allowed"])

    def await_right(self, verb: str, resource: str, namespace: str = "", name: str = "") -> None:
        """Return once the API server knows of a right that was just given."""
        what = f"{self.name} to {verb} {resource} {namespace} {name}"
        until(what, lambda: self.may(verb, resource, namespace, name))


def unique(word: str) -> str:
    """Return a name that no other test has."""
    return f"{word}-{uuid4().hex[:8]}"


def sent(reply: Reply) -> Object:
    """Return the object that came with a request, which must have passed."""
    assert reply.ok, reply.message
    return reply.body


def create(rest: Rest, *objects: Object) -> None:
    """Create objects as the administrator."""
    for each in objects:
        sent(rest.create(_collection(each), each))


def project(rest: Rest) -> str:
    """Return a new namespace in which Pods can be made."""
    name = unique("project")
    create(rest, namespace(name))
    # The controller manager makes the account that Pods need.
    account = f"{NAMESPACES}/{name}/serviceaccounts/default"
    until("the default account", lambda: rest.get(account).ok)
    return name


def _collection(of: Object) -> str:
    """Return the path below which an object is created."""
    if of["kind"] == "Namespace":
        return NAMESPACES
    place = f"namespaces/{of['metadata']['namespace']}/" if "namespace" in of["metadata"] else ""
    return f"/apis/{of['apiVersion']}/{place}{of['kind'].lower()}s"


def at(name: str) -> str:
    """Return the path of an Environment."""
    return f"{ENVIRONMENTS}/{name}"


def manifest(*objects: Object) -> str:
    """Return what kubectl reads from its standard input."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def environment(name: str, scope: Any, **metadata: Any) -> Object:
    """Return an Environment with a scope."""
    spec = {"scope": scope, "architecture": "Standard", "workloadTypes": ["Workspace"], "image": "example/a:1"}
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }


def namespace(name: str, **labels: str) -> Object:
    """Return a namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def role(name: str, *rules: tuple[str, str, Iterable[str], Iterable[str]]) -> Object:
    """Return a ClusterRole of rules: API group, resource, verbs and names (none: all)."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [
            {"apiGroups": [group], "resources": [resource], "verbs": list(verbs), "resourceNames": list(of)}
            for group, resource, verbs, of in rules
        ],
    }


def bind(who: Person, to: str, where: str | None = None) -> Object:
    """Return a binding of a person, by name or by group, to a ClusterRole, in a namespace or everywhere."""
    kind, name = ("Group", who.groups[0]) if who.groups else ("User", who.name)
    scope = {"namespace": where} if where else {}
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if where else "ClusterRoleBinding",
        "metadata": {"name": unique("binding"), **scope},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": to},
        "subjects": [{"apiGroup": RBAC, "kind": kind, "name": name}],
    }


def publishes(name: str, *departments: str) -> Object:
    """Return the ClusterRole of those who publish to departments."""
    return role(name, (names.GROUP, names.DEPARTMENTS, [names.PUBLISH], departments))


def author(
    cluster: Cluster, rest: Rest, word: str, projects: Iterable[str] = (), departments: Iterable[str] = ()
) -> Person:
    """Return a new author who may publish to some projects and departments, once the API server knows it."""
    person = Person(cluster, unique(word))
    projects, departments = tuple(projects), tuple(departments)
    publisher = unique("publisher")
    rights = [publishes(publisher, *departments), bind(person, publisher)] if departments else []
    create(rest, *rights, *(bind(person, ADMIN, project) for project in projects), bind(person, AUTHOR))
    # The bindings arrive in the order in which they were made.
    for project in projects[-1:]:
        person.await_right(names.PUBLISH, PLURAL, namespace=project)
    for department in departments[-1:]:
        person.await_right(names.PUBLISH, DEPARTMENTS, name=department)
    person.await_right("create", PLURAL)
    return person


def use(rest: Rest, name: str, by_kind: Mapping[str, int], templates: int = 0) -> None:
    """Write the usage that the operator would have found: users of each ``Kind.group``."""
    kinds = [
        {"kind": kind.partition(".")[0], "group": kind.partition(".")[2], "count": count}
        for kind, count in by_kind.items()
    ]
    total = sum(by_kind.values())
    counted = {"total": total, "workloads": total - templates, "templates": templates, "byKind": kinds}
    patch_status(rest, name, {"usage": {**counted, "outdated": 0, "outOfScope": 0}})


def patch_status(rest: Rest, name: str, status: Object) -> None:
    """Patch the status of an Environment."""
    sent(rest.patch(f"{at(name)}/status", {"status": status}))


def refusal(answer: Done | Reply) -> str | None:
    """Return the reason and the text of a refusal, None for a request that passed."""
    if isinstance(answer, Reply):
        return None if answer.ok else f"({answer.body['reason']}) {answer.message}"
    return answer.stderr if answer.returncode else None


def refuses(answer: Done | Reply, phrase: str) -> bool:
    """Return whether a request was forbidden with a phrase in the answer."""
    said = refusal(answer) or ""
    return "(Forbidden)" in said and phrase in said


def exists(rest: Rest, name: str) -> bool:
    """Return whether there is such an Environment."""
    return rest.get(at(name)).status != 404
