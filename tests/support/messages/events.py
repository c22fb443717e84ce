"""What the Events about Environments, workloads and registry credentials say; those of conditions stand there."""

import json
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any

from builders import known
from environment_operator.api import names
from environment_operator.credentials import copies
from environment_operator.credentials.copies import name_taken, not_published, source
from environment_operator.kube.objects import Whole
from environment_operator.tools import objects
from environment_operator.tools.addresses import Address, Routing, Tools, forged
from environment_operator.tools.objects import Ways, Workload, exposed, not_exposed, taken, wanted, without_url
from environment_operator.tools.verdicts import route_refused
from messages.conditions import JOB, NOT_ALLOWED, decided, deleted

TITLE = "Events"
CONVERTED = True
MODULES: Collection[ModuleType] = (copies, objects)

_ROUTING = Routing("tools.example.com")
_LAB = Address(type="ExternalURL", url="https://tools.example.com/environments/tokentok.lab", port=8888)
_TOOLS = Tools(
    env="jupyter",
    token="tokentok",
    pods={names.TOKEN: "tokentok"},
    tools={
        "lab": _LAB,
        "ssh": Address(type="NodePort", port=22),
        "board": Address(type="LoadBalancer", port=6006),
        "web": Address(type="ClusterIP", port=80),
    },
)


def _left_behind() -> str:
    """Return what is said when an Environment in use is deleted."""
    env = deleted()
    env["metadata"]["annotations"] = {names.ALLOW_DELETE_IN_USE: "true"}
    (notice,) = decided(env, known(JOB)).notices
    return notice.message


def _exposed() -> str:
    """Return what is said when the tools of a workload are exposed."""
    workload = Workload("deployments.apps", "apps/v1", "Deployment", "vision", "lab", "uid", _TOOLS)
    found = wanted(workload, Ways("gateways/shared", "", Routing("tools.example.com", load_balancers=True)), ())
    made = {(target["kind"], target["metadata"]["name"]): target for target in found}
    made["Service", "environment-tokentok-node-port"]["spec"]["ports"][0]["nodePort"] = 31234
    return exposed(workload, made)


def _not_published(scope: str, kind: str = copies.TYPE, auths: object = None) -> Callable[[], str]:
    """Return what makes the message about registry credentials that cannot be published."""

    def made() -> str:
        data = {copies.KEY: b64encode(json.dumps({"auths": auths}).encode()).decode()}
        meta: dict[str, Any] = {"name": "hub", "annotations": {names.SCOPE: scope}}
        return not_published(source(Whole.model_validate({**meta, "type": kind, "data": data})))

    return made


_FORGED = {"custom": True, "url": "https://tools.example.com/mine/"}
_AUTHS = {"registry.example": {"auth": "x"}}
ROWS: Mapping[str, Callable[[], str]] = {
    "an Environment in use is deleted": _left_behind,
    "tools are exposed": _exposed,
    "tools are not exposed, the API server refuses it": lambda: not_exposed(
        'services is forbidden: User "x" cannot create resource "services" in API group "" in the namespace "vision"'
    ),
    "tools are not exposed, somebody else has a Service of that name": lambda: not_exposed(
        'Service "environment-tokentok" was not made by the operator. Delete it.'
    ),
    "nothing leads to tools": lambda: without_url(
        ["lab", "board"], "httproutes.gateway.networking.k8s.io is not installed"
    ),
    "another workload has the address": lambda: taken("https://tools.example.com/mine", "deployments.apps/vision/lab"),
    "the Gateway does not take a route": lambda: route_refused(
        "deployments.apps/vision/lab", "environment-tokentok-lab", NOT_ALLOWED
    ),
    "the addresses of a workload were not written by admission": lambda: forged(
        Tools(env="e", token="t", tools={"lab": _LAB.model_copy(update=_FORGED)}), _ROUTING
    ),
    "credentials without a scope": _not_published("", auths=_AUTHS),
    "credentials with a scope that cannot be read": _not_published("projects: [vision]", auths=_AUTHS),
    "credentials with an unknown field in their scope": _not_published('{"projets": ["vision"]}', auths=_AUTHS),
    "credentials whose scope is the cluster and more": _not_published(
        '{"cluster": true, "projects": ["a"]}', auths=_AUTHS
    ),
    "credentials of another type": _not_published('{"cluster": true}', "Opaque", _AUTHS),
    "credentials for no registry": _not_published('{"cluster": true}', auths={}),
    "credentials whose name a project has": lambda: name_taken("hub", "vision"),
}  # fmt: skip
NO_WAY_OUT: Collection[str] = ("tools are exposed",)
