"""The webhook configurations, generated from the kinds table: one object an API group, so that each stays small. Pure.

Kinds of many groups that share a list of what is harmless are in one object, too, by the column ``bundle``.

The API server calls the operator only for objects that refer to an Environment, or did, and only when the reference
or what runs changes: scaling, suspending, restarting and deleting go on while the operator is down.

A client-side apply, Argo CD's default, writes the whole object into an annotation, and an object's annotations have at
most 262,144 bytes: https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from environment_operator.api import names
from environment_operator.kinds.table import Kind
from environment_operator.manifests.match_conditions import concerns
from environment_operator.manifests.policies.enforcement import NOT_OF_A_USER

PORT = 443
# The API server calls the configurations in the order of their names: a default Environment comes before all others.
DEFAULTS = "environment-defaults"
_LABEL = 63
_OWN: Mapping[str, Any] = {"failurePolicy": "Ignore", "namespaceSelector": {}, "objectSelector": {}}
_ONCE = {"reinvocationPolicy": "Never"}


def objects(table: Iterable[Kind]) -> list[dict[str, Any]]:
    """Return the webhook configurations for the kinds of a table: who fills in, and who has the last word."""
    rows = tuple(table)
    return [
        _named("Mutating", DEFAULTS, [_defaults(rows)]),
        *(_configuration("Mutating", group, _families(rows, group, names.MUTATE, _ONCE)) for group in groups(rows)),
        _configuration("Mutating", names.GROUP, [_environments()]),
        *(_configuration("Validating", group, _families(rows, group, names.VALIDATE, {})) for group in groups(rows)),
    ]


def groups(table: Iterable[Kind]) -> list[str]:
    """Return what the configurations for the kinds of a table are called after, in order: API groups and bundles."""
    return sorted({kind.configured_in for kind in table})


def called(group: str) -> str:
    """Return the name of the configurations of an API group or a bundle."""
    return f"{names.SERVICE}-{group or 'core'}"


def _families(table: tuple[Kind, ...], group: str, path: str, fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield an entry for all kinds of a group with the same list of what is harmless."""
    rows = sorted((kind for kind in table if kind.configured_in == group), key=_family)
    for _, same in groupby(rows, key=_family):
        kinds = tuple(same)
        yield _workloads(kinds, concerns(kinds, table), path, fields)


def _family(kind: Kind) -> tuple[str, ...]:
    """Return what kinds of a family have in common."""
    return kind.harmless


def _environments() -> dict[str, Any]:
    """Return the entry of Environments; the policies are their gate, so they can be written without the operator."""
    rule = _rule(names.GROUP, [names.VERSION], [names.PLURAL], "Cluster")
    return _webhook(names.PLURAL, names.MUTATE, [rule], **_OWN, **_ONCE)


def _defaults(table: Iterable[Kind]) -> dict[str, Any]:
    """Return the entry that gives workloads without a reference the default Environment of their project.

    Without the operator they are stored as they are. Where kinds are named alike, they have rules of their own.
    """
    kinds = [kind for kind in table if not kind.template and not kind.instead]
    alike = Counter(kind.plural for kind in kinds)
    alone = [kind for kind in kinds if kind.custom and alike[kind.plural] == 1 and kind.plural != "services"]
    rules = [
        _rule(group, ["*"], [kind.plural for kind in same], "Namespaced")
        for group, same in groupby((kind for kind in kinds if kind not in alone), key=lambda kind: kind.group)
    ]
    every = _rule("", ["*"], [kind.plural for kind in alone], "Namespaced")
    every["apiGroups"] = sorted({kind.group for kind in alone})
    found = [{**rule, "operations": ["CREATE"]} for rule in (*rules, every)]
    webhook = _webhook("defaults", names.DEFAULT, found, failurePolicy="Ignore", **_ONCE)
    return {
        **webhook,
        "objectSelector": {"matchExpressions": [{"key": names.REFERENCE, "operator": "DoesNotExist"}]},
        "namespaceSelector": _in_namespaces({"key": names.DEFAULTS, "operator": "In", "values": [names.ENABLED]}),
        "matchConditions": [{"name": "is-a-workload-of-its-own", "expression": f"!({NOT_OF_A_USER})"}],
    }


def _in_namespaces(*expressions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the selector of namespaces, of which those of the system are none."""
    system = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": list(names.EXEMPT_NAMESPACES)}
    return {"matchExpressions": [*expressions, system]}


def _configuration(which: str, group: str, entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the webhook configuration of an API group or a bundle."""
    return _named(which, called(group), entries)


def _named(which: str, name: str, entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return a webhook configuration."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{which}WebhookConfiguration",
        "metadata": {"name": name, "labels": dict(names.WEBHOOK_LABELS)},
        "webhooks": list(entries),
    }


def _workloads(kinds: Sequence[Kind], condition: str, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of one family."""
    served = groupby(kinds, key=lambda kind: (kind.group, [kind.version, *kind.also]))
    return _webhook(
        _called(kinds),
        path,
        [_rule(group, versions, [kind.plural for kind in same], "*") for (group, versions), same in served],
        failurePolicy="Fail",
        objectSelector={"matchExpressions": [{"key": names.REFERENCE, "operator": "Exists"}]},
        namespaceSelector=_in_namespaces(),
        matchConditions=[{"name": "reference-or-what-runs-changes", "expression": condition}],
        **fields,
    )


def _called(kinds: Sequence[Kind]) -> str:
    """Return the name of a family; a label of a domain name has at most 63 characters."""
    plurals = "-".join(kind.plural for kind in kinds)
    if len(plurals) > _LABEL:
        plurals = f"{kinds[0].plural[: _LABEL - len('-and-more')]}-and-more"
    return plurals if not kinds[0].custom else f"{plurals}.{kinds[0].configured_in}"


def _rule(group: str, versions: Sequence[str], plurals: list[str], scope: str) -> dict[str, Any]:
    """Return which requests an entry is about."""
    return {
        "apiGroups": [group],
        "apiVersions": list(versions),
        "operations": ["CREATE", "UPDATE"],
        "resources": plurals,
        "scope": scope,
    }


def _webhook(name: str, path: str, rules: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Return an entry; its name is what a user reads when the operator does not answer."""
    service = {"namespace": names.SYSTEM_NAMESPACE, "name": names.SERVICE, "path": path, "port": PORT}
    return {
        "name": f"{name}.{names.SERVICE}.{names.GROUP}",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": service},
        "rules": rules,
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": names.WEBHOOK_SECONDS,
        **fields,
    }
