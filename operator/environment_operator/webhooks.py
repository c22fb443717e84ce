"""The webhook configuration, generated from the kinds table. Pure.

The API server calls the operator only for objects that refer to an Environment, or did, and only when the reference
or what runs changes: scaling, suspending, restarting and deleting go on while the operator is down. Every expression is
total: an expression that fails would refuse even the change of a label.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from environment_operator import names
from environment_operator.kinds import Kind
from environment_operator.policies.policy import NEW, OLD

NAME = SERVICE = "environment-operator"
_USUAL = ("spec", "template")
PATH = "/mutate"
PORT = 443
SECONDS = 5

# What of a pod spec decides what runs; an Environment fills in nothing else.
RUNS = (
    "containers", "initContainers", "securityContext", "hostNetwork", "hostIPC", "hostPID", "imagePullSecrets",
    "volumes", "serviceAccountName",
)  # fmt: skip


def objects(table: Iterable[Kind]) -> list[dict[str, Any]]:
    """Return the webhook configuration for the kinds of a table."""
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": NAME},
            "webhooks": list(_webhooks(tuple(table))),
        }
    ]


def changed(path: tuple[str, ...]) -> str:
    """Return CEL that says whether the reference or what runs is another one than before.

    Args:
        path: keys that lead to the pod template.
    """
    spec = "".join(f".?{key}" for key in (*path, "spec"))
    return f"""request.operation == 'CREATE'
|| !sets.equivalent({_references(NEW)},
{_references(OLD)})
|| {_differ((names.RECORD, names.REFRESH), ".?metadata.?annotations")}
|| {_differ(RUNS, spec)}"""


def own(table: Iterable[Kind]) -> str:
    """Return CEL that says whether no controller of a kind in the table made the object."""
    made = ", ".join(f"'{kind.group}/{kind.kind}'" for kind in table)
    version = "o.?apiVersion.orValue('')"
    group = f"({version}.contains('/') ? {version}.split('/')[0] : '')"
    return f"""!{NEW}.?metadata.?ownerReferences.orValue([]).exists(o,
o.?controller.orValue(false) && {group} + '/' + o.?kind.orValue('') in [{made}])"""


def _references(side: str) -> str:
    """Return CEL for the references of one side, each as ``label=name``."""
    labels = f"{side}.?metadata.?labels.orValue({{}})"
    refers = f"k == '{names.REFERENCE}' || k.startsWith('{names.ROLE_REFERENCE}')"
    return f"{labels}.map(k, {refers}, k + '=' + string({labels}[k]))"


def _differ(keys: Iterable[str], place: str) -> str:
    """Return CEL that says whether any of these keys, at a place given as optional selections, is as before no more."""
    return f"{list(keys)}.exists(key, {NEW}{place}[?key] != {OLD}{place}[?key])"


def _webhooks(table: tuple[Kind, ...]) -> Iterator[dict[str, Any]]:
    """Yield the entry of each family of kinds with the pod template in one place, and that of Environments."""
    for path, rows in groupby(sorted(table, key=_path), key=_path):
        yield _workloads(path, tuple(rows), table)
    rule = _rule(names.GROUP, names.VERSION, [names.PLURAL], "Cluster")
    yield _webhook(names.PLURAL, [rule], failurePolicy="Ignore", reinvocationPolicy="Never")


def _path(kind: Kind) -> tuple[str, ...]:
    """Return where the pod template of a kind is."""
    return kind.path_to_template


def _workloads(path: tuple[str, ...], rows: tuple[Kind, ...], table: tuple[Kind, ...]) -> dict[str, Any]:
    """Return the entry of one family."""
    name = "workloads" if path == _USUAL else "-".join(kind.plural for kind in rows)
    versions = groupby(rows, key=lambda kind: (kind.group, kind.version))
    excluded = ["kube-system", names.SYSTEM_NAMESPACE]
    return _webhook(
        name,
        [_rule(group, version, [kind.plural for kind in kinds], "*") for (group, version), kinds in versions],
        failurePolicy="Fail",
        reinvocationPolicy="IfNeeded",
        objectSelector={"matchExpressions": [{"key": names.REFERENCE, "operator": "Exists"}]},
        namespaceSelector={
            "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": excluded}]
        },
        matchConditions=[
            {"name": "not-made-by-a-workload", "expression": own(table)},
            {"name": "reference-or-what-runs-changes", "expression": changed(path)},
        ],
    )


def _rule(group: str, version: str, plurals: list[str], scope: str) -> dict[str, Any]:
    """Return which requests an entry is about."""
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": ["CREATE", "UPDATE"],
        "resources": plurals,
        "scope": scope,
    }


def _webhook(name: str, rules: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Return an entry; its name is what a user reads when the operator does not answer."""
    service = {"namespace": names.SYSTEM_NAMESPACE, "name": SERVICE, "path": PATH, "port": PORT}
    return {
        "name": f"{name}.{SERVICE}.{names.GROUP}",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": service},
        "rules": rules,
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": SECONDS,
        **fields,
    }
