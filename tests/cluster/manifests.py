"""The operator's manifests: applied in order, and awaited until they are in force."""

import json
import secrets
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from cluster import kubectl
from cluster.errors import ClusterError
from cluster.layout import Layout
from cluster.rest import Rest
from cluster.waiting import until

FIELD_MANAGER = "environment-cluster"
CRDS = "crds/*.yaml"
MANIFESTS = (CRDS, "deploy/namespace.yaml", "deploy/rbac.yaml", "deploy/kinds.yaml", "deploy/policies.yaml")
WEBHOOKS = "deploy/webhooks.yaml"
SELECTOR = "app.kubernetes.io/name=environment-operator"


def apply(layout: Layout, repo_root: Path, *, force: bool) -> None:
    """Apply all manifests of the repository; return when CRDs are served and policies in force.

    `force` takes over fields that somebody else has changed meanwhile.
    """
    for pattern in MANIFESTS:
        paths = files(repo_root, pattern)
        _apply(layout, paths, force=force)
        if pattern == CRDS:
            _await_established(layout, paths)
    _await_enforced(layout)


def apply_webhooks(layout: Layout, repo_root: Path, url: str, *, force: bool) -> None:
    """Apply the webhook configuration so that the API server calls a URL instead of a Service."""
    for path in files(repo_root, WEBHOOKS):
        configurations = list(yaml.load_all(path.read_text(), yaml.CSafeLoader))
        for entry in (entry for each in configurations for entry in each["webhooks"]):
            entry["clientConfig"] = {"url": url + entry["clientConfig"]["service"]["path"]}
        _apply_text(layout, yaml.dump_all(configurations, Dumper=yaml.CSafeDumper), force=force)


def await_admission(layout: Layout) -> None:
    """Return when the API server calls the operator and believes its certificate."""
    with closing(Rest(layout.kubeconfig)) as rest:
        until("the operator to be trusted", lambda: _trusted(rest))
        canary = _environment(f"environment-cluster-canary-{secrets.token_hex(4)}")
        until("admission to be in force", lambda: _changed_by_webhook(rest, canary))


def configurations(rest: Rest) -> dict[str, dict[str, Any]]:
    """Return the operator's webhook configurations by their URL paths."""
    group = "/apis/admissionregistration.k8s.io/v1"
    heads = [f"{group}/{which}webhookconfigurations" for which in ("mutating", "validating")]
    return {
        f"{head}/{found['metadata']['name']}": found
        for head in heads
        for found in rest.get(f"{head}?labelSelector={quote(SELECTOR)}").body["items"]
    }


def files(repo_root: Path, pattern: str) -> list[Path]:
    """Return the files that match, sorted; none is an error."""
    found = sorted(repo_root.glob(pattern))
    manifests = [path for path in found if path.name != "kustomization.yaml"]
    if not manifests:
        message = f"there is no {pattern} in {repo_root}"
        raise ClusterError(message)
    return manifests


def _apply(layout: Layout, paths: Sequence[Path], *, force: bool) -> None:
    kubectl.run(layout, "apply", *_options(force=force), *_named(paths))


def _apply_text(layout: Layout, text: str, *, force: bool) -> None:
    kubectl.run(layout, "apply", *_options(force=force), "--filename=-", stdin=text)


def _options(*, force: bool) -> list[str]:
    conflicts = ["--force-conflicts"] if force else []
    return ["--server-side", f"--field-manager={FIELD_MANAGER}", *conflicts]


def _trusted(rest: Rest) -> bool:
    """Return whether each of the operator's webhooks has the authority that signed its certificate."""
    entries = [entry for item in configurations(rest).values() for entry in item["webhooks"]]
    return all("caBundle" in entry["clientConfig"] for entry in entries)


def _changed_by_webhook(rest: Rest, canary: dict[str, object]) -> bool:
    """Return whether the webhook adds the finalizer to an Environment; nobody else does."""
    reply = rest.create(f"/apis/{canary['apiVersion']}/environments?dryRun=All", canary)
    return reply.ok and "finalizers" in reply.body["metadata"]


def _environment(name: str) -> dict[str, object]:
    """Return an Environment that the API server accepts."""
    return {
        "apiVersion": "environments.dev/v1alpha1",
        "kind": "Environment",
        "metadata": {"name": name},
        "spec": {
            "scope": {"cluster": True},
            "architecture": "Standard",
            "workloadTypes": ["Training"],
            "image": "registry.example/canary:1",
        },
    }


def _await_established(layout: Layout, paths: Sequence[Path]) -> None:
    # `kubectl wait` fails at once when it comes before the first condition.
    until("the definitions to be served", lambda: _are_established(layout, paths))


def _are_established(layout: Layout, paths: Sequence[Path]) -> bool:
    """Return whether every definition in some files is served."""
    found = kubectl.run(layout, "get", *_named(paths), "--output=json", check=False).stdout
    read = json.loads(found) if found else {}
    conditions = [item.get("status", {}).get("conditions") or () for item in read.get("items", [read])]
    return all(any(c["type"] == "Established" and c["status"] == "True" for c in each) for each in conditions)


def _named(paths: Sequence[Path]) -> list[str]:
    return [f"--filename={path}" for path in paths]


def _await_enforced(layout: Layout) -> None:
    """Return when every policy applied so far is in force.

    The API server takes its policies from two ordered watches and swaps in all of them at once.
    So a canary, created after the others, denies only when the others do, too.
    """
    name = f"environment-cluster-canary-{secrets.token_hex(4)}"
    canary = yaml.safe_dump_all(_canary(name))
    # The first thing it denies is its own probe, a dry run.
    try:
        kubectl.run(layout, "create", "--filename=-", stdin=canary)
        with closing(Rest(layout.kubeconfig)) as rest:
            until("the policies to be enforced", lambda: _denied(rest, name))
    finally:
        options = ["--ignore-not-found", "--wait=false", "--filename=-"]
        kubectl.run(layout, "delete", *options, stdin=canary, check=False)


def _denied(rest: Rest, name: str) -> bool:
    """Return whether the policy of that name refuses its own probe."""
    probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    reply = rest.create("/api/v1/namespaces/default/configmaps?dryRun=All", probe)
    return not reply.ok and f"ValidatingAdmissionPolicy '{name}'" in reply.message


def _canary(name: str) -> list[dict[str, object]]:
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["configmaps"],
        "resourceNames": [name],
    }
    policy = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "policies are enforced"}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    specs = {"ValidatingAdmissionPolicy": policy, "ValidatingAdmissionPolicyBinding": binding}
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": name},
            "spec": spec,
        }
        for kind, spec in specs.items()
    ]
